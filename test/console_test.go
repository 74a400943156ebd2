package test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/browser"
	"github.com/audittrail/audittrail/internal/catcher"
	"github.com/audittrail/audittrail/internal/sample"
)

// visit is somebody at a desk in front of the console of an enterprise.
type visit struct {
	*browser.Page
	*tenant
	enterprise *sample.Enterprise
	me         audit.Member
}

// journeyEvents are the events of the enterprise: half a year of them.
const journeyEvents = 6000

// newVisit makes an enterprise of that id with half a year of events and signs its creator in, as a person does: by a one-time link.
func newVisit(t *testing.T, id string, more ...*audit.Event) *visit {
	t.Helper()
	b := browser.Start(t)
	s := sharedService(t)
	e := sample.New(sample.Options{Organization: id, Count: journeyEvents, Members: 60})
	ctx := t.Context()
	if _, err := s.records.PutOrganization(ctx, e.Organization); err != nil {
		t.Fatal(err)
	}
	for _, m := range e.Members {
		if _, err := s.records.PutMember(ctx, m); err != nil {
			t.Fatal(err)
		}
	}
	v := &visit{tenant: &tenant{id: id, service: s}, enterprise: e, me: e.Members[0]}
	v.adminKey = v.key(t, v.me.ID, audit.ScopeAdmin)
	batch := more
	for event := range e.Events() {
		if batch = append(batch, event); len(batch) == audit.MaxRequestEvents {
			v.admin(t).mustIngest(t, batch...)
			batch = nil
		}
	}
	if len(batch) > 0 {
		v.admin(t).mustIngest(t, batch...)
	}
	v.Page = b.Page(t, browser.Look{Zone: "Europe/Berlin"})
	v.signIn(t)
	return v
}

// signIn opens a one-time link and presses the button.
func (v *visit) signIn(t *testing.T) {
	t.Helper()
	link, secret := audit.NewLoginLink("link of "+v.id, v.id, v.me.ID, "", time.Now())
	if err := v.service.records.CreateLoginLink(t.Context(), link); err != nil {
		t.Fatal(err)
	}
	v.Open(v.service.url + "/sign-in?link=" + url.QueryEscape(secret))
	v.Click(`main button[type="submit"]`)
	v.WaitText("header.top .name", v.me.Name)
}

// tab goes to one of the lists and waits until it is there.
func (v *visit) tab(path string) {
	v.Click(fmt.Sprintf("nav.tabs a[href=%q]", path))
	v.Wait("the list "+path, fmt.Sprintf(`location.pathname === %q && document.readyState === "complete" && document.querySelector("#filters")`, path))
}

// choose chooses an option of a select by its words, as somebody who types into it.
func (v *visit) choose(t *testing.T, selector, words string) {
	t.Helper()
	var found bool
	v.Value(fmt.Sprintf(`(() => { const s = document.querySelector(%q); const o = [...s.options].find((o) => o.text === %q); if (!o) return false;
	  s.value = o.value; s.dispatchEvent(new Event("change", {bubbles: true})); return true })()`, selector, words), &found)
	if !found {
		t.Fatalf("%s has no option %q", selector, words)
	}
}

// fill puts a time into a field that browsers show in the reader's own order of day and month.
func (v *visit) fill(selector string, at time.Time) {
	v.Value(fmt.Sprintf(`(() => { const e = document.querySelector(%q); e.value = %q; e.dispatchEvent(new Event("change", {bubbles: true})); return true })()`,
		selector, at.Format("2006-01-02T15:04")), new(bool))
}

// filter presses Filter and waits until the list is there again, with the address holding the parameter.
func (v *visit) filter(parameter string) {
	v.Click("#filters .search button")
	v.Wait("the list is filtered by "+parameter, fmt.Sprintf(`new URLSearchParams(location.search).has(%q) && document.querySelector(".chips")`, parameter))
}

// rows are the sentences of the list.
func (v *visit) rows() []string {
	var rows []string
	v.Value(`[...document.querySelectorAll("#rows a.open")].map((a) => a.innerText)`, &rows)
	return rows
}

func berlin(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func TestSomebodyFindsWhoDisabledAPluginLastTuesday(t *testing.T) {
	zone := berlin(t)
	now := time.Now().In(zone)
	back := (int(now.Weekday()) - int(time.Tuesday) + 7) % 7
	if back == 0 {
		back = 7
	}
	tuesday := time.Date(now.Year(), now.Month(), now.Day()-back, 0, 0, 0, 0, zone)
	event := happened("open_platform.plugin.disabled")
	event.Time, event.Message = tuesday.Add(15*time.Hour).UTC(), "Petra Plugin disabled the plugin Travel expenses"
	event.Actor = audit.Actor{ID: "u_petra", Name: "Petra Plugin", Type: "member"}
	v := newVisit(t, "journey-plugin", event)
	v.tab("/operation-logs")
	v.choose(t, "#range", "Open platform")
	v.choose(t, "#type", "Disable plugin")
	v.choose(t, "#when", "From … to …")
	v.fill(`input[name="from"]`, tuesday)
	v.fill(`input[name="to"]`, tuesday.AddDate(0, 0, 1))
	v.filter("from")
	if rows := v.rows(); len(rows) == 0 || !strings.Contains(strings.Join(rows, "\n"), event.Message) {
		t.Fatalf("listed %q", rows)
	}
	var who []string
	v.Value(`[...document.querySelectorAll("#rows .who")].map((e) => e.innerText.trim())`, &who)
	if !strings.Contains(strings.Join(who, ", "), "Petra Plugin") {
		t.Errorf("operators shown: %q", who)
	}
	v.CheckAccess()
}

func TestSomebodyFindsFailedLoginsOfAMemberFromOutsideACountry(t *testing.T) {
	var planted []*audit.Event
	for i, from := range []audit.Location{{Country: "DE", City: "Berlin"}, {Country: "BR", City: "Recife"}, {Country: "DE", City: "Hamburg"}, {Country: "KE", City: "Nairobi"}} {
		for _, action := range []string{"login.failed", "login.succeeded"} {
			e := happened(action)
			e.ID, e.Log, e.Time = fmt.Sprintf("away-%d-%s", i, action), audit.LogLogin, time.Now().UTC().Add(-time.Duration(i+1)*time.Hour)
			e.Actor = audit.Actor{ID: "u_nomad", Name: "Nora Nomad", Type: "member"}
			e.Outcome, e.Source.Location = audit.OutcomeSuccess, from
			e.Message = "Nora Nomad signed in"
			if action == "login.failed" {
				e.Outcome, e.Message = audit.OutcomeFailure, "Nora Nomad could not sign in"
			}
			planted = append(planted, e)
		}
	}
	v := newVisit(t, "journey-abroad", planted...)
	v.tab("/login-history")
	v.Type(`input[name="q"]`, "nora nomad")
	v.choose(t, "#type", "Failed sign-in")
	v.Type(`input[name="notplace"]`, "DE")
	v.Press(kb.Enter)
	v.Wait("the list is filtered", `new URLSearchParams(location.search).has("notplace") && document.querySelectorAll("#rows tbody tr").length === 2`)
	var places []string
	v.Value(`[...document.querySelectorAll("#rows .place")].map((e) => e.innerText.trim())`, &places)
	if strings.Join(places, "; ") != "Recife, BR; Nairobi, KE" {
		t.Errorf("places %q", places)
	}
	v.CheckAccess()
}

func TestSomebodyExportsTheContactsOperationsOfLastMonth(t *testing.T) {
	v := newVisit(t, "journey-export")
	zone := berlin(t)
	now := time.Now().In(zone)
	first := time.Date(now.Year(), now.Month()-1, 1, 0, 0, 0, 0, zone)
	v.choose(t, "#range", "Contacts")
	v.choose(t, "#when", "From … to …")
	v.fill(`input[name="from"]`, first)
	v.fill(`input[name="to"]`, first.AddDate(0, 1, 0))
	v.filter("from")
	expected := 0
	for e := range v.enterprise.Events() {
		if e.Log == audit.LogOperation && e.Range() == "contacts" && !e.Time.Before(first) && e.Time.Before(first.AddDate(0, 1, 0)) {
			expected++
		}
	}
	v.Click(`a[href^="/exports/new"]`)
	v.Click(`button[data-busy]`)
	v.WaitText("h1", "Ready")
	var file struct{ Text, Sum string }
	v.Value(`(async () => { const a = document.querySelector("a[download]"); const b = await (await fetch(a.href)).arrayBuffer();
	  const sum = [...new Uint8Array(await crypto.subtle.digest("SHA-256", b))].map((x) => x.toString(16).padStart(2, "0")).join("");
	  return {Text: new TextDecoder("utf-8", {ignoreBOM: true}).decode(b), Sum: sum} })()`, &file)
	if rows := csvRows(t, []byte(file.Text)); len(rows) != expected {
		t.Errorf("%d rows, %d expected", len(rows), expected)
	}
	if sum := sha256.Sum256([]byte(file.Text)); hex.EncodeToString(sum[:]) != file.Sum {
		t.Error("the file came changed")
	}
	if !strings.Contains(v.Text("main"), file.Sum[:12]) {
		t.Errorf("the page does not show the checksum %s", file.Sum)
	}
}

func TestSomebodyIsToldByMailWheneverAKeyIsEnabled(t *testing.T) {
	v := newVisit(t, "journey-mail")
	v.Click(`header.top nav a[href="/messages"]`)
	v.Click(`nav.tabs a[href="/messages/settings"]`)
	v.Click(`main a[href="/messages/settings/new"]`)
	v.Type("#name", "Keys that are enabled")
	v.Type("#action-search", "enable key")
	v.Click(`input[value="open_platform.key.enabled"]`)
	var mailed bool
	v.Value(`document.querySelector('input[name="channel"][value="email"]').checked`, &mailed)
	if !mailed {
		v.Click(`input[value="email"]`)
	}
	v.Click(`.finish button[value="save"]`)
	v.WaitText(".good", "The reminder is set")
	event := happened("open_platform.key.enabled")
	event.Message = "Ken Key enabled the key Partner portal"
	v.admin(t).mustIngest(t, event)
	v.service.awaitMail(t, 30*time.Second, v.me.Email, func(m catcher.Mail) bool { return strings.Contains(m.Subject+string(m.Raw), "key") })
	v.WaitText("#unread", "1")
}

func TestSomebodySeesThatAFormerEmployeeIsNoLongerThere(t *testing.T) {
	event := happened("contacts.member.updated")
	v := newVisit(t, "journey-former", event)
	former := v.enterprise.Members[3]
	former.Status, former.Version = audit.MemberDeactivated, 1
	if _, err := v.service.records.PutMember(context.WithoutCancel(t.Context()), former); err != nil {
		t.Fatal(err)
	}
	v.Open(v.service.url + "/login-history")
	v.Type(`input[name="actor"], #actor`, former.ID)
	v.Press(kb.Enter)
	v.Wait("their logins", `new URLSearchParams(location.search).has("actor") && document.querySelector("#rows a[data-member]")`)
	v.Click("#rows a[data-member]")
	v.WaitText("dialog, [popover], .card", audit.NotIncluded)
	v.CheckAccess()
}
