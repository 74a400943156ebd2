package cli_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/audittrail/audittrail/internal/cli"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// command runs the command line in an empty folder of settings.
func command(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = cli.Run(t.Context(), args, cli.Options{Stdin: strings.NewReader(stdin), Stdout: &out, Stderr: &errs})
	return code, out.String(), errs.String()
}

// producer is a server that takes events, as the API does, and remembers their ids.
type producer struct {
	mu     sync.Mutex
	events []map[string]any
	ids    map[string]int
	answer func(n int) int // HTTP status of the n-th request; 200 where nil
	calls  int
}

func (p *producer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls++
	body, _ := io.ReadAll(r.Body)
	if p.answer != nil {
		if status := p.answer(p.calls); status != http.StatusOK {
			w.WriteHeader(status)
			return
		}
	}
	results, created, duplicates, rejected := []map[string]any{}, 0, 0, 0
	for line := range strings.Lines(string(body)) {
		var event map[string]any
		if json.Unmarshal([]byte(line), &event) != nil || event["action"] == nil {
			rejected++
			results = append(results, map[string]any{"status": "rejected", "errors": []map[string]string{{"field": "action", "message": "is required"}}})
			continue
		}
		id := fmt.Sprint(event["id"])
		p.ids[id]++
		status := "duplicate"
		if p.ids[id] == 1 {
			p.events = append(p.events, event)
			created++
			status = "created"
		} else {
			duplicates++
		}
		results = append(results, map[string]any{"id": id, "status": status})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"created": created, "duplicates": duplicates, "rejected": rejected, "results": results})
}

func newProducer(t *testing.T) *producer {
	t.Helper()
	t.Chdir(t.TempDir())
	p := &producer{ids: make(map[string]int)}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	t.Setenv("AUDITTRAIL_SERVER", server.URL)
	t.Setenv("AUDITTRAIL_KEY", "at_test")
	return p
}

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func lines(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"time":"2026-01-01T00:00:00Z","action":"a.b","n":%d}`+"\n", i)
	}
	return b.String()
}

func zip(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return b.String()
}

type totals struct {
	Created, Duplicates, Rejected int
}

func ingest(t *testing.T, path string, more ...string) (totals, int, string) {
	t.Helper()
	code, stdout, stderr := command(t, "", append([]string{"ingest", "-o", "json", path}, more...)...)
	var all []totals
	if err := json.Unmarshal([]byte(stdout), &all); err != nil || len(all) != 1 {
		t.Fatalf("exit %d: %v\n%s\n%s", code, err, stdout, stderr)
	}
	return all[0], code, stderr
}

func TestIngestTakesEveryForm(t *testing.T) {
	array := "[" + strings.ReplaceAll(strings.TrimSpace(lines(1200)), "\n", ",\n  ") + "]\n"
	for name, text := range map[string]string{"NDJSON": lines(1200), "gzip": zip(lines(1200)), "an array": array, "a zipped array": zip(array),
		"empty lines and no newline at the end": "\n\n" + strings.TrimSpace(strings.ReplaceAll(lines(1200), "\n", "\r\n\n"))} {
		t.Run(name, func(t *testing.T) {
			p := newProducer(t)
			path := writeFile(t, "events", text)
			got, code, stderr := ingest(t, path)
			if got != (totals{Created: 1200}) || code != 0 {
				t.Fatalf("exit %d, %+v\n%s", code, got, stderr)
			}
			if again, code, _ := ingest(t, path); again != (totals{Duplicates: 1200}) || code != 0 {
				t.Errorf("sent again: exit %d, %+v; every event must be a duplicate", code, again)
			}
			if len(p.events) != 1200 {
				t.Errorf("%d events are stored", len(p.events))
			}
			if left, _ := filepath.Glob(path + ".*"); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestIngestWritesRejectedLinesWithTheirReasonsAndSendsTheRest(t *testing.T) {
	newProducer(t)
	path := writeFile(t, "events.ndjson", lines(2)+"{\"time\":1}\nnot json\n"+strings.Repeat("x", 2<<20)+"\n"+lines(1))
	got, code, stderr := ingest(t, path)
	if got != (totals{Created: 3, Rejected: 3}) || code != 1 || !strings.Contains(stderr, "3 events were rejected") {
		t.Errorf("exit %d, %+v\n%s", code, got, stderr)
	}
	data, err := os.ReadFile(path + ".rejected.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`{"line":3,"errors":[{"field":"action","message":"is required"}]`, `{"line":4,`, `"event":"not json"`, `{"line":5,`, "is longer than"} {
		if !strings.Contains(string(data), want) {
			t.Errorf("the rejected lines lack %s:\n%s", want, data)
		}
	}
}

func TestOneRejectedEventIsSaidAsOne(t *testing.T) {
	newProducer(t)
	if _, code, stderr := ingest(t, writeFile(t, "events.ndjson", lines(1)+"{}\n")); code != 1 || !strings.Contains(stderr, "1 event was rejected; ") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}

func TestIngestOfSeveralFilesNamesEachThatHasRejectedLines(t *testing.T) {
	newProducer(t)
	first, second := writeFile(t, "first.ndjson", "{}\n{}\n"), writeFile(t, "second.ndjson", lines(1)+"{}\n")
	code, _, stderr := command(t, "", "ingest", first, second)
	for _, want := range []string{"3 events were rejected", first + ".rejected.ndjson", second + ".rejected.ndjson"} {
		if code != 1 || !strings.Contains(stderr, want) {
			t.Errorf("exit %d, want 1 and %q in:\n%s", code, want, stderr)
		}
	}
}

func TestIngestSendsWhatATruncatedFileHoldsAndSaysWhereItBreaks(t *testing.T) {
	p := newProducer(t)
	whole := zip(lines(5000))
	path := writeFile(t, "events.gz", whole[:len(whole)/2])
	_, code, stderr := ingest(t, path)
	if code != 1 || !strings.Contains(stderr, "breaks behind event") {
		t.Errorf("exit %d\n%s", code, stderr)
	}
	if len(p.events) < 100 || len(p.events) >= 5000 {
		t.Errorf("%d events of half a file are stored", len(p.events))
	}
}

func TestIngestGoesOnWhereAnInterruptedRunEnded(t *testing.T) {
	p := newProducer(t)
	path := writeFile(t, "events.ndjson", lines(5000))
	p.answer = func(n int) int {
		if n > 3 {
			return http.StatusForbidden // as when the key is revoked
		}
		return http.StatusOK
	}
	if _, code, _ := ingest(t, path, "--in-flight", "1"); code != 1 || len(p.events) != 1500 {
		t.Fatalf("exit %d with %d events stored, want 1 and 1,500", code, len(p.events))
	}
	p.answer = nil
	got, code, stderr := ingest(t, path)
	if got != (totals{Created: 5000}) || code != 0 || !strings.Contains(stderr, "going on behind line 1,500") {
		t.Errorf("exit %d, %+v\n%s", code, got, stderr)
	}
	for id, n := range p.ids {
		if n != 1 {
			t.Fatalf("%s was sent %d times", id, n)
		}
	}
}

func TestIngestBeginsAtTheStartForAnotherKey(t *testing.T) {
	p := newProducer(t)
	path := writeFile(t, "events.ndjson", lines(2000))
	p.answer = func(n int) int {
		if n > 1 {
			return http.StatusForbidden
		}
		return http.StatusOK
	}
	if _, code, _ := ingest(t, path, "--in-flight", "1"); code != 1 || len(p.events) != 500 {
		t.Fatalf("exit %d with %d events stored, want 1 and 500", code, len(p.events))
	}
	p.answer, p.events, p.ids = nil, nil, make(map[string]int)
	t.Setenv("AUDITTRAIL_KEY", "at_another") // of another organization, which has nothing of the file yet
	if got, code, stderr := ingest(t, path); got != (totals{Created: 2000}) || code != 0 || len(p.events) != 2000 {
		t.Errorf("exit %d, %+v, %d events stored\n%s", code, got, len(p.events), stderr)
	}
}

func TestIngestComesBackToAServerThatIsBusyOrAway(t *testing.T) {
	for name, status := range map[string]int{"busy": http.StatusTooManyRequests, "away": http.StatusServiceUnavailable} {
		t.Run(name, func(t *testing.T) {
			p := newProducer(t)
			p.answer = func(n int) int {
				if n == 1 {
					return status
				}
				return http.StatusOK
			}
			if got, code, stderr := ingest(t, writeFile(t, "events", lines(10))); got != (totals{Created: 10}) || code != 0 {
				t.Errorf("exit %d, %+v\n%s", code, got, stderr)
			}
		})
	}
}

func TestIngestShiftMovesTheNewestEventToNow(t *testing.T) {
	p := newProducer(t)
	text := `{"id":"a","metadata":{"time":"2020-01-01T00:00:00Z"},"time":"2020-01-01T00:00:00Z","action":"a.b"}` + "\n" +
		`{"id":"b","time":"2020-01-01T01:00:00+00:00","action":"a.b"}` + "\n"
	began := time.Now()
	if got, code, stderr := ingest(t, writeFile(t, "events", text), "--shift"); got != (totals{Created: 2}) || code != 0 {
		t.Fatalf("exit %d, %+v\n%s", code, got, stderr)
	}
	at := make(map[string]time.Time)
	for _, e := range p.events {
		moved, err := time.Parse(time.RFC3339Nano, e["time"].(string))
		if err != nil {
			t.Fatal(err)
		}
		at[e["id"].(string)] = moved
	}
	if at["b"].Sub(at["a"]) != time.Hour || at["b"].Before(began.Add(-time.Second)) || at["b"].After(time.Now()) {
		t.Errorf("the times are %v", at)
	}
	if inner := p.events[0]["metadata"].(map[string]any)["time"]; inner != "2020-01-01T00:00:00Z" {
		t.Errorf("a time within the metadata became %v", inner)
	}
}

func TestStandardInputIsSentOnceEachEvent(t *testing.T) {
	p := newProducer(t)
	same := `{"action":"a.b"}` + "\n" + `{"action":"a.b"}` + "\n"
	code, stdout, stderr := command(t, same, "ingest", "-o", "json")
	if code != 0 || len(p.events) != 2 {
		t.Errorf("exit %d, %d events: two equal lines are two events\n%s%s", code, len(p.events), stdout, stderr)
	}
}

func TestOrganizationsAreMadeOnTheDataDirectoryAndTheKeyIsShownOnce(t *testing.T) {
	dir := t.TempDir()
	code, stdout, stderr := command(t, "", "orgs", "create", "acme", "--name", "Acme", "--data-dir", dir)
	if code != 0 || !strings.Contains(stdout, "AUDITTRAIL_KEY=at_") {
		t.Fatalf("exit %d\n%s%s", code, stdout, stderr)
	}
	if code, _, stderr := command(t, "", "orgs", "create", "acme", "--name", "Acme", "--data-dir", dir); code != 1 || !strings.Contains(stderr, "acme exists") {
		t.Errorf("made twice: exit %d\n%s", code, stderr)
	}
	code, stdout, stderr = command(t, "", "login-link", "--data-dir", dir, "--listen", "127.0.0.1:9123")
	if code != 0 || !strings.Contains(stdout, "  http://127.0.0.1:9123/sign-in?link=al_") || !strings.Contains(stdout, "creator of acme") {
		t.Errorf("a link to sign in: exit %d\n%s%s", code, stdout, stderr)
	}
	if code, stdout, stderr := command(t, "", "login-link", "--member", "nobody", "--data-dir", dir); code != 1 || stdout != "" || !strings.Contains(stderr, `"nobody" is not an active member`) {
		t.Errorf("a link for nobody: exit %d\n%s%s", code, stdout, stderr)
	}
	if code, stdout, _ := command(t, "", "orgs", "list", "--data-dir", dir); code != 0 || !strings.Contains(stdout, "acme") || strings.Contains(stdout, "at_") {
		t.Errorf("the list is\n%s", stdout)
	}
	if code, stdout, stderr := command(t, "", "verify", "--data-dir", dir); code != 0 || !strings.Contains(stdout, "0 events") {
		t.Errorf("verify: exit %d\n%s%s", code, stdout, stderr)
	}
}

func TestConfigShowsValuesAndSourcesButNoSecrets(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("AUDITTRAIL_SMS_AUTH_TOKEN", "hunter2")
	code, stdout, stderr := command(t, "", "config", "--listen", ":9")
	if code != 0 || strings.Contains(stdout, "hunter2") {
		t.Fatalf("exit %d\n%s%s", code, stdout, stderr)
	}
	for _, want := range []string{"flag --listen", "environment AUDITTRAIL_SMS_AUTH_TOKEN", "temporal.namespace", "********"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("the settings lack %q:\n%s", want, stdout)
		}
	}
}

func TestSampleWritesTheSameBytesEveryTime(t *testing.T) {
	args := []string{"sample", "-n", "100", "--end", "2026-11-01T00:00:00Z"}
	_, first, _ := command(t, "", args...)
	_, second, _ := command(t, "", args...)
	if first != second || strings.Count(first, "\n") != 100 {
		t.Errorf("%d and %d lines", strings.Count(first, "\n"), strings.Count(second, "\n"))
	}
}

func TestHelpTeaches(t *testing.T) {
	for _, name := range []string{"", "ingest", "search", "export", "exports", "exports list", "exports download", "orgs", "demo", "config", "standalone"} {
		args := append(strings.Fields(name), "--help")
		if code, stdout, _ := command(t, "", args...); code != 0 || !strings.Contains(stdout, "Usage: audittrail") {
			t.Errorf("%s: exit %d\n%s", strings.Join(args, " "), code, stdout)
		}
	}
}
