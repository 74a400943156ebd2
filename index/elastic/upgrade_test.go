package elastic

import (
	"maps"
	"testing"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/audittrail/audittrail/audit"
)

func TestUpgradeAddsFieldsWhereThatIsEnoughAndRollsOverElsewhere(t *testing.T) {
	b := newBench(t)
	b.mustSetup(small(t, 1))
	b.store("2026-11-20T00:00:00Z")

	plan := b.mustSetup(small(t, 3))
	if got, want := actions(plan), "index template: update; data stream: add fields to the write index"; got != want {
		t.Fatalf("setup does %q, want %q", got, want)
	}
	wantParts(t, plan.error().Error(), "mappings.properties.audit.properties.range.type: should be \"keyword\", is not set", "mappings._meta.version: is 1, should be 3")
	first := b.state(small(t, 3)).backing

	plan = b.mustSetup(small(t, 4))
	if got, want := actions(plan), "index template: update; data stream: roll over to a new write index"; got != want {
		t.Fatalf("setup does %q, want %q", got, want)
	}
	wantParts(t, plan.error().Error(), `mappings.properties.audit.properties.log.type: is "keyword", should be "text"`)
	after := b.state(small(t, 4)).backing
	if len(after) != 2 || after[0].name != first[0].name {
		t.Fatalf("the data stream has %s, want a new index behind %s", generations(after), generations(first))
	}
	var answer struct{ Count int }
	b.call(esapi.CountRequest{Index: []string{plan.Stream}}, &answer)
	if answer.Count != 1 {
		t.Fatalf("%d documents are readable, want the one from before", answer.Count)
	}
	_, err := b.setup(small(t, 3))
	wantConflict(t, err, "a newer version", "is of version 4, this program knows 3")
}

// withIndex returns the definition with more settings of its indices.
func (d definition) withIndex(settings map[string]any) definition {
	index := subtree(d.settings(), "index")
	maps.Copy(index, settings)
	return d
}

func TestUpgradeRollsOverWhereAnIndexIsPackedOrSortedInAnotherWay(t *testing.T) {
	byTime := map[string]any{"field": []any{"@timestamp"}, "order": []any{"desc"}}
	for name, test := range map[string]struct {
		before, after map[string]any
		rolledOver    string
	}{
		"packed tightly": {map[string]any{"codec": "best_compression"}, map[string]any{"codec": "default"},
			`settings.index.codec: is "best_compression", should be "default"`},
		"not sorted": {map[string]any{}, map[string]any{"sort": byTime}, `settings.index.sort.field: should be ["@timestamp"], is not set`},
		"packed as is usual, which nobody had to say": {map[string]any{}, map[string]any{"codec": "default"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.mustSetup(small(t, 1).withIndex(test.before))
			after := small(t, 1).withIndex(test.after)
			plan := b.mustSetup(after)
			want, indices := "index template: update", 1
			if test.rolledOver != "" {
				want, indices = want+"; data stream: roll over to a new write index", 2
			}
			if got := actions(plan); got != want {
				t.Fatalf("setup does %q, want %q", got, want)
			}
			wantParts(t, plan.error().Error(), test.rolledOver)
			if found := b.state(after); len(found.backing) != indices {
				t.Errorf("the data stream has %s, want %d indices", generations(found.backing), indices)
			}
			if plan := b.mustSetup(after); len(plan.Changes) > 0 {
				t.Errorf("the second setup does %v, want nothing", plan.error())
			}
		})
	}
}

// firstVersion is what version 1 of this program set up.
func firstVersion(t *testing.T) definition {
	t.Helper()
	d, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	subtree(d.template, "_meta")["version"] = 1
	d = d.withIndex(map[string]any{"codec": "best_compression"})
	properties := subtree(d.mappings(), "properties")
	delete(subtree(subtree(subtree(properties, "event"), "properties"), "id"), "doc_values")
	return d
}

func TestWhatTheFirstVersionSetUpIsBroughtUpToDateAndKeepsItsEvents(t *testing.T) {
	b := newBench(t)
	b.mustSetup(firstVersion(t))
	clock := func() time.Time { return testNow }
	before, err := newIndex(b.client, Options{Clock: clock, Setup: b.opts}) // its own Check would pass
	if err != nil {
		t.Fatal(err)
	}
	events := testEvents("old", 3)
	if _, err := before.Append(b.ctx, acme, events); err != nil {
		t.Fatal(err)
	}
	if err := before.Close(); err != nil {
		t.Fatal(err)
	}
	plan, err := Setup(b.ctx, b.client, b.opts)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := actions(plan), "index template: update; data stream: roll over to a new write index"; got != want {
		t.Fatalf("setup does %q, want %q", got, want)
	}
	tr := &trail{bench: b, Index: b.open(clock)} // which checks that nothing is left to do
	tr.wantAppended(append(testEvents("old", 3), testEvents("new", 2)...), 2)
	b.refreshAll()
	page, err := tr.Search(b.ctx, acme, audit.Search{Limit: 10, CountLimit: audit.CountAll})
	if err != nil || len(page.Events) != 5 || page.Total.Value != 5 {
		t.Fatalf("a page has %d events of %d (%v), want all five", len(page.Events), page.Total.Value, err)
	}
	tailed, checkpoint := 0, ""
	for more := true; more; {
		next, err := tr.Tail(b.ctx, acme, checkpoint, 2)
		if err != nil {
			t.Fatal(err)
		}
		tailed, checkpoint, more = tailed+len(next.Events), next.Checkpoint, next.More
	}
	if tailed != 5 {
		t.Errorf("the tail returns %d events, want 5", tailed)
	}
}
