package main

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/index"
)

// reads is how often each query is run.
const reads = 40

// filters are the queries of the lines "any filter": none, common, rare, combined, and those that match nothing. The actors are
// the busiest and a quiet one of the sample.
func filters(actors []audit.FacetValue) []audit.Query {
	busy, quiet := actors[0].Value, actors[len(actors)-1].Value
	month := now.AddDate(0, -1, 0)
	return []audit.Query{
		{},
		{Logs: []audit.Log{audit.LogLogin}},
		{Logs: []audit.Log{audit.LogOperation}},
		{Ranges: []string{"contacts"}},
		{Actions: []string{"open_platform.plugin.disabled"}},
		{Actions: []string{"contacts.*", "enterprise.order.paid"}},
		{Actors: []string{busy}},
		{Actors: []string{quiet}},
		{Actors: []string{quiet}, Outcomes: []audit.Outcome{audit.OutcomeFailure}},
		{Outcomes: []audit.Outcome{audit.OutcomeFailure}, Logs: []audit.Log{audit.LogLogin}},
		{IPs: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}},
		{IPs: []netip.Prefix{netip.MustParsePrefix("203.0.113.77/32")}},
		{From: month, To: month.AddDate(0, 0, 7)},
		{From: month, To: month.Add(24 * time.Hour), Actions: []string{"contacts.member.added"}, Actors: []string{busy}},
		{Actors: []string{"nobody"}},
	}
}

// texts are the full-text queries: common and rare words, phrases, prefixes, qualifiers, negation, alternatives, nothing.
func texts() []audit.Query {
	queries := []string{
		"added", "signed in", "failed password", "plugin disabled", `"signed in"`, "berlin", "berl*", "order paid", "smith", "actor:smith",
		"target:sales", "plugin OR order", "signed -berlin", "203.0.113", "action:contacts.* added", "range:enterprise order",
		"outcome:failure signed", "zzzznothing",
	}
	out := make([]audit.Query, len(queries))
	for i, q := range queries {
		out[i] = audit.Query{Text: q}
	}
	return append(out,
		audit.Query{Text: "signed", Actions: []string{"login.failed"}},
		audit.Query{Text: "added", From: now.AddDate(0, -3, 0), To: now.AddDate(0, -2, 0)})
}

// newestPages measures the first page of every filter, and how deep pages compare.
func newestPages(bar float64) func(context.Context, *bench) ([]figure, error) {
	return func(ctx context.Context, b *bench) ([]figure, error) { return b.newestPages(ctx, bar) }
}

func (b *bench) newestPages(ctx context.Context, bar float64) ([]figure, error) {
	index, err := b.fullIndex(ctx)
	if err != nil {
		return nil, err
	}
	actors, err := topActors(ctx, index)
	if err != nil {
		return nil, err
	}
	first, err := pageTimes(ctx, index, filters(actors), nil)
	if err != nil {
		return nil, err
	}
	deepAt := &audit.Position{Time: now.AddDate(0, -4, 0)}
	deep, err := pageTimes(ctx, index, filters(actors), deepAt)
	if err != nil {
		return nil, err
	}
	p95, deep95 := percentile(first, 95), percentile(deep, 95)
	// A deep page is compared where both take long enough to be told apart.
	ratio := max(percentile(deep, 50), 0.5) / max(percentile(first, 50), 0.5)
	return []figure{
		{name: "newest page, any filter, p95", value: p95, unit: "ms", bar: bar, detail: fmt.Sprintf("p50 %.2f ms, %d events", percentile(first, 50), b.events)},
		{name: "deep page, any filter, p95", value: deep95, unit: "ms", bar: bar, detail: fmt.Sprintf("p50 %.2f ms, four months back", percentile(deep, 50))},
		{name: "deep page / newest page, p50", value: ratio, unit: "x", bar: 1.5},
	}, nil
}

// textPages measures the first page of full-text queries.
func textPages(ctx context.Context, b *bench) ([]figure, error) {
	index, err := b.fullIndex(ctx)
	if err != nil {
		return nil, err
	}
	times, err := pageTimes(ctx, index, texts(), nil)
	if err != nil {
		return nil, err
	}
	return []figure{{name: "full-text page, p95", value: percentile(times, 95), unit: "ms", bar: 50,
		detail: fmt.Sprintf("p50 %.2f ms, %d queries", percentile(times, 50), len(texts()))}}, nil
}

// summaries measures exact histogram and facets of every filter.
func summaries(ctx context.Context, b *bench) ([]figure, error) {
	index, err := b.fullIndex(ctx)
	if err != nil {
		return nil, err
	}
	actors, err := topActors(ctx, index)
	if err != nil {
		return nil, err
	}
	times, err := summaryTimes(ctx, index, filters(actors))
	if err != nil {
		return nil, err
	}
	return []figure{{name: "summary, any filter, exact, p95", value: percentile(times, 95), unit: "ms", bar: 500,
		detail: fmt.Sprintf("p50 %.1f ms", percentile(times, 50))}}, nil
}

func pageTimes(ctx context.Context, index index.Reader, queries []audit.Query, after *audit.Position) ([]time.Duration, error) {
	var times []time.Duration
	for range reads {
		for _, query := range queries {
			began := time.Now()
			if _, err := index.Search(ctx, organization, audit.Search{Query: query, Limit: audit.DefaultPage, After: after}); err != nil {
				return nil, err
			}
			times = append(times, time.Since(began))
		}
	}
	return times, nil
}

func topActors(ctx context.Context, index index.Reader) ([]audit.FacetValue, error) {
	summary, err := index.Summary(ctx, organization, audit.SummaryRequest{Top: 100})
	return summary.Actors.Values, err
}
