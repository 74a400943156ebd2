package elastic

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/estest"
)

// on does something to the requests whose path ends so.
func (tr *trail) on(path string, fault estest.Fault) {
	tr.proxy.Do(func(r *http.Request, _ []byte) estest.Fault {
		if strings.HasSuffix(r.URL.Path, path) {
			return fault
		}
		return estest.Fault{}
	})
}

// replaced changes an answer.
func replaced(old, with string) func(*http.Response, []byte) []byte {
	return func(_ *http.Response, body []byte) []byte { return []byte(strings.ReplaceAll(string(body), old, with)) }
}

const (
	shardAway   = `"error":{"type":"no_shard_available_action_exception","reason":"no shard"}`
	indexIsGone = `"error":{"type":"index_not_found_exception","reason":"no such index"}`
)

func TestAppendStoresNothingWhereItCannotLookUpWhatIsStored(t *testing.T) {
	tr := newTrail(t)
	tr.wantAppended(testEvents("a", 2), 2)
	tr.rollOver()
	tr.wantAppended(testEvents("b", 1), 1)
	tr.appendDeadline = 500 * time.Millisecond
	for name, fault := range map[string]estest.Fault{
		"a shard of an older index is away": {Alter: replaced(`"found":true`, shardAway)},
		"the answer is short":               {Status: http.StatusOK, Body: `{"docs":[]}`},
		"the answer is no JSON":             {Status: http.StatusOK, Body: `<html>`},
		"the cluster is busy":               {Status: http.StatusTooManyRequests, Body: busyBody},
		"the connection ends in the middle": {Cut: true},
	} {
		t.Run(name, func(t *testing.T) {
			tr.on("/_mget", fault)
			statuses, err := tr.Append(tr.bench.ctx, acme, append(testEvents("a", 2), testEvents("new", 2)...))
			if statuses != nil {
				t.Errorf("Append acknowledged %d events", len(statuses))
			}
			wantRetry(t, err)
		})
	}
	tr.proxy.Do(nil)
	tr.wantStored(3)
	tr.appendDeadline = appendDeadline
	tr.wantAppended(append(testEvents("a", 2), testEvents("new", 2)...), 2)
}

func TestAnOlderIndexThatWasDeletedHoldsNothing(t *testing.T) {
	tr := newTrail(t)
	tr.wantAppended(testEvents("a", 2), 2)
	tr.rollOver()
	tr.wantAppended(testEvents("b", 1), 1)
	older := tr.state(small(t, 1)).backing[0].name
	if status := estest.Ask(t, estest.URL(t), http.MethodDelete, "/"+older, "", nil); status != http.StatusOK {
		t.Fatalf("DELETE %s: %d", older, status)
	}
	if _, err := tr.Get(tr.bench.ctx, acme, "a1"); audit.CodeOf(err) != audit.CodeNotFound {
		t.Errorf("Get of an event that went with its index: %v", err)
	}
	tr.wantAppended(append(testEvents("a", 1), testEvents("b", 1)...), 1)
	tr.wantStored(2)
}

func TestGetIsAnErrorWhereItCannotTell(t *testing.T) {
	tr := newTrail(t)
	tr.wantAppended(testEvents("a", 1), 1)
	for path, fault := range map[string]estest.Fault{
		"/_mget":   {Alter: replaced(`"found":true`, shardAway)},
		"/_search": {Alter: replaced(`"failed":0`, `"failed":1`)},
	} {
		tr.on(path, fault)
		id := map[string]string{"/_mget": "a0", "/_search": "missing"}[path]
		_, err := tr.Get(tr.bench.ctx, acme, id)
		wantRetry(t, err)
	}
	tr.on("/_mget", estest.Fault{Alter: replaced(`"found":true`, indexIsGone)})
	if e, err := tr.Get(tr.bench.ctx, acme, "a0"); audit.CodeOf(err) != audit.CodeNotFound && e.ID != "a0" {
		t.Errorf("Get where the index is gone: %v", err)
	}
	tr.on("/_mget", estest.Fault{Alter: replaced(`"@timestamp":"2026`, `"@timestamp":"twenty`)})
	if _, err := tr.Get(tr.bench.ctx, acme, "a0"); audit.CodeOf(err) != audit.CodeInternal {
		t.Errorf("Get of a document that is none: %v, want an error of code internal", err)
	}
}

func TestACopyThatCannotBeDeletedIsDeletedLater(t *testing.T) {
	tr := newTrail(t)
	tr.late.after = 200 * time.Millisecond
	tr.appendDeadline = time.Second
	tr.wantAppended(testEvents("a", 2), 2)
	tr.rollOver()
	// The rollover is not known yet: the two are created once more, found in the older index, and cannot be deleted.
	tr.proxy.Do(func(r *http.Request, body []byte) estest.Fault {
		if isBulk(r) && strings.HasPrefix(string(body), `{"delete"`) {
			return estest.Fault{Status: http.StatusServiceUnavailable}
		}
		return estest.Fault{}
	})
	tr.wantRefused(testEvents("a", 2), "Elasticsearch cannot do this now")
	tr.proxy.Do(nil)
	tr.eventually("one copy of each is left", 30*time.Second, func() bool {
		tr.refreshAll()
		return tr.documents() == 2
	})
	tr.appendDeadline = appendDeadline
	tr.wantAppended(testEvents("a", 2), 0)
	tr.wantStored(2)
}
