package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// rawClient speaks to Elasticsearch as plainly as can be: what ratios are measured against.
type rawClient struct {
	url  string
	http *http.Client
}

func newRawClient(url string) *rawClient {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 2 * singleClients
	return &rawClient{url: strings.TrimRight(url, "/"), http: &http.Client{Transport: transport}}
}

// do sends a request and decodes the answer into out, if there is an out.
func (r *rawClient) do(ctx context.Context, method, path, contentType string, body []byte, out any) error {
	request, err := http.NewRequestWithContext(ctx, method, r.url+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", contentType)
	response, err := r.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		return statusError(response, answer)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}

const jsonType, ndjsonType = "application/json", "application/x-ndjson"

// wait returns once the cluster takes writes.
func (r *rawClient) wait(ctx context.Context, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	poll := time.NewTicker(200 * time.Millisecond)
	defer poll.Stop()
	for {
		err := r.do(ctx, http.MethodGet, "/_cluster/health?wait_for_status=yellow&timeout=5s", jsonType, nil, nil)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-poll.C:
		}
	}
}

// bulk sends the bodies by so many clients at once and returns documents a second. Every document must be created.
func (r *rawClient) bulk(ctx context.Context, target string, bodies [][]byte, clients int) (float64, error) {
	var next, created atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	began := time.Now()
	for range clients {
		group.Go(func() error {
			for at := next.Add(1) - 1; at < int64(len(bodies)); at = next.Add(1) - 1 {
				var answer struct {
					Errors bool
					Items  []struct{}
				}
				if err := r.do(ctx, http.MethodPost, "/"+target+"/_bulk?filter_path=errors,items.*.status", ndjsonType, bodies[at], &answer); err != nil {
					return err
				}
				if answer.Errors {
					return errors.New("a document was refused")
				}
				created.Add(int64(len(answer.Items)))
			}
			return nil
		})
	}
	err := group.Wait()
	return float64(created.Load()) / time.Since(began).Seconds(), err
}

// count returns how many documents an index holds.
func (r *rawClient) count(ctx context.Context, target string) (int, error) {
	if err := r.do(ctx, http.MethodPost, "/"+target+"/_refresh", jsonType, nil, nil); err != nil {
		return 0, err
	}
	var answer struct{ Count int }
	err := r.do(ctx, http.MethodGet, "/"+target+"/_count", jsonType, nil, &answer)
	return answer.Count, err
}

// settle makes everything searchable and waits until no merge is under way.
func (r *rawClient) settle(ctx context.Context, target string) error {
	if err := r.do(ctx, http.MethodPost, "/"+target+"/_flush", jsonType, nil, nil); err != nil {
		return err
	}
	if err := r.do(ctx, http.MethodPost, "/"+target+"/_refresh", jsonType, nil, nil); err != nil {
		return err
	}
	poll := time.NewTicker(500 * time.Millisecond)
	defer poll.Stop()
	for {
		var answer struct {
			All struct {
				Primaries struct{ Merges struct{ Current int } }
			} `json:"_all"`
		}
		if err := r.do(ctx, http.MethodGet, "/"+target+"/_stats/merge", jsonType, nil, &answer); err != nil {
			return err
		}
		if answer.All.Primaries.Merges.Current == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-poll.C:
		}
	}
}

// size returns bytes on disk of the primary shards, merged into one segment, without what the translog holds beside them.
func (r *rawClient) size(ctx context.Context, target string) (int64, error) {
	if err := r.settle(ctx, target); err != nil {
		return 0, err
	}
	if err := r.release(ctx, target); err != nil {
		return 0, err
	}
	if err := r.do(ctx, http.MethodPost, "/"+target+"/_forcemerge?max_num_segments=1", jsonType, nil, nil); err != nil {
		return 0, err
	}
	if err := r.settle(ctx, target); err != nil {
		return 0, err
	}
	var answer struct{ Indices map[string]shards }
	if err := r.do(ctx, http.MethodGet, "/"+target+"/_segments", jsonType, nil, &answer); err != nil { // _stats would be of some seconds ago
		return 0, err
	}
	var bytes int64
	for _, index := range answer.Indices {
		for _, copies := range index.Shards {
			for _, shard := range copies {
				bytes += shard.bytes()
			}
		}
	}
	return bytes, nil
}

// shards are those of one index, by number, all copies of each: what is said of them in lists of segments and in statistics.
type shards struct {
	Shards map[string][]shard
}

type shard struct {
	Routing  struct{ Primary bool }
	Segments map[string]struct {
		Bytes  int64 `json:"size_in_bytes"`
		Search bool
	}
	SeqNo struct {
		Max int64 `json:"max_seq_no"`
	} `json:"seq_no"`
	Retention struct {
		Leases []struct {
			From int64 `json:"retaining_seq_no"`
		}
	} `json:"retention_leases"`
}

// bytes is what a primary shard takes.
func (s *shard) bytes() int64 {
	var bytes int64
	for _, segment := range s.Segments {
		if s.Routing.Primary && segment.Search {
			bytes += segment.Bytes
		}
	}
	return bytes
}

// held says that the shard keeps, for copies of it that may come back, whole documents as they were sent.
func (s *shard) held() bool {
	for _, lease := range s.Retention.Leases {
		if lease.From <= s.SeqNo.Max {
			return true
		}
	}
	return false
}

// releaseWithin is far longer than Elasticsearch takes to see that no copy needs what was flushed: it looks twice a minute.
const releaseWithin = 3 * time.Minute

// release waits until nothing is kept for copies of the shards, so that merging can drop it.
func (r *rawClient) release(ctx context.Context, target string) error {
	ctx, cancel := context.WithTimeout(ctx, releaseWithin)
	defer cancel()
	poll := time.NewTicker(500 * time.Millisecond)
	defer poll.Stop()
	for {
		var answer struct{ Indices map[string]shards }
		if err := r.do(ctx, http.MethodGet, "/"+target+"/_stats/store?level=shards", jsonType, nil, &answer); err != nil {
			return err
		}
		held := false
		for _, index := range answer.Indices {
			for _, copies := range index.Shards {
				for i := range copies {
					held = held || copies[i].held()
				}
			}
		}
		if !held {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-poll.C:
		}
	}
}

// remove deletes what was made under a prefix, as far as the cluster knows how to.
func (r *rawClient) remove(ctx context.Context, prefix string) {
	var names struct{ Indices []struct{ Name string } }
	// Each may be something that was not made, or a route that a build does not have.
	_ = r.do(ctx, http.MethodDelete, "/_data_stream/"+prefix+"-*", jsonType, nil, nil)
	_ = r.do(ctx, http.MethodGet, "/_resolve/index/"+prefix+"-*?expand_wildcards=all", jsonType, nil, &names)
	for _, index := range names.Indices {
		_ = r.do(ctx, http.MethodDelete, "/"+index.Name, jsonType, nil, nil)
	}
	_ = r.do(ctx, http.MethodDelete, fmt.Sprintf("/_index_template/%s-*", prefix), jsonType, nil, nil)
}
