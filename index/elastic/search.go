package elastic

import (
	"context"

	"github.com/audittrail/audittrail/audit"
)

// Search implements index.Reader.
func (x *Index) Search(context.Context, string, audit.Search) (audit.Page, error) {
	return audit.Page{}, audit.Unavailable(nil, retryLater, "this engine cannot do this yet")
}
