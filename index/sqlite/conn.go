package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	sqlitedriver "modernc.org/sqlite"
)

// conn is one connection to one month file. It speaks to the driver itself: database/sql would cost 3 to 5 µs a call,
// and the writer makes three calls an event. It is not safe for concurrent use.
type conn struct {
	raw   driver.Conn
	stmts map[string]driver.Stmt
	named []driver.NamedValue
}

// openConn opens a connection to path and runs the pragmas. Without create a missing file is an error.
func openConn(path string, create bool, pragmas ...string) (*conn, error) {
	values := url.Values{"mode": {"rw"}, "_dqs": {"0"}, "_error_rc": {"1"}}
	if create {
		values.Set("mode", "rwc")
	}
	dsn := (&url.URL{Scheme: "file", Path: path, RawQuery: values.Encode()}).String()
	raw, err := (&sqlitedriver.Driver{}).Open(dsn)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	c := &conn{raw: raw, stmts: make(map[string]driver.Stmt)}
	for _, pragma := range pragmas {
		if err := c.script("PRAGMA " + pragma); err != nil {
			return nil, errors.Join(fmt.Errorf("open %s: pragma %s: %w", path, pragma, err), c.close())
		}
	}
	return c, nil
}

// prepare returns the prepared statement of query, which is kept until the connection closes.
func (c *conn) prepare(query string) (driver.Stmt, error) {
	if s, ok := c.stmts[query]; ok {
		return s, nil
	}
	s, err := c.raw.(driver.ConnPrepareContext).PrepareContext(context.Background(), query)
	if err != nil {
		return nil, err
	}
	c.stmts[strings.Clone(query)] = s
	return s, nil
}

func (c *conn) bind(args []any) []driver.NamedValue {
	c.named = c.named[:0]
	for i, a := range args {
		c.named = append(c.named, driver.NamedValue{Ordinal: i + 1, Value: a})
	}
	return c.named
}

// exec runs a statement to its end and returns how many rows it changed.
func (c *conn) exec(query string, args ...any) (int64, error) {
	s, err := c.prepare(query)
	if err != nil {
		return 0, err
	}
	result, err := s.(driver.StmtExecContext).ExecContext(context.Background(), c.bind(args))
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// script runs one or more statements without keeping them prepared.
func (c *conn) script(query string) error {
	s, err := c.raw.(driver.ConnPrepareContext).PrepareContext(context.Background(), query)
	if err != nil {
		return err
	}
	_, err = s.(driver.StmtExecContext).ExecContext(context.Background(), nil)
	return errors.Join(err, s.Close())
}

// query calls row for each row of the answer. The values are valid until row returns; blobs are copies and may be kept.
// The context interrupts a statement that is still running; give context.Background() to short ones, which is cheaper.
func (c *conn) query(ctx context.Context, query string, row func([]driver.Value) error, args ...any) (err error) {
	s, err := c.prepare(query)
	if err != nil {
		return err
	}
	rows, err := s.(driver.StmtQueryContext).QueryContext(ctx, c.bind(args))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	values := make([]driver.Value, len(rows.Columns()))
	for {
		if err := rows.Next(values); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if err := row(values); err != nil {
			return err
		}
	}
}

// integer returns the one integer that the query answers with; NULL and no row are 0.
func (c *conn) integer(ctx context.Context, query string, args ...any) (int64, error) {
	var n int64
	err := c.query(ctx, query, func(v []driver.Value) error {
		n, _ = v[0].(int64)
		return nil
	}, args...)
	return n, err
}

// transaction runs fn between begin ("BEGIN IMMEDIATE" or "BEGIN") and COMMIT, or ROLLBACK where fn fails.
func (c *conn) transaction(begin string, fn func() error) error {
	if _, err := c.exec(begin); err != nil {
		return err
	}
	err := fn()
	if err == nil {
		if _, err = c.exec("COMMIT"); err == nil {
			return nil
		}
	}
	// A full disk may have rolled the transaction back already: then there is nothing to roll back, and that is no news.
	_ = c.script("ROLLBACK")
	return err
}

func (c *conn) close() error {
	var errs []error
	for _, s := range c.stmts {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, c.raw.Close())...)
}

func asBytes(v driver.Value) []byte {
	switch v := v.(type) {
	case []byte:
		return v
	case string:
		return []byte(v)
	}
	return nil
}

func asInt(v driver.Value) int64 {
	n, _ := v.(int64)
	return n
}
