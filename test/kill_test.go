package test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/sample"
)

// seededRandom is random and says by what seed, so that a failure can be looked into.
func seededRandom(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// producer sends batches from several clients and keeps what was acknowledged.
type producer struct {
	mu           sync.Mutex
	acknowledged map[string]bool
	unanswered   [][]*audit.Event
	wrong        error // an answer that should not be
	answers      chan struct{}
}

// produce sends batches until the context ends or no answer comes any more.
func (p *producer) produce(ctx context.Context, c *client, random *rand.Rand) {
	for ctx.Err() == nil {
		batch := make([]*audit.Event, 1+random.IntN(200))
		for i := range batch {
			batch[i] = happened("contacts.member.added")
			batch[i].Time = batch[i].Time.Add(-time.Duration(random.Int64N(int64(60*24*time.Hour))) / time.Millisecond * time.Millisecond)
		}
		got, err := c.ingest(ctx, batch)
		p.mu.Lock()
		switch {
		case err != nil: // killed: nobody knows what became of it
			p.unanswered = append(p.unanswered, batch)
			p.mu.Unlock()
			return
		case got.Created != len(batch):
			p.wrong = fmt.Errorf("%d of %d created", got.Created, len(batch))
		}
		for _, e := range batch {
			p.acknowledged[e.ID] = true
		}
		p.mu.Unlock()
		p.answers <- struct{}{}
	}
}

func TestWhatWasAcknowledgedIsThereOnceAfterKill9DuringIngest(t *testing.T) {
	t.Parallel()
	random := seededRandom(t)
	s := newStandalone(t)
	tn := s.newTenant(t, "kill-ingest")
	key := tn.adminKey
	p := &producer{acknowledged: map[string]bool{}}
	for round := range 4 {
		p.answers = make(chan struct{}, 1000)
		answers := 1 + random.IntN(60)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		var clients sync.WaitGroup
		for range 4 {
			r := rand.New(rand.NewPCG(random.Uint64(), 0))
			clients.Go(func() { p.produce(ctx, newClient(t, s.url, key), r) })
		}
		for range answers {
			select {
			case <-p.answers:
			case <-ctx.Done():
				t.Fatal("the answers stopped before the kill")
			}
		}
		s.kill()
		clients.Wait()
		cancel()
		s.start(t)
		if p.wrong != nil {
			t.Fatal(p.wrong)
		}
		tn.checkAcknowledged(t, newClient(t, s.url, key), p)
		t.Logf("round %d: killed after %d answers, %d events acknowledged so far, %d requests unanswered", round, answers, len(p.acknowledged), len(p.unanswered))
	}
	// What is sent again is there once all the same.
	c := newClient(t, s.url, key)
	p.sendAgain(t, c)
	tn.checkAcknowledged(t, c, p)
}

// sendAgain sends what was not answered, as a producer would.
func (p *producer) sendAgain(t *testing.T, c *client) {
	t.Helper()
	for _, batch := range p.unanswered {
		got, err := c.ingest(t.Context(), batch)
		if err != nil || got.Created+got.Duplicates != len(batch) {
			t.Fatalf("sent again: %+v, %v", got, err)
		}
		for _, e := range batch {
			p.acknowledged[e.ID] = true
		}
	}
	p.unanswered = nil
}

// checkAcknowledged walks all pages: what was acknowledged is there, nothing is there twice, and nothing that was not sent.
func (tn *tenant) checkAcknowledged(t *testing.T, c *client, p *producer) {
	t.Helper()
	sent := map[string]bool{}
	for _, batch := range p.unanswered {
		for _, e := range batch {
			sent[e.ID] = true
		}
	}
	found, _ := c.search(t, url.Values{"action": {"contacts.member.added"}})
	there := map[string]bool{}
	for _, e := range found {
		if there[e.ID] {
			t.Errorf("event %s is there twice", e.ID)
		}
		there[e.ID] = true
		if !p.acknowledged[e.ID] && !sent[e.ID] {
			t.Errorf("event %s was never sent", e.ID)
		}
	}
	missing := 0
	for id := range p.acknowledged {
		if !there[id] {
			missing++
		}
	}
	if missing > 0 {
		t.Fatalf("%d of %d acknowledged events are missing", missing, len(p.acknowledged))
	}
}

func TestAnExportHasEveryRowOnceAfterKill9(t *testing.T) {
	t.Parallel()
	random := seededRandom(t)
	s := newStandalone(t)
	tn := s.newTenant(t, "kill-export")
	admin := tn.admin(t)
	const count = 45_000
	enterprise := sample.New(sample.Options{Seed: 5, Organization: tn.id, Count: count, End: time.Now()})
	events := slices.Collect(enterprise.Events())
	for batch := range slices.Chunk(events, audit.MaxRequestEvents) {
		admin.mustIngest(t, batch...)
	}
	request := map[string]any{"format": "ndjson", "mode": "all", "to": enterprise.End().Format(audit.TimeLayout)}
	var e export
	for try := 1; ; try++ {
		e = want[export](t, admin, http.StatusAccepted, http.MethodPost, "/v1/exports", request)
		after := int64(random.IntN(count * 3 / 4))
		for e.Status == audit.ExportRunning && e.Done <= after {
			e = want[export](t, admin, http.StatusOK, http.MethodGet, "/v1/exports/"+e.ID, nil)
		}
		s.kill()
		s.start(t)
		if e.Status == audit.ExportRunning {
			t.Logf("killed when %d of %d rows were written", e.Done, e.Rows)
			break
		}
		if try == 5 {
			t.Fatal("the export was always done before it could be killed")
		}
	}
	began := time.Now()
	e = admin.awaitExport(t, e.ID, 90*time.Second, nil)
	t.Logf("ready %s after the restart", time.Since(began).Round(100*time.Millisecond))
	var ids []string
	for _, f := range e.Files {
		content := admin.download(t, e.ID, f.Name)
		wantFile(t, f.ExportFile, content)
		if f.Name != "manifest.json" {
			ids = append(ids, ndjsonIDs(t, content)...)
		}
	}
	sameIDs(t, "the export", ids, eventIDs(newestFirst(events)))
	if e.Rows != count || len(e.Files) != 4 {
		t.Errorf("the export has %d rows in %+v", e.Rows, e.Files)
	}
}

func TestAReminderArrivesAfterKill9(t *testing.T) {
	t.Parallel()
	const patience = 90 * time.Second // Temporal notices by timeouts that a worker is gone
	random := seededRandom(t)
	s := newStandalone(t)
	tn := s.newTenant(t, "kill-remind")
	admin, address := tn.admin(t), tn.email(t, contactAdmin)
	reminder := tn.remind(t, audit.Channels(), "login.failed")
	s.kill() // right after the reminder was made
	s.start(t)
	for round, wait := range []time.Duration{0, time.Duration(random.IntN(2000)) * time.Millisecond} {
		before := len(s.mails(address))
		admin.mustIngest(t, happened("login.failed"))
		moment := time.NewTimer(wait)
		<-moment.C
		early := len(s.mails(address)) - before
		s.kill()
		s.start(t)
		began := time.Now()
		within(t, patience, func() error {
			if len(s.mails(address)) == before {
				return fmt.Errorf("round %d: killed %s after the ingest was answered, no mail has come", round, wait)
			}
			return nil
		})
		t.Logf("round %d: killed %s after the answer (%d mails by then), the mail was there %s after the restart", round, wait, early,
			time.Since(began).Round(100*time.Millisecond))
		for _, channel := range audit.Channels() {
			within(t, patience, func() error {
				sent := 0
				for _, d := range tn.deliveries(t, reminder.ID)[channel] {
					if d.Status != audit.DeliverySent {
						return fmt.Errorf("a delivery by %s is %s: %s", channel, d.Status, d.Error)
					}
					sent += d.Events
				}
				if sent < round+1 {
					return fmt.Errorf("deliveries by %s are about %d events, want %d", channel, sent, round+1)
				}
				return nil
			})
		}
	}
}

func TestTheProgramStartsAfterKill9WhileItStarted(t *testing.T) {
	t.Parallel()
	random := seededRandom(t)
	s := newStoppedStandalone(t, "")
	for round := range 12 {
		if round%4 == 0 { // the first start on a directory makes everything in it
			s.config.DataDir = filepath.Join(t.TempDir(), "data")
		}
		p, err := spawn(t.TempDir(), environment(s.config), nil, "standalone")
		if err != nil {
			t.Fatal(err)
		}
		wait := time.Duration(random.IntN(1200)) * time.Millisecond
		moment := time.NewTimer(wait)
		select {
		case <-moment.C:
		case <-p.done:
			t.Fatalf("round %d: the program ended by itself: %s", round, tail(p.stderr.String(), 10))
		}
		p.kill()
		if round%4 == 3 {
			s.start(t)
			if err := s.open(t.Context()); err != nil {
				t.Fatal(err)
			}
			tn := s.newTenant(t, "killed-start")
			tn.admin(t).mustIngest(t, happened("login.failed"))
			e := want[export](t, tn.admin(t), http.StatusAccepted, http.MethodPost, "/v1/exports", map[string]any{"format": "csv", "log": []string{"login"}})
			if e = tn.admin(t).awaitExport(t, e.ID, time.Minute, nil); e.Rows != 1 {
				t.Errorf("the export has %d rows", e.Rows)
			}
			s.kill()
			if err := s.records.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}
