package migrate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/index"
	indexelastic "github.com/audittrail/audittrail/index/elastic"
	indexsqlite "github.com/audittrail/audittrail/index/sqlite"
	"github.com/audittrail/audittrail/internal/cluster"
	"github.com/audittrail/audittrail/internal/estest"
	"github.com/audittrail/audittrail/internal/sample"
	"github.com/audittrail/audittrail/store"
	storeelastic "github.com/audittrail/audittrail/store/elastic"
	storesqlite "github.com/audittrail/audittrail/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start is when runs begin.
var start = time.Date(2026, 11, 15, 10, 30, 0, 0, time.UTC)

// clock is what both sides of a test read.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

// side is one side of a run.
type side struct {
	*testing.T
	index index.Index
	store interface {
		store.Store
		store.Mover
	}
	clock *clock
	span  []time.Duration // of the events that fill makes
}

func newSide(t *testing.T, c *clock) *side {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	ix, err := indexsqlite.Open(t.Context(), t.TempDir(), indexsqlite.Options{Clock: c.Now, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	records, err := storesqlite.Open(t.Context(), t.TempDir(), storesqlite.Options{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(ix.Close(), records.Close()); err != nil {
			t.Error(err)
		}
	})
	return &side{T: t, index: ix, store: records, clock: c}
}

// newElastic is a side on Elasticsearch.
func newElastic(t *testing.T, c *clock) *side {
	t.Helper()
	quiet, prefix := slog.New(slog.DiscardHandler), estest.Prefix(t)
	client, err := cluster.Open(t.Context(), cluster.Options{URLs: strings.Split(estest.URL(t), ","), Uncompressed: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	setup := indexelastic.SetupOptions{Prefix: prefix, Lifecycle: indexelastic.LifecycleTemporal}
	_, eventsErr := indexelastic.Setup(t.Context(), client, setup)
	_, recordsErr := storeelastic.Setup(t.Context(), client, storeelastic.SetupOptions{Prefix: prefix})
	if err := errors.Join(eventsErr, recordsErr); err != nil {
		t.Fatal(err)
	}
	ix, err := indexelastic.Open(t.Context(), client, indexelastic.Options{Clock: c.Now, Logger: quiet, Setup: setup})
	if err != nil {
		t.Fatal(err)
	}
	records, err := storeelastic.Open(t.Context(), client, storeelastic.Options{Prefix: prefix, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(ix.Close(), records.Close()); err != nil {
			t.Error(err)
		}
	})
	return &side{T: t, index: ix, store: records, clock: c}
}

func (s *side) place(name string) Place { return Place{Name: name, Events: s.index, Records: s.store} }

// must ends the test on an error.
func must[T any](t *testing.T) func(T, error) T {
	t.Helper()
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func (s *side) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// sampled are events of half a year, or of the span, oldest first.
func sampled(organization string, count int, span ...time.Duration) []*audit.Event {
	options := sample.Options{Organization: organization, Members: 20, Count: count, Seed: 7, End: start.Add(-time.Hour)}
	if len(span) > 0 {
		options.Span = span[0]
	}
	return slices.Collect(sample.New(options).Events())
}

// receive appends events in commits of several sizes, an hour apart, so that the last one is there at the start.
func (s *side) receive(organization string, events []*audit.Event, sizes ...int) {
	s.Helper()
	commits := 0
	for n := len(events); n > 0; n -= sizes[(commits-1)%len(sizes)] {
		commits++
	}
	for i := range commits {
		s.clock.now = start.Add(time.Duration(i-commits) * time.Hour)
		n := min(sizes[i%len(sizes)], len(events))
		must[[]audit.AppendStatus](s.T)(s.index.Append(s.Context(), organization, events[:n]))
		events = events[n:]
	}
	s.clock.now = start
}

// checkpoint is the one behind the first n events.
func (s *side) checkpoint(organization string, n int) string {
	s.Helper()
	return must[audit.TailPage](s.T)(s.index.Tail(s.Context(), organization, "", n)).Checkpoint
}

// behind are the events behind a checkpoint.
func (s *side) behind(organization, checkpoint string) []arrival {
	s.Helper()
	var list []arrival
	for {
		page := must[audit.TailPage](s.T)(s.index.Tail(s.Context(), organization, checkpoint, 1000))
		for i := range page.Events {
			list = append(list, arrivalOf(&page.Events[i]))
		}
		if !page.More {
			return list
		}
		checkpoint = page.Checkpoint
	}
}

// fill makes an organization with a record of every kind and events; dispatched says how many events the dispatcher has seen.
func (s *side) fill(organization string, count, dispatched int, sizes ...int) {
	s.Helper()
	ctx := s.Context()
	must[audit.Organization](s.T)(s.store.PutOrganization(ctx, audit.Organization{ID: organization, Name: "Acme", CreatedAt: start.AddDate(0, -6, 0)}))
	s.receive(organization, sampled(organization, count, s.span...), sizes...)
	for i := range 3 {
		id := fmt.Sprintf("x%d", i)
		member := must[audit.Member](s.T)(s.store.PutMember(ctx, audit.Member{ID: id, Organization: organization, Name: "Zoë " + id, Status: audit.MemberActive, Role: audit.RoleCreator}))
		must[audit.Member](s.T)(s.store.PutMember(ctx, member))
		s.ok(s.store.CreateKey(ctx, audit.Key{ID: id, Organization: organization, Member: id, Hash: audit.HashKey(organization + id), Scopes: []audit.Scope{audit.ScopeAdmin}, CreatedAt: start}))
		must[audit.Group](s.T)(s.store.PutGroup(ctx, audit.Group{ID: id, Organization: organization, Name: "Group " + id, CreatedAt: start}))
		must[audit.OtherAddress](s.T)(s.store.PutAddress(ctx, audit.OtherAddress{ID: id, Organization: organization, Kind: audit.AddressEmail, Address: id + "@example.com", CreatedAt: start}))
		must[audit.Reminder](s.T)(s.store.PutReminder(ctx, audit.Reminder{ID: id, Organization: organization, Name: id, Actions: []string{"login.*"}, CreatedAt: start}))
		s.ok(s.store.SaveDelivery(ctx, audit.Delivery{ID: id, Organization: organization, Reminder: "deleted", Status: audit.DeliveryDelivered, CreatedAt: start}))
		s.ok(s.store.AddMessage(ctx, audit.Message{ID: id, Organization: organization, Member: id, Title: "7 logins failed", CreatedAt: start}))
		must[audit.Export](s.T)(s.store.PutExport(ctx, audit.Export{ID: id, Organization: organization, RequestedBy: id, Status: audit.ExportReady, RequestedAt: start}))
	}
	s.ok(s.store.RevokeKey(ctx, organization, "x1", start))
	s.ok(s.store.MarkRead(ctx, organization, "x2", nil, start))
	must[[]byte](s.T)(s.store.Secret(ctx, "unsubscribe"))
	for name, value := range map[string]string{
		"dispatch": s.checkpoint(organization, dispatched), "proofs": s.checkpoint(organization, dispatched), "window/x0": "from:" + s.checkpoint(organization, 3),
		"window/x1": "from:", "window/x2": "", "window/x3": "from:" + s.checkpoint(organization, count), "other": "not of the tail",
	} {
		s.ok(s.store.SaveCheckpoint(ctx, organization, name, value))
	}
}

// wantMoved wants the target to have what the source has: the same events in the same order of arrival, the same behind every checkpoint, and the same records.
func wantMoved(t *testing.T, from, to *side, organization string) {
	t.Helper()
	want, got := from.behind(organization, ""), to.behind(organization, "")
	if from.index.Name() != to.index.Name() { // events of one time of receipt come in an order of each engine's own
		for _, list := range [][]arrival{want, got} {
			slices.SortStableFunc(list, func(a, b arrival) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.id, b.id)) })
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s has %d events in another order of arrival than the %d of the source", organization, len(got), len(want))
	}
	for _, kind := range owned {
		want, got := from.all(organization, kind), to.all(organization, kind)
		if kind != store.KindCheckpoint && !slices.Equal(got, want) {
			t.Errorf("%s of %s are\n%q, want\n%q", kind, organization, got, want)
		}
	}
	wantCheckpoints(t, from, to, organization)
}

// all are the records of a kind as text, but our note.
func (s *side) all(organization string, kind store.Kind) []string {
	s.Helper()
	var list []string
	m := &mover{}
	for _, r := range must[[]store.Record](s.T)(s.store.Records(s.Context(), kind, organization, "", 1000)) {
		if kind != store.KindCheckpoint {
			list = append(list, string(must[[]byte](s.T)(m.canonical(s.Context(), Place{}, r))))
		}
	}
	return list
}

// wantCheckpoints wants the same events behind every checkpoint, as far as both have them.
func wantCheckpoints(t *testing.T, from, to *side, organization string) {
	t.Helper()
	there := map[string]bool{}
	for _, r := range must[[]store.Record](t)(from.store.Records(t.Context(), store.KindCheckpoint, organization, "", 1000)) {
		if r.ID() == noteName {
			continue // the source was a target before
		}
		there[r.ID()] = true
		front, checkpoint, ok := tailCheckpoint(r.Checkpoint)
		moved := must[string](t)(to.store.Checkpoint(t.Context(), organization, r.ID()))
		movedFront, movedCheckpoint, movedOK := tailCheckpoint(&store.Checkpoint{Name: r.ID(), Value: moved})
		if r.ID() == "other" || !ok {
			if moved != r.Checkpoint.Value {
				t.Errorf("the checkpoint %s is %q, want %q as it was", r.ID(), moved, r.Checkpoint.Value)
			}
			continue
		}
		if front != movedFront || !movedOK {
			t.Fatalf("the checkpoint %s is %q and was %q", r.ID(), moved, r.Checkpoint.Value)
		}
		want, got := from.behind(organization, checkpoint), to.behind(organization, movedCheckpoint)
		if !maps.Equal(setOf(got), setOf(want)) {
			t.Errorf("behind the checkpoint %s of %s are %d events, want the %d of the source", r.ID(), organization, len(got), len(want))
		}
	}
	for _, r := range must[[]store.Record](t)(to.store.Records(t.Context(), store.KindCheckpoint, organization, "", 1000)) {
		if !there[r.ID()] && r.ID() != noteName {
			t.Errorf("the target has a checkpoint %s of its own", r.ID())
		}
	}
}

func setOf(list []arrival) map[arrival]bool {
	set := map[arrival]bool{}
	for _, a := range list {
		set[a] = true
	}
	return set
}

// run moves in small pages.
func run(ctx context.Context, from, to Place, change ...func(*mover)) (Report, error) {
	m, err := newMover(Options{From: from, To: to, Clock: func() time.Time { return start }, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return Report{}, err
	}
	m.page, m.settling = 7, 0
	for _, c := range change {
		c(m)
	}
	return m.run(ctx)
}

// wantSame wants a run that came to its end and found nothing that differs.
func wantSame(t *testing.T, r Report, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if !r.Same || r.Differences() > 0 || len(r.Rows) == 0 {
		t.Fatalf("the sides differ: %+v", r.Rows)
	}
}
