package sqlite

import (
	"context"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/sample"
)

// benchEvents is how many events the benchmarks that read look at.
const benchEvents = 200_000

// sampleBatches makes count believable events over six months.
func sampleBatches(count, size int) [][]*audit.Event {
	var batches [][]*audit.Event
	for e := range sample.New(sample.Options{Count: count, Clock: testClock}).Events() {
		if n := len(batches); n == 0 || len(batches[n-1]) == size {
			batches = append(batches, make([]*audit.Event, 0, size))
		}
		last := &batches[len(batches)-1]
		*last = append(*last, e)
	}
	return batches
}

// appendAll appends the batches with two calls in flight.
func appendAll(tb testing.TB, x *Index, batches [][]*audit.Event) {
	tb.Helper()
	work := make(chan []*audit.Event)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for b := range work {
				if _, err := x.Append(context.Background(), "acme", b); err != nil {
					tb.Error(err)
				}
			}
		})
	}
	for _, b := range batches {
		work <- b
	}
	close(work)
	wg.Wait()
}

func openBench(b *testing.B, dir string, options Options) *Index {
	b.Helper()
	options.Clock = testClock
	x, err := Open(b.Context(), dir, options)
	if err != nil {
		b.Fatal(err)
	}
	return x
}

// diskUsage adds up the files of dir.
func diskUsage(tb testing.TB, dir string) int64 {
	tb.Helper()
	var total int64
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		total += info.Size()
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return total
}

// BenchmarkAppend stores 100,000 events in batches of 5,000, with and without full text; the difference is what full text costs.
func BenchmarkAppend(b *testing.B) {
	for name, options := range map[string]Options{"text": {}, "without text": {DisableFullText: true}} {
		b.Run(name, func(b *testing.B) {
			batches := sampleBatches(100_000, 5000)
			for b.Loop() {
				x := openBench(b, b.TempDir(), options)
				started := time.Now()
				appendAll(b, x, batches)
				b.ReportMetric(100_000/time.Since(started).Seconds(), "events/s")
				if err := x.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkDisk reports bytes on disk an event, as a ratio to its JSON, before and after sealing the months that are over.
func BenchmarkDisk(b *testing.B) {
	batches := sampleBatches(benchEvents, 5000)
	for b.Loop() {
		dir := b.TempDir()
		x := openBench(b, dir, Options{})
		appendAll(b, x, batches)
		json := 0
		for _, e := range slices.Concat(batches...) {
			json += len(e.AppendJSON(nil))
		}
		if err := x.Close(); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(diskUsage(b, dir))/float64(json), "current/JSON")
		later, err := Open(b.Context(), dir, Options{Clock: func() time.Time { return testNow.AddDate(0, 1, 0) }})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := later.Seal(b.Context()); err != nil {
			b.Fatal(err)
		}
		if err := later.Close(); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(diskUsage(b, dir))/float64(json), "sealed/JSON")
	}
}

var benchQueries = map[string]audit.Query{
	"everything":             {},
	"a log":                  {Logs: []audit.Log{audit.LogProduct}},
	"failures":               {Outcomes: []audit.Outcome{audit.OutcomeFailure}},
	"nobody":                 {Actors: []string{"nobody"}},
	"a range of actions":     {Actions: []string{"contacts.*"}},
	"a word":                 {Text: "alice"},
	"a common word":          {Text: "signed"},
	"a phrase":               {Text: `"signed in"`},
	"a prefix":               {Text: "ali*"},
	"a common word, failed":  {Text: "signed", Outcomes: []audit.Outcome{audit.OutcomeFailure}},
	"a common word, nobody":  {Text: "signed", Actors: []string{"nobody"}},
	"a word or the failures": {Text: "alice OR outcome:failure"},
}

// BenchmarkRead measures first pages, deep pages and summaries of kinds of queries.
func BenchmarkRead(b *testing.B) {
	x := openBench(b, b.TempDir(), Options{})
	b.Cleanup(func() {
		if err := x.Close(); err != nil {
			b.Error(err)
		}
	})
	appendAll(b, x, sampleBatches(benchEvents, 5000))
	search := func(b *testing.B, q audit.Query, after *audit.Position) {
		for b.Loop() {
			if _, err := x.Search(b.Context(), "acme", audit.Search{Query: q, Limit: 50, CountLimit: audit.DefaultCountLimit, After: after}); err != nil {
				b.Fatal(err)
			}
		}
	}
	for name, q := range benchQueries {
		b.Run("page/"+name, func(b *testing.B) { search(b, q, nil) })
		b.Run("deep/"+name, func(b *testing.B) { search(b, q, &audit.Position{Time: testNow.AddDate(0, -4, 0)}) })
		b.Run("summary/"+name, func(b *testing.B) {
			for b.Loop() {
				if _, err := x.Summary(b.Context(), "acme", audit.SummaryRequest{Query: q, Top: 10}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
