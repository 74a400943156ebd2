package cli_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHealthSaysHowAServerIs(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"status":"ok"}`) })
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		io.WriteString(w, `{"status":"down","parts":[{"name":"index","state":"up"},{"name":"temporal","state":"down","detail":"does not answer"}]}`)
	})
	lives := httptest.NewServer(mux)
	defer lives.Close()
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>hello</html>") }))
	defer page.Close()
	tests := []struct {
		name  string
		args  []string
		code  int
		words []string
	}{
		{"a server that lives", []string{"health", "--server", lives.URL}, 0, []string{"is ok"}},
		{"for programs", []string{"health", "--server", lives.URL, "-o", "json"}, 0, []string{`"status": "ok"`}},
		{"a part is down", []string{"health", "--ready", "--server", lives.URL}, 1, []string{"temporal", "does not answer", "cannot do its work now"}},
		{"something else answers", []string{"health", "--server", page.URL}, 1, []string{"is not Audittrail (status 200)"}},
		{"nobody answers", []string{"health", "--server", "http://127.0.0.1:1"}, 1, []string{"http://127.0.0.1:1 does not answer"}},
		{"an address that is none", []string{"health", "--server", "here"}, 2, []string{"server:"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			code, out, errs := command(t, "", test.args...)
			if code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			for _, words := range test.words {
				if !strings.Contains(out+errs, words) {
					t.Errorf("%q is missing in:\n%s%s", words, out, errs)
				}
			}
		})
	}
}
