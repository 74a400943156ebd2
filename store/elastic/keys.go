package elastic

import (
	"context"
	"encoding/hex"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// A key is two documents: the key itself, whose id is its hash, and one that leads from the key's id to it. The second is
// written first, and holds the id even where the first is never written: what was cut short can be finished with the same id and hash.

// CreateKey is part of store.Keys.
func (s *Store) CreateKey(ctx context.Context, key audit.Key) error {
	if err := validIDs(named{"organization", key.Organization}, named{"id", key.ID}); err != nil {
		return err
	}
	if err := validHash(key.Hash); err != nil {
		return err
	}
	normalize(&key.CreatedAt, &key.ExpiresAt)
	body, err := marshal(key)
	if err != nil {
		return err
	}
	d := keyDocument(key)
	d.Body = body
	return fault(s.createKey(ctx, &d), "write the key")
}

func validHash(hash []byte) error {
	if len(hash) == 0 || len(hash) > maxID/2 {
		return audit.InvalidField("hash", "is empty or too long")
	}
	return nil
}

func keyDocument(k audit.Key) document {
	return document{Kind: kindKey, Organization: k.Organization, ID: k.ID, At: toMillis(k.CreatedAt), LastUsedAt: toMillis(k.LastUsedAt),
		RevokedAt: toMillis(k.RevokedAt), Hash: k.Hash}
}

// keyIDDocument leads from the key's id to it.
func keyIDDocument(d *document) document {
	return document{Kind: kindKeyID, Organization: d.Organization, ID: d.ID, Hash: d.Hash}
}

func (s *Store) createKey(ctx context.Context, d *document) error {
	taken, err := s.takeKeyID(ctx, d)
	if err != nil {
		return err
	}
	_, err = s.apply(ctx, write{action: "create", id: hashDocID(d.Hash), body: d})
	if err != errRaced { //nolint:errorlint // apply's own
		return err
	}
	there, err := s.get(ctx, hashDocID(d.Hash))
	if err != nil {
		return err
	}
	same := there != nil && there.Organization == d.Organization && there.ID == d.ID // someone else finished what we began
	if taken != nil && !same {
		// The hash is another key's: give the id back.
		if _, err := s.apply(ctx, write{action: "delete", id: keyDocID(d.Organization, d.ID), was: taken}); err != nil && err != errRaced { //nolint:errorlint // apply's own
			return err
		}
	}
	return errKeyExists()
}

// takeKeyID writes the document of the key's id. It returns nil where that is there already and leads to the same hash, and
// CodeConflict where it leads to another.
func (s *Store) takeKeyID(ctx context.Context, d *document) (*stored, error) {
	id := keyDocID(d.Organization, d.ID)
	lead := keyIDDocument(d)
	done, err := s.apply(ctx, write{action: "create", id: id, body: &lead})
	if err == nil {
		return &stored{document: lead, seqNo: done.seqNo, term: done.term}, nil
	}
	if err != errRaced { //nolint:errorlint // apply's own
		return nil, err
	}
	there, err := s.get(ctx, id)
	if err == nil && (there == nil || string(there.Hash) != string(d.Hash)) {
		err = errKeyExists()
	}
	return nil, err
}

func errKeyExists() error {
	return audit.Errorf(audit.CodeConflict, "a key with this id or hash exists")
}

func hashDocID(hash []byte) string            { return docID(kindKey, "", hex.EncodeToString(hash)) }
func keyDocID(organization, id string) string { return docID(kindKeyID, organization, id) }
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
	if len(hash) == 0 || len(hash) > maxID/2 {
		return audit.Key{}, audit.NotFound("key")
	}
	d, err := s.one(ctx, kindKey, "", hex.EncodeToString(hash))
	if err != nil {
		return audit.Key{}, err
	}
	return s.readKey(d)
}

// Keys is part of store.Keys.
func (s *Store) Keys(ctx context.Context, organization string) ([]audit.Key, error) {
	if !findable(organization) {
		return []audit.Key{}, nil
	}
	return all(ctx, s, "keys", listing{kind: kindKey, filters: []map[string]any{of("organization", organization)}, byTime: true, descending: true}, s.readKey)
}

// RevokeKey is part of store.Keys.
func (s *Store) RevokeKey(ctx context.Context, organization, id string, at time.Time) error {
	return fault(s.changeKey(ctx, organization, id, func(d *stored) map[string]any {
		if d.RevokedAt != 0 {
			return nil
		}
		return map[string]any{"revoked_at": toMillis(at)}
	}), "revoke the key")
}

// changeKey changes fields of a key: change says which, nil where there is nothing to do. CodeNotFound where there is no such key.
func (s *Store) changeKey(ctx context.Context, organization, id string, change func(*stored) map[string]any) error {
	if !findable(organization, id) {
		return audit.NotFound("key")
	}
	lead, err := s.get(ctx, keyDocID(organization, id))
	if err != nil {
		return err
	}
	if lead == nil {
		return audit.NotFound("key")
	}
	return untilFirst(ctx, func() error {
		d, err := s.get(ctx, hashDocID(lead.Hash))
		if err != nil {
			return err
		}
		if d == nil || d.Organization != organization || d.ID != id {
			return audit.NotFound("key")
		}
		fields := change(d)
		if fields == nil {
			return nil
		}
		_, err = s.apply(ctx, write{action: "update", id: hashDocID(lead.Hash), body: fields, was: d})
		return err
	})
}
