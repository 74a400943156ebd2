package api

import (
	"context"
	"crypto/subtle"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/audittrail/audittrail/audit"
)

const (
	// refusalEvery is how often at most the same refusal is recorded, maxRefusals how many are remembered for that, and refusalWorkers how many are looked
	// up and recorded at the same time. What is over is left out: somebody who tries keys must not be able to flood the record, or the store.
	refusalEvery   = time.Minute
	maxRefusals    = 10_000
	refusalWorkers = 4
)

// refusal is what counts as the same: a key by its first characters, and from where; a key alone by its id.
type refusal struct {
	key  string
	from netip.Prefix
}

// refusals records requests that were refused for their key, beside the requests: an answer takes as long whether the key is known or not.
type refusals struct {
	mu      sync.Mutex
	last    map[refusal]time.Time
	running int
	work    sync.WaitGroup
}

// begin says whether the refusal is to be recorded now. Where it is, end has to be called.
func (f *refusals) begin(of refusal, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if last, seen := f.last[of]; seen && now.Sub(last) < refusalEvery || f.running >= refusalWorkers {
		return false
	}
	if len(f.last) >= maxRefusals {
		for other, last := range f.last {
			if now.Sub(last) >= refusalEvery {
				delete(f.last, other)
			}
		}
		if len(f.last) >= maxRefusals {
			return false
		}
	}
	if f.last == nil {
		f.last = map[refusal]time.Time{}
	}
	f.last[of] = now
	f.running++
	return true
}

func (f *refusals) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.running--
}

// noteAddress records that a key was used from an address that is not allowed, at most once a minute and key.
func (s *Server) noteAddress(r *request, key audit.Key) {
	from := r.origin()
	s.note(refusal{key: key.ID}, func(ctx context.Context) error {
		return s.recordRefusal(ctx, from, key, "address not allowed")
	})
}

// noteSecret records that a secret did not work in the log of the organization that has a key with the same first characters, and in the server's where
// none has: at most once a minute, prefix and address.
func (s *Server) noteSecret(r *request, secret audit.KeySecret) {
	from := r.origin()
	s.note(refusal{key: secret.Prefix, from: network(from.source.IP)}, func(ctx context.Context) error {
		key, err := s.cfg.Keys.KeyByPrefix(ctx, secret.Prefix)
		if audit.CodeOf(err) == audit.CodeNotFound {
			s.log.Warn("api: a key of nobody was refused", slog.String("prefix", secret.Prefix), slog.String("request_id", from.request))
			return nil
		}
		if err != nil {
			return err
		}
		return s.recordRefusal(ctx, from, key, whyRefused(key, secret, s.now()))
	})
}

func whyRefused(key audit.Key, secret audit.KeySecret, now time.Time) string {
	switch {
	case subtle.ConstantTimeCompare(key.Hash, secret.Hash[:]) != 1:
		return "another secret"
	case !key.RevokedAt.IsZero():
		return "revoked"
	case key.Expired(now) && key.ReplacedBy != "":
		return "replaced"
	case key.Expired(now):
		return "expired"
	}
	return "member not active"
}

// note does the work beside the request, where it is due.
func (s *Server) note(of refusal, work func(ctx context.Context) error) {
	if !s.refusals.begin(of, s.now()) {
		return
	}
	s.refusals.work.Go(func() {
		defer s.refusals.end()
		ctx, cancel := context.WithTimeout(context.Background(), failureTimeout)
		defer cancel()
		if err := work(ctx); err != nil {
			s.log.Warn("api: refusal of a key not recorded", slog.Any("error", err))
		}
	})
}

func (s *Server) recordRefusal(ctx context.Context, from origin, key audit.Key, reason string) error {
	by := audit.Principal{Organization: key.Organization, Member: key.Member, Key: key.ID}
	return s.append(ctx, from, by, entry{action: audit.ActionKeyRefused, message: "A request with the API key " + key.Name + " was refused: " + reason,
		targets:  []audit.Target{{Type: "key", ID: key.ID, Name: key.Name}, {Type: "member", ID: key.Member}},
		metadata: map[string]string{"prefix": key.Prefix, "reason": reason}, system: true}, audit.OutcomeFailure)
}

// close waits until what was begun is recorded.
func (f *refusals) close(ctx context.Context) error { return waitFor(ctx, &f.work) }

func waitFor(ctx context.Context, work *sync.WaitGroup) error {
	done := make(chan struct{})
	go func() { work.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
