package elastic

import (
	"errors"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/cluster"
)

// retryAfter is the advice where a call was not done in time; retryLater where a person has to do something first.
const (
	retryAfter = 5 * time.Second
	retryLater = time.Minute
)

// errRaced says that another writer was first: read again and decide anew.
var errRaced = errors.New("another writer was first")

// fault makes any error one of the domain; nil stays nil, and so does an error that is one already.
func fault(err error, doing string) error {
	var known *audit.Error
	switch f := cluster.FailureOf(err); {
	case err == nil:
		return nil
	case f != nil && f.Type == "index_not_found_exception":
		return audit.Unavailable(err, retryLater, "could not %s: the records are not in Elasticsearch; if they were deleted, restore them from a snapshot, "+
			"else run `audittrail setup`", doing)
	case errors.As(err, &known):
		return err
	case errors.Is(err, errRaced):
		return audit.Unavailable(err, retryAfter, "could not %s: too many write to it at once", doing)
	}
	return audit.Unavailable(err, retryAfter, "could not %s in time", doing) // the context has ended
}
