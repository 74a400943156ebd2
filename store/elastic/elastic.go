// Package elastic is the engine of the store on Elasticsearch: one index, <prefix>-records-v1 behind the alias <prefix>-records, that holds
// every record that is not an event.
//
// A record is one document: what is listed and filtered by stands in fields of its own, the record itself under "body", which is kept and not
// indexed. Records are read by id, in real time, and written on the condition that nobody wrote meanwhile; lists refresh the index first, so that
// they see every write that returned. Setup makes the index; nothing else does, and a write to an index that is not there fails.
//
// It is not the place of events (package index/elastic) nor of export files (internal/blob).
package elastic

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/cluster"
	"github.com/audittrail/audittrail/store"
)

// DefaultPrefix begins the names of the index, alias and template where no other is given.
const DefaultPrefix = "audittrail"

// Options tune a Store. The zero value is ready to use.
type Options struct {
	// Prefix begins the names of index and alias; "" means DefaultPrefix.
	Prefix string
	// Logger is told of what goes wrong where no caller can be; nil means slog.Default.
	Logger *slog.Logger
}

// callTimeout bounds a request whose context ends no earlier.
const callTimeout = 15 * time.Second

// Store is the engine. It is safe for concurrent use, and by any number of processes.
type Store struct {
	client  *cluster.Client
	alias   string
	logger  *slog.Logger
	touches touches
	fresh   *cluster.Shared
	closed  atomic.Bool
}

var _ store.Store = (*Store)(nil)

// Open makes a Store of a connection, which stays the caller's and has to outlive it. It makes nothing in the cluster: where the index is
// not there, or older than this program, the error says to run `audittrail setup`. An index of a newer version is CodeInvalid. Close must be called.
func Open(ctx context.Context, client *cluster.Client, opts Options) (*Store, error) {
	if opts.Prefix == "" {
		opts.Prefix = DefaultPrefix
	}
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	if err := Check(ctx, client, opts.Prefix); err != nil {
		return nil, err
	}
	s := &Store{client: client, alias: aliasOf(opts.Prefix), logger: opts.Logger}
	s.fresh = cluster.NewShared(s.refresh, callTimeout, errClosed)
	return s, nil
}

// Name returns "elastic".
func (s *Store) Name() string { return "elastic" }

// Ready makes sure that the index is the one that setup made, that it takes writes, and that its shard answers. What a newer version has set up since is
// good too: while processes are replaced one by one, the old ones go on.
func (s *Store) Ready(ctx context.Context) error {
	if s.closed.Load() {
		return errClosed
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	found, err := inspect(ctx, s.client, s.alias)
	if err == nil {
		err = found.usable(s.alias)
	}
	if err == nil || audit.CodeOf(err) == audit.CodeInvalid {
		err = found.writable()
	}
	if err == nil {
		_, err = s.get(ctx, docID(kindSecret, "", "ready"))
	}
	return fault(err, "reach the store")
}

// Close writes what TouchKey held back. Later calls are CodeUnavailable; closing twice is harmless.
func (s *Store) Close() error {
	if s.closed.Load() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	err := s.flushTouches(ctx)
	s.closed.Store(true)
	s.fresh.End()
	return err
}

var errClosed = audit.Unavailable(nil, retryAfter, "the store is closed")
