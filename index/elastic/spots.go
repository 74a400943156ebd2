package elastic

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/audittrail/audittrail/audit"
)

// spot is where an event of an organization stands: no two may have the same.
type spot struct {
	organization string
	ms           int64
	tie          uint32
}

// spotsKept is how long a spot is remembered that was given away: longer than it takes until a search finds the event.
const spotsKept = 10 * time.Second

// spots remembers who was given which spot a moment ago.
type spots struct {
	mu          sync.Mutex
	recent, old map[spot]documentID
	turned      time.Time
}

// take gives the spot to the _id unless another one has it.
func (p *spots) take(at spot, id documentID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := time.Now(); p.recent == nil || now.Sub(p.turned) > spotsKept {
		p.recent, p.old, p.turned = map[spot]documentID{}, p.recent, now
	}
	for _, known := range []map[spot]documentID{p.recent, p.old} {
		if holder, ok := known[at]; ok && holder != id {
			return false
		}
	}
	p.recent[at] = id
	return true
}

// place gives every row a tie that no other event of its millisecond has: its own, or the next that is free.
func (x *Index) place(ctx context.Context, organization string, rows []*row) error {
	for len(rows) > 0 {
		taken, err := x.takenBy(ctx, organization, rows)
		if err != nil {
			return err
		}
		var moved []*row
		for _, r := range rows {
			at := spot{organization, r.event.Time.UnixMilli(), r.tie}
			holder, ok := taken[at]
			if ok && holder != r.id.text || !ok && !x.spots.take(at, r.id) {
				r.tie = (r.tie + 1) & (1<<audit.TieBits - 1)
				moved = append(moved, r)
			}
		}
		rows = moved
	}
	return nil
}

// takenBy returns which _ids hold spots of the rows, as far as a search finds them. It may find other spots too.
func (x *Index) takenBy(ctx context.Context, organization string, rows []*row) (map[spot]string, error) {
	ties, from, to := make([]uint32, len(rows)), rows[0].event.Time, rows[0].event.Time
	for i, r := range rows {
		ties[i] = r.tie
		if r.event.Time.Before(from) {
			from = r.event.Time
		}
		if r.event.Time.After(to) {
			to = r.event.Time
		}
	}
	body := map[string]any{
		"size": 2 * audit.MaxScan, "track_total_hits": false, "_source": false, "sort": []any{"_doc"},
		"docvalue_fields": []any{map[string]any{"field": "@timestamp", "format": "epoch_millis"}, "audit.tie"},
		"query": map[string]any{"bool": map[string]any{"filter": []any{
			map[string]any{"terms": map[string]any{"audit.tie": ties}},
			map[string]any{"term": map[string]any{"organization.id": organization}},
			map[string]any{"range": map[string]any{"@timestamp": map[string]any{"gte": from.UnixMilli(), "lte": to.UnixMilli(), "format": "epoch_millis"}}},
		}}},
	}
	var answer struct {
		searchState
		Hits struct {
			Hits []struct {
				ID     string `json:"_id"`
				Fields struct {
					Time []json.Number `json:"@timestamp"`
					Tie  []uint32      `json:"audit.tie"`
				}
			}
		}
	}
	whole := false
	missing := true
	request := esapi.SearchRequest{Index: []string{x.stream}, Body: bodyOf(body), AllowPartialSearchResults: &whole, IgnoreUnavailable: &missing}
	if err := x.client.Call(ctx, request, &answer); err != nil {
		return nil, err
	}
	taken := map[spot]string{}
	for _, h := range answer.Hits.Hits {
		if len(h.Fields.Time) == 0 || len(h.Fields.Tie) == 0 {
			continue
		}
		ms, err := h.Fields.Time[0].Int64()
		if err != nil {
			return nil, audit.WithCause(audit.CodeInternal, err, "a stored event cannot be read")
		}
		taken[spot{organization, ms, h.Fields.Tie[0]}] = h.ID
	}
	return taken, answer.incomplete()
}
