package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// noContext goes with statements that are short: a context that can end costs a goroutine a statement.
var noContext = context.Background()

// monthKey numbers calendar months in UTC: year × 12 + month − 1.
type monthKey int

func monthOf(t time.Time) monthKey {
	t = t.UTC()
	return monthKey(t.Year()*12 + int(t.Month()) - 1)
}

func (k monthKey) start() time.Time {
	return time.Date(int(k)/12, time.Month(int(k)%12+1), 1, 0, 0, 0, 0, time.UTC)
}
func (k monthKey) end() time.Time   { return (k + 1).start() }
func (k monthKey) name() string     { return k.start().Format("2006-01") }
func (k monthKey) fileName() string { return k.name() + ".db" }

// rowid packs a time of the month and a tie. Times before the month give the lowest, times after it a greater one than any in it. A time
// within a millisecond counts as the next one, so that as a bound it parts exactly the events before it from the others.
func (k monthKey) rowid(t time.Time, tie uint32) int64 {
	whole := t.UnixMilli()
	if t.Nanosecond()%int(time.Millisecond) != 0 {
		whole++
	}
	ms := min(max(whole-k.start().UnixMilli(), 0), k.end().UnixMilli()-k.start().UnixMilli())
	return ms<<audit.TieBits | int64(tie)
}

// position is the inverse of rowid.
func (k monthKey) position(rowid int64) audit.Position {
	return audit.Position{
		Time: time.UnixMilli(k.start().UnixMilli() + rowid>>audit.TieBits).UTC(),
		Tie:  uint32(rowid & tieMask),
	}
}

// parseMonth returns the month of a file's name.
func parseMonth(fileName string) (monthKey, bool) {
	t, err := time.Parse("2006-01.db", fileName)
	if err != nil {
		return 0, false
	}
	return monthOf(t), true
}

// month is one month file of an organization. Its connections are opened when it is used and closed when it has not been for long.
type month struct {
	key    monthKey
	number uint64 // unlike any other month's in this process
	path   string
	org    *organization
	index  *Index

	mu     sync.Mutex
	handle *handle
	users  int
	gone   bool // dropped by retention
	fresh  bool // its file has not been made yet: the first append is about to

	// What the last commit left. lastReceived is in ms since 1970.
	lastReceived atomic.Int64
	// lastCommit is no less than the number of any commit that has rows here.
	lastCommit atomic.Int64
	// sealedUpTo is what lastReceived was when the month was last sealed, sealedBelow up to which row; the latter under Index.sealing.
	sealedUpTo  atomic.Int64
	sealedBelow int64
	// segments counts the pieces that full text consists of since it was last merged, about.
	segments atomic.Int64
	// pending counts the rows that ids and fts do not hold yet.
	pending atomic.Int64
	// seen holds the ids that are in the file, for a first answer; the writer's.
	seen    *bloom
	lookups int // in ids for other months, since seen was last built
}

// handle is an open month file.
type handle struct {
	info   os.FileInfo
	writer *conn    // used under the organization's writer lock
	facts  *builder // the writer's; nil after a failure, to be read again, and pending with it
	// pending are the rows of the newest chunk that ids and fts do not hold yet, by the hash of their ids; the writer's.
	pending map[[16]byte]*row
	sealed  bool    // whether blocks may hold rows; the writer's
	idle    []*conn // readers
}

// enter opens the file where it is not open and keeps it open until leave. Where create is false a missing file is an error.
func (m *month) enter(create bool) (*handle, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.gone || m.fresh && !create {
		return nil, errDropped // it holds nothing
	}
	if m.handle != nil {
		if err := m.present(m.handle); err != nil {
			if m.users == 0 {
				err = errors.Join(err, m.closeLocked())
			}
			return nil, err
		}
		m.users++
		return m.handle, nil
	}
	writer, err := openWriter(m.path, create)
	if err != nil {
		return nil, err
	}
	h := &handle{writer: writer}
	if h.info, err = os.Stat(m.path); err == nil && create {
		err = syncDir(filepath.Dir(m.path))
	}
	if err != nil {
		return nil, errors.Join(err, writer.close())
	}
	m.handle, m.fresh = h, false
	m.users++
	return h, nil
}

// present makes sure that the file that is open still stands under its name: SQLite would go on writing to a deleted one,
// and what is acknowledged then would be lost.
func (m *month) present(h *handle) error {
	info, err := os.Stat(m.path)
	if err != nil {
		return fmt.Errorf("month file is missing: %w", err)
	}
	if !os.SameFile(info, h.info) {
		return fmt.Errorf("month file %s was replaced by another: %w", m.path, fs.ErrNotExist)
	}
	return nil
}

// leave ends what enter began.
func (m *month) leave() {
	m.mu.Lock()
	m.users--
	m.mu.Unlock()
	m.index.used(m)
}

// reader takes a reading connection; giveBack returns it.
func (m *month) reader(h *handle) (*conn, error) {
	m.mu.Lock()
	if n := len(h.idle); n > 0 {
		c := h.idle[n-1]
		h.idle = h.idle[:n-1]
		m.mu.Unlock()
		return c, nil
	}
	m.mu.Unlock()
	return openReader(m.path)
}

// maxIdleReaders is how many reading connections a file keeps between uses.
const maxIdleReaders = 2

func (m *month) giveBack(h *handle, c *conn) {
	m.mu.Lock()
	if len(h.idle) < maxIdleReaders {
		h.idle = append(h.idle, c)
		m.mu.Unlock()
		return
	}
	m.mu.Unlock()
	m.index.logClose(c.close())
}

// closeIdle closes the file if nobody uses it, and says whether it is closed now.
func (m *month) closeIdle() (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.users > 0 {
		return false, nil
	}
	return true, m.closeLocked()
}

func (m *month) closeLocked() error {
	h := m.handle
	m.handle = nil
	if h == nil {
		return nil
	}
	var errs []error
	for _, c := range h.idle {
		errs = append(errs, c.close())
	}
	return errors.Join(append(errs, h.writer.close())...)
}
