package test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/audittrail/audittrail/audit"
)

// shell is the command line against a running server.
type shell struct {
	*standalone
	tenant *tenant
	key    string
	admin  *client
}

func newShell(t *testing.T, organization string) *shell {
	t.Helper()
	s := newStandalone(t)
	sh := &shell{standalone: s, tenant: s.newTenant(t, organization)}
	sh.key, sh.admin = sh.tenant.adminKey, sh.tenant.admin(t)
	return sh
}

// environment names the server and the key.
func (sh *shell) environment() []string {
	return []string{"AUDITTRAIL_SERVER=" + sh.url, "AUDITTRAIL_KEY=" + sh.key}
}

// command is one that uses the server and the key.
func (sh *shell) command() command { return command{env: sh.environment()} }

// totals is what `ingest -o json` prints of a file.
type totals struct {
	Created      int    `json:"created"`
	Duplicates   int    `json:"duplicates"`
	Rejected     int    `json:"rejected"`
	RejectedFile string `json:"rejected_file"`
}

// ingest runs the command on one file and wants the exit code.
func (sh *shell) ingest(t *testing.T, c command, code int, args ...string) (totals, result) {
	t.Helper()
	r := c.want(t, code, append([]string{"ingest", "-o", "json"}, args...)...)
	return readTotals(t, r), r
}

func readTotals(t *testing.T, r result) totals {
	t.Helper()
	list := decoded[[]totals](t, r.stdout)
	if len(list) != 1 {
		t.Fatalf("want the totals of one file, got %s", r)
	}
	return list[0]
}

func decoded[T any](t *testing.T, text string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %s", err, clipped([]byte(text)))
	}
	return v
}

// stored is how many of the events of the metadata value "batch" the server has.
func (sh *shell) stored(t *testing.T, batch string) int {
	t.Helper()
	found, _ := sh.admin.search(t, url.Values{"q": {batch}, "range": {"contacts", "login"}})
	return len(found)
}

// batchOf makes events that a search for the word finds.
func batchOf(word string, count int) []*audit.Event {
	events := make([]*audit.Event, count)
	for i := range events {
		events[i] = happened("contacts.member.added")
		events[i].Metadata = map[string]string{"batch": word}
	}
	return events
}

func write(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func zipped(t *testing.T, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
