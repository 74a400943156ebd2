package elastic

import (
	"context"
	"math"

	"github.com/audittrail/audittrail/audit"
)

// Search implements index.Reader. A page is read by the position behind the one before, and holds nothing open in the cluster: the set of rows that a
// scan reads is held still by ReceivedUntil, for as long as the scan takes, through restarts of either side. A point in time would add nothing to that: it
// costs the cluster the segments that were merged meanwhile, and is gone when a node is.
func (x *Index) Search(ctx context.Context, organization string, search audit.Search) (audit.Page, error) {
	if search.Limit < 1 || search.Limit > audit.MaxScan {
		return audit.Page{}, audit.InvalidField("limit", "must be 1 to %d", audit.MaxScan)
	}
	ctx, leave, err := x.reading(ctx, organization)
	if err != nil {
		return audit.Page{}, err
	}
	defer leave()
	s, err := x.matching(organization, &search.Query)
	if err != nil {
		return audit.Page{}, err
	}
	if !search.ReceivedUntil.IsZero() {
		if err := x.settle(ctx, organization, search.ReceivedUntil); err != nil {
			return audit.Page{}, err
		}
		s = s.with(upTo(fieldIngested, search.ReceivedUntil.UnixMilli()))
	}
	if search.After != nil && search.CountLimit == 0 {
		// Segments are sorted by time, so that this is where to begin; search_after alone is found by walking there. It must not narrow a total.
		s = s.with(upTo(fieldTime, firstMilli(search.After.Time)))
	}
	found, err := x.ask(ctx, s, pageRequest(&search))
	if err != nil {
		return audit.Page{}, err
	}
	page := audit.Page{Events: make([]audit.Event, 0, min(len(found.Hits.Hits), search.Limit)), Total: totalOf(found, search.CountLimit)}
	for i := range found.Hits.Hits {
		if i == search.Limit {
			break // one more than the page has room for: it says that another page follows
		}
		d, err := readDocument(found.Hits.Hits[i].Source)
		if err != nil {
			return audit.Page{}, err
		}
		page.Events = append(page.Events, d.event())
		if i == search.Limit-1 && len(found.Hits.Hits) > search.Limit {
			next := d.position()
			page.Next = &next
		}
	}
	return page, nil
}

// pageRequest asks for one event more than the page has room for.
func pageRequest(search *audit.Search) request {
	r := request{"size": search.Limit + 1, "sort": newestFirst(), "track_total_hits": counting(search.CountLimit)}
	if after := search.After; after != nil {
		r["search_after"] = []int64{firstMilli(after.Time), int64(after.Tie)}
	}
	return r
}

// newestFirst is the one order of pages.
func newestFirst() []clause {
	return []clause{{fieldTime: "desc"}, {fieldTie: "desc"}}
}

// counting is how far Elasticsearch is to count: one more than the limit, which tells "exactly" from "at least".
func counting(limit int) any {
	switch {
	case limit == 0:
		return false
	case limit < 0 || limit >= math.MaxInt32:
		return true
	}
	return limit + 1
}

func totalOf(found *answer, limit int) audit.Total {
	if count := found.Hits.Total.Value; limit < 0 || limit > 0 && count <= int64(limit) {
		return audit.Total{Value: count, Relation: audit.RelationEqual}
	}
	return audit.Total{Value: int64(limit), Relation: audit.RelationAtLeast}
}
