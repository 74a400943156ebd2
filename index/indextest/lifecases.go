package indextest

import (
	"fmt"
	"sync"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// horizonRow says where the horizon is at now.
type horizonRow struct{ now, horizon string }

var lifeCases = []testCase{
	{"shows nothing older than six calendar months, to the millisecond, in any method", func(s *suite) {
		each(s, map[string]horizonRow{
			"months of the same length":               {"2026-11-24T12:00:00Z", "2026-05-24T12:00:00Z"},
			"across a year":                           {"2027-01-15T09:00:00Z", "2026-07-15T09:00:00Z"},
			"31 August: all of February is past":      {"2026-08-31T00:00:00Z", "2026-03-01T00:00:00Z"},
			"30 August: all of February is past":      {"2026-08-30T23:59:59Z", "2026-03-01T00:00:00Z"},
			"29 August: all of February is past":      {"2026-08-29T08:00:00Z", "2026-03-01T00:00:00Z"},
			"28 August to 28 February":                {"2026-08-28T08:00:00Z", "2026-02-28T08:00:00Z"},
			"31 August: the leap day is past":         {"2028-08-31T08:00:00Z", "2028-03-01T00:00:00Z"},
			"29 August to a leap day":                 {"2028-08-29T08:00:00Z", "2028-02-29T08:00:00Z"},
			"28 August of a leap year":                {"2028-08-28T08:00:00Z", "2028-02-28T08:00:00Z"},
			"a leap day":                              {"2028-02-29T08:00:00Z", "2027-08-29T08:00:00Z"},
			"31 December: all of June is past":        {"2026-12-31T17:00:00Z", "2026-07-01T00:00:00Z"},
			"31 March: all of September is past":      {"2027-03-31T17:00:00Z", "2026-10-01T00:00:00Z"},
			"the first of March to the first":         {"2027-03-01T00:00:00Z", "2026-09-01T00:00:00Z"},
			"31 May: all of November is past":         {"2027-05-31T23:00:00Z", "2026-12-01T00:00:00Z"},
			"the first instant of a month":            {"2026-10-01T00:00:00Z", "2026-04-01T00:00:00Z"},
			"the last instant of a month, that is 31": {"2026-07-31T23:59:59Z", "2026-01-31T23:59:59Z"},
		}, func(s *suite, row horizonRow) { s.horizon(utc(row.now), utc(row.horizon)) })
	}},
	{"retains what is not past, however often it is asked, and tails on", func(s *suite) {
		var all []*audit.Event
		for i := range 18 {
			all = append(all, event(fmt.Sprint("r", i), at(-time.Duration(i)*10*24*time.Hour)))
		}
		s.storeApart(acme, all...)
		s.storeApart(globex, event("g", at(-time.Hour)))
		report, err := s.ix.Retain(s.Context())
		s.must(err)
		s.same(report.Horizon, audit.Horizon(s.clock.Now()), "the horizon")
		s.same(len(report.Problems), 0, "the number of problems")
		s.expect(acme, audit.Query{}, newestFirst(all...)...)
		page, err := s.ix.Tail(s.Context(), acme, "", 1)
		s.must(err)
		s.clock.Set(start.AddDate(0, 4, 0))
		horizon := audit.Horizon(s.clock.Now())
		var left []*audit.Event
		for _, e := range all {
			if !e.Time.Before(horizon) {
				left = append(left, e)
			}
		}
		for range 2 {
			_, err := s.ix.Retain(s.Context())
			s.must(err)
			s.expect(acme, audit.Query{}, newestFirst(left...)...)
			s.expect(acme, audit.Query{Text: "contacts"}, newestFirst(left...)...)
		}
		s.reopen()
		s.storeApart(acme, event("new", s.clock.Now()))
		ids, _ := s.tail(acme, page.Checkpoint, 3)
		var want []string
		for _, e := range left[1:] {
			want = append(want, e.ID)
		}
		s.same(ids, append(want, "new"), "the tail behind a checkpoint from before")
		s.clock.Set(start.AddDate(0, 8, 0))
		_, err = s.ix.Retain(s.Context())
		s.must(err)
		s.expect(globex, audit.Query{})
		s.expect(acme, audit.Query{}, "new")
		ids, _ = s.tail(acme, page.Checkpoint, 3)
		s.same(ids, []string{"new"}, "the tail when all else is past")
	}},
	{"has everything that was acknowledged after a restart", func(s *suite) {
		s.store(acme, texts()...)
		s.store(globex, filtered()...)
		before, summary := s.search(acme, audit.Search{}).Events, s.summary(acme, audit.SummaryRequest{})
		for range 2 {
			s.reopen()
			s.same(s.search(acme, audit.Search{}).Events, before, "every event")
			s.same(s.summary(acme, audit.SummaryRequest{}), summary, "the summary")
			s.expect(acme, audit.Query{Text: `"alice smith"`}, "added")
			s.expect(globex, audit.Query{Ranges: []string{"contacts"}}, "f3", "f4", "f7")
		}
	}},
	{"has a name and is ready", func(s *suite) {
		if s.ix.Name() == "" {
			s.Error("the engine has no name")
		}
		s.must(s.ix.Ready(s.Context()))
		s.reopen()
		s.must(s.ix.Ready(s.Context()))
	}},
	{"is unavailable once it is closed, and closes twice without harm", func(s *suite) {
		s.store(acme, events("a")...)
		s.must(s.ix.Close())
		for name, err := range s.everyMethod(s.Context(), acme) {
			if audit.CodeOf(err) != audit.CodeUnavailable {
				s.Errorf("%s of a closed engine: %v, want an error of code unavailable", name, err)
			}
		}
		if s.ix.Ready(s.Context()) == nil {
			s.Error("a closed engine is ready")
		}
		s.must(s.ix.Close())
		s.reopen()
		s.expect(acme, audit.Query{}, "a")
	}},
	{"answers whole pages in order while many write and read", func(s *suite) {
		s.store(acme, texts()...)
		var writers, readers sync.WaitGroup
		done := make(chan struct{})
		for w := range 3 {
			writers.Go(func() {
				for i := range 20 {
					e := event(fmt.Sprint("w", w, "-", i), at(-time.Duration(i*8)*24*time.Hour), message("green"))
					if _, err := s.ix.Append(s.Context(), []string{acme, globex}[i%2], []*audit.Event{e}); err != nil {
						s.Errorf("Append: %v", err)
					}
				}
			})
		}
		for _, search := range []audit.Search{{Limit: 5, CountLimit: 10}, {Limit: 7, Query: audit.Query{Text: "green"}}, {Limit: 3, Query: audit.Query{Text: "-green"}}} {
			readers.Go(func() { s.readsWhile(done, search) })
		}
		writers.Wait()
		close(done)
		readers.Wait()
		s.factory.Visible(s.T, s.ix)
		s.same(len(s.found(acme, audit.Query{Text: "green"})), 30, "the number of events of acme")
		s.same(len(s.found(globex, audit.Query{})), 30, "the number of events of globex")
	}},
}

// readsWhile walks the search until done, and checks order, and that no event comes twice.
func (s *suite) readsWhile(done <-chan struct{}, search audit.Search) {
	for {
		all, err := s.walk(s.ix, acme, search)
		if err != nil {
			s.Errorf("Search: %v", err)
			return
		}
		seen := map[string]bool{}
		for i, e := range all {
			if seen[e.ID] || e.Organization != acme || i > 0 && e.Time.After(all[i-1].Time) {
				s.Errorf("event %q of %s is out of place or comes twice", e.ID, e.Organization)
				return
			}
			seen[e.ID] = true
		}
		select {
		case <-done:
			return
		default:
		}
	}
}

// horizon checks that at now an event of the horizon's time is shown and one a millisecond older is not, and that the
// next millisecond takes the former away as well.
func (s *suite) horizon(now, horizon time.Time) {
	s.Helper()
	clock := NewClock(now.Add(-4 * 24 * time.Hour))
	s.ix, s.clock = s.factory.Open(s.T, clock), clock
	newest := now.Add(-4 * 24 * time.Hour)
	s.store(acme, event("past", horizon.Add(-time.Millisecond)), event("edge", horizon), event("inside", horizon.Add(time.Millisecond)), event("newest", newest))
	s.expect(acme, audit.Query{}, "newest", "inside", "edge", "past")
	clock.Set(now)
	s.shows("past", "newest", "inside", "edge")
	if _, err := s.ix.Retain(s.Context()); err != nil {
		s.Errorf("Retain: %v", err)
	}
	s.shows("past", "newest", "inside", "edge")
	s.reopen()
	s.shows("past", "newest", "inside", "edge")
	if audit.Horizon(now.Add(time.Millisecond)).After(horizon) {
		clock.Set(now.Add(time.Millisecond))
		s.shows("edge", "newest", "inside")
	}
}

// shows checks that every method shows the ids, newest first, and not the one that is gone.
func (s *suite) shows(gone string, ids ...string) {
	s.Helper()
	s.missing(acme, gone)
	for _, q := range []audit.Query{{}, {Text: "contacts"}, {Text: "-nothing"}, {From: s.clock.Now().AddDate(-2, 0, 0)}, {Actors: []string{"u_1"}}} {
		s.expect(acme, q, ids...)
		s.same(s.search(acme, audit.Search{Query: q, Limit: 1, CountLimit: 2}).Total, audit.Total{Value: 2, Relation: total(len(ids), 2).Relation}, "the bounded total")
	}
	s.same(s.summary(acme, audit.SummaryRequest{}).Actors.Values, []audit.FacetValue{{Value: "u_1", Count: int64(len(ids))}}, "the actors")
	for _, id := range ids {
		s.same(s.get(acme, id).ID, id, "the event")
	}
	tailed, _ := s.tail(acme, "", 1)
	s.same(len(tailed), len(ids), "the number of tailed events")
}
