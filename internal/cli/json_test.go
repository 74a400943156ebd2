package cli_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// told runs a command with JSON as its output against a server that gives one answer to everything, and returns what it printed.
func told(t *testing.T, answer string, args ...string) map[string]any {
	t.Helper()
	t.Chdir(t.TempDir())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, answer) }))
	t.Cleanup(server.Close)
	t.Setenv("AUDITTRAIL_SERVER", server.URL)
	t.Setenv("AUDITTRAIL_KEY", "at_test")
	code, stdout, stderr := command(t, "id,name\nu_2,Bob\n", append(args, "--output", "json")...)
	var got map[string]any
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != 0 {
		t.Fatalf("exit %d, %v: %s%s", code, err, stdout, stderr)
	}
	return got
}

func TestEveryCommandThatIsAskedForJSONPrintsJSON(t *testing.T) {
	for args, want := range map[string]map[string]any{
		"keys revoke k_1":      {"id": "k_1", "result": "revoked"},
		"reminders delete r_1": {"id": "r_1", "result": "deleted"},
		"members put u_2":      {"id": "u_2", "result": "stored"},
		"members import -":     {"stored": 1.0, "refused": 0.0},
		"version":              {"embedded_temporal": false},
	} {
		t.Run(args, func(t *testing.T) {
			got := told(t, `{}`, strings.Fields(args)...)
			for name, value := range want {
				if got[name] != value {
					t.Errorf("%s is %v, want %v, in %v", name, got[name], value, got)
				}
			}
		})
	}
}

func TestVerifyTellsProgramsWhatItFoundByNamesLikeAllOthers(t *testing.T) {
	_, stdout, _ := command(t, "", "verify", "--data-dir", t.TempDir(), "-o", "json")
	if want := `{"months":0,"events":0,"problems":[]}`; strings.Join(strings.Fields(stdout), "") != want {
		t.Errorf("it prints %s, want %s", stdout, want)
	}
}

func TestAnExportIsNotAskedForWhereItsFilesCannotBeWritten(t *testing.T) {
	asked := false
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	t.Cleanup(server.Close)
	t.Chdir(t.TempDir())
	for _, dir := range []string{writeFile(t, "taken", "a file"), "/proc"} { // in which not even root makes files
		code, _, stderr := command(t, "", "export", "--dir", dir, "--server", server.URL, "--key", "k")
		if code != 1 || asked || !strings.Contains(stderr, dir) {
			t.Errorf("exit %d, the server was asked: %v: %s", code, asked, stderr)
		}
	}
}

func TestAnExportThatIsNotReadyHasNoTimesAtWhichItIs(t *testing.T) {
	got := told(t, `{"id":"x_1","status":"running","files":[]}`, "export", "--no-wait")
	for _, name := range []string{"ready_at", "expires_at", "error"} {
		if value, found := got[name]; found {
			t.Errorf("%s is %v", name, value)
		}
	}
}
