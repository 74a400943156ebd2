package sqlite

import (
	"cmp"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/fulltext"
)

// VerifyReport is what Verify found.
type VerifyReport struct {
	// Months is how many month files were read, Events how many events they hold.
	Months int   `json:"months"`
	Events int64 `json:"events"`
	// Problems are the findings, each naming its file; none means that every structure says the same.
	Problems []string `json:"problems"`
}

// Verify reads everything and compares: SQLite's own structure, bodies, ids, facts and full text have to hold the same rows. It changes
// nothing and can run beside appends.
func (x *Index) Verify(ctx context.Context) (VerifyReport, error) {
	report := VerifyReport{Problems: []string{}}
	x.life.RLock()
	defer x.life.RUnlock()
	if x.closed {
		return report, errClosed
	}
	organizations, err := x.stored()
	if err != nil {
		return report, failure(err)
	}
	for _, o := range organizations {
		if err := o.load(ctx); err != nil {
			report.Problems = append(report.Problems, fmt.Sprintf("%s: %v", o.id, err))
			continue
		}
		for _, m := range o.all() {
			v := &verification{name: o.id + "/" + m.key.fileName()}
			err := m.read(ctx, func(s *snapshot) error { return v.run(ctx, s, !x.options.DisableFullText) })
			switch {
			case ctx.Err() != nil:
				return report, ctx.Err()
			case errors.Is(err, errDropped):
				continue
			case err != nil:
				v.problem("cannot be read: %v", err)
			}
			report.Months++
			report.Events += int64(len(v.rows))
			report.Problems = append(report.Problems, v.problems...)
		}
	}
	return report, nil
}

// verification compares the structures of one month.
type verification struct {
	name     string
	rows     []int64 // of bodies, ascending
	received []int64
	problems []string
}

const maxProblems = 20

func (v *verification) problem(format string, args ...any) {
	if len(v.problems) < maxProblems {
		v.problems = append(v.problems, v.name+": "+fmt.Sprintf(format, args...))
	}
}

func (v *verification) run(ctx context.Context, s *snapshot, fullText bool) error {
	err := s.query(ctx, "PRAGMA quick_check(10)", func(r []driver.Value) error {
		if text, _ := r[0].(string); text != "ok" {
			v.problem("quick_check: %s", text)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := s.readPending(); err != nil {
		return err
	}
	if err := v.bodies(ctx, s); err != nil {
		return err
	}
	if err := v.facts(ctx, s); err != nil {
		return err
	}
	ids, err := s.allRows(ctx, "SELECT group_concat(r, ' ') FROM ids")
	if err != nil {
		return err
	}
	for _, p := range s.pending {
		ids = append(ids, p.row) // which must not hold it yet
	}
	v.compare("ids", ids)
	if !fullText {
		return nil
	}
	var text []int64
	err = s.eachMatching(ctx, &match{expression: everyRow, node: fulltext.And{}}, 0, 1<<63-1, func(rows []int64) error {
		text = append(text, rows...)
		return nil
	})
	v.compare("full text", text)
	return err
}

// bodies reads every event, from records and from blocks, and finds each by its id.
func (v *verification) bodies(ctx context.Context, s *snapshot) error {
	var items []item
	check := func() error {
		for _, it := range items {
			if err := v.body(s, it); err != nil {
				return err
			}
		}
		items = items[:0]
		return ctx.Err()
	}
	for after := int64(-1); ; {
		err := s.query(noContext, "SELECT rowid, received, body FROM events WHERE rowid > ? ORDER BY rowid LIMIT 256", func(r []driver.Value) error {
			after = asInt(r[0])
			items = append(items, item{row: after, received: asInt(r[1]), body: asBytes(r[2])})
			return nil
		}, after)
		if err != nil {
			return err
		}
		if len(items) == 0 {
			break
		}
		if err := check(); err != nil {
			return err
		}
	}
	for after, more := int64(-1), true; more; {
		more = false
		var next int64
		if err := s.query(noContext, "SELECT first FROM blocks WHERE first > ? ORDER BY first LIMIT 1", func(r []driver.Value) error {
			next, more = asInt(r[0]), true
			return nil
		}, after); err != nil || !more {
			return err
		}
		b, err := readBlock(s.conn, s.month.index.codec, next, true)
		if err != nil {
			return err
		}
		after, items = next, append(items, b.items...)
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (v *verification) body(s *snapshot, it item) error {
	v.rows, v.received = append(v.rows, it.row), append(v.received, it.received)
	e, err := audit.DecodeStored(it.body)
	if err != nil {
		v.problem("row %d cannot be decoded: %v", it.row, err)
		return nil
	}
	if !s.month.key.position(it.row).Time.Equal(e.Time) {
		v.problem("row %d is not at its time", it.row)
	}
	hash := idHash(e.ID)
	row, err := s.integer(noContext, "SELECT r FROM ids WHERE h=?", hash[:])
	if err == nil && row != it.row && !slices.ContainsFunc(s.pending, func(p pendingEvent) bool { return p.row == it.row }) {
		v.problem("row %d is not found by its id", it.row)
	}
	return err
}

// facts compares rows and when they were received.
func (v *verification) facts(ctx context.Context, s *snapshot) error {
	order := make([]int, len(v.rows))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(v.rows[a], v.rows[b]) })
	rows, received := make([]int64, len(order)), make(map[int64]int64, len(order))
	for i, j := range order {
		rows[i] = v.rows[j]
		received[v.rows[j]] = v.received[j]
	}
	v.rows = rows
	sel, err := s.newSelection(ctx, &plan{from: s.month.key.start(), to: s.month.key.end()})
	if err != nil {
		return err
	}
	var facts []int64
	err = s.scan(ctx, sel, func(f *found) error {
		cursor := 0
		for i, row := range f.columns.rows {
			if r, ok := received[row]; ok && r != f.columns.received(i, &cursor).received {
				v.problem("row %d was received at two times", row)
			}
		}
		facts = append(facts, f.columns.rows...)
		if len(f.rows) != f.header.n {
			v.problem("chunk %d has a wrong header", f.header.id)
		}
		return nil
	})
	v.compare("facts", facts)
	next := int64(0)
	headers := slices.Clone(s.headers)
	slices.SortFunc(headers, func(a, b header) int { return cmp.Compare(a.id, b.id) })
	for _, h := range headers {
		if h.id != next {
			v.problem("the order of arrival has a gap before %d", h.id)
		}
		next = h.id + int64(h.n)
	}
	return err
}

// compare reports where a structure does not hold the rows of the bodies, each once.
func (v *verification) compare(what string, rows []int64) {
	slices.Sort(rows)
	if !slices.Equal(v.rows, rows) {
		v.problem("%s hold %d rows that differ from the %d bodies", what, len(rows), len(v.rows))
	}
}

// allRows returns the numbers that a query joins by spaces.
func (s *snapshot) allRows(ctx context.Context, query string) ([]int64, error) {
	var rows []int64
	err := s.query(ctx, query, func(r []driver.Value) error {
		text, _ := r[0].(string)
		for number := range strings.FieldsSeq(text) {
			row, err := strconv.ParseInt(number, 10, 64)
			if err != nil {
				return err
			}
			rows = append(rows, row)
		}
		return nil
	})
	return rows, err
}
