package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/index"
	"github.com/audittrail/audittrail/index/sqlite"
	"github.com/audittrail/audittrail/internal/sample"
	"github.com/audittrail/audittrail/store"
	storesqlite "github.com/audittrail/audittrail/store/sqlite"
)

const (
	organization = "acme"
	// commitSize is how many events the engine is given at once when its own rate is measured: as many as it takes.
	commitSize = audit.MaxScan
	// rateEvents is how many events each measurement of a rate stores.
	rateEvents = 60_000
)

// now is the time of every engine here: the benchmark does not depend on the day on which it runs.
var now = time.Date(2026, time.November, 20, 12, 0, 0, 0, time.UTC)

// afterwards is when everything that was stored at now has settled, in any number of processes.
var afterwards = now.Add(time.Minute)

// bench is what the lines share: a folder and, once a line asks for it, an index full of events.
type bench struct {
	dir     string
	keep    bool
	events  int
	full    index.Index
	rounds  int
	started time.Time
	// elastic is the cluster that is measured; nil where SQLite is.
	elastic *cluster
}

func newBench(ctx context.Context, o benchOptions) (*bench, error) {
	b := &bench{dir: o.dir, keep: o.dir != "", events: o.events, started: time.Now()}
	var err error
	if b.keep {
		err = os.MkdirAll(b.dir, 0o755)
	} else {
		b.dir, err = os.MkdirTemp("", "audittrail-bench-")
	}
	if err == nil && o.engine == engineElastic {
		b.elastic, err = newCluster(ctx, o.url, filepath.Join(b.dir, "elasticsearch"), b.keep)
	}
	if err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func (b *bench) close() {
	if b.full != nil {
		_ = b.full.Close()
	}
	if b.elastic != nil {
		b.elastic.close()
	}
	if !b.keep {
		_ = os.RemoveAll(b.dir)
	}
}

// folder returns a new, empty folder that goes with the benchmark.
func (b *bench) folder() string {
	b.rounds++
	return filepath.Join(b.dir, fmt.Sprintf("round-%d-%d", b.started.UnixNano(), b.rounds))
}

func options() sqlite.Options {
	return sqlite.Options{
		Clock:         func() time.Time { return now },
		Logger:        quiet(),
		MaintainEvery: 24 * time.Hour, // sealing is measured by itself
	}
}

// enterprise makes up an enterprise whose events cover nearly six months that end now.
func enterprise(events int) *sample.Enterprise {
	return sample.New(sample.Options{Organization: organization, Count: events, End: now})
}

// asOf is the present of those who read the full index. Elasticsearch holds back what is younger than its slowest commit may be.
func (b *bench) asOf() time.Time {
	if b.elastic != nil {
		return afterwards
	}
	return now
}

// newEngines returns an index and a store of the engine, both new and empty. The caller closes them.
func (b *bench) newEngines(ctx context.Context) (index.Index, store.Store, error) {
	if b.elastic != nil {
		return b.elastic.newEngines(ctx)
	}
	dir := b.folder()
	events, err := sqlite.Open(ctx, filepath.Join(dir, "events"), options())
	if err != nil {
		return nil, nil, err
	}
	records, err := storesqlite.Open(ctx, filepath.Join(dir, "records"), storesqlite.Options{Logger: quiet()})
	if err != nil {
		return nil, nil, errors.Join(err, events.Close())
	}
	return events, records, nil
}

// fullIndex returns an index that holds the events all lines about reading are measured on; made at the first call.
func (b *bench) fullIndex(ctx context.Context) (index.Index, error) {
	if b.full != nil {
		return b.full, nil
	}
	if b.elastic != nil {
		var err error
		b.full, err = b.elastic.fullIndex(ctx, b.events)
		return b.full, err
	}
	dir := filepath.Join(b.dir, fmt.Sprintf("full-%d", b.events))
	_, statErr := os.Stat(dir)
	index, err := sqlite.Open(ctx, dir, options())
	if err != nil {
		return nil, err
	}
	b.full = index
	if !errors.Is(statErr, os.ErrNotExist) {
		return index, nil
	}
	began := time.Now()
	err = appendAll(ctx, index, enterprise(b.events), commitSize)
	progress("%d events stored in %s", b.events, time.Since(began).Round(time.Second))
	return index, err
}

// appendAll stores every event of the enterprise, size at a time. Like a producer it sends again what was not stored in time.
func appendAll(ctx context.Context, index index.Appender, e *sample.Enterprise, size int) error {
	for batch := range batches(e, size) {
		_, err := index.Append(ctx, organization, batch)
		for again := 0; again < 5 && audit.CodeOf(err) == audit.CodeUnavailable; again++ {
			progress("sent again: %v", err)
			_, err = index.Append(ctx, organization, batch)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// batches cuts the enterprise's events into slices of size.
func batches(e *sample.Enterprise, size int) func(func([]*audit.Event) bool) {
	return func(yield func([]*audit.Event) bool) {
		batch := make([]*audit.Event, 0, size)
		for event := range e.Events() {
			if batch = append(batch, event); len(batch) == size {
				if !yield(batch) {
					return
				}
				batch = make([]*audit.Event, 0, size)
			}
		}
		if len(batch) > 0 {
			yield(batch)
		}
	}
}

// percentile returns the p-th percentile (0 to 100) of the durations in milliseconds.
func percentile(durations []time.Duration, p int) float64 {
	sorted := slices.Sorted(slices.Values(durations))
	at := min(len(sorted)*p/100, len(sorted)-1)
	return float64(sorted[at].Microseconds()) / 1000
}
