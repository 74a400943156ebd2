package ingest_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/ingest"
)

// preparing is an engine that can make events ready before their commit.
type preparing struct {
	*engine
	prepared [][]*audit.Event // by the order of the calls
	parts    []int            // of each AppendPrepared
}

func (p *preparing) Prepare(events []*audit.Event) any {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.prepared = append(p.prepared, events)
	return events
}

func (p *preparing) AppendPrepared(ctx context.Context, organization string, parts []any) ([]audit.AppendStatus, error) {
	var all []*audit.Event
	for _, part := range parts {
		all = append(all, part.([]*audit.Event)...)
	}
	p.mu.Lock()
	p.parts = append(p.parts, len(parts))
	p.mu.Unlock()
	return p.Append(ctx, organization, all)
}

func TestARequestIsPreparedWhileTheCommitBeforeItsOwnIsUnderWay(t *testing.T) {
	e := &preparing{engine: newEngine(10 * time.Millisecond)}
	inBubble(t, e, ingest.Options{}, func(t *testing.T, c *ingest.Committer) {
		send(t.Context(), c, "acme", events("a"))
		second := send(t.Context(), c, "acme", events("b", "c"))
		third := send(t.Context(), c, "acme", events("d", "b"))
		if len(e.prepared) != 3 || len(e.sizes()) != 0 {
			t.Errorf("%d requests are prepared and %d commits made, want 3 and none", len(e.prepared), len(e.sizes()))
		}
		advance(2 * e.latency)
		wantStatuses(t, second, created, created)
		wantStatuses(t, third, created, duplicate)
		if !slices.Equal(e.parts, []int{1, 2}) {
			t.Errorf("commits of %v requests, want [1 2]", e.parts)
		}
	})
}

func TestARequestThatIsPreparedFailsAlone(t *testing.T) {
	bad := audit.InvalidField("id", "is bad")
	e := &preparing{engine: newEngine(10 * time.Millisecond)}
	e.fail = func(_ string, all []*audit.Event) error {
		if slices.ContainsFunc(all, func(event *audit.Event) bool { return event.ID == "bad" }) {
			return bad
		}
		return nil
	}
	inBubble(t, e, ingest.Options{}, func(t *testing.T, c *ingest.Committer) {
		send(t.Context(), c, "acme", events("first"))
		before := send(t.Context(), c, "acme", events("a"))
		wrong := send(t.Context(), c, "acme", events("bad"))
		after := send(t.Context(), c, "acme", events("b", "a"))
		advance(time.Second)
		wantStatuses(t, before, created)
		wantStatuses(t, after, created, duplicate)
		wantCode(t, wrong.err, audit.CodeInvalid)
		if len(e.prepared) != 4 {
			t.Errorf("%d requests were prepared, want each of 4 once", len(e.prepared))
		}
	})
}

func TestARequestLargerThanACommitIsNotPrepared(t *testing.T) {
	e := &preparing{engine: newEngine(time.Millisecond)}
	inBubble(t, e, ingest.Options{MaxCommit: 10}, func(t *testing.T, c *ingest.Committer) {
		statuses, err := c.Append(t.Context(), "acme", numbered("e", 25))
		if err != nil || len(statuses) != 25 || len(e.prepared) != 0 {
			t.Errorf("got %d statuses, %v, and %d requests prepared; want 25 and none", len(statuses), err, len(e.prepared))
		}
	})
}

func TestNothingIsSpentOnARequestThatIsTurnedAway(t *testing.T) {
	e := &preparing{engine: newEngine(10 * time.Millisecond)}
	inBubble(t, e, ingest.Options{MaxQueued: 5}, func(t *testing.T, c *ingest.Committer) {
		send(t.Context(), c, "acme", events("under way"))
		send(t.Context(), c, "acme", numbered("waiting", 5))
		_, err := c.Append(t.Context(), "acme", events("one too many"))
		wantCode(t, err, audit.CodeRateLimited)
		if len(e.prepared) != 2 {
			t.Errorf("%d requests were prepared, want 2", len(e.prepared))
		}
		advance(time.Second)
	})
}
