package migrate

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/store"
)

func TestEverythingOfAllOrganizationsIsMoved(t *testing.T) {
	c := &clock{now: start}
	from, to := newSide(t, c), newSide(t, c)
	from.fill("acme", 300, 155, 1, 20, 3, 11)
	from.fill("globex", 9, 9, 2)
	must[audit.Organization](t)(from.store.PutOrganization(t.Context(), audit.Organization{ID: "empty", Name: "Empty"}))
	report, err := run(t.Context(), from.place("a"), to.place("b"))
	wantSame(t, report, err)
	wantMoved(t, from, to, "acme")
	wantMoved(t, from, to, "globex")
	if report.Copied != 309 {
		t.Errorf("%d events were copied, want 309", report.Copied)
	}
	months, kinds := 0, map[string]int64{}
	for _, row := range report.Rows {
		if row.Organization == "acme" && row.What == WhatEvents {
			months++
		}
		if row.Organization == "acme" && row.What == WhatRecords {
			kinds[row.Part] = row.Target.Count
		}
	}
	if months < 6 || kinds["member"] != 3 || kinds["delivery"] != 3 || kinds["checkpoint"] != 7 || kinds["organization"] != 1 {
		t.Errorf("the report has %d months, and %v", months, kinds)
	}
	for _, name := range []string{"unsubscribe"} {
		want, got := must[[]byte](t)(from.store.Secret(t.Context(), name)), must[[]byte](t)(to.store.Secret(t.Context(), name))
		if string(want) != string(got) {
			t.Errorf("the secret %s is another", name)
		}
	}
	k := must[audit.Key](t)(to.store.KeyByHash(t.Context(), audit.HashKey("acmex0")))
	if k.Organization != "acme" || k.Member != "x0" {
		t.Errorf("the key of the source leads to %+v", k)
	}
}

func TestWhatIsPastTheHorizonIsNeitherMovedNorCounted(t *testing.T) {
	c := &clock{now: start}
	from, to := newSide(t, c), newSide(t, c)
	from.fill("acme", 60, 30, 5)
	c.now = start.AddDate(0, 3, 0)
	left := len(from.behind("acme", ""))
	report, err := run(t.Context(), from.place("a"), to.place("b"))
	wantSame(t, report, err)
	if report.Copied != int64(left) || left == 0 || left == 60 {
		t.Errorf("%d events were copied of %d that are left of 60", report.Copied, left)
	}
	wantMoved(t, from, to, "acme")
}

func TestWhatRetentionDeletedSinceTheLastRunIsNoDifference(t *testing.T) {
	c := &clock{now: start}
	from, to, later := newSide(t, c), newSide(t, c), newSide(t, c)
	from.fill("acme", 20, 10, 5)
	must[audit.Export](t)(from.store.PutExport(t.Context(), audit.Export{ID: "ended", Organization: "acme", RequestedBy: "x0", Status: audit.ExportExpired, RequestedAt: start}))
	report, err := run(t.Context(), from.place("a"), to.place("b"))
	wantSame(t, report, err)
	if got := len(to.all("acme", store.KindExport)); got != 4 {
		t.Errorf("%d exports were moved, want 4", got)
	}

	c.now = start.AddDate(0, 7, 0)
	moved := func(m *mover) { m.Clock = c.Now }
	report, err = run(t.Context(), from.place("a"), later.place("c"), moved) // before retention has come
	wantSame(t, report, err)
	for kind, want := range map[store.Kind]int{store.KindDelivery: 0, store.KindMessage: 0, store.KindExport: 0, store.KindReminder: 3} {
		if got := len(later.all("acme", kind)); got != want {
			t.Errorf("%d records of the kind %s were moved, want %d", got, kind, want)
		}
	}
	horizon := audit.Horizon(c.now)
	for kind, forget := range map[store.Kind]func(context.Context, string, time.Time, int) (int, error){
		store.KindDelivery: from.store.DeleteDeliveries, store.KindMessage: from.store.DeleteMessages, store.KindExport: from.store.DeleteExports,
	} {
		if n := must[int](t)(forget(t.Context(), "acme", horizon, 100)); n == 0 {
			t.Errorf("retention found nothing of the kind %s", kind)
		}
	}
	report, err = run(t.Context(), from.place("a"), to.place("b"), moved)
	wantSame(t, report, err)
}

func TestMovingAgainCopiesOnlyWhatIsNew(t *testing.T) {
	c := &clock{now: start}
	from, to := newSide(t, c), newSide(t, c)
	from.fill("acme", 50, 20, 4)
	report, err := run(t.Context(), from.place("a"), to.place("b"))
	wantSame(t, report, err)
	again, err := run(t.Context(), from.place("a"), to.place("b"))
	wantSame(t, again, err)
	if again.Copied != 0 {
		t.Errorf("the second run copied %d events", again.Copied)
	}
	// The source goes on: events, a dispatcher that has come further within what was moved, a reminder less and another state of the rest.
	c.now = start.Add(time.Hour)
	for i := range 5 {
		must[[]audit.AppendStatus](t)(from.index.Append(t.Context(), "acme", []*audit.Event{{ID: fmt.Sprint("new", i), Time: start, Log: audit.LogLogin, Action: "login.failed",
			Actor: audit.Actor{ID: "x"}}}))
	}
	from.ok(from.store.SaveCheckpoint(t.Context(), "acme", "dispatch", from.checkpoint("acme", 33)))
	from.ok(from.store.SaveCheckpoint(t.Context(), "acme", "window/x0", "from:"+from.checkpoint("acme", 52)))
	from.ok(from.store.SaveCheckpoint(t.Context(), "acme", "window/x1", ""))
	from.ok(from.store.DeleteReminder(t.Context(), "acme", "x1"))
	from.ok(from.store.DeleteGroup(t.Context(), "acme", "x1"))
	must[audit.Group](t)(from.store.PutGroup(t.Context(), audit.Group{ID: "again", Organization: "acme", Name: "Group x1", CreatedAt: start}))
	from.ok(from.store.DeleteAddress(t.Context(), "acme", "x1", 1))
	member := must[audit.Member](t)(from.store.Member(t.Context(), "acme", "x0"))
	member.Name = "Renamed"
	must[audit.Member](t)(from.store.PutMember(t.Context(), member))
	third, err := run(t.Context(), from.place("a"), to.place("b"))
	wantSame(t, third, err)
	if third.Copied != 5 {
		t.Errorf("the third run copied %d events", third.Copied)
	}
	wantMoved(t, from, to, "acme")
}

func TestARunThatIsCutShortAnywhereIsContinued(t *testing.T) {
	c := &clock{now: start}
	from := newSide(t, c)
	from.span = []time.Duration{40 * 24 * time.Hour} // two or three months: each one in a target is a file to make
	from.fill("acme", 24, 11, 1, 9, 4)
	const plenty = 1_000_000
	whole, to := &fuse{left: plenty}, newSide(t, c)
	report, err := run(t.Context(), whole.place(from.place("a")), whole.place(to.place("b")))
	wantSame(t, report, err)
	calls := plenty - whole.left
	if calls < 60 {
		t.Errorf("a run has only %d calls", calls)
	}
	t.Run("after call", func(t *testing.T) { // returns when all that run beside each other have ended
		for n := 1; n <= calls; n++ {
			t.Run(fmt.Sprint(n), func(t *testing.T) {
				t.Parallel()
				to := newSide(t, c)
				limit := &fuse{left: n, half: n%2 == 0}
				_, err := run(t.Context(), limit.place(from.place("a")), limit.place(to.place("b")))
				if !errors.Is(err, errKilled) {
					t.Fatalf("the error is %v", err)
				}
				report, err := run(t.Context(), from.place("a"), to.place("b"))
				wantSame(t, report, err)
				wantMoved(t, from, to, "acme")
			})
		}
	})
}

func TestAContextThatEndsIsAnErrorAndIsContinued(t *testing.T) {
	c := &clock{now: start}
	from, to := newSide(t, c), newSide(t, c)
	from.fill("acme", 40, 11, 4)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := run(ctx, from.place("a"), to.place("b"), func(m *mover) {
		m.Progress = func(p Progress) {
			if p.Done >= 20 {
				cancel()
			}
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	report, err := run(t.Context(), from.place("a"), to.place("b"))
	wantSame(t, report, err)
	if report.Copied == 0 || report.Copied > 26 {
		t.Errorf("continuing copied %d of 40 events", report.Copied)
	}
	wantMoved(t, from, to, "acme")
}

func TestProgressIsToldOfEveryPageAndGoesOnWhereItStood(t *testing.T) {
	c := &clock{now: start}
	from, to := newSide(t, c), newSide(t, c)
	from.fill("acme", 40, 40, 4)
	from.fill("globex", 10, 10, 4)
	var told []Progress
	note := func(m *mover) { m.Progress = func(p Progress) { told = append(told, p) } }
	report, err := run(t.Context(), from.place("a"), to.place("b"), note)
	wantSame(t, report, err)
	last, most := map[Step]Progress{}, map[Step]int64{}
	for _, p := range told {
		if p.Done < last[p.Step].Done || p.Done > p.Total {
			t.Errorf("%+v comes behind %+v", p, last[p.Step])
		}
		last[p.Step], most[p.Step] = p, p.Total
	}
	if most[StepCopy] != 50 || most[StepCompare] != 100 || last[StepCopy].Done != 50 || last[StepCompare].Done != 100 {
		t.Errorf("the last of each step are %+v", last)
	}
	again, told := told, nil
	to = newSide(t, c)
	ctx, cancel := context.WithCancel(t.Context())
	_, err = run(ctx, from.place("a"), to.place("b"), func(m *mover) {
		m.Progress = func(p Progress) {
			if p.Done >= 20 {
				cancel()
			}
		}
	})
	if err == nil {
		t.Fatal("it was not cut short")
	}
	report, err = run(t.Context(), from.place("a"), to.place("b"), note)
	wantSame(t, report, err)
	if first := told[0]; first.Done < 20 || first.Now > 7 || first.Total != 50 || first.Step != StepCopy {
		t.Errorf("the continued run begins with %+v, the whole one with %+v", first, again[0])
	}
}

func TestWhatWouldBeMixedOrOverwrittenIsRefused(t *testing.T) {
	c := &clock{now: start}
	own := func(t *testing.T, to *side) {
		must[audit.Organization](t)(to.store.PutOrganization(t.Context(), audit.Organization{ID: "acme"}))
	}
	for name, test := range map[string]struct {
		prepare func(t *testing.T, from, to *side)
		want    string
	}{
		"an organization of the target's own": {func(t *testing.T, _, to *side) { own(t, to) }, "of its own"},
		"a member of it": {func(t *testing.T, _, to *side) {
			must[audit.Member](t)(to.store.PutMember(t.Context(), audit.Member{ID: "u", Organization: "acme"}))
		}, "of its own"},
		"an event of it": {func(t *testing.T, _, to *side) { to.receive("acme", sampled("acme", 1), 1) }, "of its own"},
		"one that came from another source": {func(t *testing.T, _, to *side) {
			other := newSide(t, c)
			other.fill("acme", 3, 3, 3)
			report, err := run(t.Context(), other.place("another"), to.place("b"))
			wantSame(t, report, err)
		}, "from another source, another"},
		"one that a server works on since": {func(t *testing.T, from, to *side) {
			report, err := run(t.Context(), from.place("a"), to.place("b"))
			wantSame(t, report, err)
			to.receive("acme", []*audit.Event{{ID: "own", Time: start, Log: audit.LogLogin, Action: "login.failed", Actor: audit.Actor{ID: "x"}}}, 1)
		}, "a server works on it"},
		"a note of a later version": {func(t *testing.T, _, to *side) {
			to.ok(to.store.SaveCheckpoint(t.Context(), "acme", noteName, `{"version":99}`))
		}, "does not know"},
		"links signed by another secret": {func(t *testing.T, _, to *side) {
			must[audit.Organization](t)(to.store.PutOrganization(t.Context(), audit.Organization{ID: "other"}))
			must[[]byte](t)(to.store.Secret(t.Context(), "unsubscribe"))
		}, "keeps its secrets"},
	} {
		t.Run(name, func(t *testing.T) {
			from, to := newSide(t, c), newSide(t, c)
			from.fill("acme", 10, 5, 3)
			test.prepare(t, from, to)
			events, members := len(to.behind("acme", "")), to.all("acme", store.KindMember)
			_, err := run(t.Context(), from.place("a"), to.place("b"))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("the error is %v, want one that says %q", err, test.want)
			}
			if len(to.behind("acme", "")) != events || len(to.all("acme", store.KindMember)) != len(members) {
				t.Error("something was written all the same")
			}
		})
	}
}

func TestATargetWithOrganizationsOfItsOwnCanKeepItsSecrets(t *testing.T) {
	c := &clock{now: start}
	from, to := newSide(t, c), newSide(t, c)
	from.fill("acme", 10, 5, 3)
	must[audit.Organization](t)(to.store.PutOrganization(t.Context(), audit.Organization{ID: "other"}))
	want := must[[]byte](t)(to.store.Secret(t.Context(), "unsubscribe"))
	report, err := run(t.Context(), from.place("a"), to.place("b"), func(m *mover) { m.KeepSecrets = true })
	wantSame(t, report, err)
	if got := must[[]byte](t)(to.store.Secret(t.Context(), "unsubscribe")); string(got) != string(want) {
		t.Error("the secret was changed")
	}
	wantMoved(t, from, to, "acme")
}

func TestASecretThatATargetMadeBeforeAnythingWasThereGivesWay(t *testing.T) {
	c := &clock{now: start}
	from, to := newSide(t, c), newSide(t, c)
	from.fill("acme", 10, 5, 3)
	must[[]byte](t)(to.store.Secret(t.Context(), "unsubscribe")) // a server was started once
	report, err := run(t.Context(), from.place("a"), to.place("b"))
	wantSame(t, report, err)
	if got := must[[]byte](t)(to.store.Secret(t.Context(), "unsubscribe")); string(got) != string(must[[]byte](t)(from.store.Secret(t.Context(), "unsubscribe"))) {
		t.Error("links of the source do not work in the target")
	}
}

func TestASourceWithoutOrganizationsIsAnError(t *testing.T) {
	c := &clock{now: start}
	_, err := run(t.Context(), newSide(t, c).place("a"), newSide(t, c).place("b"))
	if err == nil || !strings.Contains(err.Error(), "nothing to move") {
		t.Errorf("the error is %v", err)
	}
}
