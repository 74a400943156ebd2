package elastic

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/cluster"
)

const (
	// readWithin ends a read that gets no answer, with all of its requests and their repetitions.
	readWithin = 15 * time.Second
	// searchWithin is how long each shard may search before it gives up by itself, so that nobody waits in vain and nothing goes on unheard.
	searchWithin = 10 * time.Second
)

// readLimits are the constants, but in tests.
type readLimits struct {
	within      time.Duration
	facetValues int
	labels      int
}

func defaultLimits() readLimits {
	return readLimits{within: readWithin, facetValues: facetValues, labels: labelsAtOnce}
}

// request is the body of a search but for its condition, which ask adds.
type request map[string]any

// answer is what a search answers.
type answer struct {
	TimedOut bool `json:"timed_out"`
	Shards   struct {
		Total, Successful, Failed int
	} `json:"_shards"`
	Hits struct {
		Total struct{ Value int64 }
		Hits  []hit
	}
	Aggregations json.RawMessage
}

type hit struct {
	Source json.RawMessage            `json:"_source"`
	Fields map[string]json.RawMessage // values of columns, each a list
	Sort   []int64
}

// errSlow is what a read ends with that takes longer than readWithin.
var errSlow = cluster.Unavailable(context.DeadlineExceeded, "Elasticsearch does not answer in time")

// reading begins a call that reads: see begin. It ends within readWithin.
func (x *Index) reading(ctx context.Context, organization string) (limited context.Context, leave func(), err error) {
	limited, leaveCall, err := x.begin(ctx, organization)
	if err != nil {
		return nil, nil, err
	}
	limited, cancel := context.WithTimeoutCause(limited, x.limits.within, errSlow)
	return limited, func() {
		cancel()
		leaveCall()
	}, nil
}

// ask runs one search over everything in the scope. The answer is whole: where a shard is missing, fails or gives up, it is an error.
//
// An organization's searches go to the same copies of the shards, as long as those are there: so one page does not show what the next does not know yet.
func (x *Index) ask(ctx context.Context, s scope, r request) (*answer, error) {
	r["query"] = s.condition()
	r["timeout"] = searchWithin.String()
	body, err := json.Marshal(r)
	if err != nil {
		return nil, audit.WithCause(audit.CodeInternal, err, "the search could not be written")
	}
	whole := false
	found := &answer{}
	err = x.client.Call(ctx, esapi.SearchRequest{Index: []string{x.stream}, Body: bytes.NewReader(body), Preference: "organization:" + s.organization,
		AllowPartialSearchResults: &whole}, found)
	if err != nil {
		return nil, searchFailure(ctx, err)
	}
	switch shards := found.Shards; {
	case found.TimedOut:
		return nil, cluster.Unavailable(nil, "Elasticsearch does not finish the search in time")
	case shards.Failed > 0, shards.Successful != shards.Total, shards.Total == 0:
		return nil, cluster.Unavailable(nil, "a part of the events cannot be searched now")
	}
	return found, nil
}

// searchFailure is failure, but that a search which asks too much of Elasticsearch is the text's fault.
func searchFailure(ctx context.Context, err error) error {
	if f := cluster.FailureOf(err); f != nil && ctx.Err() == nil && tooMany(f) {
		refused := audit.InvalidField("q", "the last word of a phrase that ends in * has too many continuations; write more of it")
		refused.Cause = err
		return refused
	}
	return failure(ctx, err)
}

// tooMany says that a prefix at the end of a phrase has more continuations than a search may have clauses, which the cluster decides by its memory.
func tooMany(f *cluster.Failure) bool {
	return strings.Contains(f.Root, "expanded to too many terms")
}

// refresh makes searchable what the cluster has acknowledged until now.
func (x *Index) refresh(ctx context.Context) error { return failure(ctx, x.fresh.Do(ctx)) }
