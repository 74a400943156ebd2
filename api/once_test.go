package api

import (
	"strings"
	"sync"
	"testing"

	"github.com/audittrail/audittrail/audit"
)

func TestAnExportThatIsAskedForTwiceWithOneKeyStartsOnce(t *testing.T) {
	g := newRig(t)
	ask := func(key, path, body, once string) *answer {
		return g.do(call{method: "POST", path: path, key: key, body: body, header: map[string]string{headerOnce: once}})
	}
	first := into[exportAnswer](g.do(call{method: "POST", path: "/v1/exports", key: "admin", body: `{"log":["login"]}`, header: map[string]string{headerOnce: "form-1"}}).want(202))
	again := ask("admin", "/v1/exports", `{"log":["login"]}`, "form-1")
	if got := into[exportAnswer](again.want(202)); got.ID != first.ID || again.header.Get("Location") != "/v1/exports/"+first.ID {
		t.Errorf("the second answer is %s at %s, want %s", got.ID, again.header.Get("Location"), first.ID)
	}
	if got := g.trail("acme"); len(got) != 1 {
		t.Errorf("recorded %v, want one request", got)
	}
	other := ask("contact", "/v1/exports", `{"log":["login"]}`, "form-1")
	if got := into[exportAnswer](other.want(202)); got.ID == first.ID {
		t.Error("another member's key led to this one's export")
	}
	refused := ask("admin", "/v1/exports", `{"log":["operation"]}`, "form-1")
	if got := refused.want(422).fields(); len(got) != 1 || got[0] != headerOnce {
		t.Errorf("another export with the same key: fields %v", got)
	}
	ask("admin", "/v1/exports", `{"log":["login"],"columns":["time"]}`, "form-1").want(422)
	ask("admin", "/v1/exports", `{}`, strings.Repeat("x", 129)).want(422)
	repeated := ask("admin", "/v1/exports/"+first.ID+"/again", "", "form-2")
	twice := ask("admin", "/v1/exports/"+first.ID+"/again", "", "form-2")
	a, b := into[exportAnswer](repeated.want(202)), into[exportAnswer](twice.want(202))
	if a.ID != b.ID || a.ID == first.ID || a.AgainOf != first.ID {
		t.Errorf("again: %s and %s of %s", a.ID, b.ID, a.AgainOf)
	}
}

func TestOneKeyAtTheSameTimeStartsOneExport(t *testing.T) {
	g := newRig(t)
	ids := make([]string, 8)
	var all sync.WaitGroup
	for i := range ids {
		all.Go(func() {
			ids[i] = into[exportAnswer](g.do(call{method: "POST", path: "/v1/exports", key: "admin", body: `{}`, header: map[string]string{headerOnce: "k"}}).want(202)).ID
		})
	}
	all.Wait()
	stored, err := g.store.Exports(t.Context(), "acme", "", "", 10)
	must(t, err)
	if len(stored) != 1 || stored[0].Status != audit.ExportRunning || len(g.jobs.calls) != 1 {
		t.Errorf("%d exports, jobs %v", len(stored), g.jobs.calls)
	}
	for _, id := range ids {
		if id != stored[0].ID {
			t.Errorf("answered %s, stored %s", id, stored[0].ID)
		}
	}
}
