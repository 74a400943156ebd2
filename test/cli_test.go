package test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/sample"
)

func TestTheCommandLineDoesTheMainJob(t *testing.T) {
	t.Parallel()
	sh := newShell(t, "cli")
	t.Run("ingest takes every form of input, and sending again stores nothing twice", sh.testForms)
	t.Run("ingest sends what can be read of a file that was cut off", sh.testCutOff)
	t.Run("ingest stores every good line and writes the bad ones with reasons", sh.testRejected)
	t.Run("ingest goes on where it was interrupted or killed", sh.testResume)
	t.Run("search prints tables for people and JSON for programs", sh.testSearch)
	t.Run("export downloads and verifies", sh.testExport)
	t.Run("exports are listed, shown, downloaded, repeated and cancelled", sh.testExports)
	t.Run("keys are made, work, and are revoked", sh.testKeys)
	t.Run("reminders are made, tested, and show what they sent", sh.testReminders)
	t.Run("organizations are made beside the running server", sh.testOrgs)
	t.Run("ingest waits for a server that was killed", sh.testServerAway)
}

func (sh *shell) testSearch(t *testing.T) {
	events := batchOf("searchable", 1200)
	for batch := range slices.Chunk(events, audit.MaxRequestEvents) {
		sh.admin.mustIngest(t, batch...)
	}
	r := sh.command().want(t, 0, "search", "searchable", "--range", "contacts", "--output", "json", "--limit", "0")
	var ids []string
	for line := range strings.Lines(r.stdout) {
		ids = append(ids, decoded[event](t, line).ID)
	}
	sameIDs(t, "search", ids, eventIDs(newestFirst(events)))
	r = sh.command().want(t, 0, "search", "searchable", "-n", "3", "--range", "contacts", "--from", "24h")
	if lines := strings.Split(strings.TrimSpace(r.stdout), "\n"); len(lines) != 4 || !strings.HasPrefix(lines[0], "TIME") || !strings.Contains(r.stderr, "1,200") {
		t.Errorf("the table: %s", r)
	}
	r = sh.command().want(t, 1, "search", `"not closed`)
	if !strings.Contains(r.stderr, "  q: ") {
		t.Errorf("unbalanced quotes: %s", r)
	}
}

func (sh *shell) testExport(t *testing.T) {
	enterprise := sample.New(sample.Options{Seed: 9, Count: 21_000, End: time.Now(), Span: 24 * time.Hour})
	for batch := range slices.Chunk(slices.Collect(enterprise.Events()), audit.MaxRequestEvents) {
		sh.admin.mustIngest(t, batch...)
	}
	to := enterprise.End().Format(audit.TimeLayout)
	_, total := sh.admin.search(t, url.Values{"to": {to}, "total": {"exact"}})
	dir := filepath.Join(t.TempDir(), "reports")
	r := sh.command().want(t, 0, "export", "--mode", "all", "--to", to, "--dir", dir, "-o", "json")
	made := decoded[export](t, r.stdout)
	rows := int64(0)
	for _, f := range made.Files {
		content, err := os.ReadFile(filepath.Join(dir, f.Name))
		if err != nil {
			t.Fatal(err)
		}
		wantFile(t, f.ExportFile, content)
		if strings.HasSuffix(f.Name, ".csv") {
			rows += int64(len(csvRows(t, content)))
		}
	}
	if rows != total.Value || made.Rows != total.Value {
		t.Errorf("the files have %d rows, the export says %d, the search %d", rows, made.Rows, total.Value)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*.part")); err != nil || len(left) > 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
	r = sh.command().want(t, 1, "export", "--columns", "time,nonsense")
	if !strings.Contains(r.stderr, "columns[1]") || !strings.Contains(r.stderr, "actor_name") {
		t.Errorf("an unknown column: %s", r)
	}
	dir = t.TempDir()
	sh.command().want(t, 0, "export", "--log", "login", "--to", to, "--columns", "id,time", "--dir", dir)
	if content, err := os.ReadFile(filepath.Join(dir, "events.csv")); err != nil || !strings.HasPrefix(string(content), "\ufeffid,time\r\n") {
		t.Errorf("chosen columns: %.60q, %v", content, err)
	}
	r = sh.command().want(t, 0, "export", "--to", to, "--dir", t.TempDir())
	if !strings.Contains(r.stderr, "are cut") || !strings.Contains(r.stdout, "20,000") {
		t.Errorf("an export of the latest: %s", r)
	}
}

func (sh *shell) testReminders(t *testing.T) {
	r := sh.command().want(t, 0, "reminders", "create", "Failed logins", "--action", "login.failed", "--channel", "inbox,email", "--to", contactAdmin, "-o", "json")
	id := decoded[audit.Reminder](t, r.stdout).ID
	sh.command().want(t, 0, "reminders", "test", id)
	sh.awaitMail(t, promptly, sh.tenant.email(t, creator), nil)
	within(t, promptly, func() error {
		if r := sh.command().want(t, 0, "reminders", "deliveries", id); strings.Count(r.stdout, "sent") != 2 {
			return fmt.Errorf("the deliveries: %s", r)
		}
		return nil
	})
	if r := sh.command().want(t, 0, "reminders", "list"); !strings.Contains(r.stdout, "Failed logins") {
		t.Errorf("the list: %s", r)
	}
	if r := sh.command().want(t, 1, "reminders", "create", "x", "--action", "no such", "--to", "nobody"); !strings.Contains(r.stderr, "actions[0]") {
		t.Errorf("a wrong reminder: %s", r)
	}
	sh.command().want(t, 0, "reminders", "delete", id)
	refused(t, sh.admin, http.StatusNotFound, http.MethodGet, "/v1/reminders/"+id, nil)
}

func (sh *shell) testOrgs(t *testing.T) {
	local := command{env: []string{"AUDITTRAIL_DATA_DIR=" + sh.config.DataDir}}
	made := decoded[struct {
		Key string `json:"key"`
	}](t, local.want(t, 0, "orgs", "create", "beside", "--name", "Beside", "-o", "json").stdout)
	beside := command{env: []string{"AUDITTRAIL_SERVER=" + sh.url, "AUDITTRAIL_KEY=" + made.Key}}
	beside.want(t, 0, "search")
	lines := strings.Split(strings.TrimSpace(beside.want(t, 0, "search", "-o", "json", "--limit", "0").stdout), "\n")
	for i, line := range lines {
		first, e := i == len(lines)-1, decoded[audit.Event](t, line)
		if (e.Action == audit.ActionOrganizationCreated) != first || first && (e.Actor.ID != "audit_trail" || e.Targets[0].Name != "Beside") {
			t.Errorf("%d of %d events back is %s", i, len(lines), line)
		}
	}
	if r := local.want(t, 1, "orgs", "create", "beside", "--name", "Beside"); !strings.Contains(r.stderr, "choose another id") {
		t.Errorf("made twice: %s", r)
	}
	if r := local.want(t, 2, "orgs", "create", "Not/An/Id", "--name", "x"); !strings.Contains(r.stderr, "a-z") {
		t.Errorf("a wrong id: %s", r)
	}
	if r := local.want(t, 0, "orgs", "list"); !strings.Contains(r.stdout, "beside") || !strings.Contains(r.stdout, sh.tenant.id) {
		t.Errorf("the list: %s", r)
	}
}
