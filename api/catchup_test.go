package api

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

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

func TestAFollowerWhoComesBackGetsWhatWasMissed(t *testing.T) {
	g := newRig(t)
	g.addEvents("acme", event(1, audit.LogLogin, "login.failed", "u_1"), event(2, audit.LogLogin, "login.failed", "u_2"))
	const query = "?log=login"
	s := g.follow("reader", query, "")
	start := strings.TrimPrefix(s.wait("id: "), "id: ")
	g.addEvents("acme", event(3, audit.LogLogin, "login.failed", "u_3"))
	first := s.take()
	s.cancel()
	g.clock.Advance(time.Hour)
	g.addEvents("acme", event(4, audit.LogLogin, "login.failed", "u_4"), event(5, audit.LogProduct, "crm.deal.won", "u_5"))

	back := g.follow("reader", query, first.id)
	if got := back.take(); !slices.Equal(got.ids(), []string{"u_4-4"}) || got.More {
		t.Errorf("missed %+v", got)
	}
	g.addEvents("acme", event(6, audit.LogLogin, "login.failed", "u_6"))
	if got := back.take(); !slices.Equal(got.ids(), []string{"u_6-6"}) {
		t.Errorf("and then got %+v", got)
	}
	if got := g.follow("reader", query, start).take(); !slices.Equal(got.ids(), []string{"u_3-3", "u_4-4", "u_6-6"}) {
		t.Errorf("since the start it missed %+v", got)
	}
}

func TestAFollowerWhoWasAwayForVeryMuchIsToldThatThereIsMore(t *testing.T) {
	g := newRig(t)
	s := g.follow("reader", "?action=contacts.*", "")
	start := strings.TrimPrefix(s.wait("id: "), "id: ")
	s.cancel()
	g.addEvents("acme", minutes(audit.MaxPage+1)...)
	if got := g.follow("reader", "?action=contacts.*", start).take(); got.Matched != audit.MaxPage || !got.More {
		t.Errorf("matched %d, more %v", got.Matched, got.More)
	}
}

func TestWhatArrivesWhileAFollowerComesBackIsSentOnce(t *testing.T) {
	g := newRig(t)
	s := g.follow("reader", "?log=operation", "")
	start := strings.TrimPrefix(s.wait("id: "), "id: ")
	const n = 300
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range n {
			e := event(i, audit.LogOperation, "contacts.member.added", "u")
			if _, err := g.index.Append(context.Background(), "acme", []*audit.Event{e}); err != nil {
				t.Error(err)
			}
		}
	}()
	var all []*stream
	for range 8 {
		all = append(all, g.follow("reader", "?log=operation", start))
	}
	<-done
	all = append(all, s)
	for i, back := range all {
		if got := back.gather(n); got.Matched != n {
			t.Errorf("stream %d sent %d events, want %d", i, got.Matched, n)
		}
	}
	g.addEvents("acme", event(1000, audit.LogOperation, "contacts.member.added", "last"))
	for i, back := range all {
		if got := back.take(); !slices.Equal(got.ids(), []string{"last-1000"}) {
			t.Errorf("stream %d sent something once more: %v", i, got.ids())
		}
	}
}

func TestAFollowerWhoIsTooSlowIsToldSoAndKeepsNothing(t *testing.T) {
	g := newRig(t, func(cfg *Config) { cfg.Limits.StreamInterval = time.Hour })
	f, err := g.server.follow.join(t.Context(), "acme")
	must(t, err)
	defer f.leave()
	many := make([]audit.Event, audit.MaxScan)
	for i := range uint64(followMax/audit.MaxScan) + 1 {
		f.put(arrived{events: many, read: i})
	}
	if list, lost := f.take(); len(list) > 0 || !lost {
		t.Errorf("%d wait, lost %v", len(list), lost)
	}
	f.put(arrived{events: many[:1], read: 9})
	if list, lost := f.take(); len(list) != 1 || lost {
		t.Errorf("then %d wait, lost %v", len(list), lost)
	}
}

func TestAStreamThatWasTooSlowIsBroughtUpToDateByASearch(t *testing.T) {
	g := newRig(t, func(cfg *Config) { cfg.Limits.StreamInterval = time.Nanosecond })
	by := audit.Principal{Organization: "acme", Member: "s_1", Role: audit.RoleSystemAdmin, Scopes: []audit.Scope{audit.ScopeEventsRead}}
	e := &eventStream{server: g.server, by: by, shown: credential{hash: [32]byte(audit.HashKey(g.keys["reader"]))}}
	var err error
	e.match, err = newEventMatcher(audit.Query{Logs: []audit.Log{audit.LogLogin}}, by)
	must(t, err)
	_, err = e.begin(t.Context(), false)
	must(t, err)
	defer e.close()
	g.addEvents("acme", event(1, audit.LogLogin, "login.failed", "u_1"))
	eventually(t, "the reading of what was added", func() bool { e.follower.mu.Lock(); defer e.follower.mu.Unlock(); return len(e.follower.waiting) > 0 })
	for range followMax/audit.MaxScan + 1 {
		e.follower.put(arrived{events: make([]audit.Event, audit.MaxScan), read: e.follower.now()})
	}
	text, err := e.next(t.Context())
	if err != nil || !strings.Contains(text, `"matched":1,"events":[{"id":"u_1-1"`) {
		t.Errorf("sent %q, %v", text, err)
	}
	if text, err := e.next(t.Context()); err != nil || text != "" {
		t.Errorf("and then %q, %v", text, err)
	}
}
