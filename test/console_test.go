package test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/browser"
	"github.com/audittrail/audittrail/internal/catcher"
)

// TestPeopleReachInTheConsoleWhatTheyCameFor makes each journey through the real program at every width, in both colours, with the mouse and by the
// keyboard alone. The page fails it by itself on an error of a script and on a request that failed.
func TestPeopleReachInTheConsoleWhatTheyCameFor(t *testing.T) {
	browser.Start(t) // one for all of them
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	plugin := pluginDisabled(zone)
	c := newCompany(t, "journeys", append(failedAbroad(), plugin)...)
	for _, journey := range []struct {
		name string
		make func(*testing.T, *visit)
	}{
		{"who disabled a plugin last Tuesday", func(t *testing.T, v *visit) { whoDisabledThePlugin(t, v, plugin, zone) }},
		{"failed logins of a member from outside a country", failedLoginsFromAbroad},
		{"the contacts operations of last month as a file", func(t *testing.T, v *visit) { contactsOfLastMonth(t, v, zone) }},
		{"a mail whenever a key is enabled", mailWheneverAKeyIsEnabled},
		{"that a former employee is no longer there", formerEmployee},
	} {
		t.Run(journey.name, func(t *testing.T) {
			for _, u := range uses() {
				t.Run(u.String(), func(t *testing.T) {
					v := c.visit(t, u)
					journey.make(t, v)
					v.CheckAccess()
				})
			}
		})
	}
}

// pluginDisabled happened last Tuesday.
func pluginDisabled(zone *time.Location) *audit.Event {
	e := happened("open_platform.plugin.disabled")
	e.Time, e.Message = lastTuesday(zone).Add(15*time.Hour).UTC(), "Petra Plugin disabled the plugin Travel expenses"
	e.Actor = audit.Actor{ID: "u_petra", Name: "Petra Plugin", Type: "member"}
	return e
}

func lastTuesday(zone *time.Location) time.Time {
	now := time.Now().In(zone)
	back := (int(now.Weekday()) - int(time.Tuesday) + 7) % 7
	if back == 0 {
		back = 7
	}
	return time.Date(now.Year(), now.Month(), now.Day()-back, 0, 0, 0, 0, zone)
}

func whoDisabledThePlugin(t *testing.T, v *visit, plugin *audit.Event, zone *time.Location) {
	v.list("/operation-logs")
	v.choose(t, "#range", "Open platform")
	v.choose(t, "#type", "Disable plugin")
	v.choose(t, "#when", "From … to …")
	v.fill(t, `input[name="from"]`, lastTuesday(zone))
	v.fill(t, `input[name="to"]`, lastTuesday(zone).AddDate(0, 0, 1))
	v.filter("from")
	if rows := v.texts("#rows a.open"); !strings.Contains(strings.Join(rows, "\n"), plugin.Message) {
		t.Fatalf("listed %q", rows)
	}
	if who := v.texts("#rows .who"); !strings.Contains(strings.Join(who, ", "), "Petra Plugin") {
		t.Errorf("operators shown: %q", who)
	}
}

// failedAbroad are logins of one member from four places, each once in vain.
func failedAbroad() []*audit.Event {
	var all []*audit.Event
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
			all = append(all, e)
		}
	}
	return all
}

func failedLoginsFromAbroad(t *testing.T, v *visit) {
	v.list("/login-history")
	v.write("#q", "nora nomad")
	v.choose(t, "#type", "Failed sign-in")
	v.write(`input[name="notplace"]`, "DE")
	v.filter("notplace")
	v.Wait("both logins", `document.querySelectorAll("#rows tbody tr").length === 2`)
	if places := strings.Join(v.texts("#rows .place"), "; "); places != "Recife, BR; Nairobi, KE" {
		t.Errorf("places %q", places)
	}
}

func contactsOfLastMonth(t *testing.T, v *visit, zone *time.Location) {
	now := time.Now().In(zone)
	first := time.Date(now.Year(), now.Month()-1, 1, 0, 0, 0, 0, zone)
	v.list("/operation-logs")
	v.choose(t, "#range", "Contacts")
	v.choose(t, "#when", "From … to …")
	v.fill(t, `input[name="from"]`, first)
	v.fill(t, `input[name="to"]`, first.AddDate(0, 1, 0))
	v.filter("from")
	expected := 0
	for e := range v.enterprise.Events() {
		if e.Log == audit.LogOperation && e.Range() == "contacts" && !e.Time.Before(first) && e.Time.Before(first.AddDate(0, 1, 0)) {
			expected++
		}
	}
	v.press(`a[href^="/exports/new"]`)
	v.press(`button[data-busy]`)
	v.WaitText("h1", "Ready")
	name, content := v.Download(func() { v.press("a[download]") })
	if rows := csvRows(t, content); len(rows) != expected || !strings.HasSuffix(name, ".csv") {
		t.Errorf("%s has %d rows, %d expected", name, len(rows), expected)
	}
	if sum := sha256.Sum256(content); !strings.Contains(v.Text("main"), hex.EncodeToString(sum[:])[:12]) {
		t.Errorf("the page does not show the checksum %x", sum)
	}
}

func mailWheneverAKeyIsEnabled(t *testing.T, v *visit) {
	v.press(`header.top nav a[href="/messages"]`)
	v.press(`nav.tabs a[href="/messages/settings"]`)
	v.press(`main a[href="/messages/settings/new"]`)
	v.write("#name", "Keys that are enabled")
	v.write("#action-search", "enable key")
	v.tick(`input[value="open_platform.key.enabled"]`)
	var mailed bool
	v.Value(`document.querySelector('input[name="channel"][value="email"]').checked`, &mailed)
	if !mailed {
		v.tick(`input[name="channel"][value="email"]`)
	}
	v.press(`.finish button[value="save"]`)
	v.WaitText(".good", "The reminder is set")
	event := happened("open_platform.key.enabled")
	event.Message = "Ken Key enabled the key Partner portal"
	v.admin(t).mustIngest(t, event)
	v.service.awaitMail(t, 30*time.Second, v.me.Email, func(m catcher.Mail) bool { return strings.Contains(m.Subject+string(m.Raw), "key") })
	v.WaitText("#unread", "1")
}

func formerEmployee(t *testing.T, v *visit) {
	former := v.enterprise.Members[3]
	former.Status = audit.MemberDeactivated
	if stored, err := v.service.records.Member(t.Context(), v.id, former.ID); err != nil {
		t.Fatal(err)
	} else if stored.Included() {
		if _, err := v.service.records.PutMember(t.Context(), former); err != nil {
			t.Fatal(err)
		}
	}
	v.list("/login-history")
	v.write("#who", former.ID)
	v.filter("actor")
	v.Wait("their logins", `document.querySelector("#rows a[data-member]")`)
	v.press("#rows a[data-member]")
	v.WaitText("dialog", audit.NotIncluded)
}
