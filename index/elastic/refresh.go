package elastic

import (
	"context"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/audittrail/audittrail/index"
	"github.com/audittrail/audittrail/internal/cluster"
)

// refreshTimeout is how long a refresh may take. A few milliseconds are usual.
const refreshTimeout = 10 * time.Second

var _ index.Refresher = (*Index)(nil)

// Refresh implements index.Refresher. All who ask at the same time share one.
func (x *Index) Refresh(ctx context.Context) error {
	ctx, leave, err := x.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	return failure(ctx, x.fresh.Do(ctx))
}

// refreshNow makes everything findable that the data stream has taken in.
func (x *Index) refreshNow(ctx context.Context) error {
	var answer struct {
		Shards struct{ Failed int } `json:"_shards"`
	}
	if err := x.client.Call(ctx, esapi.IndicesRefreshRequest{Index: []string{x.stream}}, &answer); err != nil {
		return err
	}
	if answer.Shards.Failed > 0 {
		return cluster.Unavailable(nil, "a part of the events cannot be searched now")
	}
	return nil
}
