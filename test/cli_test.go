package test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/sample"
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

func TestTheCommandLineDoesTheMainJob(t *testing.T) {
	t.Parallel()
	sh := newShell(t, "cli")
	t.Run("ingest takes every form of input, and sending again stores nothing twice", sh.testForms)
	t.Run("ingest sends what can be read of a file that was cut off", sh.testCutOff)
	t.Run("ingest stores every good line and writes the bad ones with reasons", sh.testRejected)
	t.Run("ingest goes on where it was interrupted or killed", sh.testResume)
	t.Run("search prints tables for people and JSON for programs", sh.testSearch)
	t.Run("export downloads and verifies", sh.testExport)
	t.Run("keys are made, work, and are revoked", sh.testKeys)
	t.Run("reminders are made, tested, and show what they sent", sh.testReminders)
	t.Run("organizations are made beside the running server", sh.testOrgs)
	t.Run("ingest waits for a server that was killed", sh.testServerAway)
}

func (sh *shell) testForms(t *testing.T) {
	lines := func(word string) []byte { return ndjson(batchOf(word, 700)) }
	array := func(word string) []byte {
		return []byte("[\n" + strings.Join(strings.Split(strings.TrimSpace(string(lines(word))), "\n"), ",\n") + "\n]\n")
	}
	withoutIDs := func(word string) []byte {
		var b strings.Builder
		for i := range 700 {
			fmt.Fprintf(&b, `{"time":%q,"log":"login","action":"login.ended","actor":{"id":"u_%d"},"metadata":{"batch":%q}}`+"\n",
				time.Now().UTC().Format(time.RFC3339), i, word)
		}
		return []byte(b.String())
	}
	for _, form := range []struct {
		word, file string
		content    []byte
	}{
		{"formlines", "events.ndjson", lines("formlines")},
		{"formgzip", "events.ndjson.gz", zipped(t, lines("formgzip"))},
		{"formarray", "events.json", array("formarray")},
		{"formarraygzip", "events.json.gz", zipped(t, array("formarraygzip"))},
		{"formnoids", "noids.ndjson", withoutIDs("formnoids")},
	} {
		path := write(t, form.file, form.content)
		if got, r := sh.ingest(t, sh.command(), 0, path); got != (totals{Created: 700}) {
			t.Errorf("%s: %s", form.word, r)
		}
		if got, r := sh.ingest(t, sh.command(), 0, path); got != (totals{Duplicates: 700}) {
			t.Errorf("%s again: %s", form.word, r)
		}
		if got := sh.stored(t, form.word); got != 700 {
			t.Errorf("%s: %d events are stored", form.word, got)
		}
	}
	for _, content := range [][]byte{lines("formstdin"), zipped(t, array("formstdin"))} {
		c := sh.command()
		c.stdin = bytes.NewReader(content)
		if got, r := sh.ingest(t, c, 0, "-"); got != (totals{Created: 700}) {
			t.Errorf("standard input: %s", r)
		}
	}
	if r := sh.command().want(t, 0, "ingest", write(t, "e.ndjson", lines("formtable"))); !strings.Contains(r.stdout, "CREATED") || !strings.Contains(r.stdout, "700") {
		t.Errorf("the table: %s", r)
	}
}

func (sh *shell) testCutOff(t *testing.T) {
	events := batchOf("cutoff", 4000)
	whole := zipped(t, ndjson(events))
	got, r := sh.ingest(t, sh.command(), 1, write(t, "cut.ndjson.gz", whole[:len(whole)*2/3]))
	if got.Created == 0 || got.Created >= len(events) || got.Rejected > 0 || !strings.Contains(r.stderr, "breaks behind event") {
		t.Errorf("%s", r)
	}
	if stored := sh.stored(t, "cutoff"); stored != got.Created {
		t.Errorf("%d events are stored, and %d were said to be", stored, got.Created)
	}
	again, r := sh.ingest(t, sh.command(), 0, write(t, "whole.ndjson.gz", whole))
	if again.Duplicates != got.Created || again.Created != len(events)-got.Created {
		t.Errorf("then the whole file: %s", r)
	}
	_, r = sh.ingest(t, sh.command(), 1, write(t, "array.json", []byte("[\n"+strings.TrimSpace(string(ndjson(batchOf("cutarray", 1))))+",\n{\"id\":")))
	if !strings.Contains(r.stderr, "breaks behind event 1") || sh.stored(t, "cutarray") != 1 {
		t.Errorf("an array that is cut off: %s", r)
	}
}

func (sh *shell) testRejected(t *testing.T) {
	good := strings.Split(strings.TrimSpace(string(ndjson(batchOf("partly", 9)))), "\n")
	now := time.Now().UTC().Format(time.RFC3339)
	event := func(rest string) string {
		return fmt.Sprintf(`{"time":%q,"log":"login","action":"login.failed","actor":{"id":"u"}%s}`, now, rest)
	}
	bad := []struct{ line, reason string }{
		{`{"time":`, ""},
		{event(`,"colour":"red"`), "colour"},
		{event(`,"message":7`), "message"},
		{event(`,"id":"1","id":"2"`), "id"},
		{strings.Replace(event(""), now, "2026-11-20 08:00", 1), "time"},
		{strings.Replace(event(""), now, "2001-01-01T00:00:00Z", 1), "time"},
		{event(`,"message":"` + "\xff\xfe" + `"`), "UTF-8"},
		{event(`,"message":"` + strings.Repeat("x", 65<<10) + `"`), ""},
		{event(`,"metadata":` + strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100)), ""},
	}
	var lines []string
	for i, b := range bad {
		lines = append(lines, good[i], b.line)
	}
	path := write(t, "partly.ndjson", []byte(strings.Join(lines, "\n")))
	got, r := sh.ingest(t, sh.command(), 1, path)
	if got.Created != len(good) || got.Rejected != len(bad) || !strings.Contains(r.stderr, "rejected") {
		t.Fatalf("%s", r)
	}
	if stored := sh.stored(t, "partly"); stored != len(good) {
		t.Errorf("%d of %d good events are stored", stored, len(good))
	}
	written, err := os.ReadFile(got.RejectedFile)
	if err != nil {
		t.Fatal(err)
	}
	rejects := strings.Split(strings.TrimSpace(string(written)), "\n")
	if len(rejects) != len(bad) {
		t.Fatalf("the file of rejected lines has %d, want %d:\n%s", len(rejects), len(bad), written)
	}
	for i, line := range rejects {
		reject := decoded[struct {
			Line   int                `json:"line"`
			Errors []audit.FieldError `json:"errors"`
			Event  string             `json:"event"`
		}](t, line)
		reason := fmt.Sprint(reject.Errors)
		if reject.Line != 2*i+2 || len(reject.Errors) == 0 || !strings.Contains(reason, bad[i].reason) || !strings.HasPrefix(reject.Event, bad[i].line[:7]) {
			t.Errorf("line %d %.60q is rejected as %d: %s", 2*i+2, bad[i].line, reject.Line, reason)
		}
	}
}

func (sh *shell) testResume(t *testing.T) {
	for _, how := range []syscall.Signal{syscall.SIGINT, syscall.SIGKILL} {
		word := "resume" + strings.ReplaceAll(how.String(), " ", "")
		const count = 15_000
		path := write(t, "resume.ndjson", ndjson(batchOf(word, count)))
		p, err := spawn(t.TempDir(), sh.environment(), nil, "ingest", "-o", "json", "--in-flight", "1", path)
		if err != nil {
			t.Fatal(err)
		}
		sh.awaitNote(t, p, path)
		if err := p.cmd.Process.Signal(how); err != nil {
			t.Fatal(err)
		}
		<-p.done
		if p.err == nil {
			t.Fatalf("%s came too late: the file was through", how)
		}
		if how == syscall.SIGINT && !strings.Contains(p.stderr.String(), "goes on from there") {
			t.Errorf("interrupted, the command says %q", p.stderr.String())
		}
		got, r := sh.ingest(t, sh.command(), 0, path)
		if got.Created+got.Duplicates != count || !strings.Contains(r.stderr, "going on behind line") {
			t.Errorf("%s, then again: %s", how, r)
		}
		if stored := sh.stored(t, word); stored != count {
			t.Errorf("%s: %d of %d events are stored", how, stored, count)
		}
		if _, err := os.Stat(path + ".ingest.json"); err == nil {
			t.Errorf("the note of how far it came is still there")
		}
	}
}

// awaitNote waits until the command has noted how far it came.
func (sh *shell) awaitNote(t *testing.T, p *process, path string) {
	t.Helper()
	within(t, time.Minute, func() error {
		select {
		case <-p.done:
			t.Fatalf("the command was through before it could be interrupted: %s%s", p.stdout.String(), p.stderr.String())
		default:
		}
		_, err := os.Stat(path + ".ingest.json")
		return err
	})
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

// testServerAway is last, as it kills the server.
func (sh *shell) testServerAway(t *testing.T) {
	const count = 15_000
	path := write(t, "away.ndjson", ndjson(batchOf("away", count)))
	p, err := spawn(t.TempDir(), sh.environment(), nil, "ingest", "-o", "json", path)
	if err != nil {
		t.Fatal(err)
	}
	sh.awaitNote(t, p, path)
	sh.kill()
	within(t, 30*time.Second, func() error {
		if text := p.stderr.String(); !strings.Contains(text, "again in") {
			return fmt.Errorf("the command does not say that it waits: %q", text)
		}
		return nil
	})
	sh.start(t)
	<-p.done
	r := result{code: p.cmd.ProcessState.ExitCode(), stdout: p.stdout.String(), stderr: p.stderr.String()}
	if got := readTotals(t, r); r.code != 0 || got.Created+got.Duplicates != count {
		t.Errorf("%s", r)
	}
	if stored := sh.stored(t, "away"); stored != count {
		t.Errorf("%d of %d events are stored", stored, count)
	}
}
