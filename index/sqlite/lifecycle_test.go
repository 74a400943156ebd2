package sqlite

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

func TestRetainDropsWholeMonthsOnceAllOfTheirTimeIsPast(t *testing.T) {
	dir := t.TempDir()
	now := testNow
	x := openTest(t, dir, Options{Clock: func() time.Time { return now }})
	may := time.Date(2026, 5, 31, 23, 59, 59, 0, time.UTC)
	mustAppend(t, x, testEvent("may", may), testEvent("june", may.Add(time.Second)), testEvent("november", testNow))
	dropped := func(want ...string) {
		t.Helper()
		report, err := x.Retain(t.Context())
		if err != nil || len(report.Problems) > 0 {
			t.Fatal(report.Problems, err)
		}
		if !slices.Equal(report.Dropped, append([]string{}, want...)) {
			t.Errorf("at %v it dropped %v, not %v", now, report.Dropped, want)
		}
		if (report.FreedBytes > 0) != (len(want) > 0) {
			t.Errorf("%d bytes were freed", report.FreedBytes)
		}
	}
	dropped()
	now = time.Date(2026, 11, 30, 23, 59, 59, 0, time.UTC)
	dropped()
	now = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	dropped("acme/2026-05.db")
	dropped()
	if left, _ := filepath.Glob(filepath.Join(dir, "acme", "2026-05*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if _, err := x.Get(t.Context(), "acme", "june"); err != nil {
		t.Error(err)
	}
	mustVerify(t, x, 2)
}

func TestRetainDropsADamagedFileThatIsDue(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "acme"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "acme", "2026-01.db"), []byte("this is not a database, and long enough to be none, really, by any means"), 0o600); err != nil {
		t.Fatal(err)
	}
	x, err := Open(t.Context(), dir, Options{Clock: testClock})
	if err == nil {
		defer x.Close()
		report, err := x.Retain(t.Context())
		if err != nil || len(report.Dropped) != 1 {
			t.Fatal(report, err)
		}
		mustAppend(t, x, testEvent("a", testNow))
		return
	}
	t.Fatal(err)
}

func TestAReaderOfADroppedMonthFindsNothingInIt(t *testing.T) {
	x := openTest(t, t.TempDir(), Options{})
	mustAppend(t, x, testEvent("a", testNow))
	o := x.organization("acme")
	m := o.all()[0]
	if _, err := o.drop(t.Context(), m.key); err != nil {
		t.Fatal(err)
	}
	if err := m.read(t.Context(), func(*snapshot) error { return nil }); !errors.Is(err, errDropped) {
		t.Errorf("got %v", err)
	}
	if page, err := x.Search(t.Context(), "acme", audit.Search{Limit: 1}); err != nil || len(page.Events) > 0 {
		t.Errorf("got %v, %v", page, err)
	}
}

func TestCommitNumbersGrowOnThoughEveryFileWasDropped(t *testing.T) {
	dir := t.TempDir()
	now := testNow
	clock := func() time.Time { return now }
	x := openTest(t, dir, Options{Clock: clock})
	mustAppend(t, x, testEvent("a", now))
	checkpoint, err := x.TailEnd(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	now = now.AddDate(0, 8, 0)
	if _, err := x.Retain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	x = openTest(t, dir, Options{Clock: clock})
	mustAppend(t, x, testEvent("b", now))
	page, err := x.Tail(t.Context(), "acme", checkpoint, 10)
	if err != nil || len(page.Events) != 1 || page.Events[0].ID != "b" {
		t.Errorf("got %v, %v", page.Events, err)
	}
}

func TestFilesThatNobodyUsesAreClosed(t *testing.T) {
	x := openTest(t, t.TempDir(), Options{MaxOpenMonths: 3})
	for i := range 20 {
		if _, err := x.Append(t.Context(), fmt.Sprint("org", i), []*audit.Event{testEvent("a", testNow), testEvent("b", testNow.AddDate(0, -1, 0))}); err != nil {
			t.Fatal(err)
		}
	}
	open := 0
	for _, o := range x.organizations {
		for _, m := range o.all() {
			if m.handle != nil {
				open++
			}
		}
	}
	if open > 3 {
		t.Errorf("%d month files are open", open)
	}
	for i := range 20 {
		if _, err := x.Get(t.Context(), fmt.Sprint("org", i), "b"); err != nil {
			t.Error(err)
		}
	}
}

func TestSmallAndLargeCommitsMergeIntoBigChunks(t *testing.T) {
	x := openTest(t, t.TempDir(), Options{})
	want := int64(0)
	for i := range 60 {
		n := []int{1, 7, 200, 600}[i%4]
		mustAppend(t, x, testEvents(n, fmt.Sprint("b", i), testNow.Add(-time.Duration(i)*time.Hour), time.Second)...)
		want += int64(n)
	}
	mustVerify(t, x, want)
	var headers []header
	if err := x.organization("acme").all()[0].read(t.Context(), func(s *snapshot) error { headers = s.headers; return nil }); err != nil {
		t.Fatal(err)
	}
	big := slices.ContainsFunc(headers, func(h header) bool { return h.n >= bigRows })
	if !big || len(headers) > 30 {
		t.Errorf("%d events are in %d chunks, a big one among them: %v", want, len(headers), big)
	}
	if got := allEvents(t, x); int64(len(got)) != want {
		t.Errorf("%d events are found, not %d", len(got), want)
	}
}

func TestManySmallCommitsAreMergedInTheBackground(t *testing.T) {
	x := openTest(t, t.TempDir(), Options{})
	for i := range 40 {
		mustAppend(t, x, testEvents(tailRows, fmt.Sprint("b", i), testNow.Add(-time.Duration(i)*time.Hour), time.Second)...)
	}
	m := x.organization("acme").all()[0]
	eventually(t, "the pieces are merged", func() bool { return m.segments.Load() < mergeFrom })
	if m.segments.Load() == 0 {
		t.Error("the pieces are not counted")
	}
	mustVerify(t, x, 40*tailRows)
}

func TestDuplicatesAreFoundInOtherMonthsAfterARestartToo(t *testing.T) {
	dir := t.TempDir()
	x := openTest(t, dir, Options{})
	mustAppend(t, x, testEvents(500, "a", time.Date(2026, 9, 5, 8, 0, 0, 0, time.UTC), time.Minute)...)
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	x = openTest(t, dir, Options{})
	moved := func() []*audit.Event {
		return testEvents(500, "a", time.Date(2026, 10, 5, 8, 0, 0, 0, time.UTC), time.Minute)
	}
	check := func() {
		t.Helper()
		for i, status := range mustAppend(t, x, append(moved(), testEvent("new", testNow))...) {
			if i < 500 && status != audit.StatusDuplicate {
				t.Fatalf("event %d is %s", i, status)
			}
		}
	}
	check()
	// The same by the filter that is built once it pays.
	m := x.organization("acme").months[monthOf(time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC))]
	m.lookups = bloomAfter + 1
	check()
	if m.seen == nil {
		t.Fatal("no filter was built")
	}
	check()
	mustVerify(t, x, 501)
}

func TestABloomFilterWithoutMemoryGivesUp(t *testing.T) {
	x := openTest(t, t.TempDir(), Options{})
	x.bloomBudget.Store(1000)
	mustAppend(t, x, testEvents(10, "a", testNow.AddDate(0, -1, 0), time.Minute)...)
	if got := mustAppend(t, x, testEvent("a-3", testNow)); got[0] != audit.StatusDuplicate {
		t.Errorf("got %s", got[0])
	}
	if x.bloomBudget.Load() != 1000 {
		t.Errorf("the budget is %d", x.bloomBudget.Load())
	}
}

func TestTheHorizonIsExactWithinAMillisecond(t *testing.T) {
	now := testNow
	x := openTest(t, t.TempDir(), Options{Clock: func() time.Time { return now }})
	at := audit.Horizon(testNow)
	mustAppend(t, x, testEvent("a", at))
	found := func() (total int64, tailed int, got bool) {
		t.Helper()
		page, err := x.Search(t.Context(), "acme", audit.Search{Limit: 1, CountLimit: audit.CountAll})
		if err != nil {
			t.Fatal(err)
		}
		tail, err := x.Tail(t.Context(), "acme", "", 10)
		if err != nil {
			t.Fatal(err)
		}
		_, err = x.Get(t.Context(), "acme", "a")
		return page.Total.Value, len(tail.Events), err == nil
	}
	if total, tailed, got := found(); total != 1 || tailed != 1 || !got {
		t.Errorf("at the horizon: %d found, %d tailed, got by id: %v", total, tailed, got)
	}
	now = now.Add(time.Microsecond)
	if total, tailed, got := found(); total != 0 || tailed != 0 || got {
		t.Errorf("a microsecond past the horizon: %d found, %d tailed, got by id: %v", total, tailed, got)
	}
}
