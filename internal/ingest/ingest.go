// Package ingest is group commit: it lets concurrent requests of one organization share one durable commit of the index, so that one
// event a request does not cost one fsync a request.
//
// It does not validate events, does not know HTTP and keeps nothing that outlives a request: what it has not handed to the engine is not
// acknowledged to anybody.
package ingest

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// Defaults of Options.
const (
	DefaultMaxQueued      = 4 * audit.MaxScan
	DefaultMaxQueuedTotal = 20 * audit.MaxScan
	DefaultTimeout        = 5 * time.Second
)

// besideFrom is how many events have to wait for a commit beside the one under way: fewer gain more by sharing the next one.
const besideFrom = 250

// retryAfter is what a caller is told who is turned away.
const retryAfter = time.Second

// Appender stores events durably; index.Appender says what it promises. It is called for several organizations at the
// same time, and for one at most Options.InFlight times at the same time.
type Appender interface {
	Append(ctx context.Context, organization string, events []*audit.Event) ([]audit.AppendStatus, error)
}

// Preparer is what an Appender may be besides: one that can do part of its work on the events of a request before their commit begins. It is done on the
// goroutine of the request, beside the commit under way, which is spared it.
type Preparer interface {
	// Prepare makes events ready. It keeps them until they are appended.
	Prepare(events []*audit.Event) any
	// AppendPrepared is Append of the events of all parts, in their order. It leaves the parts as they are.
	AppendPrepared(ctx context.Context, organization string, parts []any) ([]audit.AppendStatus, error)
}

// Options tune a Committer. The zero value means the defaults.
type Options struct {
	// MaxCommit is how many events one commit holds at most; audit.MaxScan where it is 0 or more than that.
	MaxCommit int
	// MaxQueued is how many events of one organization wait at most, MaxQueuedTotal how many of all together. A request over either
	// is turned away, but never one that finds its queue empty.
	MaxQueued      int
	MaxQueuedTotal int
	// InFlight is how many commits of one organization are under way at most; 0 means 1. An engine that works while it waits for a disk or a
	// network stores more with two.
	InFlight int
	// Timeout is the deadline of one commit.
	Timeout time.Duration
	// Observe, where set, is told of every commit, good or bad, concurrently. It must not block: the organization's next commit waits for it.
	Observe func(Stats)
	// Committed, where set, is called once after every commit that succeeded, with its events and their statuses. It must not block,
	// as the callers are answered behind it, and must keep neither slice; what it does cannot fail the append.
	Committed func(organization string, events []*audit.Event, statuses []audit.AppendStatus)
	// Logger takes what a hook did wrong; nil means slog.Default.
	Logger *slog.Logger
}

// Stats describes one commit.
type Stats struct {
	Organization string
	Requests     int
	Events       int
	// Wait is how long the request that waited longest was queued.
	Wait time.Duration
	// Commit is how long the engine took.
	Commit time.Duration
	// Err is what the engine answered.
	Err error
}

// Committer merges concurrent Appends. Make one with New.
type Committer struct {
	appender Appender
	preparer Preparer // the appender, where it is one
	opts     Options

	// ctx ends when Close has waited long enough; every commit is made under it.
	ctx    context.Context
	cancel context.CancelFunc

	mu      sync.Mutex
	queues  map[string]*queue // the organizations that have goroutines now
	queued  int               // events that wait, of all organizations
	closed  bool
	workers sync.WaitGroup
}

// queue is what waits of one organization. The Committer's mutex guards it.
type queue struct {
	waiting []*request
	events  int
	workers int // goroutines that commit what waits
}

// request is one call of Append. It is answered exactly once.
type request struct {
	events   []*audit.Event
	prepared any // nil: there is no preparer, or more events than go into one commit
	enqueued time.Time
	answer   chan answer // holds one, so that answering never blocks
}

type answer struct {
	statuses []audit.AppendStatus
	err      error
}

// New returns a Committer in front of the appender.
func New(appender Appender, opts Options) *Committer {
	if opts.MaxCommit <= 0 || opts.MaxCommit > audit.MaxScan {
		opts.MaxCommit = audit.MaxScan
	}
	if opts.MaxQueued <= 0 {
		opts.MaxQueued = DefaultMaxQueued
	}
	if opts.MaxQueuedTotal <= 0 {
		opts.MaxQueuedTotal = DefaultMaxQueuedTotal
	}
	opts.InFlight = max(opts.InFlight, 1)
	if opts.Timeout <= 0 {
		opts.Timeout = DefaultTimeout
	}
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	ctx, cancel := context.WithCancel(context.Background())
	preparer, _ := appender.(Preparer)
	return &Committer{appender: appender, preparer: preparer, opts: opts, ctx: ctx, cancel: cancel, queues: map[string]*queue{}}
}

// Append stores the events durably and returns one status for each, in order, as index.Appender does. It waits while as many
// commits of the organization are under way as may be, and shares the next one with whoever waits too. On an error nothing of this request is
// acknowledged; sending it again is safe.
//
// Errors: the engine's own; CodeRateLimited with RetryAfter where too much waits; CodeUnavailable after Close, at the deadline of the commit, and
// where ctx ends first. In that last case the events may still be stored, and the caller must not change them any more.
func (c *Committer) Append(ctx context.Context, organization string, events []*audit.Event) ([]audit.AppendStatus, error) {
	if len(events) == 0 {
		return []audit.AppendStatus{}, nil
	}
	if ctx.Err() != nil {
		return nil, gaveUp(ctx)
	}
	r := &request{events: events, enqueued: time.Now(), answer: make(chan answer, 1)}
	if c.preparer != nil && len(events) <= c.opts.MaxCommit {
		if err := c.admit(organization, r); err != nil {
			return nil, err // before anything is spent on it
		}
		r.prepared = c.preparer.Prepare(events)
	}
	if err := c.enqueue(organization, r); err != nil {
		return nil, err
	}
	select {
	case a := <-r.answer:
		return a.statuses, a.err
	case <-ctx.Done():
		c.withdraw(organization, r)
		return nil, gaveUp(ctx)
	}
}

func gaveUp(ctx context.Context) error {
	return audit.Unavailable(context.Cause(ctx), retryAfter, "the events were not stored in time; send them again")
}

// admit says whether there is room for the request now.
func (c *Committer) admit(organization string, r *request) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mayWait(c.queues[organization], r)
}

// mayWait says whether the request may join the queue. The mutex is held.
func (c *Committer) mayWait(q *queue, r *request) error {
	if c.closed {
		return errClosed()
	}
	if q != nil && q.events > 0 {
		if q.events+len(r.events) > c.opts.MaxQueued || c.queued+len(r.events) > c.opts.MaxQueuedTotal {
			return &audit.Error{Code: audit.CodeRateLimited, RetryAfter: retryAfter, Message: "too many events are waiting to be stored"}
		}
	}
	return nil
}

// enqueue takes the request in and sees to it that the organization has a goroutine that commits it.
func (c *Committer) enqueue(organization string, r *request) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	q := c.queues[organization]
	if err := c.mayWait(q, r); err != nil {
		return err
	}
	if q == nil {
		q = &queue{}
		c.queues[organization] = q
	}
	q.waiting = append(q.waiting, r)
	q.events += len(r.events)
	c.queued += len(r.events)
	if q.workers == 0 || q.workers < c.opts.InFlight && q.events >= besideFrom {
		q.workers++
		c.workers.Go(func() { c.run(organization, q) })
	}
	return nil
}

func errClosed() error {
	return audit.Unavailable(nil, retryAfter, "the server is shutting down")
}

// withdraw takes a request back whose caller is gone, unless it is being committed already.
func (c *Committer) withdraw(organization string, r *request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	q := c.queues[organization]
	if q == nil {
		return
	}
	if i := slices.Index(q.waiting, r); i >= 0 {
		q.waiting = slices.Delete(q.waiting, i, i+1)
		q.events -= len(r.events)
		c.queued -= len(r.events)
	}
}

// run commits what waits of one organization until nothing does.
func (c *Committer) run(organization string, q *queue) {
	for {
		batch := c.take(organization, q)
		if len(batch) == 0 {
			return
		}
		c.commit(organization, batch)
	}
}

// take removes the oldest requests that fit into one commit, at least one. When none waits the goroutine ends, and the last one removes the
// queue itself, in the same critical section, so that the next request starts a new one.
func (c *Committer) take(organization string, q *queue) []*request {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(q.waiting) == 0 {
		if q.workers--; q.workers == 0 {
			delete(c.queues, organization)
		}
		return nil
	}
	n, events := 0, 0
	for _, r := range q.waiting {
		if n > 0 && events+len(r.events) > c.opts.MaxCommit {
			break
		}
		n, events = n+1, events+len(r.events)
	}
	batch := slices.Clone(q.waiting[:n])
	q.waiting = slices.Delete(q.waiting, 0, n)
	q.events -= events
	c.queued -= events
	return batch
}

// Close refuses new requests with CodeUnavailable and returns when all that were taken in are answered. When ctx ends first, the commits
// under way are cut short, what still waits is answered with CodeUnavailable, and Close returns an error.
func (c *Committer) Close(ctx context.Context) error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	done := make(chan struct{})
	go func() {
		c.workers.Wait()
		c.cancel()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		c.cancel()
		return audit.Unavailable(context.Cause(ctx), 0, "closing was cut short: events that waited were not stored")
	}
}
