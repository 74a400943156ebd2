package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/index/sqlite"
)

// pairs is how many times two ways are measured in turn; the median of the ratios counts.
const pairs = 5

// diskEvents is how many events the size on disk is measured with.
const diskEvents = 200_000

// bulkRate compares storing with and without full text, on the same events in commits of the same size.
func bulkRate(ctx context.Context, b *bench) ([]figure, error) {
	var ratios, with, without []float64
	for range pairs {
		plain, err := b.engineRate(ctx, true)
		if err != nil {
			return nil, err
		}
		full, err := b.engineRate(ctx, false)
		if err != nil {
			return nil, err
		}
		ratios, with, without = append(ratios, full/plain), append(with, full), append(without, plain)
	}
	return []figure{{name: "bulk rate, full text / no full text", value: median(ratios), unit: "x", bar: 0.45, atLeast: true,
		detail: fmt.Sprintf("%.0f against %.0f events/s, durable", median(with), median(without))}}, nil
}

// engineRate stores rateEvents events in a new index and returns events a second.
func (b *bench) engineRate(ctx context.Context, noFullText bool) (float64, error) {
	o := options()
	o.DisableFullText = noFullText
	index, err := sqlite.Open(ctx, b.folder(), o)
	if err != nil {
		return 0, err
	}
	defer func() { _ = index.Close() }()
	all := slices.Collect(batches(enterprise(rateEvents), commitSize))
	began := time.Now()
	for _, batch := range all {
		if _, err := index.Append(ctx, organization, batch); err != nil {
			return 0, err
		}
	}
	return rateEvents / time.Since(began).Seconds(), nil
}

// diskSize measures bytes on disk an event against the event's JSON: in the months that are past, once they are sealed, and in the current one
// as it was written, before the background compressed anything of it.
func diskSize(ctx context.Context, b *bench) ([]figure, error) {
	dir := b.folder()
	bytes := map[bool]int64{}
	var disk [2]map[bool]int64 // as written, and sealed
	for round := range disk {
		index, err := sqlite.Open(ctx, dir, options())
		if err != nil {
			return nil, err
		}
		if round == 0 {
			err = appendCounted(ctx, index, bytes)
		} else {
			_, err = index.Seal(ctx)
		}
		// What is still in the write-ahead log counts where it ends up.
		if err := errors.Join(err, index.Close()); err != nil {
			return nil, err
		}
		if disk[round], err = onDisk(filepath.Join(dir, organization)); err != nil {
			return nil, err
		}
	}
	ratio := func(round int, past bool) float64 { return float64(disk[round][past]) / float64(bytes[past]) }
	return []figure{
		{name: "disk an event, past months / JSON", value: ratio(1, true), unit: "x", bar: 1.0, detail: fmt.Sprintf("%d MB of JSON, sealed", bytes[true]>>20)},
		{name: "disk an event, current month / JSON", value: ratio(0, false), unit: "x", bar: 1.8, detail: fmt.Sprintf("%d MB of JSON, as written", bytes[false]>>20)},
	}, nil
}

// appendCounted stores events and adds up their JSON, apart for months that are past and the current one.
func appendCounted(ctx context.Context, index *sqlite.Index, bytes map[bool]int64) error {
	for batch := range batches(enterprise(diskEvents), commitSize) {
		for _, event := range batch {
			bytes[isPast(event)] += int64(len(event.AppendJSON(nil)))
		}
		if _, err := index.Append(ctx, organization, batch); err != nil {
			return err
		}
	}
	return nil
}

// onDisk adds up the files of the months that are past and of the current one.
func onDisk(dir string) (map[bool]int64, error) {
	current := now.Format("2006-01")
	sizes := map[bool]int64{}
	return sizes, filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			sizes[entry.Name()[:len(current)] != current] += info.Size()
		}
		return err
	})
}

func isPast(event *audit.Event) bool { return event.Time.Format("2006-01") != now.Format("2006-01") }

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
