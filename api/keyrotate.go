package api

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// rotateInput is the body of POST /v1/keys/{id}/rotate.
type rotateInput struct {
	OverlapSeconds *int64 `json:"overlap_seconds"`
	ExpiresAt      string `json:"expires_at"`
}

// rotateKey is POST /v1/keys/{id}/rotate: a new key takes the place of the key, which goes on working until the overlap ends.
func (s *Server) rotateKey(r *request) error {
	id, err := r.param("id")
	if err != nil {
		return err
	}
	var in rotateInput
	if len(r.c.Request().Body()) > 0 {
		if err := r.readJSON(&in); err != nil {
			return err
		}
	}
	keys, err := s.cfg.Keys.Keys(r.ctx, r.by.Organization)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(keys, func(k audit.Key) bool { return k.ID == id })
	if i < 0 {
		return audit.NotFound("key")
	}
	now := s.now().UTC().Truncate(audit.TimePrecision)
	return s.rotate(r, in, keys, keys[i], now)
}

// rotate makes the key that takes the place of old.
func (s *Server) rotate(r *request, in rotateInput, keys []audit.Key, old audit.Key, now time.Time) error {
	overlap, overlapErr := in.overlap()
	expires, expiryErr := expiry(in.ExpiresAt, now)
	if err := joinFields(overlapErr, expiryErr); err != nil {
		return err
	}
	if err := s.mayRotate(r, old); err != nil {
		return err
	}
	key := old
	key.CreatedAt, key.ExpiresAt, key.LastUsedAt, key.RevokedAt, key.Replaces, key.ReplacedBy = now, expires, time.Time{}, time.Time{}, old.ID, ""
	if in.ExpiresAt == "" && !old.ExpiresAt.IsZero() && old.ReplacedBy == "" {
		key.ExpiresAt = now.Add(old.ExpiresAt.Sub(old.CreatedAt)) // it lives as long as the old one was meant to
	}
	secret, once, err := s.newSecrets(r, &key, "rotate", old.ID)
	if err != nil {
		return err
	}
	if once && old.ReplacedBy == key.ID {
		i := slices.IndexFunc(keys, func(k audit.Key) bool { return k.ID == key.ID })
		if i >= 0 {
			key.ExpiresAt = keys[i].ExpiresAt
		}
		if made, found, err := madeBefore(keys, key, now); found {
			if err != nil {
				return err
			}
			return r.answerKey(keyView{Key: made, Secret: secret, Previous: &old})
		}
	}
	until := now.Add(overlap)
	if old.Expired(now) {
		return audit.Errorf(audit.CodeConflict, "the key has expired: make a new one")
	}
	if _, err := old.Replace(key.ID, until); err != nil {
		return err
	}
	trail := keyEntry(r.by, key, audit.ActionKeyRotated, "rotated")
	trail.targets = append(trail.targets, audit.Target{Type: "key", ID: old.ID, Name: old.Name})
	trail.metadata["replaces"], trail.metadata["previous_until"] = old.ID, old.ExpiresAt.Format(audit.TimeLayout)
	if err := s.recorded(r, r.by, trail, func() error { return s.replaceKey(r.ctx, old, key, until, once) }); err != nil {
		return err
	}
	s.auth.forget(r.by.Organization)
	return r.answerKey(keyView{Key: key, Secret: secret, Previous: &old})
}

// replaceKey stores the new key first: a crash in between leaves a key whose secret nobody knows, and never one that ends with none in its place.
func (s *Server) replaceKey(ctx context.Context, old, key audit.Key, until time.Time, once bool) error {
	err := s.cfg.Keys.CreateKey(ctx, key)
	if err != nil && (!once || audit.CodeOf(err) != audit.CodeConflict) { // the same request may have come twice, at the same time
		return err
	}
	err = s.cfg.Keys.ReplaceKey(ctx, old.Organization, old.ID, key.ID, until)
	if err == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), failureTimeout)
	defer cancel()
	if again := s.cfg.Keys.RevokeKey(ctx, key.Organization, key.ID, key.CreatedAt); again != nil {
		s.log.Warn("api: a key that took nobody's place is left", slog.String("organization", key.Organization), slog.String("key", key.ID), slog.Any("error", again))
	}
	return err
}

// mayRotate says whether the caller could make such a key: its secret is shown to them.
func (s *Server) mayRotate(r *request, key audit.Key) error {
	for _, scope := range key.Scopes {
		if err := r.by.Allow(scope); err != nil {
			return audit.Errorf(audit.CodeForbidden, "the key has the scope %s, which is not yours to give", scope)
		}
	}
	_, err := s.checkHolder(r, key.Member, "keys")
	return err
}

// overlap is how long the old secret goes on working.
func (in rotateInput) overlap() (time.Duration, error) {
	if in.OverlapSeconds == nil {
		return audit.KeyOverlap, nil
	}
	const most = int64(audit.MaxKeyOverlap / time.Second)
	seconds := *in.OverlapSeconds
	if seconds < 0 || seconds > most {
		return 0, audit.InvalidField("overlap_seconds", "must be from 0 to %d", most)
	}
	return time.Duration(seconds) * time.Second, nil
}
