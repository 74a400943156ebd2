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
