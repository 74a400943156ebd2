package console

import (
	"net/http"
	"strings"
	"testing"

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

func TestTheHistogramIsUsedByKeysAndByDragging(t *testing.T) {
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
