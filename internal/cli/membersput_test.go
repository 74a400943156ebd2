package cli_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// directory is a server with one member, who is told by the card; it answers with the last member that was put.
func directory(t *testing.T, card string) (put func() map[string]any) {
	t.Helper()
	t.Chdir(t.TempDir())
	var last map[string]any
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.Method == http.MethodPut {
			if err := json.NewDecoder(r.Body).Decode(&last); err != nil {
				t.Error(err)
			}
		}
		_, _ = io.WriteString(w, card)
	}))
	t.Cleanup(server.Close)
	t.Setenv("AUDITTRAIL_SERVER", server.URL)
	t.Setenv("AUDITTRAIL_KEY", "at_test")
	return func() map[string]any { return last }
}

func TestWhatIsNotSaidOfAMemberStaysAsItIs(t *testing.T) {
	const there = `{"id":"u_2","included":false,"name":"Bob","avatar":"https://x.org/b.png","email":"bob@x.org","phone":"+491701234567","departments":["Sales","Support"],` +
		`"role":"system_admin","status":"deactivated","user_name":"bob","version":7}`
	as := func(changes map[string]any) map[string]any {
		all := map[string]any{"name": "Bob", "avatar": "https://x.org/b.png", "email": "bob@x.org", "phone": "+491701234567", "departments": []any{"Sales", "Support"},
			"role": "system_admin", "status": "deactivated", "version": 7.0}
		for name, value := range changes {
			if all[name] = value; value == nil {
				delete(all, name)
			}
		}
		return all
	}
	for name, c := range map[string]struct {
		card string
		args []string
		want map[string]any
	}{
		"a name alone":             {there, []string{"--name", "Robert"}, as(map[string]any{"name": "Robert"})},
		"a role alone":             {there, []string{"--role", "member"}, as(map[string]any{"role": "member"})},
		"a status alone":           {there, []string{"--status", "active"}, as(map[string]any{"status": "active"})},
		"what is said to be empty": {there, []string{"--email", "", "--departments", ""}, as(map[string]any{"email": nil, "departments": nil})},
		"somebody new": {`{"id":"u_3","included":false,"notice":"…"}`, []string{"--name", "Eve", "--departments", "Sales"},
			map[string]any{"name": "Eve", "departments": []any{"Sales"}, "role": "member", "status": "active", "version": 0.0}},
	} {
		t.Run(name, func(t *testing.T) {
			put := directory(t, c.card)
			code, stdout, stderr := command(t, "", append([]string{"members", "put", "u_2"}, c.args...)...)
			if code != 0 || strings.TrimSpace(stdout) != "stored" {
				t.Fatalf("exit %d: %s%s", code, stdout, stderr)
			}
			if diff := cmp.Diff(c.want, put()); diff != "" {
				t.Errorf("what was put (-want +got):\n%s", diff)
			}
		})
	}
}
