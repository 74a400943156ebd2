package elastic

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

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
	_, x := setUp(t, nil)
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

// put stores an event with a stamp, as a process does whose commit takes long.
func (b *bench) put(stream string, e *audit.Event, stamp time.Time) {
	b.t.Helper()
	id := idOf("acme", e.ID)
	var w encoder
	w.raw(`{"create":{"_id":"` + id.text + `"}}` + "\n")
	w.document("acme", e, id.key, audit.Tie(e.ID), stamp)
	var answer struct{ Errors bool }
	b.call(esapi.BulkRequest{Index: stream, Body: bytes.NewReader(w.dst)}, &answer)
	if answer.Errors {
		b.t.Fatal("the event was not stored")
	}
}

func tailed(t *testing.T, x *Index, checkpoint string, limit int) (ids []string, page audit.TailPage) {
	t.Helper()
	page, err := x.Tail(t.Context(), "acme", checkpoint, limit)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range page.Events {
		ids = append(ids, e.ID)
	}
	return ids, page
}

func TestTheTailHasNoGapWhereAnotherProcessCommitsLate(t *testing.T) {
	b, x := setUp(t, nil)
	b.put(x.stream, plain("old", readNow), readNow.Add(-time.Hour))
	b.put(x.stream, plain("a", readNow), readNow.Add(-2*time.Second))
	b.put(x.stream, plain("b", readNow), readNow)
	ids, page := tailed(t, x, "", 10)
	if want := []string{"old", "a", "b"}; !slices.Equal(ids, want) {
		t.Fatalf("the tail is %v, want %v", ids, want)
	}
	end, err := x.TailEnd(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	b.put(x.stream, plain("late", readNow), readNow.Add(-settleAfter))
	b.put(x.stream, plain("later", readNow), readNow.Add(-time.Second))
	for name, from := range map[string]string{"a checkpoint": page.Checkpoint, "the former end": end} {
		ids, next := tailed(t, x, from, 1)
		if want := []string{"late"}; !slices.Equal(ids, want) || !next.More {
			t.Errorf("behind %s comes %v (more: %v), want %v and more", name, ids, next.More, want)
		}
		ids, next = tailed(t, x, next.Checkpoint, 1)
		if want := []string{"later"}; !slices.Equal(ids, want) || next.More {
			t.Errorf("then comes %v (more: %v), want %v and no more", ids, next.More, want)
		}
		if ids, last := tailed(t, x, next.Checkpoint, 1); len(ids) > 0 || last.Checkpoint != next.Checkpoint {
			t.Errorf("then comes %v, want nothing, and a checkpoint that has not moved", ids)
		}
	}
}

func TestTheTailHoldsBackWhatACheckpointHasNoRoomForUntilItIsOldEnough(t *testing.T) {
	now := readNow
	b, writer := setUp(t, nil)
	mustAppend(t, writer, plains(maxSeen+10, "e")...)
	x := b.open(func() time.Time { return now })
	ids, page := tailed(t, x, "", audit.MaxScan)
	if len(ids) != maxSeen || page.More {
		t.Fatalf("the tail has %d events (more: %v), want %d and no more for now", len(ids), page.More, maxSeen)
	}
	if rest, again := tailed(t, x, page.Checkpoint, audit.MaxScan); len(rest) > 0 || again.More {
		t.Fatalf("%d more come at once (more: %v), want none", len(rest), again.More)
	}
	now = now.Add(settleAfter + time.Millisecond)
	rest, page := tailed(t, x, page.Checkpoint, audit.MaxScan)
	ids = append(ids, rest...)
	slices.Sort(ids)
	if distinct := len(slices.Compact(ids)); distinct != maxSeen+10 {
		t.Errorf("%d events come in all, %d of them different; want %d once each", len(ids), distinct, maxSeen+10)
	}
	if rest, _ := tailed(t, x, page.Checkpoint, 10); len(rest) > 0 {
		t.Errorf("then come %v, want nothing", rest)
	}
	end, err := writer.TailEnd(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	if rest, _ := tailed(t, x, end, 10); len(rest) > 0 {
		t.Errorf("behind the end come %v, want nothing", rest)
	}
}
