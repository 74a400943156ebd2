package elastic

import (
	"context"

	"github.com/audittrail/audittrail/audit"
)

// Get implements index.Reader.
func (x *Index) Get(context.Context, string, string) (audit.Event, error) {
	return audit.Event{}, audit.Unavailable(nil, retryLater, "this engine cannot do this yet")
}
