package elastic

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/index"
)

// appendDeadline is how long an Append may take: what has not been committed by then is not acknowledged.
const appendDeadline = 5 * time.Second

var errAppendDeadline = errors.New("not committed within the deadline")

var _ index.Importer = (*Index)(nil)

// Append implements index.Appender. An id is known as long as Elasticsearch holds its event in the write index, and in older ones for the window,
// and for an event of the same time as long as it is held.
func (x *Index) Append(ctx context.Context, organization string, events []*audit.Event) ([]audit.AppendStatus, error) {
	return x.take(ctx, organization, events, false)
}

// Import implements index.Importer. An id that is known from an event received at another time within the window is a duplicate; beyond it,
// both events are stored.
func (x *Index) Import(ctx context.Context, organization string, events []*audit.Event) ([]audit.AppendStatus, error) {
	for i, e := range events {
		if e.ReceivedAt.IsZero() || i > 0 && e.ReceivedAt.Before(events[i-1].ReceivedAt) {
			return nil, audit.InvalidField(fmt.Sprintf("events[%d].received_at", i), "is missing, or before that of the event in front of it")
		}
	}
	statuses, err := x.take(ctx, organization, events, true)
	if err == nil && len(events) > 0 {
		err = x.Refresh(ctx)
	}
	if err != nil {
		return nil, err
	}
	return statuses, nil
}

// take stores events; imported ones keep when they were received.
func (x *Index) take(ctx context.Context, organization string, events []*audit.Event, imported bool) ([]audit.AppendStatus, error) {
	if len(events) == 0 {
		return []audit.AppendStatus{}, nil
	}
	if len(events) > audit.MaxScan {
		return nil, audit.InvalidField("events", "at most %d events at a time", audit.MaxScan)
	}
	ctx, leave, err := x.begin(ctx, organization)
	if err != nil {
		return nil, err
	}
	defer leave()
	ctx, cancel := context.WithTimeoutCause(ctx, x.appendDeadline, errAppendDeadline)
	defer cancel()
	b := newBatch(organization, events, imported)
	if err := x.commit(ctx, b); err != nil {
		return nil, appendFailure(ctx, err)
	}
	statuses := make([]audit.AppendStatus, len(b.rows))
	for i := range b.rows {
		statuses[i] = b.rows[i].status
		if b.rows[i].status == audit.StatusCreated {
			events[i].ReceivedAt = b.rows[i].received
		}
	}
	return statuses, nil
}

func appendFailure(ctx context.Context, err error) error {
	if ctx.Err() == nil || !errors.Is(context.Cause(ctx), errAppendDeadline) {
		return failure(ctx, err)
	}
	// What went wrong until then says more than that there was no more time.
	var known *audit.Error
	if errors.As(err, &known) && !errors.Is(err, errAppendDeadline) && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return audit.Unavailable(errors.Join(errAppendDeadline, err), retrySoon, "Elasticsearch did not store the events in time")
}

// commit finds out what is stored already, and stores the rest.
func (x *Index) commit(ctx context.Context, b *batch) error {
	var held *generationList
	err := patiently(ctx, func() (err error) {
		if held, err = x.generations.known(ctx); err == nil {
			err = x.prepare(ctx, b, held)
		}
		return err
	})
	if err != nil {
		return err
	}
	if !b.imported {
		stamp, done := x.stamps.next(b.organization, x.clock())
		defer done()
		for i := range b.rows {
			b.rows[i].received = stamp
		}
	}
	err = patiently(ctx, func() error { return x.create(ctx, b) })
	if err == nil {
		err = patiently(ctx, func() error { return x.afterwards(ctx, b, held) })
	}
	if err != nil {
		x.late.add(pointers(b.rows)) // some may be stored, and nobody looked whether elsewhere too
	}
	return err
}

// prepare looks up what is stored already, and where the rest will stand.
func (x *Index) prepare(ctx context.Context, b *batch, held *generationList) error {
	if b.imported {
		if err := x.findImported(ctx, b, held); err != nil {
			return err
		}
		b.arrangeImported()
		return x.place(ctx, b.organization, b.open())
	}
	rows := b.open() // the two look at different fields of them
	group, both := errgroup.WithContext(ctx)
	group.Go(func() error { return x.findElsewhere(both, rows, held) })
	group.Go(func() error { return x.place(both, b.organization, rows) })
	return group.Wait()
}

// row is an event on its way into the index.
type row struct {
	event    *audit.Event
	id       documentID
	tie      uint32
	received time.Time
	// status is "" until it is known.
	status audit.AppendStatus
	// index is the backing index that took the event.
	index string
	// doubtful says that it may have been stored by a request whose answer was lost.
	doubtful bool
}

// batch is what one Append or Import stores.
type batch struct {
	organization string
	imported     bool
	rows         []row
}

func newBatch(organization string, events []*audit.Event, imported bool) *batch {
	b := &batch{organization: organization, imported: imported, rows: make([]row, len(events))}
	first := make(map[documentID]struct{}, len(events))
	for i, e := range events {
		r := &b.rows[i]
		*r = row{event: e, id: idOf(organization, e.ID), tie: audit.Tie(e.ID), received: e.ReceivedAt}
		if _, ok := first[r.id]; ok && !imported {
			r.status = audit.StatusDuplicate
		}
		first[r.id] = struct{}{}
	}
	return b
}

func pointers(rows []row) []*row {
	list := make([]*row, len(rows))
	for i := range rows {
		list[i] = &rows[i]
	}
	return list
}

// open returns the rows whose status is not known yet.
func (b *batch) open() []*row {
	list := make([]*row, 0, len(b.rows))
	for i := range b.rows {
		if b.rows[i].status == "" {
			list = append(list, &b.rows[i])
		}
	}
	return list
}

// arrangeImported sees to it that of two imported events of one id the second is a duplicate, or gets an _id of its own.
func (b *batch) arrangeImported() {
	first := make(map[documentID]time.Time, len(b.rows))
	for _, r := range b.open() {
		for _, id := range []documentID{r.id, laterIDOf(b.organization, r.event.ID, r.received)} {
			received, ok := first[id]
			r.id, r.status = id, ""
			if !ok {
				break
			}
			r.status = audit.StatusDuplicate
			if near(received, r.received) {
				break
			}
		}
		if r.status == "" {
			first[r.id] = r.received
		}
	}
}

// near says that two times of receipt are less than the window apart.
func near(a, b time.Time) bool { return a.Sub(b).Abs() < audit.DedupeWindow }
