package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/audittrail/audittrail/audit"
)

// retryAfter is the advice where the disk or another process stands in the way.
const retryAfter = 5 * time.Second

// fault makes an error of the driver one of the domain; nil stays nil, and so does an error that is one already.
func fault(err error, doing string) error {
	var known *audit.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, sql.ErrConnDone) ||
		errors.Is(err, sql.ErrTxDone) || err.Error() == "sql: database is closed" { // database/sql does not export that one
		return audit.Unavailable(err, retryAfter, "could not %s in time", doing)
	}
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return audit.WithCause(audit.CodeInternal, err, "could not %s", doing)
	}
	if e.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE {
		return audit.WithCause(audit.CodeConflict, err, "could not %s: another has the same", doing)
	}
	switch e.Code() & 0xff { // without the extended part
	case sqlite3.SQLITE_FULL:
		return audit.Unavailable(err, retryAfter, "could not %s: the disk is full", doing)
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_NOMEM:
		return audit.Unavailable(err, retryAfter, "could not %s: the disk does not take it", doing)
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_INTERRUPT:
		return audit.Unavailable(err, retryAfter, "could not %s: it is busy", doing)
	default:
		return audit.WithCause(audit.CodeInternal, err, "could not %s", doing)
	}
}
