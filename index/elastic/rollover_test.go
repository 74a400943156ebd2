package elastic

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/estest"
)

func (b *bench) rollOver() {
	b.t.Helper()
	b.call(esapi.IndicesRolloverRequest{Alias: eventsName(b.opts.Prefix)}, nil)
}

// another opens one more engine on the same stream, as another process would.
func (tr *trail) another() *trail {
	return &trail{bench: tr.bench, Index: tr.bench.open(tr.clock.Now), clock: tr.clock}
}

func TestAnIdIsKnownAcrossRollovers(t *testing.T) {
	tr := newTrail(t)
	tr.wantAppended(testEvents("a", 3), 3)
	tr.rollOver()
	tr.wantAppended(append(testEvents("a", 3), testEvents("b", 2)...), 2) // it learns of the rollover by the answer
	tr.wantAppended(append(testEvents("a", 3), testEvents("b", 2)...), 0)
	tr.rollOver()
	other := tr.another()
	other.wantAppended(append(testEvents("a", 3), testEvents("b", 2)...), 0)
	tr.wantAppended(append(testEvents("a", 3), testEvents("c", 1)...), 1)
	tr.rollOver()
	tr.wantAppended(append(testEvents("b", 2), testEvents("d", 1)...), 1)
	tr.wantStored(7)
	for _, id := range []string{"a0", "b1", "c0", "d0"} {
		for _, reader := range []*trail{tr, other} { // the other one has not heard of the last rollovers
			if e, err := reader.Get(tr.bench.ctx, acme, id); err != nil || e.ID != id {
				t.Errorf("Get %q: %q, %v", id, e.ID, err)
			}
		}
	}
}

func TestTwoProcessesThatAppendTheSameIdsOverARolloverStoreEachOnce(t *testing.T) {
	tr := newTrail(t)
	processes := []*trail{tr, tr.another(), tr.another()}
	const rounds, size = 30, 20
	created := make([]map[string]bool, len(processes))
	var group sync.WaitGroup
	for p, process := range processes {
		created[p] = map[string]bool{}
		group.Go(func() {
			for round := range rounds {
				events := testEvents(fmt.Sprint("r", round, "-"), size)
				statuses, err := process.Append(tr.bench.ctx, acme, events)
				if err != nil {
					t.Errorf("Append: %v", err)
					return
				}
				for i, s := range statuses {
					if s == audit.StatusCreated {
						created[p][events[i].ID] = true
					}
				}
				if p == 0 && round%10 == 5 {
					tr.rollOver()
				}
			}
		})
	}
	group.Wait()
	tr.wantStored(rounds * size)
	sum := 0
	for _, ids := range created {
		sum += len(ids)
	}
	if sum < rounds*size {
		t.Errorf("%d events were created, want %d", sum, rounds*size)
	}
}

// hideOlder makes the answers to multi-gets say that nothing is there: as they are before a request of another process has arrived.
func (tr *trail) hideOlder() {
	tr.proxy.Do(func(r *http.Request, _ []byte) estest.Fault {
		if !strings.HasSuffix(r.URL.Path, "/_mget") {
			return estest.Fault{}
		}
		return estest.Fault{Alter: func(_ *http.Response, body []byte) []byte {
			return bytes.ReplaceAll(body, []byte(`"found":true`), []byte(`"found":false`))
		}}
	})
}

func TestAnEventThatCameLateIntoTheOlderIndexIsStoredOnceInTheEnd(t *testing.T) {
	tr := newTrail(t)
	tr.late.after = 300 * time.Millisecond
	tr.wantAppended(testEvents("a", 3), 3)
	tr.rollOver()
	tr.wantAppended(testEvents("first", 1), 1)
	tr.hideOlder()
	tr.wantAppended(testEvents("a", 3), 3)
	tr.proxy.Do(nil)
	tr.eventually("one copy of each is left", 30*time.Second, func() bool {
		tr.refreshAll()
		return tr.documents() == 4
	})
	tr.wantStored(4)
	tr.wantAppended(testEvents("a", 3), 0)
}

func TestBeyondTheWindowAnIdMayComeAgain(t *testing.T) {
	tr := newTrail(t)
	tr.wantAppended(testEvents("a", 2), 2)
	tr.rollOver()
	tr.clock.Advance(audit.DedupeWindow - time.Millisecond)
	again := testEvent("a0", tr.clock.Now())
	tr.wantAppended([]*audit.Event{again}, 0)
	tr.clock.Advance(time.Millisecond)
	tr.wantAppended([]*audit.Event{again}, 1)
	tr.wantAppended(testEvents("a", 2), 0) // of the same time: it would stand in the same place
	for id, want := range map[string]time.Time{"a0": again.Time, "a1": testNow.Add(-time.Second)} {
		if e, err := tr.Get(tr.bench.ctx, acme, id); err != nil || !e.Time.Equal(want) {
			t.Errorf("Get %q returns the event of %v (%v), want that of %v", id, e.Time, err, want)
		}
	}
}

func TestOnlyOlderIndicesThatMayHoldAnEventAreAsked(t *testing.T) {
	now := testNow
	day := 24 * time.Hour
	tests := map[string]struct {
		newest time.Time // of the index
		time   time.Time // of the event
		want   bool
	}{
		"it still takes events in":                  {time.Time{}, now, true},
		"its newest was received within the window": {now.Add(-audit.DedupeWindow), now, true},
		"it is older, and so is the event":          {now.Add(-20 * day), now.Add(-20 * day), true},
		"it is older, and the event was ahead":      {now.Add(-20 * day), now.Add(-20 * day).Add(audit.MaxFuture), true},
		"it is older than the event and the window": {now.Add(-20 * day), now.Add(-19 * day), false},
		"it is a millisecond older than the window": {now.Add(-audit.DedupeWindow - time.Millisecond), now, false},
		"it holds nothing":                          {time.UnixMilli(0), now, false},
	}
	for name, test := range tests {
		if got := (generation{newest: test.newest}).mayHold(&audit.Event{Time: test.time}, now); got != test.want {
			t.Errorf("%s: it is asked: %v, want %v", name, got, test.want)
		}
	}
}
