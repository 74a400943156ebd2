package sqlite

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/index"
	"github.com/audittrail/audittrail/index/indextest"
)

// preparing is an index whose appends take the way of shared commits: events are made ready a few at a time, and stored together.
type preparing struct{ *clocked }

func (p preparing) Append(ctx context.Context, organization string, events []*audit.Event) ([]audit.AppendStatus, error) {
	var parts []any
	for few := range slices.Chunk(events, 3) {
		parts = append(parts, p.Prepare(few))
	}
	return p.AppendPrepared(ctx, organization, parts)
}

type preparingFactory struct{ factory }

func (f preparingFactory) Open(t testing.TB, clock *indextest.Clock) index.Index {
	return preparing{f.factory.Open(t, clock).(*clocked)}
}

func (f preparingFactory) Reopen(t testing.TB, previous index.Index) index.Index {
	t.Helper()
	return preparing{f.factory.Reopen(t, previous.(preparing).clocked).(*clocked)}
}

func TestSQLiteKeepsThePromisesOfAnIndexForEventsThatWerePreparedBefore(t *testing.T) {
	indextest.Run(t, preparingFactory{})
}

func TestPreparedEventsMayBeAppendedAgainAndAreDuplicatesThen(t *testing.T) {
	x := openTest(t, t.TempDir(), Options{})
	at := time.Date(2026, 11, 5, 8, 0, 0, 0, time.UTC)
	first, second := testEvent("a", at), testEvent("b", at)
	again := testEvent("a", at)
	parts := []any{x.Prepare([]*audit.Event{first}), x.Prepare([]*audit.Event{second, again})}
	for round, want := range []string{"[created created duplicate]", "[duplicate duplicate duplicate]"} {
		statuses, err := x.AppendPrepared(t.Context(), "acme", parts)
		if got := fmt.Sprint(statuses); err != nil || got != want {
			t.Errorf("round %d: got %s, %v; want %s", round, got, err, want)
		}
	}
	if first.ReceivedAt.IsZero() || !again.ReceivedAt.IsZero() {
		t.Errorf("stamps are %v and, of the duplicate, %v", first.ReceivedAt, again.ReceivedAt)
	}
	mustVerify(t, x, 2)
}

func TestManyPreparedEventsAreStoredBesideFewOnes(t *testing.T) {
	x := openTest(t, t.TempDir(), Options{})
	at := time.Date(2026, 11, 5, 8, 0, 0, 0, time.UTC)
	var parts []any
	for part, n := range []int{1, 3 * prepareAtOnce, prepareAtOnce, prepareAtOnce + 1} {
		var events []*audit.Event
		for i := range n {
			events = append(events, testEvent(fmt.Sprint(part, "-", i), at))
		}
		parts = append(parts, x.Prepare(events))
	}
	statuses, err := x.AppendPrepared(t.Context(), "acme", parts)
	if err != nil || len(statuses) != 5*prepareAtOnce+2 || slices.Contains(statuses, audit.StatusDuplicate) {
		t.Fatalf("%d statuses, %v", len(statuses), err)
	}
	mustVerify(t, x, 5*prepareAtOnce+2)
}
