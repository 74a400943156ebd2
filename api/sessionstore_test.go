package api

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// countingSessions counts reads and touches of sessions.
type countingSessions struct {
	sessionStore
	mu             sync.Mutex
	reads, touches int
}

// sessionStore is Sessions by another name, so that it can be embedded: it has a method Sessions.
type sessionStore = Sessions

func (c *countingSessions) SessionByHash(ctx context.Context, hash []byte) (audit.Session, error) {
	c.mu.Lock()
	c.reads++
	c.mu.Unlock()
	return c.sessionStore.SessionByHash(ctx, hash)
}

func (c *countingSessions) TouchSession(ctx context.Context, organization, id string, at time.Time) error {
	err := c.sessionStore.TouchSession(ctx, organization, id, at)
	c.mu.Lock()
	c.touches++
	c.mu.Unlock()
	return err
}

func (c *countingSessions) counts() (reads, touches int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reads, c.touches
}

func TestASessionIsReadOnceInFiveSecondsAndTouchedOnceAMinute(t *testing.T) {
	sessions := &countingSessions{}
	g := newRig(t, func(cfg *Config) { sessions.sessionStore = cfg.Sessions; cfg.Sessions = sessions })
	cookie := g.signIn("acme", "s_1")
	touched := func(n int) func() bool {
		return func() bool { _, touches := sessions.counts(); return touches == n }
	}
	for range 20 {
		g.do(call{method: "GET", path: "/v1/organization", header: g.with(cookie)}).want(200)
	}
	eventually(t, "the first touch", touched(1))
	if reads, _ := sessions.counts(); reads != 1 {
		t.Errorf("20 requests read the session %d times", reads)
	}
	g.clock.Advance(touchEvery)
	g.do(call{method: "GET", path: "/v1/organization", header: g.with(cookie)}).want(200)
	eventually(t, "the second touch", touched(2))
	found, err := g.store.SessionByHash(t.Context(), audit.HashKey(cookie))
	must(t, err)
	if !found.LastUsedAt.Equal(today.Add(touchEvery)) || found.UserAgent != browser.UserAgent || found.IP != browser.IP {
		t.Errorf("the session is kept as %+v", found)
	}
}

// failingSessions cannot read.
type failingSessions struct{ sessionStore }

func (failingSessions) SessionByHash(context.Context, []byte) (audit.Session, error) {
	return audit.Session{}, audit.Unavailable(nil, 3*time.Second, "the store does not answer")
}

func TestAStoreThatIsDownIsNoReasonToSayASessionHasEnded(t *testing.T) {
	g := newRig(t, func(cfg *Config) { cfg.Sessions = failingSessions{cfg.Sessions} })
	cookie, _ := audit.NewSessionSecret()
	g.do(call{method: "GET", path: "/v1/organization", header: g.with(cookie)}).want(503)
}
