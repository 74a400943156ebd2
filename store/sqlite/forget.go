package sqlite

import (
	"context"
	"time"
)

// DeleteDeliveries is part of store.Deliveries.
func (s *Store) DeleteDeliveries(ctx context.Context, organization string, before time.Time, limit int) (int, error) {
	return s.deleteOldest(ctx, "deliveries", "created_at < ?2 ORDER BY created_at", organization, before, limit)
}

// DeleteMessages is part of store.Messages.
func (s *Store) DeleteMessages(ctx context.Context, organization string, before time.Time, limit int) (int, error) {
	return s.deleteOldest(ctx, "messages", "created_at < ?2 ORDER BY created_at", organization, before, limit)
}

// DeleteExports is part of store.Exports.
func (s *Store) DeleteExports(ctx context.Context, organization string, before time.Time, limit int) (int, error) {
	return s.deleteOldest(ctx, "exports", "requested_at < ?2 AND status IN ('failed', 'expired', 'revoked') ORDER BY requested_at", organization, before, limit)
}

// DeleteMessagesOf is part of store.Messages.
func (s *Store) DeleteMessagesOf(ctx context.Context, organization, member string, limit int) (int, error) {
	if err := validLimit(limit); err != nil {
		return 0, err
	}
	n, err := s.exec(ctx, "delete the messages of a member", "DELETE FROM messages WHERE organization = ?1 AND id IN (SELECT id FROM messages"+
		" WHERE organization = ?1 AND member = ?2 LIMIT ?3)", organization, member, limit)
	return int(n), err
}

// deleteOldest deletes a bounded number of the rows that are chosen, so that no transaction holds other writers up for long.
func (s *Store) deleteOldest(ctx context.Context, table, chosen, organization string, before time.Time, limit int) (int, error) {
	if err := validLimit(limit); err != nil {
		return 0, err
	}
	n, err := s.exec(ctx, "delete old "+table, "DELETE FROM "+table+" WHERE organization = ?1 AND id IN (SELECT id FROM "+table+
		" WHERE organization = ?1 AND "+chosen+", id LIMIT ?3)", organization, toMillis(before), limit)
	return int(n), err
}
