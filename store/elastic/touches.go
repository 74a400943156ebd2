package elastic

import (
	"context"
	"errors"
	"sync"
	"time"
)

// touchEvery is how often a process writes the last use of one key at most: a write for every request would cost more than the
// request. What is not written yet is kept in memory, shown to this process's readers, and written by Close.
const touchEvery = time.Minute

// touches remembers the last uses of keys. It holds keys that exist, one entry each.
type touches struct {
	mu   sync.Mutex
	keys map[touchedKey]touch
}

type touchedKey struct{ organization, id string }

// touch holds milliseconds: when the key was last used, and what of that is written.
type touch struct{ used, written int64 }

func (t *touches) of(organization, id string) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.keys[touchedKey{organization, id}].used
}

// hold notes a use in memory and returns true where that is enough for now.
func (t *touches) hold(key touchedKey, used int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	before, known := t.keys[key]
	if !known || used >= before.written+touchEvery.Milliseconds() {
		return false
	}
	t.keys[key] = touch{used: max(used, before.used), written: before.written}
	return true
}

// wrote notes what is written.
func (t *touches) wrote(key touchedKey, used int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.keys == nil {
		t.keys = map[touchedKey]touch{}
	}
	before := t.keys[key]
	t.keys[key] = touch{used: max(used, before.used), written: max(used, before.written)}
}

// due returns the uses that are not written.
func (t *touches) due() map[touchedKey]int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	due := map[touchedKey]int64{}
	for key, held := range t.keys {
		if held.used > held.written {
			due[key] = held.used
		}
	}
	return due
}

// TouchKey is part of store.Keys.
func (s *Store) TouchKey(ctx context.Context, organization, id string, at time.Time) error {
	if s.closed.Load() {
		return errClosed
	}
	key := touchedKey{organization, id}
	used := toMillis(at)
	if s.touches.hold(key, used) {
		return nil
	}
	return s.writeTouch(ctx, key, used)
}

func (s *Store) writeTouch(ctx context.Context, key touchedKey, used int64) error {
	err := s.change(ctx, kindKey, key.organization, key.id, func(d *stored) map[string]any {
		if used <= d.LastUsedAt {
			return nil
		}
		return map[string]any{"last_used_at": used}
	})
	if err == nil {
		s.touches.wrote(key, used)
	}
	return fault(err, "note the use of the key")
}

// flushTouches writes every use that is not written.
func (s *Store) flushTouches(ctx context.Context) error {
	var failed error
	for key, used := range s.touches.due() {
		failed = errors.Join(failed, s.writeTouch(ctx, key, used))
	}
	return failed
}
