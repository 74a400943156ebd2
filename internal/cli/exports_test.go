package cli_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
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

	"github.com/audittrail/audittrail/internal/cli"
)

const exported = "id\r\n1\r\n"

// shelf is a server with one export, x_1, of one file. Each look at a running one is a step: the last one makes it ready.
type shelf struct {
	mu     sync.Mutex
	status string
	steps  int    // looks until a running one is ready
	gone   bool   // whether the file is, which was there at the last look
	detail string // error of a failed one
	sum    string // SHA-256 that the server tells; that of the file where it is empty
	asked  []string
	looked func() // called at each look, where it is set
}

func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, r.Method+" "+r.URL.EscapedPath())
	switch r.Method + " " + r.URL.Path {
	case "GET /v1/exports/x_1", "POST /v1/exports":
		if s.looked != nil {
			s.looked()
		}
		_, _ = io.WriteString(w, s.export("x_1"))
		if s.steps--; s.status == "running" && s.steps <= 0 {
			s.status = "ready"
		}
	case "GET /v1/exports/x_1/files/events.csv":
		if s.gone {
			w.WriteHeader(http.StatusGone)
			_, _ = io.WriteString(w, `{"title":"Gone","status":410,"detail":"the export expired"}`)
			return
		}
		_, _ = io.WriteString(w, exported)
	case "POST /v1/exports/x_1/again":
		s.status = "running"
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, s.export("x_2"))
	case "DELETE /v1/exports/x_1":
		if s.status == "running" || s.status == "ready" {
			s.status = "revoked"
		}
		_, _ = io.WriteString(w, s.export("x_1"))
	default:
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"title":"Not Found","status":404,"detail":"export not found"}`)
	}
}

func (s *shelf) export(id string) string {
	sum := s.sum
	if sum == "" {
		hash := sha256.Sum256([]byte(exported))
		sum = hex.EncodeToString(hash[:])
	}
	files, times := "[]", ""
	if s.status == "ready" || s.status == "expired" {
		files = fmt.Sprintf(`[{"name":"events.csv","rows":1,"bytes":%d,"sha256":%q}]`, len(exported), sum)
		times = `"ready_at":"2026-11-20T08:00:05.000Z","expires_at":"2026-11-21T08:00:05.000Z",`
	}
	return fmt.Sprintf(`{"id":%q,"requested_by":"u_1","query":{"log":["login"],"q":"berlin"},"format":"csv","mode":"latest","columns":["id"],"status":%q,%s`+
		`"requested_at":"2026-11-20T08:00:00.000Z","matched":1,"rows":1,"truncated":0,"done":0,"progress":0,"files":%s,"error":%q,"version":1}`,
		id, s.status, times, files, s.detail)
}

func newShelf(t *testing.T, status string) *shelf {
	t.Helper()
	t.Chdir(t.TempDir())
	s := &shelf{status: status, steps: 3}
	serve(t, s)
	return s
}

// serve makes the handler the server of the commands.
func serve(t *testing.T, handler http.Handler) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	t.Setenv("AUDITTRAIL_SERVER", server.URL)
	t.Setenv("AUDITTRAIL_KEY", "at_test")
}

func TestAnExportIsDownloadedOnceItIsReady(t *testing.T) {
	for _, status := range []string{"ready", "running"} {
		t.Run(status, func(t *testing.T) {
			newShelf(t, status)
			code, stdout, stderr := command(t, "", "exports", "download", "x_1", "--dir", "deep/reports")
			path := filepath.Join("deep", "reports", "events.csv")
			if code != 0 || !strings.Contains(stdout, path) || !strings.Contains(stdout, "SHA-256") {
				t.Fatalf("exit %d: %s%s", code, stdout, stderr)
			}
			if content, err := os.ReadFile(path); err != nil || string(content) != exported {
				t.Errorf("the file is %q, %v", content, err)
			}
		})
	}
}

func TestADownloadThatWasDamagedLeavesNoFile(t *testing.T) {
	newShelf(t, "ready").sum = strings.Repeat("0", 64)
	code, _, stderr := command(t, "", "exports", "download", "x_1")
	if left, _ := filepath.Glob("*"); code != 1 || !strings.Contains(stderr, "damaged") || len(left) > 0 {
		t.Errorf("exit %d, left %v: %s", code, left, stderr)
	}
}

func TestAnExportThatIsOverSaysHowToGetItAgain(t *testing.T) {
	for status, want := range map[string]string{"expired": "expired", "revoked": "revoked", "failed": "failed: the disk is full"} {
		t.Run(status, func(t *testing.T) {
			s := newShelf(t, status)
			if status == "failed" {
				s.detail = "the disk is full"
			}
			code, stdout, stderr := command(t, "", "exports", "download", "x_1", "--dir", "reports")
			if code != 1 || stdout != "" || !strings.Contains(stderr, want) || !strings.Contains(stderr, "`audittrail exports again x_1`") {
				t.Errorf("exit %d: %s%s", code, stdout, stderr)
			}
			if _, err := os.Stat("reports"); err == nil {
				t.Error("it made a folder for no files")
			}
		})
	}
}

func TestAnExportThatEndsDuringItsDownloadSaysHowToGetItAgain(t *testing.T) {
	newShelf(t, "ready").gone = true
	code, stdout, stderr := command(t, "", "exports", "download", "x_1")
	if left, _ := filepath.Glob("*"); code != 1 || stdout != "" || len(left) > 0 || !strings.Contains(stderr, "`audittrail exports again x_1`") {
		t.Errorf("exit %d, left %v: %s%s", code, left, stdout, stderr)
	}
}

func TestAnExportThatIsNotThereSaysWhereToLook(t *testing.T) {
	for _, verb := range []string{"show", "download", "again", "cancel"} {
		newShelf(t, "ready")
		code, stdout, stderr := command(t, "", "exports", verb, "../keys")
		if code != 1 || stdout != "" || !strings.Contains(stderr, "404") || !strings.Contains(stderr, "`audittrail exports list`") {
			t.Errorf("%s: exit %d: %s%s", verb, code, stdout, stderr)
		}
	}
}

func TestAnEmptyIDOfAnExportIsAMistake(t *testing.T) {
	for _, verb := range []string{"show", "download", "again", "cancel"} {
		s := newShelf(t, "ready")
		code, _, stderr := command(t, "", "exports", verb, "")
		if code != 2 || len(s.asked) > 0 || !strings.Contains(stderr, "exports list") {
			t.Errorf("%s: exit %d, asked %v: %s", verb, code, s.asked, stderr)
		}
	}
}

func TestAnExportThatIsNotWaitedForIsNamedWithTheCommandThatDownloadsIt(t *testing.T) {
	for args, id := range map[string]string{"export --no-wait": "x_1", "exports again x_1": "x_2"} {
		newShelf(t, "running")
		code, stdout, stderr := command(t, "", strings.Fields(args)...)
		if code != 0 || stdout != id+"\n" || !strings.Contains(stderr, "`audittrail exports download "+id+"`") {
			t.Errorf("%s: exit %d: %q, %s", args, code, stdout, stderr)
		}
	}
}

func TestAnInterruptNamesTheCommandThatDownloadsTheExport(t *testing.T) {
	for _, args := range []string{"export", "exports download x_1"} {
		for look := 2; look <= 3; look++ {
			s := newShelf(t, "running")
			ctx, cancel := context.WithCancel(t.Context())
			looks := 0
			s.steps, s.looked = 1000, func() {
				if looks++; looks == look {
					cancel()
				}
			}
			var out, errs strings.Builder
			code := cli.Run(ctx, strings.Fields(args), cli.Options{Stdout: &out, Stderr: &errs})
			if code != 1 || !strings.Contains(errs.String(), "interrupted") || !strings.Contains(errs.String(), "`audittrail exports download x_1`") {
				t.Errorf("%s, at look %d: exit %d: %s", args, look, code, errs.String())
			}
		}
	}
}

func TestAnInterruptBeforeAnExportHasAnIDSaysWhereToLook(t *testing.T) {
	s := newShelf(t, "running")
	ctx, cancel := context.WithCancel(t.Context())
	s.looked = cancel
	var out, errs strings.Builder
	code := cli.Run(ctx, []string{"export"}, cli.Options{Stdout: &out, Stderr: &errs})
	if code != 1 || !strings.Contains(errs.String(), "interrupted") || !strings.Contains(errs.String(), "`audittrail exports ") {
		t.Errorf("exit %d: %s", code, errs.String())
	}
}

func TestCancellingSaysWhatBecameOfTheExport(t *testing.T) {
	for status, want := range map[string]string{"running": "revoked", "ready": "revoked", "expired": "expired: there was nothing left to cancel", "failed": "failed: there"} {
		s := newShelf(t, status)
		code, stdout, stderr := command(t, "", "exports", "cancel", "x_1")
		if code != 0 || !strings.Contains(stdout, want) || len(s.asked) != 1 {
			t.Errorf("%s: exit %d, asked %v: %s%s", status, code, s.asked, stdout, stderr)
		}
	}
}

func TestAnExportIsShownWithWhatItAsksForAndItsFiles(t *testing.T) {
	newShelf(t, "ready")
	code, stdout, stderr := command(t, "", "exports", "show", "x_1")
	for _, want := range []string{"x_1", "ready", "u_1", "log=login", "q=berlin", "2026-11-21 08:00:05", "events.csv", "csv"} {
		if code != 0 || !strings.Contains(stdout, want) {
			t.Errorf("exit %d, it lacks %q: %s%s", code, want, stdout, stderr)
		}
	}
}

func TestExportsPrintTheNamesOfTheAPI(t *testing.T) {
	for args, id := range map[string]string{"show x_1": "x_1", "download x_1": "x_1", "again x_1": "x_2", "cancel x_1": "x_1"} {
		newShelf(t, "ready")
		code, stdout, stderr := command(t, "", append([]string{"exports", "-o", "json"}, strings.Fields(args)...)...)
		var got map[string]any
		if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != 0 {
			t.Fatalf("%s: exit %d, %v: %s%s", args, code, err, stdout, stderr)
		}
		if got["id"] != id || got["requested_by"] != "u_1" || got["requested_at"] != "2026-11-20T08:00:00Z" || got["query"].(map[string]any)["q"] != "berlin" {
			t.Errorf("%s prints %v", args, got)
		}
	}
}

// listed is a server of exports x_1 to x_n, in pages as they are asked for.
func listed(t *testing.T, n int) {
	t.Helper()
	t.Chdir(t.TempDir())
	serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		first, limit := 0, 0
		_, _ = fmt.Sscan(r.URL.Query().Get("cursor"), &first)
		_, _ = fmt.Sscan(r.URL.Query().Get("limit"), &limit)
		page := map[string]any{}
		exports := []json.RawMessage{}
		for i := first; i < min(n, first+limit); i++ {
			exports = append(exports, json.RawMessage((&shelf{status: "ready"}).export(fmt.Sprintf("x_%d", i+1))))
		}
		if page["exports"] = exports; first+limit < n {
			page["next_cursor"] = fmt.Sprint(first + limit)
		}
		_ = json.NewEncoder(w).Encode(page)
	}))
}

func TestExportsAreListedAsFarAsIsAskedFor(t *testing.T) {
	for args, want := range map[string]int{"": 20, "-n 1500": 1500, "-n 0": 2500} {
		listed(t, 2500)
		code, stdout, stderr := command(t, "", append([]string{"exports", "list", "-o", "json"}, strings.Fields(args)...)...)
		var got struct {
			Exports []map[string]any `json:"exports"`
		}
		if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != 0 || len(got.Exports) != want {
			t.Fatalf("%q: exit %d, %v, %d exports, want %d: %s", args, code, err, len(got.Exports), want, stderr)
		}
		if more := strings.Contains(stderr, "--limit 0"); more != (want < 2500) {
			t.Errorf("%q: it says that there are more: %v", args, more)
		}
	}
	listed(t, 1)
	if code, stdout, _ := command(t, "", "exports", "list"); code != 0 || !strings.Contains(stdout, "REQUESTED") || !strings.Contains(stdout, "x_1") || !strings.Contains(stdout, "2026-11-21 08:00:05") {
		t.Errorf("the table: exit %d: %s", code, stdout)
	}
	listed(t, 0)
	if _, stdout, _ := command(t, "", "exports", "list", "-o", "json"); strings.Join(strings.Fields(stdout), "") != `{"exports":[]}` {
		t.Errorf("of none: %s", stdout)
	}
	if code, _, stderr := command(t, "", "exports", "list", "-n=-1"); code != 2 || !strings.Contains(stderr, "--limit") {
		t.Errorf("fewer than none: exit %d: %s", code, stderr)
	}
}
