package console

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// setReminder stores a reminder of the member's and returns its id. What is left out is told at once by system message to the member.
func (g *rig) setReminder(member string, m audit.Reminder) string {
	g.t.Helper()
	if m.ID == "" {
		m.ID = fmt.Sprint("r", len(m.Name), "-", g.clock.Now().UnixMilli())
	}
	m.Organization, m.CreatedBy, m.CreatedAt, m.UpdatedAt = g.enterprise.Organization.ID, member, g.clock.Now(), g.clock.Now()
	if m.Channels == nil {
		m.Channels = []audit.Channel{audit.ChannelInbox}
	}
	if m.Recipients == nil {
		m.Recipients = []audit.Recipient{{Member: member}}
	}
	if m.Window == "" {
		m.Window = audit.WindowImmediate
	}
	_, err := g.store.PutReminder(g.t.Context(), m)
	must(g.t, err)
	g.clock.advance(time.Second)
	return m.ID
}

func (g *rig) reminders() []audit.Reminder {
	g.t.Helper()
	list, err := g.store.Reminders(g.t.Context(), g.enterprise.Organization.ID)
	must(g.t, err)
	return list
}

// deliver records a delivery of the reminder.
func (g *rig) deliver(d audit.Delivery) {
	g.t.Helper()
	d.Organization, d.CreatedAt, d.UpdatedAt = g.enterprise.Organization.ID, g.clock.Now(), g.clock.Now()
	must(g.t, g.store.SaveDelivery(g.t.Context(), d))
}

const newPath = "/messages/settings/new"

func TestAReminderIsMadeByTheForm(t *testing.T) {
	g := newRig(t, 0)
	me, other := g.who(audit.RoleCreator), g.who(audit.RoleContactAdmin)
	page := g.get(me, newPath+"?action=open_platform.key.enabled", "Cookie", zoneCookie+"=Asia/Tokyo")
	form := page.fill("#reminder-form")
	if got := form["action"]; !slices.Equal(got, []string{"open_platform.key.enabled"}) || form.Get("time_zone") != "Asia/Tokyo" || !slices.Equal(form["recipient"], []string{me}) {
		t.Errorf("the form begins with %v", form)
	}
	form.Set("name", "  Keys ")
	form["channel"] = []string{"inbox", "email"}
	form["recipient"] = []string{me, other}
	form.Set("window", "hourly")
	form.Set("quiet_start", "22:00")
	form.Set("quiet_end", "07:00")
	form.Set("do", "save")
	to := g.postTo(me, newPath, form)
	if got := g.get(me, to); !strings.Contains(got.words(".good"), "The reminder is set") {
		t.Errorf("%s says %s", to, got.words("main"))
	}
	m := g.reminders()[0]
	if m.Name != "Keys" || !slices.Equal(m.Actions, []string{"open_platform.key.enabled"}) || len(m.Channels) != 2 || len(m.Recipients) != 2 || m.Window != audit.WindowHourly ||
		m.QuietHours == nil || m.QuietHours.End != "07:00" || m.TimeZone != "Asia/Tokyo" || m.Paused || m.CreatedBy != me {
		t.Errorf("stored %+v", m)
	}
	row := g.get(me, "/messages/settings").words(".reminder-row")
	for _, want := range []string{"Keys", "Enable key", "Hourly", "quiet from 22:00 to 07:00 in Asia/Tokyo", "System message", "Email", "nothing sent yet"} {
		if !strings.Contains(row, want) {
			t.Errorf("the list does not say %q: %s", want, row)
		}
	}
}

func TestAWholeRangeNeedsNoSingleActions(t *testing.T) {
	g := newRig(t, 0)
	me := g.who(audit.RoleCreator)
	form := g.get(me, newPath).fill("#reminder-form")
	form.Set("name", "Contacts")
	form["action"] = []string{"contacts.member.added", "contacts.*", "login.failed"}
	form.Set("patterns", "enterprise.order.*\n\n enterprise.order.paid contacts.member.*")
	g.postTo(me, newPath, form)
	m := g.reminders()[0]
	if want := []string{"contacts.*", "login.failed", "enterprise.order.*"}; !slices.Equal(m.Actions, want) {
		t.Errorf("stored %v, want %v", m.Actions, want)
	}
	page := g.get(me, reminderPath(m.ID))
	if page.doc.Find("input[value='contacts.*'][checked]").Length() != 1 || page.words("textarea") != "enterprise.order.*" || page.doc.Find("input[value='login.failed'][checked]").Length() != 1 {
		t.Errorf("the form shows %v", page.fill("#reminder-form"))
	}
	if chips := g.get(me, "/messages/settings").words(".chips"); chips != "All of ContactsFailed sign-ineverything below enterprise.order" {
		t.Errorf("the list says %q", chips)
	}
}

func TestWhatIsWrongIsSaidAtItsFieldAndNothingIsLost(t *testing.T) {
	g := newRig(t, 0)
	me := g.who(audit.RoleCreator)
	form := g.get(me, newPath).fill("#reminder-form")
	form.Del("action")
	form["action"] = []string{"login.failed"}
	form.Set("patterns", "contacts.nothing")
	form["recipient"] = []string{me, "nobody-known"}
	form.Set("quiet_start", "22:00")
	form.Set("time_zone", "Mars/Olympus"+hostile)
	got := g.post(me, newPath, form)
	if got.StatusCode != http.StatusUnprocessableEntity || len(g.reminders()) != 0 {
		t.Fatalf("got %d", got.StatusCode)
	}
	for _, field := range []string{"#name-error", "#quiet_end-error", "#time_zone-error"} {
		if got.words(field) == "" {
			t.Errorf("nothing is said at %s", field)
		}
	}
	if focus, _ := got.doc.Find("[autofocus]").Attr("id"); focus != "name" || got.doc.Find("#name[aria-invalid]").Length() != 1 {
		t.Errorf("the focus is on %q", focus)
	}
	if kept := got.fill("#reminder-form"); kept.Get("time_zone") != "Mars/Olympus"+hostile || kept.Get("quiet_start") != "22:00" || kept.Get("patterns") != "contacts.nothing" {
		t.Errorf("kept %v", kept)
	}
	// Once the form is in order, what only the server knows is said, at the very entry.
	form.Set("name", "N")
	form.Set("quiet_end", "06:00")
	form.Set("time_zone", "")
	got = g.post(me, newPath, form)
	if text := got.words("#actions-error"); !strings.Contains(text, "contacts.nothing") {
		t.Errorf("at the actions: %q", text)
	}
	if text := got.words(".people li:last-child .field-error"); !strings.Contains(text, "not an active member") {
		t.Errorf("at the recipient: %q", text)
	}
	if links := got.doc.Find("#mistakes a"); links.Length() != 2 {
		t.Errorf("at the top: %s", got.words("#mistakes"))
	}
	for _, link := range got.doc.Find("#mistakes a").EachIter() {
		if at, _ := link.Attr("href"); got.doc.Find(at).Length() != 1 {
			t.Errorf("%s leads nowhere", at)
		}
	}
}

func TestRecipientsAreFoundAddedAndRemovedWithoutScripts(t *testing.T) {
	g := newRig(t, 0)
	me := g.who(audit.RoleContactAdmin)
	other := g.enterprise.Members[0]
	form := g.get(me, newPath).fill("#reminder-form")
	form.Set("name", "Kept")
	form.Set("find", other.Name)
	form.Set("do", "save") // pressing Enter in the field does that
	found := g.post(me, newPath, form)
	add, ok := found.doc.Find(".found button").First().Attr("value")
	if found.StatusCode != http.StatusOK || !ok || add != "add:"+other.ID || len(g.reminders()) != 0 {
		t.Fatalf("got %d, %q in %s", found.StatusCode, add, found.words("#people-found"))
	}
	form = found.fill("#reminder-form")
	form.Set("do", add)
	added := g.post(me, newPath, form)
	if got := added.fill("#reminder-form"); !slices.Equal(got["recipient"], []string{me, other.ID}) || got.Get("name") != "Kept" || got.Get("find") != "" {
		t.Errorf("added: %v", got)
	}
	if !strings.Contains(added.words(".people"), other.Name) {
		t.Errorf("the list says %s", added.words(".people"))
	}
	form = added.fill("#reminder-form")
	form.Set("do", "remove:"+me)
	if got := g.post(me, newPath, form).fill("#reminder-form"); !slices.Equal(got["recipient"], []string{other.ID}) {
		t.Errorf("removed: %v", got)
	}
	form.Set("do", "find")
	form.Set("find", "no such person "+hostile)
	if got := g.post(me, newPath, form); !strings.Contains(got.words("#people-found"), hostile) || got.doc.Find("main script, main img").Length() != 0 {
		t.Errorf("nobody found: %s", got.words("#people-found"))
	}
}

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

func TestSomebodyElsesChangeIsNotReplacedUnseen(t *testing.T) {
	g := newRig(t, 0)
	me := g.who(audit.RoleCreator)
	id := g.setReminder(me, audit.Reminder{Name: "Keys", Actions: []string{"open_platform.*"}})
	form := g.get(me, reminderPath(id)).fill("#reminder-form")
	theirs := g.reminders()[0]
	theirs.Name, theirs.Window = "Theirs", audit.WindowDaily
	_, err := g.store.PutReminder(t.Context(), theirs)
	must(t, err)
	form.Set("name", "Mine")
	got := g.post(me, reminderPath(id), form)
	if text := got.words("#raced"); got.StatusCode != http.StatusConflict || !strings.Contains(text, "name, when it is sent") || g.reminders()[0].Name != "Theirs" {
		t.Errorf("got %d: %s", got.StatusCode, text)
	}
	kept := got.fill("#reminder-form")
	if kept.Get("name") != "Mine" {
		t.Errorf("kept %v", kept)
	}
	g.postTo(me, reminderPath(id), kept)
	if m := g.reminders()[0]; m.Name != "Mine" || m.Window != audit.WindowImmediate {
		t.Errorf("stored %+v", m)
	}
}

func TestAReminderIsTriedOnThePastBeforeItIsSaved(t *testing.T) {
	g := newRig(t, 0)
	me := g.who(audit.RoleCreator)
	var events []*audit.Event
	for i, day := range []int{1, 1, 1, 5, 29} {
		events = append(events, &audit.Event{ID: fmt.Sprint("k", i), Time: today.AddDate(0, 0, -day).Add(time.Duration(i) * time.Hour / 2), Log: audit.LogOperation, Action: "open_platform.key.enabled",
			Outcome: audit.OutcomeSuccess, Actor: audit.Actor{ID: me, Name: "Ann", Type: "member"}, Targets: []audit.Target{{Type: "key", ID: "k_1", Name: hostile}}})
	}
	g.append(events)
	form := g.get(me, newPath+"?action=open_platform.key.enabled").fill("#reminder-form")
	form.Set("do", "try")
	got := g.post(me, newPath, form)
	if text := got.words("#would .figure"); got.StatusCode != http.StatusOK || text != "5 messages in 30 days" {
		t.Errorf("got %d: %s", got.StatusCode, got.words("#would"))
	}
	if bars := got.doc.Find("#would rect").Length(); bars != 3 {
		t.Errorf("%d days have a bar, want 3", bars)
	}
	if label, _ := got.doc.Find("#would svg").Attr("aria-label"); !strings.Contains(label, "5 in 30 days, most on 2026-11-19 with 3") {
		t.Errorf("the picture says %q", label)
	}
	if rows := got.doc.Find("#would tbody tr").Length(); rows != 30 {
		t.Errorf("the table has %d days", rows)
	}
	first := got.doc.Find("#would .examples a").First()
	if href, _ := first.Attr("href"); href != "/events/k2" || first.Text() != "Ann: Enable key "+hostile || got.doc.Find("main script, main img").Length() != 0 {
		t.Errorf("the first example is %q at %q", first.Text(), href)
	}
	form.Set("window", "daily")
	if text := g.post(me, newPath, form).words("#would .figure"); text != "3 messages in 30 days" {
		t.Errorf("daily: %s", text)
	}
	form["action"] = []string{"open_platform.plugin.imported"}
	if text := g.post(me, newPath, form).words("#would"); !strings.Contains(text, "Nothing would have been sent") {
		t.Errorf("of what never happened: %s", text)
	}
	form.Del("action")
	if got := g.post(me, newPath, form); got.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(got.words("#would"), "at least one action") {
		t.Errorf("of nothing: got %d, %s", got.StatusCode, got.words("#would"))
	}
	form.Set("do", "save")
	if got := g.post(me, newPath, form); got.doc.Find("#would .problem").Length() != 0 || got.words("#mistakes strong") != "It is not saved: something is not right yet." {
		t.Errorf("saving nothing: %s; %s", got.words("#mistakes"), got.words("#would"))
	}
	if len(g.reminders()) != 0 {
		t.Error("trying saved it")
	}
}

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

func FuzzAnyFormOfAReminderIsRead(f *testing.F) {
	f.Add("action=contacts.*&action=contacts.member.added&patterns=a.*%0Ab&version=x&recipient=&recipient=u")
	f.Add("action=*&action=.*&action=a..*")
	f.Fuzz(func(t *testing.T, body string) {
		form, err := url.ParseQuery(body)
		if err != nil {
			return
		}
		got := formFrom(form)
		for i, a := range got.Actions {
			for j, b := range got.Actions {
				if i != j && (a == b || covers(a, b)) {
					t.Fatalf("%q is said by %q already, in %q", b, a, got.Actions)
				}
			}
		}
		_ = got.body()
		_ = got.differences(reminderForm{})
	})
}
