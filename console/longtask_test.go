package console

import (
	"os"
	"testing"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/browser"
)

// maxTask is how long a task of the page may block it, in milliseconds: browsers call longer ones long. It holds on a quiet machine, where `make bench`
// measures; beside other tests, which is where this runs otherwise, maxBusyTask does.
const (
	maxTask     = 50
	maxBusyTask = 500
)

// TestAListOfAHundredRowsIsDrawnWithoutALongTask looks for long tasks while a list of 100 rows takes the place of another. How long a task is depends on
// what else the machine does, so the best of five tries counts.
func TestAListOfAHundredRowsIsDrawnWithoutALongTask(t *testing.T) {
	browser.Start(t)
	g := newRig(t, 3000)
	p := g.tab(browser.Look{}, g.who(audit.RoleCreator))
	p.Open(g.base + "/login-history?limit=100")
	p.Wait("the page is quiet", `document.querySelectorAll("#rows tbody tr").length === 100 && document.querySelector(".bar")`)
	// watched does something and answers with the longest task until a moment after the page has settled.
	const watched = `((act) => new Promise((done) => { let most = 0;
	  const watch = new PerformanceObserver((list) => { for (const e of list.getEntries()) most = Math.max(most, e.duration) });
	  watch.observe({type: "longtask"});
	  document.addEventListener("htmx:afterSettle", () => setTimeout(() => { watch.disconnect(); done(most) }, 300), {once: true});
	  act() }))`
	const load = `htmx.ajax("GET", "/login-history?limit=100&outcome=success", {target: "#main", swap: "innerHTML"})`
	var seen float64
	p.Value(watched+`(() => { setTimeout(() => { const end = performance.now() + 120; while (performance.now() < end); `+load+` }, 0) })`, &seen)
	if seen < 100 {
		t.Fatalf("a task of 120 ms was seen as %.0f ms: nothing can be said of others", seen)
	}
	best := 1e9
	for range 5 {
		var longest float64
		p.Value(watched+`(() => { `+load+` })`, &longest)
		best = min(best, longest)
	}
	t.Logf("the longest task took %.0f ms", best)
	limit := float64(maxBusyTask)
	if os.Getenv("AUDITTRAIL_BENCH") != "" {
		limit = maxTask
	}
	if best > limit {
		t.Errorf("a task of %.0f ms; at most %.0f are allowed", best, limit)
	}
}
