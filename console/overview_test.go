package console

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/browser"
)

func TestTheOverviewCountsWhatTheListHas(t *testing.T) {
	g := newRig(t, 2000)
	me := g.who(audit.RoleCreator)
	got := g.get(me, "/login-history/overview?outcome=failure", "HX-Request", "true")
	if got.StatusCode != http.StatusOK {
		t.Fatalf("got %d: %s", got.StatusCode, got.text)
	}
	bars := got.doc.Find("a.bar")
	if bars.Length() < 100 {
		t.Errorf("%d bars for six months of days", bars.Length())
	}
	if ok := got.doc.Find("rect.ok").Length(); ok > 0 {
		t.Errorf("%d bars show what succeeded, of failures only", ok)
	}
	active := got.doc.Find(".facets a.active")
	if text := strings.TrimSpace(active.Text()); text != "Failed ✕" {
		t.Errorf("active: %q", text)
	}
	if href, _ := active.Attr("href"); href != "/login-history" {
		t.Errorf("removing it leads to %q", href)
	}
}

func TestABarLeadsToItsDayInTheReadersZone(t *testing.T) {
	g := newRig(t, 2000)
	got := g.get(g.who(audit.RoleCreator), "/operation-logs/overview", "HX-Request", "true", "Cookie", "audittrail_zone=Asia/Tokyo")
	from, _ := got.doc.Find("a.bar").First().Attr("data-from")
	if !strings.HasSuffix(from, "T15:00:00Z") { // midnight of Tokyo
		t.Errorf("the first day begins at %s", from)
	}
}

func TestAMemberHasNoOverviewOfOperationLogs(t *testing.T) {
	g := newRig(t, 0)
	if got := g.get(g.who(audit.RoleMember), "/operation-logs/overview"); got.StatusCode != http.StatusForbidden {
		t.Errorf("got %d, want 403", got.StatusCode)
	}
}

func TestTheHistogramIsUsedByKeys(t *testing.T) {
	g := newRig(t, 2000)
	page := g.tab(browser.Look{}, g.who(audit.RoleCreator))
	page.Open(g.base + "/operation-logs")
	page.Wait("the bars are there", `document.querySelector('.bar[tabindex="0"]')`)
	page.CheckAccess()
	page.Value(`document.querySelector('.bar[tabindex="0"]').focus() || true`, new(bool))
	var last string
	page.Value(`document.activeElement.getAttribute("aria-label")`, &last)
	page.Press(kb.ArrowLeft)
	page.Wait("the bar before has the focus and is said", `document.activeElement.matches(".bar") && document.querySelector("[data-said]").textContent === document.activeElement.getAttribute("aria-label")`)
	var now string
	page.Value(`document.activeElement.getAttribute("aria-label")`, &now)
	if now == last {
		t.Errorf("still at %q", now)
	}
	page.Press("\r")
	page.Wait("the list shows that day only", `new URLSearchParams(location.search).get("from") && document.querySelector(".chips")`)
	if q := page.Query(); q.Get("to") == "" {
		t.Errorf("the address has no end: %v", q)
	}
}

// barsAt opens the operations and returns where the middles of two bars are.
func (g *rig) barsAt(p *browser.Page, from, to int) (a, b [2]float64) {
	g.t.Helper()
	p.Open(g.base + "/operation-logs")
	p.Wait("the bars are there", `document.querySelector('.bar[tabindex="0"]')`)
	middle := func(i int) (at [2]float64) {
		p.Value(fmt.Sprintf(`(() => { const r = document.querySelectorAll(".bar .hit")[%d].getBoundingClientRect(); return [r.left + r.width / 2, r.top + r.height / 2] })()`, i), &at)
		return at
	}
	return middle(from), middle(to)
}

// mouse does with the left button what the type says.
func mouse(p *browser.Page, what input.DispatchMouseEventType, at [2]float64) {
	p.Run(chromedp.MouseEvent(what, at[0], at[1], func(m *input.DispatchMouseEventParams) {
		m.Button, m.Buttons, m.ClickCount = input.MouseButtonLeft, 1, 1
	}))
}

func TestDraggingOverBarsShowsOnlyTheirTime(t *testing.T) {
	g := newRig(t, 2000)
	p := g.tab(browser.Look{}, g.who(audit.RoleCreator))
	for _, tt := range []struct {
		name     string
		from, to int
	}{{"from left to right", 100, 120}, {"from right to left", 120, 100}} {
		t.Run(tt.name, func(t *testing.T) {
			a, b := g.barsAt(p, tt.from, tt.to)
			var want [2]string
			p.Value(`[document.querySelectorAll(".bar")[100].dataset.from, document.querySelectorAll(".bar")[120].dataset.to]`, &want)
			mouse(p, input.DispatchMouseEventTypeMousePressed, a)
			mouse(p, input.DispatchMouseEventTypeMouseMoved, [2]float64{(a[0] + b[0]) / 2, a[1]})
			mouse(p, input.DispatchMouseEventTypeMouseMoved, b)
			p.Wait("the bars are marked", `document.querySelectorAll(".bar.picked").length === 21`)
			mouse(p, input.DispatchMouseEventTypeMouseReleased, b)
			p.Wait("the list shows that time only", `new URLSearchParams(location.search).get("from")`)
			if q := p.Query(); q.Get("from") != want[0] || q.Get("to") != want[1] {
				t.Errorf("the list is of %v, want %v", q, want)
			}
		})
	}
}

func TestADragThatIsCalledOffLeavesNothingBehind(t *testing.T) {
	for name, off := range map[string]string{
		"by Escape":                 `document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }))`,
		"as the browser scrolls":    `document.querySelector(".bar").dispatchEvent(new PointerEvent("pointercancel", { bubbles: true }))`,
		"as another list was taken": `document.querySelector("#overview").replaceChildren(...document.querySelector("#overview").cloneNode(true).children)`,
	} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t, 400)
			p := g.tab(browser.Look{}, g.who(audit.RoleCreator))
			a, b := g.barsAt(p, 100, 120)
			mouse(p, input.DispatchMouseEventTypeMousePressed, a)
			mouse(p, input.DispatchMouseEventTypeMouseMoved, b)
			p.Value("("+off+", true)", new(bool))
			mouse(p, input.DispatchMouseEventTypeMouseMoved, a)
			mouse(p, input.DispatchMouseEventTypeMouseReleased, a)
			if n := p.Nodes(".bar.picked"); n != 0 || p.Query().Has("from") {
				t.Errorf("%d bars are marked, at %s", n, p.Address())
			}
			p.Value(`(document.querySelectorAll(".bar")[100].focus(), true)`, new(bool))
			p.Press(kb.Enter)
			p.Wait("a bar is zoomed into all the same", `new URLSearchParams(location.search).get("from")`)
		})
	}
}

func TestAFacetAddsItsFilterAndTakesItAway(t *testing.T) {
	g := newRig(t, 2000)
	p := g.tab(browser.Look{}, g.who(audit.RoleCreator))
	p.Open(g.base + "/login-history")
	p.WaitText(".facets", "Failed")
	p.Click(`.facets a[href*="outcome=failure"]`)
	p.Wait("only what failed is shown", `location.search === "?outcome=failure" && document.querySelector(".facets a.active") && document.querySelectorAll("#rows tr.failed").length === document.querySelectorAll("#rows tbody tr").length`)
	p.Click(".facets a.active")
	p.Wait("all is shown", `location.search === "" && document.querySelector("#rows tr:not(.failed) td")`)
}

func TestBarsAreReachedWithJavaScriptOff(t *testing.T) {
	g := newRig(t, 400)
	got := g.get(g.who(audit.RoleCreator), "/operation-logs/overview")
	if n := got.doc.Find(`a.bar[tabindex="-1"]`).Length(); n > 0 {
		t.Errorf("%d bars cannot be reached by keys", n)
	}
	// The first day began before what is kept does.
	first, _ := got.doc.Find("a.bar").First().Attr("href")
	if zoomed := g.get(g.who(audit.RoleCreator), first); zoomed.StatusCode != http.StatusOK {
		t.Errorf("the first bar leads to %d: %s", zoomed.StatusCode, zoomed.doc.Find(".problem").Text())
	}
}
