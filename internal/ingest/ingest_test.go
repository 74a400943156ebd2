package ingest_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/ingest"
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
