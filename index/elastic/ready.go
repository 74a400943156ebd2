package elastic

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/audittrail/audittrail/internal/cluster"
)

// Ready makes sure that the data stream is as Setup left it, that its write index takes events in, and that its shards answer. The error says
// what is in the way.
func (x *Index) Ready(ctx context.Context) error {
	ctx, leave, err := x.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	return failure(ctx, x.ready(ctx))
}

func (x *Index) ready(ctx context.Context) error {
	found, err := x.setup.read(ctx)
	if err != nil {
		return x.setup.named(ctx, err, checkRights)
	}
	// What a newer version set up takes our events too: while processes are replaced one by one, the old ones go on.
	if findings := x.setup.findings(found); len(findings) > 0 && x.setup.newer(found) == nil {
		return findings[0]
	}
	if len(found.backing) == 0 {
		return nil
	}
	if err := found.writeIndex().writable(); err != nil {
		return err
	}
	return x.healthy(ctx)
}

// writeBlocks are the blocks that keep events out, and Elasticsearch's words for them.
var writeBlocks = map[string]string{"write": "index write", "read_only": "read-only", "read_only_allow_delete": "read-only-allow-delete"}

// writable says which block keeps the index from taking events in.
func (b backing) writable() error {
	for setting, reason := range writeBlocks {
		if fmt.Sprint(b.settings["index.blocks."+setting]) == "true" {
			return cluster.ErrorOf(&cluster.Failure{Status: http.StatusForbidden, Type: "cluster_block_exception", Reason: reason, Index: b.name})
		}
	}
	return nil
}

var errRed = errors.New("the health of the data stream is red")

// healthy makes sure that every shard of the data stream has a primary: without it no event is taken in there, and no search answers.
func (x *Index) healthy(ctx context.Context) error {
	var answer struct {
		Status     string
		Unassigned int `json:"unassigned_shards"`
	}
	if err := x.client.Call(ctx, esapi.ClusterHealthRequest{Index: []string{x.stream}}, &answer); err != nil {
		return err
	}
	if answer.Status == "red" {
		return cluster.Unavailable(fmt.Errorf("%w: %d shards are not assigned", errRed, answer.Unassigned), "a shard of the events is not available in Elasticsearch")
	}
	return nil
}
