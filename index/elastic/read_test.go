package elastic

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/index"
	"github.com/audittrail/audittrail/internal/cluster"
	"github.com/audittrail/audittrail/internal/estest"
)

var readNow = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func readClock() time.Time { return readNow }

// setUp is an empty engine whose clock stands still.
func setUp(t *testing.T, change func(*SetupOptions)) (*bench, *Index) {
	t.Helper()
	b := newBench(t)
	if change != nil {
		change(&b.opts)
	}
	if _, err := Setup(b.ctx, b.client, b.opts); err != nil {
		t.Fatal(err)
	}
	return b, b.open(readClock)
}

// through opens the engine again, behind a proxy.
func (b *bench) through(p *estest.Proxy, clock index.Clock) *Index {
	b.t.Helper()
	client, err := cluster.Open(b.ctx, cluster.Options{URLs: []string{p.URL}, Uncompressed: true})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(client.Close)
	x, err := newIndex(client, Options{Clock: clock, Setup: b.opts})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		if err := x.Close(); err != nil {
			b.t.Error(err)
		}
	})
	return x
}

func plain(id string, at time.Time) *audit.Event {
	return &audit.Event{ID: id, Time: at.UTC().Truncate(time.Millisecond), Log: audit.LogOperation, Action: "contacts.member.added",
		Outcome: audit.OutcomeSuccess, Actor: audit.Actor{ID: "u_17", Name: "Alice Smith"}, Message: "Alice Smith added Bob Lee"}
}

func plains(n int, prefix string) []*audit.Event {
	events := make([]*audit.Event, n)
	for i := range events {
		events[i] = plain(fmt.Sprint(prefix, i), readNow.Add(-time.Duration(i)*time.Second))
	}
	return events
}

func mustAppend(t *testing.T, x *Index, events ...*audit.Event) {
	t.Helper()
	if _, err := x.Append(t.Context(), "acme", events); err != nil {
		t.Fatal(err)
	}
	if err := x.refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// reads are the methods that read, each as one call.
func reads(x *Index) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"Search": func(ctx context.Context) error {
			_, err := x.Search(ctx, "acme", audit.Search{Limit: 10, CountLimit: audit.CountAll})
			return err
		},
		"Search with a bound": func(ctx context.Context) error {
			_, err := x.Search(ctx, "acme", audit.Search{Limit: 10, ReceivedUntil: readNow.Add(-time.Hour)})
			return err
		},
		"Summary": func(ctx context.Context) error {
			_, err := x.Summary(ctx, "acme", audit.SummaryRequest{Top: 10})
			return err
		},
		"Tail": func(ctx context.Context) error {
			_, err := x.Tail(ctx, "acme", "", 10)
			return err
		},
		"TailEnd": func(ctx context.Context) error {
			_, err := x.TailEnd(ctx, "acme")
			return err
		},
	}
}

func wantUnavailableSoon(t *testing.T, what string, err error) {
	t.Helper()
	var known *audit.Error
	if !errors.As(err, &known) || known.Code != audit.CodeUnavailable || known.RetryAfter <= 0 {
		t.Errorf("%s: got %v, want CodeUnavailable with advice when to come back", what, err)
	}
}

func TestReadsEndInTimeWhereANodeAnswersSlowlyAndWorkAgainAfterwards(t *testing.T) {
	if readWithin > 15*time.Second {
		t.Errorf("reads wait up to %v", readWithin)
	}
	b, whole := setUp(t, nil)
	mustAppend(t, whole, plains(3, "e")...)
	proxy := estest.NewProxy(t, estest.URL(t))
	x := b.through(proxy, readClock)
	x.limits.within = 500 * time.Millisecond
	proxy.Always(estest.Fault{DelayAnswer: 30 * time.Second})
	for name, read := range reads(x) {
		began := time.Now()
		wantUnavailableSoon(t, name, read(t.Context()))
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("%s took %v", name, took)
		}
	}
	proxy.Do(nil)
	x.limits.within = readWithin
	for name, read := range reads(x) {
		if err := read(t.Context()); err != nil {
			t.Errorf("%s, when the node answers again: %v", name, err)
		}
	}
}

func TestAnAnswerThatIsNotWholeIsAnError(t *testing.T) {
	b, whole := setUp(t, nil)
	mustAppend(t, whole, plains(3, "e")...)
	proxy := estest.NewProxy(t, estest.URL(t))
	x := b.through(proxy, readClock)
	for name, change := range map[string][2]string{
		"the search was given up":  {`"timed_out":false`, `"timed_out":true`},
		"a shard failed":           {`"failed":0`, `"failed":1`},
		"a shard is missing":       {`"total":1,"successful":1`, `"total":2,"successful":1`},
		"there is no shard at all": {`"total":1,"successful":1`, `"total":0,"successful":0`},
	} {
		proxy.Always(estest.Fault{Alter: func(_ *http.Response, body []byte) []byte {
			return bytes.Replace(body, []byte(change[0]), []byte(change[1]), 1)
		}})
		for method, read := range reads(x) {
			wantUnavailableSoon(t, method+" where "+name, read(t.Context()))
		}
	}
	proxy.Always(estest.Fault{Status: http.StatusTooManyRequests, Body: `{"error":{"type":"circuit_breaking_exception","reason":"[parent] Data too large"},"status":429}`})
	for method, read := range reads(x) {
		wantUnavailableSoon(t, method+" where a circuit breaker is open", read(t.Context()))
	}
}

func TestSearchesWithoutADataStreamAreErrors(t *testing.T) {
	b := newBench(t)
	x, err := newIndex(b.client, Options{Clock: readClock, Setup: b.opts})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	for method, read := range reads(x) {
		wantUnavailableSoon(t, method, read(t.Context()))
	}
}

func TestSummariesAreExactWhereShardsHaveMoreValuesThanTheyName(t *testing.T) {
	_, x := setUp(t, func(o *SetupOptions) { o.Shards = 3 })
	var events []*audit.Event
	want := map[string]int64{}
	for i := range 300 {
		e := plain(fmt.Sprint("e", i), readNow.Add(-time.Duration(i)*time.Minute))
		e.Actor = audit.Actor{ID: fmt.Sprintf("u_%03d", i*i%97), Name: fmt.Sprintf("Number %d", i)}
		if i%3 == 0 {
			e.Source.Platform = fmt.Sprintf("platform %d", i%21)
		}
		want[e.Actor.ID]++
		events = append(events, e)
	}
	mustAppend(t, x, events...)
	exact, err := x.Summary(t.Context(), "acme", audit.SummaryRequest{Top: 7})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range exact.Actors.Values {
		if v.Count != want[v.Value] || v.Label == "" {
			t.Errorf("%+v, want a count of %d and a name", v, want[v.Value])
		}
	}
	x.limits.facetValues, x.limits.labels = 2, 1
	again, err := x.Summary(t.Context(), "acme", audit.SummaryRequest{Top: 7})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprintf("%+v", again), fmt.Sprintf("%+v", exact); got != want {
		t.Errorf("counted value by value the summary is\n%s, want\n%s", got, want)
	}
}

func TestAPhraseWithTooManyContinuationsIsRefusedAndNeverCut(t *testing.T) {
	b, x := setUp(t, nil)
	var events []*audit.Event
	for i := range 12 {
		var message strings.Builder
		for n := range 5000 {
			fmt.Fprintf(&message, "w%05d ", i*5000+n)
		}
		e := plain(fmt.Sprint("e", i), readNow)
		e.Message = message.String()
		events = append(events, e)
	}
	mustAppend(t, x, events...)
	b.oneSegment() // a refresh in the middle parts them, and the limit is of a segment
	for text, want := range map[string]int{`w0*`: 2, `"w00001 w00002"*`: 1, `"w00001 w0000"*`: 1, `-"w00001 w00002"*`: 11} {
		page, err := x.Search(t.Context(), "acme", audit.Search{Query: audit.Query{Text: text}, Limit: 20, CountLimit: audit.CountAll})
		if err != nil || len(page.Events) != want {
			t.Errorf("%s finds %d events (%v), want %d", text, len(page.Events), err, want)
		}
	}
	for name, err := range map[string]error{
		"Search": func() error {
			_, err := x.Search(t.Context(), "acme", audit.Search{Query: audit.Query{Text: `"w00001 w"*`}, Limit: 5})
			return err
		}(),
		"Summary": func() error {
			_, err := x.Summary(t.Context(), "acme", audit.SummaryRequest{Query: audit.Query{Text: `"w00001 w"*`}, Top: 5})
			return err
		}(),
	} {
		var known *audit.Error
		if !errors.As(err, &known) || known.Code != audit.CodeInvalid || len(known.Fields) != 1 || known.Fields[0].Field != "q" {
			t.Errorf("%s: got %v, want CodeInvalid that names q", name, err)
		}
	}
}

func TestTheLargestQueriesAreAnswered(t *testing.T) {
	_, x := setUp(t, nil)
	letters := plain("letters", readNow)
	letters.Message = strings.Repeat("a ", 1100) + "end"
	mustAppend(t, x, letters, plain("other", readNow))
	q := audit.Query{Logs: audit.Logs(), Outcomes: audit.Outcomes()}
	for i := range audit.MaxFilterValues {
		q.IPs = append(q.IPs, netip.MustParsePrefix(fmt.Sprintf("::/%d", i%96)))
		q.Actors = append(q.Actors, fmt.Sprint("u_", i))
		q.Ranges = append(q.Ranges, fmt.Sprint("range_", i))
	}
	for i := range audit.MaxFilterActions {
		q.Actions = append(q.Actions, fmt.Sprintf("range_%d.*", i))
	}
	for name, row := range map[string]struct {
		query audit.Query
		want  int
	}{
		"every filter, full":                 {q, 0},
		"a phrase of a thousand words":       {audit.Query{Text: `"` + strings.Repeat("a ", 1000) + `a"`}, 1},
		"one that goes on":                   {audit.Query{Text: `"` + strings.Repeat("a ", 1000) + `f"*`}, 0},
		"one that ends":                      {audit.Query{Text: `"` + strings.Repeat("a ", 1000) + `en"*`}, 1},
		"a phrase of one word less":          {audit.Query{Text: `-"` + strings.Repeat("a ", 1000) + `a"`}, 1},
		"as many phrases as a text can hold": {audit.Query{Text: strings.Repeat(`"a a"* `, audit.MaxTextTerms)}, 1},
		"as many alternatives":               {audit.Query{Text: strings.Repeat(`"x a"* OR `, audit.MaxTextTerms-1) + "bob"}, 1},
	} {
		page, err := x.Search(t.Context(), "acme", audit.Search{Query: row.query, Limit: 10, CountLimit: audit.CountAll})
		if err != nil || len(page.Events) != row.want {
			t.Errorf("%s: %d events (%v), want %d", name, len(page.Events), err, row.want)
		}
	}
}
