package elastic

import (
	"context"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// CreateKey is part of store.Keys.
func (s *Store) CreateKey(ctx context.Context, key audit.Key) error {
	if err := validIDs(named{"organization", key.Organization}, named{"id", key.ID}); err != nil {
		return err
	}
	normalize(&key.CreatedAt, &key.ExpiresAt)
	return s.createHashed(ctx, keyDocument(key), key)
}

func keyDocument(k audit.Key) document {
	return document{Kind: kindKey, Organization: k.Organization, ID: k.ID, At: toMillis(k.CreatedAt), LastUsedAt: toMillis(k.LastUsedAt),
		RevokedAt: toMillis(k.RevokedAt), Hash: k.Hash}
}

func (s *Store) readKey(d *stored) (audit.Key, error) {
	key := audit.Key{Organization: d.Organization, Hash: d.Hash}
	if err := decode(&d.document, &key); err != nil {
		return key, err
	}
	key.RevokedAt = fromMillis(d.RevokedAt)
	key.LastUsedAt = fromMillis(max(d.LastUsedAt, s.touches.of(key.Organization, key.ID)))
	return key, nil
}

// KeyByHash is part of store.Keys. It is one read in real time.
func (s *Store) KeyByHash(ctx context.Context, hash []byte) (audit.Key, error) {
	d, err := s.byHash(ctx, kindKey, hash)
	if err != nil {
		return audit.Key{}, err
	}
	return s.readKey(d)
}

// Keys is part of store.Keys.
func (s *Store) Keys(ctx context.Context, organization string) ([]audit.Key, error) {
	if !findable(organization) {
		return []audit.Key{}, lost(organization)
	}
	return all(ctx, s, "keys", listing{kind: kindKey, filters: []map[string]any{of("organization", organization)}, byTime: true, descending: true}, s.readKey)
}

// RevokeKey is part of store.Keys.
func (s *Store) RevokeKey(ctx context.Context, organization, id string, at time.Time) error {
	return s.revoke(ctx, kindKey, organization, id, at)
}
