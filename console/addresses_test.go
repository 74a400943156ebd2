package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/audittrail/audittrail/api"
	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/browser"
)

// codeOf is the code that was last sent to an address.
func (g *rig) codeOf(id string) string {
	g.t.Helper()
	secret, err := g.store.Secret(g.t.Context(), api.AddressSecret)
	must(g.t, err)
	a, err := g.store.Address(g.t.Context(), g.enterprise.Organization.ID, id)
	must(g.t, err)
	return audit.CodeOfAddress(secret, g.enterprise.Organization.ID, id, a.Code.ID)
}

// addAddress adds an address by the form, and returns its page and id.
func (g *rig) addAddress(member, address, label string) (path, id string) {
	g.t.Helper()
	path = g.postTo(member, "/messages/addresses", url.Values{"address": {address}, "label": {label}})
	id, _ = strings.CutPrefix(path, "/messages/addresses/")
	return path, id
}

func TestAnAddressIsAddedConfirmedChosenAndDeletedByForms(t *testing.T) {
	g := newRig(t, 0)
	me := g.who(audit.RoleSystemAdmin)
	path, id := g.addAddress(me, " on-call@example.com ", "On call")
	if got := g.get(me, path); !strings.Contains(got.words("main"), "on-call@example.com") || !strings.Contains(got.words("main"), "Waits for its code") || got.doc.Find("#code").Length() != 1 {
		t.Errorf("the page of the address says %s", got.words("main"))
	}
	if got := g.get(me, newPath).doc.Find("input[name=address]").Length(); got != 0 {
		t.Errorf("an address that is not verified can be chosen")
	}
	code := g.codeOf(id)
	wrong := g.post(me, path, url.Values{"code": {"12"}})
	if wrong.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(wrong.words("#code-error"), "is wrong; it can be tried 4 times more") {
		t.Errorf("a wrong code: %d %s", wrong.StatusCode, wrong.words("main"))
	}
	to := g.postTo(me, path, url.Values{"code": {code[:3] + " " + code[3:]}})
	if got := g.get(me, to); !strings.Contains(got.words(".good"), "The address is verified") || !strings.Contains(got.words("#addresses"), "Verified") {
		t.Errorf("%s says %s", to, got.words("main"))
	}

	form := g.get(me, newPath).fill("#reminder-form")
	form.Set("name", "Keys")
	form.Set("action", "open_platform.key.enabled")
	form.Set("address", id)
	form.Set("do", "save")
	g.postTo(me, newPath, form)
	reminder := g.reminders()[0]
	if !slices.Equal(reminder.Addresses, []string{id}) {
		t.Fatalf("the reminder goes to %v", reminder.Addresses)
	}
	g.postTo(me, reminderPath(reminder.ID)+"/pause", url.Values{"paused": {"true"}})
	if got := g.reminders()[0]; !slices.Equal(got.Addresses, []string{id}) {
		t.Errorf("pausing left the addresses %v", got.Addresses)
	}
	if got := g.get(me, "/messages/settings"); !strings.Contains(got.words(".reminder-row"), "and to 1 other address") {
		t.Errorf("the list says %s", got.words(".reminder-row"))
	}
	if got := g.get(me, reminderPath(reminder.ID)).doc.Find("input[name=address][checked]").Length(); got != 1 {
		t.Errorf("%d addresses are ticked", got)
	}
	g.deliver(audit.Delivery{ID: "d", Reminder: reminder.ID, Digest: "g", Channel: audit.ChannelEmail, OtherAddress: id, Address: "o***@example.com", Status: audit.DeliverySent, Attempts: 1, Events: 1})
	if got := g.get(me, reminderPath(reminder.ID)+"/deliveries").words(".deliveries"); !strings.Contains(got, "Email to another address at o***@example.com") {
		t.Errorf("the deliveries say %s", got)
	}
	if got := g.get(me, path+"/delete"); !strings.Contains(got.words("main"), "is taken out of all reminders") {
		t.Errorf("the question is %s", got.words("main"))
	}
	g.postTo(me, path+"/delete", nil)
	if got := g.reminders()[0]; len(got.Addresses) != 0 {
		t.Errorf("after deleting it the reminder goes to %v", got.Addresses)
	}
}

func TestWhatIsWrongWithAnAddressStandsBesideIt(t *testing.T) {
	g := newRig(t, 0) // with mail, and without SMS
	me := g.who(audit.RoleSystemAdmin)
	for address, want := range map[string]string{
		"":                    "is required",
		"nobody":              "is not a mail address",
		"+49 (170) 123-45 67": "sms is not configured on this server",
		"0170 1234567":        "is not a phone number of E.164",
	} {
		got := g.post(me, "/messages/addresses", url.Values{"address": {address}, "label": {"Mine"}})
		if got.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(got.words("#address-error"), want) {
			t.Errorf("%q: %d %s", address, got.StatusCode, got.words("#addresses"))
		}
		if value, _ := got.doc.Find("#address").Attr("value"); value != address {
			t.Errorf("%q is kept as %q", address, value)
		}
	}
	path, _ := g.addAddress(me, "on-call@example.com", "")
	if got := g.post(me, "/messages/addresses", url.Values{"address": {"ON-CALL@example.com"}}); got.StatusCode != http.StatusConflict || !strings.Contains(got.words("#addresses .problem"), "has this address already") {
		t.Errorf("the same once more: %d %s", got.StatusCode, got.words("#addresses"))
	}
	for range audit.AddressCodesPerHour - 1 {
		if to := g.postTo(me, path+"/send", nil); to != path+"?done=sent" {
			t.Errorf("a new code leads to %s", to)
		}
	}
	if got := g.post(me, path+"/send", nil); got.StatusCode != http.StatusTooManyRequests || !strings.Contains(got.words(".problem"), "5 codes were sent to this address within the hour") {
		t.Errorf("one more than may be: %d %s", got.StatusCode, got.words("main"))
	}
	g.clock.advance(audit.AddressCodeLife)
	if got := g.get(me, path); got.doc.Find("#code").Length() != 0 || !strings.Contains(got.words("main"), "Needs a new code") {
		t.Errorf("when the code has expired: %s", got.words("main"))
	}
}

// furnishAddresses makes an address in every state, and a reminder that goes to some; it returns the paths of pages to look at.
func (g *rig) furnishAddresses(me string) map[string]string {
	g.t.Helper()
	verified, id := g.addAddress(me, "security-operations-center.round-the-clock@subsidiary.example.com", "Security operations, around the clock")
	g.postTo(me, verified, url.Values{"code": {g.codeOf(id)}})
	waiting, _ := g.addAddress(me, "on-call@example.com", "On call")
	_, err := g.store.PutAddress(g.t.Context(), audit.OtherAddress{ID: "failed", Organization: g.enterprise.Organization.ID, Kind: audit.AddressPhone, Address: "+491701234567", AddedBy: me,
		CreatedAt: g.clock.Now(), Code: &audit.AddressCode{ID: "c", SentAt: g.clock.Now(), ExpiresAt: g.clock.Now().Add(time.Minute), Status: audit.DeliveryFailed, Error: "21211: the number is not one"}})
	must(g.t, err)
	reminder := g.setReminder(me, audit.Reminder{Name: "Failed sign-ins", Actions: []string{"login.failed"}, Channels: []audit.Channel{audit.ChannelEmail}, Addresses: []string{id}, Unsubscribed: []string{id}})
	return map[string]string{"addresses": "/messages/settings", "address-waiting": waiting, "address-verified": verified, "address-failed": "/messages/addresses/failed",
		"address-delete": waiting + "/delete", "address-choice": reminderPath(reminder)}
}

func TestPagesOfOtherAddressesAreForEverybody(t *testing.T) {
	g := newRig(t, 0)
	me := g.who(audit.RoleSystemAdmin)
	g.see(me, g.furnishAddresses(me))
}

func TestAnAddressIsAddedAndConfirmedByKeyboard(t *testing.T) {
	g := newRig(t, 0)
	me := g.who(audit.RoleSystemAdmin)
	p := g.tab(browser.Look{}, me)
	p.Open(g.base + "/messages/settings")
	p.Type("#address", "on-call@example.com"+kb.Enter)
	p.Wait("the page of the code", `document.querySelector("#code") !== null`)
	if p.Focused() != "input#code" {
		t.Errorf("the focus is on %q", p.Focused())
	}
	all, err := g.store.Addresses(t.Context(), g.enterprise.Organization.ID)
	must(t, err)
	p.Type("#code", g.codeOf(all[0].ID)+kb.Enter)
	p.WaitText(".good", "The address is verified")
}
