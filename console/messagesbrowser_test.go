package console

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/browser"
)

// furnish puts into the rig what the Message Center looks like after a while, and returns an id of a reminder.
func (g *rig) furnish(me string) string {
	g.t.Helper()
	other := g.who(audit.RoleMember)
	g.setReminder(me, audit.Reminder{Name: "Everything about contacts, orders and keys that anybody who is responsible for them may want to know of", Paused: true,
		Actions:  []string{"contacts.*", "enterprise.order.*", "open_platform.key.enabled", "open_platform.key.disabled", "login.failed", "enterprise.product.enabled", "enterprise.product.disabled"},
		Channels: []audit.Channel{audit.ChannelInbox, audit.ChannelSMS}, Window: audit.WindowDaily, QuietHours: &audit.QuietHours{Start: "20:00", End: "07:00"}, TimeZone: "Europe/Berlin",
		Recipients: []audit.Recipient{{Member: me}, {Member: other, Unsubscribed: []audit.Channel{audit.ChannelEmail}}}})
	id := g.setReminder(me, audit.Reminder{Name: "Failed sign-ins", Actions: []string{"login.failed"}, Channels: []audit.Channel{audit.ChannelInbox, audit.ChannelEmail}, Window: audit.WindowHourly})
	statuses := []audit.DeliveryStatus{audit.DeliverySent, audit.DeliveryPending, audit.DeliveryFailed, audit.DeliverySkipped}
	for i, status := range statuses {
		d := audit.Delivery{ID: "d" + string(status), Reminder: id, Digest: "g", Channel: audit.ChannelEmail, Member: me, Address: "a***@example.com", Status: status, Attempts: i, Events: 12}
		if status == audit.DeliveryFailed {
			d.Error = "550 5.1.1 the mailbox of this address does not exist, and nobody knows where its mail should go instead"
		}
		g.clock.advance(time.Second)
		g.deliver(d)
	}
	g.tell(digestMessage(me, "many", id))
	g.tell(audit.Message{ID: "read", Member: me, Title: "Your export is ready", Body: "12 rows are ready.", Export: "x", CreatedAt: today.Add(-time.Hour), ReadAt: today})
	g.tell(audit.Message{ID: "rtl", Member: me, Title: "تم تفعيل المفتاح بواسطة أحمد", Body: "حدث", Reminder: id, Count: 1, CreatedAt: today.Add(-2 * time.Hour)})
	g.tell(audit.Message{ID: "long", Member: me, Title: "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft: Einstellungen_der_Schlüsselverwaltung_wurden_geändert", CreatedAt: today.Add(-3 * time.Hour)})
	return id
}

func TestEveryPageOfTheMessageCenterCanBeReadByAll(t *testing.T) {
	t.Parallel()
	browser.Start(t)
	g := newRig(t, 3000)
	me := g.who(audit.RoleCreator)
	id := g.furnish(me)
	g.see(me, map[string]string{"messages": "/messages", "message": "/messages/many", "settings": "/messages/settings", "reminder-new": newPath, "reminder": reminderPath(g.reminders()[0].ID),
		"reminder-delete": reminderPath(id) + "/delete", "deliveries": reminderPath(id) + "/deliveries", "test": reminderPath(id) + "/test/g"})
	g.see(g.who(audit.RoleContactAdmin), map[string]string{"messages-empty": "/messages", "settings-empty": "/messages/settings"})
}

func TestAReminderIsTriedAndMadeByMouse(t *testing.T) {
	t.Parallel()
	browser.Start(t)
	g := newRig(t, 3000)
	me, other := g.who(audit.RoleCreator), g.enterprise.Members[7]
	for _, look := range []browser.Look{{Zone: "Europe/Berlin"}, {Width: 360, Dark: true}} {
		p := g.tab(look, me)
		p.Open(g.base + newPath)
		p.Type("#name", "Sign-ins that fail")
		p.Type("#action-search", "failed sign")
		p.WaitText("#action-count", "1 action")
		shot(p, "reminder-search-"+look.String())
		p.Click(`input[value="login.failed"]`)
		p.Click("#try")
		p.WaitText("#would .figure", "in 30 days")
		var before string
		p.Value(`document.querySelector("#would .figure").innerText`, &before)
		p.CheckAccess()
		shot(p, "reminder-would-"+look.String())
		p.Click(`input[value="daily"]`)
		p.Wait("it is worked out anew", `document.querySelector("#would .figure").innerText !== `+quoted(before))
		p.Type("#find", other.Name)
		p.WaitText("#people-found", other.Name)
		p.CheckAccess()
		shot(p, "reminder-people-"+look.String())
		// What is found changes while somebody types, and the page with it: a click must not land on what has come into its place.
		p.Wait("one is found, and no more is asked", `document.querySelectorAll("#people-found button").length === 1 && !document.querySelector(".htmx-request")`)
		p.Value(`document.querySelector("#people-found button").click() || true`, new(bool))
		p.Wait("the member is told", `document.querySelector('#recipients input[value="`+other.ID+`"]')`)
		p.Click(`.finish button[value="save"]`)
		p.WaitText(".good", "The reminder is set")
		m := g.reminders()[len(g.reminders())-1]
		if m.Name != "Sign-ins that fail" || len(m.Actions) != 1 || m.Window != audit.WindowDaily || len(m.Recipients) != 2 || look.Zone != "" && m.TimeZone != look.Zone {
			t.Errorf("stored %+v", m)
		}
	}
}

func TestAReminderIsMadeByTheKeyboardAlone(t *testing.T) {
	g := newRig(t, 0)
	me, other := g.who(audit.RoleCreator), g.enterprise.Members[7]
	p := g.tab(browser.Look{}, me)
	p.Open(g.base + newPath)
	tabTo(p, "#name")
	p.Press("K")
	tabTo(p, `input[value="open_platform.*"]`)
	p.Press(" ")
	p.Wait("single actions are part of it", `[...document.querySelectorAll("input[value^='open_platform.key']")].every((e) => e.disabled)`)
	tabTo(p, "#find")
	for _, letter := range other.ID {
		p.Press(string(letter))
	}
	p.WaitText("#people-found", other.Name)
	p.Press(kb.ArrowDown)
	p.Press(kb.Enter)
	p.WaitText("#recipients .people", other.Name)
	p.Wait("the focus is back in the search", `document.activeElement.id === "find"`)
	tabTo(p, `.finish button[value="save"]`)
	p.Press(kb.Enter)
	p.WaitText(".good", "The reminder is set")
	if m := g.reminders()[0]; m.Name != "K" || len(m.Recipients) != 2 || m.Actions[0] != "open_platform.*" {
		t.Errorf("stored %+v", m)
	}
}

func TestAWrongFormPutsTheFocusOnWhatIsWrongFirst(t *testing.T) {
	browser.Start(t)
	g := newRig(t, 0)
	p := g.tab(browser.Look{Width: 360}, g.who(audit.RoleCreator))
	p.Expect(422)
	p.Open(g.base + newPath)
	p.Type("#name", "Nothing chosen")
	p.Click(`.finish button[value="save"]`)
	p.Wait("the focus is on the error", `document.activeElement.id === "actions-error"`)
	p.CheckAccess()
	shot(p, "reminder-wrong")
}

func TestATestIsFollowedUntilItIsThrough(t *testing.T) {
	g := newRig(t, 0)
	me := g.who(audit.RoleCreator)
	id := g.setReminder(me, audit.Reminder{Name: "Keys", Actions: []string{"open_platform.*"}})
	p := g.tab(browser.Look{}, me)
	p.Open(g.base + "/messages/settings")
	p.Click(`form[action$="/test"] button`)
	p.WaitText("#test", "on its way")
	g.deliver(audit.Delivery{ID: "d1", Reminder: id, Digest: "digest-1", Channel: audit.ChannelInbox, Member: me, Status: audit.DeliverySent, Attempts: 1, Events: 1, Test: true})
	p.WaitText("#test", "The test is through")
	p.Wait("it is said aloud", `document.getElementById("test-said").textContent.includes("System message: Sent")`)
}

func TestTheBellCountsWhatComesWhileThePageIsOpen(t *testing.T) {
	g := newRig(t, 0)
	me := g.who(audit.RoleMember)
	p := g.tab(browser.Look{}, me)
	p.Open(g.base + "/messages")
	p.Wait("the bell is silent", `document.getElementById("unread").hidden`)
	g.tell(audit.Message{ID: "m1", Member: me, Title: "A key was enabled"})
	p.WaitText("#unread", "1")
	p.Wait("it is said aloud", `document.getElementById("bell-said").textContent === "1 new message"`)
	p.Click("#messages-new a")
	p.WaitText(".message", "A key was enabled")
	for i := range 3 {
		g.tell(audit.Message{ID: fmt.Sprint("more", i), Member: me, Title: "More"})
	}
	p.WaitText("#unread", "4")
	g.tell(audit.Message{ID: "theirs", Member: g.who(audit.RoleCreator), Title: "Not for me"})
	p.Click(".message h2 a")
	p.WaitText("#unread", "3")
}

func TestTheBellIsSilentWhereThereIsNoStream(t *testing.T) {
	g := newRig(t, 0)
	p := g.tab(browser.Look{}, g.who(audit.RoleMember))
	p.SetCookie(g.base, g.server.CookieName(), "ended")
	p.Expect(401)
	p.Open(g.base + "/messages")
	p.Wait("the page is there", `document.readyState === "complete"`)
	if p.Nodes("#notice *") > 0 || p.Nodes(".state") != 1 {
		t.Errorf("the page says %s", p.Text("main"))
	}
}

// tabTo presses Tab until what the selector finds has the focus.
func tabTo(p *browser.Page, selector string) {
	for range 200 {
		var there bool
		p.Value(`document.activeElement === document.querySelector(`+quoted(selector)+`)`, &there)
		if there {
			return
		}
		p.Press(kb.Tab)
	}
	p.Wait(selector+" can be reached by Tab", "false")
}

// quoted writes the text as JavaScript.
func quoted(text string) string {
	literal, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(literal)
}

func TestWhatIsWorkedOutAnewLeavesTheFocusWhereItIs(t *testing.T) {
	g := newRig(t, 3000)
	p := g.tab(browser.Look{}, g.who(audit.RoleCreator))
	p.Open(g.base + newPath)
	p.Value(`document.querySelector('input[value="login.*"]').click() || true`, new(bool))
	p.Click("#try")
	p.Wait("it is worked out, and what is new is alive", `document.querySelector("#would .figure") && !document.querySelector(".htmx-settling, .htmx-added")`)
	var before string
	p.Value(`document.querySelector("#would .figure").innerText`, &before)
	p.Value(`(document.querySelector('input[value="daily"]').click(), document.getElementById("find").focus(), true)`, new(bool))
	p.Wait("it is worked out anew", `document.querySelector("#would .figure").innerText !== `+quoted(before)+` && !document.querySelector(".htmx-settling")`)
	if got := p.Focused(); !strings.HasPrefix(got, "input#find") {
		t.Errorf("the focus is on %s, and was in the search for people", got)
	}
}
