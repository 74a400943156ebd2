package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// unavailable fails the test unless err is CodeUnavailable with advice when to come back, and does not tell the client about files.
func unavailable(t *testing.T, err error) {
	t.Helper()
	var e *audit.Error
	if !errors.As(err, &e) || e.Code != audit.CodeUnavailable || e.RetryAfter == 0 {
		t.Fatalf("got %v, want an unavailable error with RetryAfter", err)
	}
	if strings.Contains(e.Message, ".db") || strings.Contains(e.Message, "SQLITE") {
		t.Errorf("the message shows internals: %s", e.Message)
	}
}

func TestASecondProcessIsToldWhoUsesTheDataDirectory(t *testing.T) {
	dir := t.TempDir()
	openTest(t, dir, Options{})
	_, err := Open(t.Context(), dir, Options{})
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("in use by process %d", os.Getpid())) {
		t.Fatalf("got %v", err)
	}
}

func TestOpenRefusesFilesOfANewerVersion(t *testing.T) {
	dir := t.TempDir()
	x := openTest(t, dir, Options{})
	mustAppend(t, x, testEvent("a", testNow))
	path := filepath.Join(dir, "acme", "2026-11.db")
	if err := x.organization("acme").all()[0].handle.writer.script("PRAGMA user_version=99"); err != nil {
		t.Fatal(err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open(t.Context(), dir, Options{})
	if err == nil || !strings.Contains(err.Error(), "newer version") {
		t.Fatalf("got %v", err)
	}
	if after, _ := os.ReadFile(path); string(after) != string(before) {
		t.Error("the file was changed")
	}
}

func TestOpenSaysWhichDirectoryCannotBeWritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), dir, Options{})
	if err == nil || !strings.Contains(err.Error(), dir) {
		t.Fatalf("got %v", err)
	}
}

func TestADamagedFileIsAClearErrorAndNotAPanic(t *testing.T) {
	for name, at := range map[string]int64{"the header": 0, "the middle": 8 * pageSize} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			x := openTest(t, dir, Options{})
			mustAppend(t, x, testEvents(2000, "a", testNow.Add(-time.Hour), time.Second)...)
			if err := x.Close(); err != nil {
				t.Fatal(err)
			}
			f, err := os.OpenFile(filepath.Join(dir, "acme", "2026-11.db"), os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			garbage := []byte(strings.Repeat("\xfenot a page", 6*pageSize))
			if at == 0 {
				garbage = garbage[:50]
			}
			if _, err := f.WriteAt(garbage, at); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			x, err = Open(t.Context(), dir, Options{Clock: testClock})
			if err != nil {
				t.Fatal(err)
			}
			_, searching := x.Search(t.Context(), "acme", audit.Search{Limit: 5000})
			unavailable(t, searching)
			report, err := x.Verify(t.Context())
			if err != nil || len(report.Problems) == 0 {
				t.Errorf("Verify found %v, %v", report.Problems, err)
			}
			// Closing may fail too, as it moves pages from the log into the file; what counts is that it ends.
			_ = x.Close()
		})
	}
}

func TestAMonthFileDeletedUnderTheEngineIsNoticedBeforeAnythingIsAcknowledged(t *testing.T) {
	dir := t.TempDir()
	x := openTest(t, dir, Options{})
	mustAppend(t, x, testEvent("a", testNow))
	if err := os.Remove(filepath.Join(dir, "acme", "2026-11.db")); err != nil {
		t.Fatal(err)
	}
	_, err := x.Append(t.Context(), "acme", []*audit.Event{testEvent("b", testNow)})
	unavailable(t, err)
	_, err = x.Search(t.Context(), "acme", audit.Search{Limit: 1})
	unavailable(t, err)
	if _, err := x.Append(t.Context(), "globex", []*audit.Event{testEvent("b", testNow)}); err != nil {
		t.Errorf("another organization suffers: %v", err)
	}
}

func TestAFullDiskRefusesAndRecovers(t *testing.T) {
	x := openTest(t, t.TempDir(), Options{})
	mustAppend(t, x, testEvent("first", testNow))
	m := x.organization("acme").all()[0]
	limit := func(pages int) {
		t.Helper()
		m.org.writer.acquire(t.Context())
		defer m.org.writer.release()
		if err := m.handle.writer.script(fmt.Sprintf("PRAGMA max_page_count=%d", pages)); err != nil {
			t.Fatal(err)
		}
	}
	limit(200)
	stored := int64(1)
	var err error
	for i := range 100 {
		batch := testEvents(100, fmt.Sprint("b", i), testNow.Add(-time.Duration(i)*time.Minute), time.Millisecond)
		if _, err = x.Append(t.Context(), "acme", batch); err != nil {
			break
		}
		stored += 100
	}
	unavailable(t, err)
	mustVerify(t, x, stored)
	if page, err := x.Search(t.Context(), "acme", audit.Search{Limit: 10, CountLimit: audit.CountAll}); err != nil || page.Total.Value != stored {
		t.Errorf("reading while the disk is full: %v, %v", page.Total, err)
	}
	if m.pending.Load() == 0 {
		t.Error("nothing is pending: the test does not test reading that")
	}
	text := audit.Search{Query: audit.Query{Text: "alice"}, Limit: 10, CountLimit: audit.CountAll}
	if page, err := x.Search(t.Context(), "acme", text); err != nil || page.Total.Value != stored {
		t.Errorf("reading text while the disk is full: %v, %v", page.Total, err)
	}
	limit(1 << 30)
	mustAppend(t, x, testEvents(100, "later", testNow.Add(-time.Hour), time.Millisecond)...)
	mustVerify(t, x, stored+100)
}

func TestAnAppendThatCannotCommitInTimeIsNotAcknowledged(t *testing.T) {
	x := openTest(t, t.TempDir(), Options{})
	mustAppend(t, x, testEvent("a", testNow))
	x.appendDeadline = 30 * time.Millisecond
	o := x.organization("acme")
	if err := o.writer.acquire(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err := x.Append(t.Context(), "acme", []*audit.Event{testEvent("b", testNow)})
	unavailable(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := x.Append(ctx, "acme", []*audit.Event{testEvent("b", testNow)}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the error of the context", err)
	}
	o.writer.release()
	x.appendDeadline = appendDeadline
	if got := mustAppend(t, x, testEvent("b", testNow)); got[0] != audit.StatusCreated {
		t.Errorf("sent again it is %s", got[0])
	}
}

func TestCallsAfterCloseAreRefused(t *testing.T) {
	x := openTest(t, t.TempDir(), Options{})
	if err := x.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	_, appending := x.Append(t.Context(), "acme", []*audit.Event{testEvent("a", testNow)})
	_, sealing := x.Seal(t.Context())
	_, verifying := x.Verify(t.Context())
	_, retaining := x.Retain(t.Context())
	for _, err := range []error{appending, sealing, verifying, retaining, x.Ready(t.Context())} {
		unavailable(t, err)
	}
}

func TestReadyNoticesAMissingDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	x := openTest(t, dir, Options{})
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	unavailable(t, x.Ready(t.Context()))
}
