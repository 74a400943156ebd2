package elastic

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/rows"
)

// readSize is how many events are stored for benchmarks of reading.
const readSize = 200_000

// benchStored stores events as raw bulk requests and lets the cluster see them.
func benchStored(b *testing.B, count int) *trail {
	b.Helper()
	tr := benchTrail(b)
	overAll(sampleBatches(count), 2, func(batch []*audit.Event) {
		batchRows := newBatch(acme, batch, false).open()
		for _, r := range batchRows {
			r.received = testNow.Add(-time.Hour)
		}
		body, _ := encodeRows(acme, batchRows)
		var answer []byte
		if err := tr.bench.client.Call(tr.bench.ctx, esapi.BulkRequest{Index: tr.stream, Body: bytes.NewReader(body)}, &answer); err != nil {
			b.Error(err)
		}
	})
	if err := tr.refresh(tr.bench.ctx); err != nil {
		b.Fatal(err)
	}
	return tr
}

// BenchmarkScan reads everything in the pages of an export and writes it as CSV, and does the same with a bare point in time, in turns. Its ratio is
// the one to look at: of our time to that of the bare scan.
func BenchmarkScan(b *testing.B) {
	tr := benchStored(b, readSize)
	var ours, bare time.Duration
	for b.Loop() {
		o, r := benchScan(b, tr), benchBareScan(b, tr)
		ours, bare = ours+o, bare+r
		b.Logf("%d events: pages by position %v, a bare point in time %v", readSize, o, r)
	}
	b.ReportMetric(ours.Seconds()/bare.Seconds(), "ratio")
}

const scanPage = 1000

func benchScan(b *testing.B, tr *trail) time.Duration {
	b.Helper()
	began, n := time.Now(), 0
	out, err := rows.New(audit.FormatCSV, nil, io.Discard)
	if err != nil {
		b.Fatal(err)
	}
	search := audit.Search{Limit: scanPage, ReceivedUntil: testNow.Add(-time.Minute)}
	for {
		page, err := tr.Search(tr.bench.ctx, acme, search)
		if err != nil {
			b.Fatal(err)
		}
		for i := range page.Events {
			if err := out.Write(&page.Events[i]); err != nil {
				b.Fatal(err)
			}
		}
		n += len(page.Events)
		if search.After = page.Next; page.Next == nil {
			break
		}
	}
	if err := out.Close(); err != nil || n != readSize {
		b.Fatalf("%d events were read (%v)", n, err)
	}
	return time.Since(began)
}

// benchBareScan is what a script would do: a point in time, pages by search_after, the values of _source as a row.
func benchBareScan(b *testing.B, tr *trail) time.Duration {
	b.Helper()
	began, n := time.Now(), 0
	var pit struct{ ID string }
	if err := tr.bench.client.Call(tr.bench.ctx, esapi.OpenPointInTimeRequest{Index: []string{tr.stream}, KeepAlive: "1m"}, &pit); err != nil {
		b.Fatal(err)
	}
	out := csv.NewWriter(io.Discard)
	request := map[string]any{"size": scanPage, "track_total_hits": false, "pit": map[string]any{"id": pit.ID, "keep_alive": "1m"},
		"query": term(fieldOrganization, acme), "sort": []any{map[string]any{fieldTime: "desc"}}}
	for {
		body, err := json.Marshal(request)
		if err != nil {
			b.Fatal(err)
		}
		var answer struct {
			Hits struct {
				Hits []struct {
					Source document `json:"_source"`
					Sort   []int64
				}
			}
		}
		if err := tr.bench.client.Call(tr.bench.ctx, esapi.SearchRequest{Body: bytes.NewReader(body)}, &answer); err != nil {
			b.Fatal(err)
		}
		hits := answer.Hits.Hits
		for i := range hits {
			d := &hits[i].Source
			row := []string{d.Time.Format(audit.TimeLayout), d.Event.ID, d.Event.Action, string(d.Event.Outcome), d.User.ID, d.User.Name, d.Source.IP.String(),
				d.Source.Geo.Country, d.Source.Geo.City, d.UserAgent.Original, d.Message, string(d.Audit.Log), d.Audit.Product, d.Audit.Platform}
			if err := out.Write(row); err != nil {
				b.Fatal(err)
			}
		}
		if n += len(hits); len(hits) < scanPage {
			break
		}
		request["search_after"] = hits[len(hits)-1].Sort
	}
	if out.Flush(); out.Error() != nil || n != readSize {
		b.Fatalf("%d events were read (%v)", n, out.Error())
	}
	return time.Since(began)
}

// BenchmarkPages reads first pages and deep ones, in turns, as the API does it. Its ratio is the one to look at: of the time of a deep page to that of
// the first, by the 95th of a hundred.
func BenchmarkPages(b *testing.B) {
	tr := benchStored(b, readSize)
	deep := &audit.Position{Time: testNow.AddDate(0, -5, 0)}
	queries := map[string]audit.Query{
		"everything":    {},
		"by log":        {Logs: []audit.Log{audit.LogLogin}},
		"by action":     {Actions: []string{"contacts.*"}},
		"failures":      {Outcomes: []audit.Outcome{audit.OutcomeFailure}},
		"words":         {Text: "added"},
		"a phrase":      {Text: `"signed in"`},
		"without words": {Text: "-added outcome:success"},
	}
	for name, q := range queries {
		b.Run(name, func(b *testing.B) {
			read := func(after *audit.Position) time.Duration {
				began := time.Now()
				page, err := tr.Search(tr.bench.ctx, acme, audit.Search{Query: q, Limit: audit.DefaultPage, After: after, CountLimit: audit.DefaultCountLimit})
				if err != nil || len(page.Events) == 0 {
					b.Fatalf("%d events (%v)", len(page.Events), err)
				}
				return time.Since(began)
			}
			var first, later []time.Duration
			for b.Loop() {
				first, later = append(first, read(nil)), append(later, read(deep))
			}
			b.ReportMetric(percentile(first, 95).Seconds()*1000, "ms-first-p95")
			b.ReportMetric(percentile(later, 95).Seconds()*1000, "ms-deep-p95")
			b.ReportMetric(percentile(later, 95).Seconds()/percentile(first, 95).Seconds(), "ratio")
		})
	}
	b.Run("summary", func(b *testing.B) {
		for b.Loop() {
			if _, err := tr.Summary(tr.bench.ctx, acme, audit.SummaryRequest{Top: 10}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func percentile(times []time.Duration, p int) time.Duration {
	slices.Sort(times)
	return times[len(times)*p/100]
}
