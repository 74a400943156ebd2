package sqlite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/audittrail/audittrail/audit"
)

// place is where a reader of the tail stands: before the row with the ordinal, in the month's order of arrival, of the commit. All of
// earlier commits and, within the commit, of earlier months has been read.
type place struct {
	commit  int64
	month   monthKey
	ordinal int64
}

// checkpointVersion comes first in every checkpoint. Another engine's are refused by it.
const checkpointVersion = "sqlite1"

func (p place) String() string {
	return fmt.Sprintf("%s.%d.%d.%d", checkpointVersion, p.commit, p.month, p.ordinal)
}

func parsePlace(checkpoint string) (place, error) {
	if checkpoint == "" {
		return place{}, nil
	}
	parts := strings.Split(checkpoint, ".")
	refused := audit.InvalidField("checkpoint", "is not one that this index made")
	if len(parts) != 4 || parts[0] != checkpointVersion {
		return place{}, refused
	}
	var numbers [3]int64
	for i, part := range parts[1:] {
		n, err := strconv.ParseInt(part, 10, 64)
		if err != nil || n < 0 {
			return place{}, refused
		}
		numbers[i] = n
	}
	p := place{commit: numbers[0], month: monthKey(numbers[1]), ordinal: numbers[2]}
	if p.String() != checkpoint {
		return place{}, refused
	}
	return p, nil
}

// arrival is a row in the order of arrival.
type arrival struct {
	place
	row int64
}

// TailEnd implements index.Tailer.
func (x *Index) TailEnd(ctx context.Context, organization string) (string, error) {
	o, leave, err := x.begin(ctx, organization)
	if err != nil {
		return "", err
	}
	defer leave()
	return place{commit: o.committed() + 1}.String(), nil
}

// Tail implements index.Tailer. It merges the months' orders of arrival by number of commit, and stops at the last commit
// that has ended, so that a commit over two months is never shown by half.
func (x *Index) Tail(ctx context.Context, organization, checkpoint string, limit int) (audit.TailPage, error) {
	if limit < 1 || limit > audit.MaxScan {
		return audit.TailPage{}, audit.InvalidField("limit", "must be 1 to %d", audit.MaxScan)
	}
	from, err := parsePlace(checkpoint)
	if err != nil {
		return audit.TailPage{}, err
	}
	o, leave, err := x.begin(ctx, organization)
	if err != nil {
		return audit.TailPage{}, err
	}
	defer leave()
	until := o.committed()
	page := audit.TailPage{Events: []audit.Event{}, Checkpoint: from.String()}
	if until < from.commit {
		return page, nil // nothing was committed since: whoever looks every second pays for no more than this
	}
	arrivals, err := o.arrivals(ctx, from, until, limit+1)
	if err != nil {
		return audit.TailPage{}, failure(err)
	}
	if len(arrivals) > limit {
		page.More = true
		page.Checkpoint = arrivals[limit].place.String()
		arrivals = arrivals[:limit]
	} else {
		page.Checkpoint = place{commit: until + 1}.String()
	}
	if page.Events, err = o.events(ctx, arrivals); err != nil {
		return audit.TailPage{}, failure(err)
	}
	return page, nil
}

// arrivals returns the next rows from the place on, up to the commit until, in order, at most limit; what is past the
// horizon is passed over.
func (o *organization) arrivals(ctx context.Context, from place, until int64, limit int) ([]arrival, error) {
	horizon := audit.Horizon(o.index.clock())
	var out []arrival
	for _, m := range o.within(horizon, farFuture) {
		if m.lastCommit.Load() < from.commit {
			continue // an old month costs nothing, however much it holds
		}
		err := m.read(ctx, func(s *snapshot) error {
			some, err := s.arrivals(ctx, from, until, m.key.rowid(horizon, 0), limit)
			out = append(out, some...)
			return err
		})
		if err != nil && !errors.Is(err, errDropped) {
			return nil, err
		}
	}
	slices.SortFunc(out, func(a, b arrival) int {
		return cmp.Or(cmp.Compare(a.commit, b.commit), cmp.Compare(a.month, b.month), cmp.Compare(a.ordinal, b.ordinal))
	})
	return out[:min(limit, len(out))], nil
}

// arrivals returns the month's next rows from the place on.
func (s *snapshot) arrivals(ctx context.Context, from place, until, lowest int64, limit int) ([]arrival, error) {
	s.bulk = limit >= audit.MaxPage
	headers := make([]header, 0, 8)
	for _, h := range s.headers {
		if h.maxCommit >= from.commit && h.minCommit <= until && h.maxRow >= lowest {
			headers = append(headers, h)
		}
	}
	slices.SortFunc(headers, func(a, b header) int { return cmp.Compare(a.id, b.id) })
	var out []arrival
	for _, h := range headers {
		if len(out) >= limit {
			break
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		dict, err := s.dictionary(h)
		if err != nil {
			return nil, err
		}
		cols, err := s.columns(h, dict)
		if err != nil {
			return nil, err
		}
		cursor := 0
		for i, row := range cols.rows {
			at := place{commit: cols.received(i, &cursor).commit, month: s.month.key, ordinal: h.id + int64(i)}
			if row >= lowest && at.commit <= until && !at.before(from) {
				out = append(out, arrival{place: at, row: row})
			}
			if len(out) >= limit {
				break
			}
		}
	}
	return out, nil
}

func (p place) before(q place) bool {
	return cmp.Or(cmp.Compare(p.commit, q.commit), cmp.Compare(p.month, q.month), cmp.Compare(p.ordinal, q.ordinal)) < 0
}

// events reads the events of the rows, in their order, month by month.
func (o *organization) events(ctx context.Context, arrivals []arrival) ([]audit.Event, error) {
	out := make([]audit.Event, len(arrivals))
	byMonth := map[monthKey][]int{}
	for i, a := range arrivals {
		byMonth[a.month] = append(byMonth[a.month], i)
	}
	read := 0
	for _, m := range o.within(audit.Horizon(o.index.clock()), farFuture) {
		wanted := byMonth[m.key]
		if len(wanted) == 0 {
			continue
		}
		// Neighbours in the public order share blocks.
		slices.SortFunc(wanted, func(a, b int) int { return cmp.Compare(arrivals[a].row, arrivals[b].row) })
		err := m.read(ctx, func(s *snapshot) error {
			for _, i := range wanted {
				e, err := s.event(arrivals[i].row)
				if err != nil {
					return err
				}
				out[i] = e
			}
			return ctx.Err()
		})
		if err != nil {
			return nil, err
		}
		read += len(wanted)
	}
	if read < len(arrivals) {
		return nil, audit.Unavailable(nil, retrySoon, "a month left the index while it was read")
	}
	return out, nil
}
