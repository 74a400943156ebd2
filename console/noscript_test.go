package console

import (
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/browser"
)

func TestPagesCanBeReadAndFilteredWithJavaScriptOff(t *testing.T) {
	browser.Start(t)
	g := newRig(t, 2000)
	me := g.who(audit.RoleCreator)
	reminder := g.furnish(me)
	p := g.tab(browser.Look{NoScript: true}, me)
	for path, shown := range map[string]string{
		"/operation-logs": "#rows a.open", "/operation-logs/overview": ".histogram a.bar", "/login-history?outcome=failure": "#rows .failed", "/exports": "main h1",
		"/exports/new?log=login": "form button", "/messages": "main a", "/messages/settings/" + reminder: "form #name", "/members": "main a", "/keys": "main h1", "/members/card/" + me: ".member-card h2",
	} {
		p.Open(g.base + path)
		p.Run(chromedp.WaitVisible(chromedp.CSS(shown)))
	}
	p.Open(g.base + "/operation-logs")
	p.Run(chromedp.SetValue(chromedp.CSS("#q"), "outcome:failure"), chromedp.Submit(chromedp.CSS("#filters")), chromedp.WaitVisible(chromedp.CSS("#rows .failed")))
	if p.Query().Get("q") != "outcome:failure" {
		t.Errorf("the address is %s", p.Address())
	}
	p.Run(chromedp.Click(chromedp.CSS("#rows a.open")), chromedp.WaitVisible(chromedp.CSS("#detail article")))
}
