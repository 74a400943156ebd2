package console

import (
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/browser"
)

func TestExportPagesAreFitForPeople(t *testing.T) {
	t.Parallel()
	browser.Start(t)
	g := newRig(t, 300)
	me := g.who(audit.RoleCreator)
	g.bulk(audit.ExportRows+6205, "u_many")
	wild := "log=operation&range=contacts&action=contacts.member.added&actor=" + g.who(audit.RoleContactAdmin) + "&q=" + url.QueryEscape(hostile+strings.Repeat(" wordwithoutend", 4))
	ready := g.startExport(me, "log=login&actor=u_many", "mode", "all")
	g.makeReady(ready, "events-0001.csv", "events-0002.csv", "manifest.json")
	cut := g.startExport(me, "log=login&actor=u_many")
	g.makeReady(cut, "events.csv")
	running := g.startExport(g.who(audit.RoleContactAdmin), "log=operation&from=2026-10-01&to=2026-11-01")
	g.alter(running, func(e *audit.Export) { e.Done = e.Rows / 3 })
	failed, cancelled, back := g.startExport(me, "log=product"), g.startExport(me, ""), g.startExport(me, "log=operation&outcome=failure")
	g.alter(failed, func(e *audit.Export) {
		e.Status, e.Error = audit.ExportFailed, "the files could not be written: the disk is full"
	})
	g.postTo(me, cancelled+"/cancel", nil)
	g.makeReady(back, "events.csv")
	g.postTo(me, back+"/take-back", nil)
	g.see(me, map[string]string{"exports": "/exports", "export-new-few": "/exports/new?log=operation&range=contacts&from=2026-11-01", "export-new-many": "/exports/new?log=login&actor=u_many",
		"export-ready": ready, "export-cut": cut, "export-running": running, "export-failed": failed, "export-takeback": ready + "/take-back", "export-new-none": "/exports/new?" + wild})
	g.see(g.who(audit.RoleMember), map[string]string{"exports-empty": "/exports"})
}

func TestAnExportIsWatchedFromStartToDownload(t *testing.T) {
	browser.Start(t)
	g := newRig(t, 300)
	p := g.tab(browser.Look{}, g.who(audit.RoleCreator))
	p.Open(g.base + "/exports/new?log=operation")
	p.Run(chromedp.Focus(chromedp.CSS("button[data-busy]")))
	p.Press(kb.Enter)
	p.WaitText("h1", "Running")
	path := strings.TrimPrefix(p.Address(), g.base)
	g.alter(path, func(e *audit.Export) { e.Done = e.Rows * 2 / 5 }) // well within a quarter, however many rows there are
	p.Wait("progress to show two fifths", `document.querySelector("progress").value >= 38`)
	p.WaitText("#export-said", "more than 25 percent")
	g.makeReady(path, "events.csv")
	p.WaitText("h1", "Ready")
	p.WaitText("#export-said", "1 file to download")
	p.Wait("the countdown to tick", `/^23 h 59 min$/.test(document.querySelector("[data-until]").textContent)`)
	if p.Nodes("[hx-trigger]") != 0 {
		t.Error("a page of a ready export still asks")
	}
}

func TestOnePressOfExportIsOneHoweverOftenItIsPressed(t *testing.T) {
	browser.Start(t)
	g := newRig(t, 300)
	p := g.tab(browser.Look{}, g.who(audit.RoleCreator))
	p.Open(g.base + "/exports/new?log=operation")
	p.Value(`(() => { const b = document.querySelector("button[data-busy]"); b.click(); b.click(); b.click(); return true })()`, new(bool))
	p.WaitText("h1", "Running")
	g.jobs.mu.Lock()
	defer g.jobs.mu.Unlock()
	if len(g.jobs.calls) != 1 {
		t.Errorf("started %v", g.jobs.calls)
	}
}
