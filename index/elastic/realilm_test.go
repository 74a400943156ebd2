package elastic

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/audittrail/audittrail/internal/estest"
)

// TestRealILM lets the cluster's own index lifecycle management do what our policy says, with seconds in place of days.
func TestRealILM(t *testing.T) {
	url := estest.URL(t)
	if !estest.HasILM(t, url) {
		t.Skip("this Elasticsearch has no index lifecycle management; name one that has by AUDITTRAIL_TEST_ELASTICSEARCH")
	}
	pollEverySecond(t, url)
	b := benchAt(t, url)
	b.opts.Lifecycle = LifecycleILM
	quick := small(t, 1)
	phases := subtree(quick.policy, "phases")
	subtree(subtree(subtree(phases, "hot"), "actions"), "rollover")["max_age"] = "5s"
	subtree(phases, "delete")["min_age"] = "10s"

	b.mustSetup(quick)
	if plan := b.mustSetup(quick); len(plan.Changes) > 0 {
		t.Fatalf("the second setup does %v, want nothing", plan.error())
	}
	first := b.backing(quick)[0]
	b.store(at(time.Now()))

	b.until("a rollover", func() bool { return len(b.backing(quick)) > 1 })
	b.until("the deletion of the first index", func() bool { return !slices.Contains(b.backing(quick), first) })

	if list := b.backing(quick); len(list) != 1 {
		t.Errorf("the data stream has %v, want the new write index only: it is empty, so it is not rolled over", list)
	}
	report, err := newRetention(b.installer(quick), time.Now).run(b.ctx)
	if err != nil || len(report.Problems) > 0 {
		t.Errorf("retention finds %q (%v), want nothing", report.Problems, err)
	}
	if findings, err := b.installer(quick).check(b.ctx); err != nil || len(findings) > 0 {
		t.Errorf("check finds %v (%v), want nothing", findings, err)
	}
	findings, err := b.installer(small(t, 1)).check(b.ctx)
	if err != nil || len(findings) != 1 {
		t.Fatalf("check of a policy in days finds %v (%v), want that it is another one", findings, err)
	}
	wantParts(t, findings[0].Error(), `phases.delete.min_age: is "10s", should be "185d"`)
}

// pollEverySecond makes the cluster look every second, not every ten minutes, and undoes it at the end.
func pollEverySecond(t *testing.T, url string) {
	t.Helper()
	const setting = "indices.lifecycle.poll_interval"
	var before struct{ Persistent map[string]any }
	estest.Ask(t, url, http.MethodGet, "/_cluster/settings?flat_settings=true", "", &before)
	was := "null"
	if text, ok := before.Persistent[setting].(string); ok {
		was = `"` + text + `"`
	}
	set := func(value string) int {
		return estest.Ask(t, url, http.MethodPut, "/_cluster/settings", `{"persistent":{"`+setting+`":`+value+`}}`, nil)
	}
	if status := set(`"1s"`); status != http.StatusOK {
		t.Fatalf("PUT _cluster/settings: %d", status)
	}
	t.Cleanup(func() {
		if status := set(was); status != http.StatusOK {
			t.Errorf("%s was not restored: %d", setting, status)
		}
	})
}

func (b *bench) backing(d definition) []string {
	b.t.Helper()
	found := &state{}
	if err := b.installer(d).readNames(b.ctx, found); err != nil {
		b.t.Fatal(err)
	}
	names := make([]string, len(found.backing))
	for i, index := range found.backing {
		names[i] = index.name
	}
	return names
}

// until waits for something that the cluster does by itself.
func (b *bench) until(what string, done func() bool) {
	b.t.Helper()
	poll := time.NewTicker(500 * time.Millisecond)
	defer poll.Stop()
	deadline := time.After(4 * time.Minute)
	for !done() {
		select {
		case <-poll.C:
		case <-deadline:
			b.t.Fatalf("no %s within four minutes", what)
		}
	}
}
