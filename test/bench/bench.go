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
	"github.com/audittrail/audittrail/index/sqlite"
	"github.com/audittrail/audittrail/internal/sample"
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

// bench is what the lines share: a folder and, once a line asks for it, an index full of events.
type bench struct {
	dir     string
	keep    bool
	events  int
	full    *sqlite.Index
	rounds  int
	started time.Time
}

func newBench(_ context.Context, events int, dir string) (*bench, error) {
	b := &bench{dir: dir, keep: dir != "", events: events, started: time.Now()}
	if b.keep {
		return b, os.MkdirAll(dir, 0o700)
	}
	var err error
	b.dir, err = os.MkdirTemp("", "audittrail-bench-")
	return b, err
}

func (b *bench) close() {
	if b.full != nil {
		_ = b.full.Close()
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

// fullIndex returns an index that holds the events all lines about reading are measured on; made at the first call.
func (b *bench) fullIndex(ctx context.Context) (*sqlite.Index, error) {
	if b.full != nil {
		return b.full, nil
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
	err = appendAll(ctx, index, enterprise(b.events))
	progress("%d events stored in %s", b.events, time.Since(began).Round(time.Second))
	return index, err
}

// appendAll stores every event of the enterprise, commitSize at a time.
func appendAll(ctx context.Context, index *sqlite.Index, e *sample.Enterprise) error {
	for batch := range batches(e, commitSize) {
		if _, err := index.Append(ctx, organization, batch); err != nil {
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
