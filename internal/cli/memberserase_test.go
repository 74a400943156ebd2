package cli_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

func TestAMemberIsErasedWhenThatIsMeant(t *testing.T) {
	t.Chdir(t.TempDir())
	var calls []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		calls = append(calls, r.Method+" "+r.URL.EscapedPath()+" "+strings.TrimSpace(string(body)))
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"id":"u/7","included":false,"name":"Erased member 7f3c09be","erased_at":"2026-11-24T12:00:00Z"}`)
	}))
	t.Cleanup(server.Close)
	t.Setenv("AUDITTRAIL_SERVER", server.URL)
	t.Setenv("AUDITTRAIL_KEY", "at_test")

	code, _, stderr := command(t, "u/7\n", "members", "erase", "u/7") // what is piped is no answer of a person
	if code != 2 || !strings.Contains(stderr, "--yes") || len(calls) > 0 {
		t.Errorf("exit %d, asked %v: %s", code, calls, stderr)
	}
	code, stdout, stderr := command(t, "", "members", "erase", "u/7", "--yes")
	if code != 0 || stdout != "erased: u/7 is Erased member 7f3c09be from now on\n" {
		t.Errorf("exit %d: %s%s", code, stdout, stderr)
	}
	if want := []string{`POST /v1/members/u%2F7/erase {"confirm":"u/7"}`}; !slices.Equal(calls, want) {
		t.Errorf("it asked %q", calls)
	}
}
