package console

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// rows are the ids of the events that the list shows.
func (a answer) rows() []string {
	var ids []string
	for _, row := range a.doc.Find("#rows tbody tr").EachIter() {
		ids = append(ids, row.AttrOr("data-event", ""))
	}
	return ids
}

func TestEachRoleSeesItsListsAndIsToldAboutTheOthers(t *testing.T) {
	g := newRig(t, 300)
	for _, c := range []struct {
		role audit.Role
		path string
		want int
	}{
		{audit.RoleCreator, "/product-logs", http.StatusOK}, {audit.RoleContactAdmin, "/operation-logs", http.StatusOK}, {audit.RoleContactAdmin, "/product-logs", http.StatusForbidden},
		{audit.RoleMember, "/operation-logs", http.StatusForbidden}, {audit.RoleMember, "/login-history", http.StatusOK},
	} {
		got := g.get(g.who(c.role), c.path)
		if got.StatusCode != c.want {
			t.Errorf("%s at %s: got %d, want %d", c.role, c.path, got.StatusCode, c.want)
		}
		if c.want == http.StatusForbidden && (!strings.Contains(got.words("main"), "ask your system admin") || got.doc.Find(`main li a[href="/login-history"]`).Length() != 1) {
			t.Errorf("%s at %s: %q does not say what to do", c.role, c.path, got.words("main"))
		}
	}
	if got := g.get(g.who(audit.RoleMember), "/login-history"); got.doc.Find("#who").Length() != 0 {
		t.Error("a member can ask for the logins of others")
	}
}

func TestPagesAreTurnedBothWays(t *testing.T) {
	g := newRig(t, 0)
	g.bulk(60*25, "u_many")
	me := g.who(audit.RoleCreator)
	address := "/login-history?actor=u_many"
	var pages [][]string
	var last answer
	for address != "" {
		last = g.get(me, address)
		pages = append(pages, last.rows())
		address = last.doc.Find(".paging [rel=next]").AttrOr("href", "")
	}
	if len(pages) != 30 || last.doc.Find(".paging").Text() == "" {
		t.Fatalf("%d pages", len(pages))
	}
	seen := map[string]bool{}
	for _, page := range pages {
		for _, id := range page {
			seen[id] = true
		}
	}
	if len(seen) != 60*25 {
		t.Errorf("%d events on all pages, want %d", len(seen), 60*25)
	}
	at := len(pages) - 1
	for {
		newer := last.doc.Find(".paging [rel=prev]").AttrOr("href", "")
		if newer == "" {
			break
		}
		last = g.get(me, newer)
		at--
		if fmt.Sprint(last.rows()) != fmt.Sprint(pages[at]) {
			t.Fatalf("newer than page %d is not page %d", at+1, at)
		}
	}
	if at != len(pages)-1-maxBack || !strings.Contains(last.words(".paging"), "Newest") {
		t.Errorf("turned back to page %d, with %q", at, last.words(".paging"))
	}
}

func TestReadingOfTheTrailIsHiddenAndItsChangesAreNot(t *testing.T) {
	g := newRig(t, 0)
	me := g.who(audit.RoleCreator)
	g.startExport(me, "log=operation")
	g.get(me, "/operation-logs")
	got := g.get(me, "/operation-logs")
	if text := got.words("#rows"); !strings.Contains(text, audit.ActionExportRequested) || strings.Contains(text, audit.ActionEventsSearched) {
		t.Errorf("the list says %q", text)
	}
	if !strings.Contains(got.words(".chips"), "Reading of this trail is hidden show") {
		t.Errorf("the chips say %q", got.words(".chips"))
	}
	export, _ := got.doc.Find(`a[href^="/exports/new"]`).Attr("href")
	if at, err := url.Parse(export); err != nil || !strings.Contains(at.Query().Get("q"), "-action:"+audit.ActionEventsSearched) || at.Query().Get("log") != "operation" {
		t.Errorf("the export is of %s", export)
	}
	if text := g.get(me, export).words(".chips"); text != "Without reading of this trail" {
		t.Errorf("before the export its filters are said as %q", text)
	}
	shown := g.get(me, got.doc.Find(".chips .off a").AttrOr("href", ""))
	if text := shown.words("#rows"); !strings.Contains(text, audit.ActionEventsSearched) || !strings.Contains(shown.words(".chips"), "hide") {
		t.Errorf("shown: %q", text)
	}
}

func TestWhatIsWrongInTheAddressIsSaidAndTheFormStays(t *testing.T) {
	g := newRig(t, 300)
	me := g.who(audit.RoleCreator)
	for address, want := range map[string]string{
		"cursor=nonsense": "is not a cursor", "actoor=u_1": "is not a filter of this list", "q=%22open": "has no closing quote", "q=outcome%3Abad": "is not an outcome",
		"ip=300.1.1.1": "is not an IP address", "from=yesterday": "is neither a day", "from=2026-11-10&to=2026-11-01": "must be before to", "action=%3Cb%3E": "is not an action",
		"q=" + strings.Repeat("x", 3000): "at most 2048", "outcome=perhaps": "must be success", "q=a%00b%FF": "UTF-8",
		"when=lately": "must be today, 7d, 30d, 90d or range", "when=lately&from=2026-11-10": "must be today, 7d, 30d, 90d or range",
	} {
		got := g.get(me, "/operation-logs?range=contacts&"+address)
		if got.StatusCode < 400 || got.StatusCode >= 500 {
			t.Errorf("%.40s: got %d", address, got.StatusCode)
		}
		if text := got.words("main"); !strings.Contains(text, want) || !strings.Contains(text, "Begin again") {
			t.Errorf("%.40s: %.300q does not say %q", address, text, want)
		}
		if got.doc.Find(`#range option[value="contacts"][selected]`).Length() != 1 {
			t.Errorf("%.40s: the form has lost the range", address)
		}
	}
}

func TestTimesAreThoseOfTheReader(t *testing.T) {
	g := newRig(t, 0)
	me := g.who(audit.RoleCreator)
	put := func(id string, at time.Time) {
		g.append([]*audit.Event{{ID: id, Time: at, Log: audit.LogLogin, Action: "login.succeeded", Outcome: audit.OutcomeSuccess, Actor: audit.Actor{ID: "u_1"}}})
	}
	tokyo := time.FixedZone("", 9*3600)
	put("before", time.Date(2026, 11, 9, 23, 59, 0, 0, tokyo))
	put("in", time.Date(2026, 11, 10, 0, 0, 0, 0, tokyo))
	put("last", time.Date(2026, 11, 10, 23, 59, 59, 0, tokyo))
	put("after", time.Date(2026, 11, 11, 0, 0, 0, 0, tokyo))
	got := g.get(me, "/login-history?from=2026-11-10&to=2026-11-10", "Cookie", zoneCookie+"=Asia/Tokyo; session="+me)
	if fmt.Sprint(got.rows()) != "[last in]" || !strings.Contains(got.words("#kept"), "Asia/Tokyo") || !strings.Contains(got.words("#kept"), "nothing before 20 May 2026 can be chosen") {
		t.Errorf("rows %v, hint %q", got.rows(), got.words("#kept"))
	}
	if got.doc.Find("input[name=from]").AttrOr("min", "") == "" {
		t.Error("days before the horizon can be chosen")
	}
}

func TestFiltersOfOneNameSurviveTheForm(t *testing.T) {
	g := newRig(t, 300)
	me := g.who(audit.RoleCreator)
	const address = "/operation-logs?action=contacts.member.added&action=contacts.member.deleted&outcome=success"
	got := g.get(me, address)
	if n := got.doc.Find(".chips .remove").Length(); n != 4 { // with that of the reading
		t.Errorf("%d chips, want 4", n)
	}
	again := g.get(me, "/operation-logs?"+got.fill("#filters").Encode())
	if fmt.Sprint(again.rows()) != fmt.Sprint(got.rows()) || len(got.rows()) == 0 {
		t.Errorf("sent again the form gives %d rows, before %d", len(again.rows()), len(got.rows()))
	}
}

// Messages of reminders link to the very millisecond of their events.
func TestTheTimeOfALinkSurvivesTheForm(t *testing.T) {
	g := newRig(t, 0)
	me := g.who(audit.RoleCreator)
	at := time.Date(2026, 11, 10, 8, 15, 30, 539e6, time.UTC)
	for i := range 3 {
		g.append([]*audit.Event{{ID: fmt.Sprint(i), Time: at.Add(time.Duration(i-1) * time.Millisecond), Log: audit.LogLogin, Action: "login.failed",
			Outcome: audit.OutcomeFailure, Actor: audit.Actor{ID: "u_1"}}})
	}
	got := g.get(me, "/login-history?from=2026-11-10T08:15:30.539Z&to=2026-11-10T08:15:30.540Z", "Cookie", zoneCookie+"=Asia/Tokyo; session="+me)
	if chips := got.words(".chips"); !strings.Contains(chips, "From 2026-11-10 17:15:30.539") || !strings.Contains(chips, "To 2026-11-10 17:15:30.540") {
		t.Errorf("the filters are told as %q", chips)
	}
	if step := got.doc.Find("input[name=from]").AttrOr("step", ""); step != "any" {
		t.Errorf("the step is %q: the browser would not send what is between two minutes", step)
	}
	again := g.get(me, "/login-history?"+got.fill("#filters").Encode(), "Cookie", zoneCookie+"=Asia/Tokyo; session="+me)
	if fmt.Sprint(again.rows()) != "[1]" {
		t.Errorf("sent again the form gives %v, before %v", again.rows(), got.rows())
	}
}

func TestNothingFromAnEventRuns(t *testing.T) {
	g := newRig(t, 0)
	g.appendHostile()
	me := g.who(audit.RoleCreator)
	for _, path := range []string{"/operation-logs", "/operation-logs?q=hostile+OR+alert", "/operation-logs?event=hostile-0", "/events/hostile-1", "/events/hostile-5",
		"/operation-logs?q=" + url.QueryEscape(strings.ReplaceAll(hostile, `"`, "")) + "&platform=" + url.QueryEscape(hostile) + "&actor=" + url.QueryEscape(hostile)} {
		got := g.get(me, path)
		if got.StatusCode != http.StatusOK {
			t.Errorf("%s: got %d", path, got.StatusCode)
		}
		if n := got.doc.Find("main script, main img, main svg, main [onerror], main [style], a[href^=javascript]").Length(); n != 0 {
			t.Errorf("%s: %d elements of an event's own", path, n)
		}
	}
	if got := g.get(me, "/events/hostile-0"); !strings.Contains(got.text, "alert(1)") || !strings.Contains(got.words("pre"), "hostile-0") {
		t.Error("the text of the event is not shown")
	}
}

func TestFoundWordsAreMarkedWhereverTheyStand(t *testing.T) {
	g := newRig(t, 0)
	g.append([]*audit.Event{{ID: "e", Time: today.Add(-time.Hour), Log: audit.LogOperation, Action: "contacts.member.updated", Outcome: audit.OutcomeFailure,
		Actor: audit.Actor{ID: "u_1", Name: "Zoë 👩 Müller", Type: "member"}, Message: "👩 Zoë moved Müller", Metadata: map[string]string{"ticket": "OPS-812"}}})
	got := g.get(g.who(audit.RoleCreator), "/operation-logs?q=m%C3%BCller+812")
	if marks := got.words("#rows .what a mark"); marks != "Müller" {
		t.Errorf("in the sentence %q is marked", marks)
	}
	if text := got.words("#rows .elsewhere"); text != "metadata.ticket OPS-812" || got.words("#rows .elsewhere mark") != "812" {
		t.Errorf("elsewhere: %q", text)
	}
	if !strings.Contains(got.words("#rows .what"), "Failed") || !strings.Contains(got.words("#understood"), "the word “müller” and the word “812”") {
		t.Errorf("row %q, understood %q", got.words("#rows .what"), got.words("#understood"))
	}
}

func TestAnEmptyListSaysWhy(t *testing.T) {
	g := newRig(t, 0)
	me := g.who(audit.RoleCreator)
	if got := g.get(me, "/product-logs"); !strings.Contains(got.words(".empty"), "curl") {
		t.Errorf("an empty trail says %q", got.words(".empty"))
	}
	got := g.get(me, "/product-logs?outcome=failure&q=nothing")
	if !strings.Contains(got.words(".empty"), "without Result failed") || got.doc.Find(".empty li a").Length() != 2 {
		t.Errorf("with filters: %q", got.words(".empty"))
	}
}
