package sqlite

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/audittrail/audittrail/audit"
)

// appendDeadline is how long an Append may take: what has not been committed by then is not acknowledged.
const appendDeadline = 5 * time.Second

// Append implements index.Appender. All that the call stores in one month is one transaction; a call over several months is not
// shown by Tail until all of them are committed.
func (x *Index) Append(ctx context.Context, organization string, events []*audit.Event) ([]audit.AppendStatus, error) {
	return x.take(ctx, organization, events, false)
}

// take stores events; imported ones keep when they were received.
func (x *Index) take(ctx context.Context, organization string, events []*audit.Event, imported bool) ([]audit.AppendStatus, error) {
	return x.store(ctx, organization, events, func(limited context.Context) (*batch, error) {
		return prepare(limited, events, imported, !x.options.DisableFullText)
	})
}

// store commits the batch that is made of the events.
func (x *Index) store(ctx context.Context, organization string, events []*audit.Event, ready func(context.Context) (*batch, error)) ([]audit.AppendStatus, error) {
	if len(events) == 0 {
		return []audit.AppendStatus{}, nil
	}
	if len(events) > audit.MaxScan {
		return nil, audit.InvalidField("events", "at most %d events at a time", audit.MaxScan)
	}
	o, leave, err := x.begin(ctx, organization)
	if err != nil {
		return nil, err
	}
	defer leave()
	limited, cancel := context.WithTimeoutCause(ctx, x.appendDeadline, errAppendDeadline)
	defer cancel()
	b, err := ready(limited)
	if err != nil {
		return nil, appendFailure(limited, err)
	}
	// A disk may hang in fsync for longer than the deadline, and nothing interrupts that. So the caller waits beside the commit.
	done := make(chan error, 1)
	x.commits.Go(func() { done <- o.commit(limited, b) })
	select {
	case err = <-done:
	case <-limited.Done():
		err = limited.Err()
	}
	if err != nil {
		return nil, appendFailure(limited, err)
	}
	for i := range b.rows {
		if !b.rows[i].duplicate {
			events[i].ReceivedAt = time.UnixMilli(b.rows[i].received).UTC()
		}
	}
	return b.statuses(), nil
}

var errAppendDeadline = errors.New("not committed within the deadline")

func appendFailure(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(context.Cause(ctx), errAppendDeadline) {
		return audit.Unavailable(errors.Join(errAppendDeadline, err), retrySoon, "the events could not be stored in time")
	}
	return failure(err)
}

// commit stores the batch under the writer's lock.
func (o *organization) commit(ctx context.Context, b *batch) error {
	o.waiting.Add(1)
	err := o.writer.acquire(ctx)
	o.waiting.Add(-1)
	if err != nil {
		return err
	}
	defer o.writer.release()
	finish := o.stamp(b)
	defer finish()
	months, leave, err := o.enterMonths(b)
	defer leave()
	if err != nil {
		return err
	}
	if !b.imported { // what was received elsewhere is no duplicate but of itself, which is in its own month
		if err := o.findElsewhere(ctx, b); err != nil {
			return err
		}
	}
	if len(b.groups) == 1 { // as in most commits of few events
		return months[0].store(ctx, b, &b.groups[0])
	}
	var group errgroup.Group
	group.SetLimit(2)
	for i := range b.groups {
		group.Go(func() error { return months[i].store(ctx, b, &b.groups[i]) })
	}
	return group.Wait()
}

// enterMonths opens the month files of the batch, in the order of its groups, and makes those that do not exist.
func (o *organization) enterMonths(b *batch) (months []*month, leave func(), err error) {
	leave = func() {
		for _, m := range months {
			m.leave()
		}
	}
	for i := range b.groups {
		m, created, err := o.month(b.groups[i].key)
		if err != nil {
			return months, leave, err
		}
		if _, err := m.enter(created); err != nil {
			if created {
				o.forget(m)
			}
			return months, leave, err
		}
		if created {
			m.seen = &bloom{budget: &o.index.bloomBudget}
		}
		months = append(months, m)
	}
	return months, leave, nil
}

// store writes one group in one transaction.
func (m *month) store(ctx context.Context, b *batch, g *group) error {
	h := m.handle
	if err := m.ready(h); err != nil {
		return err
	}
	err := h.writer.transaction("BEGIN IMMEDIATE", func() error {
		if err := m.insert(ctx, h, b, g); err != nil {
			return err
		}
		if err := h.facts.flush(h.writer, m.index.codec); err != nil {
			return err
		}
		return ctx.Err()
	})
	if err == nil {
		// What was written to a file that has been deleted meanwhile is lost, whatever SQLite says.
		err = m.present(h)
	}
	if err != nil {
		h.facts = nil
		return err
	}
	for _, r := range g.arrival {
		if !r.duplicate {
			g.stored = max(g.stored, r.commit)
			m.lastReceived.Store(max(m.lastReceived.Load(), r.received))
		}
	}
	m.lastCommit.Store(max(m.lastCommit.Load(), g.stored))
	m.remember(g)
	m.pending.Store(int64(len(h.pending)))
	if len(h.pending) == 0 {
		m.segments.Add(1)
	}
	m.index.maintenance.note(m)
	return nil
}

// ready reads what the writer keeps in memory about the file where that is not there.
func (m *month) ready(h *handle) error {
	if h.facts != nil {
		return nil
	}
	facts, err := loadBuilder(h.writer, m.index.codec)
	if err != nil {
		return err
	}
	blocks, err := h.writer.integer(noContext, "SELECT EXISTS(SELECT 1 FROM blocks)")
	if err != nil {
		return err
	}
	h.facts, h.sealed = facts, blocks != 0
	if err := m.loadPending(h); err != nil {
		h.facts = nil
		return err
	}
	return m.countSegments(h)
}

// checkEvery is how many rows are written between two looks at the context.
const checkEvery = 256

// insert stores the rows of the group. Few of them wait in the newest chunk, until that is full or nothing else is to do, before they are put into ids
// and fts, where each by itself costs pages that many share. Those that wait are pending.
func (m *month) insert(ctx context.Context, h *handle, b *batch, g *group) error {
	if h.facts.tail.n()+len(g.arrival) >= tailRows {
		return m.insertAll(ctx, h, b, g)
	}
	if err := m.markDuplicates(ctx, h, g); err != nil {
		return err
	}
	if err := h.insertEvents(ctx, b, g); err != nil {
		return err
	}
	h.addFacts(g)
	for _, r := range g.arrival {
		if !r.duplicate {
			kept := *r // the batch is its caller's
			kept.body = nil
			h.pending[r.hash] = &kept
		}
	}
	return nil
}

// insertAll stores the rows of the group everywhere, and what is pending with them.
func (m *month) insertAll(ctx context.Context, h *handle, b *batch, g *group) error {
	pending := h.pendingRows()
	if err := h.insertIDs(ctx, pending); err != nil {
		return err
	}
	if err := h.insertIDs(ctx, g.byHash); err != nil {
		return err
	}
	if err := h.insertEvents(ctx, b, g); err != nil {
		return err
	}
	h.addFacts(g)
	return m.insertText(ctx, h, append(pending, g.byRow...))
}

func (h *handle) addFacts(g *group) {
	for _, r := range g.arrival {
		if !r.duplicate {
			h.facts.tail.add(r.rowid, r.kind, r.actor, r.ip, r.commit, r.received)
		}
	}
}

func (h *handle) insertEvents(ctx context.Context, b *batch, g *group) error {
	moved := false
	for i, r := range g.byRow {
		if i%checkEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if r.duplicate {
			continue
		}
		wanted := r.rowid
		for {
			stored, err := h.insertEvent(r)
			if err != nil {
				return err
			}
			if stored {
				break
			}
			// Another event has this millisecond and tie: take the next tie of the millisecond.
			r.rowid = r.rowid&^tieMask | (r.rowid+1)&tieMask
		}
		if r.rowid == wanted {
			continue
		}
		moved = true
		// Of rows that are pending afterwards ids hold nothing yet.
		if _, err := h.writer.exec("UPDATE ids SET r=? WHERE h=?", r.rowid, r.hash[:]); err != nil {
			return err
		}
	}
	if moved {
		g.sortRows()
	}
	return nil
}

// insertEvent stores a body, or returns false where its rowid is taken.
func (h *handle) insertEvent(r *row) (bool, error) {
	if h.sealed {
		taken, err := blockHolds(h.writer, r.rowid)
		if err != nil || taken {
			return false, err
		}
	}
	n, err := h.writer.exec("INSERT OR IGNORE INTO events(rowid, received, body) VALUES(?,?,?)", r.rowid, r.received, r.body)
	return n == 1, err
}
