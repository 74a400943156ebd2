package test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func (sh *shell) testExports(t *testing.T) {
	sh.admin.mustIngest(t, batchOf("kept", 30)...)
	r := sh.command().want(t, 0, "export", "kept", "--range", "contacts", "--columns", "id,time", "--no-wait")
	id := strings.TrimSpace(r.stdout)
	if !strings.Contains(r.stderr, "`audittrail exports download "+id+"`") {
		t.Errorf("what is not waited for does not say how to get it: %s", r)
	}
	if content := sh.downloaded(t, id); len(csvRows(t, content)) != 30 || !strings.HasPrefix(string(content), "\ufeffid,time\r\n") {
		t.Errorf("the file is %s", clipped(content))
	}
	if r := sh.command().want(t, 0, "exports", "list"); !strings.Contains(r.stdout, id) || !strings.Contains(r.stdout, "ready") {
		t.Errorf("the list: %s", r)
	}
	if r := sh.command().want(t, 0, "exports", "show", id); !strings.Contains(r.stdout, "q=kept") || !strings.Contains(r.stdout, "events.csv") {
		t.Errorf("the export: %s", r)
	}
	sh.admin.mustIngest(t, batchOf("kept", 3)...)
	again := strings.TrimSpace(sh.command().want(t, 0, "exports", "again", id).stdout)
	if content := sh.downloaded(t, again); again == id || len(csvRows(t, content)) != 33 {
		t.Errorf("again, as %s after %s, it has %d rows, want 33", again, id, len(csvRows(t, content)))
	}
	if r := sh.command().want(t, 0, "exports", "cancel", again); !strings.Contains(r.stdout, "revoked") {
		t.Errorf("cancelling: %s", r)
	}
	refused(t, sh.admin, http.StatusGone, http.MethodGet, "/v1/exports/"+again+"/files/events.csv", nil)
	if r := sh.command().want(t, 1, "exports", "download", again); !strings.Contains(r.stderr, "revoked") || !strings.Contains(r.stderr, "exports again "+again) {
		t.Errorf("after it was revoked: %s", r)
	}
	made := decoded[newKey](t, sh.command().want(t, 0, "keys", "create", "other", "--scopes", "exports", "--member", ordinary, "-o", "json").stdout)
	other := command{env: []string{"AUDITTRAIL_SERVER=" + sh.url, "AUDITTRAIL_KEY=" + made.Secret}}
	for _, verb := range []string{"show", "download", "again", "cancel"} {
		if r := other.want(t, 1, "exports", verb, id); !strings.Contains(r.stderr, "exports list") {
			t.Errorf("%s of somebody else's: %s", verb, r)
		}
	}
	if r := other.want(t, 0, "exports", "list"); strings.Contains(r.stdout, id) {
		t.Errorf("the list of somebody else: %s", r)
	}
}

// downloaded downloads an export of one CSV file with the command and compares the file with what the command says of it.
func (sh *shell) downloaded(t *testing.T, id string) []byte {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "reports")
	e := decoded[export](t, sh.command().want(t, 0, "exports", "download", id, "--dir", dir, "-o", "json").stdout)
	content, err := os.ReadFile(filepath.Join(dir, "events.csv"))
	if err != nil || len(e.Files) != 1 || e.ID != id {
		t.Fatalf("%v, the export is %+v", err, e)
	}
	wantFile(t, e.Files[0].ExportFile, content)
	return content
}
