package console

import (
	"net/http"
	"testing"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/browser"
)

// TestPagesAsideAreFitForPeople is of those that nobody comes for: who is not signed in, may not, or followed a link that leads nowhere.
func TestPagesAsideAreFitForPeople(t *testing.T) {
	t.Parallel()
	browser.Start(t)
	g := newRig(t, 400)
	stranger := browser.Start(t).Page(t, browser.Look{})
	g.seeIn(stranger, map[string]string{"sign-in": "/sign-in", "sign-in-link": "/sign-in?link=once", "sign-in-next": "/exports"})
	member := g.tab(browser.Look{}, g.who(audit.RoleMember))
	member.Expect(http.StatusForbidden)
	member.Expect(http.StatusNotFound)
	member.Expect(http.StatusUnprocessableEntity)
	g.seeIn(member, map[string]string{"denied": "/operation-logs", "denied-keys": "/keys", "nowhere": "/nowhere", "event-nowhere": "/events/none", "mistyped": "/login-history?fron=2026-11-01",
		"wrong": "/login-history?ip=somewhere&q=before%3Ayesterday", "card-refused": "/members/card/" + g.who(audit.RoleCreator)})
	me := g.who(audit.RoleCreator)
	g.see(me, map[string]string{"overview": "/operation-logs/overview", "card": "/members/card/" + me})
}

// TestTheContractIsReadOnAPhone too: it is the longest page there is, so that axe-core sees it at one width.
func TestTheContractIsReadOnAPhone(t *testing.T) {
	t.Parallel()
	browser.Start(t)
	g := newRig(t, 0)
	p := browser.Start(t).Page(t, browser.Look{Width: 360})
	p.Open(g.base + "/docs")
	p.CheckAccess()
	shot(p, "docs-360-light")
	p.Look(browser.Look{Width: 360, Dark: true})
	p.CheckColours()
	if p.Nodes("main h1") != 1 {
		t.Error("what is the page about, and what of it is around that, cannot be told apart")
	}
}
