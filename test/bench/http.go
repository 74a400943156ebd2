package main

import (
	"context"
	"errors"
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
	"github.com/audittrail/audittrail/internal/sample"
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
//
// What is shared is the wait for the disk, so the disk decides. It is measured on one that is as slow as those that people run this on, and
// for the record on the one that is there: behind the cache of a virtual machine's host an fsync can cost as little as the requests themselves.
func groupCommit(ctx context.Context, b *bench) ([]figure, error) {
	const name = "one event a request, 64 clients / one commit an event"
	asIs, err := b.groupCommitRatio(ctx)
	if err != nil {
		return nil, err
	}
	asIs.name = name + ", on this disk"
	restore, err := slowDisk(b.dir, usualWrites)
	if err != nil {
		progress("group commit is measured on this disk alone, as it cannot be slowed down: %v", err)
		asIs.bar, asIs.atLeast, asIs.free = 10, true, false
		return []figure{asIs}, nil
	}
	usual, err := b.groupCommitRatio(ctx)
	if err := errors.Join(err, restore()); err != nil {
		return nil, err
	}
	usual.name, usual.bar, usual.atLeast, usual.free = fmt.Sprintf("%s, on a disk of %d writes a second", name, usualWrites), 10, true, false
	return []figure{usual, asIs}, nil
}

// groupCommitRatio is a figure without a bar.
func (b *bench) groupCommitRatio(ctx context.Context) (figure, error) {
	sync, err := syncTime(b.dir)
	if err != nil {
		return figure{}, err
	}
	var bodies [][]byte
	// What comes one by one happens now.
	live := sample.New(sample.Options{Organization: organization, Count: singleEvents, End: now, Span: 24 * time.Hour})
	for event := range live.Events() {
		bodies = append(bodies, event.AppendJSON(nil))
	}
	const few = singleEvents / 10
	var ratios, shared, alone []float64
	for range pairs {
		one, err := b.throughHTTP(ctx, ingest.Options{MaxCommit: 1}, load{ContentType: "application/json", Status: http.StatusCreated, Bodies: bodies[:few], Clients: singleClients, Events: few})
		if err != nil {
			return figure{}, err
		}
		rate, err := b.throughHTTP(ctx, ingest.Options{}, load{ContentType: "application/json", Status: http.StatusCreated, Bodies: bodies, Clients: singleClients, Events: singleEvents})
		if err != nil {
			return figure{}, err
		}
		ratios, shared, alone = append(ratios, rate/one), append(shared, rate), append(alone, one)
	}
	return figure{value: median(ratios), unit: "x", free: true,
		detail: fmt.Sprintf("%.0f against %.0f events/s, fsync %.2f ms", median(shared), median(alone), float64(sync.Microseconds())/1000)}, nil
}
