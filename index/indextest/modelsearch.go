package indextest

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/fulltext"
)

// matching returns what the query matches, newest first.
func (m *Model) matching(o *modelOrganization, q *audit.Query) ([]*modelEvent, error) {
	now := m.clock()
	if err := q.Validate(now); err != nil {
		return nil, err
	}
	expr, err := audit.ParseText(q.Text)
	if err != nil {
		return nil, err
	}
	node, horizon := fulltext.Compile(expr), audit.Horizon(now)
	var found []*modelEvent
	for i := range o.events {
		e := &o.events[i]
		if !e.Time.Before(horizon) && q.Matches(&e.Event) && fulltext.Match(&e.Event, node) {
			found = append(found, e)
		}
	}
	slices.SortFunc(found, func(a, b *modelEvent) int { return comparePositions(b.position(), a.position()) })
	return found, nil
}

// comparePositions returns -1 where a is older than b.
func comparePositions(a, b audit.Position) int {
	return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Tie, b.Tie))
}

// Search implements index.Reader.
func (m *Model) Search(ctx context.Context, organization string, search audit.Search) (audit.Page, error) {
	o, done, err := m.begin(ctx, organization)
	if err != nil {
		return audit.Page{}, err
	}
	defer done()
	if search.Limit < 1 || search.Limit > audit.MaxScan {
		return audit.Page{}, audit.InvalidField("limit", "must be 1 to %d", audit.MaxScan)
	}
	found, err := m.matching(o, &search.Query)
	if err != nil {
		return audit.Page{}, err
	}
	if !search.ReceivedUntil.IsZero() {
		if search.ReceivedUntil.After(o.bound) {
			o.bound = search.ReceivedUntil
		}
		found = slices.DeleteFunc(found, func(e *modelEvent) bool { return e.ReceivedAt.After(search.ReceivedUntil) })
	}
	page := audit.Page{Total: total(len(found), search.CountLimit)}
	for _, e := range found {
		if search.After != nil && comparePositions(e.position(), *search.After) >= 0 {
			continue
		}
		if len(page.Events) == search.Limit {
			break
		}
		page.Events = append(page.Events, clone(&e.Event))
		next := e.position()
		page.Next = &next
	}
	if page.Next != nil && *page.Next == found[len(found)-1].position() {
		page.Next = nil
	}
	return page, nil
}

func total(count, limit int) audit.Total {
	if limit == audit.CountAll || limit > 0 && count <= limit {
		return audit.Total{Value: int64(count), Relation: audit.RelationEqual}
	}
	return audit.Total{Value: int64(limit), Relation: audit.RelationAtLeast}
}

// Summary implements index.Reader.
func (m *Model) Summary(ctx context.Context, organization string, request audit.SummaryRequest) (audit.Summary, error) {
	o, done, err := m.begin(ctx, organization)
	if err != nil {
		return audit.Summary{}, err
	}
	defer done()
	if request.Top < 1 || request.Top > 100 {
		return audit.Summary{}, audit.InvalidField("top", "must be 1 to 100")
	}
	found, err := m.matching(o, &request.Query)
	if err != nil {
		return audit.Summary{}, err
	}
	s := audit.Summary{Total: int64(len(found))}
	if s.Interval, s.Histogram, err = histogram(found, request); err != nil {
		return audit.Summary{}, err
	}
	names := map[string]string{}
	for _, e := range found { // newest first
		if id := e.Actor.ID; names[id] == "" {
			names[id] = e.Actor.Name
		}
	}
	s.Actions = facet(found, request.Top, func(e *modelEvent) string { return e.Action })
	s.Ranges = facet(found, request.Top, func(e *modelEvent) string { return e.Range() })
	s.Actors = facet(found, request.Top, func(e *modelEvent) string { return e.Actor.ID })
	s.Outcomes = facet(found, request.Top, func(e *modelEvent) string { return string(e.Outcome) })
	s.Platforms = facet(found, request.Top, func(e *modelEvent) string { return e.Source.Platform })
	for i, v := range s.Actors.Values {
		if name := names[v.Value]; name != v.Value {
			s.Actors.Values[i].Label = name
		}
	}
	return s, nil
}

func facet(found []*modelEvent, top int, of func(*modelEvent) string) audit.Facet {
	counts := map[string]int64{}
	for _, e := range found {
		counts[of(e)]++
	}
	var f audit.Facet
	for v, n := range counts {
		f.Values = append(f.Values, audit.FacetValue{Value: v, Count: n})
	}
	slices.SortFunc(f.Values, func(a, b audit.FacetValue) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Value, b.Value))
	})
	for len(f.Values) > top {
		last := len(f.Values) - 1
		f.Other += f.Values[last].Count
		f.Values = f.Values[:last]
	}
	return f
}

// histogram counts the events, newest first, in the bars of the asked interval, or of the finest that needs few enough.
func histogram(found []*modelEvent, request audit.SummaryRequest) (audit.Interval, []audit.Bucket, error) {
	zone := request.Zone
	if zone == nil {
		zone = time.UTC
	}
	switch request.Interval {
	case audit.IntervalAuto:
		if hours := bars(found, zone, audit.IntervalHour); len(hours) <= audit.MaxBuckets {
			return audit.IntervalHour, hours, nil
		}
		return audit.IntervalDay, bars(found, zone, audit.IntervalDay), nil // of which six months never need too many
	case audit.IntervalHour, audit.IntervalDay, audit.IntervalWeek:
		return request.Interval, bars(found, zone, request.Interval), nil
	}
	return "", nil, audit.InvalidField("interval", "must be hour, day or week")
}

func bars(found []*modelEvent, zone *time.Location, interval audit.Interval) []audit.Bucket {
	var bars []audit.Bucket
	for _, e := range slices.Backward(found) {
		start := barStart(e.Time.In(zone), interval)
		for n := len(bars); n > 0 && bars[n-1].Start.Before(start); n++ {
			bars = append(bars, audit.Bucket{Start: barAfter(bars[n-1].Start, interval)})
		}
		if len(bars) == 0 {
			bars = append(bars, audit.Bucket{Start: start})
		}
		last := &bars[len(bars)-1]
		last.Count++
		if e.Outcome == audit.OutcomeFailure {
			last.Failures++
		}
	}
	return bars
}

// barStart returns the first instant of the hour, the day or the Monday's day that t is in, in t's zone.
func barStart(t time.Time, interval audit.Interval) time.Time {
	year, month, day := t.Date()
	switch interval {
	case audit.IntervalHour:
		return t.Add(-time.Duration(t.Minute())*time.Minute - time.Duration(t.Second())*time.Second - time.Duration(t.Nanosecond()))
	case audit.IntervalWeek:
		day -= (int(t.Weekday()) + 6) % 7
	}
	// Every day has a noon, but where clocks go forward at midnight not every day has one of those. They change at quarters of an hour.
	noon := time.Date(year, month, day, 12, 0, 0, 0, t.Location())
	start := noon
	for start.Add(-15*time.Minute).Day() == noon.Day() {
		start = start.Add(-15 * time.Minute)
	}
	return start
}

// barAfter returns the start of the bar behind the one that begins at start.
func barAfter(start time.Time, interval audit.Interval) time.Time {
	switch interval {
	case audit.IntervalHour:
		return start.Add(time.Hour)
	case audit.IntervalDay:
		return barStart(start.Add(26*time.Hour), interval)
	}
	return barStart(start.Add((7*24+2)*time.Hour), interval)
}
