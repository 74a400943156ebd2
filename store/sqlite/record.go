package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/audittrail/audittrail/audit"
)

// column is a column's name and the value to write.
type column struct {
	name  string
	value any
}

// exec runs one statement, which is one durable transaction, and returns how many rows it changed.
func (s *Store) exec(ctx context.Context, doing, statement string, args ...any) (int64, error) {
	if err := apart(statement, args); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	result, err := s.writer.ExecContext(ctx, statement, args...)
	if err != nil {
		return 0, fault(err, doing)
	}
	n, err := result.RowsAffected()
	return n, fault(err, doing)
}

// put writes a record optimistically. It inserts the row where read, the version that the caller read, is 0, and else replaces
// the one of that version; CodeConflict where another writer was first. The new version is read + 1.
func (s *Store) put(ctx context.Context, table string, key []column, read int64, doc any, more ...column) error {
	if err := validKey(key...); err != nil {
		return err
	}
	data, err := json.Marshal(doc)
	if err != nil {
		return audit.WithCause(audit.CodeInternal, err, "could not write to %s", table)
	}
	columns := append([]column{{"version", read + 1}, {"doc", string(data)}}, more...)
	names, args := split(columns)
	keys, keyArgs := split(key)
	var n int64
	if read == 0 {
		all := slices.Concat(keys, names)
		n, err = s.exec(ctx, "write to "+table, fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s) ON CONFLICT DO NOTHING", table,
			strings.Join(all, ", "), strings.TrimSuffix(strings.Repeat("?, ", len(all)), ", ")), append(keyArgs, args...)...)
	} else {
		n, err = s.exec(ctx, "write to "+table, fmt.Sprintf("UPDATE %s SET %s = ? WHERE %s = ? AND version = ?", table,
			strings.Join(names, " = ?, "), strings.Join(keys, " = ? AND ")), append(append(args, keyArgs...), read)...)
	}
	if err == nil && n == 0 {
		return errChanged()
	}
	return err
}

func errChanged() error {
	return audit.Errorf(audit.CodeConflict, "it was changed by someone else since it was read; read it again")
}

func split(columns []column) (names []string, values []any) {
	for _, c := range columns {
		names, values = append(names, c.name), append(values, c.value)
	}
	return names, values
}

// validKey refuses what could not be found again: an id that is empty, or not UTF-8 and so not what JSON would keep.
func validKey(key ...column) error {
	for _, c := range key {
		if id, _ := c.value.(string); id == "" || !utf8.ValidString(id) {
			return audit.InvalidField(c.name, "is empty or not UTF-8")
		}
	}
	return nil
}

// scanner is a row that can be read: *sql.Row or *sql.Rows.
type scanner interface{ Scan(dest ...any) error }

// one reads a single record; CodeNotFound with the name what where there is none.
func one[T any](ctx context.Context, s *Store, what string, scan func(scanner) (T, error), query string, args ...any) (record T, err error) {
	if err := apart(query, args); err != nil {
		return record, err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	record, err = scan(s.readers.QueryRowContext(ctx, query, args...))
	if errors.Is(err, sql.ErrNoRows) {
		return record, audit.NotFound(what)
	}
	return record, fault(err, "read the "+what)
}

// all reads every record of a query; none is an empty list.
func all[T any](ctx context.Context, s *Store, what string, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	if err := apart(query, args); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	rows, err := s.readers.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fault(err, "list "+what)
	}
	defer rows.Close()
	list := []T{}
	for rows.Next() {
		record, err := scan(rows)
		if err != nil {
			return nil, fault(err, "list "+what)
		}
		list = append(list, record)
	}
	if err := rows.Err(); err != nil {
		return nil, fault(err, "list "+what)
	}
	return list, nil
}

// listing is a list by time, newest first; of the same millisecond by descending id.
type listing struct {
	table   string
	columns string
	time    string   // the column of the time
	where   []column // what all rows of the list have
	only    string   // a condition that leaves rows out, though the page may begin behind one of them
}

// newest reads a page of a listing behind the record of id after.
func newest[T any](ctx context.Context, s *Store, l listing, after string, limit int, scan func(scanner) (T, error)) ([]T, error) {
	if err := validLimit(limit); err != nil {
		return nil, err
	}
	names, args := split(l.where)
	where := strings.Join(names, " = ? AND ") + " = ?"
	if after != "" {
		at, err := one(ctx, s, "position", func(row scanner) (at int64, err error) { err = row.Scan(&at); return at, err },
			fmt.Sprintf("SELECT %s FROM %s WHERE %s AND id = ?", l.time, l.table, where), append(args[:len(args):len(args)], after)...)
		if audit.CodeOf(err) == audit.CodeNotFound {
			return nil, audit.InvalidField("after", "is not in the list")
		}
		if err != nil {
			return nil, err
		}
		where += fmt.Sprintf(" AND (%s, id) < (?, ?)", l.time)
		args = append(args, at, after)
	}
	if l.only != "" {
		where += " AND " + l.only
	}
	return all(ctx, s, l.table, scan, fmt.Sprintf("SELECT %s FROM %s WHERE %s ORDER BY %s DESC, id DESC LIMIT ?",
		l.columns, l.table, where, l.time), append(args, limit)...)
}

const maxPage = 1000

func validLimit(limit int) error {
	if limit < 1 || limit > maxPage {
		return audit.InvalidField("limit", "is %d; 1 to %d is allowed", limit, maxPage)
	}
	return nil
}

// toMillis and fromMillis keep times in columns; the zero time is 0.
func toMillis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// normalize brings times into the form in which they are kept: UTC, to the millisecond.
func normalize(times ...*time.Time) {
	for _, t := range times {
		*t = t.UTC().Truncate(audit.TimePrecision)
	}
}
