package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// Retain implements index.Retainer: it deletes the month files all of whose times are past the horizon. A file that
// cannot be deleted is a problem of the report, not an error: the others still go.
func (x *Index) Retain(ctx context.Context) (audit.RetentionReport, error) {
	x.life.RLock()
	defer x.life.RUnlock()
	report := audit.RetentionReport{Horizon: audit.Horizon(x.clock()), Dropped: []string{}, Problems: []string{}}
	if x.closed {
		return report, errClosed
	}
	organizations, err := x.stored()
	if err != nil {
		return report, failure(err)
	}
	for _, o := range organizations {
		if err := o.retain(ctx, &report); err != nil {
			return report, failure(err)
		}
	}
	return report, nil
}

func (o *organization) retain(ctx context.Context, report *audit.RetentionReport) error {
	entries, err := os.ReadDir(o.dir)
	if err != nil {
		return err
	}
	dropped := false
	for _, e := range entries {
		key, ok := parseMonth(e.Name())
		if !ok || key.end().After(report.Horizon) {
			continue
		}
		name := filepath.Join(o.id, e.Name())
		freed, err := o.drop(ctx, key)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			report.Problems = append(report.Problems, fmt.Sprintf("%s is due and could not be deleted: %v", name, err))
			continue
		}
		report.Dropped = append(report.Dropped, name)
		report.FreedBytes += freed
		dropped = true
	}
	if !dropped {
		return nil
	}
	return syncDir(o.dir)
}

// drop deletes a month's files once nobody reads them. It needs nothing from inside the file, so it works for a damaged one too.
func (o *organization) drop(ctx context.Context, key monthKey) (freed int64, err error) {
	if err := o.writer.acquire(ctx); err != nil {
		return 0, err
	}
	defer o.writer.release()
	o.mu.Lock()
	m := o.months[key]
	o.mu.Unlock()
	path := filepath.Join(o.dir, key.fileName())
	if m != nil {
		if err := m.retire(ctx); err != nil {
			return 0, err
		}
		o.forget(m)
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return freed, err
		}
		if err := os.Remove(path + suffix); err != nil {
			return freed, err
		}
		freed += info.Size()
	}
	return freed, nil
}

// retire lets no new reader in, waits for those inside and closes the file.
func (m *month) retire(ctx context.Context) error {
	m.mu.Lock()
	m.gone = true
	m.mu.Unlock()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for {
		closed, err := m.closeIdle()
		if closed {
			if m.seen != nil {
				m.seen.release()
				m.seen = nil
			}
			return err
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			m.mu.Lock()
			m.gone = false
			m.mu.Unlock()
			return ctx.Err()
		}
	}
}
