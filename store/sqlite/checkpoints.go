package sqlite

import (
	"context"
	"crypto/rand"

	"github.com/audittrail/audittrail/audit"
)

// Checkpoint is part of store.Checkpoints.
func (s *Store) Checkpoint(ctx context.Context, organization, name string) (string, error) {
	value, err := one(ctx, s, "checkpoint", func(row scanner) (value string, err error) { err = row.Scan(&value); return value, err },
		"SELECT value FROM checkpoints WHERE organization = ? AND name = ?", organization, name)
	if audit.CodeOf(err) == audit.CodeNotFound {
		return "", nil
	}
	return value, err
}

// SaveCheckpoint is part of store.Checkpoints.
func (s *Store) SaveCheckpoint(ctx context.Context, organization, name, value string) error {
	if err := validKey(column{"organization", organization}, column{"name", name}); err != nil {
		return err
	}
	_, err := s.exec(ctx, "save the checkpoint", `INSERT INTO checkpoints (organization, name, value) VALUES (?, ?, ?)
		ON CONFLICT (organization, name) DO UPDATE SET value = excluded.value`, organization, name, value)
	return err
}

// Secret is part of store.Secrets.
func (s *Store) Secret(ctx context.Context, name string) ([]byte, error) {
	if err := validKey(column{"name", name}); err != nil {
		return nil, err
	}
	read := func() ([]byte, error) {
		return one(ctx, s, "secret", func(row scanner) (value []byte, err error) { err = row.Scan(&value); return value, err },
			"SELECT value FROM secrets WHERE name = ?", name)
	}
	value, err := read()
	if audit.CodeOf(err) != audit.CodeNotFound {
		return value, err
	}
	random := make([]byte, 32)
	rand.Read(random) // never fails
	if _, err := s.exec(ctx, "make the secret", "INSERT INTO secrets (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING", name, random); err != nil {
		return nil, err
	}
	return read() // another process may have been first
}
