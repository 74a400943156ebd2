package sqlite

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// theMonth returns the only month of acme, with as many rows pending as wanted.
func theMonth(t *testing.T, x *Index, pending int64) *month {
	t.Helper()
	months := x.organization("acme").all()
	if len(months) != 1 || months[0].pending.Load() != pending {
		t.Fatalf("%d months, %d rows pending in the first; want one, and %d", len(months), months[0].pending.Load(), pending)
	}
	return months[0]
}

// settled puts what is pending where it belongs, as the background does once nothing is appended.
func settled(t *testing.T, m *month) {
	t.Helper()
	if err := m.background(t.Context(), func(h *handle) error { return m.settlePending(t.Context(), h) }); err != nil {
		t.Fatal(err)
	}
	if m.pending.Load() != 0 {
		t.Errorf("%d rows are pending still", m.pending.Load())
	}
}

// few appends 120 events in commits of three; every fourth event failed, every tenth is Carol's.
func few(t *testing.T, x *Index, prefix string) {
	t.Helper()
	for i := range 40 {
		events := testEvents(3, fmt.Sprint(prefix, i), testNow.Add(-time.Duration(i)*time.Minute), time.Second)
		for j, e := range events {
			if n := 3*i + j; n%10 == 0 {
				e.Actor.Name, e.Message = "Carol Jones", "Carol Jones deleted the role group Night Shift"
			} else if n%4 == 0 {
				e.Outcome = audit.OutcomeFailure
			}
		}
		mustAppend(t, x, events...)
	}
}

func TestEventsOfSmallCommitsAreFoundBeforeAndAfterTheyAreSettled(t *testing.T) {
	x := openTest(t, t.TempDir(), Options{})
	mustAppend(t, x, testEvents(2*tailRows, "many", testNow.Add(-time.Hour), time.Second)...)
	few(t, x, "few")
	m := theMonth(t, x, 120)
	failed := []audit.Outcome{audit.OutcomeFailure}
	queries := map[string]struct {
		query audit.Query
		want  int64
	}{
		"no text":             {audit.Query{}, 632},
		"a word":              {audit.Query{Text: "carol"}, 12},
		"a phrase":            {audit.Query{Text: `"role group"`}, 12},
		"a prefix":            {audit.Query{Text: "nigh*"}, 12},
		"the actor's name":    {audit.Query{Text: "actor:jones"}, 12},
		"no such actor":       {audit.Query{Text: "actor:night"}, 0},
		"a negation":          {audit.Query{Text: "-carol"}, 620},
		"text and a filter":   {audit.Query{Text: "bob", Outcomes: failed}, 24},
		"text and a fact":     {audit.Query{Text: "bob outcome:failure"}, 24},
		"text or a fact":      {audit.Query{Text: "carol OR outcome:failure"}, 36},
		"a phrase over a gap": {audit.Query{Text: `"smith bob"`}, 0},
	}
	check := func(when string) {
		for name, q := range queries {
			page, err := x.Search(t.Context(), "acme", audit.Search{Query: q.query, Limit: 5, CountLimit: audit.CountAll})
			if err != nil || page.Total.Value != q.want {
				t.Errorf("%s, %s: %d are found (%v), want %d", when, name, page.Total.Value, err, q.want)
			}
			summary, err := x.Summary(t.Context(), "acme", audit.SummaryRequest{Query: q.query, Top: 10})
			if err != nil || summary.Total != q.want {
				t.Errorf("%s, %s: the summary counts %d (%v), want %d", when, name, summary.Total, err, q.want)
			}
		}
		for _, id := range []string{"few0-0", "few39-2", "many-7"} {
			if e, err := x.Get(t.Context(), "acme", id); err != nil || e.ID != id {
				t.Errorf("%s, %s: got %q, %v", when, id, e.ID, err)
			}
		}
		if _, err := x.Get(t.Context(), "acme", "none"); audit.CodeOf(err) != audit.CodeNotFound {
			t.Errorf("%s: what is not there gives %v", when, err)
		}
		mustVerify(t, x, 632)
	}
	check("pending")
	settled(t, m)
	check("settled")
}

func TestPagesOfATextRunThroughPendingEventsInThePublicOrder(t *testing.T) {
	x := openTest(t, t.TempDir(), Options{})
	at := testNow.Add(-time.Hour)
	mustAppend(t, x, testEvents(tailRows, "many", at, 2*time.Second)...)
	mustAppend(t, x, testEvents(tailRows/2, "few", at.Add(time.Second), 4*time.Second)...) // in between
	theMonth(t, x, tailRows/2)
	search := audit.Search{Query: audit.Query{Text: "alice"}, Limit: 7}
	var found []audit.Event
	for {
		page, err := x.Search(t.Context(), "acme", search)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, page.Events...)
		if page.Next == nil {
			break
		}
		search.After = page.Next
	}
	if len(found) != tailRows+tailRows/2 {
		t.Fatalf("%d events are found, not %d", len(found), tailRows+tailRows/2)
	}
	for i := range found[1:] {
		if !found[i+1].Time.Before(found[i].Time) {
			t.Fatalf("event %d is of %v, the one before it of %v", i+1, found[i+1].Time, found[i].Time)
		}
	}
}

func TestWhatIsPendingIsADuplicateWhereverItIsSentAgain(t *testing.T) {
	dir := t.TempDir()
	x := openTest(t, dir, Options{})
	mustAppend(t, x, testEvents(3, "a", testNow, time.Second)...)
	theMonth(t, x, 3)
	check := func(when string) {
		t.Helper()
		batches := map[string][]*audit.Event{
			"the same":               testEvents(3, "a", testNow, time.Second),
			"another month":          testEvents(3, "a", testNow.AddDate(0, -2, 0), time.Second),
			"another time, and many": append(testEvents(3, "a", testNow.Add(-time.Minute), time.Second), testEvents(tailRows, when, testNow, time.Second)...),
		}
		for _, name := range []string{"the same", "another month", "another time, and many"} {
			for i, status := range mustAppend(t, x, batches[name]...)[:3] {
				if status != audit.StatusDuplicate {
					t.Errorf("%s, %s: event %d is %s", when, name, i, status)
				}
			}
		}
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	x = openTest(t, dir, Options{})
	check("after a restart")
	check("settled")
	mustVerify(t, x, 3+2*tailRows)
}

func TestTheFilterOfAMonthsIdsHoldsWhatIsPending(t *testing.T) {
	x := openTest(t, t.TempDir(), Options{})
	mustAppend(t, x, testEvents(3, "a", testNow, time.Second)...)
	m := theMonth(t, x, 3)
	m.seen, m.lookups = nil, bloomAfter+1 // as of a file that was not made by this process, once a filter pays
	for range 2 {
		for i, status := range mustAppend(t, x, testEvents(3, "a", testNow.AddDate(0, -2, 0), time.Second)...) {
			if status != audit.StatusDuplicate {
				t.Errorf("event %d is %s", i, status)
			}
		}
	}
	if m.seen == nil {
		t.Error("no filter was built")
	}
}

func TestImportedEventsThatStandInACallTwiceAreStoredOnce(t *testing.T) {
	x := openTest(t, t.TempDir(), Options{})
	events := append(testEvents(2, "a", testNow, time.Second), testEvent("a-0", testNow))
	for _, e := range events {
		e.ReceivedAt = testNow
	}
	statuses, err := x.Import(t.Context(), "acme", events)
	if got := fmt.Sprint(statuses); err != nil || got != "[created created duplicate]" {
		t.Errorf("got %s, %v", got, err)
	}
	mustVerify(t, x, 2)
}

func TestWhatWasPendingAtARestartIsSettledInTheBackground(t *testing.T) {
	dir := t.TempDir()
	x := openTest(t, dir, Options{})
	few(t, x, "few")
	theMonth(t, x, 120)
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	x = openTest(t, dir, Options{})
	if page, err := x.Search(t.Context(), "acme", audit.Search{Query: audit.Query{Text: "carol"}, Limit: 1, CountLimit: audit.CountAll}); err != nil || page.Total.Value != 12 {
		t.Fatalf("%v are found, %v", page.Total, err)
	}
	m := x.organization("acme").all()[0]
	eventually(t, "nothing is pending", func() bool { return m.pending.Load() == 0 })
	mustVerify(t, x, 120)
}

func TestAMonthThatIsOverIsSealedWithWhatIsPending(t *testing.T) {
	now := testNow
	x := openTest(t, t.TempDir(), Options{Clock: func() time.Time { return now }})
	few(t, x, "few")
	m := theMonth(t, x, 120)
	now = now.AddDate(0, 1, 0)
	if n, err := x.Seal(t.Context()); err != nil || n != 120 {
		t.Fatalf("%d events were sealed, %v", n, err)
	}
	if m.pending.Load() != 0 {
		t.Errorf("%d rows are pending", m.pending.Load())
	}
	mustVerify(t, x, 120)
}

func TestAFileOfTheFirstVersionIsUpgraded(t *testing.T) {
	dir := t.TempDir()
	x := openTest(t, dir, Options{})
	mustAppend(t, x, testEvents(2*tailRows, "many", testNow.Add(-time.Hour), time.Second)...)
	few(t, x, "old")
	settled(t, theMonth(t, x, 120))
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	c, err := openConn(filepath.Join(dir, "acme", "2026-11.db"), false)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.script("ALTER TABLE chunks DROP COLUMN found; PRAGMA user_version=1;"); err != nil {
		t.Fatal(err)
	}
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	x = openTest(t, dir, Options{})
	mustVerify(t, x, 2*tailRows+120)
	few(t, x, "new")
	if got := mustAppend(t, x, testEvent("old0-0", testNow)); got[0] != audit.StatusDuplicate {
		t.Errorf("an event of before is %s", got[0])
	}
	mustVerify(t, x, 2*tailRows+240)
}
