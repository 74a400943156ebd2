package sqlite

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/bars"
)

// maxTop is how many values a facet can name.
const maxTop = 100

// Summary implements index.Reader. It reads every selected row's facts once, whatever the filter.
func (x *Index) Summary(ctx context.Context, organization string, request audit.SummaryRequest) (audit.Summary, error) {
	if request.Top < 1 || request.Top > maxTop {
		return audit.Summary{}, audit.InvalidField("top", "must be 1 to %d", maxTop)
	}
	if request.Zone == nil {
		request.Zone = time.UTC
	}
	o, leave, err := x.begin(ctx, organization)
	if err != nil {
		return audit.Summary{}, err
	}
	defer leave()
	p, err := x.newPlan(&request.Query, time.Time{})
	if err != nil {
		return audit.Summary{}, failure(err)
	}
	if p.nothing {
		return newTally(request.Zone).summary(request)
	}
	months := o.within(p.from, p.to)
	tallies := make([]*tally, len(months))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(2)
	for i, m := range months {
		tallies[i] = newTally(request.Zone)
		group.Go(func() error {
			err := m.read(groupCtx, func(s *snapshot) error { return tallies[i].month(groupCtx, s, p) })
			if errors.Is(err, errDropped) {
				return nil
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return audit.Summary{}, failure(orEnded(ctx, err))
	}
	all := newTally(request.Zone)
	for _, t := range tallies {
		all.add(t)
	}
	return all.summary(request)
}

// orEnded prefers the context's own end to the errors that it caused.
func orEnded(ctx context.Context, err error) error {
	if ended := ctx.Err(); ended != nil {
		return ended
	}
	return err
}

// tally counts what a summary shows.
type tally struct {
	zone   *time.Location
	total  int64
	kinds  map[kind]int64
	actors map[string]*actorCount
	// bars counts by hour of the zone, from which days and weeks are added up.
	bars bars.Hours
}

type actorCount struct {
	count int64
	name  string
	named rank // of the event that name is from
}

// rank orders events as the public order does, over all months.
type rank struct {
	month monthKey
	row   int64
}

func (r rank) above(q rank) bool {
	return cmp.Or(cmp.Compare(r.month, q.month), cmp.Compare(r.row, q.row)) > 0
}

func newTally(zone *time.Location) *tally {
	return &tally{zone: zone, kinds: map[kind]int64{}, actors: map[string]*actorCount{}, bars: bars.Hours{}}
}

// add adds another tally.
func (t *tally) add(other *tally) {
	t.total += other.total
	for k, n := range other.kinds {
		t.kinds[k] += n
	}
	for id, a := range other.actors {
		t.addActor(actor{id: id, name: a.name}, a.count, a.named)
	}
	for ms, b := range other.bars {
		mine := t.bars.At(ms)
		mine.Count += b.Count
		mine.Failures += b.Failures
	}
}

// month adds the rows of one month that the plan accepts.
func (t *tally) month(ctx context.Context, s *snapshot, p *plan) error {
	sel, err := s.newSelection(ctx, p)
	if err != nil {
		return err
	}
	c := &chunkTally{tally: t, key: s.month.key}
	add := func(f *found) error { c.add(f); return nil }
	if p.match == nil {
		return s.scan(ctx, sel, add)
	}
	return s.eachMatching(ctx, p.match, sel.lo, sel.hi, func(rows []int64) error {
		step := *sel
		step.set = &rowSet{rows: rows}
		return s.scan(ctx, &step, add)
	})
}

// chunkTally counts one month's chunks with arrays by dictionary index, and keeps its buffers.
type chunkTally struct {
	*tally
	key    monthKey
	kinds  []int64
	actors []int64
	newest []int64 // of each actor, its highest row
	// lo and hi are the rows of the bar that the last row fell into.
	lo, hi int64
	bar    *bars.Count
}

func (c *chunkTally) add(f *found) {
	c.kinds = append(c.kinds[:0], make([]int64, len(f.dict.kinds))...)
	c.actors = append(c.actors[:0], make([]int64, len(f.dict.actors))...)
	c.newest = append(c.newest[:0], make([]int64, len(f.dict.actors))...)
	failed := newMask(len(f.dict.kinds), func(i int) bool { return f.dict.kinds[i].outcome == audit.OutcomeFailure })
	cols := f.columns
	for _, i := range f.rows {
		row, k, a := cols.rows[i], cols.kind[i], cols.actor[i]
		c.kinds[k]++
		c.actors[a]++
		if row > c.newest[a] {
			c.newest[a] = row
		}
		if row < c.lo || row >= c.hi {
			c.enterBar(row)
		}
		c.bar.Count++
		if failed.ok[k] {
			c.bar.Failures++
		}
	}
	c.total += int64(len(f.rows))
	for i, n := range c.kinds {
		if n > 0 {
			c.tally.kinds[f.dict.kinds[i]] += n
		}
	}
	for i, n := range c.actors {
		if n > 0 {
			c.addActor(f.dict.actors[i], n, rank{c.key, c.newest[i]})
		}
	}
}

func (t *tally) addActor(a actor, n int64, newest rank) {
	count, ok := t.actors[a.id]
	if !ok {
		count = &actorCount{}
		t.actors[a.id] = count
	}
	count.count += n
	if a.name != "" && (count.name == "" || newest.above(count.named)) {
		count.name, count.named = a.name, newest
	}
}

// enterBar finds the hour of the zone that the row falls into.
func (c *chunkTally) enterBar(row int64) {
	at := c.key.position(row).Time.In(c.zone)
	start := bars.Floor(at, audit.IntervalHour)
	end := bars.Next(start, audit.IntervalHour)
	c.lo, c.hi = c.key.rowid(start, 0), c.key.rowid(end, 0)
	c.bar = c.bars.At(start.UnixMilli())
}

func (t *tally) summary(request audit.SummaryRequest) (audit.Summary, error) {
	s := audit.Summary{Total: t.total}
	var err error
	if s.Interval, s.Histogram, err = t.bars.Histogram(t.zone, request.Interval); err != nil {
		return audit.Summary{}, err
	}
	actions, ranges, outcomes, platforms := map[string]int64{}, map[string]int64{}, map[string]int64{}, map[string]int64{}
	for k, n := range t.kinds {
		actions[k.action] += n
		ranges[audit.RangeOf(k.action)] += n
		outcomes[string(k.outcome)] += n
		platforms[k.platform] += n
	}
	actors := make(map[string]int64, len(t.actors))
	for id, a := range t.actors {
		actors[id] = a.count
	}
	s.Actions = facet(actions, request.Top)
	s.Ranges = facet(ranges, request.Top)
	s.Outcomes = facet(outcomes, request.Top)
	s.Platforms = facet(platforms, request.Top)
	s.Actors = facet(actors, request.Top)
	for i := range s.Actors.Values {
		v := &s.Actors.Values[i]
		if name := t.actors[v.Value].name; name != v.Value {
			v.Label = name
		}
	}
	return s, nil
}

// facet names the most frequent values and adds up the rest.
func facet(counts map[string]int64, most int) audit.Facet {
	f := audit.Facet{Values: make([]audit.FacetValue, 0, len(counts))}
	for v, n := range counts {
		f.Values = append(f.Values, audit.FacetValue{Value: v, Count: n})
	}
	slices.SortFunc(f.Values, func(a, b audit.FacetValue) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
	})
	if len(f.Values) > most {
		for _, v := range f.Values[most:] {
			f.Other += v.Count
		}
		f.Values = slices.Clone(f.Values[:most])
	}
	return f
}
