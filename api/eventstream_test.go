package api

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/audittrail/audittrail/audit"
)

// follow opens a stream of events and waits until it follows. The id is that of where it begins, where the client comes without one.
func (g *rig) follow(key, query, lastEventID string) *stream {
	g.t.Helper()
	s := g.openStreamOf("/v1/events/stream"+query, "streamEvents", key, lastEventID)
	s.wait(": connected")
	return s
}

// streamed is the data of an event of the stream.
type streamed struct {
	Matched int
	More    bool
	Events  []struct {
		ID         string
		Highlights map[string][][2]int
	}
	id string // of the event of the stream
}

func (s streamed) ids() (ids []string) {
	for _, e := range s.Events {
		ids = append(ids, e.ID)
	}
	return ids
}

// take reads the next event of the stream, and holds its data to the contract.
func (s *stream) take() streamed {
	s.t.Helper()
	s.wait("event: events")
	id := strings.TrimPrefix(s.wait("id: "), "id: ")
	data := strings.TrimPrefix(s.wait("data: "), "data: ")
	var value any
	must(s.t, json.Unmarshal([]byte(data), &value))
	schema := contractOf(s.t).doc.Components.Schemas["StreamedEvents"].Value
	if err := schema.VisitJSON(value, openapi3.VisitAsResponse(), openapi3.EnableFormatValidation()); err != nil {
		s.t.Errorf("the data breaks the contract: %v\n%s", err, clip(data))
	}
	got := streamed{id: id}
	must(s.t, json.Unmarshal([]byte(data), &got))
	return got
}

// gather takes what the stream sends until so many events came, however they are divided.
func (s *stream) gather(n int) (all streamed) {
	s.t.Helper()
	for all.Matched < n {
		got := s.take()
		all.Matched, all.id, all.Events = all.Matched+got.Matched, got.id, append(all.Events, got.Events...)
	}
	return all
}

func TestAnEventStreamSendsWhatMatchesFromNowOn(t *testing.T) {
	g := newRig(t)
	g.addEvents("acme", event(1, audit.LogLogin, "login.failed", "u_1"))
	s := g.follow("reader", "?log=login&q=failed", "")
	other := g.follow("admin", "?action=contacts.*", "")
	g.addEvents("other", event(2, audit.LogLogin, "login.failed", "u_2"))
	g.addEvents("acme", event(3, audit.LogLogin, "login.succeeded", "u_3"), event(4, audit.LogLogin, "login.failed", "u_4"),
		event(5, audit.LogOperation, "contacts.member.added", "u_5"))
	if got := s.take(); !slices.Equal(got.ids(), []string{"u_4-4"}) || got.Matched != 1 || got.More || len(got.Events[0].Highlights) == 0 {
		t.Errorf("streamed %+v", got)
	}
	if got := other.take(); !slices.Equal(got.ids(), []string{"u_5-5"}) || got.Events[0].Highlights != nil {
		t.Errorf("the other stream got %+v", got)
	}
	g.addEvents("acme", event(60*24*40, audit.LogLogin, "login.failed", "u_6")) // received late
	if got := s.take(); !slices.Equal(got.ids(), []string{"u_6-57600"}) {
		t.Errorf("streamed %+v", got)
	}
	s.wait(": still here")
}

func TestAStreamCountsAllAndShowsTheNewestFifty(t *testing.T) {
	g := newRig(t)
	s := g.follow("reader", "?log=operation", "")
	g.addEvents("acme", minutes(120)...)
	got := s.take()
	if got.Matched != 120 || len(got.Events) != 50 || got.Events[0].ID != "a_1-0" || got.Events[49].ID != "a_1-49" {
		t.Errorf("matched %d, shown %v", got.Matched, got.ids())
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

func TestLookingDoesNotAnnounceItself(t *testing.T) {
	g := newRig(t)
	others, trail, mine := g.follow("creator", "", ""), g.follow("admin", "?range=audit_trail", ""), g.follow("admin", "", "")
	g.do(call{method: "GET", path: "/v1/events", key: "admin"}).want(200)
	g.do(call{method: "GET", path: "/v1/events/summary", key: "admin"}).want(200)
	g.do(call{method: "GET", path: "/v1/members/c_1", key: "admin"}).want(200)
	g.do(call{method: "GET", path: "/v1/members", key: "admin"}).want(200)
	g.do(call{method: "POST", path: "/v1/exports", key: "admin", body: `{}`}).want(202)
	if got := mine.take(); got.Matched != 1 || !g.isAction(got.Events[0].ID, audit.ActionExportRequested) {
		t.Errorf("my own stream got %+v", got)
	}
	// The opening of the admin's two streams is recorded too.
	for name, s := range map[string]*stream{"that names the trail": trail, "of another": others} {
		if got := s.gather(7); got.Matched != 7 {
			t.Errorf("the stream %s got %d", name, got.Matched)
		}
	}
}

func (g *rig) isAction(id, action string) bool {
	g.t.Helper()
	e, err := g.index.Get(g.t.Context(), "acme", id)
	must(g.t, err)
	return e.Action == action
}

func TestAStreamIsNarrowedToTheRole(t *testing.T) {
	g := newRig(t)
	contact, member := g.follow("contact", "", ""), g.follow("member", "", "")
	g.addEvents("acme", event(1, audit.LogProduct, "crm.deal.won", "m_1"), event(2, audit.LogLogin, "login.failed", "u_1"), event(3, audit.LogLogin, "login.failed", "m_1"))
	own := func(ids []string) []string {
		return slices.DeleteFunc(ids, func(id string) bool { return !strings.Contains("u_1-2 m_1-3", id) })
	}
	var got []string
	for len(got) < 2 { // beside it the other's opening is recorded
		got = append(got, own(contact.take().ids())...)
	}
	if !slices.Equal(got, []string{"u_1-2", "m_1-3"}) {
		t.Errorf("a contact_admin got %v", got)
	}
	if got := member.take(); !slices.Equal(got.ids(), []string{"m_1-3"}) {
		t.Errorf("a member got %v", got)
	}
	g.do(call{method: "GET", path: "/v1/events/stream?log=product", key: "contact"}).want(403)
	g.do(call{method: "GET", path: "/v1/events/stream", key: "producer"}).want(403)
	g.do(call{method: "GET", path: "/v1/events/stream"}).want(401)
}

func TestAnEventStreamEndsWhenItsReaderMayReadNoMore(t *testing.T) {
	g := newRig(t)
	revoked, demoted := g.follow("reader", "", ""), g.follow("contact", "?log=operation", "")
	g.do(call{method: "DELETE", path: "/v1/keys/" + g.keyIDs["reader"], key: "admin"}).want(204)
	revoked.ends()
	g.do(call{method: "PUT", path: "/v1/members/a_1", key: "admin", body: `{"name":"x","role":"member","version":1}`}).want(200)
	demoted.ends()
	g.do(call{method: "GET", path: "/v1/events/stream?log=operation", key: "contact"}).want(403)
}

func TestBadRequestsForAStreamAreRefusedBeforeItBegins(t *testing.T) {
	g := newRig(t)
	s := g.follow("reader", "?log=login", "")
	id := strings.TrimPrefix(s.wait("id: "), "id: ")
	before := len(g.trail("acme"))
	for name, tc := range map[string]struct {
		query, last string
		fields      []string
	}{
		"filters":                  {"?log=x&from=yesterday&q=%22open", "", []string{"from", "log", "q"}},
		"a limit":                  {"?limit=5", "", []string{"limit"}},
		"an id of other filters":   {"?log=operation", id, []string{headerLastEvent}},
		"an id that is none":       {"?log=login", "msg-1", []string{headerLastEvent}},
		"a cursor in place of one": {"", audit.EncodeCursor("acme", audit.Query{}, audit.Position{Time: today}), []string{headerLastEvent}},
	} {
		c := call{method: "GET", path: "/v1/events/stream" + tc.query, key: "reader"}
		if tc.last != "" {
			c.header = map[string]string{headerLastEvent: tc.last}
		}
		got := g.do(c).want(422).fields()
		slices.Sort(got)
		if !slices.Equal(got, tc.fields) {
			t.Errorf("%s: fields = %v, want %v", name, got, tc.fields)
		}
	}
	if after := len(g.trail("acme")); after != before || g.server.streams.Load() != 1 {
		t.Errorf("%d records of what was refused, %d streams", after-before, g.server.streams.Load())
	}
	g.do(call{method: "GET", path: "/v1/events/stream?log=login", key: "other", header: map[string]string{headerLastEvent: id}}).want(422)
}

func TestOpeningAStreamIsRecordedOrNotDone(t *testing.T) {
	g := newRig(t)
	g.follow("contact", "?"+url.Values{"q": {"alice"}}.Encode(), "")
	page, err := g.index.Search(t.Context(), "acme", audit.Search{Query: audit.Query{Actions: []string{audit.ActionEventsSearched}}, Limit: 10})
	must(t, err)
	if len(page.Events) != 1 || page.Events[0].Actor.ID != "a_1" || !strings.Contains(page.Events[0].Metadata["query"], "q=alice") {
		t.Errorf("recorded %+v", page.Events)
	}
	g.ingest.fail(audit.Unavailable(nil, time.Second, "the disk is full"))
	g.do(call{method: "GET", path: "/v1/events/stream", key: "contact"}).want(503)
	if n := g.server.streams.Load(); n != 1 {
		t.Errorf("%d streams are counted", n)
	}
}

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

func TestEventsWhoseIDsAreNamesOfRoutesAreReadAllTheSame(t *testing.T) {
	g := newRig(t)
	for _, id := range []string{"summary", "stream"} {
		e := event(1, audit.LogLogin, "login.failed", "u_1")
		e.ID = id
		g.addEvents("acme", e)
		if got := into[struct{ ID string }](g.do(call{method: "GET", path: eventPath(id), key: "reader"}).want(200)); got.ID != id {
			t.Errorf("%s: got %q", eventPath(id), got.ID)
		}
	}
}

func TestAnEventStreamEndsWithItsSession(t *testing.T) {
	g := newRig(t)
	cookie := g.signIn("acme", "s_1")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.base+"/v1/events/stream?log=login", nil)
	must(t, err)
	req.Header.Set("Cookie", g.server.CookieName()+"="+cookie)
	res, err := g.client.Do(req)
	must(t, err)
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	if res.StatusCode != http.StatusOK || !lines.Scan() {
		t.Fatalf("the stream answers %d, %v", res.StatusCode, lines.Err())
	}
	must(t, g.server.SignOut(t.Context(), cookie, browser))
	for lines.Scan() { // until the server ends it; the client's deadline is what fails the test
	}
	must(t, lines.Err())
}
