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
	normalizeExport(&export)
	read := export.Version
	export.Version++
	if err := s.put(ctx, exportDocument(export), read, export); err != nil {
		return audit.Export{}, err
	}
	return export, nil
}

func normalizeExport(x *audit.Export) {
	normalize(&x.RequestedAt, &x.ReadyAt, &x.ExpiresAt, &x.Query.From, &x.Query.To)
}

func exportDocument(x audit.Export) document {
	return document{Kind: kindExport, Organization: x.Organization, ID: x.ID, Owner: x.RequestedBy, Status: string(x.Status), At: toMillis(x.RequestedAt)}
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
		return []audit.Export{}, lost(organization)
	}
	return all(ctx, s, "exports", listing{kind: kindExport, byTime: true, filters: []map[string]any{of("organization", organization),
		of("status", string(audit.ExportRunning), string(audit.ExportReady))}}, readExport)
}
