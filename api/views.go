package api

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// viewLife is for how long who looks at the same thing again, by the same key or session, is still looking at it: pages that bring themselves up to
// date, streams that come back and lists that are read page by page leave one record of what a person did, not one of every request.
const viewLife = 10 * time.Minute

// views remembers what is on record as being looked at. It forgets early rather than late: then there is a record more.
type views struct {
	mu   sync.Mutex
	seen map[view]time.Time
}

// view is who looks at what.
type view struct {
	organization, member string
	by                   holder
	action               string
	what                 [sha256.Size]byte
}

func viewOf(by audit.Principal, action, what string) view {
	return view{organization: by.Organization, member: by.Member, by: holderOf(by), action: action, what: sha256.Sum256([]byte(what))}
}

// goesOn says whether the view was recorded a short while ago.
func (v *views) goesOn(one view, now time.Time) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	at, ok := v.seen[one]
	return ok && !now.Before(at) && now.Sub(at) < viewLife
}

func (v *views) note(one view, now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.seen == nil {
		v.seen = map[view]time.Time{}
	}
	if len(v.seen) >= maxRemembered {
		for old, at := range v.seen {
			if now.Sub(at) >= viewLife {
				delete(v.seen, old)
			}
		}
		if len(v.seen) >= maxRemembered {
			clear(v.seen)
		}
	}
	v.seen[one] = now
}

// recordView records that someone looks at something, like record, and once for as long as they go on doing so. what names it among those of the action.
func (s *Server) recordView(ctx context.Context, r *request, e entry, what string) error {
	one := viewOf(r.by, e.action, what)
	if s.views.goesOn(one, s.now()) {
		return nil
	}
	if err := s.record(ctx, r, r.by, e); err != nil {
		return err
	}
	s.views.note(one, s.now())
	return nil
}
