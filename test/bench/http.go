package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/audittrail/audittrail/api"
	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/index"
	"github.com/audittrail/audittrail/internal/ingest"
	"github.com/audittrail/audittrail/store"
)

const (
	requestEvents = 500
	bulkClients   = 8
	singleClients = 64
	singleEvents  = 20_000
)

// service is the API as it is run, on a loopback port, without Temporal: ingestion does not need it.
type service struct {
	index     index.Index
	records   store.Store
	committer *ingest.Committer
	server    *api.Server
	url, key  string
}

func (b *bench) newService(ctx context.Context, group ingest.Options) (*service, error) {
	events, records, err := b.newEngines(ctx)
	if err != nil {
		return nil, err
	}
	key, err := newKey(ctx, records)
	if err != nil {
		return nil, err
	}
	group.Logger = quiet()
	committer := ingest.New(events, group)
	server := api.New(api.Config{
		Events: events, Ingester: committer, Directory: records, Keys: records, Reminders: records, Deliveries: records, Messages: records,
		Exports: records, Secrets: records, Clock: func() time.Time { return now }, Logger: quiet(), Limits: api.Limits{RatePerSecond: -1},
	})
	var loopback net.ListenConfig
	listener, err := loopback.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go func() { _ = server.Serve(listener) }()
	return &service{index: events, records: records, committer: committer, server: server, url: "http://" + listener.Addr().String() + "/v1/events", key: key}, nil
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func newKey(ctx context.Context, records store.Store) (string, error) {
	e := enterprise(1)
	if _, err := records.PutOrganization(ctx, e.Organization); err != nil {
		return "", err
	}
	if _, err := records.PutMember(ctx, e.Members[0]); err != nil {
		return "", err
	}
	secret, prefix, hash := audit.NewKeySecret()
	return secret, records.CreateKey(ctx, audit.Key{ID: "bench", Organization: organization, Member: e.Members[0].ID, Name: "bench",
		Prefix: prefix, Hash: hash, Scopes: []audit.Scope{audit.ScopeEventsWrite}, CreatedAt: now})
}

func (s *service) close(ctx context.Context) {
	_ = s.server.Shutdown(ctx)
	_ = s.committer.Close(ctx)
	_ = s.index.Close()
	_ = s.records.Close()
}

// httpRate compares ingestion through HTTP in requests of 500 events with the engine's own bulk rate.
func httpRate(ctx context.Context, b *bench) ([]figure, error) {
	var bodies [][]byte
	for batch := range batches(enterprise(rateEvents), requestEvents) {
		var body []byte
		for _, event := range batch {
			body = append(event.AppendJSON(body), '\n')
		}
		bodies = append(bodies, body)
	}
	var ratios, through, own []float64
	for range pairs {
		engine, err := b.engineRate(ctx, false)
		if err != nil {
			return nil, err
		}
		rate, err := b.throughHTTP(ctx, ingest.Options{}, load{ContentType: "application/x-ndjson", Status: http.StatusOK, Bodies: bodies, Clients: bulkClients, Events: rateEvents})
		if err != nil {
			return nil, err
		}
		ratios, through, own = append(ratios, rate/engine), append(through, rate), append(own, engine)
	}
	return []figure{{name: "ingest through HTTP, 500 a request / engine's bulk rate", value: median(ratios), unit: "x", bar: 0.8, atLeast: true,
		detail: fmt.Sprintf("%.0f against %.0f events/s", median(through), median(own))}}, nil
}

// throughHTTP sends the load to a new service and returns events a second, having seen that all are stored.
func (b *bench) throughHTTP(ctx context.Context, group ingest.Options, l load) (float64, error) {
	s, err := b.newService(ctx, group)
	if err != nil {
		return 0, err
	}
	defer s.close(ctx)
	l.URL, l.Key = s.url, s.key
	took, err := sendApart(ctx, l)
	if err != nil {
		return 0, err
	}
	return float64(l.Events) / took.Seconds(), s.holds(ctx, l.Events)
}

// holds waits until everything that was acknowledged is found.
func (s *service) holds(ctx context.Context, events int) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	poll := time.NewTicker(100 * time.Millisecond)
	defer poll.Stop()
	for {
		page, err := s.index.Search(ctx, organization, audit.Search{Limit: 1, CountLimit: audit.CountAll})
		if err != nil || page.Total.Value == int64(events) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d of %d events are stored", page.Total.Value, events)
		case <-poll.C:
		}
	}
}

// groupCommit compares one event a request by 64 clients as it is, with commits that are shared, with the same requests and one commit
// for each of them.
func groupCommit(ctx context.Context, b *bench) ([]figure, error) {
	var bodies [][]byte
	for event := range enterprise(singleEvents).Events() {
		bodies = append(bodies, event.AppendJSON(nil))
	}
	const few = singleEvents / 10
	var ratios, shared, alone []float64
	for range pairs {
		one, err := b.throughHTTP(ctx, ingest.Options{MaxCommit: 1}, load{ContentType: "application/json", Status: http.StatusCreated, Bodies: bodies[:few], Clients: singleClients, Events: few})
		if err != nil {
			return nil, err
		}
		rate, err := b.throughHTTP(ctx, ingest.Options{}, load{ContentType: "application/json", Status: http.StatusCreated, Bodies: bodies, Clients: singleClients, Events: singleEvents})
		if err != nil {
			return nil, err
		}
		ratios, shared, alone = append(ratios, rate/one), append(shared, rate), append(alone, one)
	}
	return []figure{{name: "one event a request, 64 clients / one commit an event", value: median(ratios), unit: "x", bar: 10, atLeast: true,
		detail: fmt.Sprintf("%.0f against %.0f events/s", median(shared), median(alone))}}, nil
}
