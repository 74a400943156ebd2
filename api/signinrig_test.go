package api

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/audittrail/audittrail/audit"
)

// browser is from where tests sign in.
var browser = audit.Source{IP: netip.MustParseAddr("203.0.113.7"), UserAgent: "Mozilla/5.0"}

// link makes a link for the member and returns its secret.
func (g *rig) link(organization, member string) string {
	g.t.Helper()
	link, secret := audit.NewLoginLink(newID(), organization, member, "", g.clock.Now())
	must(g.t, g.store.CreateLoginLink(g.t.Context(), link))
	return secret
}

// signIn returns the cookie of a new session of the member.
func (g *rig) signIn(organization, member string) string {
	g.t.Helper()
	cookie, _, err := g.server.SignIn(g.t.Context(), g.link(organization, member), browser)
	must(g.t, err)
	return cookie
}

// with returns the headers of a request by the session; with its token where it changes something.
func (g *rig) with(cookie string, more ...string) map[string]string {
	header := map[string]string{"Cookie": g.server.CookieName() + "=" + cookie, "X-CSRF-Token": audit.CSRFToken(cookie)}
	for i := 0; i < len(more); i += 2 {
		header[more[i]] = more[i+1]
	}
	return header
}

// records returns what the trail recorded of the action, oldest first.
func (g *rig) records(organization, action string) []audit.Event {
	g.t.Helper()
	page, err := g.index.Search(g.t.Context(), organization, audit.Search{Query: audit.Query{Actions: []string{action}}, Limit: audit.MaxScan})
	must(g.t, err)
	slices.Reverse(page.Events)
	return page.Events
}

func wantCode(t *testing.T, what string, err error, want audit.Code) {
	t.Helper()
	if got := audit.CodeOf(err); got != want {
		t.Errorf("%s: %v, want %q", what, err, want)
	}
}
