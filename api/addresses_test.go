package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// addAddress adds a phone number.
func (g *rig) addAddress(key, number string) addressView {
	g.t.Helper()
	return into[addressView](g.do(call{method: "POST", path: "/v1/addresses", key: key, body: fmt.Sprintf(`{"kind":"phone","address":%q,"label":"On call"}`, number)}).want(201))
}

// codeOf is the code that was last sent to an address.
func (g *rig) codeOf(id string) string {
	g.t.Helper()
	secret, err := g.store.Secret(g.t.Context(), AddressSecret)
	must(g.t, err)
	a, err := g.store.Address(g.t.Context(), "acme", id)
	must(g.t, err)
	return audit.CodeOfAddress(secret, "acme", id, a.Code.ID)
}

// enterCode enters a code.
func (g *rig) enterCode(key, id, code string) *answer {
	g.t.Helper()
	return g.do(call{method: "POST", path: "/v1/addresses/" + id + "/verify", key: key, body: fmt.Sprintf(`{"code":%q}`, code)})
}

// verified adds a phone number and enters its code.
func (g *rig) verified(key, number string) string {
	g.t.Helper()
	id := g.addAddress(key, number).ID
	g.enterCode(key, id, g.codeOf(id)).want(200)
	return id
}

// withAddresses is a reminder to other addresses too.
func withAddresses(ids ...string) string {
	return reminderBody + fmt.Sprintf(`,"addresses":["%s"]`, strings.Join(ids, `","`))
}

func TestAnAddressIsVerifiedByTheCodeThatWasSentToIt(t *testing.T) {
	g := newRig(t)
	a := g.addAddress("contact", "+491701234567")
	if a.Verified || a.AddedBy != "a_1" || a.Code == nil || a.Code.Status != audit.DeliveryPending || a.Code.TriesLeft != 5 || !a.Code.ExpiresAt.Equal(today.Add(30*time.Minute)) {
		t.Errorf("the new address is %+v", a)
	}
	stored, err := g.store.Address(t.Context(), "acme", a.ID)
	must(t, err)
	if !g.jobs.has("code acme %s %s", a.ID, stored.Code.ID) {
		t.Errorf("jobs = %v", g.jobs.calls)
	}
	code := g.codeOf(a.ID)
	g.do(call{method: "POST", path: "/v1/reminders", key: "contact", body: withAddresses(a.ID) + "}"}).want(422)
	if got := into[addressView](g.enterCode("contact", a.ID, code).want(200)); !got.Verified || got.Code != nil {
		t.Errorf("the verified address is %+v", got)
	}
	g.enterCode("contact", a.ID, code).want(409)
	g.do(call{method: "POST", path: "/v1/addresses/" + a.ID + "/send", key: "contact"}).want(409)
	m := into[reminderView](g.do(call{method: "POST", path: "/v1/reminders", key: "contact", body: withAddresses(a.ID) + "}"}).want(201))
	if !slices.Equal(m.Addresses, []string{a.ID}) {
		t.Errorf("the reminder goes to %v", m.Addresses)
	}
	list := g.do(call{method: "GET", path: "/v1/addresses", key: "contact"}).want(200)
	for _, secret := range []string{code, stored.Code.ID, "codes_at", "hash"} {
		if strings.Contains(string(list.body), secret) {
			t.Errorf("the list tells %q", secret)
		}
	}
	if strings.Contains(g.log.String(), "1701234567") {
		t.Error("the log has the address")
	}
	page, err := g.index.Search(t.Context(), "acme", audit.Search{Limit: audit.MaxScan})
	must(t, err)
	for _, e := range page.Events {
		if strings.Contains(fmt.Sprint(e), "1701234567") || strings.Contains(fmt.Sprint(e), code) {
			t.Errorf("the trail tells the address or its code: %+v", e)
		}
	}
}

func TestWrongCodesRunOutAndAreOnRecord(t *testing.T) {
	g := newRig(t)
	id := g.addAddress("admin", "+491701234567").ID
	right := g.codeOf(id)
	wrong := "000000"
	if right == wrong {
		wrong = "000001"
	}
	for range audit.AddressCodeTries {
		if got := g.enterCode("admin", id, wrong).want(422).fields(); !slices.Equal(got, []string{"code"}) {
			t.Errorf("fields = %v", got)
		}
	}
	g.enterCode("admin", id, right).want(422)
	if n := len(slices.DeleteFunc(g.trail("acme"), func(a string) bool { return a != audit.ActionAddressVerified+" failure" })); n != audit.AddressCodeTries+1 {
		t.Errorf("%d wrong codes are on record", n)
	}
	g.do(call{method: "POST", path: "/v1/addresses/" + id + "/send", key: "admin"}).want(202)
	g.enterCode("admin", id, right).want(422)
	g.enterCode("admin", id, g.codeOf(id)).want(200)
}

func TestACodeIsGoodForHalfAnHour(t *testing.T) {
	g := newRig(t)
	id := g.addAddress("admin", "+491701234567").ID
	code := g.codeOf(id)
	g.clock.Advance(30 * time.Minute)
	if a := g.enterCode("admin", id, code).want(422); !strings.Contains(string(a.body), "has expired") {
		t.Errorf("answer = %s", a.body)
	}
}

func TestNoMoreCodesGoToAnAddressThanMayBe(t *testing.T) {
	g := newRig(t)
	id := g.addAddress("admin", "+491701234567").ID
	for range audit.AddressCodesPerHour - 1 {
		g.do(call{method: "POST", path: "/v1/addresses/" + id + "/send", key: "admin"}).want(202)
	}
	if a := g.do(call{method: "POST", path: "/v1/addresses/" + id + "/send", key: "admin"}).want(429); a.header.Get("Retry-After") != "3600" {
		t.Errorf("Retry-After = %s", a.header.Get("Retry-After"))
	}
	g.do(call{method: "DELETE", path: "/v1/addresses/" + id, key: "admin"}).want(204)
	again := call{method: "POST", path: "/v1/addresses", key: "creator", body: `{"kind":"phone","address":"+491701234567"}`}
	g.do(again).want(429)
	g.clock.Advance(time.Hour)
	if got := into[addressView](g.do(again).want(201)); got.ID != id || got.AddedBy != "c_1" || got.Label != "" {
		t.Errorf("added again it is %+v", got)
	}
	g.do(again).want(409)
	// What is left of one that was deleted long ago goes when somebody adds another.
	g.do(call{method: "DELETE", path: "/v1/addresses/" + id, key: "creator"}).want(204)
	g.clock.Advance(2 * time.Hour)
	g.addAddress("admin", "+491701234568")
	if _, err := g.store.Address(t.Context(), "acme", id); audit.CodeOf(err) != audit.CodeNotFound {
		t.Errorf("what is left of it: %v", err)
	}
}

func TestAddressesThatCannotBeReachedAreRefused(t *testing.T) {
	g := newRig(t) // without a mail server
	for body, field := range map[string]string{
		`{"kind":"email","address":"on-call@example.com"}`: "kind",
		`{"kind":"fax","address":"+491701234567"}`:         "kind",
		`{"kind":"phone","address":"0170"}`:                "address",
		`{"kind":"phone","address":""}`:                    "address",
	} {
		if got := g.do(call{method: "POST", path: "/v1/addresses", key: "admin", body: body}).want(422).fields(); !slices.Equal(got, []string{field}) {
			t.Errorf("%s: fields = %v", body, got)
		}
	}
	if got := g.trail("acme"); got != nil {
		t.Errorf("trail = %v", got)
	}
}

func TestACodeThatCannotBeginToBeSentSaysSo(t *testing.T) {
	g := newRig(t)
	g.jobs.fail(audit.Unavailable(nil, time.Second, "down"))
	a := g.addAddress("admin", "+491701234567")
	if a.Code.Status != audit.DeliveryFailed || a.Code.Error == "" || a.Warning == "" {
		t.Errorf("the address is %+v", a)
	}
	g.jobs.fail(nil)
	g.do(call{method: "POST", path: "/v1/addresses/" + a.ID + "/send", key: "admin"}).want(202)
}

func TestARemindersAddressesAreVerifiedAndTheCallersOwn(t *testing.T) {
	g := newRig(t)
	own, others := g.verified("contact", "+491701234561"), g.verified("admin", "+491701234562")
	unverified := g.addAddress("contact", "+491701234563").ID
	deleted := g.verified("contact", "+491701234564")
	g.do(call{method: "DELETE", path: "/v1/addresses/" + deleted, key: "contact"}).want(204)
	foreign := audit.OtherAddress{ID: "foreign", Organization: "other", Kind: audit.AddressPhone, Address: "+491701234565", AddedBy: "o_1", CreatedAt: today, VerifiedAt: today}
	_, err := g.store.PutAddress(t.Context(), foreign)
	must(t, err)
	for name, id := range map[string]string{"unverified": unverified, "deleted": deleted, "foreign": "foreign", "missing": "nothing", "a colleague's": others} {
		if got := g.do(call{method: "POST", path: "/v1/reminders", key: "contact", body: withAddresses(own, id) + "}"}).want(422).fields(); !slices.Equal(got, []string{"addresses[1]"}) {
			t.Errorf("%s: fields = %v", name, got)
		}
	}
	m := into[reminderView](g.do(call{method: "POST", path: "/v1/reminders", key: "contact", body: withAddresses(own) + "}"}).want(201))
	// An administrator adds their own, and the contact admin can still edit the reminder.
	g.do(call{method: "PUT", path: "/v1/reminders/" + m.ID, key: "admin", body: withAddresses(own, others) + `,"version":1}`}).want(200)
	g.do(call{method: "PUT", path: "/v1/reminders/" + m.ID, key: "contact", body: withAddresses(own, others) + `,"version":2}`}).want(200)
	// What is deleted leaves the reminders.
	g.do(call{method: "DELETE", path: "/v1/addresses/" + others, key: "admin"}).want(204)
	got := into[reminderView](g.do(call{method: "GET", path: "/v1/reminders/" + m.ID, key: "contact"}).want(200))
	if !slices.Equal(got.Addresses, []string{own}) {
		t.Errorf("the reminder goes to %v", got.Addresses)
	}
}

func TestAnAddressUnsubscribesByItsLink(t *testing.T) {
	g := newRig(t)
	id := g.verified("admin", "+491701234567")
	m := into[reminderView](g.do(call{method: "POST", path: "/v1/reminders", key: "admin", body: withAddresses(id) + "}"}).want(201))
	path := strings.TrimPrefix(g.links().UnsubscribeAddress("acme", m.ID, id, audit.ChannelSMS), "https://audit.example.com")
	g.do(call{method: "GET", path: path}).want(200)
	click := call{method: "POST", path: path, body: "List-Unsubscribe=One-Click", header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}}
	g.do(click).want(200)
	g.do(click).want(200)
	get := func() reminderView {
		return into[reminderView](g.do(call{method: "GET", path: "/v1/reminders/" + m.ID, key: "admin"}).want(200))
	}
	if got := get(); !slices.Equal(got.Unsubscribed, []string{id}) || !slices.Equal(got.Addresses, []string{id}) {
		t.Errorf("the reminder is %+v", got.Reminder)
	}
	if n := len(slices.DeleteFunc(g.trail("acme"), func(a string) bool { return a != audit.ActionReminderUnsubscribed+" success" })); n != 1 {
		t.Errorf("%d times on record", n)
	}
	// Who edits the reminder does not subscribe it again by accident; taking it out and adding it is no accident.
	put := func(body string, version int) {
		t.Helper()
		g.do(call{method: "PUT", path: "/v1/reminders/" + m.ID, key: "admin", body: body + fmt.Sprintf(`,"version":%d}`, version)}).want(200)
	}
	put(withAddresses(id), 2)
	if got := get(); !slices.Equal(got.Unsubscribed, []string{id}) {
		t.Errorf("after an edit unsubscribed = %v", got.Unsubscribed)
	}
	put(reminderBody, 3)
	put(withAddresses(id), 4)
	if got := get(); len(got.Unsubscribed) != 0 {
		t.Errorf("added again unsubscribed = %v", got.Unsubscribed)
	}
}

func TestWhatADeletedMemberAddedIsDeleted(t *testing.T) {
	g := newRig(t)
	id := g.verified("contact", "+491701234567")
	m := into[reminderView](g.do(call{method: "POST", path: "/v1/reminders", key: "admin", body: withAddresses(id) + "}"}).want(201))
	g.do(call{method: "PUT", path: "/v1/members/a_1", key: "admin", body: `{"name":"x","role":"contact_admin","status":"deleted","version":1}`}).want(200)
	a, err := g.store.Address(t.Context(), "acme", id)
	must(t, err)
	got, err := g.store.Reminder(t.Context(), "acme", m.ID)
	must(t, err)
	if !a.Deleted() || len(got.Addresses) != 0 {
		t.Errorf("the address is %+v, and the reminder goes to %v", a, got.Addresses)
	}
}
