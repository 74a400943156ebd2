package sqlite

import (
	"bytes"
	"context"
	"database/sql/driver"
	"errors"
	"time"
)

const (
	// mergeFrom is from how many pieces of full text on they are merged, while nothing is appended.
	mergeFrom = 8
	// mergeForced is from how many on they are merged even then.
	mergeForced = 64
	// mergePause is how long an organization must not have appended anything, and how long a merge that was put off waits.
	mergePause = 200 * time.Millisecond
	// stepTarget is how long a step of background work should hold the writer's lock.
	stepTarget = 20 * time.Millisecond
	// settlePause is how long an organization must not have appended anything before what is pending is settled: for an event now and then
	// that would be a second commit.
	settlePause = 2 * time.Second
)

// stepper finds out how much work fits into stepTarget.
type stepper struct{ size, least, most int }

func (s *stepper) took(d time.Duration) {
	switch {
	case d > stepTarget*3/2:
		s.size = max(s.size/2, s.least)
	case d < stepTarget/2:
		s.size = min(s.size*2, s.most)
	}
}

// quiet says that no append waits for the writer, and that the last one ended so long ago.
func (o *organization) quiet(pause time.Duration) bool {
	return o.waiting.Load() == 0 && time.Since(o.index.started).Milliseconds()-o.appended.Load() >= pause.Milliseconds()
}

// background runs fn as one transaction of the month's writer, when no append holds it.
func (m *month) background(ctx context.Context, fn func(*handle) error) error {
	if err := m.org.writer.acquire(ctx); err != nil {
		return err
	}
	defer m.org.writer.release()
	h, err := m.enter(false)
	if err != nil {
		return err
	}
	defer m.leave()
	return fn(h)
}

// tidy does what appends have left to do, once they leave time for it. It returns false where something is left.
func (m *month) tidy(ctx context.Context) (done bool, err error) {
	if m.pending.Load() > 0 && m.org.quiet(settlePause) {
		err := m.background(ctx, func(h *handle) error { return m.settlePending(ctx, h) })
		if err != nil {
			return errors.Is(err, errDropped), err
		}
	}
	if m.segments.Load() >= mergeFrom {
		if done, err := m.merge(ctx); !done || err != nil {
			return false, err
		}
	}
	return m.pending.Load() == 0, nil
}

// merge merges the pieces of the month's full text, step by step. It returns false where it gave way to appends.
func (m *month) merge(ctx context.Context) (done bool, err error) {
	pages := stepper{size: 64, least: 4, most: 1024}
	for {
		if m.segments.Load() < mergeForced && !m.org.quiet(mergePause) {
			return false, nil
		}
		progress := false
		err := m.background(ctx, func(h *handle) error {
			started := time.Now()
			if progress, err = h.mergeStep(pages.size); err != nil {
				return err
			}
			pages.took(time.Since(started))
			return m.countSegments(h)
		})
		if errors.Is(err, errDropped) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
		if !progress {
			return true, nil
		}
	}
}

// countSegments reads how many pieces full text consists of, from the record in which FTS5 keeps its structure: four bytes of cookie, in
// newer files a mark of four more, then the number of levels and that of segments.
func (m *month) countSegments(h *handle) error {
	return h.writer.query(noContext, "SELECT block FROM fts_data WHERE id=10", func(v []driver.Value) error {
		b := asBytes(v[0])
		b = b[min(4, len(b)):]
		b = bytes.TrimPrefix(b, []byte{0xff, 0, 0, 1})
		_, b = sqliteVarint(b)
		n, _ := sqliteVarint(b)
		m.segments.Store(n)
		return nil
	})
}

// sqliteVarint reads a number as SQLite writes small ones: seven bits a byte, the highest first.
func sqliteVarint(b []byte) (int64, []byte) {
	n := int64(0)
	for i, c := range b[:min(4, len(b))] {
		n = n<<7 | int64(c&0x7f)
		if c < 0x80 {
			return n, b[i+1:]
		}
	}
	return n, nil
}

// mergeStep merges about so many pages, a negative number begins to merge everything into one piece. It returns
// false where there was nothing to do.
func (h *handle) mergeStep(pages int) (progress bool, err error) {
	before, err := h.writer.integer(noContext, "SELECT total_changes()")
	if err != nil {
		return false, err
	}
	if err := h.writer.transaction("BEGIN IMMEDIATE", func() error {
		_, err := h.writer.exec("INSERT INTO fts(fts, rank) VALUES('merge', ?)", int64(pages))
		return err
	}); err != nil {
		return false, err
	}
	after, err := h.writer.integer(noContext, "SELECT total_changes()")
	// The statement itself counts as one change.
	return after-before >= 2, err
}
