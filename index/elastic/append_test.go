package elastic

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/estest"
)

func isBulk(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/_bulk") }

// onBulk does something to bulk requests, as often as said.
func (tr *trail) onBulk(times int, fault estest.Fault) {
	var mu sync.Mutex
	tr.proxy.Do(func(r *http.Request, _ []byte) estest.Fault {
		mu.Lock()
		defer mu.Unlock()
		if !isBulk(r) || times == 0 {
			return estest.Fault{}
		}
		times--
		return fault
	})
}

const busyBody = `{"error":{"type":"circuit_breaking_exception","reason":"[parent] Data too large"},"status":429}`

func TestAnEventWhoseAcknowledgementWasLostIsADuplicateAndFound(t *testing.T) {
	tr := newTrail(t)
	tr.wantAppended(testEvents("first", 1), 1) // makes what the first event of a month makes
	tr.appendDeadline = 2 * time.Second
	committed := make(chan struct{})
	tr.onBulk(1, estest.Fault{Answered: func() { close(committed) }, DelayAnswer: time.Minute})
	tr.wantRefused(testEvents("a", 3), "did not store the events in time")
	select {
	case <-committed:
	default:
		t.Fatal("Elasticsearch had not stored the events when the call gave up: this shows nothing")
	}
	tr.proxy.Do(nil)
	tr.appendDeadline = appendDeadline
	tr.wantAppended(append(testEvents("a", 3), testEvent("new", testNow)), 1)
	for _, id := range []string{"a0", "a1", "a2", "new"} {
		if _, err := tr.Get(tr.bench.ctx, acme, id); err != nil {
			t.Errorf("Get %q: %v", id, err)
		}
	}
	tr.wantStored(5)
}

func TestAnAnswerThatWasLostOnTheWayIsFoundOutWithinTheCall(t *testing.T) {
	for name, fault := range map[string]estest.Fault{"cut": {Cut: true}, "altered to a bad gateway": {Alter: func(a *http.Response, _ []byte) []byte {
		a.StatusCode = http.StatusBadGateway
		return []byte("<html>Bad Gateway</html>")
	}}} {
		t.Run(name, func(t *testing.T) {
			tr := newTrail(t)
			tr.wantAppended(testEvents("old", 2), 2)
			tr.clock.Advance(time.Second)
			tr.onBulk(1, fault)
			events := append(testEvents("old", 2), testEvents("new", 3)...)
			tr.wantAppended(events, 3)
			for _, e := range events[2:] {
				if !e.ReceivedAt.Equal(tr.clock.Now()) {
					t.Errorf("%q was received at %v, want %v", e.ID, e.ReceivedAt, tr.clock.Now())
				}
			}
			tr.wantStored(5)
		})
	}
}

func TestAClusterThatHasTooMuchToDoIsAskedAgainAndThenUnavailable(t *testing.T) {
	tr := newTrail(t)
	for _, fault := range []estest.Fault{{Status: http.StatusTooManyRequests, Body: busyBody}, {Status: http.StatusServiceUnavailable}, {Refuse: true}} {
		tr.onBulk(2, fault)
		tr.wantAppended(testEvents(fmt.Sprint("once", fault.Status, "-"), 4), 4)
	}
	tr.appendDeadline = time.Second
	tr.onBulk(-1, estest.Fault{Status: http.StatusTooManyRequests, Body: busyBody})
	tr.wantRefused(testEvents("b", 4), "Elasticsearch has too much to do")
	if tr.proxy.Requests.Load() < 6 {
		t.Error("it was not asked again")
	}
	tr.proxy.Do(nil)
	tr.wantAppended(testEvents("b", 4), 4)
	tr.wantStored(16)
}

// rejecting makes the answer to a bulk say that Elasticsearch did not take the events of the ids; it does not see them.
func (tr *trail) rejecting(times int, status int, kind, reason string, ids ...string) {
	var mu sync.Mutex
	tr.proxy.Do(func(r *http.Request, body []byte) estest.Fault {
		mu.Lock()
		defer mu.Unlock()
		if !isBulk(r) || times == 0 {
			return estest.Fault{}
		}
		times--
		lines := strings.SplitAfter(string(body), "\n")
		var passed strings.Builder
		var items []string
		for i := 0; i+1 < len(lines); i += 2 {
			if slices.ContainsFunc(ids, func(id string) bool { return strings.Contains(lines[i+1], `"id":"`+id+`"`) }) {
				items = append(items, fmt.Sprintf(`{"create":{"_index":"x","status":%d,"error":{"type":%q,"reason":%q}}}`, status, kind, reason))
				continue
			}
			items = append(items, `{"create":{"_index":"x","status":201}}`)
			passed.WriteString(lines[i] + lines[i+1])
		}
		if passed.Len() > 0 {
			if got := estest.Ask(tr.t, estest.URL(tr.t), http.MethodPost, r.URL.Path, passed.String(), nil); got != http.StatusOK {
				tr.t.Errorf("the bulk of the items that pass: %d", got)
			}
		}
		return estest.Fault{Status: http.StatusOK, Body: `{"errors":true,"items":[` + strings.Join(items, ",") + `]}`}
	})
}

func TestAPartialFailureIsNeitherAnAcknowledgementNorALostRejection(t *testing.T) {
	odd := []string{"a1", "a3", "a5", "a7"}
	t.Run("of items that there was no room for", func(t *testing.T) {
		tr := newTrail(t)
		tr.rejecting(2, http.StatusTooManyRequests, "es_rejected_execution_exception", "rejected execution of primary operation", odd...)
		tr.wantAppended(testEvents("a", 9), 9)
		tr.wantStored(9)
	})
	t.Run("of items whose shard stays away", func(t *testing.T) {
		tr := newTrail(t)
		tr.appendDeadline = time.Second
		tr.rejecting(-1, http.StatusServiceUnavailable, "unavailable_shards_exception", "primary shard is not active", odd...)
		tr.wantRefused(testEvents("a", 9), "Elasticsearch cannot do this now")
		tr.proxy.Do(nil)
		tr.wantAppended(testEvents("a", 9), 4)
		tr.wantStored(9)
	})
	t.Run("of an item that is refused for good", func(t *testing.T) {
		tr := newTrail(t)
		tr.rejecting(-1, http.StatusBadRequest, "document_parsing_exception", "failed to parse", "a3")
		statuses, err := tr.Append(tr.bench.ctx, acme, testEvents("a", 5))
		if statuses != nil || audit.CodeOf(err) != audit.CodeInternal {
			t.Errorf("Append returned %v and %v, want an error of code internal", statuses, err)
		}
		tr.wantStored(4)
	})
	t.Run("of an answer that does not speak of every event", func(t *testing.T) {
		tr := newTrail(t)
		tr.appendDeadline = time.Second
		tr.onBulk(-1, estest.Fault{Status: http.StatusOK, Body: `{"errors":false,"items":[{"create":{"_index":"x","status":201}}]}`})
		tr.wantRefused(testEvents("a", 2), "answered for 1 of 2 events")
	})
}

func TestAClusterThatCannotSearchForAMomentIsAskedAgain(t *testing.T) {
	tr := newTrail(t)
	failures := 2
	var mu sync.Mutex
	tr.proxy.Do(func(r *http.Request, _ []byte) estest.Fault {
		mu.Lock()
		defer mu.Unlock()
		if failures == 0 || isBulk(r) {
			return estest.Fault{}
		}
		failures--
		return estest.Fault{Status: http.StatusServiceUnavailable, Body: `{"error":{"type":"search_phase_execution_exception","reason":"all shards failed"},"status":503}`}
	})
	tr.wantAppended(testEvents("a", 3), 3)
	if failures > 0 {
		t.Error("nothing failed")
	}
}

func TestABulkThatTakesLongerThanTheDeadlineIsNotAcknowledged(t *testing.T) {
	tr := newTrail(t)
	tr.onBulk(-1, estest.Fault{DelayRequest: 30 * time.Second})
	began := time.Now()
	tr.wantRefused(testEvents("a", 2), "did not store the events in time")
	if took := time.Since(began); took > appendDeadline+time.Second {
		t.Errorf("it took %s to say so", took)
	}
	ctx, cancel := context.WithTimeout(tr.bench.ctx, 200*time.Millisecond)
	defer cancel()
	if _, err := tr.Append(ctx, acme, testEvents("a", 2)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the error of a context that ended is %v", err)
	}
	tr.proxy.Do(nil)
	tr.wantAppended(testEvents("a", 2), 2)
}
