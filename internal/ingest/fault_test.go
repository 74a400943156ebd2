package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/ingest"
)

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
