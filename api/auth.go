package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"log/slog"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/audittrail/audittrail/audit"
)

const (
	// authLife is how long a key's standing is remembered: how late, at most, a revocation in another process takes effect.
	authLife = 5 * time.Second
	// maxRemembered bounds the keys that are remembered.
	maxRemembered = 10_000
	// touchEvery is how often at most a key's last use is written.
	touchEvery   = time.Minute
	touchTimeout = 5 * time.Second
	maxTokenSize = 128
)

// errUnauthenticated is the one answer to every key that does not work, so that nothing is learnt about those that are refused.
var errUnauthenticated = audit.Errorf(audit.CodeUnauthenticated, "the key is unknown, expired or revoked, or its member is not active")

// authenticator finds out who makes a request. It remembers keys for authLife, so that a request does not cost reads of the store, and
// bounds how often each is used.
type authenticator struct {
	keys      Keys
	directory Directory
	now       func() time.Time
	log       *slog.Logger
	limit     rate.Limit
	burst     int

	mu sync.Mutex
	// known holds keys that worked, by hash.
	known map[[sha256.Size]byte]*standing
	// uses outlives known: what each key has used of its rate, and when its use was last written. By key id.
	uses map[string]*use
	// generation counts the calls of forget: what was looked up before one is not remembered after it.
	generation uint64
	touches    sync.WaitGroup
}

// standing is what is remembered of a key.
type standing struct {
	principal audit.Principal
	expires   time.Time // of the key; zero: never
	until     time.Time // when to look again
	use       *use
}

type use struct {
	limiter *rate.Limiter
	touched time.Time
}

func newAuthenticator(keys Keys, directory Directory, now func() time.Time, log *slog.Logger, limits Limits) *authenticator {
	limit := rate.Limit(limits.RatePerSecond)
	if limits.RatePerSecond < 0 {
		limit = rate.Inf
	}
	return &authenticator{keys: keys, directory: directory, now: now, log: log, limit: limit, burst: limits.RateBurst,
		known: map[[sha256.Size]byte]*standing{}, uses: map[string]*use{}}
}

// bearerToken returns the token of an Authorization header, where it has the form of one.
func bearerToken(header []byte) ([]byte, bool) {
	scheme, token, found := bytes.Cut(header, []byte(" "))
	token = bytes.Trim(token, " ")
	return token, found && bytes.EqualFold(scheme, []byte("Bearer")) && bytes.HasPrefix(token, []byte("at_")) && len(token) <= maxTokenSize
}

// authenticate returns who the Authorization header stands for. Errors: CodeUnauthenticated, CodeRateLimited, and what the store answers.
func (a *authenticator) authenticate(ctx context.Context, header []byte) (audit.Principal, error) {
	if len(header) == 0 {
		return audit.Principal{}, audit.Errorf(audit.CodeUnauthenticated, "send a key in the header Authorization: Bearer at_…")
	}
	token, ok := bearerToken(header)
	if !ok {
		return audit.Principal{}, errUnauthenticated
	}
	st, err := a.standing(ctx, hashOf(token))
	if err != nil {
		return audit.Principal{}, err
	}
	now := a.now()
	if !st.expires.IsZero() && !now.Before(st.expires) {
		return audit.Principal{}, errUnauthenticated
	}
	if err := st.use.allow(now); err != nil {
		return audit.Principal{}, err
	}
	a.touch(st, now)
	return st.principal, nil
}

// check says whether the key of the header still works, at no cost of its rate.
func (a *authenticator) check(ctx context.Context, hash [sha256.Size]byte) error {
	st, err := a.standing(ctx, hash)
	if err == nil && !st.expires.IsZero() && !a.now().Before(st.expires) {
		err = errUnauthenticated
	}
	return err
}

// standing returns what is remembered of a key, or looks it up. The hash is audit.HashKey's.
func (a *authenticator) standing(ctx context.Context, hash [sha256.Size]byte) (*standing, error) {
	now := a.now()
	a.mu.Lock()
	st, found := a.known[hash]
	generation := a.generation
	a.mu.Unlock()
	if found && now.Before(st.until) {
		return st, nil
	}
	st, err := a.lookUp(ctx, hash, now)
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil {
		delete(a.known, hash)
		return nil, err
	}
	st.use = a.useOf(st.principal.Key, now)
	if generation == a.generation {
		a.makeRoom(now)
		a.known[hash] = st
	}
	return st, nil
}

func (a *authenticator) lookUp(ctx context.Context, hash [sha256.Size]byte, now time.Time) (*standing, error) {
	key, err := a.keys.KeyByHash(ctx, hash[:])
	if err != nil {
		return nil, hideNotFound(err)
	}
	if !key.RevokedAt.IsZero() || !key.ExpiresAt.IsZero() && !now.Before(key.ExpiresAt) {
		return nil, errUnauthenticated
	}
	member, err := a.directory.Member(ctx, key.Organization, key.Member)
	if err != nil {
		return nil, hideNotFound(err)
	}
	if !member.Included() {
		return nil, errUnauthenticated
	}
	return &standing{
		principal: audit.Principal{Organization: key.Organization, Member: member.ID, MemberName: member.Name, Role: member.Role,
			Key: key.ID, Scopes: key.Scopes},
		expires: key.ExpiresAt, until: now.Add(authLife),
	}, nil
}

func hideNotFound(err error) error {
	if audit.CodeOf(err) == audit.CodeNotFound {
		return errUnauthenticated
	}
	return err
}

// useOf returns the use of a key. The mutex is held.
func (a *authenticator) useOf(key string, now time.Time) *use {
	if u, ok := a.uses[key]; ok {
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
	a.uses[key] = u
	return u
}

// makeRoom keeps the memory bounded. The mutex is held.
func (a *authenticator) makeRoom(now time.Time) {
	if len(a.known) < maxRemembered {
		return
	}
	for hash, st := range a.known {
		if !now.Before(st.until) {
			delete(a.known, hash)
		}
	}
	if len(a.known) >= maxRemembered {
		clear(a.known)
	}
}

// forget makes every key of the organization be looked up again: a key or a member changed.
func (a *authenticator) forget(organization string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.generation++
	for hash, st := range a.known {
		if st.principal.Organization == organization {
			delete(a.known, hash)
		}
	}
}

func (u *use) allow(now time.Time) error {
	if u.limiter.AllowN(now, 1) {
		return nil
	}
	missing := 1 - u.limiter.TokensAt(now)
	wait := time.Duration(math.Ceil(missing / float64(u.limiter.Limit()) * float64(time.Second)))
	return &audit.Error{Code: audit.CodeRateLimited, RetryAfter: wait,
		Message: "the key makes more requests than it may; send more events in one request, or wait"}
}

// touch writes the key's last use, beside the request.
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
		if err := a.keys.TouchKey(ctx, st.principal.Organization, st.principal.Key, now); err != nil {
			a.log.Warn("api: last use of a key not written", slog.String("organization", st.principal.Organization),
				slog.String("key", st.principal.Key), slog.Any("error", err))
		}
	})
}

// close waits until what was begun is written.
func (a *authenticator) close(ctx context.Context) error {
	done := make(chan struct{})
	go func() { a.touches.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func hashOf(token []byte) [sha256.Size]byte { return [sha256.Size]byte(audit.HashKey(string(token))) }
