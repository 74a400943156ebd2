package sqlite

import (
	"cmp"
	"context"
	"database/sql/driver"
	"errors"
	"math"
	"slices"
	"strconv"
	"time"
)

const (
	// blockRows is how many events a block holds: more compress better and cost more to read one.
	blockRows = 32
	// quietBeforeSeal is how long nothing may have been received in a month before the background seals it, so that
	// an import into the past is not sealed over and over.
	quietBeforeSeal = 10 * time.Minute
	// freshDay is how long bodies stay rows of their own in the current month, at least: most reads and late events are about them.
	freshDay = 24 * time.Hour
)

// Seal compresses every month that is over, and in the current one the bodies that are older than a day, now. The background does the
// same, with a month that is over once it has been quiet for a while. It returns how many events it moved into blocks.
func (x *Index) Seal(ctx context.Context) (int64, error) {
	x.life.RLock()
	defer x.life.RUnlock()
	if x.closed {
		return 0, errClosed
	}
	x.sealing.Lock()
	defer x.sealing.Unlock()
	n, err := x.seal(ctx, 0)
	return n, failure(err)
}

func (x *Index) seal(ctx context.Context, quiet time.Duration) (int64, error) {
	organizations, err := x.stored()
	if err != nil {
		return 0, err
	}
	var total int64
	var errs []error
	now := x.clock()
	for _, o := range organizations {
		if err := o.load(ctx); err != nil {
			errs = append(errs, err)
			continue
		}
		for _, m := range o.all() {
			over := !m.key.end().After(now)
			if over && time.UnixMilli(m.lastReceived.Load()).Add(quiet).After(now) {
				continue
			}
			until := m.key.end()
			if !over {
				until = now.UTC().Add(-freshDay).Truncate(freshDay)
			}
			n, err := m.seal(ctx, until, over)
			total += n
			if err != nil && !errors.Is(err, errDropped) {
				errs = append(errs, err)
			}
		}
	}
	return total, errors.Join(errs...)
}

// seal compresses the month in short steps: bodies into blocks, full text into one piece, then what became free is given back to
// the file system. A crash between steps loses nothing: each is a transaction, and the next run goes on from there.
//
// Of a month that is not over, only the bodies before until are compressed.
func (m *month) seal(ctx context.Context, until time.Time, over bool) (int64, error) {
	received, bound := m.lastReceived.Load(), m.key.rowid(until, 0)
	if m.sealedUpTo.Load() == received && m.sealedBelow == bound {
		return 0, nil
	}
	if err := m.background(ctx, func(h *handle) error { return m.settlePending(ctx, h) }); err != nil {
		return 0, err
	}
	var total int64
	rows := stepper{size: 8 * blockRows, least: blockRows, most: 64 * blockRows}
	err := m.steps(ctx, &rows, func(h *handle, size int) (bool, error) {
		n, err := m.sealRows(h, bound, size)
		total += int64(n)
		return n == size, err
	})
	if err != nil {
		return total, err
	}
	if over {
		if err := m.optimize(ctx); err != nil {
			return total, err
		}
	} else if total == 0 {
		m.sealedBelow = bound
		m.sealedUpTo.Store(received)
		return 0, nil
	}
	free := stepper{size: 64, least: 8, most: 4096}
	err = m.steps(ctx, &free, func(h *handle, size int) (bool, error) { return h.shrink(size) })
	if err != nil {
		return total, err
	}
	if err := m.background(ctx, func(h *handle) error {
		return errors.Join(h.writer.script("PRAGMA wal_checkpoint(TRUNCATE)"), m.countSegments(h))
	}); err != nil {
		return total, err
	}
	m.sealedBelow = bound
	m.sealedUpTo.Store(received)
	return total, nil
}

// optimize merges full text into one piece.
func (m *month) optimize(ctx context.Context) error {
	pages := stepper{size: 64, least: 4, most: 1024}
	first := true
	return m.steps(ctx, &pages, func(h *handle, size int) (bool, error) {
		if first {
			size, first = -size, false
		}
		return h.mergeStep(size)
	})
}

// steps repeats fn under the writer's lock until it returns false, giving appends a chance in between.
func (m *month) steps(ctx context.Context, s *stepper, fn func(h *handle, size int) (bool, error)) error {
	for more := true; more; {
		err := m.background(ctx, func(h *handle) (err error) {
			started := time.Now()
			more, err = fn(h, s.size)
			s.took(time.Since(started))
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// sealRows moves up to limit events from rows of their own into blocks.
func (m *month) sealRows(h *handle, bound int64, limit int) (int, error) {
	n := 0
	err := h.writer.transaction("BEGIN IMMEDIATE", func() error {
		var items []item
		err := h.writer.query(noContext, "SELECT rowid, received, body FROM events WHERE rowid < ? ORDER BY rowid LIMIT ?", func(v []driver.Value) error {
			items = append(items, item{row: asInt(v[0]), received: asInt(v[1]), body: asBytes(v[2])})
			return nil
		}, bound, int64(limit))
		if err != nil || len(items) == 0 {
			return err
		}
		n = len(items)
		if _, err := h.writer.exec("DELETE FROM events WHERE rowid >= ? AND rowid <= ?", items[0].row, items[n-1].row); err != nil {
			return err
		}
		for len(items) > 0 {
			if items, err = m.fillBlock(h.writer, items); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	h.sealed = h.sealed || n > 0
	return n, nil
}

// fillBlock puts the first items where they belong, up to where the next block begins, and returns the others.
func (m *month) fillBlock(c *conn, items []item) ([]item, error) {
	z := m.index.codec
	next := int64(math.MaxInt64)
	err := c.query(noContext, "SELECT first FROM blocks WHERE first > ? ORDER BY first LIMIT 1", func(v []driver.Value) error {
		next = asInt(v[0])
		return nil
	}, items[0].row)
	if err != nil {
		return nil, err
	}
	end := slices.IndexFunc(items, func(it item) bool { return it.row >= next })
	if end < 0 {
		end = len(items)
	}
	fresh, rest := items[:end], items[end:]
	before, err := readBlock(c, z, items[0].row, true)
	if err != nil {
		return nil, err
	}
	if before != nil && (len(before.items) < blockRows || before.items[len(before.items)-1].row > fresh[0].row) {
		if _, err := c.exec("DELETE FROM blocks WHERE first=?", before.first); err != nil {
			return nil, err
		}
		fresh = append(before.items, fresh...)
		slices.SortFunc(fresh, func(a, b item) int { return cmp.Compare(a.row, b.row) })
	}
	for part := range slices.Chunk(fresh, blockRows) {
		b := block{first: part[0].row, items: part}
		if _, err := c.exec("INSERT INTO blocks VALUES(?,?,?,?,?)", b.first, part[len(part)-1].row, int64(len(part)),
			b.encodeRows(), z.packBody(b.encodeBodies())); err != nil {
			return nil, err
		}
	}
	return rest, nil
}

// shrink gives free pages back to the file system, and says whether some are left.
func (h *handle) shrink(pages int) (bool, error) {
	free, err := h.writer.integer(noContext, "PRAGMA freelist_count")
	if err != nil || free == 0 {
		return false, err
	}
	err = h.writer.query(noContext, "PRAGMA incremental_vacuum("+strconv.Itoa(pages)+")", func([]driver.Value) error { return nil })
	if err != nil {
		return false, err
	}
	left, err := h.writer.integer(noContext, "PRAGMA freelist_count")
	return left > 0 && left < free, err
}
