package console

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// tell puts a message into the member's Message Center.
func (g *rig) tell(m audit.Message) {
	g.t.Helper()
	m.Organization = g.enterprise.Organization.ID
	if m.CreatedAt.IsZero() {
		m.CreatedAt = g.clock.Now()
	}
	must(g.t, g.store.AddMessage(g.t.Context(), m))
}

// digestMessage is a message of ten of 10,000 events.
func digestMessage(member, id, reminder string) audit.Message {
	m := audit.Message{ID: id, Member: member, Title: "Failed sign-ins: 10,000 events", Body: "10,000 events matched “Failed sign-ins” at Acme Instruments.", Reminder: reminder, Count: 10_000,
		From: today.Add(-2 * time.Hour), To: today.Add(-time.Hour)}
	for i := range audit.DigestExamples {
		m.Events = append(m.Events, audit.DigestEvent{ID: fmt.Sprintf("e/%d", i), Time: today.Add(-time.Hour - time.Duration(i)*time.Minute), Log: audit.LogLogin, Action: "login.failed",
			Outcome: audit.OutcomeFailure, Actor: "Ben Clarke", Summary: "Ben Clarke could not sign in: wrong password", Place: "London, GB", IP: "203.0.113.7"})
	}
	return m
}

func TestAnEmptyMessageCenterSaysWhatArrivesThere(t *testing.T) {
	g := newRig(t, 0)
	admin := g.get(g.who(audit.RoleContactAdmin), "/messages")
	if admin.doc.Find(".state a[href='/messages/settings/new']").Length() != 1 || admin.doc.Find(".tabs a").Length() != 2 {
		t.Errorf("an administrator sees %s", admin.words("main"))
	}
	member := g.get(g.who(audit.RoleMember), "/messages")
	if member.StatusCode != http.StatusOK || member.doc.Find("main a[href^='/messages/settings']").Length() != 0 || !strings.Contains(member.words("main"), "No messages yet") {
		t.Errorf("a member sees %s", member.words("main"))
	}
	for _, path := range []string{"/messages/settings", "/messages/settings/new"} {
		if got := g.get(g.who(audit.RoleMember), path); got.StatusCode != http.StatusForbidden {
			t.Errorf("a member opens %s: got %d, want 403", path, got.StatusCode)
		}
	}
}

func TestOpeningAMessageMarksItAsRead(t *testing.T) {
	g := newRig(t, 0)
	me := g.who(audit.RoleCreator)
	g.tell(audit.Message{ID: "m1", Member: me, Title: "First", Body: "one"})
	g.tell(audit.Message{ID: "m/2", Member: me, Title: "Second", Body: "two\nlines", CreatedAt: today.Add(time.Second)})
	list := g.get(me, "/messages")
	if got := list.words(".message h2"); got != "Unread: SecondUnread: First" || list.words("#unread") != "2 unread" {
		t.Errorf("list = %q, bell = %q", got, list.words("#unread"))
	}
	path, _ := list.doc.Find(".message h2 a").First().Attr("href")
	if got := g.get(me, path); got.words("h1") != "Second" || got.words("#unread") != "1 unread" || got.words(".body") != "two lines" {
		t.Errorf("%s = %q, bell = %q", path, got.words("main"), got.words("#unread"))
	}
	if got := g.get(me, "/messages?unread=true").words(".message h2"); got != "Unread: First" {
		t.Errorf("unread alone = %q", got)
	}
	if got := g.get(g.who(audit.RoleSystemAdmin), path); got.StatusCode != http.StatusNotFound {
		t.Errorf("another opens it: got %d, want 404", got.StatusCode)
	}
}

func TestMessagesAreMarkedAsReadOneByOneAndAllAtOnce(t *testing.T) {
	g := newRig(t, 0)
	me := g.who(audit.RoleMember)
	for i := range messagesPage + 5 {
		g.tell(audit.Message{ID: fmt.Sprint("m", i), Member: me, Title: fmt.Sprint("Message ", i), CreatedAt: today.Add(time.Duration(i) * time.Second)})
	}
	first := g.get(me, "/messages?unread=true")
	next, _ := first.doc.Find("a[rel=next]").Attr("href")
	if to := g.postTo(me, "/messages/read", first.fill(".message:first-child form")); to != "/messages?unread=true" {
		t.Errorf("marking one leads to %s", to)
	}
	second := g.get(me, next)
	if second.doc.Find(".message").Length() != 5 || second.words("#unread") != "29 unread" || second.doc.Find("a[rel=next]").Length() != 0 {
		t.Errorf("%s has %d messages, bell = %q", next, second.doc.Find(".message").Length(), second.words("#unread"))
	}
	if to := g.postTo(me, "/messages/read", second.fill(".bar form")); to != "/messages?unread=true" {
		t.Errorf("marking all leads to %s", to)
	}
	got := g.get(me, "/messages?unread=true")
	if got.doc.Find(".message").Length() != 0 || !strings.Contains(got.words("main"), "Nothing is unread") || got.doc.Find("#unread[hidden]").Length() != 1 {
		t.Errorf("afterwards: %s", got.words("main"))
	}
	if got := g.get(me, "/messages"); got.doc.Find(".message").Length() != messagesPage || got.doc.Find(".message.unread, .message form").Length() != 0 {
		t.Errorf("all of them: %s", got.words("main"))
	}
	if to := g.postTo(me, "/messages/read", url.Values{"all": {"yes"}, "back": {"//evil.example"}}); to != "/messages" {
		t.Errorf("an address elsewhere leads to %s", to)
	}
	if got := g.get(me, "/messages?cursor=nothing"); got.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("a cursor that is none: got %d", got.StatusCode)
	}
}

func TestADigestLeadsToItsEventsAndToTheRestInTheTrail(t *testing.T) {
	g := newRig(t, 0)
	me := g.who(audit.RoleSystemAdmin)
	reminder := g.setReminder(me, audit.Reminder{Name: "Failed sign-ins", Actions: []string{"login.*"}})
	g.tell(digestMessage(me, "m1", reminder))
	got := g.get(me, "/messages/m1")
	if href, _ := got.doc.Find(".happened a").First().Attr("href"); href != "/events/e%2F0" || got.doc.Find(".happened li.failed").Length() != audit.DigestExamples {
		t.Errorf("first event at %q of %s", href, got.words(".happened"))
	}
	address, _ := got.doc.Find(".more a").Attr("href")
	at, err := url.Parse(address)
	must(t, err)
	if q := at.Query(); at.Path != "/login-history" || q.Get("action") != "login.*" || q.Get("from") != "2026-11-20T10:00:00.000Z" || q.Get("to") != "2026-11-20T11:00:00.001Z" {
		t.Errorf("the rest is at %s", address)
	}
	if text := got.words(".more"); !strings.Contains(text, "and 9 990 more") {
		t.Errorf("more: %s", text)
	}
	if href, _ := got.doc.Find(".why a").Attr("href"); href != "/messages/settings/"+reminder {
		t.Errorf("the reminder is at %q", href)
	}
	// Who has not the setting to look at: what the events are goes by what they say themselves.
	contact := g.who(audit.RoleContactAdmin)
	g.tell(digestMessage(contact, "m2", reminder))
	got = g.get(contact, "/messages/m2")
	if address, _ := got.doc.Find(".more a").Attr("href"); !strings.HasPrefix(address, "/login-history?action=login.failed&") || got.doc.Find(".why").Length() != 0 {
		t.Errorf("a contact admin: the rest is at %s; %s", address, got.words("main"))
	}
	// Who has become a member since is not shown what others did.
	member := g.who(audit.RoleMember)
	g.tell(digestMessage(member, "m3", reminder))
	if got = g.get(member, "/messages/m3"); got.doc.Find(".happened li, .more a").Length() != 0 || !strings.Contains(got.words("main"), "Failed sign-ins") {
		t.Errorf("a member: %s", got.words("main"))
	}
}

func TestWordsOfOthersDoNotBecomePartsOfThePage(t *testing.T) {
	g := newRig(t, 0)
	me := g.who(audit.RoleCreator)
	m := digestMessage(me, `"><script>`, "gone")
	m.Title, m.Body, m.Export = hostile, hostile, "../"+hostile
	m.Events = m.Events[:1]
	m.Events[0].Summary, m.Events[0].Actor, m.Events[0].Place, m.Events[0].ID = hostile, hostile, hostile, "../"+hostile
	g.tell(m)
	list := g.get(me, "/messages")
	path, _ := list.doc.Find(".message h2 a").Attr("href")
	one := g.get(me, path)
	for name, page := range map[string]answer{"list": list, "message": one} {
		if page.StatusCode != http.StatusOK || page.doc.Find("main script, main img").Length() != 0 || !strings.Contains(page.words("main"), hostile) {
			t.Errorf("%s: got %d, %s", name, page.StatusCode, page.words("main"))
		}
	}
	for _, link := range one.doc.Find("main a").EachIter() {
		if href, _ := link.Attr("href"); strings.Contains(href, "../") || strings.ContainsAny(href, `"<>`) {
			t.Errorf("a link leads to %q", href)
		}
	}
}

func TestTheBellCountsAlone(t *testing.T) {
	g := newRig(t, 0)
	me := g.who(audit.RoleMember)
	if got := g.get(me, "/messages/unread"); got.doc.Find("#unread[hidden]").Length() != 1 {
		t.Errorf("without messages: %s", got.text)
	}
	g.tell(audit.Message{ID: "m1", Member: me, Title: "First"})
	if got := g.get(me, "/messages/unread"); got.words("#unread") != "1 unread" || strings.Contains(got.text, "<html") {
		t.Errorf("with one: %s", got.text)
	}
}

func TestAMessageOfAnExportLeadsToIt(t *testing.T) {
	g := newRig(t, 0)
	me := g.who(audit.RoleMember)
	g.tell(audit.Message{ID: "m1", Member: me, Title: "Your export is ready", Body: "12 rows are ready.", Export: "x-1"})
	if href, _ := g.get(me, "/messages/m1").doc.Find(".reading a[role=button]").Attr("href"); href != "/exports/x-1" {
		t.Errorf("it leads to %q", href)
	}
}
