package sqlite

import (
	"context"
	"encoding/json"

	"github.com/audittrail/audittrail/audit"
)

// PutExport is part of store.Exports.
func (s *Store) PutExport(ctx context.Context, export audit.Export) (audit.Export, error) {
	normalizeExport(&export)
	read := export.Version
	export.Version++
	err := s.put(ctx, "exports", []column{{"organization", export.Organization}, {"id", export.ID}}, read, export, columnsOfExport(export)...)
	if err != nil {
		return audit.Export{}, err
	}
	return export, nil
}

func normalizeExport(x *audit.Export) {
	normalize(&x.RequestedAt, &x.ReadyAt, &x.ExpiresAt, &x.Query.From, &x.Query.To)
}

// columnsOfExport are what exports are listed by.
func columnsOfExport(x audit.Export) []column {
	return []column{{"member", x.RequestedBy}, {"status", string(x.Status)}, {"requested_at", toMillis(x.RequestedAt)}}
}

const exportColumns = "organization, doc"

func scanExport(row scanner) (audit.Export, error) {
	var export audit.Export
	var doc []byte
	if err := row.Scan(&export.Organization, &doc); err != nil {
		return export, err
	}
	return export, json.Unmarshal(doc, &export)
}

// Export is part of store.Exports.
func (s *Store) Export(ctx context.Context, organization, id string) (audit.Export, error) {
	return one(ctx, s, "export", scanExport, "SELECT "+exportColumns+" FROM exports WHERE organization = ? AND id = ?", organization, id)
}

// Exports is part of store.Exports.
func (s *Store) Exports(ctx context.Context, organization, member, after string, limit int) ([]audit.Export, error) {
	l := listing{table: "exports", columns: exportColumns, time: "requested_at", where: []column{{"organization", organization}}}
	if member != "" {
		l.where = append(l.where, column{"member", member})
	}
	return newest(ctx, s, l, after, limit, scanExport)
}

// OpenExports is part of store.Exports; oldest first.
func (s *Store) OpenExports(ctx context.Context, organization string) ([]audit.Export, error) {
	return all(ctx, s, "exports", scanExport, "SELECT "+exportColumns+
		" FROM exports WHERE organization = ? AND status IN ('running', 'ready') ORDER BY requested_at, id", organization)
}
