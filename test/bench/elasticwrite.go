package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync"

	connection "github.com/audittrail/audittrail/internal/cluster"
	"github.com/audittrail/audittrail/internal/ingest"
)

const (
	// elasticPairs is how many times two ways of writing are measured in turn: they are slower than those of SQLite.
	elasticPairs = 3
	// elasticRateEvents is how many events each measurement of a rate stores.
	elasticRateEvents = 30_000
	// elasticSingles and elasticAlone are how many are stored one a request, with commits that are shared and without.
	elasticSingles = 10_000
	elasticAlone   = 500
	// elasticDiskEvents is how many events the size on disk is measured with.
	elasticDiskEvents = 100_000
)

// elasticHTTPRate compares ingestion through HTTP in requests of 500 events with raw bulk requests of 500 of the very same documents, by as many clients.
func elasticHTTPRate(ctx context.Context, b *bench) ([]figure, error) {
	count := min(elasticRateEvents, b.events)
	documents, err := b.elastic.documents(ctx, count)
	if err != nil {
		return nil, err
	}
	raw := bulkBodies(documents, requestEvents)
	through := load{ContentType: ndjsonType, Status: http.StatusOK, Bodies: requestBodies(count, requestEvents), Clients: bulkClients, Events: count}
	if _, err := b.rawRate(ctx, raw, bulkClients); err != nil { // the first use of a node is slower than all later ones
		return nil, err
	}
	var ratios, ours, bare []float64
	for range elasticPairs {
		plain, err := b.rawRate(ctx, raw, bulkClients)
		if err != nil {
			return nil, err
		}
		rate, err := b.throughHTTP(ctx, ingest.OptionsFor(engineElastic), through)
		if err != nil {
			return nil, err
		}
		ratios, ours, bare = append(ratios, rate/plain), append(ours, rate), append(bare, plain)
	}
	return []figure{{name: "ingest through HTTP, 500 a request / raw _bulk of the same documents", value: median(ratios), unit: "x", bar: 0.8, atLeast: true,
		detail: fmt.Sprintf("%.0f against %.0f events/s, %d clients each", median(ours), median(bare), bulkClients)}}, nil
}

// elasticGroupCommit compares one event a request by 64 clients, whose commits are shared, with one bulk request for each of them.
func elasticGroupCommit(ctx context.Context, b *bench) ([]figure, error) {
	documents, err := b.elastic.documents(ctx, elasticAlone)
	if err != nil {
		return nil, err
	}
	bodies := requestBodies(min(elasticSingles, b.events), 1)
	singles := load{ContentType: jsonType, Status: http.StatusCreated, Bodies: bodies, Clients: singleClients, Events: len(bodies)}
	few := singles
	few.Bodies, few.Events = bodies[:elasticAlone], elasticAlone
	var ratios, shared, alone, raw []float64
	for range elasticPairs {
		one, err := b.throughHTTP(ctx, ingest.Options{MaxCommit: 1}, few)
		if err != nil {
			return nil, err
		}
		rate, err := b.throughHTTP(ctx, ingest.OptionsFor(engineElastic), singles)
		if err != nil {
			return nil, err
		}
		bare, err := b.rawRate(ctx, bulkBodies(documents, 1), 1)
		if err != nil {
			return nil, err
		}
		ratios, shared, alone, raw = append(ratios, rate/one), append(shared, rate), append(alone, one), append(raw, bare)
	}
	return []figure{
		{name: "one event a request, 64 clients / one bulk request an event", value: median(ratios), unit: "x", bar: 10, atLeast: true,
			detail: fmt.Sprintf("%.0f against %.0f events/s, both through HTTP", median(shared), median(alone))},
		{name: "the same / a raw client that sends one bulk request an event", value: median(shared) / median(raw), unit: "x", free: true,
			detail: fmt.Sprintf("%.0f events/s raw, one after the other", median(raw))},
	}, nil
}

// elasticDisk measures bytes on disk an event beside those of the same events in an index with the mapping that Elasticsearch makes up, both merged.
func elasticDisk(ctx context.Context, b *bench) ([]figure, error) {
	prefix, count := b.elastic.newPrefix(), min(elasticDiskEvents, b.events)
	events, err := b.elastic.newIndex(ctx, prefix, now)
	if err != nil {
		return nil, err
	}
	err = errors.Join(appendAll(ctx, events, enterprise(count), elasticCommit), events.Close())
	if err != nil {
		return nil, err
	}
	ours, err := b.elastic.raw.size(ctx, stream(prefix))
	if err != nil {
		return nil, err
	}
	plain, size, err := b.plainIndex(ctx, count)
	if err != nil {
		return nil, err
	}
	per := func(bytes int64) float64 { return float64(bytes) / float64(count) }
	return []figure{
		{name: "disk an event", value: per(ours), unit: "B", free: true, detail: fmt.Sprintf("%.0f B of JSON an event, merged", per(size))},
		{name: "disk an event, raw default mapping", value: per(plain), unit: "B", free: true},
		{name: "disk an event / raw default mapping", value: float64(ours) / float64(plain), unit: "x", free: true},
	}, nil
}

// plainIndex stores the events' JSON in an index that nobody gave a mapping, and returns its size and that of the JSON.
func (b *bench) plainIndex(ctx context.Context, count int) (disk, text int64, err error) {
	var lines [][]byte
	for event := range enterprise(count).Events() {
		document := event.AppendJSON(nil)
		text += int64(len(document))
		lines = append(lines, append(append([]byte("{\"index\":{}}\n"), document...), '\n'))
	}
	name := b.elastic.newPrefix() + "-plain"
	settings := []byte(`{"settings":{"number_of_replicas":0}}`)
	if err := b.elastic.raw.do(ctx, http.MethodPut, "/"+name, jsonType, settings, nil); err != nil {
		return 0, 0, err
	}
	if _, err := b.elastic.raw.bulk(ctx, name, bulkBodies(lines, requestEvents), 2); err != nil {
		return 0, 0, err
	}
	disk, err = b.elastic.raw.size(ctx, name)
	return disk, text, err
}

// rawRate stores the bodies in a new data stream of ours and returns documents a second.
func (b *bench) rawRate(ctx context.Context, bodies [][]byte, clients int) (float64, error) {
	prefix := b.elastic.newPrefix()
	events, err := b.elastic.newIndex(ctx, prefix, now)
	if err != nil {
		return 0, err
	}
	if err := events.Close(); err != nil {
		return 0, err
	}
	return b.elastic.raw.bulk(ctx, stream(prefix), bodies, clients)
}

// requestBodies returns events as our API takes them, so many a request.
func requestBodies(events, size int) [][]byte {
	var bodies [][]byte
	for batch := range batches(enterprise(events), size) {
		var body []byte
		for _, event := range batch {
			body = append(event.AppendJSON(body), '\n')
		}
		bodies = append(bodies, body)
	}
	return bodies
}

// bulkBodies joins documents with their actions, so many a request.
func bulkBodies(documents [][]byte, size int) [][]byte {
	var bodies [][]byte
	for len(documents) > 0 {
		n := min(size, len(documents))
		bodies = append(bodies, bytes.Join(documents[:n], nil))
		documents = documents[n:]
	}
	return bodies
}

// documents returns what the engine sends to Elasticsearch for so many events: an action and a document each. It is recorded on the way.
func (c *cluster) documents(ctx context.Context, events int) ([][]byte, error) {
	target, err := url.Parse(c.url)
	if err != nil {
		return nil, err
	}
	r := &recorder{proxy: httputil.NewSingleHostReverseProxy(target), seen: make(map[string]bool)}
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: r}
	go func() { _ = server.Serve(listener) }()
	defer func() { _ = server.Close() }()
	here := url.URL{Scheme: "http", User: target.User, Host: listener.Addr().String()}
	client, err := connection.Open(ctx, connection.Options{URLs: []string{here.String()}, Uncompressed: true, Logger: quiet()})
	if err != nil {
		return nil, err
	}
	defer client.Close()
	through := &cluster{client: client, run: c.run + "r", count: c.count}
	prefix := c.newPrefix()
	index, err := through.newIndex(ctx, prefix, now)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(appendAll(ctx, index, enterprise(events), requestEvents), index.Close()); err != nil {
		return nil, err
	}
	if len(r.documents) != events {
		return nil, fmt.Errorf("%d documents were recorded for %d events", len(r.documents), events)
	}
	return r.documents, nil
}

// recorder hands requests on and keeps what bulk requests hold.
type recorder struct {
	proxy     *httputil.ReverseProxy
	mu        sync.Mutex
	seen      map[string]bool // actions, which hold the id: what is sent again counts once
	documents [][]byte
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	if strings.HasSuffix(request.URL.Path, "_bulk") {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		request.Body = io.NopCloser(bytes.NewReader(body))
		r.keep(body)
	}
	r.proxy.ServeHTTP(w, request)
}

// keep takes a body apart: each document is the line behind its action.
func (r *recorder) keep(body []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	action := []byte(nil)
	for line := range bytes.Lines(body) {
		switch {
		case action == nil:
			action = line
		case r.seen[string(action)]:
			action = nil
		default:
			r.seen[string(action)] = true
			r.documents, action = append(r.documents, append(bytes.Clone(action), line...)), nil
		}
	}
}

// temporary returns a file's name in the benchmark's folder.
func (b *bench) temporary(name string) string { return filepath.Join(b.dir, name) }
