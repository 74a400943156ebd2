package elastic

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/cluster"
	"github.com/audittrail/audittrail/internal/estest"
)

// documentedRole returns a role as docs/elasticsearch.md shows it.
func documentedRole(t *testing.T, name string) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/elasticsearch.md")
	if err != nil {
		t.Fatal(err)
	}
	match := regexp.MustCompile("(?s)PUT /_security/role/" + name + "\n(.*?)\n```").FindStringSubmatch(string(page))
	if match == nil {
		t.Fatalf("docs/elasticsearch.md does not show the role %s", name)
	}
	return match[1]
}

// as connects with an API key that has the roles.
func as(t *testing.T, url string, roles ...string) *bench {
	t.Helper()
	descriptors := make([]string, len(roles))
	for i, role := range roles {
		descriptors[i] = fmt.Sprintf("%q:%s", fmt.Sprint("role", i), role)
	}
	var key struct{ Encoded string }
	body := `{"name":"test","role_descriptors":{` + strings.Join(descriptors, ",") + `}}`
	if status := estest.Ask(t, url, http.MethodPost, "/_security/api_key", body, &key); status != http.StatusOK {
		t.Fatalf("POST _security/api_key: %d", status)
	}
	_, host, _ := strings.Cut(url, "@")
	client, err := cluster.Open(t.Context(), cluster.Options{URLs: []string{"http://" + host}, APIKey: key.Encoded})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &bench{t: t, ctx: t.Context(), client: client, opts: SetupOptions{Lifecycle: LifecycleTemporal, Prefix: DefaultPrefix}}
}

// TestTheDocumentedRolesAreEnoughAndNamedWhereTheyAreMissing needs security, and so a node of its own.
func TestTheDocumentedRolesAreEnoughAndNamedWhereTheyAreMissing(t *testing.T) {
	t.Parallel()
	url := estest.Start(t, estest.Options{Password: "test-password"}).URL
	setup, run, temporal := documentedRole(t, "audittrail_setup"), documentedRole(t, "audittrail"), documentedRole(t, "audittrail_lifecycle")

	b := as(t, url, run)
	_, err := b.setup(small(t, 1))
	wantUnavailable(t, err, "missing is the cluster privilege manage_index_templates", "the index privilege manage on audittrail-events")

	b = as(t, url, setup)
	b.mustSetup(small(t, 1))
	b.mustSetup(small(t, 2))
	b.mustSetup(small(t, 4))
	if plan := b.mustSetup(small(t, 4)); len(plan.Changes) > 0 {
		t.Fatalf("setup leaves to do: %v", plan.error())
	}

	b = as(t, url, run)
	if findings, err := b.installer(small(t, 4)).check(b.ctx); err != nil || len(findings) > 0 {
		t.Fatalf("check finds %v (%v), want nothing", findings, err)
	}
	now := time.Now()
	b.store(at(now))
	_, err = newRetention(b.installer(small(t, 4)), func() time.Time { return now.Add(31 * dayLong) }).run(b.ctx)
	wantUnavailable(t, err, "missing is the index privilege manage on audittrail-events")

	b = as(t, url, run, temporal)
	report, err := newRetention(b.installer(small(t, 4)), func() time.Time { return now.Add(200 * dayLong) }).run(b.ctx)
	if err != nil || len(report.Problems) > 0 || len(report.Dropped) == 0 {
		t.Fatalf("got %+v (%v), want something dropped", report, err)
	}

	b = as(t, url, `{"cluster":["monitor"]}`)
	_, err = b.installer(small(t, 4)).check(b.ctx)
	wantUnavailable(t, err, "missing is the index privilege view_index_metadata on audittrail-events")
	_, err = b.setup(small(t, 4))
	wantUnavailable(t, err, "the cluster privilege manage_index_templates, and the index privilege manage on audittrail-events")
}

func wantUnavailable(t *testing.T, err error, parts ...string) {
	t.Helper()
	if audit.CodeOf(err) != audit.CodeUnavailable {
		t.Fatalf("got error %v of code %q, want unavailable", err, audit.CodeOf(err))
	}
	wantParts(t, err.Error(), parts...)
}
