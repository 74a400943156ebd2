package api

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

func (g *rig) addMessage(member string, n int) {
	g.t.Helper()
	must(g.t, g.store.AddMessage(g.t.Context(), audit.Message{ID: fmt.Sprint("msg-", n), Organization: "acme", Member: member, Title: "Title", Body: fmt.Sprint("body ", n, "\nline"),
		CreatedAt: today.Add(time.Duration(n) * time.Second)}))
}

type messagesAnswer struct {
	Messages []audit.Message
	Unread   int
	Next     string `json:"next_cursor"`
}

func TestMessagesAreTheCallersOwnAndAreMarkedAsRead(t *testing.T) {
	g := newRig(t)
	for i := range 3 {
		g.addMessage("m_1", i)
	}
	g.addMessage("s_1", 9)
	first := into[messagesAnswer](g.do(call{method: "GET", path: "/v1/messages?limit=2", key: "member"}).want(200))
	rest := into[messagesAnswer](g.do(call{method: "GET", path: "/v1/messages?limit=2&cursor=" + first.Next, key: "member"}).want(200))
	var got []string
	for _, m := range append(first.Messages, rest.Messages...) {
		got = append(got, m.ID)
	}
	if !slices.Equal(got, []string{"msg-2", "msg-1", "msg-0"}) || first.Unread != 3 || rest.Next != "" {
		t.Errorf("messages = %v, unread = %d", got, first.Unread)
	}
	read := func(key, body string) int {
		return into[struct{ Unread int }](g.do(call{method: "POST", path: "/v1/messages/read", key: key, body: body}).want(200)).Unread
	}
	if got := read("member", `{"ids":["msg-1","msg-9","nothing"]}`); got != 2 {
		t.Errorf("unread = %d", got)
	}
	if got := read("member", `{"ids":[]}`); got != 2 {
		t.Errorf("marking none left %d", got)
	}
	if got := read("member", `{"all":true}`); got != 0 {
		t.Errorf("marking all left %d", got)
	}
	if got := into[messagesAnswer](g.do(call{method: "GET", path: "/v1/messages", key: "admin"}).want(200)); got.Unread != 1 {
		t.Errorf("another's message was marked: %+v", got)
	}
	for _, body := range []string{`{}`, `{"all":false}`, `{"ids":["x"],"all":true}`} {
		g.do(call{method: "POST", path: "/v1/messages/read", key: "member", body: body}).want(422)
	}
	g.do(call{method: "GET", path: "/v1/messages?cursor=nothing", key: "member"}).want(422)
}

func TestUnreadMessagesAreListedAloneAndOneIsFoundByItsID(t *testing.T) {
	g := newRig(t)
	for i := range 4 {
		g.addMessage("m_1", i)
	}
	g.addMessage("s_1", 9)
	g.do(call{method: "POST", path: "/v1/messages/read", key: "member", body: `{"ids":["msg-2"]}`}).want(200)
	first := into[messagesAnswer](g.do(call{method: "GET", path: "/v1/messages?unread=true&limit=2", key: "member"}).want(200))
	rest := into[messagesAnswer](g.do(call{method: "GET", path: "/v1/messages?unread=true&limit=2&cursor=" + first.Next, key: "member"}).want(200))
	var got []string
	for _, m := range append(first.Messages, rest.Messages...) {
		got = append(got, m.ID)
	}
	if !slices.Equal(got, []string{"msg-3", "msg-1", "msg-0"}) || first.Unread != 3 {
		t.Errorf("unread messages = %v, unread = %d", got, first.Unread)
	}
	g.do(call{method: "GET", path: "/v1/messages?unread=yes", key: "member"}).want(422)
	if m := into[audit.Message](g.do(call{method: "GET", path: "/v1/messages/msg-2", key: "member"}).want(200)); m.Body != "body 2\nline" || m.ReadAt.IsZero() {
		t.Errorf("message = %+v", m)
	}
	for _, id := range []string{"msg-9", "nothing"} {
		g.do(call{method: "GET", path: "/v1/messages/" + id, key: "member"}).want(404)
	}
}

func TestTheStreamSendsWhatIsNewFromNowOn(t *testing.T) {
	g := newRig(t)
	g.addMessage("m_1", 1)
	s := g.openStream("member", "")
	s.wait(": connected")
	g.addMessage("s_1", 2) // another's
	g.addMessage("m_1", 3)
	if id := s.wait("id: "); id != "id: msg-3" {
		t.Errorf("first event is %s", id)
	}
	var m audit.Message
	must(t, json.Unmarshal([]byte(strings.TrimPrefix(s.wait("data: "), "data: ")), &m))
	if m.Body != "body 3\nline" {
		t.Errorf("message = %+v", m)
	}
	g.addMessage("m_1", 0) // written late, with an older time
	if id := s.wait("id: "); id != "id: msg-0" {
		t.Errorf("second event is %s", id)
	}
	s.wait(": still here")
}

func TestAClientThatComesBackGetsWhatItMissed(t *testing.T) {
	g := newRig(t)
	for i := range 250 {
		g.addMessage("m_1", i)
	}
	s := g.openStream("member", "msg-20")
	for i := 21; i < 250; i++ {
		if got, want := s.wait("id: "), fmt.Sprint("id: msg-", i); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
	unknown := g.openStream("member", "never-sent")
	unknown.wait(": connected")
	g.addMessage("m_1", 300)
	if got := unknown.wait("id: "); got != "id: msg-300" {
		t.Errorf("got %s", got)
	}
}

func TestTheStreamEndsWhenItsKeyIsRevoked(t *testing.T) {
	g := newRig(t)
	s := g.openStream("reader", "")
	s.wait(": connected")
	g.do(call{method: "DELETE", path: "/v1/keys/" + g.keyIDs["reader"], key: "admin"}).want(204)
	s.ends()
}

func TestStreamsAreBoundedAndGivenBack(t *testing.T) {
	g := newRig(t, func(cfg *Config) { cfg.Limits.Streams = 1 })
	s := g.openStream("member", "")
	s.wait(": connected")
	g.do(call{method: "GET", path: "/v1/messages/stream", key: "member"}).want(503)
	s.cancel()
	eventually(t, "the stream's end", func() bool { return g.server.streams.Load() == 0 })
	g.openStream("member", "").wait(": connected")
}

func TestShutdownEndsStreams(t *testing.T) {
	g := newRig(t)
	s := g.openStream("member", "")
	s.wait(": connected")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	must(t, g.server.Shutdown(ctx))
	s.ends()
}
