package elastic

import (
	"context"

	"github.com/audittrail/audittrail/audit"
)

// PutExport is part of store.Exports.
func (s *Store) PutExport(ctx context.Context, export audit.Export) (audit.Export, error) {
	if err := validIDs(named{"organization", export.Organization}, named{"id", export.ID}); err != nil {
		return audit.Export{}, err
	}
	normalize(&export.RequestedAt, &export.ReadyAt, &export.ExpiresAt, &export.Query.From, &export.Query.To)
	read := export.Version
	export.Version++
	err := s.put(ctx, document{Kind: kindExport, Organization: export.Organization, ID: export.ID, Owner: export.RequestedBy, Status: string(export.Status),
		At: toMillis(export.RequestedAt)}, read, export)
	if err != nil {
		return audit.Export{}, err
	}
	return export, nil
}

func readExport(d *stored) (audit.Export, error) {
	export := audit.Export{Organization: d.Organization}
	return export, decode(&d.document, &export)
}

// Export is part of store.Exports.
func (s *Store) Export(ctx context.Context, organization, id string) (audit.Export, error) {
	d, err := s.one(ctx, kindExport, organization, id)
	if err != nil {
		return audit.Export{}, err
	}
	return readExport(d)
}

// Exports is part of store.Exports.
func (s *Store) Exports(ctx context.Context, organization, member, after string, limit int) ([]audit.Export, error) {
	var owner *string
	if member != "" {
		owner = &member
	}
	return newest(ctx, s, kindExport, organization, owner, after, limit, readExport)
}

// OpenExports is part of store.Exports; oldest first.
func (s *Store) OpenExports(ctx context.Context, organization string) ([]audit.Export, error) {
	if !findable(organization) {
		return []audit.Export{}, nil
	}
	return all(ctx, s, "exports", listing{kind: kindExport, byTime: true, filters: []map[string]any{of("organization", organization),
		of("status", string(audit.ExportRunning), string(audit.ExportReady))}}, readExport)
}
