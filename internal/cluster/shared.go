package cluster

import (
	"context"
	"sync"
	"time"
)

// Shared lets all who want the same thing done at the same time share one doing of it: a caller waits for one that begins after it came.
type Shared struct {
	what    func(ctx context.Context) error
	timeout time.Duration
	closed  error

	mu      sync.Mutex
	ended   bool
	running *flight // nil where none is
	next    *flight // begins when the running one has ended; callers join it until then
	flights sync.WaitGroup
}

// flight is one doing that callers share.
type flight struct {
	done chan struct{}
	err  error
}

// NewShared shares what, which may take as long as timeout. After End, callers get the error closed.
func NewShared(what func(ctx context.Context) error, timeout time.Duration, closed error) *Shared {
	return &Shared{what: what, timeout: timeout, closed: closed}
}

// Do returns when one that began after the call has ended, or ctx has.
func (s *Shared) Do(ctx context.Context) error {
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return s.closed
	}
	f := s.next
	if f == nil {
		f = &flight{done: make(chan struct{})}
		s.next = f
		before := s.running
		s.flights.Go(func() { s.fly(f, before) })
	}
	s.mu.Unlock()
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fly runs a flight behind the one before it. Its time is its own: those who share it must not lose it when the first of them leaves.
func (s *Shared) fly(f, before *flight) {
	if before != nil {
		<-before.done
	}
	s.mu.Lock()
	s.running, s.next = f, nil
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), s.timeout)
	defer cancel()
	f.err = s.what(ctx)
	close(f.done)
}

// End returns when none is under way; later callers are refused.
func (s *Shared) End() {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.flights.Wait()
}
