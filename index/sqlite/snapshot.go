package sqlite

import (
	"context"
	"errors"
)

// snapshot is one reading transaction on one month: all that is read through it belongs to the same commit.
type snapshot struct {
	*conn
	month   *month
	headers []header // those with the newest rows first
	block   *block   // the last one that was read
	// bulk says that everything is read once, from end to end: columns are not put into the cache then, where they would push out what
	// people look at.
	bulk bool
	// pending are the events that ids and fts do not hold yet, once they have been read.
	pending     []pendingEvent
	pendingRead bool
}

// errDropped is what reading a month gives that retention has dropped meanwhile, or whose file is only about to be made: it holds nothing.
var errDropped = errors.New("month holds nothing")

// read runs fn with a snapshot of the month.
func (m *month) read(ctx context.Context, fn func(*snapshot) error) error {
	if err := m.index.readers.acquire(ctx); err != nil {
		return err
	}
	defer m.index.readers.release()
	h, err := m.enter(false)
	if err != nil {
		return err
	}
	defer m.leave()
	c, err := m.reader(h)
	if err != nil {
		return err
	}
	defer m.giveBack(h, c)
	s := &snapshot{conn: c, month: m}
	err = c.transaction("BEGIN", func() (err error) {
		if s.headers, err = readHeaders(ctx, c, "ORDER BY max_row DESC"); err != nil {
			return err
		}
		return fn(s)
	})
	if err == nil && s.bulk {
		// Pages of the file that were read once are not kept either.
		err = c.script("PRAGMA shrink_memory")
	}
	return err
}

// dictionary returns the dictionary of a chunk, from the cache where it is there.
func (s *snapshot) dictionary(h header) (*dictionary, error) {
	p := part{month: s.month.number, id: h.id, n: h.n}
	if d, ok := s.month.index.cache.get(p).(*dictionary); ok {
		return d, nil
	}
	d, err := readDictionary(s.conn, s.month.index.codec, h.id)
	if err != nil {
		return nil, err
	}
	s.month.index.cache.put(p, d, d.size())
	return d, nil
}

// columns returns the columns of a chunk, from the cache where they are there.
func (s *snapshot) columns(h header, d *dictionary) (*columns, error) {
	p := part{month: s.month.number, id: h.id, n: h.n, columns: true}
	if c, ok := s.month.index.cache.get(p).(*columns); ok {
		return c, nil
	}
	c, err := readColumns(s.conn, s.month.index.codec, d, h)
	if err != nil {
		return nil, err
	}
	if !s.bulk {
		s.month.index.cache.put(p, c, c.size())
	}
	return c, nil
}

// semaphore bounds how many do something at once.
type semaphore chan struct{}

func (s semaphore) acquire(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case s <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s semaphore) release() { <-s }
