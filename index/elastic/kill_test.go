package elastic

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/cluster"
	"github.com/audittrail/audittrail/internal/estest"
)

// producer sends batches without end, the same one again until it is acknowledged, as real ones do.
type producer struct {
	tr   *trail
	name string
	size int

	mu           sync.Mutex
	acknowledged int // events
	created      int // by answers that said so
	failed       int // calls
}

// run sends until stop is closed, and then what has not been acknowledged once more.
func (p *producer) run(stop <-chan struct{}) {
	for batch := 0; ; batch++ {
		select {
		case <-stop:
			return
		default:
		}
		events := make([]*audit.Event, p.size)
		for i := range events {
			events[i] = testEvent(fmt.Sprint(p.name, "-", batch, "-", i), testNow.Add(-time.Duration(batch)*time.Minute-time.Duration(i)*time.Second))
		}
		for !p.send(events) {
			select {
			case <-time.After(time.Second): // it was told to come back in five
			case <-p.tr.bench.ctx.Done():
				return
			}
		}
	}
}

// send returns whether the events were acknowledged.
func (p *producer) send(events []*audit.Event) bool {
	statuses, err := p.tr.Append(p.tr.bench.ctx, acme, events)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		if audit.CodeOf(err) != audit.CodeUnavailable && p.tr.bench.ctx.Err() == nil {
			p.tr.t.Errorf("Append: %v, want an error of code unavailable", err)
		}
		p.failed++
		return false
	}
	p.acknowledged += len(events)
	p.created += count(statuses, audit.StatusCreated)
	return true
}

func (p *producer) counts() (acknowledged, created, failed int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.acknowledged, p.created, p.failed
}

// TestElasticsearchIsKilledTenTimesAtFullRate kills the process of Elasticsearch while three producers send as fast as they can.
func TestElasticsearchIsKilledTenTimesAtFullRate(t *testing.T) {
	t.Parallel()
	node := estest.Start(t, estest.Options{HeapMB: 768})
	b := benchAt(t, node.URL)
	if _, err := Setup(b.ctx, b.client, b.opts); err != nil {
		t.Fatal(err)
	}
	client, err := cluster.Open(b.ctx, cluster.Options{URLs: []string{node.URL}, Uncompressed: true})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	behind := *b
	behind.client = client
	tr := &trail{bench: b, Index: behind.open(func() time.Time { return testNow })}

	const kills, burst = 10, 4000
	producers := make([]*producer, 3)
	stop := make(chan struct{})
	var group sync.WaitGroup
	for i := range producers {
		producers[i] = &producer{tr: tr, name: fmt.Sprint("p", i), size: 150 + 100*i}
		group.Go(func() { producers[i].run(stop) })
	}
	sum := func() (acknowledged, created, failed int) {
		for _, p := range producers {
			a, c, f := p.counts()
			acknowledged, created, failed = acknowledged+a, created+c, failed+f
		}
		return acknowledged, created, failed
	}
	began := time.Now()
	for kill := range kills {
		before, _, _ := sum()
		tr.eventually("events are taken in", time.Minute, func() bool {
			now, _, _ := sum()
			return now-before >= burst+kill*137
		})
		node.Kill()
		node.Restart()
		t.Logf("killed %d times after %s", kill+1, time.Since(began).Round(time.Second))
	}
	close(stop)
	group.Wait()
	acknowledged, created, failed := sum()
	stored := tr.stored()
	t.Logf("%d events were acknowledged, %d of them as created; %d calls failed; %d events are stored", acknowledged, created, failed, stored)
	if stored != acknowledged {
		t.Errorf("%d events are stored, %d were acknowledged", stored, acknowledged)
	}
	if failed < kills {
		t.Errorf("%d calls failed in %d kills: nothing was under way", failed, kills)
	}
}

// eventually polls until the condition is true.
func (b *bench) eventually(what string, within time.Duration, condition func() bool) {
	b.t.Helper()
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for deadline := time.Now().Add(within); !condition(); <-poll.C {
		if b.t.Failed() || time.Now().After(deadline) {
			b.t.Fatalf("%s: not within %s", what, within)
		}
	}
}
