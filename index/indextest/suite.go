package indextest

import (
	"net/netip"
	"slices"
	"testing"
	"time"
	_ "time/tzdata" // histograms are asked for in zones that a machine may not know

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/index"
)

// Factory makes the engines that Run examines. It closes them when the test ends.
type Factory interface {
	// Name begins the name of every test: "sqlite".
	Name() string
	// Open returns an engine without events that reads the clock.
	Open(t testing.TB, clock *Clock) index.Index
	// Reopen closes previous, which Open or Reopen returned, and returns an engine on the same data and clock, as after a restart.
	Reopen(t testing.TB, previous index.Index) index.Index
	// Visible returns once everything that was acknowledged is found by every method; at once where that is always so.
	Visible(t testing.TB, ix index.Index)
}

// Concurrent is a Factory whose engines do not wait for one another, so that cases may be examined at the same time: as many as go test's -parallel says.
type Concurrent interface {
	Factory
	// Concurrent says whether it is so here.
	Concurrent() bool
}

// start is when the clock of every case begins: a Sunday in the middle of a month, away from any change of clocks.
var start = time.Date(2026, 11, 15, 10, 30, 0, 0, time.UTC)

// Organizations of the cases.
const (
	acme   = "acme"
	globex = "globex"
)

// testCase is one promise of the contract.
type testCase struct {
	name string
	run  func(*suite)
}

// suite is what a case works with: a fresh engine whose clock stands at start.
type suite struct {
	*testing.T
	factory Factory
	clock   *Clock
	ix      index.Index
}

// Run examines the engine that the factory makes. It takes well under a minute on an engine of usual speed; go test's -run picks cases.
func Run(t *testing.T, factory Factory) {
	for _, c := range slices.Concat(appendCases, readCases, filterCases, textCases, summaryCases, tailCases, lifeCases, randomCases) {
		c.examine(t, factory)
	}
}

// examine runs the case on a fresh engine.
func (c testCase) examine(t *testing.T, factory Factory) {
	t.Run(factory.Name()+" "+c.name, func(t *testing.T) {
		if f, ok := factory.(Concurrent); ok && f.Concurrent() {
			t.Parallel()
		}
		clock := NewClock(start)
		c.run(&suite{T: t, factory: factory, clock: clock, ix: factory.Open(t, clock)})
	})
}

// each runs a subtest for every row of a table, on the engine of the case.
func each[T any](s *suite, rows map[string]T, run func(*suite, T)) {
	for name, row := range rows {
		s.Run(name, func(t *testing.T) {
			sub := *s
			sub.T = t
			run(&sub, row)
		})
	}
}

func (s *suite) reopen() {
	s.Helper()
	s.ix = s.factory.Reopen(s.T, s.ix)
}

// at is a time relative to the start of the case.
func at(d time.Duration) time.Time { return start.Add(d) }

// event returns a plain event; changes make it special.
func event(id string, when time.Time, changes ...func(*audit.Event)) *audit.Event {
	e := &audit.Event{ID: id, Time: when, Log: audit.LogOperation, Action: "contacts.member.added", Outcome: audit.OutcomeSuccess,
		Actor: audit.Actor{ID: "u_1"}}
	for _, change := range changes {
		change(e)
	}
	return e
}

// events returns one plain event an id, each a second after the one before.
func events(ids ...string) []*audit.Event {
	out := make([]*audit.Event, len(ids))
	for i, id := range ids {
		out[i] = event(id, at(time.Duration(i-len(ids))*time.Second))
	}
	return out
}

// append appends and returns the statuses; what was acknowledged is visible then.
func (s *suite) append(organization string, events ...*audit.Event) []audit.AppendStatus {
	s.Helper()
	for _, e := range events {
		if err := e.Validate(s.clock.Now()); err != nil {
			s.Fatalf("the case itself is wrong: event %q is not valid: %v", e.ID, err)
		}
	}
	statuses, err := s.ix.Append(s.Context(), organization, events)
	if err != nil {
		s.Fatalf("Append: %v", err)
	}
	if len(statuses) != len(events) {
		s.Fatalf("Append of %d events returned %d statuses", len(events), len(statuses))
	}
	s.factory.Visible(s.T, s.ix)
	return statuses
}

// store appends events that have to be new.
func (s *suite) store(organization string, events ...*audit.Event) {
	s.Helper()
	for i, status := range s.append(organization, events...) {
		if status != audit.StatusCreated {
			s.Fatalf("Append: event %q is %s, want created", events[i].ID, status)
		}
	}
}

// search returns one page.
func (s *suite) search(organization string, search audit.Search) audit.Page {
	s.Helper()
	if search.Limit == 0 {
		search.Limit = audit.MaxScan
	}
	page, err := s.ix.Search(s.Context(), organization, search)
	if err != nil {
		s.Fatalf("Search %+v: %v", search, err)
	}
	return page
}

// walk returns every event of a search, following Next.
func (s *suite) walk(ix index.Index, organization string, search audit.Search) ([]audit.Event, error) {
	s.Helper()
	var all []audit.Event
	for {
		page, err := ix.Search(s.Context(), organization, search)
		if err != nil {
			return nil, err
		}
		if len(page.Events) > search.Limit {
			s.Fatalf("Search returned %d events with limit %d", len(page.Events), search.Limit)
		}
		if page.Next != nil && len(page.Events) == 0 {
			s.Fatal("Search returned no event and a next position")
		}
		all = append(all, page.Events...)
		if page.Next == nil {
			return all, nil
		}
		search.After = page.Next
	}
}

// found returns the ids of everything the query matches, newest first, and checks that summary and total agree with it.
func (s *suite) found(organization string, q audit.Query) []string {
	s.Helper()
	page := s.search(organization, audit.Search{Query: q, CountLimit: audit.CountAll})
	ids := idsOf(page.Events)
	want := audit.Total{Value: int64(len(ids)), Relation: audit.RelationEqual}
	if page.Next == nil && page.Total != want {
		s.Errorf("Search %+v found %d events and a total of %+v", q, len(ids), page.Total)
	}
	summary, err := s.ix.Summary(s.Context(), organization, audit.SummaryRequest{Query: q, Top: 1})
	if err != nil {
		s.Fatalf("Summary %+v: %v", q, err)
	}
	if page.Next == nil && summary.Total != want.Value {
		s.Errorf("Search %+v found %d events and Summary counted %d", q, len(ids), summary.Total)
	}
	return ids
}

// expect checks what a query finds, newest first.
func (s *suite) expect(organization string, q audit.Query, ids ...string) {
	s.Helper()
	s.same(s.found(organization, q), ids, "Search %+v", q)
}

// same compares and prints the difference.
func (s *suite) same(got, want any, format string, args ...any) {
	s.Helper()
	if diff := difference(got, want); diff != "" {
		s.Errorf(format+" is not as it should be (-want +got):\n%s", append(args, diff)...)
	}
}

// fails checks that err is an audit.Error of the code, and that it names the field where one is given.
func (s *suite) fails(err error, code audit.Code, field string) {
	s.Helper()
	if err == nil {
		s.Errorf("no error, want %s", code)
		return
	}
	if got := audit.CodeOf(err); got != code {
		s.Errorf("error %v has the code %s, want %s", err, got, code)
	}
	if field == "" {
		return
	}
	if e, ok := errorOf(err); !ok || !slices.ContainsFunc(e.Fields, func(f audit.FieldError) bool { return f.Field == field }) {
		s.Errorf("error %v does not name the field %s", err, field)
	}
}

// tail reads from the checkpoint to the end and returns the ids and where it stands then.
func (s *suite) tail(organization, checkpoint string, limit int) ([]string, string) {
	s.Helper()
	events, checkpoint := s.tailEvents(organization, checkpoint, limit)
	return idsOf(events), checkpoint
}

func (s *suite) tailEvents(organization, checkpoint string, limit int) ([]audit.Event, string) {
	s.Helper()
	var all []audit.Event
	for {
		page, err := s.ix.Tail(s.Context(), organization, checkpoint, limit)
		if err != nil {
			s.Fatalf("Tail from %q: %v", checkpoint, err)
		}
		if len(page.Events) > limit {
			s.Fatalf("Tail returned %d events with limit %d", len(page.Events), limit)
		}
		if page.Checkpoint == "" {
			s.Fatal("Tail returned no checkpoint")
		}
		all, checkpoint = append(all, page.Events...), page.Checkpoint
		if !page.More {
			return all, checkpoint
		}
	}
}

func (s *suite) get(organization, id string) audit.Event {
	s.Helper()
	e, err := s.ix.Get(s.Context(), organization, id)
	if err != nil {
		s.Fatalf("Get %q: %v", id, err)
	}
	return e
}

// missing checks that no method shows the event.
func (s *suite) missing(organization, id string) {
	s.Helper()
	_, err := s.ix.Get(s.Context(), organization, id)
	s.fails(err, audit.CodeNotFound, "")
	if slices.Contains(s.found(organization, audit.Query{}), id) {
		s.Errorf("Search of %s finds %q", organization, id)
	}
	if ids, _ := s.tail(organization, "", audit.MaxScan); slices.Contains(ids, id) {
		s.Errorf("Tail of %s returns %q", organization, id)
	}
}

func (s *suite) summary(organization string, request audit.SummaryRequest) audit.Summary {
	s.Helper()
	if request.Top == 0 {
		request.Top = 100
	}
	summary, err := s.ix.Summary(s.Context(), organization, request)
	if err != nil {
		s.Fatalf("Summary %+v: %v", request, err)
	}
	return summary
}

func idsOf(events []audit.Event) []string {
	ids := make([]string, len(events))
	for i := range events {
		ids[i] = events[i].ID
	}
	return ids
}

// sameSearch walks the search on the engine and on the model and compares every page.
func (s *suite) sameSearch(t failer, model *Model, organization string, search audit.Search) {
	t.Helper()
	for {
		got, err := s.ix.Search(s.Context(), organization, search)
		want, wantErr := model.Search(s.Context(), organization, search)
		if audit.CodeOf(err) != audit.CodeOf(wantErr) {
			t.Fatalf("Search %+v: %v, and the model says: %v", search, err, wantErr)
		}
		if diff := difference(got, want); diff != "" {
			t.Fatalf("Search %+v: page differs from the model's (-want +got):\n%s\ngot  %v\nwant %v", search, diff, idsOf(got.Events), idsOf(want.Events))
		}
		if want.Next == nil {
			return
		}
		search.After = want.Next
	}
}

// failer is a *testing.T or a *rapid.T.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

func difference(got, want any) string {
	return cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.Addr{}))
}

// must ends the test on an error.
func (s *suite) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}
