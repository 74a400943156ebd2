package api

import (
	"context"
	"log/slog"
	"math"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/audittrail/audittrail/audit"
)

const (
	// authLife is how long the standing of a key or session is remembered: how late, at most, a revocation in another process takes effect. A stream
	// looks once a second, and has to end within 5 seconds.
	authLife = 3 * time.Second
	// maxRemembered bounds the keys and sessions that are remembered.
	maxRemembered = 10_000
	// touchEvery is how often at most a last use is written.
	touchEvery   = time.Minute
	touchTimeout = 5 * time.Second
)

// authenticator finds out who makes a request. It remembers keys and sessions for authLife, so that a request does not cost reads of the store,
// and bounds how often each is used.
type authenticator struct {
	keys      Keys
	sessions  Sessions
	directory Directory
	now       func() time.Time
	log       *slog.Logger
	limit     rate.Limit
	burst     int

	mu sync.Mutex
	// known holds what worked.
	known map[credential]*standing
	// uses outlives known: what each key or session has used of its rate, and when its use was last written. By holder.
	uses map[holder]*use
	// generation counts the calls of forget: what was looked up before one is not remembered after it.
	generation uint64
	touches    sync.WaitGroup
}

// holder is the id of a key, or of a session.
type holder struct{ key, session string }

func holderOf(p audit.Principal) holder { return holder{p.Key, p.Session} }

// standing is what is remembered of a key or session.
type standing struct {
	principal audit.Principal
	key       audit.Key // zero: it is a session
	expires   time.Time // of the key or session; zero: never
	until     time.Time // when to look again
	use       *use
}

type use struct {
	limiter *rate.Limiter
	touched time.Time
}

func newAuthenticator(cfg Config) *authenticator {
	limit := limitOf(cfg.Limits.RatePerSecond)
	return &authenticator{keys: cfg.Keys, sessions: cfg.Sessions, directory: cfg.Directory, now: cfg.Clock, log: cfg.Logger, limit: limit,
		burst: cfg.Limits.RateBurst, known: map[credential]*standing{}, uses: map[holder]*use{}}
}

func limitOf(perSecond float64) rate.Limit {
	if perSecond < 0 {
		return rate.Inf
	}
	return rate.Limit(perSecond)
}

// admit returns what the credential stands for, and counts the use. from is where the request comes from. Errors: CodeUnauthenticated, without a standing; with
// it CodeForbidden, where a key may not be used from there, and CodeRateLimited; and what the store answers.
func (a *authenticator) admit(ctx context.Context, c credential, from netip.Addr) (*standing, error) {
	st, err := a.valid(ctx, c)
	if err != nil {
		return nil, err
	}
	if !c.session && !st.key.Allows(from) {
		return st, errAddress(from)
	}
	now := a.now()
	if err := st.use.allow(now); err != nil {
		return st, err
	}
	a.touch(st, now)
	return st, nil
}

// valid returns the standing of a credential that works, at no cost of its rate.
func (a *authenticator) valid(ctx context.Context, c credential) (*standing, error) {
	st, err := a.standing(ctx, c)
	if err == nil && !st.expires.IsZero() && !a.now().Before(st.expires) {
		err = c.refused()
	}
	return st, err
}

// standing returns what is remembered of a credential, or looks it up.
func (a *authenticator) standing(ctx context.Context, c credential) (*standing, error) {
	now := a.now()
	a.mu.Lock()
	st, found := a.known[c]
	generation := a.generation
	a.mu.Unlock()
	if found && now.Before(st.until) {
		return st, nil
	}
	st, err := a.lookUp(ctx, c, now)
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil {
		delete(a.known, c)
		return nil, err
	}
	st.use = a.useOf(holderOf(st.principal), now)
	if generation == a.generation {
		a.makeRoom(now)
		a.known[c] = st
	}
	return st, nil
}

// useOf returns the use of a key or session. The mutex is held.
func (a *authenticator) useOf(h holder, now time.Time) *use {
	if u, ok := a.uses[h]; ok {
		return u
	}
	if len(a.uses) >= maxRemembered {
		for id, u := range a.uses { // one that was idle long enough to have its whole burst back is as good as new
			if u.limiter.TokensAt(now) >= float64(u.limiter.Burst()) && now.Sub(u.touched) > touchEvery {
				delete(a.uses, id)
			}
		}
	}
	u := &use{limiter: rate.NewLimiter(a.limit, a.burst)}
	a.uses[h] = u
	return u
}

func (a *authenticator) lastTouch(h holder) time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	if u, ok := a.uses[h]; ok {
		return u.touched
	}
	return time.Time{}
}

// makeRoom keeps the memory bounded. The mutex is held.
func (a *authenticator) makeRoom(now time.Time) {
	if len(a.known) < maxRemembered {
		return
	}
	for c, st := range a.known {
		if !now.Before(st.until) {
			delete(a.known, c)
		}
	}
	if len(a.known) >= maxRemembered {
		clear(a.known)
	}
}

// forget makes every key and session of the organization be looked up again: one of them or a member changed.
func (a *authenticator) forget(organization string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.generation++
	for c, st := range a.known {
		if st.principal.Organization == organization {
			delete(a.known, c)
		}
	}
}

func (u *use) allow(now time.Time) error {
	if u.limiter.AllowN(now, 1) {
		return nil
	}
	return &audit.Error{Code: audit.CodeRateLimited, RetryAfter: waitOf(u.limiter, now),
		Message: "the key or session makes more requests than it may; send more events in one request, or wait"}
}

// waitOf is how long it takes until the limiter allows one more.
func waitOf(l *rate.Limiter, now time.Time) time.Duration {
	missing := 1 - l.TokensAt(now)
	return time.Duration(math.Ceil(missing / float64(l.Limit()) * float64(time.Second)))
}

// touch writes the last use of a key or session, beside the request.
func (a *authenticator) touch(st *standing, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if now.Sub(st.use.touched) < touchEvery {
		return
	}
	st.use.touched = now
	a.touches.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), touchTimeout)
		defer cancel()
		by := st.principal
		var err error
		if by.Session != "" {
			err = a.sessions.TouchSession(ctx, by.Organization, by.Session, now)
		} else {
			err = a.keys.TouchKey(ctx, by.Organization, by.Key, now)
		}
		if err != nil {
			a.log.Warn("api: last use of a key or session not written", slog.String("organization", by.Organization),
				slog.String("key", by.Key), slog.String("session", by.Session), slog.Any("error", err))
		}
	})
}

// close waits until what was begun is written.
func (a *authenticator) close(ctx context.Context) error {
	return waitFor(ctx, &a.touches)
}
