package browser

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/chromedp/chromedp"
)

// axeScript is axe-core 4.14.1 (MPL-2.0), unchanged.
//
//go:embed axe.min.js
var axeScript string

// violation is a finding of axe-core.
type violation struct {
	ID     string   `json:"id"`
	Impact string   `json:"impact"`
	Help   string   `json:"help"`
	Nodes  []string `json:"nodes"`
}

// everything are the rules that a page is held to. What depends on its colours are those of contrast alone.
const (
	everything = `["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]`
	colours    = `{type: "rule", values: ["color-contrast", "link-in-text-block"]}`
)

// runAxe looks at what changes its colours gradually as it is in the end.
const runAxe = `(document.getAnimations().forEach((a) => { if (a.effect.getComputedTiming().endTime < Infinity) a.finish() }), axe.run(document, {runOnly: %s, resultTypes: ["violations"]})).then((r) =>
  r.violations.map((v) => ({id: v.id, impact: v.impact, help: v.help, nodes: v.nodes.slice(0, 5).map((n) => n.html.slice(0, 200) + " :: " + (n.any[0] || n.all[0] || n.none[0] || {}).message)})))`

// CheckAccess fails the test on every serious or critical violation that axe-core finds on the page as it is, and where the page is wider than the
// window. Lesser findings are written to the test's log.
func (p *Page) CheckAccess() {
	p.t.Helper()
	p.checkRules(everything)
	p.CheckWidth()
}

// CheckColours is CheckAccess of a page that is known to have passed it in other colours at this width.
func (p *Page) CheckColours() {
	p.t.Helper()
	p.checkRules(colours)
}

func (p *Page) checkRules(rules string) {
	p.t.Helper()
	var there bool
	if p.Value(`"axe" in window`, &there); !there {
		p.Run(chromedp.Evaluate[chromedp.Void](axeScript + "; true"))
	}
	var found []violation
	p.Value(fmt.Sprintf(runAxe, rules), &found)
	for _, v := range found {
		text := fmt.Sprintf("axe %s (%s): %s\n    %s", v.ID, v.Impact, v.Help, strings.Join(v.Nodes, "\n    "))
		if v.Impact == "serious" || v.Impact == "critical" {
			p.t.Errorf("%s %s: %s", p.Address(), p.look, text)
		} else {
			p.t.Logf("%s %s: %s", p.Address(), p.look, text)
		}
	}
}

// CheckWidth fails the test where one has to scroll sideways to see the whole page, and names what sticks out.
func (p *Page) CheckWidth() {
	p.t.Helper()
	var wide []string
	p.Value(`(() => { const w = document.documentElement.clientWidth;
	  if (document.documentElement.scrollWidth <= w) return [];
	  const inScroller = (e) => { for (let n = e.parentElement; n && n !== document.body; n = n.parentElement) { const o = getComputedStyle(n).overflowX; if (o !== "visible") return true } return false };
	  return [...document.body.querySelectorAll("*")].filter((e) => e.getBoundingClientRect().right > w + 1 && !inScroller(e)).slice(0, 5).map((e) => e.outerHTML.slice(0, 160)) })()`, &wide)
	if len(wide) > 0 {
		p.t.Errorf("%s %s: one has to scroll sideways, for: %s", p.Address(), p.look, strings.Join(wide, "\n    "))
	}
}
