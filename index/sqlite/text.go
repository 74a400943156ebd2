package sqlite

import (
	"context"
	"errors"
	"slices"
)

const (
	// firstStep is how many rows full text is asked for at first; each further step asks for four times as many.
	firstStep = 128
	lastStep  = 1 << 15
	// probeMost is up to how many rows accepted by the facts are looked up in full text one by one. From some more on, at 30 µs each,
	// going through the rows of the text is cheaper.
	probeMost = 256
)

// newestText returns the highest rows that full text and facts accept, highest first, at most need.
func (s *snapshot) newestText(ctx context.Context, sel *selection, need int) ([]int64, error) {
	var out []int64
	err := s.eachText(ctx, sel, need, func(rows []int64) bool {
		out = append(out, rows...)
		return len(out) < need
	})
	return out[:min(need, len(out))], err
}

func (s *snapshot) countText(ctx context.Context, sel *selection, room int64) (int64, error) {
	if sel.plan.plain() {
		return s.countMatching(ctx, sel.plan.match, sel.lo, sel.hi, room)
	}
	var n int64
	err := s.eachText(ctx, sel, lastStep, func(rows []int64) bool {
		n += int64(len(rows))
		return n < room
	})
	return min(n, room), err
}

// eachText calls fn with rows that full text and facts accept, highest first, in steps, of which the first looks at about so many
// rows, until fn returns false.
func (s *snapshot) eachText(ctx context.Context, sel *selection, first int, fn func(rows []int64) bool) error {
	if !sel.plan.filters.empty() {
		rows, few, err := s.fewRows(ctx, sel)
		if err != nil {
			return err
		}
		if few {
			fn(rows)
			return nil
		}
	}
	hi := sel.hi
	for step := max(firstStep, first); sel.lo < hi; step *= 4 {
		step = min(step, lastStep)
		rows, err := s.matching(ctx, sel.plan.match, sel.lo, hi, step)
		if err != nil || len(rows) == 0 {
			return err
		}
		hi = rows[len(rows)-1]
		last := len(rows) < step
		if !sel.plan.plain() {
			if rows, err = s.accepted(ctx, sel, rows); err != nil {
				return err
			}
		}
		if !fn(rows) || last {
			return nil
		}
	}
	return nil
}

var errMany = errors.New("many rows")

// fewRows answers from the other side, where the facts accept but few rows: it looks each up in full text. Going through
// all rows of a common word for a handful of them would take far longer.
func (s *snapshot) fewRows(ctx context.Context, sel *selection) (rows []int64, few bool, err error) {
	narrow := *sel
	err = s.scan(ctx, &narrow, func(f *found) error {
		if len(rows)+len(f.rows) > probeMost {
			return errMany
		}
		for _, i := range f.rows {
			rows = append(rows, f.columns.rows[i])
		}
		return nil
	})
	if errors.Is(err, errMany) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	slices.Sort(rows)
	slices.Reverse(rows)
	kept := rows[:0]
	for _, row := range rows {
		n, err := s.countMatching(ctx, sel.plan.match, row, row+1, 1)
		if err != nil {
			return nil, false, err
		}
		if n > 0 {
			kept = append(kept, row)
		}
	}
	return kept, true, nil
}

// accepted returns those of rows that the facts accept too. Both are sorted highest first.
func (s *snapshot) accepted(ctx context.Context, sel *selection, rows []int64) ([]int64, error) {
	ascending := slices.Clone(rows)
	slices.Reverse(ascending)
	narrow := *sel
	narrow.set = &rowSet{rows: ascending}
	var out []int64
	err := s.scan(ctx, &narrow, func(f *found) error {
		for _, i := range f.rows {
			out = append(out, f.columns.rows[i])
		}
		return nil
	})
	slices.Sort(out)
	slices.Reverse(out)
	return out, err
}

// textMonth adds what one month has for the first page of a text: page and total come out of the same rows.
func (r *pageRun) textMonth(ctx context.Context, s *snapshot, p *plan) error {
	sel, err := s.newSelection(ctx, p)
	if err != nil {
		return err
	}
	var page []int64
	need, room, counted := r.search.Limit+1-len(r.events), r.room-r.counted, int64(0)
	err = s.eachText(ctx, sel, max(need, int(room)), func(rows []int64) bool {
		counted += int64(len(rows))
		page = append(page, rows[:min(len(rows), need-len(page))]...)
		return len(page) < need || counted < room
	})
	if err != nil {
		return err
	}
	r.counted += min(counted, room)
	return r.add(s, page)
}
