package sqlite

import (
	"context"
	"errors"
	"io/fs"
	"syscall"
	"time"

	sqlitedriver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/audittrail/audittrail/audit"
)

const (
	retrySoon  = 5 * time.Second
	retryLater = time.Minute
)

var errClosed = audit.Unavailable(nil, retrySoon, "the index is closed")

// failure turns an error of SQLite or of the file system into one of the domain. Errors of the domain and the errors of a
// context that ended pass as they are.
func failure(err error) error {
	var domain *audit.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &domain):
		return domain
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, errDamaged):
		return audit.Unavailable(err, retryLater, "the index cannot be read: a data file is damaged")
	case errors.Is(err, syscall.ENOSPC):
		return audit.Unavailable(err, retrySoon, "the index cannot do this now: the disk is full")
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return audit.Unavailable(err, retryLater, "the index cannot do this now: its files cannot be written")
	case errors.Is(err, fs.ErrNotExist):
		return audit.Unavailable(err, retryLater, "the index cannot be read: a data file is missing")
	}
	switch resultCode(err) {
	case sqlite3.SQLITE_FULL:
		return audit.Unavailable(err, retrySoon, "the index cannot do this now: the disk is full")
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_INTERRUPT:
		return audit.Unavailable(err, retrySoon, "the index cannot do this now")
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN:
		return audit.Unavailable(err, retryLater, "the index cannot do this now: its files cannot be written")
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return audit.Unavailable(err, retryLater, "the index cannot be read: a data file is damaged")
	}
	return audit.WithCause(audit.CodeInternal, err, "the index failed")
}

// errDamaged is what a file gives whose content cannot be what this package wrote.
var errDamaged = errors.New("damaged content")

// resultCode returns SQLite's primary result code, or 0 where the error is not SQLite's.
func resultCode(err error) int {
	var e *sqlitedriver.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}
