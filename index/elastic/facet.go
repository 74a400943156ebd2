package elastic

import (
	"context"
	"encoding/json"

	"github.com/audittrail/audittrail/audit"
)

// facetValues is how many values of a field each shard names when it counts, and a page of values has where it names more.
const facetValues = 10_000

// facetRequest asks for the most frequent values.
func (x *Index) facetRequest(field string, top int) clause {
	return clause{"terms": clause{"field": field, "size": top, "shard_size": max(top, x.limits.facetValues)}}
}

// facetCounts are the most frequent values of a field.
type facetCounts struct {
	// Uncertain is how many events of a value may be missing, as a shard did not name it. Zero says that everything is exact.
	Uncertain int64 `json:"doc_count_error_upper_bound"`
	// Other counts the events whose values are not among Buckets.
	Other   int64 `json:"sum_other_doc_count"`
	Buckets []facetBucket
}

type facetBucket struct {
	Key   string
	Count int64 `json:"doc_count"`
}

// facet names the top values of total events; those without a value count under "".
func (c *facetCounts) facet(total int64, top int) audit.Facet {
	values := make([]audit.FacetValue, 0, len(c.Buckets)+1)
	without := total - c.Other
	for _, b := range c.Buckets {
		values = append(values, audit.FacetValue{Value: b.Key, Count: b.Count})
		without -= b.Count
	}
	if without > 0 {
		values = append(values, audit.FacetValue{Count: without})
	}
	return facetOf(values, total, top)
}

// exactly replaces counts that may be wrong: where the shards have more values than they name, all values are read, page by page.
func (x *Index) exactly(ctx context.Context, s scope, field string, c *facetCounts) error {
	if c.Uncertain == 0 {
		return nil
	}
	*c = facetCounts{}
	source := clause{"size": x.limits.facetValues, "sources": []clause{{"value": clause{"terms": clause{"field": field}}}}}
	for {
		found, err := x.ask(ctx, s, request{"size": 0, "track_total_hits": false, "aggs": clause{"values": clause{"composite": source}}})
		if err != nil {
			return err
		}
		var page struct {
			Values struct {
				After   map[string]string `json:"after_key"`
				Buckets []struct {
					Key   struct{ Value string }
					Count int64 `json:"doc_count"`
				}
			}
		}
		if err := json.Unmarshal(found.Aggregations, &page); err != nil {
			return audit.WithCause(audit.CodeInternal, err, "the counts cannot be read")
		}
		for _, b := range page.Values.Buckets {
			c.Buckets = append(c.Buckets, facetBucket{b.Key.Value, b.Count})
		}
		if page.Values.After == nil {
			return nil
		}
		source["after"] = page.Values.After
	}
}

// noStored keeps Elasticsearch from unpacking the stored fields of hits, the _id among them, which takes most of the time.
const noStored = "_none_"

// namesRequest asks for the newest named event of each of the actors who acted last.
func namesRequest(actors int) request {
	return request{"size": actors, "sort": newestFirst(), "stored_fields": noStored, "docvalue_fields": []string{fieldActor, fieldActorName},
		"collapse": clause{"field": fieldActor}, "post_filter": clause{"exists": clause{"field": fieldActorName}}}
}

// label names the actors of the facet: first from the events that came with the counts, then, where those were cut, by a search of their own.
func (x *Index) label(ctx context.Context, s scope, actors *audit.Facet, named []hit) error {
	names, err := namesOf(named)
	if err != nil {
		return err
	}
	var missing []string
	for _, v := range actors.Values {
		if _, ok := names[v.Value]; !ok {
			missing = append(missing, v.Value)
		}
	}
	if len(named) == x.limits.labels && len(missing) > 0 {
		r := namesRequest(len(missing))
		r["track_total_hits"] = false
		found, err := x.ask(ctx, s.with(terms(fieldActor, missing)), r)
		if err != nil {
			return err
		}
		more, err := namesOf(found.Hits.Hits)
		if err != nil {
			return err
		}
		for id, name := range more {
			names[id] = name
		}
	}
	for i := range actors.Values {
		if v := &actors.Values[i]; names[v.Value] != v.Value {
			v.Label = names[v.Value]
		}
	}
	return nil
}

// namesOf reads names by the actor's id.
func namesOf(hits []hit) (map[string]string, error) {
	names := make(map[string]string, len(hits))
	for i := range hits {
		var id, name [1]string
		err := json.Unmarshal(hits[i].Fields[fieldActor], &id)
		if err == nil {
			err = json.Unmarshal(hits[i].Fields[fieldActorName], &name)
		}
		if err != nil {
			return nil, audit.WithCause(audit.CodeInternal, err, "the names of actors cannot be read")
		}
		names[id[0]] = name[0]
	}
	return names, nil
}
