package workflows_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"github.com/audittrail/audittrail/activities"
	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/workflows"
)

func TestAnImmediateReminderLeavesWithinFiveSeconds(t *testing.T) {
	r := newRig(t)
	r.reminder("r1", nil)
	r.after(time.Minute, func() { r.match(0, 1) })
	r.after(10*time.Minute, func() { r.match(1, 2) })
	r.remind("r1")
	if got := r.mail.counts(); !slices.Equal(got, []int{1, 1}) {
		t.Fatalf("sent digests of %v", got)
	}
	for i, at := range []time.Duration{time.Minute, 10 * time.Minute} {
		if took := r.mail.at[i].Sub(start) - at; took > 4500*time.Millisecond {
			t.Errorf("message %d took %v", i, took)
		}
	}
	d := r.deliveries("r1")
	if len(d) != 2 || d[0].Status != audit.DeliverySent || d[0].Attempts != 1 || d[0].Address != "a***" || d[0].Provider == "" || d[0].Events != 1 {
		t.Errorf("deliveries: %+v", d)
	}
	if r.checkpoint("window/r1") != "" {
		t.Error("the window is still noted as open")
	}
}

func TestABurstOfTenThousandIsOneDigest(t *testing.T) {
	r := newRig(t)
	r.reminder("r1", nil)
	for i := range 10 { // over three seconds, as the dispatcher hands them over
		r.after(time.Duration(i)*300*time.Millisecond, func() { r.match(i*1000, (i+1)*1000) })
	}
	r.remind("r1")
	if got := r.mail.counts(); !slices.Equal(got, []int{10_000}) {
		t.Fatalf("sent digests of %v", got)
	}
	n := r.mail.sent[0]
	if len(n.Digest.Events) != audit.DigestExamples || n.Digest.Events[0].ID != "e9999" || n.Digest.To.Before(n.Digest.From) {
		t.Errorf("the digest names %+v", n.Digest.Events)
	}
	if n.UnsubscribeURL != "https://audit.example/u/acme/r1/admin/email" || n.Organization.ID != org || n.Member.ID != "admin" || n.OpenURL == "" {
		t.Errorf("notice: %+v", n)
	}
	if took := r.mail.at[0].Sub(start); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestMatchesThatKeepStreamingInDoNotHoldTheDigestBack(t *testing.T) {
	r := newRig(t)
	r.reminder("r1", nil)
	for i := range 30 {
		r.after(time.Duration(i)*time.Second, func() { r.match(i, i+1) })
	}
	r.remind("r1")
	sum := 0
	for i, n := range r.mail.counts() {
		sum += n
		if n > 6 {
			t.Errorf("digest %d waited for %d seconds of matches", i, n)
		}
	}
	if sum != 30 {
		t.Errorf("%d of 30 matches in %v", sum, r.mail.counts())
	}
}

func TestWindowsAndQuietHours(t *testing.T) {
	quiet := &audit.QuietHours{Start: "22:00", End: "07:30"}
	for _, c := range []struct {
		name   string
		change func(*audit.Reminder)
		first  time.Duration // after 10:00 UTC
		want   time.Duration
	}{
		{"ten minutes after the first match", func(x *audit.Reminder) { x.Window = audit.WindowTenMinutes }, 3 * time.Minute, 13 * time.Minute},
		{"at the full hour", func(x *audit.Reminder) { x.Window = audit.WindowHourly }, 3 * time.Minute, time.Hour},
		{"at midnight of the reminder's zone", func(x *audit.Reminder) {
			x.Window, x.TimeZone = audit.WindowDaily, "Europe/Berlin"
		}, 3 * time.Minute, 13 * time.Hour},
		{"at the end of quiet hours", func(x *audit.Reminder) { x.QuietHours = quiet }, 13 * time.Hour, 21*time.Hour + 30*time.Minute},
		{"at the end of the zone's quiet hours", func(x *audit.Reminder) {
			x.QuietHours, x.TimeZone = quiet, "America/New_York"
		}, time.Hour, 2*time.Hour + 30*time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.reminder("r1", c.change)
			r.after(c.first, func() { r.match(0, 2) })
			r.after(c.first+time.Second, func() { r.match(2, 3) })
			r.remind("r1")
			if got := r.mail.counts(); !slices.Equal(got, []int{3}) {
				t.Fatalf("sent digests of %v", got)
			}
			if got := r.mail.at[0].Sub(start); got < c.want || got > c.want+5*time.Second {
				t.Errorf("it left after %v, not %v", got, c.want)
			}
		})
	}
}

func TestMatchesHandedOverTwiceCountOnce(t *testing.T) {
	r := newRig(t)
	r.reminder("r1", func(x *audit.Reminder) { x.Window = audit.WindowTenMinutes })
	r.after(time.Second, func() { r.match(0, 100) })
	r.after(2*time.Second, func() { r.match(0, 120) })    // the same page, grown meanwhile
	r.after(20*time.Minute, func() { r.match(100, 120) }) // after the digest has left
	r.remind("r1")
	if got := r.mail.counts(); !slices.Equal(got, []int{120}) {
		t.Errorf("sent digests of %v", got)
	}
}

func TestChangedSettingsTakeEffectAtOnce(t *testing.T) {
	t.Run("a daily window made immediate", func(t *testing.T) {
		r := newRig(t)
		r.reminder("r1", func(x *audit.Reminder) { x.Window = audit.WindowDaily })
		r.after(time.Second, func() { r.match(0, 2) })
		r.after(time.Hour, func() {
			r.edit("r1", func(x *audit.Reminder) { x.Window = audit.WindowImmediate })
			r.SignalWorkflow(workflows.SignalChanged, nil)
		})
		r.remind("r1")
		if len(r.mail.at) != 1 || r.mail.at[0].Sub(start) > time.Hour+5*time.Second {
			t.Errorf("sent at %v", r.mail.at)
		}
	})
	t.Run("paused: what was gathered is dropped, what comes later is sent", func(t *testing.T) {
		r := newRig(t)
		r.reminder("r1", func(x *audit.Reminder) { x.Window = audit.WindowTenMinutes })
		r.after(time.Second, func() { r.match(0, 2) })
		r.after(time.Minute, func() {
			r.edit("r1", func(x *audit.Reminder) { x.Paused = true })
			r.SignalWorkflow(workflows.SignalChanged, nil)
		})
		r.after(time.Hour, func() {
			r.edit("r1", func(x *audit.Reminder) { x.Paused = false })
			r.SignalWorkflow(workflows.SignalChanged, nil)
		})
		r.after(2*time.Hour, func() { r.match(2, 3) })
		r.remind("r1")
		if got := r.mail.counts(); !slices.Equal(got, []int{1}) {
			t.Errorf("sent digests of %v", got)
		}
	})
	t.Run("deleted: nothing is sent and the workflow ends", func(t *testing.T) {
		r := newRig(t)
		r.reminder("r1", func(x *audit.Reminder) { x.Window = audit.WindowTenMinutes })
		r.after(time.Second, func() { r.match(0, 2) })
		r.after(time.Minute, func() {
			r.remove("r1")
			r.SignalWorkflow(workflows.SignalChanged, nil)
		})
		r.remind("r1")
		if len(r.mail.sent) > 0 || r.Now().Sub(start) > time.Hour || len(r.deliveries("r1")) > 0 {
			t.Errorf("sent %d, ended after %v", len(r.mail.sent), r.Now().Sub(start))
		}
	})
}

func TestAMatchThatComesWhileTheDigestLeavesIsNotedAsAnOpenWindow(t *testing.T) {
	r := newRig(t)
	r.reminder("r1", func(x *audit.Reminder) { x.Window = audit.WindowTenMinutes })
	if err := r.store.SaveCheckpoint(context.Background(), org, "window/r1", "from:c0"); err != nil {
		t.Fatal(err)
	}
	r.after(time.Second, func() { r.match(0, 1) })
	late := false
	r.SetOnChildWorkflowStartedListener(func(*workflow.Info, workflow.Context, converter.EncodedValues) {
		if !late {
			late = true
			batch := r.batch(5, 6)
			batch.Window = "from:c0" // the dispatcher still saw the note of the window that closes now
			r.SignalWorkflow(workflows.SignalBatch, batch)
		}
	})
	r.after(15*time.Minute, func() {
		if got := r.checkpoint("window/r1"); got != "from:c5" {
			t.Errorf("the open window is noted as %q", got)
		}
	})
	r.remind("r1")
	if got := r.mail.counts(); !slices.Equal(got, []int{1, 1}) || r.checkpoint("window/r1") != "" {
		t.Errorf("sent digests of %v; noted is %q", got, r.checkpoint("window/r1"))
	}
}

func TestAReminderRemembersFromRunToRun(t *testing.T) {
	r := newRig(t)
	r.reminder("r1", func(x *audit.Reminder) { x.Window = audit.WindowDaily })
	for i := range 250 {
		r.after(time.Duration(i+1)*time.Minute, func() { r.match(i*10, i*10+11) }) // each repeats one of the last
	}
	in := workflows.ReminderInput{ReminderRef: activities.ReminderRef{Organization: org, Reminder: "r1"}}
	err := r.run(workflows.NameReminder, in)
	var again *workflow.ContinueAsNewError
	if !errors.As(err, &again) {
		t.Fatal(err)
	}
	var next workflows.ReminderInput
	if err := decode(again, &next); err != nil {
		t.Fatal(err)
	}
	if s := next.State; s.Gathered.Count != 2501 || len(s.Seen) != 2501*activities.KeyBytes || len(s.Gathered.Events) != audit.DigestExamples {
		t.Fatalf("it continues with %d matches, %d keys", next.State.Gathered.Count, len(next.State.Seen)/activities.KeyBytes)
	}
	r2 := newRig(t)
	r2.reminder("r1", func(x *audit.Reminder) { x.Window = audit.WindowDaily })
	r2.after(time.Second, func() { r2.match(2495, 2505) })
	if err := r2.run(workflows.NameReminder, next); err != nil {
		t.Fatal(err)
	}
	if got := r2.mail.counts(); !slices.Equal(got, []int{2505}) {
		t.Errorf("sent digests of %v", got)
	}
}
