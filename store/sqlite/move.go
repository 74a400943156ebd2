package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/store"
)

var _ store.Mover = (*Store)(nil)

// Records is part of store.Mover.
func (s *Store) Records(ctx context.Context, kind store.Kind, organization, after string, limit int) ([]store.Record, error) {
	if err := validLimit(limit); err != nil {
		return nil, err
	}
	from := func(table, columns string, scan func(scanner) (store.Record, error)) ([]store.Record, error) {
		return all(ctx, s, table, scan, "SELECT "+columns+" FROM "+table+" WHERE organization = ? AND id > ? ORDER BY id LIMIT ?", organization, after, limit)
	}
	switch kind {
	case store.KindMember:
		return from("members", "organization, doc", as(scanMember, func(m *audit.Member) store.Record { return store.Record{Member: m} }))
	case store.KindGroup:
		return from("directory_groups", "organization, doc", as(scanGroup, func(g *audit.Group) store.Record { return store.Record{Group: g} }))
	case store.KindKey:
		return from("keys", keyColumns, as(s.scanKey, func(k *audit.Key) store.Record { return store.Record{Key: k} }))
	case store.KindAddress:
		return from("addresses", "organization, doc", as(scanAddress, func(a *audit.OtherAddress) store.Record { return store.Record{Address: a} }))
	case store.KindReminder:
		return from("reminders", "organization, doc", as(scanReminder, func(r *audit.Reminder) store.Record { return store.Record{Reminder: r} }))
	case store.KindDelivery:
		return from("deliveries", deliveryColumns, as(scanDelivery, func(d *audit.Delivery) store.Record { return store.Record{Delivery: d} }))
	case store.KindMessage:
		return from("messages", messageColumns, as(scanMessage, func(m *audit.Message) store.Record { return store.Record{Message: m} }))
	case store.KindExport:
		return from("exports", exportColumns, as(scanExport, func(x *audit.Export) store.Record { return store.Record{Export: x} }))
	case store.KindCheckpoint:
		return all(ctx, s, "checkpoints", scanCheckpoint,
			"SELECT organization, name, value FROM checkpoints WHERE organization = ? AND name > ? ORDER BY name LIMIT ?", organization, after, limit)
	}
	return s.ownerless(ctx, kind, organization, after, limit)
}

// ownerless lists what belongs to no organization.
func (s *Store) ownerless(ctx context.Context, kind store.Kind, organization, after string, limit int) ([]store.Record, error) {
	switch {
	case kind != store.KindOrganization && kind != store.KindSecret:
		return nil, audit.InvalidField("kind", "%q is not one of a record", kind)
	case organization != "":
		return []store.Record{}, nil
	case kind == store.KindOrganization:
		return all(ctx, s, "organizations", as(scanOrganization, func(o *audit.Organization) store.Record { return store.Record{Organization: o} }),
			"SELECT doc FROM organizations WHERE id > ? ORDER BY id LIMIT ?", after, limit)
	}
	return all(ctx, s, "secrets", scanSecret, "SELECT name, value FROM secrets WHERE name > ? ORDER BY name LIMIT ?", after, limit)
}

// as scans a record of any kind.
func as[T any](scan func(scanner) (T, error), record func(*T) store.Record) func(scanner) (store.Record, error) {
	return func(row scanner) (store.Record, error) {
		value, err := scan(row)
		return record(&value), err
	}
}

func scanCheckpoint(row scanner) (store.Record, error) {
	c := &store.Checkpoint{}
	return store.Record{Checkpoint: c}, row.Scan(&c.Organization, &c.Name, &c.Value)
}

func scanSecret(row scanner) (store.Record, error) {
	secret := &store.Secret{}
	return store.Record{Secret: secret}, row.Scan(&secret.Name, &secret.Value)
}

// PutRecords is part of store.Mover; it is one transaction.
func (s *Store) PutRecords(ctx context.Context, records []store.Record) error {
	if len(records) > maxPage {
		return audit.InvalidField("records", "at most %d at a time", maxPage)
	}
	rows := make([]movedRow, len(records))
	for i, r := range records {
		var err error
		if rows[i], err = rowOf(r); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return fault(err, "write the records")
	}
	defer tx.Rollback()
	for _, row := range rows {
		result, err := tx.ExecContext(ctx, row.upsert(), row.values()...)
		if err != nil {
			return fault(err, "write the records")
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			if err == nil {
				err = audit.Errorf(audit.CodeConflict, "a key with this id or hash exists")
			}
			return fault(err, "write the records")
		}
	}
	return fault(tx.Commit(), "write the records")
}

// movedRow is a whole row.
type movedRow struct {
	table     string
	key, rest []column
}

// upsert writes the row in place of one that has its key. Of keys, only one with the same hash is replaced, and an insert that meets the hash
// of another does nothing.
func (r movedRow) upsert() string {
	names, _ := split(append(r.key[:len(r.key):len(r.key)], r.rest...))
	keys, _ := split(r.key)
	rest, _ := split(r.rest)
	sets := make([]string, len(rest))
	for i, name := range rest {
		sets[i] = name + " = excluded." + name
	}
	condition, more := "", ""
	if r.table == "keys" {
		condition, more = " WHERE hash = excluded.hash", " ON CONFLICT (hash) DO NOTHING"
	}
	return fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s) ON CONFLICT (%s) DO UPDATE SET %s%s%s", r.table, strings.Join(names, ", "),
		strings.TrimSuffix(strings.Repeat("?, ", len(names)), ", "), strings.Join(keys, ", "), strings.Join(sets, ", "), condition, more)
}

func (r movedRow) values() []any {
	_, values := split(append(r.key[:len(r.key):len(r.key)], r.rest...))
	return values
}

// rowOf is the row of a record, or what is wrong with it.
func rowOf(r store.Record) (movedRow, error) {
	if version, ok := r.Version(); ok && version < 1 {
		return movedRow{}, audit.InvalidField("version", "is %d; a record that is moved has one", version)
	}
	if r.Kind() == "" {
		return movedRow{}, audit.InvalidField("kind", "is missing")
	}
	row, record := columnsOf(r)
	if err := validKey(row.key...); err != nil {
		return row, err
	}
	if record == nil {
		return row, nil
	}
	doc, err := json.Marshal(record)
	if err != nil {
		return row, audit.WithCause(audit.CodeInternal, err, "could not write to %s", row.table)
	}
	row.rest = append(row.rest, column{"doc", string(doc)})
	if version, ok := r.Version(); ok {
		row.rest = append(row.rest, column{"version", version})
	}
	return row, checkMoved(r)
}

// checkMoved refuses what the other ways to write a record refuse.
func checkMoved(r store.Record) error {
	switch {
	case r.Key != nil && len(r.Key.Hash) == 0:
		return audit.InvalidField("hash", "is empty")
	case r.Message != nil:
		return validKey(column{"member", r.Message.Member})
	}
	return nil
}

// columnsOf returns the columns of a record, and what is kept as its document; nil where there is none.
func columnsOf(r store.Record) (movedRow, any) {
	of := func(table, organization string, record any, rest ...column) (movedRow, any) {
		return movedRow{table, []column{{"organization", organization}, {"id", r.ID()}}, rest}, record
	}
	switch r.Kind() {
	case store.KindOrganization:
		x := *r.Organization
		normalize(&x.CreatedAt)
		return movedRow{table: "organizations", key: []column{{"id", x.ID}}}, x
	case store.KindMember:
		x := *r.Member
		normalize(&x.UpdatedAt, &x.ErasedAt)
		return of("members", x.Organization, x, columnsOfMember(x)...)
	case store.KindGroup:
		x := *r.Group
		normalize(&x.CreatedAt, &x.UpdatedAt)
		return of("directory_groups", x.Organization, x, columnsOfGroup(x)...)
	case store.KindKey:
		x := *r.Key
		normalize(&x.CreatedAt, &x.ExpiresAt)
		return of("keys", x.Organization, x, column{"hash", x.Hash}, column{"created_at", toMillis(x.CreatedAt)},
			column{"last_used_at", toMillis(x.LastUsedAt)}, column{"revoked_at", toMillis(x.RevokedAt)})
	case store.KindAddress:
		x := *r.Address
		normalizeAddress(&x)
		return of("addresses", x.Organization, x, column{"created_at", toMillis(x.CreatedAt)})
	case store.KindReminder:
		x := *r.Reminder
		normalize(&x.CreatedAt, &x.UpdatedAt)
		return of("reminders", x.Organization, x, column{"created_at", toMillis(x.CreatedAt)})
	case store.KindDelivery:
		x := *r.Delivery
		normalize(&x.CreatedAt, &x.UpdatedAt)
		return of("deliveries", x.Organization, x, column{"reminder", x.Reminder}, column{"status", string(x.Status)}, column{"created_at", toMillis(x.CreatedAt)})
	case store.KindMessage:
		x := *r.Message
		normalizeMessage(&x)
		return of("messages", x.Organization, x, column{"member", x.Member}, column{"created_at", toMillis(x.CreatedAt)}, column{"read_at", toMillis(x.ReadAt)})
	case store.KindExport:
		x := *r.Export
		normalizeExport(&x)
		return of("exports", x.Organization, x, columnsOfExport(x)...)
	case store.KindCheckpoint:
		return movedRow{"checkpoints", []column{{"organization", r.Checkpoint.Organization}, {"name", r.Checkpoint.Name}}, []column{{"value", r.Checkpoint.Value}}}, nil
	}
	return movedRow{"secrets", []column{{"name", r.Secret.Name}}, []column{{"value", r.Secret.Value}}}, nil
}
