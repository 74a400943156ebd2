package sqlite

import (
	"context"
	"sync"
	"time"
)

// maintenance is the one background goroutine of the engine: it puts into ids and full text what appends have left pending, merges full text
// where they have left many pieces, and seals months that are over. It takes the writer's lock for short steps only, and lets appends go first.
type maintenance struct {
	index  *Index
	cancel context.CancelFunc
	done   chan struct{}
	wake   chan struct{}

	mu    sync.Mutex
	dirty map[*month]struct{}
}

func startMaintenance(x *Index) *maintenance {
	ctx, cancel := context.WithCancel(context.Background())
	t := &maintenance{index: x, cancel: cancel, done: make(chan struct{}), wake: make(chan struct{}, 1), dirty: make(map[*month]struct{})}
	go t.run(ctx)
	return t
}

func (t *maintenance) stop() {
	t.cancel()
	<-t.done
}

// note says that m has been written to.
func (t *maintenance) note(m *month) {
	if m.segments.Load() < mergeFrom && m.pending.Load() == 0 {
		return
	}
	t.mu.Lock()
	_, known := t.dirty[m]
	t.dirty[m] = struct{}{}
	t.mu.Unlock()
	if known {
		return // it is looked at soon enough
	}
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

func (t *maintenance) run(ctx context.Context) {
	defer close(t.done)
	seal := time.NewTicker(t.index.options.MaintainEvery)
	defer seal.Stop()
	// What has been put off while appends were waiting is tried again soon.
	again := time.NewTimer(time.Hour)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.wake:
		case <-again.C:
		case <-seal.C:
			t.index.sealing.Lock()
			_, err := t.index.seal(ctx, quietBeforeSeal)
			t.index.sealing.Unlock()
			if err != nil && ctx.Err() == nil {
				t.index.options.Logger.Error("sealing months failed", "error", err)
			}
		}
		if t.tidyDirty(ctx) {
			again.Reset(mergePause)
		}
	}
}

// tidyDirty tidies each month that was written to, and says whether some were put off.
func (t *maintenance) tidyDirty(ctx context.Context) (putOff bool) {
	t.mu.Lock()
	months := make([]*month, 0, len(t.dirty))
	for m := range t.dirty {
		months = append(months, m)
	}
	clear(t.dirty)
	t.mu.Unlock()
	for _, m := range months {
		done, err := m.tidy(ctx)
		if ctx.Err() != nil {
			return false
		}
		if err != nil && !done {
			t.index.options.Logger.Error("tidying up behind appends failed", "organization", m.org.id, "month", m.key.name(), "error", err)
			continue
		}
		if !done {
			putOff = true
			t.mu.Lock()
			t.dirty[m] = struct{}{}
			t.mu.Unlock()
		}
	}
	return putOff
}
