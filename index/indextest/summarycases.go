package indextest

import (
	"fmt"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// zone loads a zone; the names in this package are right.
func (s *suite) zone(name string) *time.Location {
	s.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		s.Fatal(err)
	}
	return zone
}

func utc(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t
}

// histogramRow asks for bars of events at the times; the clock is moved to now first. Times are RFC 3339.
type histogramRow struct {
	zone     string
	interval audit.Interval
	now      string
	times    []string
	starts   []string
	counts   []int64
}

var histogramRows = map[string]histogramRow{
	"hours of UTC, with empty ones": {"UTC", audit.IntervalHour, "2026-11-15T10:30:00Z",
		[]string{"2026-11-15T07:00:00Z", "2026-11-15T07:59:59.999Z", "2026-11-15T10:00:00Z"},
		[]string{"2026-11-15T07:00:00Z", "2026-11-15T08:00:00Z", "2026-11-15T09:00:00Z", "2026-11-15T10:00:00Z"}, []int64{2, 0, 0, 1}},
	"days of UTC, across months": {"UTC", audit.IntervalDay, "2026-11-15T10:30:00Z",
		[]string{"2026-10-30T23:59:59.999Z", "2026-11-02T00:00:00Z"},
		[]string{"2026-10-30T00:00:00Z", "2026-10-31T00:00:00Z", "2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"}, []int64{1, 0, 0, 1}},
	"weeks begin on Mondays": {"UTC", audit.IntervalWeek, "2026-11-15T10:30:00Z",
		[]string{"2026-10-25T23:59:59.999Z", "2026-11-08T23:59:59.999Z", "2026-11-09T00:00:00Z", "2026-11-15T10:30:00Z"},
		[]string{"2026-10-19T00:00:00Z", "2026-10-26T00:00:00Z", "2026-11-02T00:00:00Z", "2026-11-09T00:00:00Z"}, []int64{1, 0, 1, 2}},
	"the hour that Berlin has twice in autumn": {"Europe/Berlin", audit.IntervalHour, "2026-11-15T10:30:00Z",
		[]string{"2026-10-24T23:30:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z"},
		[]string{"2026-10-25T01:00:00+02:00", "2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00", "2026-10-25T03:00:00+01:00"}, []int64{1, 1, 1, 1}},
	"the day of 25 hours in Berlin": {"Europe/Berlin", audit.IntervalDay, "2026-11-15T10:30:00Z",
		[]string{"2026-10-24T21:59:59Z", "2026-10-24T22:00:00Z", "2026-10-25T22:59:59Z", "2026-10-25T23:00:00Z"},
		[]string{"2026-10-24T00:00:00+02:00", "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00"}, []int64{1, 2, 1}},
	"the week of Berlin's change": {"Europe/Berlin", audit.IntervalWeek, "2026-11-15T10:30:00Z",
		[]string{"2026-10-18T21:59:59Z", "2026-10-18T22:00:00Z", "2026-10-25T22:59:59Z", "2026-10-25T23:00:00Z"},
		[]string{"2026-10-12T00:00:00+02:00", "2026-10-19T00:00:00+02:00", "2026-10-26T00:00:00+01:00"}, []int64{1, 2, 1}},
	"the hour that Berlin leaves out in spring": {"Europe/Berlin", audit.IntervalHour, "2027-04-10T00:00:00Z",
		[]string{"2027-03-28T00:59:59Z", "2027-03-28T01:00:00Z"},
		[]string{"2027-03-28T01:00:00+01:00", "2027-03-28T03:00:00+02:00"}, []int64{1, 1}},
	"the day of 23 hours in Berlin": {"Europe/Berlin", audit.IntervalDay, "2027-04-10T00:00:00Z",
		[]string{"2027-03-27T23:00:00Z", "2027-03-28T21:59:59Z", "2027-03-28T22:00:00Z"},
		[]string{"2027-03-28T00:00:00+01:00", "2027-03-29T00:00:00+02:00"}, []int64{2, 1}},
	"hours of Kathmandu begin at a quarter past": {"Asia/Kathmandu", audit.IntervalHour, "2026-11-15T10:30:00Z",
		[]string{"2026-11-15T08:14:59Z", "2026-11-15T08:15:00Z", "2026-11-15T09:14:59Z"},
		[]string{"2026-11-15T13:00:00+05:45", "2026-11-15T14:00:00+05:45"}, []int64{1, 2}},
	"days of Kathmandu": {"Asia/Kathmandu", audit.IntervalDay, "2026-11-15T10:30:00Z",
		[]string{"2026-11-13T18:14:59Z", "2026-11-13T18:15:00Z", "2026-11-14T18:15:00Z"},
		[]string{"2026-11-13T00:00:00+05:45", "2026-11-14T00:00:00+05:45", "2026-11-15T00:00:00+05:45"}, []int64{1, 1, 1}},
	"the day without a midnight in Cairo": {"Africa/Cairo", audit.IntervalDay, "2027-05-10T00:00:00Z",
		[]string{"2027-04-29T21:59:59Z", "2027-04-29T22:00:00Z", "2027-04-30T20:59:59Z", "2027-04-30T21:00:00Z"},
		[]string{"2027-04-29T00:00:00+02:00", "2027-04-30T01:00:00+03:00", "2027-05-01T00:00:00+03:00"}, []int64{1, 2, 1}},
	"no zone is UTC": {"", audit.IntervalDay, "2026-11-15T10:30:00Z", []string{"2026-11-14T23:59:59Z", "2026-11-15T00:00:00Z"},
		[]string{"2026-11-14T00:00:00Z", "2026-11-15T00:00:00Z"}, []int64{1, 1}},
}

// check stores one event at each time and compares the bars.
func (row histogramRow) check(s *suite) {
	clock := NewClock(utc(row.now))
	s.ix = s.factory.Open(s.T, clock)
	s.clock = clock
	var all []*audit.Event
	for i, text := range row.times {
		all = append(all, event(fmt.Sprint("h", i), utc(text)))
	}
	s.store(acme, all...)
	request := audit.SummaryRequest{Interval: row.interval}
	if row.zone != "" {
		request.Zone = s.zone(row.zone)
	}
	got := s.summary(acme, request)
	var want []audit.Bucket
	for i, text := range row.starts {
		want = append(want, audit.Bucket{Start: utc(text), Count: row.counts[i]})
	}
	s.same(got.Histogram, want, "the histogram")
	s.same(got.Interval, row.interval, "the interval")
	if request.Zone == nil {
		request.Zone = time.UTC
	}
	for _, bar := range got.Histogram {
		s.same(bar.Start.Location().String(), request.Zone.String(), "the zone of a bar")
	}
}

var summaryCases = []testCase{
	{"cuts the histogram at the hours, days and Mondays of the zone", func(s *suite) {
		each(s, histogramRows, func(s *suite, row histogramRow) { row.check(s) })
	}},
	{"picks the finest interval that needs at most 200 bars", func(s *suite) {
		s.store(acme, event("newest", at(0)), event("199 hours older", at(-199*time.Hour)))
		summary := s.summary(acme, audit.SummaryRequest{})
		s.same(summary.Interval, audit.IntervalHour, "the interval of 200 hours")
		s.same(len(summary.Histogram), audit.MaxBuckets, "the number of bars")
		s.store(acme, event("200 hours older", at(-200*time.Hour)))
		summary = s.summary(acme, audit.SummaryRequest{})
		s.same(summary.Interval, audit.IntervalDay, "the interval of 201 hours")
		s.same(len(summary.Histogram), 9, "the number of bars")
		s.store(acme, event("the oldest", audit.Horizon(start)))
		s.same(s.summary(acme, audit.SummaryRequest{}).Interval, audit.IntervalDay, "the interval of six months")
		s.same(s.summary(acme, audit.SummaryRequest{Query: audit.Query{From: at(-time.Hour)}}).Interval, audit.IntervalHour, "the interval of one event")
		hours := s.summary(acme, audit.SummaryRequest{Interval: audit.IntervalHour})
		s.same(len(hours.Histogram), 184*24+1, "the number of hours in six months")
		_, err := s.ix.Summary(s.Context(), acme, audit.SummaryRequest{Top: 1, Interval: "minute"})
		s.fails(err, audit.CodeInvalid, "interval")
	}},
	{"counts failures in each bar", func(s *suite) {
		s.store(acme, event("a", at(0), outcome(audit.OutcomeFailure)), event("b", at(-time.Minute)), event("c", at(-2*time.Hour), outcome(audit.OutcomeUnknown)),
			event("d", at(-3*time.Hour), outcome(audit.OutcomeFailure)), event("e", at(-3*time.Hour), outcome(audit.OutcomeFailure)))
		hour := func(n int) time.Time { return start.Truncate(time.Hour).Add(time.Duration(n) * time.Hour) }
		s.same(s.summary(acme, audit.SummaryRequest{}).Histogram, []audit.Bucket{
			{Start: hour(-3), Count: 2, Failures: 2}, {Start: hour(-2), Count: 1}, {Start: hour(-1)}, {Start: hour(0), Count: 2, Failures: 1}}, "the histogram")
	}},
	{"counts the values of each facet, the most frequent first and equal ones by value", func(s *suite) {
		s.store(acme,
			event("1", at(0), action("b.x"), actor("u_1", "One"), platform("web")), event("2", at(-1), action("b.x"), actor("u_2", "u_2"), platform("iOS")),
			event("3", at(-2*time.Hour), action("a.x"), actor("u_3", ""), outcome(audit.OutcomeFailure)), event("4", at(-50*24*time.Hour), action("a.y"), actor("u_1", "Old name"), outcome(audit.OutcomeUnknown)))
		got := s.summary(acme, audit.SummaryRequest{})
		s.same(got.Total, int64(4), "the total")
		s.same(got.Actions, audit.Facet{Values: []audit.FacetValue{{Value: "b.x", Count: 2}, {Value: "a.x", Count: 1}, {Value: "a.y", Count: 1}}}, "actions")
		s.same(got.Ranges, audit.Facet{Values: []audit.FacetValue{{Value: "a", Count: 2}, {Value: "b", Count: 2}}}, "ranges")
		s.same(got.Actors, audit.Facet{Values: []audit.FacetValue{{Value: "u_1", Label: "One", Count: 2}, {Value: "u_2", Count: 1}, {Value: "u_3", Count: 1}}}, "actors")
		s.same(got.Outcomes, audit.Facet{Values: []audit.FacetValue{{Value: "success", Count: 2}, {Value: "failure", Count: 1}, {Value: "unknown", Count: 1}}}, "outcomes")
		s.same(got.Platforms, audit.Facet{Values: []audit.FacetValue{{Value: "", Count: 2}, {Value: "iOS", Count: 1}, {Value: "web", Count: 1}}}, "platforms, with the events that have none,")
	}},
	{"names the top values and counts the rest as other", func(s *suite) {
		var all []*audit.Event
		for i := range 130 {
			for j := range 1 + i%3 {
				all = append(all, event(fmt.Sprint(i, "-", j), at(-time.Duration(i)*time.Hour), actor(fmt.Sprintf("u_%03d", i), "")))
			}
		}
		s.store(acme, all...)
		for top, want := range map[int]audit.Facet{
			1: {Values: []audit.FacetValue{{Value: "u_002", Count: 3}}, Other: 256},
			2: {Values: []audit.FacetValue{{Value: "u_002", Count: 3}, {Value: "u_005", Count: 3}}, Other: 253},
		} {
			s.same(s.summary(acme, audit.SummaryRequest{Top: top}).Actors, want, "the top %d actors", top)
		}
		hundred := s.summary(acme, audit.SummaryRequest{Top: 100}).Actors
		s.same(len(hundred.Values), 100, "the number of values")
		s.same(hundred.Other, int64(259-43*3-43*2-14), "other")
	}},
	{"labels an actor with the most recent name that matches", func(s *suite) {
		s.store(acme, event("new", at(0), actor("u_1", ""), action("b.x")), event("middle", at(-time.Hour), actor("u_1", "Married")), event("old", at(-60*24*time.Hour), actor("u_1", "Maiden")))
		s.same(s.summary(acme, audit.SummaryRequest{}).Actors.Values, []audit.FacetValue{{Value: "u_1", Label: "Married", Count: 3}}, "actors")
		s.same(s.summary(acme, audit.SummaryRequest{Query: audit.Query{To: at(-2 * time.Hour)}}).Actors.Values, []audit.FacetValue{{Value: "u_1", Label: "Maiden", Count: 1}}, "actors of the past")
		s.same(s.summary(acme, audit.SummaryRequest{Query: audit.Query{Ranges: []string{"b"}}}).Actors.Values, []audit.FacetValue{{Value: "u_1", Count: 1}}, "actors of an event without a name")
		first, second := event("x", at(-time.Minute), actor("u_2", "X")), event("y", at(-time.Minute), actor("u_2", "Y"))
		s.store(acme, first, second)
		label := map[string]string{"x": "X", "y": "Y"}[newestFirst(first, second)[0]]
		s.same(s.summary(acme, audit.SummaryRequest{Query: audit.Query{Actors: []string{"u_2"}}}).Actors.Values, []audit.FacetValue{{Value: "u_2", Label: label, Count: 2}}, "the actor of two events of one millisecond")
	}},
	{"counts only what filters and text match", func(s *suite) {
		s.store(acme, filtered()...)
		got := s.summary(acme, audit.SummaryRequest{Query: audit.Query{Text: "blue", From: at(-4 * time.Hour)}})
		s.same(got.Total, int64(2), "the total")
		s.same(got.Actors.Values, []audit.FacetValue{{Value: "u_1", Count: 1}, {Value: "u_2", Count: 1}}, "actors")
		s.same(len(got.Histogram), 2, "the number of bars")
	}},
}
