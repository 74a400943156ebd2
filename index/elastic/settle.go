package elastic

import (
	"context"
	"sync"
	"time"
)

// A commit carries its stamp from before its bulk request, which the caller waits for no longer than appendDeadline; the clocks of any two processes differ
// by at most clockDifference. So, by the clock of any process, everything that carries a stamp and will be acknowledged is stored settleAfter
// later, and what is stamped from then on carries later stamps.
const (
	clockDifference = 2 * time.Second
	settleAfter     = appendDeadline + clockDifference
)

// settled knows up to which stamp everything of an organization is searchable and final.
type settled struct {
	mu    sync.Mutex
	until map[string]time.Time
}

func (s *settled) covers(organization string, until time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !until.After(s.until[organization])
}

func (s *settled) note(organization string, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.until == nil {
		s.until = map[string]time.Time{}
	}
	if until.After(s.until[organization]) {
		s.until[organization] = until
	}
}

// settle returns when everything is searchable that carries a stamp up to until, and no more of it will come. For commits of this process it waits, and
// gives later ones later stamps. For those of others there is nothing to wait for but time: an answer about what is younger than settleAfter
// comes when it is that old. A bound in the future is taken for now: it cannot hold anything still.
func (x *Index) settle(ctx context.Context, organization string, until time.Time) error {
	now := x.clock()
	if until.After(now) {
		until = now
	}
	if x.settled.covers(organization, until) {
		return nil
	}
	if err := x.stamps.seal(ctx, organization, until); err != nil {
		return failure(ctx, err)
	}
	if wait := until.Add(settleAfter).Sub(now); wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return failure(ctx, ctx.Err())
		}
	}
	if err := x.refresh(ctx); err != nil {
		return err
	}
	x.settled.note(organization, until)
	return nil
}
