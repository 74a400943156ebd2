package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"database/sql/driver"
)

// organization is one tenant: a folder of month files. Nothing of it is shared with another one but the engine's caches,
// which know their entries by month file.
type organization struct {
	id    string
	dir   string
	index *Index

	// writer is held by whoever writes to any of the month files.
	writer semaphore
	// waiting is how many appends want it.
	waiting atomic.Int32
	// appended is when the last commit ended, in ms since the engine was opened.
	appended atomic.Int64

	mu     sync.Mutex
	months map[monthKey]*month // nil until they have been looked at
	// lastCommit numbers the last commit that ended; numbers follow time, so that they grow even when every file was dropped.
	lastCommit int64
	// lastStamp is the last received_at, floor what the next one must not fall below; ms since 1970.
	lastStamp, floor int64
	// flying ends with the commit under way, nil where there is none.
	flying      chan struct{}
	flyingStamp int64
}

// load looks at the month files that are there, once. A failure is not kept: the next call tries again.
func (o *organization) load(ctx context.Context) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.months != nil {
		return nil
	}
	entries, err := os.ReadDir(o.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("list months of an organization: %w", err)
	}
	months := make(map[monthKey]*month)
	for _, entry := range entries {
		key, ok := parseMonth(entry.Name())
		if !ok {
			continue
		}
		m := o.newMonth(key)
		months[key] = m
		if err := o.recover(ctx, m); err != nil {
			for _, m := range months {
				_, closing := m.closeIdle()
				err = errors.Join(err, closing)
			}
			return err
		}
	}
	o.months = months
	return nil
}

// recover reads from a month file where commits and stamps stood.
func (o *organization) recover(ctx context.Context, m *month) error {
	h, err := m.enter(false)
	if err != nil {
		return err
	}
	defer m.leave()
	defer o.index.maintenance.note(m)
	return h.writer.query(ctx, "SELECT max(max_commit), max(max_received), sum(n - found) FROM chunks", func(v []driver.Value) error {
		m.lastReceived.Store(asInt(v[1]))
		m.lastCommit.Store(asInt(v[0]))
		m.pending.Store(asInt(v[2]))
		o.lastCommit = max(o.lastCommit, asInt(v[0]))
		o.lastStamp = max(o.lastStamp, asInt(v[1]))
		return nil
	})
}

func (o *organization) newMonth(key monthKey) *month {
	m := &month{key: key, number: o.index.numbers.Add(1), path: filepath.Join(o.dir, key.fileName()), org: o, index: o.index}
	return m
}

// month returns the month file of key; created says that there is none on disk yet.
func (o *organization) month(key monthKey) (m *month, created bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if m, ok := o.months[key]; ok {
		return m, false, nil
	}
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return nil, false, fmt.Errorf("make the folder of an organization: %w", err)
	}
	if err := syncDir(o.index.dir); err != nil {
		return nil, false, fmt.Errorf("make the folder of an organization: %w", err)
	}
	m = o.newMonth(key)
	m.fresh = true
	o.months[key] = m
	return m, true, nil
}

// forget takes back what month made, where its file could not be made.
func (o *organization) forget(m *month) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.months[m.key] == m {
		delete(o.months, m.key)
	}
}

// all returns the months, newest first.
func (o *organization) all() []*month {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := make([]*month, 0, len(o.months))
	for _, m := range o.months {
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b *month) int { return int(b.key - a.key) })
	return out
}

// within returns the months that hold times from..to (exclusive), newest first.
func (o *organization) within(from, to time.Time) []*month {
	return slices.DeleteFunc(o.all(), func(m *month) bool {
		return !m.key.end().After(from) || !m.key.start().Before(to)
	})
}

// stamp gives the batch its number and its time; the returned function ends the commit. Called under the writer's lock.
func (o *organization) stamp(b *batch) (finish func()) {
	now := o.index.clock().UnixMilli()
	o.mu.Lock()
	defer o.mu.Unlock()
	if b.imported {
		b.number(o.lastCommit)
	} else {
		b.stampAll(max(now, o.lastStamp, o.floor), o.lastCommit)
	}
	o.lastStamp = max(o.lastStamp, b.stamp)
	flying := make(chan struct{})
	o.flying, o.flyingStamp = flying, b.first
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		// What nothing was stored with is not the last number: after a restart it would not be known, and be given again, to events that the tail has
		// passed by then.
		for i := range b.groups {
			o.lastCommit = max(o.lastCommit, b.groups[i].stored)
		}
		o.flying = nil
		o.appended.Store(time.Since(o.index.started).Milliseconds())
		close(flying)
	}
}

// committed returns the number of the last commit that ended.
func (o *organization) committed() int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.lastCommit
}

// settle waits until everything that is stamped up to until is visible, and sees to it that no later commit gets such a stamp.
// A bound in the future is taken for now: it cannot hold anything still.
func (o *organization) settle(ctx context.Context, until time.Time) error {
	bound := until.UnixMilli()
	now := o.index.clock().UnixMilli()
	o.mu.Lock()
	o.floor = max(o.floor, min(bound, now)+1)
	flying := o.flying
	if flying != nil && o.flyingStamp > bound {
		flying = nil
	}
	o.mu.Unlock()
	if flying == nil {
		return nil
	}
	select {
	case <-flying:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
