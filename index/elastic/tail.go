package elastic

import (
	"context"

	"github.com/audittrail/audittrail/audit"
)

// Tail implements index.Tailer.
func (x *Index) Tail(context.Context, string, string, int) (audit.TailPage, error) {
	return audit.TailPage{}, audit.Unavailable(nil, retryLater, "this engine cannot do this yet")
}

// TailEnd implements index.Tailer.
func (x *Index) TailEnd(context.Context, string) (string, error) {
	return "", audit.Unavailable(nil, retryLater, "this engine cannot do this yet")
}
