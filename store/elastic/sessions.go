package elastic

import (
	"context"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// CreateSession is part of store.Sessions.
func (s *Store) CreateSession(ctx context.Context, session audit.Session) error {
	if err := validIDs(named{"organization", session.Organization}, named{"id", session.ID}, named{"member", session.Member}); err != nil {
		return err
	}
	normalize(&session.CreatedAt, &session.ExpiresAt)
	return s.createHashed(ctx, document{Kind: kindSession, Organization: session.Organization, ID: session.ID, Owner: session.Member,
		At: toMillis(session.CreatedAt), LastUsedAt: toMillis(session.LastUsedAt), RevokedAt: toMillis(session.RevokedAt), Hash: session.Hash}, session)
}

func readSession(d *stored) (audit.Session, error) {
	session := audit.Session{Organization: d.Organization, Hash: d.Hash}
	if err := decode(&d.document, &session); err != nil {
		return session, err
	}
	session.LastUsedAt, session.RevokedAt = fromMillis(d.LastUsedAt), fromMillis(d.RevokedAt)
	return session, nil
}

// SessionByHash is part of store.Sessions. It is one read in real time.
func (s *Store) SessionByHash(ctx context.Context, hash []byte) (audit.Session, error) {
	d, err := s.byHash(ctx, kindSession, hash)
	if err != nil {
		return audit.Session{}, err
	}
	return readSession(d)
}

// Sessions is part of store.Sessions.
func (s *Store) Sessions(ctx context.Context, organization, member string) ([]audit.Session, error) {
	if !findable(organization, member) {
		return []audit.Session{}, lost(organization)
	}
	return all(ctx, s, "sessions", sessionsOf(organization, member), readSession)
}

func sessionsOf(organization, member string) listing {
	return listing{kind: kindSession, filters: []map[string]any{of("organization", organization), of("owner", member)}, byTime: true, descending: true}
}

// TouchSession is part of store.Sessions.
func (s *Store) TouchSession(ctx context.Context, organization, id string, at time.Time) error {
	return fault(s.change(ctx, kindSession, organization, id, func(d *stored) map[string]any {
		if toMillis(at) <= d.LastUsedAt {
			return nil
		}
		return map[string]any{"last_used_at": toMillis(at)}
	}), "note the use of the session")
}

// RevokeSession is part of store.Sessions.
func (s *Store) RevokeSession(ctx context.Context, organization, id string, at time.Time) error {
	return s.revoke(ctx, kindSession, organization, id, at)
}

// RevokeSessions is part of store.Sessions. It finds every session that was created before the call.
func (s *Store) RevokeSessions(ctx context.Context, organization, member string, at time.Time) (int, error) {
	sessions, err := s.Sessions(ctx, organization, member)
	if err != nil {
		return 0, err
	}
	revoked := 0
	for _, session := range sessions {
		if !session.RevokedAt.IsZero() {
			continue
		}
		err := s.RevokeSession(ctx, organization, session.ID, at)
		if audit.CodeOf(err) == audit.CodeNotFound { // deleted meanwhile: it had expired
			continue
		}
		if err != nil {
			return revoked, err
		}
		revoked++
	}
	return revoked, nil
}

// DeleteSessions is part of store.Sessions.
func (s *Store) DeleteSessions(ctx context.Context, organization string, before time.Time) (int, error) {
	normalize(&before)
	return s.deleteEnded(ctx, kindSession, organization, before, func(d *stored) (bool, error) {
		session, err := readSession(d)
		return session.ExpiresAt.Before(before) || !session.RevokedAt.IsZero() && session.RevokedAt.Before(before), err
	})
}
