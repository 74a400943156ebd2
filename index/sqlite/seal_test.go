package sqlite

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/audittrail/audittrail/audit"
)

// allEvents reads everything, newest first, in pages.
func allEvents(t *testing.T, x *Index) []audit.Event {
	t.Helper()
	var out []audit.Event
	search := audit.Search{Limit: 700}
	for {
		page, err := x.Search(t.Context(), "acme", search)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, page.Events...)
		if page.Next == nil {
			return out
		}
		search.After = page.Next
	}
}

func fileSize(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

func TestSealingCompressesAMonthThatIsOverAndChangesNothingElse(t *testing.T) {
	dir := t.TempDir()
	x := openTest(t, dir, Options{})
	october := time.Date(2026, 10, 5, 8, 0, 0, 0, time.UTC)
	for i := range 6 {
		mustAppend(t, x, testEvents(500, fmt.Sprint("oct", i), october.Add(time.Duration(i)*time.Hour), 3*time.Second)...)
	}
	mustAppend(t, x, testEvents(100, "nov", testNow.Add(-time.Hour), time.Second)...)
	before := allEvents(t, x)
	path := filepath.Join(dir, "acme", "2026-10.db")
	checkpoint(t, x)
	size := fileSize(t, path)
	n, err := x.Seal(t.Context())
	if err != nil || n != 3000 {
		t.Fatalf("sealed %d events, %v", n, err)
	}
	if sealed := fileSize(t, path); sealed*3 > size*2 {
		t.Errorf("the file has %d bytes, before %d", sealed, size)
	}
	if diff := cmp.Diff(before, allEvents(t, x), cmp.Comparer(sameEvent)); diff != "" {
		t.Errorf("events differ after sealing: %s", diff)
	}
	mustVerify(t, x, 3100)
	if n, err := x.Seal(t.Context()); err != nil || n != 0 {
		t.Errorf("sealing again moved %d events, %v", n, err)
	}
}

func sameEvent(a, b audit.Event) bool { return string(a.AppendJSON(nil)) == string(b.AppendJSON(nil)) }

// checkpoint moves the logs into the files, so that their sizes can be compared.
func checkpoint(t *testing.T, x *Index) {
	t.Helper()
	for _, m := range x.organization("acme").all() {
		err := m.background(t.Context(), func(h *handle) error { return h.writer.script("PRAGMA wal_checkpoint(TRUNCATE)") })
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestLateEventsOfASealedMonthAreStoredFoundAndSealedInTheirPlace(t *testing.T) {
	x := openTest(t, t.TempDir(), Options{})
	october := time.Date(2026, 10, 5, 8, 0, 0, 0, time.UTC)
	mustAppend(t, x, testEvents(1000, "a", october, 2*time.Second)...)
	want := int64(1000)
	for round := range 4 {
		if _, err := x.Seal(t.Context()); err != nil {
			t.Fatal(err)
		}
		// Between, before and behind what is there; and one that is there already.
		late := testEvents(300, fmt.Sprint("late", round), october.Add(time.Duration(round-2)*10*time.Minute), 777*time.Millisecond)
		late = append(late, testEvent("a-5", october.Add(10*time.Second)))
		statuses := mustAppend(t, x, late...)
		if statuses[300] != audit.StatusDuplicate {
			t.Errorf("an event that is sealed was stored again: %s", statuses[300])
		}
		want += 300
		mustVerify(t, x, want)
		if e, err := x.Get(t.Context(), "acme", late[7].ID); err != nil || !e.Time.Equal(late[7].Time) {
			t.Errorf("Get of a late event: %v, %v", e.Time, err)
		}
	}
	if _, err := x.Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustVerify(t, x, want)
	if got := len(allEvents(t, x)); int64(got) != want {
		t.Errorf("%d events are found, not %d", got, want)
	}
}

func TestALateEventGetsTheNextTieThoughItsTieIsSealed(t *testing.T) {
	x := openTest(t, t.TempDir(), Options{})
	at := time.Date(2026, 10, 5, 8, 0, 0, 0, time.UTC)
	mustAppend(t, x, testEvent("a", at))
	if _, err := x.Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	// No two short ids share a tie, so the row of a is taken by hand.
	o := x.organization("acme")
	b, err := prepare(t.Context(), []*audit.Event{testEvent("b", at)}, false, true)
	if err != nil {
		t.Fatal(err)
	}
	key := monthOf(at)
	b.rows[0].rowid = key.rowid(at, audit.Tie("a"))
	if err := o.commit(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	mustVerify(t, x, 2)
	page, err := x.Search(t.Context(), "acme", audit.Search{Limit: 1})
	if err != nil || page.Events[0].ID != "b" || page.Next.Tie != audit.Tie("a")+1 {
		t.Errorf("got %v at %v, %v", page.Events[0].ID, page.Next, err)
	}
}

func TestTheBackgroundSealsAMonthOnceItHasBeenQuiet(t *testing.T) {
	now := testNow
	x := openTest(t, t.TempDir(), Options{Clock: func() time.Time { return now }, MaintainEvery: 5 * time.Millisecond})
	mustAppend(t, x, testEvents(200, "a", time.Date(2026, 10, 5, 8, 0, 0, 0, time.UTC), time.Second)...)
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	now = now.Add(quietBeforeSeal)
	x = openTest(t, x.dir, Options{Clock: func() time.Time { return now }, MaintainEvery: 5 * time.Millisecond})
	o, leave, err := x.begin(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	leave()
	eventually(t, "the month is sealed", func() bool { return o.all()[0].sealedUpTo.Load() != 0 })
	mustVerify(t, x, 200)
}

func TestInTheCurrentMonthOnlyBodiesOlderThanADayAreSealed(t *testing.T) {
	now := testNow
	x := openTest(t, t.TempDir(), Options{Clock: func() time.Time { return now }})
	mustAppend(t, x, testEvents(100, "old", now.Add(-72*time.Hour), time.Second)...)
	mustAppend(t, x, testEvents(100, "new", now.Add(-3*time.Hour), time.Second)...)
	for _, want := range []int64{100, 0} {
		if n, err := x.Seal(t.Context()); err != nil || n != want {
			t.Fatalf("sealed %d events, not %d: %v", n, want, err)
		}
		mustVerify(t, x, 200)
	}
	mustAppend(t, x, testEvents(10, "late", now.Add(-71*time.Hour), time.Second)...)
	now = now.Add(48 * time.Hour)
	if n, err := x.Seal(t.Context()); err != nil || n != 110 {
		t.Fatalf("two days later it sealed %d events: %v", n, err)
	}
	mustVerify(t, x, 210)
	if got := len(allEvents(t, x)); got != 210 {
		t.Errorf("%d events are found", got)
	}
}
