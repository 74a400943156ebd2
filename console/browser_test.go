package console

import (
	"net/url"
	"os"
	"path/filepath"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/browser"
)

// tab opens a tab in which the member is signed in.
func (g *rig) tab(look browser.Look, member string) *browser.Page {
	g.t.Helper()
	p := browser.Start(g.t).Page(g.t, look)
	p.SetCookie(g.base, "session", url.QueryEscape(member))
	p.SetCookie(g.base, g.server.CookieName(), g.session(member))
	return p
}

// session makes a session of the member's for what the browser asks the API itself: streams.
func (g *rig) session(member string) string {
	g.t.Helper()
	secret, hash := audit.NewSessionSecret()
	now := g.clock.Now()
	must(g.t, g.store.CreateSession(g.t.Context(), audit.Session{ID: secret[len(secret)-12:], Organization: g.enterprise.Organization.ID, Member: member, Hash: hash,
		CreatedAt: now, ExpiresAt: now.Add(audit.SessionLife), LastUsedAt: now}))
	return secret
}

// see opens each page, by its name, and holds it to what people need on a desk and on a phone, by day and by night, and in between to its width.
// AUDITTRAIL_SHOTS names a folder for pictures of all six looks.
func (g *rig) see(member string, pages map[string]string) {
	g.t.Helper()
	g.seeIn(g.tab(browser.Look{}, member), pages)
}

func (g *rig) seeIn(p *browser.Page, pages map[string]string) {
	g.t.Helper()
	for name, path := range pages {
		p.Look(browser.Look{})
		p.Open(g.base + path)
		for _, look := range browser.Looks() {
			p.Look(look)
			switch {
			case look.Width == 768:
				p.CheckWidth()
			case look.Dark:
				p.CheckColours()
			default:
				p.CheckAccess()
			}
			shot(p, name+"-"+look.String())
		}
	}
}

// shot makes a picture of the whole page where somebody wants to look at it.
func shot(p *browser.Page, name string) {
	if folder := os.Getenv("AUDITTRAIL_SHOTS"); folder != "" {
		p.Screenshot(filepath.Join(folder, name+".png"))
	}
}
