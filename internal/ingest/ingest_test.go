package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/ingest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// engine is an index of fixed commit latency. It remembers its commits and recognises ids, as an index does, and keeps a
// single writer: one commit at a time, whatever the organization.
type engine struct {
	latency time.Duration
	writer  chan struct{} // nil: as many commits at a time as organizations
	fail    func(organization string, events []*audit.Event) error

	mu      sync.Mutex
	commits [][]string // "organization/id" of each
	stored  map[string]bool
}

func newEngine(latency time.Duration) *engine {
	return &engine{latency: latency, stored: map[string]bool{}}
}

func (e *engine) Append(ctx context.Context, organization string, events []*audit.Event) ([]audit.AppendStatus, error) {
	if e.writer != nil {
		e.writer <- struct{}{}
		defer func() { <-e.writer }()
	}
	select {
	case <-time.After(e.latency):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if e.fail != nil {
		if err := e.fail(organization, events); err != nil {
			return nil, err
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	var commit []string
	statuses := make([]audit.AppendStatus, len(events))
	for i, event := range events {
		key := organization + "/" + event.ID
		statuses[i] = audit.StatusCreated
		if e.stored[key] {
			statuses[i] = audit.StatusDuplicate
		}
		e.stored[key] = true
		commit = append(commit, key)
	}
	e.commits = append(e.commits, commit)
	return statuses, nil
}

func (e *engine) sizes() []int {
	e.mu.Lock()
	defer e.mu.Unlock()
	var sizes []int
	for _, commit := range e.commits {
		sizes = append(sizes, len(commit))
	}
	return sizes
}

func events(ids ...string) []*audit.Event {
	var all []*audit.Event
	for _, id := range ids {
		all = append(all, &audit.Event{ID: id})
	}
	return all
}

func numbered(prefix string, n int) []*audit.Event {
	all := make([]*audit.Event, n)
	for i := range all {
		all[i] = &audit.Event{ID: fmt.Sprintf("%s-%d", prefix, i)}
	}
	return all
}

// result is what one Append answered.
type result struct {
	statuses []audit.AppendStatus
	err      error
	took     time.Duration
}

// send appends in the background; the result can be read once the call has returned. The call is queued before send returns.
func send(ctx context.Context, c *ingest.Committer, organization string, batch []*audit.Event) *result {
	r := &result{}
	began := time.Now()
	go func() {
		r.statuses, r.err = c.Append(ctx, organization, batch)
		r.took = time.Since(began)
	}()
	synctest.Wait()
	return r
}

// inBubble runs a test on virtual time, with a Committer that is closed at the end.
func inBubble(t *testing.T, e ingest.Appender, opts ingest.Options, f func(t *testing.T, c *ingest.Committer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := ingest.New(e, opts)
		f(t, c)
		if err := c.Close(t.Context()); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
}

// advance moves the virtual time on and lets everything that is due happen.
func advance(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func wantCode(t *testing.T, err error, code audit.Code) {
	t.Helper()
	if got := audit.CodeOf(err); got != code {
		t.Errorf("the error is %q (%v), want %q", got, err, code)
	}
}

func wantStatuses(t *testing.T, r *result, want ...audit.AppendStatus) {
	t.Helper()
	if r.err != nil || !slices.Equal(r.statuses, want) {
		t.Errorf("got %v, %v; want %v", r.statuses, r.err, want)
	}
}

const (
	created   = audit.StatusCreated
	duplicate = audit.StatusDuplicate
)

func TestARequestToAnIdleOrganizationIsCommittedAtOnce(t *testing.T) {
	e := newEngine(10 * time.Millisecond)
	inBubble(t, e, ingest.Options{}, func(t *testing.T, c *ingest.Committer) {
		began := time.Now()
		statuses, err := c.Append(t.Context(), "acme", events("a", "b", "a"))
		wantStatuses(t, &result{statuses: statuses, err: err}, created, created, duplicate)
		if took := time.Since(began); took != e.latency {
			t.Errorf("it took %v, want one commit: %v", took, e.latency)
		}
	})
}

func TestRequestsThatArriveDuringACommitShareTheNextOne(t *testing.T) {
	e := newEngine(10 * time.Millisecond)
	inBubble(t, e, ingest.Options{}, func(t *testing.T, c *ingest.Committer) {
		first := send(t.Context(), c, "acme", events("a"))
		second := send(t.Context(), c, "acme", events("b", "a"))
		third := send(t.Context(), c, "acme", events("c"))
		fourth := send(t.Context(), c, "acme", events("b", "d", "c"))
		advance(2 * e.latency)
		wantStatuses(t, first, created)
		wantStatuses(t, second, created, duplicate)
		wantStatuses(t, third, created)
		wantStatuses(t, fourth, duplicate, created, duplicate)
		if got := e.sizes(); !slices.Equal(got, []int{1, 6}) {
			t.Errorf("commits of %v events, want [1 6]", got)
		}
	})
}

func TestManyEventsThatWaitAreCommittedBesideTheCommitUnderWay(t *testing.T) {
	e := newEngine(10 * time.Millisecond)
	inBubble(t, e, ingest.Options{InFlight: 2}, func(t *testing.T, c *ingest.Committer) {
		first := send(t.Context(), c, "acme", numbered("a", 500))
		second := send(t.Context(), c, "acme", numbered("b", 500))
		third := send(t.Context(), c, "acme", numbered("c", 500))
		fourth := send(t.Context(), c, "acme", numbered("d", 500))
		advance(2 * e.latency)
		for want, r := range map[time.Duration][]*result{e.latency: {first, second}, 2 * e.latency: {third, fourth}} {
			for _, r := range r {
				if r.err != nil || len(r.statuses) != 500 || r.took != want {
					t.Errorf("%d events took %v (%v), want %v", len(r.statuses), r.took, r.err, want)
				}
			}
		}
		if got := e.sizes(); !slices.Equal(got, []int{500, 500, 1000}) {
			t.Errorf("commits of %v events, want [500 500 1000]", got)
		}
	})
}

func TestFewEventsThatWaitShareTheNextCommitThoughAnotherMayBeUnderWay(t *testing.T) {
	e := newEngine(10 * time.Millisecond)
	inBubble(t, e, ingest.Options{InFlight: 2}, func(t *testing.T, c *ingest.Committer) {
		for i := range 40 {
			send(t.Context(), c, "acme", numbered(fmt.Sprint(i), 1))
		}
		advance(2 * e.latency)
		if got := e.sizes(); !slices.Equal(got, []int{1, 39}) {
			t.Errorf("commits of %v events, want [1 39]", got)
		}
	})
}

func TestNoRequestIsSplitOverCommitsWhereItFitsIntoOne(t *testing.T) {
	e := newEngine(10 * time.Millisecond)
	inBubble(t, e, ingest.Options{MaxCommit: 10}, func(t *testing.T, c *ingest.Committer) {
		results := []*result{send(t.Context(), c, "acme", numbered("first", 1))}
		for i, n := range []int{6, 4, 7, 4, 10, 1} {
			results = append(results, send(t.Context(), c, "acme", numbered(fmt.Sprint(i), n)))
		}
		advance(10 * e.latency)
		for i, r := range results {
			if r.err != nil {
				t.Errorf("request %d: %v", i, r.err)
			}
		}
		if got := e.sizes(); !slices.Equal(got, []int{1, 10, 7, 4, 10, 1}) {
			t.Errorf("commits of %v events, want [1 10 7 4 10 1]", got)
		}
	})
}

func TestARequestLargerThanACommitIsStoredInSlices(t *testing.T) {
	e := newEngine(time.Millisecond)
	inBubble(t, e, ingest.Options{MaxCommit: 10}, func(t *testing.T, c *ingest.Committer) {
		statuses, err := c.Append(t.Context(), "acme", numbered("e", 25))
		if err != nil || len(statuses) != 25 {
			t.Errorf("got %d statuses, %v; want 25", len(statuses), err)
		}
		if got := e.sizes(); !slices.Equal(got, []int{10, 10, 5}) {
			t.Errorf("commits of %v events, want [10 10 5]", got)
		}
	})
}

func TestEveryEngineIsGivenCommitsOfTheSizeThatSuitsIt(t *testing.T) {
	for engine, want := range map[string][]int{"sqlite": {5000, 1000}, "elastic": {2000, 2000, 2000}} {
		t.Run(engine, func(t *testing.T) {
			e := newEngine(10 * time.Millisecond)
			inBubble(t, e, ingest.OptionsFor(engine), func(t *testing.T, c *ingest.Committer) {
				if _, err := c.Append(t.Context(), "acme", numbered("e", 6000)); err != nil {
					t.Error(err)
				}
				if got := e.sizes(); !slices.Equal(got, want) {
					t.Errorf("commits of %v events, want %v", got, want)
				}
			})
		})
	}
}

func TestNothingToStoreNeedsNoCommit(t *testing.T) {
	e := newEngine(time.Millisecond)
	inBubble(t, e, ingest.Options{}, func(t *testing.T, c *ingest.Committer) {
		statuses, err := c.Append(t.Context(), "acme", nil)
		if err != nil || statuses == nil || len(statuses) != 0 || len(e.sizes()) != 0 {
			t.Errorf("got %v, %v after %d commits; want an empty list and none", statuses, err, len(e.sizes()))
		}
	})
}

func TestOrganizationsDoNotBlockOneAnother(t *testing.T) {
	e := newEngine(10 * time.Millisecond)
	var release chan struct{}
	e.fail = func(organization string, _ []*audit.Event) error {
		if organization == "slow" {
			<-release
		}
		return nil
	}
	synctest.Test(t, func(t *testing.T) {
		release = make(chan struct{})
		c := ingest.New(e, ingest.Options{MaxQueued: 2})
		slow := send(t.Context(), c, "slow", events("a"))
		advance(20 * time.Millisecond)
		full := send(t.Context(), c, "slow", events("b", "c"))
		wantCode(t, func() error { _, err := c.Append(t.Context(), "slow", events("d")); return err }(), audit.CodeRateLimited)
		if _, err := c.Append(t.Context(), "quick", events("a")); err != nil {
			t.Errorf("the other organization: %v", err)
		}
		close(release)
		if err := c.Close(t.Context()); err != nil {
			t.Errorf("Close: %v", err)
		}
		synctest.Wait()
		wantStatuses(t, slow, created)
		wantStatuses(t, full, created, created)
	})
}

func TestAFullQueueTurnsRequestsAwayAndSaysWhenToComeBack(t *testing.T) {
	for name, opts := range map[string]ingest.Options{
		"of the organization":  {MaxQueued: 5},
		"of all organizations": {MaxQueuedTotal: 5},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEngine(10 * time.Millisecond)
			inBubble(t, e, opts, func(t *testing.T, c *ingest.Committer) {
				send(t.Context(), c, "acme", events("under way"))
				large := send(t.Context(), c, "acme", numbered("large", 7)) // finds its queue empty
				_, err := c.Append(t.Context(), "acme", events("one too many"))
				wantCode(t, err, audit.CodeRateLimited)
				var e *audit.Error
				if !errors.As(err, &e) || e.RetryAfter != time.Second {
					t.Errorf("RetryAfter is not 1 s: %+v", err)
				}
				advance(time.Second)
				if large.err != nil {
					t.Errorf("the request that found its queue empty: %v", large.err)
				}
				if _, err := c.Append(t.Context(), "acme", events("one too many")); err != nil {
					t.Errorf("after the queue was emptied: %v", err)
				}
			})
		})
	}
}

func TestACommitHasADeadline(t *testing.T) {
	e := newEngine(time.Hour)
	inBubble(t, e, ingest.Options{}, func(t *testing.T, c *ingest.Committer) {
		began := time.Now()
		_, err := c.Append(t.Context(), "acme", events("a"))
		wantCode(t, err, audit.CodeUnavailable)
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("it took %v, want 5s", took)
		}
	})
}

func TestACallerWhoseContextEndsStopsWaiting(t *testing.T) {
	e := newEngine(10 * time.Millisecond)
	inBubble(t, e, ingest.Options{}, func(t *testing.T, c *ingest.Committer) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Millisecond)
		defer cancel()
		underWay := send(ctx, c, "acme", events("under way"))
		waiting := send(ctx, c, "acme", events("waiting"))
		patient := send(t.Context(), c, "acme", events("patient"))
		advance(4 * time.Millisecond)
		for _, r := range []*result{underWay, waiting} {
			wantCode(t, r.err, audit.CodeUnavailable)
			if !errors.Is(r.err, context.DeadlineExceeded) || r.took != 3*time.Millisecond {
				t.Errorf("it returned %v after %v, want the end of its context after 3ms", r.err, r.took)
			}
		}
		advance(time.Second)
		wantStatuses(t, patient, created)
		if !e.stored["acme/under way"] || e.stored["acme/waiting"] {
			t.Errorf("stored %v: want what was under way, and not what only waited", e.stored)
		}
		_, err := c.Append(ctx, "acme", events("late"))
		wantCode(t, err, audit.CodeUnavailable)
	})
}

func TestABadNeighbourFailsAlone(t *testing.T) {
	for name, bad := range map[string]error{
		"not valid":        audit.InvalidField("id", "is bad"),
		"an unknown fault": errors.New("the engine tripped over it"),
	} {
		t.Run(name, func(t *testing.T) {
			e := newEngine(10 * time.Millisecond)
			e.fail = func(_ string, all []*audit.Event) error {
				if slices.ContainsFunc(all, func(event *audit.Event) bool { return event.ID == "bad" }) {
					return bad
				}
				return nil
			}
			inBubble(t, e, ingest.Options{}, func(t *testing.T, c *ingest.Committer) {
				send(t.Context(), c, "acme", events("first"))
				before := send(t.Context(), c, "acme", events("a", "b"))
				wrong := send(t.Context(), c, "acme", events("c", "bad"))
				after := send(t.Context(), c, "acme", events("d", "a"))
				advance(time.Second)
				wantStatuses(t, before, created, created)
				wantStatuses(t, after, created, duplicate)
				if !errors.Is(wrong.err, bad) || e.stored["acme/c"] {
					t.Errorf("the bad request got %v, and stored: %v", wrong.err, e.stored["acme/c"])
				}
			})
		})
	}
}

func TestAnEngineThatIsDownIsNotAskedOnceARequest(t *testing.T) {
	e := newEngine(10 * time.Millisecond)
	calls := 0
	e.fail = func(string, []*audit.Event) error {
		calls++
		return audit.Unavailable(nil, 3*time.Second, "the disk is full")
	}
	inBubble(t, e, ingest.Options{}, func(t *testing.T, c *ingest.Committer) {
		var results []*result
		for i := range 10 {
			results = append(results, send(t.Context(), c, "acme", events(fmt.Sprint(i))))
		}
		advance(time.Second)
		for _, r := range results {
			wantCode(t, r.err, audit.CodeUnavailable)
		}
		if calls != 2 {
			t.Errorf("the engine was asked %d times, want 2", calls)
		}
	})
}

// miscounting answers one status too few.
type miscounting struct{}

func (miscounting) Append(_ context.Context, _ string, all []*audit.Event) ([]audit.AppendStatus, error) {
	return make([]audit.AppendStatus, len(all)-1), nil
}

func TestAnEngineThatAnswersTheWrongNumberOfStatusesAcknowledgesNothing(t *testing.T) {
	c := ingest.New(miscounting{}, ingest.Options{})
	_, err := c.Append(t.Context(), "acme", events("a", "b"))
	wantCode(t, err, audit.CodeInternal)
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestCloseFinishesWhatWasTakenInAndRefusesNewRequests(t *testing.T) {
	e := newEngine(10 * time.Millisecond)
	inBubble(t, e, ingest.Options{}, func(t *testing.T, c *ingest.Committer) {
		first := send(t.Context(), c, "acme", events("a"))
		second := send(t.Context(), c, "acme", events("b"))
		closed := make(chan error, 1)
		go func() { closed <- c.Close(t.Context()) }()
		synctest.Wait()
		_, err := c.Append(t.Context(), "acme", events("c"))
		wantCode(t, err, audit.CodeUnavailable)
		if err := <-closed; err != nil {
			t.Errorf("Close: %v", err)
		}
		synctest.Wait()
		wantStatuses(t, first, created)
		wantStatuses(t, second, created)
	})
}

func TestCloseCutsShortWhatTakesTooLong(t *testing.T) {
	e := newEngine(time.Minute)
	synctest.Test(t, func(t *testing.T) {
		c := ingest.New(e, ingest.Options{Timeout: time.Hour})
		first := send(t.Context(), c, "acme", events("a"))
		second := send(t.Context(), c, "acme", events("b"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		wantCode(t, c.Close(ctx), audit.CodeUnavailable)
		synctest.Wait()
		wantCode(t, first.err, audit.CodeUnavailable)
		wantCode(t, second.err, audit.CodeUnavailable)
		if len(e.sizes()) != 0 {
			t.Error("something was committed")
		}
	})
}

func TestHooksHearOfEveryCommitAndCannotFailIt(t *testing.T) {
	e := newEngine(10 * time.Millisecond)
	var stats []ingest.Stats
	var heard []string
	opts := ingest.Options{
		Logger:  slog.New(slog.NewTextHandler(io.Discard, nil)),
		Observe: func(s ingest.Stats) { stats = append(stats, s); panic("observer") },
		Committed: func(organization string, all []*audit.Event, statuses []audit.AppendStatus) {
			for i, event := range all {
				heard = append(heard, fmt.Sprintf("%s/%s %s", organization, event.ID, statuses[i]))
			}
			panic("listener")
		},
	}
	e.fail = func(_ string, all []*audit.Event) error {
		if all[0].ID == "refused" {
			return audit.Unavailable(nil, 0, "down")
		}
		return nil
	}
	inBubble(t, e, opts, func(t *testing.T, c *ingest.Committer) {
		send(t.Context(), c, "acme", events("a"))
		advance(4 * time.Millisecond)
		b := send(t.Context(), c, "acme", events("b", "a"))
		send(t.Context(), c, "acme", events("c"))
		advance(time.Second)
		wantStatuses(t, b, created, duplicate)
		_, err := c.Append(t.Context(), "acme", events("refused"))
		wantCode(t, err, audit.CodeUnavailable)
	})
	if want := "acme/a created, acme/b created, acme/a duplicate, acme/c created"; strings.Join(heard, ", ") != want {
		t.Errorf("heard %v, want %s", heard, want)
	}
	if len(stats) != 3 || stats[2].Err == nil {
		t.Fatalf("observed %+v, want three commits, the last one failed", stats)
	}
	want := ingest.Stats{Organization: "acme", Requests: 2, Events: 3, Wait: 6 * time.Millisecond, Commit: 10 * time.Millisecond}
	if stats[1] != want {
		t.Errorf("the second commit is %+v, want %+v", stats[1], want)
	}
}

// clients appends n events, one a request, by 64 clients, and returns how long it took.
func clients(t testing.TB, appender ingest.Appender, n int) time.Duration {
	t.Helper()
	began := time.Now()
	var wg sync.WaitGroup
	for client := range 64 {
		wg.Go(func() {
			for i := client; i < n; i += 64 {
				if _, err := appender.Append(t.Context(), "acme", events(fmt.Sprint(i))); err != nil {
					t.Errorf("event %d: %v", i, err)
				}
			}
		})
	}
	wg.Wait()
	return time.Since(began)
}

func TestManyClientsOfOneEventARequestAreTenTimesAsFastAsOneCommitAnEvent(t *testing.T) {
	const n = 6400
	synctest.Test(t, func(t *testing.T) {
		alone := newEngine(5 * time.Millisecond)
		alone.writer = make(chan struct{}, 1)
		single := clients(t, alone, n)

		shared := newEngine(5 * time.Millisecond)
		c := ingest.New(shared, ingest.Options{})
		grouped := clients(t, c, n)
		if err := c.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if len(shared.stored) != n {
			t.Errorf("%d events stored, want %d", len(shared.stored), n)
		}
		if grouped*10 > single {
			t.Errorf("group commit took %v, one commit an event %v: want a tenth at most", grouped, single)
		}
	})
}

func TestManyOrganizationsAndClientsGetTheirOwnAnswers(t *testing.T) {
	e := newEngine(100 * time.Microsecond)
	c := ingest.New(e, ingest.Options{MaxCommit: 50})
	var wg sync.WaitGroup
	for client := range 40 {
		wg.Go(func() {
			organization := fmt.Sprintf("org-%d", client%4)
			for i := range 20 {
				batch := numbered(fmt.Sprintf("%d-%d", client, i), 1+i%7)
				batch = append(batch, batch[0])
				statuses, err := c.Append(t.Context(), organization, batch)
				if err != nil || len(statuses) != len(batch) {
					t.Errorf("got %d statuses, %v; want %d", len(statuses), err, len(batch))
					return
				}
				if i := slices.Index(statuses, duplicate); i != len(batch)-1 {
					t.Errorf("the first duplicate is at %d of %v, want the last", i, statuses)
				}
			}
		})
	}
	wg.Wait()
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// BenchmarkOneEventARequest compares group commit with one commit an event, on an engine whose commit takes 2 ms.
func BenchmarkOneEventARequest(b *testing.B) {
	run := func(b *testing.B, appender ingest.Appender) {
		took := clients(b, appender, b.N)
		b.ReportMetric(float64(b.N)/took.Seconds(), "events/s")
	}
	b.Run("commit an event", func(b *testing.B) {
		e := newEngine(2 * time.Millisecond)
		e.writer = make(chan struct{}, 1)
		run(b, e)
	})
	b.Run("group commit", func(b *testing.B) {
		c := ingest.New(newEngine(2*time.Millisecond), ingest.Options{})
		run(b, c)
		if err := c.Close(context.Background()); err != nil {
			b.Error(err)
		}
	})
}
