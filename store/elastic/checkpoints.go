package elastic

import (
	"context"
	"crypto/rand"

	"github.com/audittrail/audittrail/audit"
)

// Checkpoint is part of store.Checkpoints.
func (s *Store) Checkpoint(ctx context.Context, organization, name string) (string, error) {
	d, err := s.one(ctx, kindCheckpoint, organization, name)
	if audit.CodeOf(err) == audit.CodeNotFound {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return d.Value, nil
}

// SaveCheckpoint is part of store.Checkpoints.
func (s *Store) SaveCheckpoint(ctx context.Context, organization, name, value string) error {
	if err := validIDs(named{"organization", organization}, named{"name", name}); err != nil {
		return err
	}
	_, err := s.apply(ctx, write{action: "index", id: docID(kindCheckpoint, organization, name),
		body: &document{Kind: kindCheckpoint, Organization: organization, ID: name, Value: value}})
	return fault(err, "save the checkpoint")
}

const secretBytes = 32

// Secret is part of store.Secrets.
func (s *Store) Secret(ctx context.Context, name string) ([]byte, error) {
	if err := validIDs(named{"name", name}); err != nil {
		return nil, err
	}
	d, err := s.one(ctx, kindSecret, "", name)
	if err == nil {
		return d.Secret, nil
	}
	if audit.CodeOf(err) != audit.CodeNotFound {
		return nil, err
	}
	random := make([]byte, secretBytes)
	rand.Read(random) // never fails
	_, err = s.apply(ctx, write{action: "create", id: docID(kindSecret, "", name), body: &document{Kind: kindSecret, ID: name, Secret: random}})
	if err == errRaced { //nolint:errorlint // apply's own: another process was first
		if d, err = s.one(ctx, kindSecret, "", name); err != nil {
			return nil, err
		}
		return d.Secret, nil
	}
	if err != nil {
		return nil, fault(err, "make the secret")
	}
	return random, nil
}
