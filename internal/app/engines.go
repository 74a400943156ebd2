package app

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"path/filepath"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/index"
	indexelastic "github.com/audittrail/audittrail/index/elastic"
	indexsqlite "github.com/audittrail/audittrail/index/sqlite"
	"github.com/audittrail/audittrail/internal/blob"
	"github.com/audittrail/audittrail/internal/cluster"
	"github.com/audittrail/audittrail/internal/config"
	"github.com/audittrail/audittrail/store"
	storeelastic "github.com/audittrail/audittrail/store/elastic"
	storesqlite "github.com/audittrail/audittrail/store/sqlite"
)

// Folders of a data directory.
const (
	eventsFolder  = "events"
	recordsFolder = "records"
	exportsFolder = "exports"
)

// engines opens what the settings name. With Elasticsearch, index and store share one connection.
type engines struct {
	cfg  *config.Config
	opts Options
	// cluster is the connection, nil with SQLite. It has to outlive what was opened.
	cluster *cluster.Client
}

// newEngines connects where the engine needs it. The caller has to call close.
func newEngines(ctx context.Context, cfg *config.Config, opts Options) (*engines, error) {
	e := &engines{cfg: cfg, opts: opts}
	if cfg.Index != config.IndexElastic {
		return e, nil
	}
	var err error
	if e.cluster, err = Connect(ctx, cfg, opts); err != nil {
		return nil, err
	}
	return e, nil
}

// Connect connects to the Elasticsearch of the settings. The caller has to close the connection.
func Connect(ctx context.Context, cfg *config.Config, opts Options) (*cluster.Client, error) {
	es := cfg.Elastic
	client, err := cluster.Open(ctx, cluster.Options{
		URLs: es.URLs, CloudID: es.CloudID, Username: es.Username, Password: es.Password.Reveal(), APIKey: es.APIKey.Reveal(),
		CAFile: es.CAFile, Fingerprint: es.Fingerprint, Uncompressed: onThisMachine(es.URLs), Logger: opts.Logger,
	})
	if mistake := mistakeOf(err); mistake != nil {
		return nil, fmt.Errorf("%s: %s", mistake.Field, mistake.Message)
	}
	if err != nil {
		return nil, fmt.Errorf("connect to Elasticsearch: %w", err)
	}
	return client, nil
}

// onThisMachine says that all nodes are here, where packing what is sent would cost more than it saves.
func onThisMachine(addresses []string) bool {
	for _, address := range addresses {
		u, err := url.Parse(address)
		if err != nil {
			return false
		}
		if ip, err := netip.ParseAddr(u.Hostname()); u.Hostname() != "localhost" && (err != nil || !ip.IsLoopback()) {
			return false
		}
	}
	return len(addresses) > 0
}

// eventsSetup is what the settings say that the cluster has for events.
func eventsSetup(cfg *config.Config) indexelastic.SetupOptions {
	return indexelastic.SetupOptions{
		Prefix: cfg.Elastic.Prefix, Shards: cfg.Elastic.Shards, Replicas: cfg.Elastic.Replicas, Lifecycle: indexelastic.Lifecycle(cfg.Elastic.Lifecycle),
	}
}

func (e *engines) index(ctx context.Context) (index.Index, error) {
	if e.cluster != nil {
		events, err := indexelastic.Open(ctx, e.cluster, indexelastic.Options{Clock: e.opts.Clock, Logger: e.opts.Logger, Setup: eventsSetup(e.cfg)})
		if err != nil {
			return nil, fmt.Errorf("open the events in Elasticsearch: %w", err)
		}
		return events, nil
	}
	return e.sqliteIndex(ctx)
}

func (e *engines) sqliteIndex(ctx context.Context) (*indexsqlite.Index, error) {
	events, err := indexsqlite.Open(ctx, filepath.Join(e.cfg.DataDir, eventsFolder), indexsqlite.Options{Clock: e.opts.Clock, Logger: e.opts.Logger})
	if err != nil {
		return nil, fmt.Errorf("open the events in %s: %w (--data-dir chooses another directory)", e.cfg.DataDir, err)
	}
	return events, nil
}

func (e *engines) store(ctx context.Context) (store.Store, error) {
	if e.cluster != nil {
		records, err := storeelastic.Open(ctx, e.cluster, storeelastic.Options{Prefix: e.cfg.Elastic.Prefix, Logger: e.opts.Logger})
		if err != nil {
			return nil, fmt.Errorf("open the records in Elasticsearch: %w", err)
		}
		return records, nil
	}
	records, err := storesqlite.Open(ctx, filepath.Join(e.cfg.DataDir, recordsFolder), storesqlite.Options{Logger: e.opts.Logger})
	if err != nil {
		return nil, fmt.Errorf("open the records in %s: %w (--data-dir chooses another directory)", e.cfg.DataDir, err)
	}
	return records, nil
}

func (e *engines) close() {
	if e.cluster != nil {
		e.cluster.Close()
	}
}

// OpenIndex opens the engine of events. One process at a time can have that of a data directory open; Elasticsearch any number.
func OpenIndex(ctx context.Context, cfg *config.Config, opts Options) (index.Index, error) {
	e, err := newEngines(ctx, cfg, opts)
	if err != nil {
		return nil, err
	}
	events, err := e.index(ctx)
	if err != nil {
		e.close()
		return nil, err
	}
	if e.cluster == nil {
		return events, nil
	}
	return ownIndex{events, e}, nil
}

// OpenStore opens the engine of records. Several processes can have it open.
func OpenStore(ctx context.Context, cfg *config.Config, opts Options) (store.Store, error) {
	e, err := newEngines(ctx, cfg, opts)
	if err != nil {
		return nil, err
	}
	records, err := e.store(ctx)
	if err != nil {
		e.close()
		return nil, err
	}
	if e.cluster == nil {
		return records, nil
	}
	return ownStore{records, e}, nil
}

// ownIndex and ownStore have a connection of their own, which ends behind them.
type ownIndex struct {
	index.Index
	engines *engines
}

// Close closes the index and its connection.
func (o ownIndex) Close() error {
	defer o.engines.close()
	return o.Index.Close()
}

type ownStore struct {
	store.Store
	engines *engines
}

// Close closes the store and its connection.
func (o ownStore) Close() error {
	defer o.engines.close()
	return o.Store.Close()
}

// Verify reads every event of the data directory and compares what is stored twice; the server must not run.
func Verify(ctx context.Context, cfg *config.Config, opts Options) (report indexsqlite.VerifyReport, err error) {
	if cfg.Index != config.IndexSQLite {
		return report, fmt.Errorf("index: %s keeps no files here: only those of sqlite can be verified", cfg.Index)
	}
	events, err := (&engines{cfg: cfg, opts: opts}).sqliteIndex(ctx)
	if err != nil {
		return report, err
	}
	report, err = events.Verify(ctx)
	if closeErr := events.Close(); err == nil {
		err = closeErr
	}
	return report, err
}

// openFiles opens the place of export files.
func openFiles(ctx context.Context, cfg *config.Config) (*blob.Bucket, error) {
	if cfg.Files.URL == "" {
		folder, err := filepath.Abs(filepath.Join(cfg.DataDir, exportsFolder))
		if err != nil {
			return nil, err
		}
		files, err := blob.Open(ctx, folderURL(folder))
		if err != nil {
			return nil, fmt.Errorf("open the folder of exports: %w", err)
		}
		return files, nil
	}
	files, err := blob.Open(ctx, cfg.Files.URL)
	if mistake := mistakeOf(err); mistake != nil {
		return nil, fmt.Errorf("files.%s: %s", mistake.Field, mistake.Message)
	}
	if err != nil {
		return nil, fmt.Errorf("open the place of exports (files.url): %w", err)
	}
	return files, nil
}

// mistakeOf returns what an error says of a setting, nil where it is about something else.
func mistakeOf(err error) *audit.FieldError {
	var invalid *audit.Error
	if errors.As(err, &invalid) && invalid.Code == audit.CodeInvalid && len(invalid.Fields) == 1 {
		return &invalid.Fields[0]
	}
	return nil
}
