package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/audittrail/audittrail/activities"
	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/index"
	"github.com/audittrail/audittrail/internal/blob"
	"github.com/audittrail/audittrail/store"
)

// exporter is what an export works with, without Temporal: the bar is about the work, not about starting it.
type exporter struct {
	activities *activities.Exports
	store      store.Store
	files      *blob.Bucket
	asOf       func() time.Time
}

func (b *bench) newExporter(ctx context.Context, events index.Index) (*exporter, error) {
	other, records, err := b.newEngines(ctx)
	if err != nil {
		return nil, err
	}
	_ = other.Close() // events are in the full one
	files, err := blob.Open(ctx, "file://"+filepath.Join(b.folder(), "files"))
	if err != nil {
		return nil, err
	}
	e := enterprise(1)
	if _, err := records.PutOrganization(ctx, e.Organization); err != nil {
		return nil, err
	}
	if _, err := records.PutMember(ctx, e.Members[0]); err != nil {
		return nil, err
	}
	return &exporter{store: records, files: files, asOf: b.asOf, activities: &activities.Exports{
		Events: events, Records: records, Own: events, Files: files, Clock: b.asOf,
	}}, nil
}

func (x *exporter) close() {
	_ = x.files.Close()
	_ = x.store.Close()
}

// export runs one export as its workflow does, step by step, and returns how many rows it wrote.
func (x *exporter) export(ctx context.Context, id string, mode audit.ExportMode, most int) (int64, error) {
	ref := activities.ExportRef{Organization: organization, Export: id}
	_, err := x.store.PutExport(ctx, audit.Export{
		ID: id, Organization: organization, RequestedBy: enterprise(1).Members[0].ID, Format: audit.FormatCSV, Mode: mode,
		Query: audit.Query{Logs: audit.Logs()}, Status: audit.ExportRunning, RequestedAt: x.asOf(),
	})
	if err != nil {
		return 0, err
	}
	if _, err := x.activities.PlanExport(ctx, ref); err != nil {
		return 0, err
	}
	if _, err := x.activities.CountExport(ctx, ref); err != nil {
		return 0, err
	}
	rows := int64(0)
	for in := (activities.WritePartInput{ExportRef: ref, Part: 1}); in.Part <= most; in.Part++ {
		part, err := x.activities.WritePart(ctx, in)
		if err != nil {
			return rows, err
		}
		if rows += part.Rows; part.Last == nil {
			break
		}
		in.After = part.Last
	}
	return rows, nil
}

// exportRate compares writing one file of an export, durable and summed, with reading the same rows and writing them with encoding/csv.
func exportRate(ctx context.Context, b *bench) ([]figure, error) {
	index, err := b.fullIndex(ctx)
	if err != nil {
		return nil, err
	}
	x, err := b.newExporter(ctx, index)
	if err != nil {
		return nil, err
	}
	defer x.close()
	var ratios []float64
	var ours, bare time.Duration
	for round := range 2 * pairs {
		began := time.Now()
		if err := b.bareCSV(ctx, index); err != nil {
			return nil, err
		}
		bare = time.Since(began)
		began = time.Now()
		rows, err := x.export(ctx, "rate-"+strconv.Itoa(round), audit.ModeLatest, 1)
		if err != nil {
			return nil, err
		}
		if rows != audit.ExportRows {
			return nil, fmt.Errorf("the export has %d rows", rows)
		}
		ours = time.Since(began)
		ratios = append(ratios, ours.Seconds()/bare.Seconds())
	}
	return []figure{{name: "export of 20,000 rows to CSV / bare encoding/csv", value: median(ratios), unit: "x", bar: 3,
		detail: fmt.Sprintf("%d ms against %d ms in the last pair", ours.Milliseconds(), bare.Milliseconds())}}, nil
}

// bareCSV reads the newest rows and writes them as plainly as can be.
func (b *bench) bareCSV(ctx context.Context, index index.Reader) error {
	file, err := os.Create(filepath.Join(b.dir, "bare.csv"))
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	w := csv.NewWriter(file)
	var after *audit.Position
	for left := audit.ExportRows; left > 0; {
		page, err := index.Search(ctx, organization, audit.Search{Limit: 1000, After: after, ReceivedUntil: now})
		if err != nil {
			return err
		}
		for i := range page.Events {
			if err := w.Write(bareRow(&page.Events[i])); err != nil {
				return err
			}
		}
		left -= len(page.Events)
		if after = page.Next; after == nil {
			break
		}
	}
	w.Flush()
	return w.Error()
}

func bareRow(e *audit.Event) []string {
	var targets, changes, metadata strings.Builder
	for _, t := range e.Targets {
		targets.WriteString(t.Name + " (" + t.Type + " " + t.ID + ") ")
	}
	for _, c := range e.Changes {
		changes.WriteString(c.Field + ": " + c.Old + " -> " + c.New + " ")
	}
	for k, v := range e.Metadata {
		metadata.WriteString(k + "=" + v + " ")
	}
	return []string{
		e.Time.Format(audit.TimeLayout), e.ReceivedAt.Format(audit.TimeLayout), string(e.Log), e.Range(), e.Action, e.Product, string(e.Outcome),
		e.Actor.ID, e.Actor.Name, e.Actor.Type, targets.String(), e.Source.IP.String(), e.Source.Platform, e.Source.UserAgent,
		e.Source.Location.Country, e.Source.Location.City, e.Message, changes.String(), metadata.String(), e.ID,
	}
}

// exportMemory measures how far the live heap rises above idle while every event of the full index is exported.
func exportMemory(ctx context.Context, b *bench) ([]figure, error) {
	index, err := b.fullIndex(ctx)
	if err != nil {
		return nil, err
	}
	x, err := b.newExporter(ctx, index)
	if err != nil {
		return nil, err
	}
	defer x.close()
	if _, err := index.Summary(ctx, organization, audit.SummaryRequest{Top: 10}); err != nil { // idle is a server that has been used
		return nil, err
	}
	idle := residentSet()
	peak, stop := watchResidentSet()
	rows, err := x.export(ctx, "memory", audit.ModeAll, b.events)
	stop()
	if err != nil {
		return nil, err
	}
	above := float64(peak.Load()-idle) / (1 << 20)
	return []figure{{name: "memory above idle during a full export", value: max(above, 0), unit: "MiB", bar: 64,
		detail: fmt.Sprintf("%d rows; resident set, idle %d MiB", rows, idle>>20)}}, nil
}

// residentSet returns the bytes of memory that the process holds, once what is free has been given back.
func residentSet() int64 {
	runtime.GC()
	debug.FreeOSMemory()
	return readResidentSet()
}

func readResidentSet() int64 {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(data))
	pages, _ := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize())
}

// watchResidentSet samples the resident set until stop is called.
func watchResidentSet() (peak *atomic.Int64, stop func()) {
	peak = new(atomic.Int64)
	done := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			peak.Store(max(peak.Load(), readResidentSet()))
			select {
			case <-done:
				return
			case <-tick.C:
			}
		}
	}()
	return peak, func() { close(done); <-ended }
}
