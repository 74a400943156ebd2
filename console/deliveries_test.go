package console

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

func TestATestShowsWhatBecomesOfIt(t *testing.T) {
	g := newRig(t, 0)
	me := g.who(audit.RoleCreator)
	id := g.setReminder(me, audit.Reminder{Name: "Keys", Actions: []string{"open_platform.*"}, Channels: []audit.Channel{audit.ChannelInbox, audit.ChannelEmail}})
	to := g.postTo(me, reminderPath(id)+"/test", nil)
	if to != reminderPath(id)+"/test/digest-1" {
		t.Fatalf("it leads to %s", to)
	}
	got := g.get(me, to)
	if poll, _ := got.doc.Find("#test").Attr("hx-trigger"); poll != "every 1s" || !strings.Contains(got.words("#test"), "Email: on its way") {
		t.Errorf("at first: %q, %s", poll, got.words("#test"))
	}
	inbox := audit.Delivery{ID: "d1", Reminder: id, Digest: "digest-1", Channel: audit.ChannelInbox, Member: me, Status: audit.DeliverySent, Attempts: 1, Events: 1, Test: true, Address: "inbox"}
	mail := audit.Delivery{ID: "d2", Reminder: id, Digest: "digest-1", Channel: audit.ChannelEmail, Member: me, Status: audit.DeliveryPending, Attempts: 2, Events: 1, Test: true,
		Error: "connection refused " + hostile}
	g.deliver(audit.Delivery{ID: "d0", Reminder: id, Digest: "another", Channel: audit.ChannelEmail, Member: me, Status: audit.DeliverySent, Events: 7})
	g.deliver(inbox)
	g.deliver(mail)
	got = g.get(me, to)
	if text := got.words("#test"); !strings.Contains(text, "Trying again") || !strings.Contains(text, hostile) || strings.Contains(text, "7 events") || got.doc.Find("#test script").Length() != 0 {
		t.Errorf("then: %s", text)
	}
	g.clock.advance(2 * time.Minute)
	if poll, _ := g.get(me, to).doc.Find("#test").Attr("hx-trigger"); poll != "every 10s" {
		t.Errorf("after a while it looks again %q", poll)
	}
	mail.Status, mail.Error, mail.Address = audit.DeliverySent, "", "a***@example.com"
	g.deliver(mail)
	got = g.get(me, to)
	if _, polls := got.doc.Find("#test").Attr("hx-trigger"); polls || !strings.Contains(got.words("#test"), "The test is through") || !strings.Contains(got.words("#test"), "a***@example.com") {
		t.Errorf("at last: %s", got.words("#test"))
	}
}

func TestDeliveriesArePagedAndSayWhy(t *testing.T) {
	g := newRig(t, 0)
	me := g.who(audit.RoleContactAdmin)
	id := g.setReminder(me, audit.Reminder{Name: "Keys", Actions: []string{"open_platform.*"}, Channels: []audit.Channel{audit.ChannelSMS}})
	if got := g.get(me, reminderPath(id)+"/deliveries"); !strings.Contains(got.words("main"), "Nothing was sent yet") {
		t.Errorf("before: %s", got.words("main"))
	}
	for i := range deliveriesPage + 2 {
		g.clock.advance(time.Second)
		g.deliver(audit.Delivery{ID: fmt.Sprint("d", i), Reminder: id, Digest: "g", Channel: audit.ChannelSMS, Member: me, Address: "+49*****123", Status: audit.DeliveryFailed,
			Attempts: 3, Events: 1234, Error: "Twilio reported undelivered, error 30003"})
	}
	first := g.get(me, reminderPath(id)+"/deliveries")
	row := first.words(".deliveries li:first-child")
	for _, want := range []string{"Failed", "SMS to", "+49*****123", "1 234 events", "tried 3 times", "error 30003"} {
		if !strings.Contains(row, want) {
			t.Errorf("the row does not say %q: %s", want, row)
		}
	}
	next, _ := first.doc.Find("a[rel=next]").Attr("href")
	if n := g.get(me, next).doc.Find(".deliveries li").Length(); n != 2 {
		t.Errorf("%s has %d", next, n)
	}
	if last := g.get(me, "/messages/settings").words(".now"); !strings.Contains(last, "Failed") || !strings.Contains(last, "error 30003") {
		t.Errorf("the list says %s", last)
	}
	other := g.setReminder(g.who(audit.RoleCreator), audit.Reminder{Name: "Theirs", Actions: []string{"login.*"}})
	if got := g.get(me, reminderPath(other)+"/deliveries"); got.StatusCode != http.StatusNotFound {
		t.Errorf("another's: got %d, want 404", got.StatusCode)
	}
}
