package test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/catcher"
	"github.com/audittrail/audittrail/internal/migrate"
	"github.com/audittrail/audittrail/internal/sample"
)

// killDuring starts the command and kills it at some time while it runs, as often as it takes until it was running.
func killDuring(t *testing.T, env []string, after func() time.Duration, args ...string) {
	t.Helper()
	for range 10 {
		p, err := spawn(t.TempDir(), env, nil, args...)
		if err != nil {
			t.Fatal(err)
		}
		wait := after()
		moment := time.NewTimer(wait)
		select {
		case <-moment.C:
			p.kill()
			t.Logf("killed after %s", wait)
			return
		case <-p.done:
			if p.err != nil {
				t.Fatalf("%v\n%s%s", p.err, p.stdout.String(), p.stderr.String())
			}
		}
	}
	t.Fatal("it was always done before it could be killed")
}

func TestAServiceMovesToElasticsearchWithItsKeysRemindersLinksAndExports(t *testing.T) {
	t.Parallel()
	random := seededRandom(t)
	s := newStandalone(t)
	tn := s.newTenant(t, "moves")
	admin, member := tn.admin(t), tn.email(t, contactAdmin)
	reminder := tn.remind(t, audit.Channels(), "login.failed")
	for part := range slices.Chunk(slices.Collect(sample.New(sample.Options{Seed: 5, Organization: tn.id, Count: 6000, End: time.Now().Add(-time.Hour)}).Events()), audit.MaxRequestEvents) {
		admin.mustIngest(t, slices.DeleteFunc(part, func(e *audit.Event) bool { return e.Action == "login.failed" })...)
	}
	admin.mustIngest(t, happened("login.failed"))
	mail := s.awaitMail(t, time.Minute, member, nil)
	request := map[string]any{"format": "ndjson", "mode": "latest", "action": []string{"contacts.*"}}
	ready := admin.awaitExport(t, want[export](t, admin, http.StatusAccepted, http.MethodPost, "/v1/exports", request).ID, time.Minute, nil)
	within(t, time.Minute, func() error { return tn.delivered(t, reminder.ID, 1) })
	before, total := admin.search(t, url.Values{"action": {"contacts.*"}})
	if err := s.end(); err != nil {
		t.Fatal(err)
	}

	// The target is served at the same address, from another data directory with a Temporal of its own, and with the place of export files as it was.
	source, target := "sqlite:"+s.config.DataDir, *s.config
	target.DataDir, target.Files.URL = filepath.Join(t.TempDir(), "data"), "file://"+filepath.Join(s.config.DataDir, "exports")
	onCluster(t, &target)
	program := command{env: environment(&target)}
	program.want(t, 0, "setup")
	for range 3 {
		killDuring(t, program.env, func() time.Duration { return time.Duration(300+random.IntN(1200)) * time.Millisecond }, "migrate", "--from", source, "--to", "elastic")
	}
	report := decodeMoved(t, program.want(t, 0, "migrate", "--from", source, "--to", "elastic", "--output", "json"))
	t.Logf("the last run copied %d events", report.Copied)
	if !report.Same || len(report.Rows) == 0 {
		t.Fatalf("migrate: %+v", report)
	}

	s.config = &target
	s.start(t)
	after, afterTotal := admin.search(t, url.Values{"action": {"contacts.*"}})
	if len(after) != len(before) || afterTotal != total || len(before) == 0 || after[0].ID != before[0].ID {
		t.Errorf("a search with the old key finds %d events (%+v), and found %d (%+v)", len(after), afterTotal, len(before), total)
	}
	file := ready.Files[0]
	wantFile(t, file.ExportFile, admin.download(t, ready.ID, file.Name))
	again := admin.awaitExport(t, want[export](t, admin, http.StatusAccepted, http.MethodPost, "/v1/exports", request).ID, time.Minute, nil)
	if again.Files[0].SHA256 != file.SHA256 {
		t.Error("the same export has other rows than before the move")
	}
	admin.mustIngest(t, happened("login.failed"))
	s.awaitMail(t, time.Minute, member, func(m catcher.Mail) bool { return m.Header.Get("Message-Id") != mail.Header.Get("Message-Id") })
	within(t, time.Minute, func() error { return tn.delivered(t, reminder.ID, 2) })
	if mails := len(s.mails(member)); mails != 2 {
		t.Errorf("there are %d mails, want one from before the move and one from after it", mails)
	}
	link := strings.TrimPrefix(strings.Trim(mail.Header.Get("List-Unsubscribe"), "<>"), s.config.PublicURL)
	a, err := newClient(t, s.url, "").send(t.Context(), http.MethodPost, link, "application/x-www-form-urlencoded", []byte("List-Unsubscribe=One-Click"))
	if err != nil || a.status != http.StatusOK {
		t.Errorf("the link of the mail from before the move is answered %d %s, %v", a.status, clipped(a.body), err)
	}
}

func decodeMoved(t *testing.T, r result) migrate.Report {
	t.Helper()
	var report migrate.Report
	if err := json.Unmarshal([]byte(r.stdout), &report); err != nil {
		t.Fatalf("%v: %s", err, r)
	}
	return report
}

// delivered says what is missing until the reminder has told of so many events by mail, and fails where there are more.
func (tn *tenant) delivered(t *testing.T, reminder string, events int) error {
	t.Helper()
	told := 0
	for _, d := range tn.deliveries(t, reminder)[audit.ChannelEmail] {
		if d.Status != audit.DeliverySent {
			return fmt.Errorf("a delivery is %s: %s", d.Status, d.Error)
		}
		told += d.Events
	}
	if told > events {
		t.Fatalf("the reminder told of %d events, want %d", told, events)
	}
	if told < events {
		return fmt.Errorf("the reminder told of %d events, want %d", told, events)
	}
	return nil
}
