package elastic

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/bars"
)

const (
	// maxTop is how many values a facet can name.
	maxTop = 100
	// labelsAtOnce is of how many actors, those that acted last, the names come with the counts.
	labelsAtOnce = 200
)

// Summary implements index.Reader. One search counts everything and brings the names of the actors who acted last. Only where an actor of the facet is not
// among the last labelsAtOnce does a second one ask for names, and only where a shard has more than facetValues values of one field are those counted
// value by value: see exactly.
//
// Hours, days and weeks are added up here from steps of an hour or less, as on every engine; the cluster's idea of time zones plays no part.
func (x *Index) Summary(ctx context.Context, organization string, r audit.SummaryRequest) (audit.Summary, error) {
	if r.Top < 1 || r.Top > maxTop {
		return audit.Summary{}, audit.InvalidField("top", "must be 1 to %d", maxTop)
	}
	ctx, leave, err := x.reading(ctx, organization)
	if err != nil {
		return audit.Summary{}, err
	}
	defer leave()
	s, err := x.matching(organization, &r.Query)
	if err != nil {
		return audit.Summary{}, err
	}
	zone := r.Zone
	if zone == nil {
		zone = time.UTC
	}
	found, err := x.ask(ctx, s, x.summaryRequest(x.grid(s, zone), r.Top))
	if err != nil {
		return audit.Summary{}, err
	}
	var counts summaryCounts
	if err := json.Unmarshal(found.Aggregations, &counts); err != nil {
		return audit.Summary{}, audit.WithCause(audit.CodeInternal, err, "the counts cannot be read")
	}
	return x.summary(ctx, s, r, zone, found, &counts)
}

// grid is how finely the events in the scope have to be counted.
func (x *Index) grid(s scope, zone *time.Location) bars.Grid {
	return bars.GridOf(zone, s.horizon, x.clock().Add(audit.MaxFuture))
}

// summaryRequest asks for all counts, and for the newest named event of each of the actors who acted last.
func (x *Index) summaryRequest(grid bars.Grid, top int) request {
	steps := clause{"date_histogram": clause{"field": fieldTime, "fixed_interval": fmt.Sprintf("%ds", int(grid.Step.Seconds())),
		"offset": fmt.Sprintf("+%ds", int(grid.Offset.Seconds())), "min_doc_count": 1}}
	r := request{"track_total_hits": false, "aggs": clause{
		"total":     clause{"value_count": clause{"field": fieldTime}},
		"steps":     steps,
		"failures":  clause{"filter": term(fieldOutcome, audit.OutcomeFailure), "aggs": clause{"steps": steps}},
		"actions":   x.facetRequest(fieldAction, top),
		"ranges":    x.facetRequest(fieldRange, top),
		"actors":    x.facetRequest(fieldActor, top),
		"outcomes":  x.facetRequest(fieldOutcome, top),
		"platforms": x.facetRequest(fieldPlatform, top),
	}}
	for k, v := range namesRequest(x.limits.labels) {
		r[k] = v
	}
	return r
}

// summaryCounts is what summaryRequest counts.
type summaryCounts struct {
	Total    struct{ Value int64 }
	Steps    steps
	Failures struct{ Steps steps }

	Actions, Ranges, Actors, Outcomes, Platforms facetCounts
}

// steps are the counts by the steps of a grid.
type steps struct {
	Buckets []struct {
		Key   int64
		Count int64 `json:"doc_count"`
	}
}

// hours adds up the steps.
func (c *summaryCounts) hours(zone *time.Location) bars.Hours {
	hours := bars.Hours{}
	at := func(ms int64) *bars.Count {
		return hours.At(bars.Floor(time.UnixMilli(ms).In(zone), audit.IntervalHour).UnixMilli())
	}
	for _, b := range c.Steps.Buckets {
		at(b.Key).Count += b.Count
	}
	for _, b := range c.Failures.Steps.Buckets {
		at(b.Key).Failures += b.Count
	}
	return hours
}

// summary puts the counts together.
func (x *Index) summary(ctx context.Context, s scope, r audit.SummaryRequest, zone *time.Location, found *answer, c *summaryCounts) (audit.Summary, error) {
	out := audit.Summary{Total: c.Total.Value}
	var err error
	if out.Interval, out.Histogram, err = c.hours(zone).Histogram(zone, r.Interval); err != nil {
		return audit.Summary{}, err
	}
	for _, f := range []struct {
		into   *audit.Facet
		counts *facetCounts
		field  string
	}{
		{&out.Actions, &c.Actions, fieldAction}, {&out.Ranges, &c.Ranges, fieldRange}, {&out.Actors, &c.Actors, fieldActor},
		{&out.Outcomes, &c.Outcomes, fieldOutcome}, {&out.Platforms, &c.Platforms, fieldPlatform},
	} {
		if err := x.exactly(ctx, s, f.field, f.counts); err != nil {
			return audit.Summary{}, err
		}
		*f.into = f.counts.facet(out.Total, r.Top)
	}
	return out, x.label(ctx, s, &out.Actors, found.Hits.Hits)
}

// facetOf names the most frequent values and counts the rest as other.
func facetOf(values []audit.FacetValue, total int64, top int) audit.Facet {
	slices.SortFunc(values, func(a, b audit.FacetValue) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
	})
	f := audit.Facet{Values: slices.Clone(values[:min(top, len(values))]), Other: total}
	for _, v := range f.Values {
		f.Other -= v.Count
	}
	return f
}
