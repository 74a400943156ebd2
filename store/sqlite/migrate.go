package sqlite

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/audittrail/audittrail/audit"
)

//go:embed schema.sql
var schema string

//go:embed signin.sql
var signInSchema string

//go:embed provisioned.sql
var provisionedSchema string

//go:embed keys.sql
var keysSchema string

//go:embed groups.sql
var groupsSchema string

//go:embed addresses.sql
var addressesSchema string

// migrations are applied in order; the file's user_version says how many it has seen. Never change one that was released: add another.
var migrations = []string{schema, signInSchema, provisionedSchema, keysSchema, groupsSchema, addressesSchema}

// migrate brings the tables up to date, in one transaction, so that a crash leaves the old version or the new one.
func (s *Store) migrate(ctx context.Context, logger *slog.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	tx, err := s.beginFirst(ctx)
	if err != nil {
		return fault(err, "open the store")
	}
	defer tx.Rollback()
	var version int
	if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return fault(err, "read the version of the store")
	}
	if version > len(migrations) {
		return audit.Errorf(audit.CodeInvalid, "the store is of version %d and this program knows versions up to %d: use the newer program",
			version, len(migrations))
	}
	if version == len(migrations) {
		return nil
	}
	for _, statements := range migrations[version:] {
		if _, err := tx.ExecContext(ctx, statements); err != nil {
			return fault(err, "migrate the store")
		}
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", len(migrations))); err != nil {
		return fault(err, "migrate the store")
	}
	if err := tx.Commit(); err != nil {
		return fault(err, "migrate the store")
	}
	logger.Info("store migrated", slog.Int("from", version), slog.Int("to", len(migrations)))
	return nil
}

// beginFirst begins the first transaction of the process. A file becomes one with a write-ahead log by its first connection, and of several processes that
// try at the same moment SQLite tells all but one that it is busy, at once, without waiting busyTimeout.
func (s *Store) beginFirst(ctx context.Context) (*sql.Tx, error) {
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for began := time.Now(); ; {
		tx, err := s.writer.BeginTx(ctx, nil)
		var e *sqlite.Error
		if !errors.As(err, &e) || e.Code()&0xff != sqlite3.SQLITE_BUSY || time.Since(began) >= busyTimeout {
			return tx, err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return nil, err
		}
	}
}
