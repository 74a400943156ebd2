package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/audittrail/audittrail/api"
	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/console"
	"github.com/audittrail/audittrail/internal/ingest"
	storesqlite "github.com/audittrail/audittrail/store/sqlite"
)

const (
	// pageReads is how often each page is asked for.
	pageReads = 8
	// maxFirstBytes and maxNextBytes are what a browser may have to load: the page with all its assets, and what a change of the filters brings.
	maxFirstBytes = 150 << 10
	maxNextBytes  = 30 << 10
)

// creator is signed in as the first member of the enterprise, whatever the cookie.
type creator struct{ by audit.Principal }

func (creator) CookieName() string { return "session" }

func (c creator) Authenticate(context.Context, string) (audit.Principal, string, error) {
	return c.by, "token", nil
}

func (creator) SignIn(context.Context, string, audit.Source) (string, time.Time, error) {
	return "", time.Time{}, audit.NotFound("link")
}

func (creator) SignOut(context.Context, string, audit.Source) error { return nil }

// browsing is the console on the full index, without a network.
type browsing struct {
	pages   *console.Console
	actors  []audit.FacetValue
	elapsed []time.Duration
}

// consolePages measures the pages of the console: how long the server takes for each filter, and what the browser has to load.
func consolePages(ctx context.Context, b *bench) ([]figure, error) {
	br, err := b.newBrowsing(ctx)
	if err != nil {
		return nil, err
	}
	var whole, part int
	for range pageReads {
		for _, query := range filters(br.actors) {
			for _, htmx := range []bool{false, true} {
				body, err := br.open(pageOf(query), htmx)
				if err != nil {
					return nil, err
				}
				if htmx {
					part = max(part, len(compressed(body)))
				} else {
					whole = max(whole, len(compressed(body)))
				}
			}
		}
	}
	assets, err := br.assets(pageOf(audit.Query{}))
	if err != nil {
		return nil, err
	}
	const kib = 1 << 10
	return []figure{
		{name: "console, first page and each filter, p95", value: percentile(br.elapsed, 95), unit: "ms", bar: 100,
			detail: fmt.Sprintf("p50 %.1f ms, %d events, on the server", percentile(br.elapsed, 50), b.events)},
		{name: "console, first page with all assets", value: float64(whole+assets) / kib, unit: "KiB", bar: maxFirstBytes / kib,
			detail: fmt.Sprintf("compressed; %.1f KiB of it assets, which are kept", float64(assets)/kib)},
		{name: "console, change of a filter", value: float64(part) / kib, unit: "KiB", bar: maxNextBytes / kib, detail: "compressed"},
	}, nil
}

func (b *bench) newBrowsing(ctx context.Context) (*browsing, error) {
	events, err := b.fullIndex(ctx)
	if err != nil {
		return nil, err
	}
	br := &browsing{}
	if br.actors, err = topActors(ctx, events); err != nil {
		return nil, err
	}
	records, err := storesqlite.Open(ctx, b.folder(), storesqlite.Options{Logger: quiet()})
	if err != nil {
		return nil, err
	}
	e := enterprise(1)
	if _, err := newKey(ctx, records); err != nil {
		return nil, err
	}
	server := api.New(api.Config{
		Events: events, Ingester: ingest.New(events, ingest.Options{Logger: quiet()}), Directory: records, Keys: records, Reminders: records, Deliveries: records,
		Messages: records, Exports: records, Secrets: records, Clock: func() time.Time { return now }, Logger: quiet(), Limits: api.Limits{RatePerSecond: -1},
	})
	by := audit.Principal{Organization: organization, Member: e.Members[0].ID, MemberName: e.Members[0].Name, Role: e.Members[0].Role, Scopes: audit.Scopes()}
	br.pages = console.New(console.Config{API: server, Sessions: creator{by}, Clock: func() time.Time { return now }, Logger: quiet()})
	return br, nil
}

// pageOf is the address of the page that shows the query.
func pageOf(q audit.Query) string {
	values := q.Values()
	page := "/operation-logs"
	if slices.Contains(q.Logs, audit.LogLogin) {
		page = "/login-history"
	}
	values.Del("log")
	return (&url.URL{Path: page, RawQuery: values.Encode()}).String()
}

// open asks for a page, as a browser or as htmx does, and notes how long it took.
func (br *browsing) open(address string, htmx bool) ([]byte, error) {
	var ctx fasthttp.RequestCtx
	var request fasthttp.Request
	request.SetRequestURI(address)
	if htmx {
		request.Header.Set("HX-Request", "true")
	}
	ctx.Init(&request, nil, nil)
	began := time.Now()
	br.pages.ServePage(&ctx)
	br.elapsed = append(br.elapsed, time.Since(began))
	if status := ctx.Response.StatusCode(); status != http.StatusOK {
		return nil, fmt.Errorf("%s answered %d: %.300s", address, status, ctx.Response.Body())
	}
	return bytes.Clone(ctx.Response.Body()), nil
}

var assetAddress = regexp.MustCompile(`(?:src|href)="(/assets/[^"]+)"`)

// assets returns how many bytes the assets of a page are, as they travel.
func (br *browsing) assets(address string) (int, error) {
	page, err := br.open(address, false)
	if err != nil {
		return 0, err
	}
	total, seen := 0, map[string]bool{}
	for _, match := range assetAddress.FindAllSubmatch(page, -1) {
		name := string(match[1])
		if seen[path.Clean(name)] {
			continue
		}
		seen[path.Clean(name)] = true
		var ctx fasthttp.RequestCtx
		var request fasthttp.Request
		request.SetRequestURI(name)
		request.Header.Set("Accept-Encoding", "br")
		ctx.Init(&request, nil, nil)
		br.pages.ServePage(&ctx)
		total += len(ctx.Response.Body())
	}
	return total, nil
}

// compressed is the body as it travels at the level that the console uses.
func compressed(body []byte) []byte { return fasthttp.AppendBrotliBytes(nil, body) }
