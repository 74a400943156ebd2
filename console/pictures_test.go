package console

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/browser"
)

// TestPicturesOfTheConsole opens the pages that the documents show. `make screenshots` names the folder into which it puts their pictures; they are of
// the sample enterprise, on a day of its own, so that they change only when the pages do.
func TestPicturesOfTheConsole(t *testing.T) {
	t.Parallel()
	browser.Start(t)
	g := newRig(t, 20_000)
	me := g.who(audit.RoleCreator)
	reminder := g.furnish(me)
	export := g.startExport(me, "log=operation&range=contacts")
	g.makeReady(export, "events.csv")
	for _, page := range []struct {
		name, path, ready string
		look              browser.Look
	}{
		{"operation-logs", "/operation-logs", ".bar", browser.Look{}},
		{"login-history-dark", "/login-history?q=berlin+outcome%3Afailure", ".bar", browser.Look{Dark: true}},
		{"operation-logs-phone", "/operation-logs", ".bar", browser.Look{Width: 360, Height: 780}},
		{"export-new", "/exports/new?log=login", "form", browser.Look{}},
		{"export", export, "a[download]", browser.Look{}},
		{"reminder", "/messages/settings/" + reminder, "form", browser.Look{}},
		{"messages", "/messages", "main", browser.Look{}},
		{"members", "/members", "main a", browser.Look{}},
		{"keys", "/keys", "main", browser.Look{Dark: true}},
	} {
		p := g.tab(page.look, me)
		p.Open(g.base + page.path)
		p.Wait(page.name+" is there", `document.querySelector(`+quoted(page.ready)+`)`)
		if page.name == "operation-logs" {
			p.Click("#rows tbody tr:nth-child(3) a.open")
			p.Wait("the event is beside the list", `document.querySelector("#detail article")`)
		}
		if folder := os.Getenv("AUDITTRAIL_PICTURES"); folder != "" {
			p.View(filepath.Join(folder, "console-"+page.name+".png"))
		}
	}
}
