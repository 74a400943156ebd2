package workflows_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/workflow"

	"github.com/audittrail/audittrail/activities"
	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/workflows"
)

var dispatching = workflows.DispatchInput{Organization: org}

// dispatchFor runs the dispatcher of an organization until its reminders are deleted after d.
func (r *rig) dispatchFor(d time.Duration, ids ...string) {
	r.t.Helper()
	r.after(d, func() {
		for _, id := range ids {
			r.remove(id)
		}
		r.SignalWorkflow(workflows.SignalHint, nil)
	})
	if err := r.run(workflows.NameDispatch, dispatching); err != nil {
		r.t.Fatal(err)
	}
}

func TestADispatcherLooksWhenHintedAndByItself(t *testing.T) {
	r := newRig(t)
	r.reminder("r1", nil)
	r.after(10*time.Second, func() {
		r.add(org, 3, nil)
		r.SignalWorkflow(workflows.SignalHint, nil)
	})
	r.after(11*time.Second, func() {
		if n := r.hand.matches("r1"); n != 3 {
			t.Errorf("a second after the hint %d of 3 matches were handed over", n)
		}
	})
	r.after(12*time.Second, func() { r.add(org, 2, nil) }) // its hint is lost
	r.after(50*time.Second, func() {
		if n := r.hand.matches("r1"); n != 5 {
			t.Errorf("within 30 seconds of the lost hint %d of 5 were handed over", n)
		}
	})
	r.dispatchFor(time.Minute, "r1")
	if got := r.Now().Sub(start); got > 2*time.Minute {
		t.Errorf("the dispatcher went on for %v without reminders", got)
	}
}

func TestAReminderIsHandedWhatItsCreatorMaySeeAndAskedFor(t *testing.T) {
	r := newRig(t)
	r.add(org, 4, nil) // before any reminder
	r.after(time.Second, func() {
		r.reminder("all", func(x *audit.Reminder) { x.Actions = []string{"contacts.*", "crm.deal.won"} })
		r.reminder("contact", func(x *audit.Reminder) { x.CreatedBy = "contact"; x.Actions = []string{"contacts.*", "crm.deal.won"} })
		r.reminder("exact", func(x *audit.Reminder) { x.Actions = []string{"contacts.member.added"} })
		r.reminder("paused", func(x *audit.Reminder) { x.Paused = true })
		r.reminder("orphan", func(x *audit.Reminder) { x.CreatedBy = "ghost" })
		r.reminder("demoted", func(x *audit.Reminder) { x.CreatedBy, x.Actions = "bob", []string{"login.*"} })
	})
	r.reminder("first", func(x *audit.Reminder) { x.Actions = []string{"login.failed"} })
	r.after(2*time.Second, func() {
		r.add(org, 4, func(i int, e *audit.Event) {
			switch i {
			case 1:
				e.Action = "contacts.member.deleted"
			case 2:
				e.Action, e.Log = "crm.deal.won", audit.LogProduct
			case 3:
				e.Action = "contactsx.member.added"
			}
		})
		r.add(org, 1, func(_ int, e *audit.Event) { // which a member sees, but may not be reminded of
			e.ID, e.Log, e.Action, e.Actor.ID = "bobs", audit.LogLogin, "login.succeeded", "bob"
		})
		r.add("other", 9, nil)
		r.SignalWorkflow(workflows.SignalHint, nil)
	})
	r.dispatchFor(time.Minute, "all", "contact", "exact", "paused", "orphan", "demoted", "first")
	for id, want := range map[string]int{"all": 3, "contact": 2, "exact": 1, "paused": 0, "orphan": 0, "demoted": 0, "first": 0} {
		if got := r.hand.matches(id); got != want {
			t.Errorf("%s was handed %d, not %d", id, got, want)
		}
	}
	batch := r.hand.batches["all"][0]
	if len(batch.Events) != 3 || len(batch.Keys) != 3*activities.KeyBytes || batch.Events[0].Actor != "Ada" || batch.Events[0].Summary != "event 2" {
		t.Errorf("batch: %+v", batch)
	}
}

func TestTemporalBeingDownForHoursLosesNoMatch(t *testing.T) {
	r := newRig(t)
	r.reminder("a", nil)
	r.reminder("b", nil)
	r.hand.fail = func(reminder string) error {
		if reminder == "b" && r.Now().Sub(start) < 5*time.Hour {
			return audit.Unavailable(nil, time.Second, "down")
		}
		return nil
	}
	r.after(time.Minute, func() { r.add(org, 5, nil) })
	r.after(4*time.Hour, func() { r.add(org, 4, nil) })
	r.dispatchFor(6*time.Hour, "a", "b")
	if got := r.hand.matches("b"); got != 9 {
		t.Errorf("b was handed %d of 9", got)
	}
	if got := distinct(r.hand.batches["a"]); got != 9 {
		t.Errorf("a was handed %d distinct events of 9", got)
	}
	if r.hand.matches("a") <= 9 {
		t.Error("nothing was handed over twice: the test did not test what it is for")
	}
}

func distinct(batches []activities.Batch) int {
	keys := map[string]bool{}
	for _, b := range batches {
		for key := range slices.Chunk(b.Keys, activities.KeyBytes) {
			keys[string(key)] = true
		}
	}
	return len(keys)
}

func TestABurstIsHandedOverInBoundedBatches(t *testing.T) {
	r := newRig(t)
	r.reminder("r1", nil)
	r.after(time.Second, func() {
		r.add(org, 5000, nil)
		r.SignalWorkflow(workflows.SignalHint, nil)
	})
	r.dispatchFor(10*time.Second, "r1")
	if n := r.hand.matches("r1"); n != 5000 || len(r.hand.batches["r1"]) != 3 {
		t.Errorf("%d matches in %d batches", n, len(r.hand.batches["r1"]))
	}
	for _, b := range r.hand.batches["r1"] {
		if len(b.Events) > audit.DigestExamples || len(b.Keys) > 2000*activities.KeyBytes {
			t.Errorf("a batch holds %d events and %d bytes of keys", len(b.Events), len(b.Keys))
		}
	}
}

func TestAHintAtTheVeryEndIsNotLost(t *testing.T) {
	r := newRig(t)
	r.reminder("r1", nil)
	looks := 0
	r.OnActivity("Dispatch", mock.Anything, mock.Anything).Return(
		func(context.Context, activities.DispatchInput) (activities.DispatchResult, error) {
			if looks++; looks == 1 {
				r.SignalWorkflowSkippingWorkflowTask(workflows.SignalHint, nil)
			}
			return activities.DispatchResult{Reminders: 0}, nil
		})
	if err := r.run(workflows.NameDispatch, dispatching); err != nil {
		t.Fatal(err)
	}
	if looks != 2 {
		t.Errorf("it looked %d times", looks)
	}
}

func TestADispatcherContinuesInANewRun(t *testing.T) {
	r := newRig(t)
	r.reminder("r1", nil)
	err := r.run(workflows.NameDispatch, dispatching)
	var again *workflow.ContinueAsNewError
	if !errors.As(err, &again) {
		t.Fatal(err)
	}
	var next workflows.DispatchInput
	if err := decode(again, &next); err != nil || next.Organization != org || !next.Continued {
		t.Errorf("it continues with %+v, %v", next, err)
	}
}

func TestANewDispatcherTakesUpWhatTemporalLost(t *testing.T) {
	ctx := context.Background()
	setup := func(r *rig) {
		// One dispatch in the life before: 5 matches in the open window of r1, whose digest before that is half delivered.
		r.reminder("r1", func(x *audit.Reminder) { x.Window = audit.WindowDaily })
		r.reminder("r2", func(x *audit.Reminder) { x.Actions = []string{"login.failed"} })
		r.add(org, 5, nil)
		end, err := r.index.TailEnd(ctx, org)
		if err != nil {
			r.t.Fatal(err)
		}
		for name, value := range map[string]string{"dispatch": end, "window/r1": "from:"} {
			if err := r.store.SaveCheckpoint(ctx, org, name, value); err != nil {
				r.t.Fatal(err)
			}
		}
		for id, status := range map[string]audit.DeliveryStatus{"d1": audit.DeliverySent, "d2": audit.DeliveryPending, "d3": audit.DeliveryPending} {
			err := r.store.SaveDelivery(ctx, audit.Delivery{
				ID: id, Organization: org, Reminder: "r1", Digest: "g1", Channel: audit.ChannelEmail, Member: id, Status: status, Events: 12,
				CreatedAt: start.Add(-time.Hour), UpdatedAt: start.Add(-time.Hour),
			})
			if err != nil {
				r.t.Fatal(err)
			}
		}
	}
	t.Run("open windows and unsent messages", func(t *testing.T) {
		r := newRig(t)
		setup(r)
		r.dispatchFor(time.Minute, "r1", "r2")
		if got := r.hand.matches("r1"); got != 5 {
			t.Errorf("r1 was handed %d of the 5 matches of its open window", got)
		}
		if got := r.hand.delivered; len(got) != 1 || got[0].ID != "g1" || got[0].Count != 12 || got[0].Reminder != "r1" {
			t.Errorf("delivered: %+v", got)
		}
	})
	t.Run("but not what it still has", func(t *testing.T) {
		r := newRig(t)
		setup(r)
		r.hand.running["r1"] = true
		r.dispatchFor(time.Minute, "r1", "r2")
		if got := r.hand.matches("r1"); got != 0 {
			t.Errorf("r1 was handed %d matches again", got)
		}
	})
}

func TestAReminderOfTheTrailItselfDoesNotFeedItself(t *testing.T) {
	r := newRig(t)
	r.reminder("r1", func(x *audit.Reminder) { x.Actions = []string{"audit_trail.*"} })
	searched := func(i int, e *audit.Event) { e.Action = audit.ActionEventsSearched }
	r.after(10*time.Second, func() { r.add(org, 2, searched) })
	r.dispatchFor(10*time.Minute, "r1") // 20 looks at the tail
	if n := r.hand.matches("r1"); n != 2 {
		t.Errorf("%d matches of two records were handed over", n)
	}
	if own := r.own(org); len(own) != 1 || len(own[audit.ActionEventsSearched]) != 2 {
		t.Errorf("reading for the reminder made records: %v", own)
	}
}
