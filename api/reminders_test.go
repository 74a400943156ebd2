package api

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

const reminderBody = `{"name":"Failed sign-ins","actions":["login.failed","contacts.*"],"channels":["inbox","email"],"recipients":[{"member":"s_1"},{"member":"a_1"}],` +
	`"window":"10m","quiet_hours":{"start":"22:00","end":"07:00"},"time_zone":"Europe/Berlin"`

func (g *rig) newReminder(key string) reminderView {
	g.t.Helper()
	return into[reminderView](g.do(call{method: "POST", path: "/v1/reminders", key: key, body: reminderBody + "}"}).want(201))
}

func TestAReminderIsMadeReadChangedAndDeleted(t *testing.T) {
	g := newRig(t)
	a := g.do(call{method: "POST", path: "/v1/reminders", key: "admin", body: reminderBody + "}"}).want(201)
	m := into[reminderView](a)
	if m.Version != 1 || m.CreatedBy != "s_1" || m.Warning != "" || a.header.Get("Location") != "/v1/reminders/"+m.ID || !g.jobs.has("changed acme %s", m.ID) {
		t.Errorf("reminder = %+v", m)
	}
	want := []ChannelState{{Channel: "inbox", On: true}, {Channel: "email", Reason: "no SMTP host configured"}}
	if !slices.Equal(m.ChannelStates, want) {
		t.Errorf("channel states = %v", m.ChannelStates)
	}
	path := "/v1/reminders/" + m.ID
	if got := g.do(call{method: "GET", path: path, key: "creator"}).want(200).header.Get("ETag"); got != `"1"` {
		t.Errorf("ETag = %s", got)
	}
	changed := into[reminderView](g.do(call{method: "PUT", path: path, key: "creator", body: reminderBody + `,"paused":true,"version":1}`}).want(200))
	if !changed.Paused || changed.Version != 2 || changed.CreatedBy != "s_1" {
		t.Errorf("changed = %+v", changed)
	}
	g.do(call{method: "PUT", path: path, key: "creator", body: reminderBody + `,"version":1}`}).want(409)
	g.do(call{method: "PUT", path: path, key: "creator", body: reminderBody + `}`, header: map[string]string{"If-Match": `"1"`}}).want(409)
	g.do(call{method: "PUT", path: path, key: "creator", body: reminderBody + `}`}).want(422)
	for _, key := range []string{"other", "contact"} { // the contact admin sees less than this reminder does
		g.do(call{method: "GET", path: path, key: key}).want(404)
		g.do(call{method: "PUT", path: path, key: key, body: reminderBody + `,"version":2}`}).want(404)
		g.do(call{method: "DELETE", path: path, key: key}).want(404)
		g.do(call{method: "POST", path: path + "/test", key: key}).want(404)
		g.do(call{method: "GET", path: path + "/deliveries", key: key}).want(404)
	}
	own := g.newReminder("contact")
	listed := func(key string) (ids []string) {
		for _, m := range into[struct{ Reminders []reminderView }](g.do(call{method: "GET", path: "/v1/reminders", key: key}).want(200)).Reminders {
			ids = append(ids, m.ID)
		}
		slices.Sort(ids)
		return ids
	}
	if got := listed("contact"); !slices.Equal(got, []string{own.ID}) {
		t.Errorf("the contact admin sees %v", got)
	}
	if got := listed("admin"); len(got) != 2 {
		t.Errorf("the admin sees %v", got)
	}
	g.do(call{method: "DELETE", path: path, key: "admin"}).want(204)
	g.do(call{method: "GET", path: path, key: "admin"}).want(404)
	trail := []string{"audit_trail.reminder.created success", "audit_trail.reminder.created success", "audit_trail.reminder.deleted success", "audit_trail.reminder.updated success",
		"audit_trail.reminder.viewed success", "audit_trail.reminders.listed success", "audit_trail.reminders.listed success"}
	if got := g.trail("acme"); !slices.Equal(got, trail) {
		t.Errorf("trail = %v", got)
	}
}

func TestAReminderThatIsWrongIsToldEverything(t *testing.T) {
	g := newRig(t)
	for name, tc := range map[string]struct {
		body   string
		fields []string
	}{
		"nothing in it":     {`{}`, []string{"actions", "channels", "name", "recipients"}},
		"every form wrong":  {`{"name":"x","actions":["Login"],"channels":["fax"],"recipients":[{"member":""}],"window":"1h","quiet_hours":{"start":"25:00","end":"07:00"},"time_zone":"Mars"}`, []string{"actions[0]", "channels[0]", "quiet_hours.start", "recipients[0].member", "time_zone", "window"}},
		"unknown people":    {`{"name":"x","actions":["login.failed"],"channels":["inbox"],"recipients":[{"member":"s_1"},{"member":"gone"},{"member":"o_1"},{"member":"x"}]}`, []string{"recipients[1].member", "recipients[2].member", "recipients[3].member"}},
		"who sees nothing":  {`{"name":"x","actions":["login.failed"],"channels":["inbox"],"recipients":[{"member":"s_1"},{"member":"m_1"}]}`, []string{"recipients[1].member"}},
		"unknown actions":   {`{"name":"x","actions":["login.failed","login.faild","crm.deal.won","crm.*"],"channels":["inbox"],"recipients":[{"member":"s_1"}]}`, []string{"actions[1]"}},
		"wrong types":       {`{"name":1,"actions":"login.failed","channels":["inbox"],"recipients":["s_1"],"paused":"no"}`, []string{"actions", "name", "paused", "recipients[0]"}},
		"read-only fields":  {reminderBody + `,"id":"x","created_by":"c_1"}`, []string{"created_by", "id"}},
		"a version of none": {reminderBody + `,"version":4}`, []string{"version"}},
	} {
		got := g.do(call{method: "POST", path: "/v1/reminders", key: "admin", body: tc.body}).want(422).fields()
		slices.Sort(got)
		if !slices.Equal(got, tc.fields) {
			t.Errorf("%s: fields = %v, want %v", name, got, tc.fields)
		}
	}
	if got := g.trail("acme"); got != nil {
		t.Errorf("trail = %v", got)
	}
}

func TestAChangedReminderIsStoredEvenWhenTheDispatcherCannotBeTold(t *testing.T) {
	g := newRig(t)
	g.jobs.fail(errors.New("temporal is down"))
	m := g.newReminder("admin")
	if m.Warning == "" {
		t.Error("the answer does not warn")
	}
	g.do(call{method: "GET", path: "/v1/reminders/" + m.ID, key: "admin"}).want(200)
	g.do(call{method: "DELETE", path: "/v1/reminders/" + m.ID, key: "admin"}).want(204)
}

func TestAnOrganizationHasABoundedNumberOfReminders(t *testing.T) {
	g := newRig(t)
	for i := range audit.MaxReminders {
		_, err := g.store.PutReminder(t.Context(), audit.Reminder{ID: fmt.Sprint(i), Organization: "acme", CreatedAt: today})
		must(t, err)
	}
	g.do(call{method: "POST", path: "/v1/reminders", key: "admin", body: reminderBody + "}"}).want(409)
}

func TestATestGoesToTheCaller(t *testing.T) {
	g := newRig(t)
	m := g.newReminder("contact")
	got := into[struct {
		Digest, Member string
		URL            string `json:"deliveries_url"`
	}](g.do(call{method: "POST", path: "/v1/reminders/" + m.ID + "/test", key: "admin"}).want(202))
	if got.Digest != "digest-1" || got.Member != "s_1" || got.URL != "https://audit.example.com/v1/reminders/"+m.ID+"/deliveries" || !g.jobs.has("test acme %s s_1", m.ID) {
		t.Errorf("test = %+v, jobs = %v", got, g.jobs.calls)
	}
	g.jobs.fail(audit.Errorf(audit.CodeRefused, "Twilio refused the number"))
	g.do(call{method: "POST", path: "/v1/reminders/" + m.ID + "/test", key: "admin"}).want(502)
}

func TestDeliveriesAreListedPageByPage(t *testing.T) {
	g := newRig(t)
	m := g.newReminder("admin")
	for i := range 3 {
		at := today.Add(time.Duration(i) * time.Second)
		must(t, g.store.SaveDelivery(t.Context(), audit.Delivery{ID: fmt.Sprint("d", i), Organization: "acme", Reminder: m.ID, Digest: "g", Channel: audit.ChannelSMS, Member: "s_1",
			Address: "+49*****123", Status: audit.DeliverySent, Attempts: 1, Events: 3, CreatedAt: at, UpdatedAt: at}))
	}
	var got []string
	for cursor := ""; ; {
		page := into[struct {
			Deliveries []audit.Delivery
			Next       string `json:"next_cursor"`
		}](g.do(call{method: "GET", path: "/v1/reminders/" + m.ID + "/deliveries?limit=2&cursor=" + cursor, key: "admin"}).want(200))
		for _, d := range page.Deliveries {
			got = append(got, d.ID)
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if !slices.Equal(got, []string{"d2", "d1", "d0"}) {
		t.Errorf("deliveries = %v", got)
	}
}

func (g *rig) links() Links {
	g.t.Helper()
	secret, err := g.store.Secret(g.t.Context(), UnsubscribeSecret)
	must(g.t, err)
	return Links{PublicURL: "https://audit.example.com", Secret: secret}
}

func TestAnUnsubscribeLinkAsksFirstAndOneClickIsEnough(t *testing.T) {
	g := newRig(t)
	m := g.newReminder("admin")
	path := strings.TrimPrefix(g.links().Unsubscribe("acme", m.ID, "a_1", audit.ChannelEmail), "https://audit.example.com")
	page := g.do(call{method: "GET", path: path}).want(200)
	if !strings.Contains(string(page.body), `<form method="post">`) || !strings.Contains(page.header.Get("Content-Type"), "text/html") {
		t.Errorf("page = %s", page.body)
	}
	optedOut := func() []audit.Channel {
		stored, err := g.store.Reminder(t.Context(), "acme", m.ID)
		must(t, err)
		return stored.Recipients[1].Unsubscribed
	}
	if got := optedOut(); len(got) != 0 {
		t.Fatalf("looking at the page unsubscribed %v", got)
	}
	click := call{method: "POST", path: path, body: "List-Unsubscribe=One-Click", header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}}
	g.do(click).want(200)
	g.do(click).want(200) // mail programs repeat it
	if got := optedOut(); !slices.Equal(got, []audit.Channel{audit.ChannelEmail}) {
		t.Errorf("unsubscribed = %v", got)
	}
	if got := g.trail("acme"); !slices.Equal(got, []string{"audit_trail.reminder.created success", "audit_trail.reminder.unsubscribed success"}) {
		t.Errorf("trail = %v", got)
	}
	// Who edits the reminder later does not subscribe them again by accident.
	changed := into[reminderView](g.do(call{method: "PUT", path: "/v1/reminders/" + m.ID, key: "admin", body: reminderBody + `,"version":2}`}).want(200))
	if got := changed.Recipients[1].Unsubscribed; !slices.Equal(got, []audit.Channel{audit.ChannelEmail}) {
		t.Errorf("after an edit unsubscribed = %v", got)
	}
	again := strings.Replace(reminderBody, `{"member":"a_1"}`, `{"member":"a_1","unsubscribed":[]}`, 1)
	if changed = into[reminderView](g.do(call{method: "PUT", path: "/v1/reminders/" + m.ID, key: "admin", body: again + `,"version":3}`}).want(200)); len(changed.Recipients[1].Unsubscribed) != 0 {
		t.Errorf("subscribing again on purpose left %v", changed.Recipients[1].Unsubscribed)
	}
	// What is gone already is as good as unsubscribed.
	g.do(call{method: "DELETE", path: "/v1/reminders/" + m.ID, key: "admin"}).want(204)
	g.do(click).want(200)
}

func TestAnAlteredUnsubscribeLinkDoesNothing(t *testing.T) {
	g := newRig(t)
	m := g.newReminder("admin")
	wrong := Links{PublicURL: "", Secret: []byte("another secret")}
	if wrong.Unsubscribe("acme", m.ID, "a_1", audit.ChannelEmail) != "" {
		t.Error("there is a link without a public address")
	}
	token := audit.SignUnsubscribe([]byte("another secret"), "acme", m.ID, "a_1", audit.ChannelEmail)
	for _, path := range []string{"/v1/unsubscribe/" + token, "/v1/unsubscribe/x", "/v1/unsubscribe/%00"} {
		if page := g.do(call{method: "GET", path: path}).want(404); !strings.Contains(page.header.Get("Content-Type"), "text/html") {
			t.Errorf("a person sees %s", page.body)
		}
		g.do(call{method: "POST", path: path}).want(404)
	}
}

func TestTwilioReportsWhatBecameOfAnSMS(t *testing.T) {
	g := newRig(t)
	save := func(id string, channel audit.Channel, provider string) {
		must(t, g.store.SaveDelivery(t.Context(), audit.Delivery{ID: id, Organization: "acme", Reminder: "r", Digest: "g", Channel: channel, Member: "s_1", Status: audit.DeliverySent,
			Provider: provider, CreatedAt: today, UpdatedAt: today}))
	}
	report := func(id, sid, status, code, signature string) *answer {
		path := strings.TrimPrefix(Links{PublicURL: "https://audit.example.com"}.Callback("acme", id), "https://audit.example.com")
		if signature == "" {
			signature = "https://audit.example.com" + path + "|" + sid
		}
		form := url.Values{"MessageSid": {sid}, "MessageStatus": {status}, "ErrorCode": {code}}
		return g.do(call{method: "POST", path: path, body: form.Encode(), header: map[string]string{"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": signature}})
	}
	state := func(id string) string {
		d, err := g.store.Delivery(t.Context(), "acme", id)
		must(t, err)
		return fmt.Sprint(d.Status, " ", d.Error)
	}
	save("sms/1", audit.ChannelSMS, "SM1")
	report("sms/1", "SM1", "delivered", "", "forged").want(403)
	report("sms/1", "SM1", "queued", "", "").want(204)
	report("sms/1", "SM9", "delivered", "", "").want(404) // of another message
	if got := state("sms/1"); got != "sent " {
		t.Errorf("delivery = %q", got)
	}
	report("sms/1", "SM1", "delivered", "", "").want(204)
	report("sms/1", "SM1", "failed", "30003", "").want(204) // late: it stays delivered
	if got := state("sms/1"); got != "delivered " {
		t.Errorf("delivery = %q", got)
	}
	save("sms2", audit.ChannelSMS, "") // the report was faster than the record
	report("sms2", "SM2", "undelivered", "30003", "").want(204)
	if got := state("sms2"); got != "failed Twilio reported undelivered, error 30003" {
		t.Errorf("delivery = %q", got)
	}
	save("mail", audit.ChannelEmail, "SM3")
	report("mail", "SM3", "delivered", "", "").want(404)
	report("nothing", "SM1", "delivered", "", "").want(404)
}

func TestWithoutTwilioThereAreNoCallbacks(t *testing.T) {
	g := newRig(t, func(cfg *Config) { cfg.Twilio = nil })
	g.do(call{method: "POST", path: "/v1/callbacks/twilio/acme/x", body: "MessageSid=1", header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}}).want(404)
}

func TestADigestLinksToItsEventsInTheConsole(t *testing.T) {
	at := time.Date(2026, 11, 20, 8, 15, 30, 123e6, time.UTC)
	event := func(log audit.Log, action string, ago time.Duration) audit.DigestEvent {
		return audit.DigestEvent{ID: action, Time: at.Add(-ago), Log: log, Action: action}
	}
	few := audit.Digest{Count: 3, From: at.Add(-time.Hour), To: at, Events: []audit.DigestEvent{event(audit.LogOperation, "contacts.member.added", 0),
		event(audit.LogOperation, "contacts.member.added", time.Minute), event(audit.LogOperation, "open_platform.key.enabled", time.Hour)}}
	many := few
	many.Count = 5000
	const span = "from=2026-11-20T07%3A15%3A30.123Z&to=2026-11-20T08%3A15%3A30.124Z"
	for name, c := range map[string]struct {
		public string
		digest audit.Digest
		want   string
	}{
		"few events":                      {"https://audit.example.com", few, "https://audit.example.com/operation-logs?action=contacts.member.added&action=open_platform.key.enabled&" + span},
		"more than it tells, of any type": {"https://audit.example.com", many, "https://audit.example.com/operation-logs?" + span},
		"a login":                         {"https://a.example", audit.Digest{Count: 1, From: at, To: at, Events: []audit.DigestEvent{event(audit.LogLogin, "login.failed", 0)}}, "https://a.example/login-history?action=login.failed&from=2026-11-20T08%3A15%3A30.123Z&to=2026-11-20T08%3A15%3A30.124Z"},
		"no address of the server":        {"", few, ""},
		"no events":                       {"https://audit.example.com", audit.Digest{}, ""},
	} {
		if got := (Links{PublicURL: c.public}).Open("acme", c.digest); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}
