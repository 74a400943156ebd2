package cli_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/audittrail/audittrail/internal/app"
	"github.com/audittrail/audittrail/internal/estest"
)

// onCluster makes the settings of a cluster of tests, under a prefix of the test's own.
func onCluster(t *testing.T) (address, prefix string) {
	t.Helper()
	address, prefix = estest.URL(t), estest.Prefix(t)
	t.Chdir(t.TempDir())
	lifecycle := "temporal"
	if estest.HasILM(t, address) {
		lifecycle = "ilm"
	}
	var bare []string
	for node := range strings.SplitSeq(address, ",") {
		u, err := url.Parse(node)
		if err != nil {
			t.Fatal(err)
		}
		if password, ok := u.User.Password(); ok {
			t.Setenv("AUDITTRAIL_ELASTIC_USERNAME", u.User.Username())
			t.Setenv("AUDITTRAIL_ELASTIC_PASSWORD", password)
		}
		u.User = nil
		bare = append(bare, u.String())
	}
	for name, value := range map[string]string{"INDEX": "elastic", "ELASTIC_URLS": strings.Join(bare, ","), "ELASTIC_PREFIX": prefix,
		"ELASTIC_REPLICAS": "0", "ELASTIC_LIFECYCLE": lifecycle} {
		t.Setenv("AUDITTRAIL_"+name, value)
	}
	return address, prefix
}

// setup runs the command and reads its report.
func setup(t *testing.T, args ...string) app.SetupReport {
	t.Helper()
	code, stdout, stderr := command(t, "", append([]string{"setup", "-o", "json"}, args...)...)
	var report app.SetupReport
	if err := json.Unmarshal([]byte(stdout), &report); code != 0 || err != nil {
		t.Fatalf("setup %v: exit %d, %v\n%s%s", args, code, err, stdout, stderr)
	}
	return report
}

// steps are the changes of a report in one line each.
func steps(report app.SetupReport) string {
	var list []string
	for _, c := range report.Changes {
		list = append(list, c.Of+": "+c.Object+": "+c.Action)
	}
	return strings.Join(list, "\n")
}

func TestSetupShowsWhatItWouldDoDoesItAndThenHasNothingToDo(t *testing.T) {
	address, prefix := onCluster(t)
	planned := setup(t, "--dry-run")
	for _, want := range []string{"events: index template: create", "events: data stream: create", "records: index template: create", "records: index: create"} {
		if !strings.Contains(steps(planned), want) {
			t.Errorf("the plan lacks %q:\n%s", want, steps(planned))
		}
	}
	if status := estest.Ask(t, address, http.MethodGet, "/_index_template/"+prefix+"-events", "", nil); status != http.StatusNotFound {
		t.Errorf("the dry run made something: its template is answered %d", status)
	}
	if _, stdout, _ := command(t, "", "setup", "--dry-run"); !strings.Contains(stdout, "data stream "+prefix+"-events: create\n") || !strings.Contains(stdout, "Nothing was changed") {
		t.Errorf("for people, the plan is\n%s", stdout)
	}
	if code, _, stderr := command(t, "", "orgs", "list"); code != 1 || !strings.Contains(stderr, "audittrail setup") {
		t.Errorf("before setup: exit %d\n%s", code, stderr)
	}
	if done := setup(t); steps(done) != steps(planned) || done.DryRun {
		t.Errorf("planned was\n%s\nand done\n%s", steps(planned), steps(done))
	}
	if again := setup(t); len(again.Changes) > 0 {
		t.Errorf("the second run changed\n%s", steps(again))
	}
	if _, stdout, _ := command(t, "", "setup"); !strings.HasPrefix(stdout, "Nothing to do") {
		t.Errorf("for people, the third run says\n%s", stdout)
	}

	code, stdout, stderr := command(t, "", "orgs", "create", "acme", "--name", "Acme")
	if code != 0 || !strings.Contains(stdout, "AUDITTRAIL_KEY=at_") {
		t.Fatalf("orgs create: exit %d\n%s%s", code, stdout, stderr)
	}
	if code, stdout, stderr := command(t, "", "orgs", "list"); code != 0 || !strings.Contains(stdout, "Acme") {
		t.Errorf("orgs list: exit %d\n%s%s", code, stdout, stderr)
	}
	if code, _, stderr := command(t, "", "verify"); code != 1 || !strings.Contains(stderr, "only those of sqlite") {
		t.Errorf("verify: exit %d\n%s", code, stderr)
	}
}

func TestSetupShowsPathByPathWhatWasChangedByHandAndPutsItRight(t *testing.T) {
	address, prefix := onCluster(t)
	setup(t)
	var answer struct {
		Templates []struct {
			Template map[string]any `json:"index_template"`
		} `json:"index_templates"`
	}
	estest.Ask(t, address, http.MethodGet, "/_index_template/"+prefix+"-events", "", &answer)
	template := answer.Templates[0].Template
	template["priority"] = 7
	body, err := json.Marshal(template)
	if err != nil {
		t.Fatal(err)
	}
	if status := estest.Ask(t, address, http.MethodPut, "/_index_template/"+prefix+"-events", string(body), nil); status != http.StatusOK {
		t.Fatalf("the template cannot be changed: %d", status)
	}
	planned := setup(t, "--dry-run")
	if len(planned.Changes) != 1 || len(planned.Changes[0].Differences) != 1 || planned.Changes[0].Differences[0] != (app.SetupDifference{Path: "priority", Have: "7", Want: "500"}) {
		t.Errorf("the plan is %+v", planned.Changes)
	}
	if _, stdout, _ := command(t, "", "setup"); !strings.Contains(stdout, "  priority: is 7, should be 500\n") {
		t.Errorf("for people, it says\n%s", stdout)
	}
	if again := setup(t); len(again.Changes) > 0 {
		t.Errorf("after that it changed\n%s", steps(again))
	}
}

func TestWhatSetupRefusesLeavesEverythingAsItIs(t *testing.T) {
	address, prefix := onCluster(t)
	// In the way of the records: nothing is made for events either.
	if status := estest.Ask(t, address, http.MethodPut, "/"+prefix+"-records", "", nil); status != http.StatusOK {
		t.Fatalf("the index cannot be made: %d", status)
	}
	code, _, stderr := command(t, "", "setup")
	if code != 1 || !strings.Contains(stderr, prefix+"-records") || !strings.Contains(stderr, "elastic.prefix") {
		t.Errorf("exit %d\n%s", code, stderr)
	}
	if status := estest.Ask(t, address, http.MethodGet, "/_index_template/"+prefix+"-events", "", nil); status != http.StatusNotFound {
		t.Errorf("something was made for events: the template is answered %d", status)
	}
}

func TestSetupOfTenAtOnceIsOneSetup(t *testing.T) {
	onCluster(t)
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			if code, stdout, stderr := command(t, "", "setup"); code != 0 {
				t.Errorf("exit %d\n%s%s", code, stdout, stderr)
			}
		})
	}
	all.Wait()
	if again := setup(t); len(again.Changes) > 0 {
		t.Errorf("after that there was still to do\n%s", steps(again))
	}
}
