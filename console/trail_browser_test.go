package console

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/browser"
)

// hostileTexts are what producers may send and no page may run, break at, or be widened by.
var hostileTexts = []string{hostile, strings.Repeat("wordwithoutend", 700), "\u202Egnp.exe \u2066hidden\u2069 مرحبا بالعالم", "tab\tand\nline \u200B\uFEFF zero width",
	"javascript:alert(1)", "{{template \"x\"}} ${1} </title></textarea><svg onload=alert(1)>"}

// appendHostile stores an event for each text, which stands in every field of it: hostile-0 is the newest.
func (g *rig) appendHostile() {
	g.t.Helper()
	var batch []*audit.Event
	for i, text := range hostileTexts {
		short := text[:min(len(text), 200)]
		e := &audit.Event{ID: "hostile-" + string(rune('0'+i)), Time: today.Add(-time.Duration(i+1) * time.Minute), Log: audit.LogOperation, Action: "contacts.member.updated",
			Outcome: audit.OutcomeFailure, Product: short, Actor: audit.Actor{ID: "u_hostile", Name: short, Type: "member"},
			Targets: []audit.Target{{Type: short, ID: short, Name: short}}, Message: "hostile " + text,
			Source:   audit.Source{IP: netip.MustParseAddr("203.0.113.9"), Platform: short, UserAgent: text, Location: audit.Location{City: short, Country: "DE"}},
			Changes:  []audit.Change{{Field: short[:min(len(short), 100)], Old: short, New: short}},
			Metadata: map[string]string{short[:min(len(short), 100)]: text}}
		batch = append(batch, e)
	}
	g.append(batch)
}

func TestListsOfTheTrailAreFitForPeople(t *testing.T) {
	t.Parallel()
	browser.Start(t)
	g := newRig(t, 400)
	me := g.who(audit.RoleCreator)
	g.appendHostile()
	// Some rows are as good as many, and axe-core takes its time over each.
	g.see(me, map[string]string{"operations": "/operation-logs?limit=15", "logins": "/login-history?outcome=failure&when=30d&limit=15", "products": "/product-logs?limit=15",
		"search": "/operation-logs?q=contacts+-outcome%3Asuccess&range=contacts&own=show&limit=15", "empty": "/operation-logs?q=nothing-has-this&ip=203.0.113.7",
		"event": "/operation-logs?event=hostile-1&q=wordwithoutend*+OR+hostile", "alone": "/events/hostile-0"})
	g.see(g.who(audit.RoleMember), map[string]string{"own": "/login-history"})
}

func TestAReaderFiltersOpensAndClosesByKeysAlone(t *testing.T) {
	g := newRig(t, 400)
	p := g.tab(browser.Look{}, g.who(audit.RoleCreator))
	p.Open(g.base + "/operation-logs")
	p.Press("/")
	p.Wait("the search has the focus", `document.activeElement.id === "q"`)
	p.Press("o", "u", "t", "c", "o", "m", "e", ":", "f")
	p.WaitText("#suggestions", "outcome:failure")
	p.Press(kb.ArrowDown, kb.Enter)
	p.Wait("the choice is in the box", `document.getElementById("q").value === "outcome:failure "`)
	p.WaitText("#understood", "what failed")
	p.Press(kb.Escape, kb.Enter)
	p.Wait("the list is filtered", `location.search.includes("outcome") && document.querySelectorAll("#rows tr.failed").length === document.querySelectorAll("#rows tbody tr").length`)
	p.Run(chromedp.Focus(chromedp.CSS("#rows a.open")))
	p.Press("j", "k", kb.Enter)
	p.WaitText("#detail", "Event id")
	if !p.Query().Has("event") {
		t.Errorf("the address %s does not name the event", p.Address())
	}
	p.Press(kb.Escape)
	p.Wait("the event is closed, and the focus back at its row", `document.querySelector("#detail").childElementCount === 0 && document.activeElement.matches("#rows a.open")`)
	if p.Query().Has("event") {
		t.Errorf("the address %s still names the event", p.Address())
	}
	p.Press("?")
	p.WaitText("#keys", "close the event")
}

func TestAListOfALinkThatNamesTheMillisecondIsFilteredFurther(t *testing.T) {
	g := newRig(t, 0)
	g.append([]*audit.Event{{ID: "e", Time: time.Date(2026, 11, 10, 8, 15, 30, 539e6, time.UTC), Log: audit.LogLogin, Action: "login.failed",
		Outcome: audit.OutcomeFailure, Actor: audit.Actor{ID: "u_1"}}})
	p := g.tab(browser.Look{}, g.who(audit.RoleCreator))
	p.Open(g.base + "/login-history?from=2026-11-10T08:15:30.539Z&to=2026-11-10T08:15:30.540Z")
	p.Type("#q", "failed")
	p.Press(kb.Enter)
	p.Wait("the list is filtered", `new URLSearchParams(location.search).get("q") === "failed"`)
	if from := p.Query().Get("from"); from != "2026-11-10T08:15:30.539" || p.Nodes("#rows tbody tr") != 1 {
		t.Errorf("from %q there are %d rows", from, p.Nodes("#rows tbody tr"))
	}
}

func TestTheOperatorIsChosenByTyping(t *testing.T) {
	g := newRig(t, 400)
	me := g.enterprise.Members[0]
	p := g.tab(browser.Look{}, me.ID)
	p.Open(g.base + "/operation-logs")
	p.Run(chromedp.Focus(chromedp.CSS("#who")))
	p.Type("#who", me.Name[:4])
	p.WaitText("#people", me.ID)
	p.Press(kb.ArrowDown, kb.Enter)
	p.Wait("the name is shown", fmt.Sprintf("document.getElementById('who').value === %q", me.Name))
	p.Press(kb.Enter)
	p.Wait("the list is of the member", fmt.Sprintf("new URLSearchParams(location.search).get('actor') === %q && document.getElementById('who').value === %q", me.ID, me.Name))
	p.WaitText(".chips", me.Name)
}
