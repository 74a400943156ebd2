package test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/sample"
)

func TestEventsAreTakenAndNoReminderIsLostWhileTemporalIsAway(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "temporal")
	temporal, address, err := spawnTemporal(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { temporal.kill() }()
	s := newStandaloneOn(t, address)
	tn := s.newTenant(t, "away")
	admin, mailbox := tn.admin(t), tn.email(t, contactAdmin)
	reminder := tn.remind(t, []audit.Channel{audit.ChannelEmail}, "login.failed")
	admin.mustIngest(t, happened("login.failed"))
	s.awaitMail(t, promptly, mailbox, nil)

	temporal.kill()
	for range 5 {
		began := time.Now()
		admin.mustIngest(t, happened("login.failed"), happened("login.succeeded"))
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("an ingest took %s", took)
		}
	}
	p := want[page](t, admin, http.StatusOK, http.MethodGet, "/v1/events?action=login.failed", nil)
	if len(p.Events) != 6 {
		t.Errorf("a search finds %d events", len(p.Events))
	}
	if ready := newClient(t, s.url, "").do(t, http.MethodGet, "/readyz", nil); ready.status != http.StatusServiceUnavailable || !strings.Contains(string(ready.body), "temporal") {
		t.Errorf("/readyz answers %d %s", ready.status, ready.body)
	}
	a := admin.do(t, http.MethodPost, "/v1/exports", map[string]any{"format": "csv"})
	if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
		t.Errorf("an export is answered %d %s", a.status, a.body)
	}
	made := want[struct {
		audit.Reminder
		Warning string `json:"warning"`
	}](t, admin, http.StatusCreated, http.MethodPost, "/v1/reminders", map[string]any{"name": "made meanwhile", "actions": []string{"login.succeeded"},
		"channels": []string{"email"}, "recipients": []map[string]any{{"member": contactAdmin}}})
	if made.Warning == "" {
		t.Error("nothing says that the new reminder has to wait")
	}

	_, portText, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		t.Fatal(err)
	}
	if temporal, _, err = spawnTemporal(dir, port); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	within(t, 90*time.Second, func() error {
		matched := 0
		for _, d := range tn.deliveries(t, reminder.ID)[audit.ChannelEmail] {
			if d.Status == audit.DeliverySent {
				matched += d.Events
			}
		}
		if matched < 6 {
			return fmt.Errorf("mails about %d of 6 events were sent", matched)
		}
		return nil
	})
	t.Logf("all mails were there %s after Temporal was back", time.Since(began).Round(100*time.Millisecond))
	admin.mustIngest(t, happened("login.succeeded"))
	tn.awaitDelivery(t, made.ID, audit.ChannelEmail, audit.DeliverySent, 60*time.Second)
	e := want[export](t, admin, http.StatusAccepted, http.MethodPost, "/v1/exports", map[string]any{"format": "csv", "action": []string{"login.failed"}})
	if e = admin.awaitExport(t, e.ID, time.Minute, nil); e.Rows != 6 {
		t.Errorf("the export has %d rows", e.Rows)
	}
}

func TestNothingIsLostWithTemporalsState(t *testing.T) {
	t.Parallel()
	s := newStandalone(t)
	tn := s.newTenant(t, "amnesia")
	admin := tn.admin(t)
	const count = 22_000
	enterprise := sample.New(sample.Options{Seed: 11, Organization: tn.id, Count: count, End: time.Now()})
	events := slices.Collect(enterprise.Events())
	for batch := range slices.Chunk(events, audit.MaxRequestEvents) {
		admin.mustIngest(t, batch...)
	}
	reminder := tn.remind(t, []audit.Channel{audit.ChannelEmail}, "login.failed")
	to := enterprise.End().Format(audit.TimeLayout)
	early := want[export](t, admin, http.StatusAccepted, http.MethodPost, "/v1/exports", map[string]any{"format": "csv", "action": []string{"login.failed"}, "to": to})
	early = admin.awaitExport(t, early.ID, time.Minute, nil)
	running := want[export](t, admin, http.StatusAccepted, http.MethodPost, "/v1/exports", map[string]any{"format": "ndjson", "mode": "all", "to": to})
	admin.mustIngest(t, happened("login.failed"))
	s.kill()
	if err := os.RemoveAll(filepath.Join(s.config.DataDir, "temporal")); err != nil {
		t.Fatal(err)
	}
	s.start(t)

	tn.awaitDelivery(t, reminder.ID, audit.ChannelEmail, audit.DeliverySent, 90*time.Second)
	s.awaitMail(t, promptly, tn.email(t, contactAdmin), nil)
	running = admin.awaitExport(t, running.ID, 90*time.Second, nil)
	var ids []string
	for _, f := range running.Files {
		content := admin.download(t, running.ID, f.Name)
		wantFile(t, f.ExportFile, content)
		if f.Name != "manifest.json" {
			ids = append(ids, ndjsonIDs(t, content)...)
		}
	}
	sameIDs(t, "the export", ids, eventIDs(newestFirst(events)))
	wantFile(t, early.Files[0].ExportFile, admin.download(t, early.ID, early.Files[0].Name))
	want[export](t, admin, http.StatusOK, http.MethodDelete, "/v1/exports/"+early.ID, nil)
	within(t, 30*time.Second, func() error { return absent(s.config.DataDir, early.ID) })
}

func TestTheSameEventsFromManyClientsAtOnceAreStoredOnce(t *testing.T) {
	sameEventsAtOnceAreStoredOnce(t, sharedService(t))
}

func sameEventsAtOnceAreStoredOnce(t *testing.T, s *service) {
	tn := s.newTenant(t, "at-once")
	admin := tn.admin(t)
	const clients, rounds, each = 8, 5, 200
	for round := range rounds {
		batch := batchOf("atonce", each)
		var created, duplicates int
		var mu sync.Mutex
		var all sync.WaitGroup
		for range clients {
			all.Go(func() {
				got, err := admin.ingest(t.Context(), batch)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				created += got.Created
				duplicates += got.Duplicates
			})
		}
		all.Wait()
		if created != each || duplicates != each*(clients-1) {
			t.Errorf("round %d: %d created and %d duplicates of %d events sent %d times", round, created, duplicates, each, clients)
		}
	}
	found, _ := admin.search(t, map[string][]string{"q": {"atonce"}, "range": {"contacts"}})
	if len(found) != rounds*each {
		t.Errorf("%d events are stored", len(found))
	}
}
