package api

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

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

func TestHEADOfAStreamAnswersAsGETDoesAndBeginsNone(t *testing.T) {
	g := newRig(t)
	before := len(g.trail("acme"))
	for _, path := range []string{"/v1/events/stream", "/v1/messages/stream"} {
		a := g.do(call{method: "HEAD", path: path, key: "creator"}).want(200)
		if got := a.header.Get("Content-Type"); got != "text/event-stream; charset=utf-8" || len(a.body) > 0 || a.header.Get("Content-Length") != "" {
			t.Errorf("%s: %q of %v", path, a.body, a.header)
		}
		g.do(call{method: "HEAD", path: path}).want(401)
	}
	g.do(call{method: "HEAD", path: "/v1/events/stream?from=yesterday", key: "creator"}).want(422)
	if after := len(g.trail("acme")); after != before || g.server.streams.Load() != 0 {
		t.Errorf("%d records, %d streams", after-before, g.server.streams.Load())
	}
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
