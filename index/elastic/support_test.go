package elastic

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/index/indextest"
	"github.com/audittrail/audittrail/internal/cluster"
	"github.com/audittrail/audittrail/internal/estest"
)

const acme = "acme"

var testNow = time.Date(2026, 11, 15, 10, 30, 0, 0, time.UTC)

// testEvent is an event with the usual fields.
func testEvent(id string, at time.Time) *audit.Event {
	return &audit.Event{ID: id, Time: at, Log: audit.LogOperation, Action: "contacts.member.added", Outcome: audit.OutcomeSuccess,
		Actor:   audit.Actor{ID: "u_17", Name: "Alice Smith", Type: "member"},
		Targets: []audit.Target{{Type: "member", ID: "u_42", Name: "Bob Lee"}},
		Message: "Alice Smith added Bob Lee to Sales", Metadata: map[string]string{"ticket": "OPS-812"}}
}

func testEvents(prefix string, n int) []*audit.Event {
	list := make([]*audit.Event, n)
	for i := range list {
		list[i] = testEvent(fmt.Sprint(prefix, i), testNow.Add(-time.Duration(i)*time.Second))
	}
	return list
}

// trail is an engine behind a proxy, on a stream of the test's own.
type trail struct {
	*bench
	*Index
	proxy *estest.Proxy
	clock *indextest.Clock
}

func newTrail(t *testing.T) *trail { t.Helper(); return newTrailAt(t, estest.URL(t)) }

func newTrailAt(t *testing.T, url string) *trail {
	t.Helper()
	b := benchAt(t, url)
	if _, err := Setup(b.ctx, b.client, b.opts); err != nil {
		t.Fatal(err)
	}
	return b.behindProxy(url)
}

// behindProxy opens an engine that speaks to the cluster through a proxy.
func (b *bench) behindProxy(url string) *trail {
	b.t.Helper()
	proxy := estest.NewProxy(b.t, url)
	client, err := cluster.Open(b.ctx, cluster.Options{URLs: []string{proxy.URL}})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(client.Close)
	clock := indextest.NewClock(testNow)
	behind := *b
	behind.client = client
	return &trail{bench: b, Index: behind.open(clock.Now), proxy: proxy, clock: clock}
}

// stored returns how many documents there are, and fails where some _id is there twice.
func (b *bench) stored() int {
	b.t.Helper()
	b.refreshAll()
	seen := map[string]bool{}
	after := ""
	for {
		request := `{"size":5000,"_source":["event.id"],"sort":[{"audit.key":"asc"}]` + after + `}`
		var answer struct {
			Hits struct {
				Hits []struct {
					Source struct{ Event struct{ ID string } } `json:"_source"`
					Sort   []json.Number
				}
			}
		}
		b.call(esapi.SearchRequest{Index: []string{eventsName(b.opts.Prefix)}, Body: strings.NewReader(request)}, &answer)
		for _, h := range answer.Hits.Hits {
			if seen[h.Source.Event.ID] {
				b.t.Errorf("%q is stored twice", h.Source.Event.ID)
			}
			seen[h.Source.Event.ID] = true
			after = fmt.Sprintf(`,"search_after":[%s]`, h.Sort[0])
		}
		if len(answer.Hits.Hits) == 0 {
			break
		}
	}
	if n := b.documents(); n != len(seen) {
		b.t.Errorf("%d documents are stored and %d ids", n, len(seen))
	}
	return len(seen)
}

// documents returns how many documents searches find; refreshAll lets them find all.
func (b *bench) documents() int {
	b.t.Helper()
	var answer struct{ Count int }
	b.call(esapi.CountRequest{Index: []string{eventsName(b.opts.Prefix)}}, &answer)
	return answer.Count
}

func (b *bench) refreshAll() {
	b.t.Helper()
	b.call(esapi.IndicesRefreshRequest{Index: []string{eventsName(b.opts.Prefix)}}, nil)
}

// oneSegment merges each index, so that what Lucene counts by segment is counted of all.
func (b *bench) oneSegment() {
	b.t.Helper()
	one := 1
	b.call(esapi.IndicesForcemergeRequest{Index: []string{eventsName(b.opts.Prefix)}, MaxNumSegments: &one}, nil)
	b.refreshAll()
}

func (b *bench) wantStored(want int) {
	b.t.Helper()
	if got := b.stored(); got != want {
		b.t.Errorf("%d events are stored, want %d", got, want)
	}
}

// count counts statuses.
func count(statuses []audit.AppendStatus, status audit.AppendStatus) int {
	n := 0
	for _, s := range statuses {
		if s == status {
			n++
		}
	}
	return n
}

// wantAppended appends and wants so many created; the others are duplicates.
func (tr *trail) wantAppended(events []*audit.Event, created int) {
	tr.t.Helper()
	statuses, err := tr.Append(tr.bench.ctx, acme, events)
	if err != nil {
		tr.t.Fatalf("Append: %v", err)
	}
	if count(statuses, audit.StatusCreated) != created || count(statuses, audit.StatusDuplicate) != len(events)-created {
		tr.t.Errorf("%d of %d events were created and %d are duplicates, want %d created",
			count(statuses, audit.StatusCreated), len(events), count(statuses, audit.StatusDuplicate), created)
	}
}

// wantRefused appends and wants that nothing is acknowledged, and why.
func (tr *trail) wantRefused(events []*audit.Event, parts ...string) {
	tr.t.Helper()
	statuses, err := tr.Append(tr.bench.ctx, acme, events)
	if statuses != nil {
		tr.t.Errorf("Append acknowledged %d events and failed: %v", len(statuses), err)
	}
	wantRetry(tr.t, err, parts...)
}

// wantRetry wants an error of CodeUnavailable that says when to come back.
func wantRetry(t testing.TB, err error, parts ...string) {
	t.Helper()
	var known *audit.Error
	if !errors.As(err, &known) || known.Code != audit.CodeUnavailable || known.RetryAfter <= 0 {
		t.Fatalf("the error is %v, want one of code unavailable that says when to come back", err)
	}
	for _, part := range parts {
		if !strings.Contains(known.Message, part) {
			t.Errorf("the message %q does not say %q", known.Message, part)
		}
	}
}
