package elastic

import (
	"context"
	"sync"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// stamps gives out times of receipt: never decreasing within an organization, and never one that a read has been promised not to come any more.
type stamps struct {
	mu            sync.Mutex
	organizations map[string]*stamping
}

// stamping is what is known of one organization.
type stamping struct {
	last time.Time // the latest stamp given out
	// pending are the stamps of commits that have not ended; each counts its commits.
	pending map[time.Time]int
	// settled is closed and made anew whenever a commit ends.
	settled chan struct{}
}

func (s *stamps) of(organization string) *stamping {
	if s.organizations == nil {
		s.organizations = map[string]*stamping{}
	}
	o := s.organizations[organization]
	if o == nil {
		o = &stamping{pending: map[time.Time]int{}, settled: make(chan struct{})}
		s.organizations[organization] = o
	}
	return o
}

// next gives a commit its stamp. The commit calls done when it has ended, well or not.
func (s *stamps) next(organization string, now time.Time) (stamp time.Time, done func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.of(organization)
	stamp = now.UTC().Truncate(audit.TimePrecision)
	if stamp.Before(o.last) {
		stamp = o.last
	}
	o.last = stamp
	o.pending[stamp]++
	return stamp, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if o.pending[stamp]--; o.pending[stamp] == 0 {
			delete(o.pending, stamp)
		}
		close(o.settled)
		o.settled = make(chan struct{})
	}
}

// seal returns when no commit of this process that carries a stamp up to until is under way; later ones carry later stamps.
func (s *stamps) seal(ctx context.Context, organization string, until time.Time) error {
	s.mu.Lock()
	o := s.of(organization)
	if behind := until.UTC().Truncate(audit.TimePrecision).Add(audit.TimePrecision); o.last.Before(behind) {
		o.last = behind
	}
	s.mu.Unlock()
	for {
		s.mu.Lock()
		waiting, settled := false, o.settled
		for stamp := range o.pending {
			waiting = waiting || !stamp.After(until)
		}
		s.mu.Unlock()
		if !waiting {
			return nil
		}
		select {
		case <-settled:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
