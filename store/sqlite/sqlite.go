// Package sqlite is the embedded engine of the store: one file, store.db, that holds every record that is not an event.
//
// Records are JSON documents beside the columns that are searched. There is one writer connection and a pool of readers; a write
// that returned has been synced to disk. It is not the place of events (package index/sqlite) nor of export files (internal/blob).
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/store"
)

// FileName is the name of the database in its folder; SQLite keeps "-wal" and "-shm" files beside it.
const FileName = "store.db"

// Options tune a Store. The zero value is ready to use.
type Options struct {
	// Logger is told of migrations; nil means slog.Default.
	Logger *slog.Logger
}

// callTimeout bounds a call whose context has no deadline; busyTimeout how long SQLite waits for another process.
const (
	callTimeout = 15 * time.Second
	busyTimeout = 5 * time.Second
)

// Store is the engine. It is safe for concurrent use, and by several processes on one machine.
type Store struct {
	writer  *sql.DB // one connection
	readers *sql.DB
	touches touches
}

var _ store.Store = (*Store)(nil)

// Open opens the store in the folder dir, which is made where it is missing, and brings its tables up to date. A file
// of a newer version of this program is CodeInvalid; one that cannot be opened or written CodeUnavailable. Close must be called.
func Open(ctx context.Context, dir string, opts Options) (*Store, error) {
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	path, err := prepare(dir)
	if err != nil {
		return nil, audit.Unavailable(err, 0, "the data directory cannot be used")
	}
	s := &Store{
		writer:  connect(path, 1, "_txlock=immediate"),
		readers: connect(path, max(4, runtime.GOMAXPROCS(0)), "_pragma=query_only(1)"),
	}
	if err := s.migrate(ctx, opts.Logger); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), s.closeConnections())
	}
	return s, nil
}

// prepare makes the folder and the file, for the server's user only: the file holds hashes of keys and personal data.
func prepare(dir string) (path string, err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	path = filepath.Join(dir, FileName)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) // SQLite gives its other files the same mode
	if err != nil {
		return "", err
	}
	if err := f.Close(); err != nil {
		return "", err
	}
	return path, syncFolder(filepath.Dir(dir))
}

func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// connect returns a pool of up to n connections; it opens none yet. What is deleted is overwritten, as it may be of a person who is to be forgotten.
func connect(path string, n int, param string) *sql.DB {
	dsn := (&url.URL{Scheme: "file", OmitHost: true, Path: path}).String() + "?" + param +
		fmt.Sprintf("&_pragma=busy_timeout(%d)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=secure_delete(1)", busyTimeout.Milliseconds())
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		panic(err) // only for a driver that is not registered
	}
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	return db
}

// Name returns "sqlite".
func (s *Store) Name() string { return "sqlite" }

// Ready reads, and takes the write lock for a moment.
func (s *Store) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if err := s.readers.PingContext(ctx); err != nil {
		return fault(err, "read the store")
	}
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return fault(err, "write to the store")
	}
	return fault(tx.Rollback(), "write to the store")
}

// Close writes what TouchKey held back and closes the file. Calls under way are finished or fail with CodeUnavailable.
func (s *Store) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	return errors.Join(s.flushTouches(ctx), fault(s.closeConnections(), "close the store"))
}

// closeConnections closes the writer last: the last connection to close moves the log into the file.
func (s *Store) closeConnections() error {
	return errors.Join(s.readers.Close(), s.writer.Close())
}
