package elastic

import (
	"context"
	"fmt"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/cluster"
)

// keep does by itself what a policy would do. With sound it rolls over: where the template is not as it should be, the new write index
// would be wrong, and the report says so already.
func (r *retention) keep(ctx context.Context, list []heldIndex, sound bool) error {
	for _, h := range list {
		if h.policy() != "" {
			return nil // a policy does it, which is a finding of the check; two must not
		}
	}
	if sound {
		if err := r.rollOverDue(ctx, list[len(list)-1]); err != nil {
			return r.named(ctx, err, keepRights)
		}
	}
	for i := range list[:len(list)-1] {
		if r.now.Before(list[i+1].created.Add(deleteAge)) {
			break // the later ones are younger
		}
		if err := r.drop(ctx, list[i]); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			r.problem("%s is due to be deleted and could not be: %v", list[i].name, r.named(ctx, err, keepRights))
		}
	}
	return nil
}

// rolled is what Elasticsearch answers to a rollover.
type rolled struct {
	Done bool   `json:"rolled_over"`
	Old  string `json:"old_index"`
}

// rollOverDue rolls over where the write index is old or large enough, and not empty.
//
// Any number of processes may do so at once, and all decide by what they read a moment ago. So the cluster is given conditions, which it judges
// for the index that is then the write index: one that has just been made is neither old nor large.
func (r *retention) rollOverDue(ctx context.Context, write heldIndex) error {
	answer, err := r.rollOverIf(ctx, map[string]any{"max_age": elasticSpan(r.age), "max_primary_shard_size": fmt.Sprintf("%db", r.size), "min_docs": 1})
	if err != nil || answer.Done || answer.Old != write.name {
		return err
	}
	if write.docs == 0 || r.now.Before(write.created.Add(r.age)) {
		return nil
	}
	// Due by our clock and not by the cluster's: ours decides. What tells the index from a new one is how many documents it has.
	_, err = r.rollOverIf(ctx, map[string]any{"max_age": "1ms", "min_docs": write.docs})
	return err
}

func (r *retention) rollOverIf(ctx context.Context, conditions map[string]any) (rolled, error) {
	var answer rolled
	err := r.client.Call(ctx, esapi.IndicesRolloverRequest{Alias: r.name, Body: bodyOf(map[string]any{"conditions": conditions})}, &answer)
	return answer, err
}

func elasticSpan(d time.Duration) string { return fmt.Sprintf("%ds", int64(d/time.Second)) }

// drop deletes a backing index, unless it holds something that may still be shown.
func (r *retention) drop(ctx context.Context, h heldIndex) error {
	newest, err := r.newest(ctx, h.name)
	switch {
	case cluster.FailureOf(err).Missing():
		return nil // another process deleted it
	case err != nil:
		return err
	case !newest.Before(r.report.Horizon):
		r.problem("%s is due to be deleted and was kept: it holds events until %s, which are not past yet", h.name, newest.UTC().Format(audit.TimeLayout))
		return nil
	}
	err = r.client.Call(ctx, esapi.IndicesDeleteRequest{Index: []string{h.name}}, nil)
	if cluster.FailureOf(err).Missing() {
		return nil
	}
	if err != nil {
		return err
	}
	r.report.Dropped = append(r.report.Dropped, h.name)
	r.report.FreedBytes += h.bytes
	return nil
}

// newest returns the time of the newest event of a backing index, the zero time where there is none.
func (r *retention) newest(ctx context.Context, name string) (time.Time, error) {
	body := map[string]any{"size": 0, "aggs": map[string]any{"newest": map[string]any{"max": map[string]any{"field": "@timestamp"}}}}
	var answer struct {
		TimedOut bool                 `json:"timed_out"`
		Shards   struct{ Failed int } `json:"_shards"`
		Result   struct {
			Newest struct{ Value *float64 }
		} `json:"aggregations"`
	}
	whole := false
	request := esapi.SearchRequest{Index: []string{name}, Body: bodyOf(body), AllowPartialSearchResults: &whole}
	if err := r.client.Call(ctx, request, &answer); err != nil {
		return time.Time{}, err
	}
	if answer.TimedOut || answer.Shards.Failed > 0 {
		return time.Time{}, cluster.Unavailable(nil, "Elasticsearch answered for a part of the events only")
	}
	if answer.Result.Newest.Value == nil {
		return time.Time{}, nil
	}
	return time.UnixMilli(int64(*answer.Result.Newest.Value)), nil
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
