package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// Get implements index.Reader.
func (x *Index) Get(ctx context.Context, organization, id string) (audit.Event, error) {
	o, leave, err := x.begin(ctx, organization)
	if err != nil {
		return audit.Event{}, err
	}
	defer leave()
	hash := idHash(id)
	horizon := audit.Horizon(x.clock())
	var event *audit.Event
	for _, m := range o.within(horizon, farFuture) {
		err := m.read(ctx, func(s *snapshot) error {
			e, err := s.find(id, hash)
			if err == nil && e != nil && !e.Time.Before(horizon) {
				event = e
			}
			return err
		})
		if err != nil && !errors.Is(err, errDropped) {
			return audit.Event{}, failure(err)
		}
		if event != nil {
			return *event, nil
		}
	}
	return audit.Event{}, audit.NotFound("event")
}

// find returns the event with the id, nil where the month has none.
func (s *snapshot) find(id string, hash [16]byte) (found *audit.Event, err error) {
	err = s.query(noContext, "SELECT r FROM ids WHERE h=?", func(v []driver.Value) error {
		e, err := s.event(asInt(v[0]))
		found = &e
		return err
	}, hash[:])
	if err != nil || found != nil {
		return found, err
	}
	if err := s.readPending(); err != nil {
		return nil, err
	}
	for i := range s.pending {
		if s.pending[i].event.ID == id {
			return &s.pending[i].event, nil
		}
	}
	return nil, nil
}

// event reads the event of a row: from its own record, or from its block once the month is sealed.
func (s *snapshot) event(row int64) (audit.Event, error) {
	it, err := s.item(row)
	if err != nil {
		return audit.Event{}, err
	}
	e, err := audit.DecodeStored(it.body)
	if err != nil {
		return audit.Event{}, fmt.Errorf("event of row %d in %s: %w: %w", row, s.month.path, err, errDamaged)
	}
	e.Organization = s.month.org.id
	e.ReceivedAt = time.UnixMilli(it.received).UTC()
	return e, nil
}

func (s *snapshot) item(row int64) (*item, error) {
	if s.block != nil {
		if it := s.block.find(row); it != nil {
			return it, nil
		}
	}
	var found *item
	err := s.query(noContext, "SELECT received, body FROM events WHERE rowid=?", func(v []driver.Value) error {
		found = &item{row: row, received: asInt(v[0]), body: asBytes(v[1])}
		return nil
	}, row)
	if err != nil || found != nil {
		return found, err
	}
	if s.block, err = readBlock(s.conn, s.month.index.codec, row, true); err != nil {
		return nil, err
	}
	if s.block != nil {
		found = s.block.find(row)
	}
	if found == nil {
		return nil, fmt.Errorf("row %d of %s has no body: %w", row, s.month.path, errDamaged)
	}
	return found, nil
}
