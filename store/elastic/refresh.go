package elastic

import (
	"context"
	"sync"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/audittrail/audittrail/internal/cluster"
)

// Lists must see every write that returned, in whatever process. Refreshing with each write would promise that too, and would cost a segment
// for each of the many deliveries, messages and checkpoints that nobody lists at the moment. So lists refresh: that costs a few milliseconds where there
// is nothing new, and all who list at the same time share one.

// refresh makes everything that was written findable.
func (s *Store) refresh(ctx context.Context) error {
	var answer struct {
		Shards struct{ Failed int } `json:"_shards"`
	}
	if err := s.call(ctx, esapi.IndicesRefreshRequest{Index: []string{s.alias}}, &answer); err != nil {
		return err
	}
	if answer.Shards.Failed > 0 {
		return cluster.Unavailable(nil, "a shard of the records does not answer")
	}
	return nil
}

// refresher shares refreshes: a caller waits for one that begins after it came.
type refresher struct {
	refresh func(ctx context.Context) error

	mu      sync.Mutex
	closed  bool
	running *flight // nil where none is
	next    *flight // begins when the running one has ended; callers join it until then
	flights sync.WaitGroup
}

// flight is one refresh that callers share.
type flight struct {
	done chan struct{}
	err  error
}

// do returns when a refresh that began after the call has ended, or ctx has.
func (r *refresher) do(ctx context.Context) error {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return errClosed
	}
	f := r.next
	if f == nil {
		f = &flight{done: make(chan struct{})}
		r.next = f
		before := r.running
		r.flights.Go(func() { r.fly(f, before) })
	}
	r.mu.Unlock()
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fly runs a flight behind the one before it. Its time is its own: those who share it must not lose it when the first of them leaves.
func (r *refresher) fly(f, before *flight) {
	if before != nil {
		<-before.done
	}
	r.mu.Lock()
	r.running, r.next = f, nil
	r.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	f.err = r.refresh(ctx)
	close(f.done)
}

// end returns when no refresh is under way; later ones are refused.
func (r *refresher) end() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.flights.Wait()
}
