package elastic

import (
	"context"
	"time"
)

// DeleteDeliveries is part of store.Deliveries.
func (s *Store) DeleteDeliveries(ctx context.Context, organization string, before time.Time, limit int) (int, error) {
	return s.deleteOldest(ctx, kindDelivery, organization, before, limit)
}

// DeleteMessages is part of store.Messages.
func (s *Store) DeleteMessages(ctx context.Context, organization string, before time.Time, limit int) (int, error) {
	return s.deleteOldest(ctx, kindMessage, organization, before, limit)
}

// DeleteMessagesOf is part of store.Messages.
func (s *Store) DeleteMessagesOf(ctx context.Context, organization, member string, limit int) (int, error) {
	if err := validLimit(limit); err != nil {
		return 0, err
	}
	if !findable(organization, member) {
		return 0, lost(organization)
	}
	return s.deleteSome(ctx, kindMessage, organization, of("owner", member), limit)
}

// deleteOldest deletes a bounded number of records, so that no request is too large.
func (s *Store) deleteOldest(ctx context.Context, k kind, organization string, before time.Time, limit int) (int, error) {
	if err := validLimit(limit); err != nil {
		return 0, err
	}
	return s.deleteSome(ctx, k, organization, map[string]any{"range": map[string]any{"at": map[string]any{"lt": toMillis(before)}}}, limit)
}

// deleteSome deletes the oldest of what is chosen, at most limit.
func (s *Store) deleteSome(ctx context.Context, k kind, organization string, chosen map[string]any, limit int) (int, error) {
	if !findable(organization) {
		return 0, lost(organization)
	}
	what := "delete records of the kind " + string(k)
	if err := s.fresh.Do(ctx); err != nil {
		return 0, fault(err, what)
	}
	list, err := s.page(ctx, listing{kind: k, byTime: true, fields: []string{"id"}, filters: []map[string]any{of("organization", organization), chosen}}, nil, limit)
	if err != nil || len(list) == 0 {
		return 0, fault(err, what)
	}
	writes := make([]write, len(list))
	for i, d := range list {
		writes[i] = write{action: "delete", id: docID(k, organization, d.ID)}
	}
	_, err = s.applyAll(ctx, writes)
	return len(writes), fault(err, what)
}
