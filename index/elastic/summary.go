package elastic

import (
	"context"

	"github.com/audittrail/audittrail/audit"
)

// Summary implements index.Reader.
func (x *Index) Summary(context.Context, string, audit.SummaryRequest) (audit.Summary, error) {
	return audit.Summary{}, audit.Unavailable(nil, retryLater, "this engine cannot do this yet")
}
