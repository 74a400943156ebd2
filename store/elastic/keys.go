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
	return document{Kind: kindKey, Owner: k.Prefix, Organization: k.Organization, ID: k.ID, At: toMillis(k.CreatedAt), LastUsedAt: toMillis(k.LastUsedAt),
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

// KeyByPrefix is part of store.Keys. It does not refresh: whoever tries keys must not make the cluster work.
func (s *Store) KeyByPrefix(ctx context.Context, prefix string) (audit.Key, error) {
	if !findable(prefix) {
		return audit.Key{}, audit.NotFound("key")
	}
	page, err := s.page(ctx, listing{kind: kindKey, filters: []map[string]any{of("owner", prefix)}, byTime: true, descending: true}, nil, 1)
	if err != nil {
		return audit.Key{}, fault(err, "find the key")
	}
	if len(page) == 0 {
		return audit.Key{}, audit.NotFound("key")
	}
	return s.readKey(page[0])
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

// ReplaceKey is part of store.Keys.
func (s *Store) ReplaceKey(ctx context.Context, organization, id, by string, until time.Time) error {
	var refused error
	err := s.change(ctx, kindKey, organization, id, func(d *stored) map[string]any {
		key, err := s.readKey(d)
		changed := false
		if err == nil {
			changed, err = key.Replace(by, until)
		}
		if refused = err; err != nil || !changed {
			return nil
		}
		body, err := marshal(key)
		if refused = err; err != nil {
			return nil
		}
		return map[string]any{"body": body}
	})
	if err == nil {
		err = refused
	}
	return fault(err, "replace the key")
}
