package api

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/audittrail/audittrail/audit"
)

// slowSearch does something once, between the moment at which a search was asked for and that at which it looks.
type slowSearch struct {
	Events
	mu     sync.Mutex
	before func()
}

func (s *slowSearch) Search(ctx context.Context, organization string, search audit.Search) (audit.Page, error) {
	s.mu.Lock()
	before := s.before
	s.before = nil
	s.mu.Unlock()
	if before != nil {
		before()
	}
	return s.Events.Search(ctx, organization, search)
}

func TestWhatIsCommittedAfterTheTailWasReadAndBeforeTheSearchIsSentOnce(t *testing.T) {
	slow := &slowSearch{}
	g := newRig(t, func(c *Config) { slow.Events, c.Events = c.Events, slow })
	s := g.follow("reader", "?log=operation", "")
	start := strings.TrimPrefix(s.wait("id: "), "id: ")

	slow.mu.Lock()
	slow.before = func() {
		another, err := g.server.follow.join(t.Context(), "acme") // reads the tail once more
		must(t, err)
		t.Cleanup(another.leave)
		g.addEvents("acme", event(1, audit.LogOperation, "contacts.member.added", "between"))
	}
	slow.mu.Unlock()
	back := g.follow("reader", "?log=operation", start)
	if got := back.take(); !slices.Equal(got.ids(), []string{"between-1"}) {
		t.Fatalf("missed %v", got.ids())
	}
	if got := s.take(); !slices.Equal(got.ids(), []string{"between-1"}) { // so that the tail has been read
		t.Fatalf("who stayed got %v", got.ids())
	}
	g.addEvents("acme", event(2, audit.LogOperation, "contacts.member.added", "last"))
	if got := back.take(); !slices.Equal(got.ids(), []string{"last-2"}) {
		t.Errorf("sent once more: %v", got.ids())
	}
}
