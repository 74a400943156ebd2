package sqlite

import (
	"context"
	"errors"
	"slices"

	"github.com/audittrail/audittrail/audit"
)

// Search implements index.Reader.
func (x *Index) Search(ctx context.Context, organization string, search audit.Search) (audit.Page, error) {
	if search.Limit < 1 || search.Limit > audit.MaxScan {
		return audit.Page{}, audit.InvalidField("limit", "must be 1 to %d", audit.MaxScan)
	}
	o, leave, err := x.begin(ctx, organization)
	if err != nil {
		return audit.Page{}, err
	}
	defer leave()
	p, err := x.newPlan(&search.Query, search.ReceivedUntil)
	if err != nil {
		return audit.Page{}, failure(err)
	}
	if !search.ReceivedUntil.IsZero() {
		if err := o.settle(ctx, search.ReceivedUntil); err != nil {
			return audit.Page{}, err
		}
	}
	r := newPageRun(search)
	for _, m := range o.within(p.from, p.to) {
		if p.nothing || r.done() {
			break
		}
		if err := m.read(ctx, func(s *snapshot) error { return r.month(ctx, s, p) }); err != nil && !errors.Is(err, errDropped) {
			return audit.Page{}, failure(err)
		}
	}
	return r.page(), nil
}

// pageRun gathers a page and its total, month by month from the newest.
type pageRun struct {
	search audit.Search
	events []audit.Event
	last   audit.Position // of the last event of the page
	more   bool
	// counted rows so far, of at most room; counting stops one behind the limit, to tell "exactly" from "at least".
	counted, room int64
}

func newPageRun(search audit.Search) *pageRun {
	r := &pageRun{search: search, events: []audit.Event{}}
	switch {
	case search.CountLimit == audit.CountAll:
		r.room = 1<<63 - 1
	case search.CountLimit > 0:
		r.room = int64(search.CountLimit) + 1
	}
	return r
}

func (r *pageRun) done() bool { return r.more && r.counted >= r.room }

// month adds what one month has.
func (r *pageRun) month(ctx context.Context, s *snapshot, p *plan) error {
	s.bulk = r.search.Limit >= audit.MaxPage
	if p.match != nil && r.search.After == nil && !r.more && r.counted < r.room && r.room <= lastStep {
		return r.textMonth(ctx, s, p)
	}
	if r.counted < r.room {
		n, err := s.count(ctx, p, r.room-r.counted)
		if err != nil {
			return err
		}
		r.counted += n
		if n == 0 {
			return nil
		}
	}
	if r.more {
		return nil
	}
	hi := s.month.key.rowid(p.to, 0)
	if after := r.search.After; after != nil {
		if after.Time.Before(s.month.key.start()) {
			return nil
		}
		hi = min(hi, s.month.key.rowid(after.Time, min(after.Tie, tieMask)))
	}
	// One row more than the page has room for tells whether another page follows.
	rows, err := s.newest(ctx, p, hi, r.search.Limit+1-len(r.events))
	if err != nil {
		return err
	}
	return r.add(s, rows)
}

// add adds the events of the rows to the page; one more than there is room for says that another page follows.
func (r *pageRun) add(s *snapshot, rows []int64) error {
	if len(r.events)+len(rows) > r.search.Limit {
		r.more = true
		rows = rows[:len(rows)-1]
	}
	for _, row := range rows {
		e, err := s.event(row)
		if err != nil {
			return err
		}
		r.events = append(r.events, e)
		r.last = s.month.key.position(row)
	}
	return nil
}

func (r *pageRun) page() audit.Page {
	page := audit.Page{Events: r.events, Total: audit.Total{Value: r.counted, Relation: audit.RelationEqual}}
	if r.room == 0 || r.counted >= r.room {
		page.Total = audit.Total{Value: max(r.room-1, 0), Relation: audit.RelationAtLeast}
	}
	if r.more {
		next := r.last // a copy: a pointer into r would keep this page, and through search.After every page before it
		page.Next = &next
	}
	return page
}

// newest returns the highest rows below hi that the plan accepts, highest first, at most need.
func (s *snapshot) newest(ctx context.Context, p *plan, hi int64, need int) ([]int64, error) {
	sel, err := s.newSelection(ctx, p)
	if err != nil {
		return nil, err
	}
	sel.hi = min(sel.hi, hi)
	if p.match != nil {
		return s.newestText(ctx, sel, need)
	}
	t := top{need: need}
	err = s.scan(ctx, sel, func(f *found) error {
		// Rows arrive nearly in order: from the back most of the others are refused by one comparison.
		for _, i := range slices.Backward(f.rows) {
			t.offer(f.columns.rows[i])
		}
		if len(t.rows) == need {
			sel.floor = t.rows[0] + 1
		}
		return nil
	})
	return t.descending(), err
}

// count counts the rows that the plan accepts, up to room.
func (s *snapshot) count(ctx context.Context, p *plan, room int64) (int64, error) {
	sel, err := s.newSelection(ctx, p)
	if err != nil {
		return 0, err
	}
	if p.match != nil {
		return s.countText(ctx, sel, room)
	}
	var n int64
	f := &found{}
	for _, h := range s.headers {
		switch {
		case n >= room:
			return room, nil
		case sel.skipped(h):
			continue
		case sel.whole(h):
			n += int64(h.n)
			continue
		}
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		some, err := s.selectRows(sel, h, f)
		if err != nil {
			return 0, err
		}
		if some {
			n += int64(len(f.rows))
		}
	}
	return min(n, room), nil
}

// top keeps the greatest rows it is offered, in a heap whose root is the least of them.
type top struct {
	need int
	rows []int64
}

func (t *top) offer(row int64) {
	if len(t.rows) < t.need {
		t.rows = append(t.rows, row)
		for i := len(t.rows) - 1; i > 0 && t.rows[(i-1)/2] > t.rows[i]; i = (i - 1) / 2 {
			t.rows[i], t.rows[(i-1)/2] = t.rows[(i-1)/2], t.rows[i]
		}
		return
	}
	if t.need == 0 || row <= t.rows[0] {
		return
	}
	t.rows[0] = row
	for i := 0; ; {
		least := i
		for c := 2*i + 1; c <= 2*i+2 && c < len(t.rows); c++ {
			if t.rows[c] < t.rows[least] {
				least = c
			}
		}
		if least == i {
			return
		}
		t.rows[i], t.rows[least] = t.rows[least], t.rows[i]
		i = least
	}
}

func (t *top) descending() []int64 {
	slices.Sort(t.rows)
	slices.Reverse(t.rows)
	return t.rows
}
