package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/index"
)

const (
	// elasticExportRows is how many rows are exported.
	elasticExportRows = 200_000
	// elasticExportPairs is how many times that is compared with a bare scan.
	elasticExportPairs = 3
	// scanPage is how many rows the bare scan asks for at a time.
	scanPage = 5000
)

// elasticExport compares exporting rows, in files, summed and recorded, with scanning the same rows in a point in time, newest first, and writing them as
// CSV; and measures how far memory rises meanwhile.
func elasticExport(ctx context.Context, b *bench) ([]figure, error) {
	events, err := b.fullIndex(ctx)
	if err != nil {
		return nil, err
	}
	x, err := b.newExporter(ctx, events)
	if err != nil {
		return nil, err
	}
	defer x.close()
	rows := int64(min(elasticExportRows, b.events))
	if _, err := events.Summary(ctx, organization, audit.SummaryRequest{Top: 10}); err != nil { // idle is a server that has been used
		return nil, err
	}
	idle := residentSet()
	peak, stop := watchResidentSet()
	_, err = b.timedExport(ctx, x, "memory", rows)
	stop()
	if err != nil {
		return nil, err
	}
	above := float64(peak.Load()-idle) / (1 << 20)
	var ratios []float64
	var ours, bare time.Duration
	for round := range elasticExportPairs {
		if bare, err = b.bareScan(ctx, rows); err != nil {
			return nil, err
		}
		if ours, err = b.timedExport(ctx, x, "rate-"+strconv.Itoa(round), rows); err != nil {
			return nil, err
		}
		ratios = append(ratios, ours.Seconds()/bare.Seconds())
	}
	return []figure{
		{name: fmt.Sprintf("export of %d rows / bare point-in-time scan writing CSV", rows), value: median(ratios), unit: "x", bar: 1.5,
			detail: fmt.Sprintf("%.1f s against %.1f s in the last pair", ours.Seconds(), bare.Seconds())},
		{name: "memory above idle during it", value: max(above, 0), unit: "MiB", bar: 64, detail: fmt.Sprintf("resident set, idle %d MiB", idle>>20)},
	}, nil
}

// timedExport exports rows in parts, as the workflow does.
func (b *bench) timedExport(ctx context.Context, x *exporter, id string, rows int64) (time.Duration, error) {
	began := time.Now()
	written, err := x.export(ctx, id, audit.ModeAll, int((rows+audit.ExportRows-1)/audit.ExportRows))
	if err == nil && written != rows {
		err = fmt.Errorf("the export has %d of %d rows", written, rows)
	}
	return time.Since(began), err
}

// scanned is a hit of the bare scan.
type scanned struct {
	Source map[string]any  `json:"_source"`
	Sort   json.RawMessage `json:"sort"`
}

// bareScan reads the newest rows in a point in time and writes them as plainly as can be.
func (b *bench) bareScan(ctx context.Context, rows int64) (time.Duration, error) {
	file, err := os.Create(b.temporary("bare.csv"))
	if err != nil {
		return 0, err
	}
	defer func() { _ = file.Close() }()
	began := time.Now()
	var pit struct{ ID string }
	if err := b.elastic.raw.do(ctx, http.MethodPost, "/"+b.elastic.fullStream+"/_pit?keep_alive=5m", jsonType, nil, &pit); err != nil {
		return 0, err
	}
	w := csv.NewWriter(file)
	after := json.RawMessage(nil)
	for left := rows; left > 0; {
		hits, err := b.scanPage(ctx, pit.ID, after, int(min(left, scanPage)))
		if err != nil {
			return 0, err
		}
		if len(hits) == 0 {
			return 0, fmt.Errorf("the scan ended %d rows too early", left)
		}
		for i := range hits {
			if err := w.Write(sourceRow(hits[i].Source)); err != nil {
				return 0, err
			}
		}
		left -= int64(len(hits))
		after = hits[len(hits)-1].Sort
	}
	w.Flush()
	took := time.Since(began)
	closePIT, err := json.Marshal(map[string]string{"id": pit.ID})
	if err != nil {
		return 0, err
	}
	if err := b.elastic.raw.do(ctx, http.MethodDelete, "/_pit", jsonType, closePIT, nil); err != nil {
		return 0, err
	}
	return took, w.Error()
}

func (b *bench) scanPage(ctx context.Context, pit string, after json.RawMessage, size int) ([]scanned, error) {
	request := map[string]any{
		"size": size, "track_total_hits": false, "pit": map[string]string{"id": pit, "keep_alive": "5m"},
		"query": map[string]any{"bool": map[string]any{"filter": map[string]any{"term": map[string]string{"organization.id": organization}}}},
		"sort":  []any{map[string]string{"@timestamp": "desc"}},
	}
	if after != nil {
		request["search_after"] = after
	}
	body, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	var answer struct{ Hits struct{ Hits []scanned } }
	err = b.elastic.raw.do(ctx, http.MethodPost, "/_search", jsonType, body, &answer)
	return answer.Hits.Hits, err
}

// sourceRow is a document as a row, its leaves in the order of columns.
func sourceRow(source map[string]any) []string {
	columns := []string{"@timestamp", "event.ingested", "audit.log", "audit.range", "event.action", "audit.product", "event.outcome", "user.id", "user.name",
		"audit.actor.type", "audit.targets", "source.ip", "audit.platform", "user_agent.original", "source.geo.country_iso_code", "source.geo.city_name",
		"message", "audit.changes", "labels", "event.id"}
	row := make([]string, len(columns))
	for i, column := range columns {
		var at any = source
		for part := range strings.SplitSeq(column, ".") {
			object, _ := at.(map[string]any)
			at = object[part]
		}
		switch value := at.(type) {
		case nil:
		case string:
			row[i] = value
		default:
			row[i] = fmt.Sprint(value)
		}
	}
	return row
}

// elasticReads measures what has no bar on Elasticsearch.
func elasticReads(ctx context.Context, b *bench) ([]figure, error) {
	events, err := b.fullIndex(ctx)
	if err != nil {
		return nil, err
	}
	times, err := pageTimes(ctx, events, texts(), nil)
	if err != nil {
		return nil, err
	}
	actors, err := topActors(ctx, events)
	if err != nil {
		return nil, err
	}
	summaries, err := summaryTimes(ctx, events, filters(actors))
	if err != nil {
		return nil, err
	}
	return []figure{
		{name: "full-text page, p95", value: percentile(times, 95), unit: "ms", free: true, detail: fmt.Sprintf("p50 %.2f ms, %d queries", percentile(times, 50), len(texts()))},
		{name: "summary, any filter, exact, p95", value: percentile(summaries, 95), unit: "ms", free: true, detail: fmt.Sprintf("p50 %.1f ms", percentile(summaries, 50))},
	}, nil
}

// summaryTimes measures exact histogram and facets of the queries.
func summaryTimes(ctx context.Context, events index.Reader, queries []audit.Query) ([]time.Duration, error) {
	var times []time.Duration
	for range max(reads/8, 1) {
		for _, query := range queries {
			began := time.Now()
			if _, err := events.Summary(ctx, organization, audit.SummaryRequest{Query: query, Top: 10}); err != nil {
				return nil, err
			}
			times = append(times, time.Since(began))
		}
	}
	return times, nil
}
