package indextest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/audittrail/audittrail/audit"
)

var readCases = []testCase{
	{"lists events newest first, whatever order they came in", func(s *suite) {
		s.store(acme, event("b", at(-2*time.Minute)), event("d", at(0)), event("a", at(-50*24*time.Hour)))
		s.store(acme, event("c", at(-time.Minute)), event("e", at(5*time.Minute)))
		s.expect(acme, audit.Query{}, "e", "d", "c", "b", "a")
	}},
	{"orders events of the same millisecond by descending tie, across pages and restarts", func(s *suite) {
		var same []*audit.Event
		for i := range 40 {
			same = append(same, event(fmt.Sprint("t", i), at(0)))
		}
		s.store(acme, same[:15]...)
		s.store(acme, same[15:]...)
		want := newestFirst(same...)
		s.expect(acme, audit.Query{}, want...)
		s.reopen()
		got, err := s.walk(s.ix, acme, audit.Search{Limit: 7})
		s.must(err)
		s.same(idsOf(got), want, "a walk in pages of 7")
	}},
	{"keeps events that share both millisecond and tie", func(s *suite) {
		a, b := sameTie()
		other := event("other", at(-time.Second))
		s.store(acme, event(a, at(0)), other)
		s.store(acme, event(b, at(0)), event(b+"!", at(0)))
		got, err := s.walk(s.ix, acme, audit.Search{Limit: 1})
		s.must(err)
		ids := idsOf(got)
		slices.Sort(ids)
		want := []string{a, b, b + "!", "other"}
		slices.Sort(want)
		s.same(ids, want, "a walk in pages of one")
		s.same(s.get(acme, a).ID, a, "the first")
		s.same(s.get(acme, b).ID, b, "the second")
		s.same(s.append(acme, event(a, at(0)), event(b, at(0))), []audit.AppendStatus{audit.StatusDuplicate, audit.StatusDuplicate}, "Append")
	}},
	{"walks every event stored before the first page exactly once while others arrive", func(s *suite) {
		var want []*audit.Event
		for i := range 60 {
			want = append(want, event(fmt.Sprint("w", i), at(-time.Duration(i/3)*24*time.Hour)))
		}
		s.store(acme, want...)
		seen := map[string]int{}
		search := audit.Search{Limit: 7}
		for round := 0; ; round++ {
			page := s.search(acme, search)
			for _, e := range page.Events {
				seen[e.ID]++
			}
			if page.Next == nil {
				break
			}
			search.After = page.Next
			near := page.Events[len(page.Events)-1].Time
			s.store(acme, event(fmt.Sprint("newer", round), at(time.Minute)), event(fmt.Sprint("same", round), near), event(fmt.Sprint("older", round), near.Add(-time.Hour)))
		}
		for _, e := range want {
			if seen[e.ID] != 1 {
				s.Errorf("%q was returned %d times", e.ID, seen[e.ID])
			}
		}
		for id, n := range seen {
			if n > 1 || strings.HasPrefix(id, "newer") {
				s.Errorf("%q was returned %d times", id, n)
			}
		}
	}},
	{"says that nothing follows where the last page is full", func(s *suite) {
		s.store(acme, events("a", "b", "c", "d")...)
		page := s.search(acme, audit.Search{Limit: 2})
		s.same(idsOf(page.Events), []string{"d", "c"}, "the first page")
		if page.Next == nil {
			s.Fatal("the first page has no next position")
		}
		s.same(page.Next.Time, page.Events[1].Time, "the next position's time")
		got, err := s.walk(s.ix, acme, audit.Search{Limit: 2})
		s.must(err)
		s.same(idsOf(got), []string{"d", "c", "b", "a"}, "the walk")
		if page := s.search(acme, audit.Search{Limit: 5}); page.Next != nil {
			s.Errorf("a page that is not full has the next position %+v", *page.Next)
		}
	}},
	{"continues behind a position at which no event stands", func(s *suite) {
		s.store(acme, events("a", "b", "c")...)
		between := audit.Position{Time: at(-1500 * time.Millisecond), Tie: 77}
		s.same(idsOf(s.search(acme, audit.Search{After: &between}).Events), []string{"b", "a"}, "the page")
	}},
	{"gives deep pages like first ones", func(s *suite) {
		const n = 3000
		var want []*audit.Event
		for i := range n {
			want = append(want, event(fmt.Sprint("d", i), at(-time.Duration(i)*time.Hour), action([]string{"a.b", "a.c", "a.d"}[i%3])))
		}
		s.store(acme, want...)
		got, err := s.walk(s.ix, acme, audit.Search{Limit: 97})
		s.must(err)
		s.same(idsOf(got), newestFirst(want...), "the walk")
		got, err = s.walk(s.ix, acme, audit.Search{Limit: 97, Query: audit.Query{Actions: []string{"a.c"}}})
		s.must(err)
		if len(got) != n/3 {
			s.Errorf("the walk of one action has %d events, want %d", len(got), n/3)
		}
	}},
	{"counts as far as it is asked to", func(s *suite) {
		s.store(acme, events("a", "b", "c", "d", "e")...)
		type row struct {
			limit int
			want  audit.Total
		}
		each(s, map[string]row{
			"not at all":                 {0, audit.Total{Value: 0, Relation: audit.RelationAtLeast}},
			"exactly":                    {audit.CountAll, audit.Total{Value: 5, Relation: audit.RelationEqual}},
			"up to fewer than match":     {4, audit.Total{Value: 4, Relation: audit.RelationAtLeast}},
			"up to as many as match":     {5, audit.Total{Value: 5, Relation: audit.RelationEqual}},
			"up to more than match":      {6, audit.Total{Value: 5, Relation: audit.RelationEqual}},
			"up to one":                  {1, audit.Total{Value: 1, Relation: audit.RelationAtLeast}},
			"up to the default, of five": {audit.DefaultCountLimit, audit.Total{Value: 5, Relation: audit.RelationEqual}},
		}, func(s *suite, row row) {
			page := s.search(acme, audit.Search{Limit: 2, CountLimit: row.limit})
			s.same(page.Total, row.want, "the total of the first page")
			s.same(s.search(acme, audit.Search{Limit: 2, CountLimit: row.limit, After: page.Next}).Total, row.want, "the total of the second page")
		})
	}},
	{"counts what the filters and the text match, by pages and exactly", func(s *suite) {
		var all []*audit.Event
		for i := range 30 {
			all = append(all, event(fmt.Sprint("n", i), at(-time.Duration(i)*72*time.Hour), message([]string{"one fish", "two fish"}[i%2]), outcome(audit.Outcomes()[i%3])))
		}
		s.store(acme, all...)
		for _, limit := range []int{audit.CountAll, 3, 100} {
			q := audit.Query{Text: "two", Outcomes: []audit.Outcome{audit.OutcomeSuccess}}
			want := audit.Total{Value: 5, Relation: audit.RelationEqual}
			if limit == 3 {
				want = audit.Total{Value: 3, Relation: audit.RelationAtLeast}
			}
			s.same(s.search(acme, audit.Search{Query: q, Limit: 2, CountLimit: limit}).Total, want, "the total")
		}
	}},
	{"refuses limits out of bounds", func(s *suite) {
		for _, limit := range []int{0, -1, audit.MaxScan + 1} {
			_, err := s.ix.Search(s.Context(), acme, audit.Search{Limit: limit})
			s.fails(err, audit.CodeInvalid, "limit")
			_, err = s.ix.Tail(s.Context(), acme, "", limit)
			s.fails(err, audit.CodeInvalid, "limit")
		}
		for _, top := range []int{0, -1, 101} {
			_, err := s.ix.Summary(s.Context(), acme, audit.SummaryRequest{Top: top})
			s.fails(err, audit.CodeInvalid, "top")
		}
	}},
	{"refuses a query that cannot run", func(s *suite) {
		s.store(acme, events("a")...)
		_, err := s.ix.Search(s.Context(), acme, audit.Search{Limit: 1, Query: audit.Query{Text: `"never closed`}})
		s.fails(err, audit.CodeInvalid, "q")
		_, err = s.ix.Summary(s.Context(), acme, audit.SummaryRequest{Top: 1, Query: audit.Query{Text: `"never closed`}})
		s.fails(err, audit.CodeInvalid, "q")
	}},
	{"leaves out what was received after a bound", func(s *suite) {
		s.store(acme, event("a", at(-time.Hour)), event("b", at(-2*time.Hour)))
		s.clock.Advance(time.Second)
		s.store(acme, event("c", at(-90*time.Minute)))
		s.clock.Advance(time.Second)
		s.store(acme, event("d", at(-3*time.Hour)))
		s.clock.Advance(time.Minute)
		for bound, want := range map[time.Duration][]string{
			-time.Millisecond: nil, 0: {"a", "b"}, 999 * time.Millisecond: {"a", "b"}, time.Second: {"a", "c", "b"}, 2 * time.Second: {"a", "c", "b", "d"},
		} {
			page := s.search(acme, audit.Search{ReceivedUntil: at(bound), CountLimit: audit.CountAll})
			s.same(idsOf(page.Events), want, "what was received until %v after the start", bound)
			s.same(page.Total, audit.Total{Value: int64(len(want)), Relation: audit.RelationEqual}, "the total")
			got, err := s.walk(s.ix, acme, audit.Search{ReceivedUntil: at(bound), Limit: 1, Query: audit.Query{Text: "contacts"}})
			s.must(err)
			s.same(idsOf(got), want, "a walk of one event a page, with text")
		}
	}},
	{"does not move a bounded set of rows while it is read", func(s *suite) {
		var want []*audit.Event
		for i := range 25 {
			want = append(want, event(fmt.Sprint("b", i), at(-time.Duration(i)*time.Hour)))
		}
		s.store(acme, want...)
		s.clock.Advance(time.Minute)
		search := audit.Search{Limit: 4, ReceivedUntil: start, CountLimit: audit.CountAll}
		var got []string
		for round := 0; ; round++ {
			page := s.search(acme, search)
			got = append(got, idsOf(page.Events)...)
			s.same(page.Total.Value, int64(25), "the total")
			if page.Next == nil {
				break
			}
			search.After = page.Next
			s.store(acme, event(fmt.Sprint("late", round), page.Next.Time.Add(-time.Minute)))
		}
		s.same(got, newestFirst(want...), "the rows")
	}},
	{"does not move a set of rows that is bounded by the present, though the clock stands still", func(s *suite) {
		s.store(acme, events("a", "b")...)
		search := audit.Search{ReceivedUntil: s.clock.Now(), CountLimit: audit.CountAll, Limit: 10}
		s.same(idsOf(s.search(acme, search).Events), []string{"b", "a"}, "the rows")
		s.store(acme, event("late", at(-time.Hour)))
		s.same(idsOf(s.search(acme, search).Events), []string{"b", "a"}, "the rows after another commit")
		s.expect(acme, audit.Query{}, "b", "a", "late")
	}},
	{"keeps organizations apart in every method", func(s *suite) {
		s.store(acme, event("a", at(-time.Hour), message("secret of acme"), actor("u_acme", "Alice")))
		s.store(globex, event("g", at(-time.Hour), message("secret of globex"), actor("u_globex", "Gina")))
		s.expect(acme, audit.Query{}, "a")
		s.expect(globex, audit.Query{Text: "secret"}, "g")
		s.expect(globex, audit.Query{Text: "acme"})
		s.expect(globex, audit.Query{Actors: []string{"u_acme"}})
		s.missing(globex, "a")
		s.missing(acme, "g")
		s.same(s.summary(acme, audit.SummaryRequest{}).Actors.Values, []audit.FacetValue{{Value: "u_acme", Label: "Alice", Count: 1}}, "the actors")
		_, checkpoint := s.tail(acme, "", 10)
		if page, err := s.ix.Tail(s.Context(), globex, checkpoint, 10); err == nil {
			if ids := idsOf(page.Events); slices.Contains(ids, "a") {
				s.Errorf("Tail of globex returns %v", ids)
			}
		} else {
			s.fails(err, audit.CodeInvalid, "")
		}
		s.reopen()
		s.expect(acme, audit.Query{}, "a")
		s.expect(globex, audit.Query{}, "g")
	}},
	{"takes an organization without events for an empty one", func(s *suite) {
		s.store(globex, events("a")...)
		s.expect(acme, audit.Query{})
		s.expect(acme, audit.Query{Text: "contacts"})
		_, err := s.ix.Get(s.Context(), acme, "a")
		s.fails(err, audit.CodeNotFound, "")
		summary := s.summary(acme, audit.SummaryRequest{})
		s.same(summary.Histogram, []audit.Bucket{}, "the histogram")
		s.same(summary.Actions, audit.Facet{}, "a facet")
		ids, checkpoint := s.tail(acme, "", 10)
		s.same(ids, []string{}, "the tail")
		s.store(acme, events("b")...)
		ids, _ = s.tail(acme, checkpoint, 10)
		s.same(ids, []string{"b"}, "the tail behind the checkpoint of an empty organization")
	}},
	{"answers not found for ids that are not there", func(s *suite) {
		s.store(acme, events("a")...)
		for _, id := range []string{"b", "", "A", "a ", "%", "*", "a\x00"} {
			_, err := s.ix.Get(s.Context(), acme, id)
			s.fails(err, audit.CodeNotFound, "")
		}
	}},
	{"returns soon with the error of a context that has ended", func(s *suite) {
		s.store(acme, events("a")...)
		ctx, cancel := context.WithCancel(s.Context())
		cancel()
		for name, err := range s.everyMethod(ctx, acme) {
			if !errors.Is(err, context.Canceled) {
				s.Errorf("%s: %v, want the error of the context", name, err)
			}
		}
		s.same(s.get(acme, "a").ID, "a", "the event")
	}},
}

// everyMethod calls each method that names an organization and returns the errors by its name.
func (s *suite) everyMethod(ctx context.Context, organization string) map[string]error {
	failed := map[string]error{}
	_, failed["Append"] = s.ix.Append(ctx, organization, events("x"))
	_, failed["Get"] = s.ix.Get(ctx, organization, "x")
	_, failed["Search"] = s.ix.Search(ctx, organization, audit.Search{Limit: 1})
	_, failed["Summary"] = s.ix.Summary(ctx, organization, audit.SummaryRequest{Top: 1})
	_, failed["Tail"] = s.ix.Tail(ctx, organization, "", 1)
	_, failed["TailEnd"] = s.ix.TailEnd(ctx, organization)
	return failed
}

// sameTie returns two ids of the same tie. Among a hundred thousand some pair is all but certain.
func sameTie() (string, string) {
	seen := map[uint32]string{}
	for i := 0; ; i++ {
		id := fmt.Sprint("tie-", i)
		tie := audit.Tie(id)
		if first, ok := seen[tie]; ok {
			return first, id
		}
		seen[tie] = id
	}
}
