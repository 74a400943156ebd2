package ingest_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/ingest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// engine is an index of fixed commit latency. It remembers its commits and recognises ids, as an index does, and keeps a
// single writer: one commit at a time, whatever the organization.
type engine struct {
	latency time.Duration
	writer  chan struct{} // nil: as many commits at a time as organizations
	fail    func(organization string, events []*audit.Event) error

	mu      sync.Mutex
	commits [][]string // "organization/id" of each
	stored  map[string]bool
}

func newEngine(latency time.Duration) *engine {
	return &engine{latency: latency, stored: map[string]bool{}}
}

func (e *engine) Append(ctx context.Context, organization string, events []*audit.Event) ([]audit.AppendStatus, error) {
	if e.writer != nil {
		e.writer <- struct{}{}
		defer func() { <-e.writer }()
	}
	select {
	case <-time.After(e.latency):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if e.fail != nil {
		if err := e.fail(organization, events); err != nil {
			return nil, err
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	var commit []string
	statuses := make([]audit.AppendStatus, len(events))
	for i, event := range events {
		key := organization + "/" + event.ID
		statuses[i] = audit.StatusCreated
		if e.stored[key] {
			statuses[i] = audit.StatusDuplicate
		}
		e.stored[key] = true
		commit = append(commit, key)
	}
	e.commits = append(e.commits, commit)
	return statuses, nil
}

func (e *engine) sizes() []int {
	e.mu.Lock()
	defer e.mu.Unlock()
	var sizes []int
	for _, commit := range e.commits {
		sizes = append(sizes, len(commit))
	}
	return sizes
}

func events(ids ...string) []*audit.Event {
	var all []*audit.Event
	for _, id := range ids {
		all = append(all, &audit.Event{ID: id})
	}
	return all
}

func numbered(prefix string, n int) []*audit.Event {
	all := make([]*audit.Event, n)
	for i := range all {
		all[i] = &audit.Event{ID: fmt.Sprintf("%s-%d", prefix, i)}
	}
	return all
}

// result is what one Append answered.
type result struct {
	statuses []audit.AppendStatus
	err      error
	took     time.Duration
}

// send appends in the background; the result can be read once the call has returned. The call is queued before send returns.
func send(ctx context.Context, c *ingest.Committer, organization string, batch []*audit.Event) *result {
	r := &result{}
	began := time.Now()
	go func() {
		r.statuses, r.err = c.Append(ctx, organization, batch)
		r.took = time.Since(began)
	}()
	synctest.Wait()
	return r
}

// inBubble runs a test on virtual time, with a Committer that is closed at the end.
func inBubble(t *testing.T, e ingest.Appender, opts ingest.Options, f func(t *testing.T, c *ingest.Committer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := ingest.New(e, opts)
		f(t, c)
		if err := c.Close(t.Context()); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
}

// advance moves the virtual time on and lets everything that is due happen.
func advance(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func wantCode(t *testing.T, err error, code audit.Code) {
	t.Helper()
	if got := audit.CodeOf(err); got != code {
		t.Errorf("the error is %q (%v), want %q", got, err, code)
	}
}

func wantStatuses(t *testing.T, r *result, want ...audit.AppendStatus) {
	t.Helper()
	if r.err != nil || !slices.Equal(r.statuses, want) {
		t.Errorf("got %v, %v; want %v", r.statuses, r.err, want)
	}
}

const (
	created   = audit.StatusCreated
	duplicate = audit.StatusDuplicate
)
