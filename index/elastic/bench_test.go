package elastic

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/cluster"
	"github.com/audittrail/audittrail/internal/estest"
	"github.com/audittrail/audittrail/internal/ingest"
	"github.com/audittrail/audittrail/internal/sample"
)

// benchSize is how many events a request holds.
const benchSize = 500

// sampleBatches makes believable events over six months.
func sampleBatches(count int) [][]*audit.Event {
	var all []*audit.Event
	for e := range sample.New(sample.Options{Count: count, Clock: func() time.Time { return testNow }}).Events() {
		all = append(all, e)
	}
	return slices.Collect(slices.Chunk(all, benchSize))
}

// overAll does the work for every batch, as many at a time as there are senders, and returns how long it took.
func overAll(batches [][]*audit.Event, senders int, work func([]*audit.Event)) time.Duration {
	began := time.Now()
	queue := make(chan []*audit.Event)
	var group sync.WaitGroup
	for range senders {
		group.Go(func() {
			for batch := range queue {
				work(batch)
			}
		})
	}
	for _, batch := range batches {
		queue <- batch
	}
	close(queue)
	group.Wait()
	return time.Since(began)
}

func benchTrail(b *testing.B) *trail {
	b.Helper()
	place := benchAt(b, estest.URL(b))
	client, err := cluster.Open(b.Context(), cluster.Options{URLs: []string{estest.URL(b)}, Uncompressed: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(client.Close)
	place.client = client
	if _, err := Setup(place.ctx, client, place.opts); err != nil {
		b.Fatal(err)
	}
	return &trail{bench: place, Index: place.open(func() time.Time { return testNow })}
}

// BenchmarkAppend appends events and sends the same documents as raw bulk requests, in turns. Its ratio is the one to look at: of the rate of Append to that
// of the requests.
func BenchmarkAppend(b *testing.B) {
	for name, senders := range map[string]int{"one sender": 1, "two senders": 2} {
		b.Run(name, func(b *testing.B) {
			var ours, raw time.Duration
			for b.Loop() {
				batches := sampleBatches(10_000)
				r, o := benchRaw(b, batches, senders), benchOurs(b, batches, senders)
				raw, ours = raw+r, ours+o
				b.Logf("%s: raw bulk %v, Append %v", name, r, o)
			}
			b.ReportMetric(raw.Seconds()/ours.Seconds(), "ratio")
		})
	}
}

// benchOurs appends through the group commit, as the API does.
func benchOurs(b *testing.B, batches [][]*audit.Event, senders int) time.Duration {
	b.Helper()
	tr := benchTrail(b)
	committer := ingest.New(tr.Index, ingest.Options{InFlight: 2, Timeout: time.Minute})
	tr.appendDeadline = time.Minute
	took := overAll(batches, senders, func(batch []*audit.Event) {
		if _, err := committer.Append(tr.bench.ctx, acme, batch); err != nil {
			b.Error(err)
		}
	})
	if err := committer.Close(context.Background()); err != nil {
		b.Error(err)
	}
	return took
}

// benchRaw sends what Append would, made before the clock runs.
func benchRaw(b *testing.B, batches [][]*audit.Event, senders int) time.Duration {
	b.Helper()
	tr := benchTrail(b)
	bodies := map[*audit.Event][]byte{}
	for _, batch := range batches {
		rows := newBatch(acme, batch, false).open()
		for _, r := range rows {
			r.received = testNow
		}
		bodies[batch[0]], _ = encodeRows(acme, rows)
	}
	return overAll(batches, senders, func(batch []*audit.Event) {
		var answer []byte
		if err := tr.bench.client.Call(tr.bench.ctx, esapi.BulkRequest{Index: tr.stream, Body: bytes.NewReader(bodies[batch[0]])}, &answer); err != nil {
			b.Error(err)
		}
		if bytes.Contains(answer[:min(len(answer), 100)], []byte(`"errors":true`)) {
			b.Errorf("%.300s", answer)
		}
	})
}

// BenchmarkEncode makes documents of events, full text included.
func BenchmarkEncode(b *testing.B) {
	rows := newBatch(acme, sampleBatches(benchSize)[0], false).open()
	size := 0
	for b.Loop() {
		size = len(encodePart(acme, rows))
	}
	b.ReportMetric(float64(size)/benchSize, "bytes/event")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchSize, "ns/event")
}
