package api

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// tailCounter counts the readings of the tail, and makes them fail.
type tailCounter struct {
	Events
	reads, failing chan struct{}
}

func (c tailCounter) Tail(ctx context.Context, organization, checkpoint string, limit int) (audit.TailPage, error) {
	select {
	case c.reads <- struct{}{}:
	default:
	}
	select {
	case <-c.failing:
		return audit.TailPage{}, audit.Unavailable(nil, time.Second, "the index is away")
	default:
		return c.Events.Tail(ctx, organization, checkpoint, limit)
	}
}

func TestStreamsOfAnOrganizationShareOneReaderThatEndsWithThem(t *testing.T) {
	g := newRig(t)
	var all []*stream
	for range 5 {
		all = append(all, g.follow("reader", "", ""))
	}
	all = append(all, g.follow("other", "", ""))
	g.server.follow.mu.Lock()
	readers := len(g.server.follow.readers)
	g.server.follow.mu.Unlock()
	if readers != 2 {
		t.Errorf("%d readers of two organizations", readers)
	}
	for _, s := range all {
		s.cancel()
	}
	eventually(t, "the readers' end", func() bool {
		g.server.follow.mu.Lock()
		defer g.server.follow.mu.Unlock()
		return len(g.server.follow.readers) == 0
	})
}

func TestAStreamGoesOnWhenTheIndexWasAway(t *testing.T) {
	reads, failing := make(chan struct{}), make(chan struct{}, 20)
	g := newRig(t, func(cfg *Config) { cfg.Events = tailCounter{cfg.Events, reads, failing} })
	s := g.follow("reader", "?log=login", "")
	for range cap(failing) {
		failing <- struct{}{}
	}
	g.addEvents("acme", event(1, audit.LogLogin, "login.failed", "u_1"))
	<-reads
	if got := s.take(); !slices.Equal(got.ids(), []string{"u_1-1"}) {
		t.Errorf("streamed %+v", got)
	}
	if !strings.Contains(g.log.String(), "tail not read") {
		t.Error("the log does not say that the tail was not read")
	}
}
