package sqlite

import (
	"context"
	"math"

	"github.com/audittrail/audittrail/internal/fulltext"
)

// selection is what a scan over the facts of one month looks for.
type selection struct {
	plan   *plan
	lo, hi int64 // rowids, hi exclusive
	// set restricts to rows that full text has found, where it is not nil.
	set *rowSet
	// mixed holds the conditions of plan.mixed for this month.
	mixed []condition
	// floor is raised by a visitor to rows below which it is not interested.
	floor int64
}

// found is a chunk and which of its rows were selected, ascending by arrival.
type found struct {
	header  header
	dict    *dictionary
	columns *columns
	rows    []int32
}

// whole says that every row of the chunk is selected without looking at it.
func (sel *selection) whole(h header) bool {
	return sel.set == nil && len(sel.mixed) == 0 && sel.plan.filters.empty() &&
		h.minRow >= sel.lo && h.maxRow < sel.hi && (sel.plan.until == 0 || h.maxReceived <= sel.plan.until)
}

// skipped says that no row of the chunk can be selected.
func (sel *selection) skipped(h header) bool {
	return h.maxRow < max(sel.lo, sel.floor) || h.minRow >= sel.hi ||
		sel.set != nil && (len(sel.set.rows) == 0 || h.maxRow < sel.set.rows[0] || h.minRow > sel.set.rows[len(sel.set.rows)-1])
}

// scan calls visit with each chunk that has selected rows, those with the newest first.
func (s *snapshot) scan(ctx context.Context, sel *selection, visit func(*found) error) error {
	f := &found{}
	for _, h := range s.headers {
		if sel.skipped(h) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		some, err := s.selectRows(sel, h, f)
		if err != nil {
			return err
		}
		if !some {
			continue
		}
		if err := visit(f); err != nil {
			return err
		}
	}
	return nil
}

// mask is which values of a dictionary are accepted.
type mask struct {
	ok   []bool
	all  bool // every value
	none bool // not one
}

func newMask(n int, ok func(i int) bool) mask {
	m := mask{ok: make([]bool, n), all: true, none: true}
	for i := range m.ok {
		m.ok[i] = ok(i)
		m.all = m.all && m.ok[i]
		m.none = m.none && !m.ok[i]
	}
	return m
}

// masks decides the plan's filters for each value of the dictionary.
func (f *filters) masks(d *dictionary) (kinds, actors, ips mask) {
	kinds = newMask(len(d.kinds), func(i int) bool {
		for _, match := range f.kinds {
			if !match(&d.kinds[i]) {
				return false
			}
		}
		return true
	})
	actors = newMask(len(d.actors), func(i int) bool {
		if f.actors == nil {
			return true
		}
		_, ok := f.actors[d.actors[i].id]
		return ok
	})
	ips = newMask(len(d.ips), func(i int) bool {
		for _, match := range f.ips {
			if !match(d.ips[i]) {
				return false
			}
		}
		return true
	})
	return kinds, actors, ips
}

// selectRows fills f with the selected rows of one chunk, and says whether there are any.
func (s *snapshot) selectRows(sel *selection, h header, f *found) (bool, error) {
	d, err := s.dictionary(h)
	if err != nil {
		return false, err
	}
	kinds, actors, ips := sel.plan.filters.masks(d)
	if kinds.none || actors.none || ips.none {
		return false, nil
	}
	c, err := s.columns(h, d)
	if err != nil {
		return false, err
	}
	f.header, f.dict, f.columns = h, d, c
	f.rows = f.rows[:0]
	lo := max(sel.lo, sel.floor)
	if h.minRow >= lo && h.maxRow < sel.hi {
		for i := range c.rows {
			f.rows = append(f.rows, int32(i))
		}
	} else {
		for i, r := range c.rows {
			if r >= lo && r < sel.hi {
				f.rows = append(f.rows, int32(i))
			}
		}
	}
	f.keep(kinds, c.kind)
	f.keep(actors, c.actor)
	f.keep(ips, c.ip)
	sel.keepLate(f)
	return len(f.rows) > 0, nil
}

// keep drops the rows whose value the mask does not accept.
func (f *found) keep(m mask, column []uint16) {
	if m.all {
		return
	}
	kept := f.rows[:0]
	for _, i := range f.rows {
		if m.ok[column[i]] {
			kept = append(kept, i)
		}
	}
	f.rows = kept
}

// keepLate applies what is dearer than a mask: when a row was received, full text, and mixed conditions.
func (sel *selection) keepLate(f *found) {
	if sel.plan.until != 0 && f.header.maxReceived > sel.plan.until {
		cursor, kept := 0, f.rows[:0]
		for _, i := range f.rows {
			if f.columns.received(int(i), &cursor).received <= sel.plan.until {
				kept = append(kept, i)
			}
		}
		f.rows = kept
	}
	if sel.set != nil {
		kept := f.rows[:0]
		for _, i := range f.rows {
			if sel.set.has(f.columns.rows[i]) {
				kept = append(kept, i)
			}
		}
		f.rows = kept
	}
	for _, c := range sel.mixed {
		accepts := c(f)
		kept := f.rows[:0]
		for _, i := range f.rows {
			if accepts(i) {
				kept = append(kept, i)
			}
		}
		f.rows = kept
	}
}

// newSelection makes the plan's selection for the month of s.
func (s *snapshot) newSelection(ctx context.Context, p *plan) (*selection, error) {
	sel := &selection{plan: p, lo: s.month.key.rowid(p.from, 0), hi: s.month.key.rowid(p.to, 0), floor: math.MinInt64}
	for _, node := range p.mixed {
		c, err := s.condition(ctx, sel, node)
		if err != nil {
			return nil, err
		}
		sel.mixed = append(sel.mixed, c)
	}
	return sel, nil
}

// condition decides rows of a chunk one by one. It is for queries in which text and facts meet under an OR or a negation, which are
// rare: everything else goes by masks.
type condition func(*found) func(row int32) bool

func (s *snapshot) condition(ctx context.Context, sel *selection, node fulltext.Node) (condition, error) {
	if textOnly(node) {
		set := &rowSet{}
		err := s.eachMatching(ctx, newMatch(node), sel.lo, sel.hi, func(rows []int64) error {
			set.rows = append(rows, set.rows...)
			return nil
		})
		return func(f *found) func(int32) bool {
			return func(i int32) bool { return set.has(f.columns.rows[i]) }
		}, err
	}
	switch n := node.(type) {
	case fulltext.Filter:
		return s.factCondition(n), nil
	case fulltext.Not:
		c, err := s.condition(ctx, sel, n.Node)
		return func(f *found) func(int32) bool {
			accepts := c(f)
			return func(i int32) bool { return !accepts(i) }
		}, err
	case fulltext.And:
		return s.combined(ctx, sel, n.Nodes, false)
	case fulltext.Or:
		return s.combined(ctx, sel, n.Nodes, true)
	}
	return func(*found) func(int32) bool { return func(int32) bool { return true } }, nil
}

// combined accepts a row as soon as one part decides: accepting under OR, refusing under AND.
func (s *snapshot) combined(ctx context.Context, sel *selection, nodes []fulltext.Node, decisive bool) (condition, error) {
	parts := make([]condition, len(nodes))
	for i, n := range nodes {
		var err error
		if parts[i], err = s.condition(ctx, sel, n); err != nil {
			return nil, err
		}
	}
	return func(f *found) func(int32) bool {
		accepts := make([]func(int32) bool, len(parts))
		for i := range parts {
			accepts[i] = parts[i](f)
		}
		return func(row int32) bool {
			for _, a := range accepts {
				if a(row) == decisive {
					return decisive
				}
			}
			return !decisive
		}
	}, nil
}

// factCondition decides a qualifier that is not at the top of the query.
func (s *snapshot) factCondition(n fulltext.Filter) condition {
	var f filters
	one := &plan{from: s.month.key.start(), to: s.month.key.end(), filters: f}
	one.addFilter(n.Qualifier)
	lo, hi := s.month.key.rowid(one.from, 0), s.month.key.rowid(one.to, 0)
	return func(f *found) func(int32) bool {
		kinds, _, ips := one.filters.masks(f.dict)
		return func(i int32) bool {
			c := f.columns
			return kinds.ok[c.kind[i]] && ips.ok[c.ip[i]] && c.rows[i] >= lo && c.rows[i] < hi
		}
	}
}
