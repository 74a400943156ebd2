package console

import (
	"net/url"
	"os"
	"path/filepath"

	"github.com/audittrail/audittrail/internal/browser"
)

// tab opens a tab in which the member is signed in.
func (g *rig) tab(look browser.Look, member string) *browser.Page {
	g.t.Helper()
	p := browser.Start(g.t).Page(g.t, look)
	p.SetCookie(g.base, "session", url.QueryEscape(member))
	return p
}

// see opens each page, by its name, in three looks that have every width and both colours, and holds it to what people need. AUDITTRAIL_SHOTS names a
// folder for pictures of all six.
func (g *rig) see(member string, pages map[string]string) {
	g.t.Helper()
	looks := []browser.Look{{}, {Width: 768, Dark: true}, {Width: 360}}
	if os.Getenv("AUDITTRAIL_SHOTS") != "" {
		looks = browser.Looks()
	}
	for _, look := range looks {
		p := g.tab(look, member)
		for name, path := range pages {
			p.Open(g.base + path)
			p.CheckAccess()
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
