package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/audittrail/audittrail/audit"
)

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
