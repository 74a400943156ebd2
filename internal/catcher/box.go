package catcher

import (
	"context"
	"sync"
)

// box keeps what was caught and wakes those who wait for more.
type box[T any] struct {
	mu      sync.Mutex
	items   []T
	changed chan struct{}
}

func newBox[T any]() *box[T] { return &box[T]{changed: make(chan struct{})} }

func (b *box[T]) put(item T) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.items) >= keep {
		b.items = b.items[1:]
	}
	b.items = append(b.items, item)
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *box[T]) all() []T {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]T(nil), b.items...)
}

// wait returns the first item that matches, now or later, until the context ends. nil matches everything.
func (b *box[T]) wait(ctx context.Context, match func(T) bool) (T, error) {
	for {
		b.mu.Lock()
		for _, item := range b.items {
			if match == nil || match(item) {
				b.mu.Unlock()
				return item, nil
			}
		}
		changed := b.changed
		b.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			var none T
			return none, ctx.Err()
		}
	}
}
