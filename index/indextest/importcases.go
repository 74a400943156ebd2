package indextest

import (
	"slices"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/index"
)

// RunImport examines an engine that is an index.Importer.
func RunImport(t *testing.T, factory Factory) {
	for _, c := range importCases {
		c.examine(t, factory)
	}
}

// received says when an event was received elsewhere.
func received(when time.Time) func(*audit.Event) {
	return func(e *audit.Event) { e.ReceivedAt = when.UTC().Truncate(audit.TimePrecision) }
}

func (s *suite) importer() index.Importer {
	s.Helper()
	importer, ok := s.ix.(index.Importer)
	if !ok {
		s.Fatal("the engine is not an index.Importer")
	}
	return importer
}

// imports hands copies to Import, wants these statuses, and that the events that were passed stay as they are. They are visible then, without
// waiting.
func (s *suite) imports(organization string, events []*audit.Event, want ...audit.AppendStatus) {
	s.Helper()
	var copies []*audit.Event
	for _, e := range events {
		e := *e
		copies = append(copies, &e)
	}
	statuses, err := s.importer().Import(s.Context(), organization, copies)
	s.must(err)
	if len(want) == 1 {
		want = slices.Repeat(want, len(events))
	}
	s.same(statuses, want, "what Import returned")
	s.same(copies, events, "the events that were passed")
}

const day = 24 * time.Hour

// arrivals are events of several months, in the order in which they arrived elsewhere.
func arrivals() []*audit.Event {
	return []*audit.Event{
		event("a", at(-100*day), received(at(-99*day))),
		event("b", at(-10*day), received(at(-10*day))),
		event("c", at(-150*day), received(at(-10*day))),
		event("d", at(-9*day), received(at(-10*day))),
		event("e", at(-120*day), received(at(-9*day))),
		event("f", at(-time.Hour), received(at(-8*day))), // a time to come, when it was received
		event("g", at(-60*day), received(at(-time.Minute)), message("the last one"), actor("u_9", "Zoë")),
	}
}

var importCases = []testCase{
	{"imports events with the times at which they were received, and finds them by every method", func(s *suite) {
		all := arrivals()
		s.imports(acme, all, audit.StatusCreated)
		s.expect(acme, audit.Query{}, "f", "d", "b", "g", "a", "e", "c")
		s.expect(acme, audit.Query{Text: "last zoe"}, "g")
		s.expect(globex, audit.Query{})
		for _, e := range all {
			want := *e
			want.Organization = acme
			s.same(s.get(acme, e.ID), want, "the event %s", e.ID)
		}
		page := s.search(acme, audit.Search{ReceivedUntil: at(-9 * day), CountLimit: audit.CountAll})
		s.same(idsOf(page.Events), []string{"d", "b", "a", "e", "c"}, "what was received until then")
	}},
	{"tails what was imported in the order in which it was, from checkpoints in between too", func(s *suite) {
		all := arrivals()
		s.imports(acme, all[:2], audit.StatusCreated)
		between, err := s.ix.TailEnd(s.Context(), acme)
		s.must(err)
		s.imports(acme, all[2:5], audit.StatusCreated)
		s.imports(acme, all[5:], audit.StatusCreated)
		for _, again := range []bool{false, true} {
			if again {
				s.reopen()
			}
			events, _ := s.tailEvents(acme, "", 2)
			if !slices.IsSortedFunc(events, func(a, b audit.Event) int { return a.ReceivedAt.Compare(b.ReceivedAt) }) {
				s.Errorf("times of receipt decrease: %v", idsOf(events))
			}
			// Events of one stamp come in an order of the engine's own.
			ids := idsOf(events)
			s.same(len(ids), len(all), "how many are tailed")
			slices.Sort(ids[1:4])
			s.same(ids, []string{"a", "b", "c", "d", "e", "f", "g"}, "the tail")
			ids, _ = s.tail(acme, between, 3)
			slices.Sort(ids[:2])
			s.same(ids, []string{"c", "d", "e", "f", "g"}, "the tail behind the first two")
		}
	}},
	{"imports nothing twice, however long ago it was received", func(s *suite) {
		all := arrivals()
		s.imports(acme, all[:4], audit.StatusCreated)
		_, end := s.tail(acme, "", 10)
		s.imports(acme, all[1:4], audit.StatusDuplicate)
		s.reopen()
		s.imports(acme, all, audit.StatusDuplicate, audit.StatusDuplicate, audit.StatusDuplicate, audit.StatusDuplicate,
			audit.StatusCreated, audit.StatusCreated, audit.StatusCreated)
		ids, _ := s.tail(acme, end, 10)
		s.same(ids, []string{"e", "f", "g"}, "what came the second time")
		s.imports(globex, all, audit.StatusCreated)
	}},
	{"imports both of two events that have one id, received further apart than duplicates are looked for", func(s *suite) {
		twice := []*audit.Event{
			event("x", at(-100*day), received(at(-100*day))), event("x", at(-20*day), received(at(-20*day)), message("another")),
		}
		s.imports(acme, twice, audit.StatusCreated)
		s.imports(acme, twice, audit.StatusDuplicate)
		s.expect(acme, audit.Query{}, "x", "x")
		ids, _ := s.tail(acme, "", 10)
		s.same(ids, []string{"x", "x"}, "the tail")
	}},
	{"appends behind what was imported, and knows its ids as duplicates within the window", func(s *suite) {
		s.imports(acme, arrivals(), audit.StatusCreated)
		_, end := s.tail(acme, "", 10)
		s.same(s.append(acme, event("g", at(0)), event("new", at(0))), []audit.AppendStatus{audit.StatusDuplicate, audit.StatusCreated}, "what Append returned")
		events, _ := s.tailEvents(acme, end, 10)
		s.same(idsOf(events), []string{"new"}, "what was appended")
		if events[0].ReceivedAt.Before(start) {
			s.Errorf("it was received at %v", events[0].ReceivedAt)
		}
	}},
	{"refuses events that were never received, or not in order", func(s *suite) {
		all := arrivals()
		_, err := s.importer().Import(s.Context(), acme, []*audit.Event{all[0], event("x", at(0))})
		s.fails(err, audit.CodeInvalid, "events[1].received_at")
		_, err = s.importer().Import(s.Context(), acme, []*audit.Event{all[4], all[3]})
		s.fails(err, audit.CodeInvalid, "events[1].received_at")
		s.expect(acme, audit.Query{})
	}},
}
