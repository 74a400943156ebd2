package elastic

import (
	"context"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// DeleteDeliveries is part of store.Deliveries.
func (s *Store) DeleteDeliveries(ctx context.Context, organization string, before time.Time, limit int) (int, error) {
	return s.deleteOldest(ctx, kindDelivery, organization, before, limit)
}

// DeleteMessages is part of store.Messages.
func (s *Store) DeleteMessages(ctx context.Context, organization string, before time.Time, limit int) (int, error) {
	return s.deleteOldest(ctx, kindMessage, organization, before, limit)
}

// DeleteExports is part of store.Exports. One that has ended does not begin again: so nobody changes it between being found and being deleted.
func (s *Store) DeleteExports(ctx context.Context, organization string, before time.Time, limit int) (int, error) {
	return s.deleteOldest(ctx, kindExport, organization, before, limit,
		of("status", string(audit.ExportFailed), string(audit.ExportExpired), string(audit.ExportRevoked)))
}

// DeleteMessagesOf is part of store.Messages.
func (s *Store) DeleteMessagesOf(ctx context.Context, organization, member string, limit int) (int, error) {
	if err := validLimit(limit); err != nil {
		return 0, err
	}
	if !findable(organization, member) {
		return 0, lost(organization)
	}
	return s.deleteSome(ctx, kindMessage, organization, limit, of("owner", member))
}

// deleteOldest deletes a bounded number of records, so that no request is too large: of those that only chooses, where it is given.
func (s *Store) deleteOldest(ctx context.Context, k kind, organization string, before time.Time, limit int, only ...map[string]any) (int, error) {
	if err := validLimit(limit); err != nil {
		return 0, err
	}
	older := map[string]any{"range": map[string]any{"at": map[string]any{"lt": toMillis(before)}}}
	return s.deleteSome(ctx, k, organization, limit, append(only, older)...)
}

// deleteSome deletes the oldest of what is chosen, at most limit.
func (s *Store) deleteSome(ctx context.Context, k kind, organization string, limit int, chosen ...map[string]any) (int, error) {
	if !findable(organization) {
		return 0, lost(organization)
	}
	what := "delete records of the kind " + string(k)
	if err := s.fresh.Do(ctx); err != nil {
		return 0, fault(err, what)
	}
	list, err := s.page(ctx, listing{kind: k, byTime: true, fields: []string{"id"}, filters: append(chosen, of("organization", organization))}, nil, limit)
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
