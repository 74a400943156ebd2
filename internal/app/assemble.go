package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/audittrail/audittrail/activities"
	"github.com/audittrail/audittrail/api"
	"github.com/audittrail/audittrail/console"
	"github.com/audittrail/audittrail/index"
	"github.com/audittrail/audittrail/internal/blob"
	"github.com/audittrail/audittrail/internal/erasure"
	"github.com/audittrail/audittrail/internal/ingest"
	"github.com/audittrail/audittrail/internal/jobs"
	"github.com/audittrail/audittrail/internal/oidc"
	"github.com/audittrail/audittrail/store"
	"github.com/audittrail/audittrail/worker"
)

// parts are what the process works with.
type parts struct {
	index     index.Index
	reads     *erasure.Reader // the index as people may read it
	store     store.Store
	files     *blob.Bucket
	jobs      *jobs.Client
	hinter    *hinter
	committer *ingest.Committer
	founder   *founder // what events are appended by
	channels  channels
	places    *places
	metrics   *api.Metrics
	registry  *prometheus.Registry
	links     api.Links
	codes     []byte          // the secret that codes of other addresses are made of
	providers *oidc.Providers // nil where people sign in by links alone
}

// assemble opens the parts and connects them.
func (a *App) assemble(ctx context.Context, opts Options) error {
	var p parts
	var err error
	if p.channels, err = newChannels(a.config, opts.Clock); err != nil {
		return err
	}
	if err := a.open(ctx, &p, opts); err != nil {
		return err
	}
	secret, err := p.store.Secret(ctx, api.UnsubscribeSecret)
	if err != nil {
		return fmt.Errorf("read the secret of unsubscribe links: %w", err)
	}
	p.links = api.Links{PublicURL: strings.TrimRight(a.config.PublicURL, "/"), Secret: secret}
	if p.codes, err = p.store.Secret(ctx, api.AddressSecret); err != nil {
		return fmt.Errorf("read the secret of codes: %w", err)
	}
	if err := a.openProviders(ctx, &p, opts); err != nil {
		return err
	}
	if err := a.connect(ctx, &p, opts); err != nil {
		return err
	}
	p.channels.add(p.store, opts.Clock)
	a.channels = p.channels.states
	for _, c := range a.channels {
		opts.Logger.InfoContext(ctx, "channel", "name", c.Channel, "on", c.On, "detail", c.Detail)
	}
	a.records = p.store
	a.server = api.New(a.apiConfig(&p, opts))
	if opts.Role != RoleWorker {
		a.server.Mount(console.New(console.Config{API: a.server, Sessions: a.server, Providers: a.server, Secure: a.server.SecureCookie(), Clock: opts.Clock,
			Logger: opts.Logger, Version: opts.Version}))
	}
	if opts.Role != RoleAPI {
		a.worker = worker.New(p.jobs.Temporal(), workerDeps(&p, opts))
	}
	return nil
}

// open opens the engines, the place of files and the port.
func (a *App) open(ctx context.Context, p *parts, opts Options) error {
	engines, err := newEngines(ctx, a.config, opts)
	if err != nil {
		return err
	}
	a.onClose("the connection", func(context.Context) error { engines.close(); return nil })
	if p.index, err = engines.index(ctx); err != nil {
		return err
	}
	a.onClose("the index", func(context.Context) error { return p.index.Close() })
	if p.store, err = engines.store(ctx); err != nil {
		return err
	}
	a.onClose("the store", func(context.Context) error { return p.store.Close() })
	p.reads = erasure.NewReader(p.index, p.store, opts.Clock)
	if p.files, err = openFiles(ctx, a.config); err != nil {
		return err
	}
	a.onClose("the place of exports", func(context.Context) error { return p.files.Close() })
	if a.config.GeoIP.Database != "" {
		if p.places, err = openPlaces(a.config.GeoIP.Database); err != nil {
			return err
		}
		a.onClose("the GeoIP database", func(context.Context) error { return p.places.Close() })
	}
	if err := a.keepCertificate(ctx); err != nil {
		return err
	}
	if err := a.listen(ctx); err != nil {
		return err
	}
	a.onClose("the port", func(context.Context) error {
		if err := a.listener.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	return nil
}

// connect starts Temporal where it is embedded, and what works beside requests.
func (a *App) connect(ctx context.Context, p *parts, opts Options) error {
	address := a.config.Temporal.Address
	if address == "" {
		server, err := opts.StartTemporal(ctx, a.config.DataDir, a.config.Temporal.Port, opts.Logger)
		if err != nil {
			return err
		}
		a.onClose("embedded Temporal", func(context.Context) error { return server.Stop() })
		address = server.Address()
	}
	security, err := temporalTLS(a.config.Temporal)
	if err != nil {
		return err
	}
	client, err := jobs.New(jobs.Options{Address: address, Namespace: a.config.Temporal.Namespace, TLS: security, APIKey: a.config.Temporal.APIKey.Reveal(),
		Records: p.store, Tail: p.index, Clock: opts.Clock, Logger: opts.Logger.With("component", "jobs")})
	if err != nil {
		return err
	}
	p.jobs = client
	a.onClose("the Temporal client", func(context.Context) error { client.Close(); return nil })
	p.hinter = newHinter(p.store, client, opts.Clock, opts.Logger)
	a.onClose("hints", func(context.Context) error { p.hinter.Close(); return nil })

	p.registry = prometheus.NewRegistry()
	p.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	p.metrics = api.NewMetrics(p.registry)
	group := ingest.OptionsFor(p.index.Name())
	group.Logger, group.Committed = opts.Logger, p.hinter.Committed
	group.Observe = func(s ingest.Stats) { p.metrics.ObserveCommit(s.Requests, s.Events, s.Wait, s.Commit, s.Err) }
	p.committer = ingest.New(p.index, group)
	a.onClose("ingestion", p.committer.Close)
	p.founder = newFounder(p.committer, p.store, opts.Clock, opts.Logger)
	return nil
}

func (a *App) apiConfig(p *parts, opts Options) api.Config {
	names, only := a.config.Hosts()
	if !only && opts.Role != RoleWorker {
		opts.Logger.Warn("requests are answered by whatever host name they come: set public_url or allowed_hosts")
	}
	proxies, err := a.config.Proxies()
	if err != nil {
		opts.Logger.Error("trusted_proxies are not believed", "error", err) // Check refuses them before anything is assembled
	}
	cfg := api.Config{
		Events: p.reads, Erasures: p.reads, Ingester: p.founder, Directory: p.store, Keys: p.store, Sessions: p.store, LoginLinks: p.store, Addresses: p.store, Reminders: p.store, Deliveries: p.store,
		Messages: p.store, Exports: p.store, Secrets: p.store, Jobs: hintedJobs{p.jobs, p.hinter}, Files: p.files,
		Channels: p.channels.forAPI(),
		Ready: []api.ReadyCheck{
			{Name: "index", Check: p.index.Ready}, {Name: "store", Check: p.store.Ready}, {Name: "files", Check: p.files.Ready},
			{Name: "temporal", Check: p.jobs.Ready},
		},
		HealthOnly: opts.Role == RoleWorker,
		TLS:        a.config.TLS.On(),
		Hosts:      names, OnlyHosts: only,
		TrustedProxies: proxies,
		PublicURL:      a.config.PublicURL, Metrics: p.metrics, Gatherer: p.registry,
		Clock: opts.Clock, Logger: opts.Logger, Version: opts.Version,
		Limits: api.Limits{
			RatePerSecond: a.config.Limits.RequestsPerSecond, RateBurst: a.config.Limits.Burst,
			Connections: a.config.Limits.Connections, Streams: a.config.Limits.Streams,
		},
	}
	if late, ok := p.index.(index.Refresher); ok {
		cfg.Searchable = late.Refresh
	}
	if p.channels.sms != nil {
		cfg.Twilio = p.channels.sms
	}
	if p.providers != nil {
		cfg.Providers = p.providers
	}
	if p.places != nil {
		cfg.GeoIP = p.places.Find
	}
	return cfg
}

func workerDeps(p *parts, opts Options) worker.Deps {
	return worker.Deps{
		Exports:  &activities.Exports{Events: p.reads, Records: p.store, Own: p.founder, Files: p.files, Clock: opts.Clock},
		Dispatch: &activities.Dispatch{Events: p.reads, Records: p.store, Handover: p.jobs, Clock: opts.Clock, Logger: opts.Logger},
		Reminders: &activities.Reminders{Records: p.store, Senders: p.channels.senders, Codes: p.channels.codes, AddressSecret: p.codes,
			Links: p.links, Erasures: p.reads, Clock: opts.Clock},
		Retention:  &activities.Retention{Index: p.index, Records: p.store, Own: p.founder, Files: p.files, Clock: opts.Clock, Logger: opts.Logger},
		Reconciler: p.jobs,
		Logger:     opts.Logger.With("component", "worker"),
	}
}
