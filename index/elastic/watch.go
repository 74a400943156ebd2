package elastic

import (
	"context"
	"math"
	"time"
)

// watched is what was known of an organization's stamps when a read of the tail began.
type watched struct {
	organization string
	// oldest is the earliest stamp of a commit of this process that was under way; zero where none was.
	oldest time.Time
	// last is the latest stamp that was given out.
	last time.Time
	// ended is closed when one of the commits under way ends; nil where none was.
	ended <-chan struct{}
}

// watch looks at the stamps of an organization.
func (s *stamps) watch(organization string) watched {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := watched{organization: organization}
	o, ok := s.organizations[organization]
	if !ok {
		return w
	}
	w.last = o.last
	for stamp := range o.pending {
		if w.oldest.IsZero() || stamp.Before(w.oldest) {
			w.oldest = stamp
		}
	}
	if !w.oldest.IsZero() {
		w.ended = o.settled
	}
	return w
}

// bound is the latest stamp, in ms, up to which what is visible now can be returned so that nothing of this process comes behind it with an earlier one:
// that of a commit that was under way, or the last that was given out where commits have begun since. What others store is bound by nothing.
func (w watched) bound(s *stamps) int64 {
	if !w.oldest.IsZero() {
		return w.oldest.UnixMilli()
	}
	if now := s.watch(w.organization); !now.last.Equal(w.last) {
		return w.last.UnixMilli()
	}
	return math.MaxInt64
}

// end waits for one of the commits that were under way. Where there was none it does not wait.
func (w watched) end(ctx context.Context) error {
	if w.ended == nil {
		return ctx.Err()
	}
	select {
	case <-w.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
