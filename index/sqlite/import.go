package sqlite

import (
	"context"
	"fmt"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/index"
)

var _ index.Importer = (*Index)(nil)

// Import implements index.Importer.
func (x *Index) Import(ctx context.Context, organization string, events []*audit.Event) ([]audit.AppendStatus, error) {
	for i, e := range events {
		if e.ReceivedAt.IsZero() || i > 0 && e.ReceivedAt.Before(events[i-1].ReceivedAt) {
			return nil, audit.InvalidField(fmt.Sprintf("events[%d].received_at", i), "is missing, or before that of the event in front of it")
		}
	}
	return x.take(ctx, organization, events, true)
}

// commitsAMilli is how many numbers of commits each millisecond has, so that numbers follow time.
const commitsAMilli = 1000

// stampAll gives all rows one time of receipt and the number of one commit, behind the last one.
func (b *batch) stampAll(stamp, last int64) {
	b.first, b.stamp, b.commit = stamp, stamp, max(last+1, stamp*commitsAMilli)
	for i := range b.rows {
		b.rows[i].received, b.rows[i].commit = b.stamp, b.commit
	}
}

// number gives imported rows the numbers of commits: one to those that were received at the same time, as they were committed together.
// Tail goes by these numbers, so that it returns rows of several months in the order in which they came.
func (b *batch) number(last int64) {
	b.first, b.stamp, b.commit = b.rows[0].received, b.rows[0].received, last
	for i := range b.rows {
		r := &b.rows[i]
		if i == 0 || r.received != b.stamp {
			b.stamp, b.commit = r.received, max(b.commit+1, r.received*commitsAMilli)
		}
		r.commit = b.commit
	}
}
