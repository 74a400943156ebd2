package activities

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.uber.org/goleak"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/index/indextest"
	"github.com/audittrail/audittrail/internal/blob"
	"github.com/audittrail/audittrail/store/sqlite"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("database/sql.(*DB).connectionOpener"))
}

var start = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)

func environment(t *testing.T, activities ...any) *testsuite.TestActivityEnvironment {
	t.Helper()
	suite := testsuite.WorkflowTestSuite{}
	env := suite.NewTestActivityEnvironment()
	env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{&Interceptor{}}})
	for _, a := range activities {
		env.RegisterActivity(a)
	}
	return env
}

func TestOnlyErrorsThatMayPassAreTriedAgain(t *testing.T) {
	ctx := context.Background()
	for code, retried := range map[audit.Code]bool{
		audit.CodeUnavailable: true, audit.CodeRateLimited: true, audit.CodeConflict: true, audit.CodeInternal: true,
		audit.CodeInvalid: false, audit.CodeForbidden: false, audit.CodeNotFound: false, audit.CodeGone: false, audit.CodeRefused: false,
	} {
		err := translate(ctx, fmt.Errorf("in the activity: %w", audit.Errorf(code, "words")))
		var application *temporal.ApplicationError
		if !errors.As(err, &application) || application.NonRetryable() == retried || application.Type() != string(code) || application.Message() != "words" {
			t.Errorf("%s becomes %v", code, err)
		}
	}
	if err := translate(ctx, nil); err != nil {
		t.Error(err)
	}
	if err := translate(ctx, io.ErrUnexpectedEOF); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := translate(ended, audit.Unavailable(context.Canceled, 0, "the index was told to stop")); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled activity ends with %v", err)
	}
}

func TestASummaryIsOneBoundedLine(t *testing.T) {
	for _, c := range []struct {
		name string
		e    audit.Event
		want string
	}{
		{"the message", audit.Event{Message: "Alice\n\tadded  Bob", Action: "a.b"}, "Alice added Bob"},
		{"action and target", audit.Event{Action: "a.b", Targets: []audit.Target{{ID: "u1", Name: "Bob"}}}, "a.b: Bob"},
		{"action and id", audit.Event{Action: "a.b", Targets: []audit.Target{{ID: "u1"}}}, "a.b: u1"},
		{"action alone", audit.Event{Action: "a.b", Message: " \n"}, "a.b"},
		{"a long one", audit.Event{Message: strings.Repeat("ü", 30_000)}, strings.Repeat("ü", 120) + "…"},
	} {
		if got := summary(&c.e); got != c.want {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}

func TestADigestNamesWhoAndWhere(t *testing.T) {
	e := audit.Event{ID: "e", Actor: audit.Actor{ID: "u1"}, Source: audit.Source{IP: netip.MustParseAddr("203.0.113.7"), Location: audit.Location{Country: "DE", City: "Köln"}}}
	if d := digestEvent(&e); d.Actor != "u1" || d.IP != "203.0.113.7" || d.Place != "Köln, DE" {
		t.Errorf("got %+v", d)
	}
}

func TestABatchNamesTheNewest(t *testing.T) {
	var events []*audit.Event
	for i := range 30 {
		at := start.Add(time.Duration((i*7)%30) * time.Second)
		events = append(events, &audit.Event{ID: fmt.Sprint((i * 7) % 30), Time: at, ReceivedAt: start.Add(time.Duration(i) * time.Millisecond),
			Log: audit.Logs()[i%3]})
	}
	b := newBatch("c", events)
	for i, e := range events {
		if b.LogOf(i) != e.Log {
			t.Errorf("event %d is of %s, not of %s", i, e.Log, b.LogOf(i))
		}
	}
	if b.LogOf(30) != "" || (Batch{Logs: []byte{9}}).LogOf(0) != "" {
		t.Error("it knows the log of an event that it does not hold")
	}
	var ids []string
	for _, e := range b.Events {
		ids = append(ids, e.ID)
	}
	if !slices.Equal(ids, []string{"29", "28", "27", "26", "25", "24", "23", "22", "21", "20"}) {
		t.Errorf("it names %q", ids)
	}
	if b.Count != 30 || !b.First.Equal(start) || !b.Oldest.Equal(start) || !b.Newest.Equal(start.Add(29*time.Second)) {
		t.Errorf("got %+v", b)
	}
}

// parts are a store, an index and files for single activities.
func parts(t *testing.T, clock func() time.Time) (*sqlite.Store, *indextest.Model, *blob.Bucket) {
	t.Helper()
	ctx := context.Background()
	store, err := sqlite.Open(ctx, t.TempDir(), sqlite.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	files, err := blob.Open(ctx, "file://"+filepath.ToSlash(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(store.Close(), files.Close()); err != nil {
			t.Error(err)
		}
	})
	_, err = store.PutMember(ctx, audit.Member{ID: "admin", Organization: "acme", Name: "Ada", Role: audit.RoleSystemAdmin, Status: audit.MemberActive})
	if err != nil {
		t.Fatal(err)
	}
	return store, indextest.NewModel(clock), files
}

func fill(t *testing.T, index *indextest.Model, n int) {
	t.Helper()
	var list []*audit.Event
	for i := range n {
		list = append(list, &audit.Event{
			ID: fmt.Sprint(i), Time: start.Add(time.Duration(i) * time.Millisecond), Log: audit.LogOperation, Action: "a.b", Actor: audit.Actor{ID: "u"},
		})
	}
	if _, err := index.Append(context.Background(), "acme", list); err != nil {
		t.Fatal(err)
	}
}

// ticking is a clock that moves on a second at every look.
func ticking() func() time.Time {
	now := start.Add(time.Minute)
	return func() time.Time { now = now.Add(time.Second); return now }
}

func TestProgressIsSeenWhileAFileIsWrittenAndARevocationEndsIt(t *testing.T) {
	clock := ticking()
	store, index, files := parts(t, clock)
	fill(t, index, 3500)
	ctx := context.Background()
	ref := ExportRef{Organization: "acme", Export: "x1"}
	_, err := store.PutExport(ctx, audit.Export{
		ID: "x1", Organization: "acme", RequestedBy: "admin", Format: audit.FormatNDJSON, Mode: audit.ModeLatest, Status: audit.ExportRunning,
		RequestedAt: start.Add(time.Hour), Rows: 3500, Matched: 3500,
	})
	if err != nil {
		t.Fatal(err)
	}
	var done []int64
	a := &Exports{Records: store, Own: index, Files: files, Clock: clock, Events: searcherFunc(
		func(ctx context.Context, organization string, s audit.Search) (audit.Page, error) {
			now, err := store.Export(ctx, organization, "x1")
			if err != nil {
				return audit.Page{}, err
			}
			if done = append(done, now.Done); len(done) == 3 {
				now.Status = audit.ExportRevoked
				if _, err := store.PutExport(ctx, now); err != nil {
					return audit.Page{}, err
				}
			}
			return index.Search(ctx, organization, s)
		})}
	_, err = environment(t, a).ExecuteActivity(a.WritePart, WritePartInput{ExportRef: ref, Part: 1})
	if !slices.Equal(done, []int64{0, 1000, 2000}) {
		t.Errorf("the progress was %v", done)
	}
	var application *temporal.ApplicationError
	if !errors.As(err, &application) || application.Type() != string(audit.CodeGone) || !application.NonRetryable() {
		t.Errorf("it ends with %v", err)
	}
	for entry, err := range files.List(ctx, "exports") {
		t.Errorf("a revoked export left %s, %v", entry.Key, err)
	}
}

type searcherFunc func(ctx context.Context, organization string, s audit.Search) (audit.Page, error)

func (f searcherFunc) Search(ctx context.Context, organization string, s audit.Search) (audit.Page, error) {
	return f(ctx, organization, s)
}

// keeper keeps the batches that it is handed.
type keeper struct{ batches []Batch }

func (k *keeper) Remind(_ context.Context, _, _ string, b Batch) error {
	k.batches = append(k.batches, b)
	return nil
}

func (k *keeper) Reminding(context.Context, string, string) (bool, error) { return false, nil }

func (k *keeper) Deliver(context.Context, string, audit.Digest) error { return nil }

func TestALongWindowIsGatheredAgainUpToTheDispatchersCheckpoint(t *testing.T) {
	clock := func() time.Time { return start.Add(time.Minute) }
	store, index, _ := parts(t, clock)
	ctx := context.Background()
	_, err := store.PutReminder(ctx, audit.Reminder{ID: "r1", Organization: "acme", Actions: []string{"a.b"}, CreatedBy: "admin"})
	if err != nil {
		t.Fatal(err)
	}
	fill(t, index, 4500)
	end, err := index.TailEnd(ctx, "acme")
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{dispatchCheckpoint: end, windowCheckpoint("r1"): noteCheckpoint("")} {
		if err := store.SaveCheckpoint(ctx, "acme", name, value); err != nil {
			t.Fatal(err)
		}
	}
	k := &keeper{}
	d := &Dispatch{Events: index, Records: store, Handover: k, Clock: clock, Logger: slog.New(slog.DiscardHandler)}
	if _, err := environment(t, d).ExecuteActivity(d.Recover, DispatchInput{Organization: "acme"}); err != nil {
		t.Fatal(err)
	}
	sum := 0
	for _, b := range k.batches {
		sum += b.Count
	}
	if sum != 4500 || len(k.batches) != 3 {
		t.Errorf("%d matches in %d batches", sum, len(k.batches))
	}
	if err := store.SaveCheckpoint(ctx, "acme", windowCheckpoint("r1"), "odd"); err != nil {
		t.Fatal(err)
	}
	if _, err := environment(t, d).ExecuteActivity(d.Recover, DispatchInput{Organization: "acme"}); err == nil {
		t.Error("a note that nobody wrote is taken for a checkpoint")
	}
}

func TestFilesKeepTheirOrder(t *testing.T) {
	var files []audit.ExportFile
	for _, part := range []int{10_000, 2, 9999, 1, 2} {
		files = withFile(files, audit.ExportFile{Name: partName(audit.ModeAll, audit.FormatCSV, part), Rows: 10})
	}
	var names []string
	for _, f := range files {
		names = append(names, f.Name)
	}
	if !slices.Equal(names, []string{"events-0001.csv", "events-0002.csv", "events-9999.csv", "events-10000.csv"}) {
		t.Errorf("got %q", names)
	}
	if n := rowsBefore(files, "events-10000.csv"); n != 30 {
		t.Errorf("%d rows are before the last", n)
	}
}

func TestRepeatedRetentionIsRecordedOnce(t *testing.T) {
	clock := func() time.Time { return start }
	store, index, files := parts(t, clock)
	ctx := context.Background()
	if _, err := store.PutOrganization(ctx, audit.Organization{ID: "acme", Name: "Acme", CreatedAt: start}); err != nil {
		t.Fatal(err)
	}
	a := &Retention{Index: index, Records: store, Own: index, Files: files, Clock: clock, Logger: slog.New(slog.DiscardHandler)}
	in := RecordRetentionInput{Run: "retention-1", Report: Retained{RetentionReport: audit.RetentionReport{Horizon: start, Problems: []string{"an index is overdue"}}}}
	for range 2 {
		if _, err := environment(t, a).ExecuteActivity(a.RecordRetention, in); err != nil {
			t.Fatal(err)
		}
	}
	page, err := index.Search(ctx, "acme", audit.Search{Limit: 10})
	if err != nil || len(page.Events) != 1 || page.Events[0].Outcome != audit.OutcomeFailure {
		t.Errorf("recorded %+v, %v", page.Events, err)
	}
}
