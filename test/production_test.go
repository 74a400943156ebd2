package test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/config"
	"github.com/audittrail/audittrail/internal/sample"
)

// The production shape does what the other one does: the same tests run on both. Everything is in processes of their own, so that the race detector would
// see nothing.
func TestTheMainJobOnElasticsearchByProcessesThatAreKilled(t *testing.T) {
	d := deploy(t, 2, 2)
	for _, c := range []struct {
		name string
		run  func(*testing.T, *service)
	}{
		{"events go in, are found and become files", mainJob},
		{"the same events from many clients at once are stored once", sameEventsAtOnceAreStoredOnce},
		{"a reminder reaches its recipient by every channel", reminderReachesEveryChannel},
		{"changed settings take effect", changedSettingsTakeEffect},
		{"a test message reaches who asked for it", testMessageArrives},
		{"a mail that is refused for good is shown as failed", refusedMailIsShown},
		{"a mail that is deferred is sent later under the same id", deferredMailIsSentLater},
		{"a message is streamed as it comes", messageIsStreamed},
		{"events are streamed as they are committed", eventsAreStreamed},
		{"bad input is named and the good part is stored", badInputIsNamed},
		{"odd ids are ids", oddIDsAreIDs},
		{"questions that cannot be answered are named", badQuestionsAreNamed},
		{"the auditors are audited", auditorsAreAudited},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, &d.service) })
	}
	t.Run("a digest holds what two processes took in", d.oneDigest)
	t.Run("a reminder made here has its message from there in time", d.reminderOfAnotherProcess)
	t.Run("a revoked key stops working everywhere within five seconds", d.revokedEverywhere)
	t.Run("what is not a process's business is refused", d.rolesApart)
	t.Run("a Temporal namespace that is not there is named", d.noNamespace)
	t.Run("kill -9 of an API and a worker loses nothing and repeats no row", d.killed)
}

// at is a client of one of the API processes.
func (d *deployment) at(t *testing.T, api int, key string) *client {
	t.Helper()
	return newClient(t, "http://"+d.apis[api].config.Listen, key)
}

func (d *deployment) oneDigest(t *testing.T) {
	tn := d.newTenant(t, "shared-digest")
	reminder := tn.remind(t, audit.Channels(), "login.failed")
	const requests, each = 6, 100
	var both sync.WaitGroup
	for api := range d.apis {
		c := d.at(t, api, tn.adminKey)
		batches := make([][]*audit.Event, requests)
		for i := range batches {
			for range each {
				batches[i] = append(batches[i], happened("login.failed"))
			}
		}
		both.Go(func() {
			for _, batch := range batches {
				if got, err := c.ingest(t.Context(), batch); err != nil || got.Created != each {
					t.Errorf("%+v, %v", got, err)
				}
			}
		})
	}
	both.Wait()
	total := len(d.apis) * requests * each
	for _, channel := range audit.Channels() {
		within(t, 2*promptly, func() error {
			list, events := tn.deliveries(t, reminder.ID)[channel], 0
			for _, delivery := range list {
				if delivery.Status != audit.DeliverySent {
					return fmt.Errorf("a delivery by %s is %s", channel, delivery.Status)
				}
				events += delivery.Events
			}
			if events != total || len(list) > 3 {
				return fmt.Errorf("%d deliveries by %s are about %d of %d events", len(list), channel, events, total)
			}
			return nil
		})
	}
}

// reminderOfAnotherProcess: the process that takes the event in knew the reminders of before.
func (d *deployment) reminderOfAnotherProcess(t *testing.T) {
	tn := d.newTenant(t, "across")
	here, there := d.at(t, 0, tn.adminKey), d.at(t, 1, tn.adminKey)
	there.mustIngest(t, happened("login.failed")) // now it knows that there are none
	reminder := want[audit.Reminder](t, here, http.StatusCreated, http.MethodPost, "/v1/reminders", map[string]any{
		"name": "r", "actions": []string{"login.failed"}, "channels": []string{"email"}, "window": "immediate", "recipients": []map[string]any{{"member": contactAdmin}}})
	there.mustIngest(t, happened("login.failed"))
	answered := time.Now()
	d.awaitMail(t, promptly, tn.email(t, contactAdmin), nil)
	t.Logf("the mail was there %s after the answer", time.Since(answered).Round(time.Millisecond))

	change := map[string]any{"name": "r", "actions": []string{"contacts.*"}, "channels": []string{"email"}, "window": "immediate",
		"recipients": []map[string]any{{"member": contactAdmin}}, "version": reminder.Version}
	want[audit.Reminder](t, here, http.StatusOK, http.MethodPut, "/v1/reminders/"+reminder.ID, change)
	there.mustIngest(t, happened("contacts.member.added"))
	within(t, promptly, func() error {
		if got := len(d.mails(tn.email(t, contactAdmin))); got < 2 {
			return fmt.Errorf("the changed reminder sent %d mails", got)
		}
		return nil
	})
	read := want[audit.Reminder](t, there, http.StatusOK, http.MethodGet, "/v1/reminders/"+reminder.ID, nil)
	if !slices.Equal(read.Actions, []string{"contacts.*"}) {
		t.Errorf("the other process shows %q", read.Actions)
	}
}

func (d *deployment) revokedEverywhere(t *testing.T) {
	tn := d.newTenant(t, "revoked")
	key := want[struct {
		audit.Key
		Secret string `json:"secret"`
	}](t, d.at(t, 0, tn.adminKey), http.StatusCreated, http.MethodPost, "/v1/keys", map[string]any{"name": "k", "scopes": []string{"events:read"}})
	for api := range d.apis {
		want[page](t, d.at(t, api, key.Secret), http.StatusOK, http.MethodGet, "/v1/events?limit=1", nil)
	}
	if a := d.at(t, 0, tn.adminKey).do(t, http.MethodDelete, "/v1/keys/"+key.ID, nil); a.status >= 300 {
		t.Fatalf("revoking is answered %d %s", a.status, clipped(a.body))
	}
	revoked := time.Now()
	for api := range d.apis {
		within(t, 6*time.Second, func() error {
			if a := d.at(t, api, key.Secret).do(t, http.MethodGet, "/v1/events?limit=1", nil); a.status != http.StatusUnauthorized {
				return fmt.Errorf("process %d answers the revoked key %d", api, a.status)
			}
			return nil
		})
	}
	t.Logf("refused everywhere %s after it was revoked", time.Since(revoked).Round(time.Millisecond))
}

func (d *deployment) rolesApart(t *testing.T) {
	for _, w := range d.workers {
		for path, status := range map[string]int{"/healthz": 200, "/readyz": 200, "/metrics": 200, "/v1/events": 404, "/docs": 404} {
			answer, err := plain.Get("http://" + w.config.Listen + path)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			if answer.StatusCode != status {
				t.Errorf("a worker answers %s with %d", path, answer.StatusCode)
			}
		}
	}
}

func (d *deployment) noNamespace(t *testing.T) {
	lost := &role{name: "api", dir: d.apis[0].dir, config: new(config.Config)}
	*lost.config = *d.apis[0].config
	address, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	lost.config.Listen, lost.config.Temporal.Namespace = address, "nowhere"
	lost.start(t)
	defer lost.kill()
	within(t, 30*time.Second, func() error {
		answer, err := plain.Get("http://" + address + "/readyz")
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err == nil && (answer.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(body), "temporal.namespace")) {
			err = fmt.Errorf("/readyz answers %d %s", answer.StatusCode, body)
		}
		return err
	})
	tn := d.newTenant(t, "no-namespace")
	newClient(t, "http://"+address, tn.adminKey).mustIngest(t, happened("login.failed")) // taken in all the same
}

// killed kills an API and a worker while events are sent, an export is written and a reminder's message is on its way. An orchestrator starts them again.
func (d *deployment) killed(t *testing.T) {
	const patience = 120 * time.Second // Temporal notices by timeouts that a worker is gone
	random := seededRandom(t)
	tn := d.newTenant(t, "killed")
	admin := tn.admin(t)
	const count = 30_000
	enterprise := sample.New(sample.Options{Seed: 5, Organization: tn.id, Count: count, End: time.Now()})
	events := slices.Collect(enterprise.Events())
	for batch := range slices.Chunk(events, audit.MaxRequestEvents) {
		admin.mustIngest(t, batch...)
	}
	reminder := tn.remind(t, audit.Channels(), "killed.*")
	e := want[export](t, admin, http.StatusAccepted, http.MethodPost, "/v1/exports",
		map[string]any{"format": "ndjson", "mode": "all", "to": enterprise.End().Format(audit.TimeLayout)})

	p := &producer{acknowledged: map[string]bool{}, answers: make(chan struct{}, 10_000)}
	ctx, stop := context.WithTimeout(t.Context(), 15*time.Second)
	defer stop()
	var clients sync.WaitGroup
	for range 4 {
		r := rand.New(rand.NewPCG(random.Uint64(), 0))
		clients.Go(func() { p.produce(ctx, newClient(t, d.url, tn.adminKey), r) })
	}
	within(t, patience, func() error {
		e = want[export](t, d.at(t, 1, tn.adminKey), http.StatusOK, http.MethodGet, "/v1/exports/"+e.ID, nil)
		if e.Status == audit.ExportRunning && e.Done == 0 {
			return fmt.Errorf("the export has not written a row")
		}
		return nil
	})
	d.at(t, 1, tn.adminKey).mustIngest(t, happened("killed.rule.tripped"))
	d.apis[0].kill()
	d.workers[0].kill()
	t.Logf("killed when %d of %d rows were written (%s) and %d requests of events were answered", e.Done, e.Rows, e.Status, len(p.answers))
	began := time.Now()
	clients.Wait() // each goes on until it meets the process that died
	d.apis[0].start(t)
	d.workers[0].start(t)

	for _, channel := range audit.Channels() {
		tn.awaitDelivery(t, reminder.ID, channel, audit.DeliverySent, patience)
	}
	t.Logf("all messages were sent %s after the kill", time.Since(began).Round(100*time.Millisecond))
	e = admin.awaitExport(t, e.ID, patience, nil)
	t.Logf("the export was ready %s after the kill", time.Since(began).Round(100*time.Millisecond))
	var ids []string
	for _, f := range e.Files {
		content := admin.download(t, e.ID, f.Name)
		wantFile(t, f.ExportFile, content)
		if f.Name != "manifest.json" {
			ids = append(ids, ndjsonIDs(t, content)...)
		}
	}
	sameIDs(t, "the export", ids, eventIDs(newestFirst(events)))
	d.apis[0].awaitReady(t)
	d.workers[0].awaitReady(t)
	if p.wrong != nil {
		t.Error(p.wrong)
	}
	p.sendAgain(t, admin)
	for _, e := range events {
		if e.Action == "contacts.member.added" {
			p.acknowledged[e.ID] = true
		}
	}
	tn.checkAcknowledged(t, admin, p)
}
