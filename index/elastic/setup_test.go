package elastic

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/cluster"
	"github.com/audittrail/audittrail/internal/estest"
)

// bench is a cluster and a prefix of the test's own.
type bench struct {
	t      testing.TB
	ctx    context.Context
	client *cluster.Client
	opts   SetupOptions
}

func newBench(t testing.TB) *bench {
	t.Helper()
	return benchAt(t, estest.URL(t))
}

func benchAt(t testing.TB, url string) *bench {
	t.Helper()
	client, err := cluster.Open(t.Context(), cluster.Options{URLs: strings.Split(url, ",")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &bench{t: t, ctx: t.Context(), client: client, opts: SetupOptions{Prefix: estest.Prefix(t), Lifecycle: LifecycleTemporal}}
}

// small is a definition like ours with few fields. Versions 2 and 3 add a field; from 4 on a field has another type.
func small(t testing.TB, version int) definition {
	t.Helper()
	ours, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	properties := map[string]any{"@timestamp": map[string]any{"type": "date"}, "audit": map[string]any{"properties": map[string]any{
		"log": map[string]any{"type": "keyword", "normalizer": "folded"}}}}
	if version >= 2 {
		properties["audit"].(map[string]any)["properties"].(map[string]any)["range"] = map[string]any{"type": "keyword", "ignore_above": 128}
	}
	if version >= 3 {
		properties["labels"] = map[string]any{"type": "flattened"}
	}
	if version >= 4 {
		properties["audit"].(map[string]any)["properties"].(map[string]any)["log"] = map[string]any{"type": "text"}
	}
	d := definition{policy: ours.policy, template: map[string]any{
		"_meta": map[string]any{"managed_by": managedBy, "version": version}, "priority": 500, "data_stream": map[string]any{},
		"template": map[string]any{
			"settings": map[string]any{"index": map[string]any{"analysis": map[string]any{"normalizer": map[string]any{
				"folded": map[string]any{"type": "custom", "filter": []any{"lowercase", "asciifolding"}}}}}},
			"mappings": map[string]any{"dynamic": false, "properties": properties},
		}}}
	var copied definition
	if err := copyTree(d.template, &copied.template); err != nil {
		t.Fatal(err)
	}
	if err := copyTree(d.policy, &copied.policy); err != nil {
		t.Fatal(err)
	}
	return copied
}

// installer makes one for a definition.
func (b *bench) installer(d definition) *installer {
	b.t.Helper()
	s, err := install(b.client, b.opts, d)
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

// setup is Setup for a definition.
func (b *bench) setup(d definition) (Plan, error) {
	b.t.Helper()
	return b.installer(d).run(b.ctx)
}

func (b *bench) mustSetup(d definition) Plan {
	b.t.Helper()
	plan, err := b.setup(d)
	if err != nil {
		b.t.Fatal(err)
	}
	return plan
}

func (b *bench) state(d definition) *state {
	b.t.Helper()
	found, err := b.installer(d).read(b.ctx)
	if err != nil {
		b.t.Fatal(err)
	}
	return found
}

// call sends a request that has to succeed.
func (b *bench) call(request esapi.Request, result any) {
	b.t.Helper()
	if err := b.client.Call(b.ctx, request, result); err != nil {
		b.t.Fatalf("%T: %v", request, err)
	}
}

// store puts documents of that time into the data stream and makes them visible.
func (b *bench) store(times ...string) {
	b.t.Helper()
	for _, at := range times {
		b.call(esapi.IndexRequest{Index: eventsName(b.opts.Prefix), OpType: "create", Body: strings.NewReader(`{"@timestamp":"` + at + `"}`), Refresh: "true"}, nil)
	}
}

func actions(plan Plan) string {
	list := make([]string, len(plan.Changes))
	for i, c := range plan.Changes {
		list[i] = string(c.Object) + ": " + string(c.Action)
	}
	return strings.Join(list, "; ")
}

func wantConflict(t *testing.T, err error, parts ...string) {
	t.Helper()
	if audit.CodeOf(err) != audit.CodeConflict {
		t.Fatalf("got error %v of code %q, want a conflict", err, audit.CodeOf(err))
	}
	wantParts(t, err.Error(), parts...)
}

func wantParts(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q does not say %q", text, part)
		}
	}
}

func TestSetupMakesWhatIsMissingAndThenNothing(t *testing.T) {
	b := newBench(t)
	const everything = "index template: create; data stream: create"

	b.opts.DryRun = true
	plan := b.mustSetup(small(t, 1))
	if got := actions(plan); got != everything {
		t.Fatalf("a dry run plans %q, want %q", got, everything)
	}
	if found := b.state(small(t, 1)); found.template != nil || found.isStream {
		t.Fatal("a dry run changed the cluster")
	}
	b.opts.DryRun = false
	if got := actions(b.mustSetup(small(t, 1))); got != everything {
		t.Fatalf("setup does %q, want %q", got, everything)
	}
	if plan := b.mustSetup(small(t, 1)); len(plan.Changes) > 0 {
		t.Fatalf("the second setup does %v, want nothing", plan.error())
	}
	found := b.state(small(t, 1))
	if len(found.backing) != 1 {
		t.Fatalf("the data stream has %s, want one index", generations(found.backing))
	}
	var answer struct{ Count int }
	b.call(esapi.CountRequest{Index: []string{plan.Stream}}, &answer)
	if answer.Count != 0 {
		t.Fatalf("setup left %d documents behind", answer.Count)
	}
}

func TestSetupOfTheProgramsOwnFilesIsWholeAndRepeatable(t *testing.T) {
	b := newBench(t)
	for _, want := range []int{2, 0} {
		plan, err := Setup(b.ctx, b.client, b.opts)
		if err != nil {
			t.Fatal(err)
		}
		if len(plan.Changes) != want {
			t.Fatalf("setup does %v, want %d changes", plan.error(), want)
		}
	}
	if err := Check(b.ctx, b.client, b.opts); err != nil {
		t.Fatal(err)
	}
}

// together runs setup ten times at once.
func (b *bench) together(d definition) {
	b.t.Helper()
	var group sync.WaitGroup
	failures := make([]error, 10)
	for i := range failures {
		s := b.installer(d)
		s.patience = time.Second
		group.Go(func() { _, failures[i] = s.run(b.ctx) })
	}
	group.Wait()
	for i, err := range failures {
		if err != nil {
			b.t.Errorf("setup %d: %v", i, err)
		}
	}
	if plan := b.mustSetup(d); len(plan.Changes) > 0 {
		b.t.Errorf("after ten setups at once is left to do: %v", plan.error())
	}
}

func TestTenSetupsAtOnce(t *testing.T) {
	b := newBench(t)
	for _, step := range []struct {
		name    string
		version int
		indices int
	}{
		{"on an empty cluster", 1, 1},
		{"with a new field", 2, 1},
		{"with a field of another type", 4, 2},
		{"again", 4, 2},
	} {
		b.together(small(t, step.version))
		if found := b.state(small(t, step.version)); len(found.backing) != step.indices {
			t.Fatalf("%s: the data stream has %s, want %d indices", step.name, generations(found.backing), step.indices)
		}
	}
	_, err := b.installer(small(t, 4)).claimedBy(b.ctx)
	if err != nil {
		t.Fatal(err)
	}
}

func TestASetupThatCrashedWhileRollingOverDoesNotBlockTheNext(t *testing.T) {
	b := newBench(t)
	b.mustSetup(small(t, 1))
	s := b.installer(small(t, 4))
	if err := s.claim(b.ctx, "crashed"); err != nil {
		t.Fatal(err)
	}
	b.together(small(t, 4))
	if found := b.state(small(t, 4)); len(found.backing) < 2 {
		t.Fatalf("the data stream has %s, want a new index", generations(found.backing))
	}
	if held, err := s.claimedBy(b.ctx); err != nil || held != "" {
		t.Fatalf("the turn is still taken by %q (%v)", held, err)
	}
}

func TestSetupChangesReplicasOfWhatIsThere(t *testing.T) {
	b := newBench(t)
	b.filled(nil, nil)
	b.opts.Replicas = 1
	if got, want := actions(b.mustSetup(small(t, 1))), "index template: update; data stream: change the number of replicas"; got != want {
		t.Fatalf("setup does %q, want %q", got, want)
	}
	for _, index := range b.state(small(t, 1)).backing {
		if got := index.settings[replicasSetting]; got != "1" {
			t.Errorf("%s has %v replicas, want 1", index.name, got)
		}
	}
	if plan := b.mustSetup(small(t, 1)); len(plan.Changes) > 0 {
		t.Fatalf("the second setup does %v, want nothing", plan.error())
	}
}
