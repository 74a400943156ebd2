package elastic

import (
	"context"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/audittrail/audittrail/internal/cluster"
)

// Lists must see every write that returned, in whatever process. Refreshing with each write would promise that too, and would cost a segment
// for each of the many deliveries, messages and checkpoints that nobody lists at the moment. So lists refresh: that costs a few milliseconds where there
// is nothing new, and all who list at the same time share one.

// refresh makes everything that was written findable.
func (s *Store) refresh(ctx context.Context) error {
	var answer struct {
		Shards struct{ Failed int } `json:"_shards"`
	}
	if err := s.call(ctx, esapi.IndicesRefreshRequest{Index: []string{s.alias}}, &answer); err != nil {
		return err
	}
	if answer.Shards.Failed > 0 {
		return cluster.Unavailable(nil, "a shard of the records does not answer")
	}
	return nil
}
