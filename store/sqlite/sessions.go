package sqlite

import (
	"context"
	"encoding/json"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// CreateSession is part of store.Sessions.
func (s *Store) CreateSession(ctx context.Context, session audit.Session) error {
	if err := validKey(column{"organization", session.Organization}, column{"id", session.ID}, column{"member", session.Member}); err != nil {
		return err
	}
	if len(session.Hash) == 0 {
		return audit.InvalidField("hash", "is empty")
	}
	normalize(&session.CreatedAt, &session.ExpiresAt)
	doc, err := json.Marshal(session)
	if err != nil {
		return audit.WithCause(audit.CodeInternal, err, "could not write the session")
	}
	n, err := s.exec(ctx, "write the session", `INSERT INTO sessions (organization, id, member, hash, created_at, expires_at, last_used_at, revoked_at, doc)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`, session.Organization, session.ID, session.Member, session.Hash,
		toMillis(session.CreatedAt), toMillis(session.ExpiresAt), toMillis(session.LastUsedAt), toMillis(session.RevokedAt), string(doc))
	if err == nil && n == 0 {
		return audit.Errorf(audit.CodeConflict, "a session with this id or hash exists")
	}
	return err
}

const sessionColumns = "organization, hash, last_used_at, revoked_at, doc"

func scanSession(row scanner) (audit.Session, error) {
	var session audit.Session
	var doc []byte
	var used, revoked int64
	if err := row.Scan(&session.Organization, &session.Hash, &used, &revoked, &doc); err != nil {
		return session, err
	}
	if err := json.Unmarshal(doc, &session); err != nil {
		return session, err
	}
	session.LastUsedAt, session.RevokedAt = fromMillis(used), fromMillis(revoked)
	return session, nil
}

// SessionByHash is part of store.Sessions.
func (s *Store) SessionByHash(ctx context.Context, hash []byte) (audit.Session, error) {
	return one(ctx, s, "session", scanSession, "SELECT "+sessionColumns+" FROM sessions WHERE hash = ?", notNil(hash))
}

// notNil makes of no hash an empty one, which is equal to none that is stored: SQL compares nothing with NULL.
func notNil(hash []byte) []byte {
	if hash == nil {
		return []byte{}
	}
	return hash
}

// Sessions is part of store.Sessions.
func (s *Store) Sessions(ctx context.Context, organization, member string) ([]audit.Session, error) {
	return all(ctx, s, "sessions", scanSession,
		"SELECT "+sessionColumns+" FROM sessions WHERE organization = ? AND member = ? ORDER BY created_at DESC, id DESC", organization, member)
}

// TouchSession is part of store.Sessions.
func (s *Store) TouchSession(ctx context.Context, organization, id string, at time.Time) error {
	n, err := s.exec(ctx, "note the use of the session", "UPDATE sessions SET last_used_at = max(last_used_at, ?) WHERE organization = ? AND id = ?",
		toMillis(at), organization, id)
	return foundSession(n, err)
}

// RevokeSession is part of store.Sessions.
func (s *Store) RevokeSession(ctx context.Context, organization, id string, at time.Time) error {
	n, err := s.exec(ctx, "revoke the session", "UPDATE sessions SET revoked_at = iif(revoked_at = 0, ?, revoked_at) WHERE organization = ? AND id = ?",
		toMillis(at), organization, id)
	return foundSession(n, err)
}

func foundSession(n int64, err error) error {
	if err == nil && n == 0 {
		return audit.NotFound("session")
	}
	return err
}

// RevokeSessions is part of store.Sessions.
func (s *Store) RevokeSessions(ctx context.Context, organization, member string, at time.Time) (int, error) {
	n, err := s.exec(ctx, "revoke the sessions", "UPDATE sessions SET revoked_at = ? WHERE organization = ? AND member = ? AND revoked_at = 0",
		toMillis(at), organization, member)
	return int(n), err
}

// DeleteSessions is part of store.Sessions.
func (s *Store) DeleteSessions(ctx context.Context, organization string, before time.Time) (int, error) {
	n, err := s.exec(ctx, "delete sessions", "DELETE FROM sessions WHERE organization = ?1 AND (expires_at < ?2 OR revoked_at > 0 AND revoked_at < ?2)",
		organization, toMillis(before))
	return int(n), err
}
