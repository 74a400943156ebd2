package ingest_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/audittrail/audittrail/internal/ingest"
)

// clients appends n events, one a request, by 64 clients, and returns how long it took.
func clients(t testing.TB, appender ingest.Appender, n int) time.Duration {
	t.Helper()
	began := time.Now()
	var wg sync.WaitGroup
	for client := range 64 {
		wg.Go(func() {
			for i := client; i < n; i += 64 {
				if _, err := appender.Append(t.Context(), "acme", events(fmt.Sprint(i))); err != nil {
					t.Errorf("event %d: %v", i, err)
				}
			}
		})
	}
	wg.Wait()
	return time.Since(began)
}

func TestManyClientsOfOneEventARequestAreTenTimesAsFastAsOneCommitAnEvent(t *testing.T) {
	const n = 6400
	synctest.Test(t, func(t *testing.T) {
		alone := newEngine(5 * time.Millisecond)
		alone.writer = make(chan struct{}, 1)
		single := clients(t, alone, n)

		shared := newEngine(5 * time.Millisecond)
		c := ingest.New(shared, ingest.Options{})
		grouped := clients(t, c, n)
		if err := c.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if len(shared.stored) != n {
			t.Errorf("%d events stored, want %d", len(shared.stored), n)
		}
		if grouped*10 > single {
			t.Errorf("group commit took %v, one commit an event %v: want a tenth at most", grouped, single)
		}
	})
}

func TestManyOrganizationsAndClientsGetTheirOwnAnswers(t *testing.T) {
	e := newEngine(100 * time.Microsecond)
	c := ingest.New(e, ingest.Options{MaxCommit: 50})
	var wg sync.WaitGroup
	for client := range 40 {
		wg.Go(func() {
			organization := fmt.Sprintf("org-%d", client%4)
			for i := range 20 {
				batch := numbered(fmt.Sprintf("%d-%d", client, i), 1+i%7)
				batch = append(batch, batch[0])
				statuses, err := c.Append(t.Context(), organization, batch)
				if err != nil || len(statuses) != len(batch) {
					t.Errorf("got %d statuses, %v; want %d", len(statuses), err, len(batch))
					return
				}
				if i := slices.Index(statuses, duplicate); i != len(batch)-1 {
					t.Errorf("the first duplicate is at %d of %v, want the last", i, statuses)
				}
			}
		})
	}
	wg.Wait()
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// BenchmarkOneEventARequest compares group commit with one commit an event, on an engine whose commit takes 2 ms.
func BenchmarkOneEventARequest(b *testing.B) {
	run := func(b *testing.B, appender ingest.Appender) {
		took := clients(b, appender, b.N)
		b.ReportMetric(float64(b.N)/took.Seconds(), "events/s")
	}
	b.Run("commit an event", func(b *testing.B) {
		e := newEngine(2 * time.Millisecond)
		e.writer = make(chan struct{}, 1)
		run(b, e)
	})
	b.Run("group commit", func(b *testing.B) {
		c := ingest.New(newEngine(2*time.Millisecond), ingest.Options{})
		run(b, c)
		if err := c.Close(context.Background()); err != nil {
			b.Error(err)
		}
	})
}
