package elastic

import (
	"bufio"
	"compress/gzip"
	"errors"
	"io/fs"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"
	_ "time/tzdata" // histograms are asked for in zones that a machine may not know

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/index"
	"github.com/audittrail/audittrail/index/indextest"
	"github.com/audittrail/audittrail/index/sqlite"
	"github.com/audittrail/audittrail/internal/fulltext"
)

// realEvents is where the events of real Windows machines lie: beside the checkout, as they are too large for it.
const realEvents = "../../../shared/data/windows-events.ndjson.gz"

// equivalentQueries is how many generated queries both engines are asked.
const equivalentQueries = 500

// TestBothEnginesGiveTheSameAnswersAboutRealEvents is the promise of the contract on data and queries that nobody made up for it.
func TestBothEnginesGiveTheSameAnswersAboutRealEvents(t *testing.T) {
	t.Parallel()
	clock := indextest.NewClock(time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC))
	events := readRealEvents(t, clock.Now())
	b := newBench(t)
	if _, err := Setup(b.ctx, b.client, b.opts); err != nil {
		t.Fatal(err)
	}
	embedded, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{Clock: clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := embedded.Close(); err != nil {
			t.Error(err)
		}
	})
	engines := pair{t: t, clustered: b.open(clock.Now), embedded: embedded}
	engines.load(events, clock)
	t.Logf("%d events are stored in both engines", len(events))

	g := &generator{rand: rand.New(rand.NewPCG(2026, 11)), events: events, now: clock.Now()}
	found, texts, began := 0, 0, time.Now()
	for i := range equivalentQueries {
		q := g.query()
		if engines.agreeOn(i, q, g) > 0 {
			found++
		}
		if q.Text != "" {
			texts++
		}
		if t.Failed() {
			t.Fatalf("the engines disagree about query %d of %d: %+v", i+1, equivalentQueries, q)
		}
	}
	t.Logf("%d events, %d queries, %d of them with text; %d matched something; %d pages compared in %v", len(events), equivalentQueries, texts, found, engines.pages, time.Since(began))
	if found < equivalentQueries/3 {
		t.Errorf("only %d of %d queries matched something", found, equivalentQueries)
	}
	engines.agreeOnTail()
}

// readRealEvents reads the events that may still be stored at now.
func readRealEvents(t *testing.T, now time.Time) []*audit.Event {
	t.Helper()
	file, err := os.Open(filepath.FromSlash(realEvents))
	if errors.Is(err, fs.ErrNotExist) && os.Getenv("CI") == "" {
		t.Skipf("the real events are not here: put windows-events.ndjson.gz where %s names it", realEvents)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unpacked, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	var events []*audit.Event
	lines := bufio.NewScanner(unpacked)
	lines.Buffer(nil, audit.MaxEventBytes*2)
	for lines.Scan() {
		e, err := audit.DecodeEvent(lines.Bytes())
		if err == nil {
			err = e.Validate(now)
		}
		if err != nil {
			t.Fatalf("line %d of the real events: %v", len(events)+1, err)
		}
		events = append(events, &e)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return events
}

// pair is both engines with the same events.
type pair struct {
	t                   *testing.T
	clustered, embedded index.Index
	pages               int
}

const realOrganization = "windows"

// load stores the events in both, in commits a millisecond apart.
func (p *pair) load(events []*audit.Event, clock *indextest.Clock) {
	p.t.Helper()
	for part := range slices.Chunk(events, 1000) {
		clock.Advance(time.Millisecond)
		for _, engine := range []index.Index{p.clustered, p.embedded} {
			p.store(engine, part)
		}
	}
	if err := p.clustered.(*Index).refresh(p.t.Context()); err != nil {
		p.t.Fatal(err)
	}
	clock.Advance(time.Minute)
}

// store appends events that are new; like a producer it sends again what a busy cluster did not store in time.
func (p *pair) store(engine index.Index, events []*audit.Event) {
	p.t.Helper()
	statuses, err := engine.Append(p.t.Context(), realOrganization, events)
	if err == nil && slices.Contains(statuses, audit.StatusDuplicate) {
		p.t.Fatalf("%s takes a real event for a duplicate", engine.Name())
	}
	for again := 0; again < 10 && audit.CodeOf(err) == audit.CodeUnavailable; again++ {
		_, err = engine.Append(p.t.Context(), realOrganization, events)
	}
	if err != nil {
		p.t.Fatalf("%s: %v", engine.Name(), err)
	}
}

// agreeOn compares pages, totals, highlights and the summary of a query, and returns how many events match.
func (p *pair) agreeOn(i int, q audit.Query, g *generator) int64 {
	p.t.Helper()
	search := audit.Search{Query: q, Limit: []int{1, 10, 20, 100}[i%4], CountLimit: []int{audit.CountAll, 100, 0}[i%3]}
	if i%10 == 0 {
		search.ReceivedUntil = g.now.Add(time.Duration(g.rand.IntN(30)) * time.Millisecond)
	}
	for range 2 { // pages, each behind the one before
		got, err := p.clustered.Search(p.t.Context(), realOrganization, search)
		want, wantErr := p.embedded.Search(p.t.Context(), realOrganization, search)
		p.same("a page", got, want, err, wantErr)
		p.sameHighlights(q, got.Events, want.Events)
		p.pages++
		if search.After = want.Next; want.Next == nil {
			break
		}
	}
	request := audit.SummaryRequest{Query: q, Top: []int{1, 5, 100}[i%3], Zone: g.zone(p.t), Interval: []audit.Interval{audit.IntervalAuto, audit.IntervalDay, audit.IntervalWeek, audit.IntervalHour}[i%4]}
	got, err := p.clustered.Summary(p.t.Context(), realOrganization, request)
	want, wantErr := p.embedded.Summary(p.t.Context(), realOrganization, request)
	p.same("the summary", got, want, err, wantErr)
	return want.Total
}

func (p *pair) sameHighlights(q audit.Query, got, want []audit.Event) {
	p.t.Helper()
	expr, err := audit.ParseText(q.Text)
	if err != nil {
		p.t.Fatal(err)
	}
	node := fulltext.Compile(expr)
	for i := range min(len(got), len(want)) {
		p.same("the highlights", fulltext.Highlights(&got[i], node), fulltext.Highlights(&want[i], node), nil, nil)
	}
}

// agreeOnTail compares everything that was stored, event by event.
func (p *pair) agreeOnTail() {
	p.t.Helper()
	everything := func(engine index.Index) map[string]audit.Event {
		all, checkpoint := map[string]audit.Event{}, ""
		for {
			page, err := engine.Tail(p.t.Context(), realOrganization, checkpoint, audit.MaxPage)
			if err != nil {
				p.t.Fatalf("%s: %v", engine.Name(), err)
			}
			for _, e := range page.Events {
				if _, twice := all[e.ID]; twice {
					p.t.Fatalf("%s tails %s twice", engine.Name(), e.ID)
				}
				all[e.ID] = e
			}
			if checkpoint = page.Checkpoint; !page.More {
				return all
			}
		}
	}
	p.same("the tail", everything(p.clustered), everything(p.embedded), nil, nil)
}

func (p *pair) same(what string, got, want any, err, wantErr error) {
	p.t.Helper()
	if audit.CodeOf(err) != audit.CodeOf(wantErr) {
		p.t.Fatalf("%s: Elasticsearch says %v, SQLite %v", what, err, wantErr)
	}
	if reflect.DeepEqual(got, want) {
		return // what follows tells more, and takes far longer
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		p.t.Errorf("%s differs (-sqlite +elastic):\n%.3000s", what, diff)
	}
}
