package test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

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
