package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// CreateKey is part of store.Keys.
func (s *Store) CreateKey(ctx context.Context, key audit.Key) error {
	if err := validKey(column{"organization", key.Organization}, column{"id", key.ID}); err != nil {
		return err
	}
	if len(key.Hash) == 0 {
		return audit.InvalidField("hash", "is empty")
	}
	normalize(&key.CreatedAt, &key.ExpiresAt)
	doc, err := json.Marshal(key)
	if err != nil {
		return audit.WithCause(audit.CodeInternal, err, "could not write the key")
	}
	n, err := s.exec(ctx, "write the key", `INSERT INTO keys (organization, id, hash, created_at, last_used_at, revoked_at, doc)
		VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`, key.Organization, key.ID, key.Hash,
		toMillis(key.CreatedAt), toMillis(key.LastUsedAt), toMillis(key.RevokedAt), string(doc))
	if err == nil && n == 0 {
		return audit.Errorf(audit.CodeConflict, "a key with this id or hash exists")
	}
	return err
}

const keyColumns = "organization, hash, last_used_at, revoked_at, doc"

func (s *Store) scanKey(row scanner) (audit.Key, error) {
	var key audit.Key
	var doc []byte
	var used, revoked int64
	if err := row.Scan(&key.Organization, &key.Hash, &used, &revoked, &doc); err != nil {
		return key, err
	}
	if err := json.Unmarshal(doc, &key); err != nil {
		return key, err
	}
	key.RevokedAt = fromMillis(revoked)
	key.LastUsedAt = fromMillis(max(used, s.touches.of(key.Organization, key.ID)))
	return key, nil
}

// KeyByHash is part of store.Keys.
func (s *Store) KeyByHash(ctx context.Context, hash []byte) (audit.Key, error) {
	return one(ctx, s, "key", s.scanKey, "SELECT "+keyColumns+" FROM keys WHERE hash = ?", notNil(hash))
}

// Keys is part of store.Keys.
func (s *Store) Keys(ctx context.Context, organization string) ([]audit.Key, error) {
	return all(ctx, s, "keys", s.scanKey, "SELECT "+keyColumns+" FROM keys WHERE organization = ? ORDER BY created_at DESC, id DESC", organization)
}

// RevokeKey is part of store.Keys.
func (s *Store) RevokeKey(ctx context.Context, organization, id string, at time.Time) error {
	n, err := s.exec(ctx, "revoke the key", "UPDATE keys SET revoked_at = iif(revoked_at = 0, ?, revoked_at) WHERE organization = ? AND id = ?",
		toMillis(at), organization, id)
	if err == nil && n == 0 {
		return audit.NotFound("key")
	}
	return err
}

// whereKeyPrefix looks in every organization: like a hash, the first characters of a secret say whose it is.
const whereKeyPrefix = "WHERE doc ->> '$.prefix' = ?"

// KeyByPrefix is part of store.Keys.
func (s *Store) KeyByPrefix(ctx context.Context, prefix string) (audit.Key, error) {
	return one(ctx, s, "key", s.scanKey, "SELECT "+keyColumns+" FROM keys "+whereKeyPrefix+" ORDER BY created_at DESC LIMIT 1", prefix)
}

// ReplaceKey is part of store.Keys.
func (s *Store) ReplaceKey(ctx context.Context, organization, id, by string, until time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return fault(err, "replace the key")
	}
	defer tx.Rollback()
	key, err := s.scanKey(tx.QueryRowContext(ctx, "SELECT "+keyColumns+" FROM keys WHERE organization = ? AND id = ?", organization, id))
	if errors.Is(err, sql.ErrNoRows) {
		return audit.NotFound("key")
	}
	if err != nil {
		return fault(err, "replace the key")
	}
	if changed, err := key.Replace(by, until); err != nil || !changed {
		return err
	}
	doc, err := json.Marshal(key)
	if err != nil {
		return audit.WithCause(audit.CodeInternal, err, "could not write the key")
	}
	if _, err := tx.ExecContext(ctx, "UPDATE keys SET doc = ? WHERE organization = ? AND id = ?", string(doc), organization, id); err != nil {
		return fault(err, "replace the key")
	}
	return fault(tx.Commit(), "replace the key")
}

// touchEvery is how often the last use of one key is written at most: a commit for every request would cost more than the
// request. What is not written yet is kept in memory, shown to readers, and written by Close.
const touchEvery = time.Minute

// touches remembers the last uses of keys. It holds keys that exist, one entry each.
type touches struct {
	mu   sync.Mutex
	keys map[touchedKey]touch
}

type touchedKey struct{ organization, id string }

// touch holds milliseconds: when the key was last used, and what of that is on disk.
type touch struct{ used, written int64 }

func (t *touches) of(organization, id string) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.keys[touchedKey{organization, id}].used
}

// TouchKey is part of store.Keys.
func (s *Store) TouchKey(ctx context.Context, organization, id string, at time.Time) error {
	key := touchedKey{organization, id}
	used := toMillis(at)
	s.touches.mu.Lock()
	before, known := s.touches.keys[key]
	if known && used < before.written+touchEvery.Milliseconds() {
		s.touches.keys[key] = touch{used: max(used, before.used), written: before.written}
		s.touches.mu.Unlock()
		return nil
	}
	s.touches.mu.Unlock()
	return s.writeTouch(ctx, key, used)
}

func (s *Store) writeTouch(ctx context.Context, key touchedKey, used int64) error {
	n, err := s.exec(ctx, "note the use of the key", "UPDATE keys SET last_used_at = max(last_used_at, ?) WHERE organization = ? AND id = ?",
		used, key.organization, key.id)
	if err != nil {
		return err
	}
	if n == 0 {
		return audit.NotFound("key")
	}
	s.touches.mu.Lock()
	defer s.touches.mu.Unlock()
	if s.touches.keys == nil {
		s.touches.keys = map[touchedKey]touch{}
	}
	before := s.touches.keys[key]
	s.touches.keys[key] = touch{used: max(used, before.used), written: max(used, before.written)}
	return nil
}

// flushTouches writes every use that is not on disk.
func (s *Store) flushTouches(ctx context.Context) error {
	s.touches.mu.Lock()
	due := map[touchedKey]int64{}
	for key, t := range s.touches.keys {
		if t.used > t.written {
			due[key] = t.used
		}
	}
	s.touches.mu.Unlock()
	var failed error
	for key, used := range due {
		failed = errors.Join(failed, s.writeTouch(ctx, key, used))
	}
	return failed
}
