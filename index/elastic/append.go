package elastic

import (
	"context"

	"github.com/audittrail/audittrail/audit"
)

// Append implements index.Appender.
func (x *Index) Append(context.Context, string, []*audit.Event) ([]audit.AppendStatus, error) {
	return nil, audit.Unavailable(nil, retryLater, "this engine cannot do this yet")
}
