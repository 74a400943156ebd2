package elastic

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/cluster"
)

// retrySoon is the advice where something may be over in a moment.
const retrySoon = 5 * time.Second

// autoCreate is what a write to a data stream that is gone does first. Our role does not permit it, so that nothing is made in its place.
const autoCreate = "indices:admin/auto_create"

// failure makes any error of a call under ctx one of the domain, or that of ctx. nil stays nil.
func failure(ctx context.Context, err error) error {
	var known *audit.Error
	switch f := cluster.FailureOf(err); {
	case err == nil:
		return nil
	case ctx.Err() != nil && context.Cause(ctx) != nil:
		return context.Cause(ctx)
	case f != nil && (f.Type == "index_not_found_exception" || f.Status == http.StatusForbidden && strings.Contains(f.Reason, autoCreate)):
		return audit.Unavailable(err, retryLater, "the events are not in Elasticsearch: if they were deleted, restore them from a snapshot, else run `audittrail setup`")
	case errors.As(err, &known):
		return err
	}
	return cluster.Unavailable(err, "Elasticsearch could not be asked")
}
