package console

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/audittrail/audittrail/audit"
)

func TestAChannelThatIsNotConfiguredIsShownAsOffWithItsReason(t *testing.T) {
	g := newRig(t, 0)
	me := g.who(audit.RoleCreator)
	page := g.get(me, newPath)
	if page.doc.Find("input[value=sms][disabled]").Length() != 1 || !strings.Contains(page.words("#channels"), "no Twilio account configured") {
		t.Errorf("the form says %s", page.words("#channels"))
	}
	id := g.setReminder(me, audit.Reminder{Name: "Old", Actions: []string{"login.failed"}, Channels: []audit.Channel{audit.ChannelSMS}})
	if page := g.get(me, reminderPath(id)); page.doc.Find("input[value=sms][checked]:not([disabled])").Length() != 1 {
		t.Error("a channel that was switched off cannot be taken out")
	}
	if row := g.get(me, "/messages/settings").words(".reminder-row .by"); row != "SMS off no Twilio account configured" {
		t.Errorf("the list says %q", row)
	}
}

func TestPausingResumingAndDeleting(t *testing.T) {
	g := newRig(t, 0)
	me := g.who(audit.RoleCreator)
	quiet := &audit.QuietHours{Start: "20:00", End: "06:00"}
	id := g.setReminder(me, audit.Reminder{Name: "Keys", Actions: []string{"open_platform.*"}, QuietHours: quiet, TimeZone: "Europe/Berlin",
		Recipients: []audit.Recipient{{Member: me, Unsubscribed: []audit.Channel{audit.ChannelEmail}}}})
	to := g.postTo(me, reminderPath(id)+"/pause", g.get(me, "/messages/settings").fill("form[action$=pause]"))
	if got := g.get(me, to); !strings.Contains(got.words(".good"), "paused") || got.words(".reminder-row h2 .status") != "Paused" {
		t.Errorf("%s says %s", to, got.words("main"))
	}
	m := g.reminders()[0]
	if !m.Paused || m.QuietHours == nil || *m.QuietHours != *quiet || m.TimeZone != "Europe/Berlin" || len(m.Recipients[0].Unsubscribed) != 1 {
		t.Errorf("pausing made it %+v", m)
	}
	g.postTo(me, reminderPath(id)+"/pause", g.get(me, "/messages/settings").fill("form[action$=pause]"))
	if g.reminders()[0].Paused {
		t.Error("it is still paused")
	}
	ask := g.get(me, reminderPath(id)+"/delete")
	if !strings.Contains(ask.words("main"), "cannot be undone") || len(g.reminders()) != 1 {
		t.Errorf("the question is %s", ask.words("main"))
	}
	g.postTo(me, reminderPath(id)+"/delete", ask.fill("main form"))
	if len(g.reminders()) != 0 {
		t.Error("it is still there")
	}
	for _, path := range []string{"", "/delete", "/deliveries", "/test/x"} {
		if got := g.get(me, reminderPath(id)+path); got.StatusCode != http.StatusNotFound {
			t.Errorf("%s of a deleted one: got %d, want 404", path, got.StatusCode)
		}
	}
}

func TestManyRemindersAreSpreadOverPages(t *testing.T) {
	g := newRig(t, 0)
	me := g.who(audit.RoleCreator)
	for i := range remindersPage + 2 {
		g.setReminder(me, audit.Reminder{ID: fmt.Sprint("r", i), Name: fmt.Sprint("Number ", i), Actions: []string{"login.failed"}})
	}
	first := g.get(me, "/messages/settings")
	next, _ := first.doc.Find("a[rel=next]").Attr("href")
	if first.doc.Find(".reminder-row").Length() != remindersPage || g.get(me, next).doc.Find(".reminder-row").Length() != 2 {
		t.Errorf("%s after %s", next, first.words(".reminder-row h2"))
	}
	if got := g.get(me, "/messages/settings?page=99"); got.doc.Find(".reminder-row").Length() != remindersPage {
		t.Errorf("a page that is not there: %s", got.words("main"))
	}
}
