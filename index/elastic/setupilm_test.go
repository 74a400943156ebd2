package elastic

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/estest"
)

func TestSetupWithILM(t *testing.T) {
	f, b := newStandIn(t)
	const everything = "ILM policy: create; index template: create; data stream: create"
	if got := actions(b.mustSetup(small(t, 1))); got != everything {
		t.Fatalf("setup does %q, want %q", got, everything)
	}
	if plan := b.mustSetup(small(t, 1)); len(plan.Changes) > 0 {
		t.Fatalf("the second setup does %v, want nothing", plan.error())
	}
	found := b.state(small(t, 1))
	if got := found.writeIndex().policy(); got != eventsName(b.opts.Prefix) {
		t.Fatalf("the write index is under the policy %q", got)
	}
	b.together(small(t, 4))
	if len(f.policies) != 1 {
		t.Fatalf("there are %d policies, want one", len(f.policies))
	}
	if findings, err := b.installer(small(t, 4)).check(b.ctx); err != nil || len(findings) > 0 {
		t.Fatalf("check finds %v (%v), want nothing", findings, err)
	}
}

func TestTenSetupsAtOnceWithILM(t *testing.T) {
	_, b := newStandIn(t)
	b.together(small(t, 1))
	if found := b.state(small(t, 1)); len(found.backing) != 1 {
		t.Fatalf("the data stream has %s, want one index", generations(found.backing))
	}
}

// change changes our policy as a person would.
func (f *ilmStandIn) change(b *bench, change func(phases map[string]any)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var policy map[string]any
	if err := copyTree(b.installer(small(b.t, 1)).want.policy, &policy); err != nil {
		b.t.Fatal(err)
	}
	change(subtree(policy, "phases"))
	f.policies[eventsName(b.opts.Prefix)] = policy
}

func TestSetupDoesNotShortenRetentionUnlessToldTo(t *testing.T) {
	f, b := newStandIn(t)
	b.mustSetup(small(t, 1))
	for name, change := range map[string]func(phases map[string]any){
		"a year":    func(phases map[string]any) { subtree(phases, "delete")["min_age"] = "365d" },
		"for ever":  func(phases map[string]any) { delete(phases, "delete") },
		"no action": func(phases map[string]any) { subtree(phases, "delete")["actions"] = map[string]any{} },
		"snapshot first": func(phases map[string]any) {
			subtree(subtree(phases, "delete"), "actions")["wait_for_snapshot"] = map[string]any{"policy": "nightly"}
		},
		"searchable snapshots": func(phases map[string]any) {
			subtree(subtree(subtree(phases, "delete"), "actions"), "delete")["delete_searchable_snapshot"] = false
		},
		"in other words": func(phases map[string]any) { subtree(phases, "delete")["min_age"] = "200 days" },
	} {
		f.change(b, change)
		for _, dry := range []bool{true, false} {
			b.opts.DryRun = dry
			_, err := b.setup(small(t, 1))
			wantConflict(t, err, "--allow-shorter-retention", "phases.delete")
		}
		b.opts.AllowShorterRetention = true
		if got := actions(b.mustSetup(small(t, 1))); got != "ILM policy: update" {
			t.Errorf("%s: told to, setup does %q, want to update the policy", name, got)
		}
		b.opts.AllowShorterRetention = false
	}
}

func TestSetupLengthensRetentionAndPutsTheRestRight(t *testing.T) {
	f, b := newStandIn(t)
	b.mustSetup(small(t, 1))
	for name, change := range map[string]func(phases map[string]any){
		"shorter": func(phases map[string]any) { subtree(phases, "delete")["min_age"] = "90d" },
		"at once": func(phases map[string]any) { subtree(phases, "delete")["min_age"] = "0ms" },
		"rollover": func(phases map[string]any) {
			subtree(subtree(subtree(phases, "hot"), "actions"), "rollover")["max_age"] = "60d"
		},
		"warm": func(phases map[string]any) {
			phases["warm"] = map[string]any{"min_age": "2d", "actions": map[string]any{}}
		},
	} {
		f.change(b, change)
		if got := actions(b.mustSetup(small(t, 1))); got != "ILM policy: update" {
			t.Errorf("%s: setup does %q, want to update the policy", name, got)
		}
		if plan := b.mustSetup(small(t, 1)); len(plan.Changes) > 0 {
			t.Errorf("%s: the second setup does %v", name, plan.error())
		}
	}
	f.change(b, func(phases map[string]any) {
		subtree(phases, "delete")["min_age"] = "4440h"
		subtree(subtree(subtree(phases, "hot"), "actions"), "rollover")["max_primary_shard_size"] = "51200mb"
		delete(subtree(phases, "hot"), "min_age")
		subtree(subtree(phases, "delete"), "actions")["delete"] = map[string]any{}
	})
	if plan := b.mustSetup(small(t, 1)); len(plan.Changes) > 0 {
		t.Errorf("the same in other words: setup does %v", plan.error())
	}
}

func TestSetupRefusesANewerPolicy(t *testing.T) {
	f, b := newStandIn(t)
	b.mustSetup(small(t, 1))
	f.mu.Lock()
	subtree(f.policies[eventsName(b.opts.Prefix)].(map[string]any), "_meta")["version"] = 7
	f.mu.Unlock()
	_, err := b.setup(small(t, 1))
	wantConflict(t, err, "a newer version of audittrail", "is of version 7")
}

func TestCheckNamesWhatWasChangedInThePolicy(t *testing.T) {
	f, b := newStandIn(t)
	b.mustSetup(small(t, 1))
	f.change(b, func(phases map[string]any) { subtree(phases, "delete")["min_age"] = "90d" })
	findings, err := b.installer(small(t, 1)).check(b.ctx)
	if err != nil || len(findings) != 1 {
		t.Fatalf("check finds %v (%v), want one thing", findings, err)
	}
	wantConflict(t, findings[0], "the ILM policy was changed by hand", `phases.delete.min_age: is "90d", should be "185d"`)
}

func TestChangingTheLifecycleTakesASetup(t *testing.T) {
	_, b := newStandIn(t)
	b.mustSetup(small(t, 1))
	finding := func(parts ...string) {
		t.Helper()
		findings, err := b.installer(small(t, 1)).check(b.ctx)
		if err != nil || len(findings) == 0 {
			t.Fatalf("check finds %v (%v)", findings, err)
		}
		var all []string
		for _, f := range findings {
			all = append(all, f.Error())
		}
		wantParts(t, strings.Join(all, "\n"), parts...)
	}
	b.opts.Lifecycle = LifecycleTemporal
	finding("an ILM policy manages the data stream, and elastic.lifecycle is temporal", "run `audittrail setup`")
	if got, want := actions(b.mustSetup(small(t, 1))), "index template: update; data stream: remove from its ILM policy"; got != want {
		t.Fatalf("setup does %q, want %q", got, want)
	}
	if plan := b.mustSetup(small(t, 1)); len(plan.Changes) > 0 {
		t.Fatalf("the second setup does %v", plan.error())
	}
	b.opts.Lifecycle = LifecycleILM
	finding("the data stream is not under our ILM policy")
	if got, want := actions(b.mustSetup(small(t, 1))), "index template: update; data stream: put under the ILM policy"; got != want {
		t.Fatalf("setup does %q, want %q", got, want)
	}
	if plan := b.mustSetup(small(t, 1)); len(plan.Changes) > 0 {
		t.Fatalf("the second setup does %v", plan.error())
	}
}

func TestAClusterWithoutILMIsRefused(t *testing.T) {
	b := newBench(t)
	if estest.HasILM(t, estest.URL(t)) {
		t.Skip("this cluster has ILM")
	}
	b.opts.Lifecycle = LifecycleILM
	_, err := b.setup(small(t, 1))
	wantConflict(t, err, "has no index lifecycle management", "`elastic.lifecycle: temporal`")
	wantConflict(t, Check(b.ctx, b.client, b.opts), "`elastic.lifecycle: temporal`")
}

func TestAMissingPrivilegeIsNamed(t *testing.T) {
	f, b := newStandIn(t)
	f.deny = func(r *http.Request) string {
		if r.Method == http.MethodPut && strings.HasPrefix(r.URL.Path, "/_ilm/") {
			return "action [cluster:admin/ilm/put] is unauthorized for user [u], this action is granted by the cluster privileges [manage_ilm,manage,all]"
		}
		return ""
	}
	_, err := b.setup(small(t, 1))
	if audit.CodeOf(err) != audit.CodeUnavailable {
		t.Fatalf("got %v", err)
	}
	wantParts(t, err.Error(), "missing is", "manage_ilm")
}

func TestRetainWatchesILM(t *testing.T) {
	f, b := newStandIn(t)
	b.mustSetup(small(t, 1))
	first, start := b.created()[0].name, b.created()[0].created
	b.store(at(start))
	problems := func(now time.Time, want int, parts ...string) {
		t.Helper()
		report := b.mustRetain(now, nil)
		if len(report.Problems) != want || len(report.Dropped) > 0 {
			t.Fatalf("got %+v, want %d problems and nothing dropped", report, want)
		}
		wantParts(t, strings.Join(report.Problems, "\n"), parts...)
	}
	problems(start.Add(31*dayLong), 0)
	problems(start.Add(34*dayLong), 1, "was due to be rolled over on")
	b.wantIndices(1, "retention, which only watches")

	f.mu.Lock()
	f.mode = "STOPPED"
	f.explained[first] = map[string]any{"step": "ERROR", "failed_step": "check-rollover-ready",
		"step_info": map[string]any{"type": "illegal_argument_exception", "reason": "setting [index.lifecycle.rollover_alias] is empty"}}
	f.mu.Unlock()
	problems(start, 2, "index lifecycle management is STOPPED", "is stuck in the ILM step check-rollover-ready: illegal_argument_exception setting")

	f.mu.Lock()
	f.mode, f.explained = "RUNNING", map[string]map[string]any{}
	f.mu.Unlock()
	f.change(b, func(phases map[string]any) { delete(phases, "delete") })
	problems(start, 1, "the ILM policy was changed by hand", "phases.delete")
}

func TestRetainReportsWhatILMDidNotDelete(t *testing.T) {
	_, b := newStandIn(t)
	list := b.filled([]string{at(time.Now())}, []string{at(time.Now())})
	for age, want := range map[time.Duration]int{187 * dayLong: 1, 189 * dayLong: 2} { // the write index is overdue too
		report := b.mustRetain(list[1].created.Add(age), nil)
		if len(report.Problems) != want {
			t.Errorf("%s after the rollover: got the problems %q, want %d", age, report.Problems, want)
		}
	}
}
