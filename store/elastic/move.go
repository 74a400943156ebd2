package elastic

import (
	"context"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/store"
)

var _ store.Mover = (*Store)(nil)

// movedKinds are the documents of records that move.
var movedKinds = map[store.Kind]kind{
	store.KindOrganization: kindOrganization, store.KindMember: kindMember, store.KindGroup: kindGroup, store.KindKey: kindKey, store.KindAddress: kindAddress,
	store.KindReminder: kindReminder,
	store.KindDelivery: kindDelivery, store.KindMessage: kindMessage, store.KindExport: kindExport, store.KindCheckpoint: kindCheckpoint,
	store.KindSecret: kindSecret,
}

// Records is part of store.Mover.
func (s *Store) Records(ctx context.Context, kind store.Kind, organization, after string, limit int) ([]store.Record, error) {
	if err := validLimit(limit); err != nil {
		return nil, err
	}
	k, known := movedKinds[kind]
	if !known {
		return nil, audit.InvalidField("kind", "%q is not one of a record", kind)
	}
	ownerless := k == kindOrganization || k == kindSecret
	if !ownerless && organization == "" {
		return nil, store.ErrNoOrganization
	}
	if ownerless != (organization == "") || !ownerless && !findable(organization) {
		return []store.Record{}, nil
	}
	if err := s.fresh.Do(ctx); err != nil {
		return nil, fault(err, "list the records")
	}
	l := listing{kind: k, filters: []map[string]any{of("organization", organization)}}
	page, err := s.page(ctx, l, []any{after}, limit)
	if err != nil {
		return nil, fault(err, "list the records")
	}
	records := make([]store.Record, len(page))
	for i, d := range page {
		if records[i], err = s.readRecord(d); err != nil {
			return nil, err
		}
	}
	return records, nil
}

// readRecord makes a record of its document.
func (s *Store) readRecord(d *stored) (r store.Record, err error) {
	switch d.Kind {
	case kindOrganization:
		r.Organization, err = pointer(readOrganization(d))
	case kindMember:
		r.Member, err = pointer(readMember(d))
	case kindGroup:
		r.Group, err = pointer(readGroup(d))
	case kindKey:
		r.Key, err = pointer(s.readKey(d))
	case kindAddress:
		r.Address, err = pointer(readAddress(d))
	case kindReminder:
		r.Reminder, err = pointer(readReminder(d))
	case kindDelivery:
		r.Delivery, err = pointer(readDelivery(d))
	case kindMessage:
		r.Message, err = pointer(readMessage(d))
	case kindExport:
		r.Export, err = pointer(readExport(d))
	case kindCheckpoint:
		r.Checkpoint = &store.Checkpoint{Organization: d.Organization, Name: d.ID, Value: d.Value}
	case kindSecret:
		r.Secret = &store.Secret{Name: d.ID, Value: d.Secret}
	}
	return r, err
}

func pointer[T any](value T, err error) (*T, error) { return &value, err }

// PutRecords is part of store.Mover.
func (s *Store) PutRecords(ctx context.Context, records []store.Record) error {
	if len(records) > maxPage {
		return audit.InvalidField("records", "at most %d at a time", maxPage)
	}
	var keys, writes []write
	for _, r := range records {
		d, err := movedDocument(r)
		if err != nil {
			return err
		}
		for _, claim := range claimsOf(r) {
			writes = append(writes, write{action: "index", id: docID(kindClaim, claim.Organization, claim.ID), body: &claim})
		}
		if d.Kind != kindKey {
			writes = append(writes, write{action: "index", id: docID(d.Kind, d.Organization, d.ID), body: d})
			continue
		}
		lead := leadDocument(d)
		keys = append(keys, write{action: "index", id: leadDocID(kindKey, d.Organization, d.ID), body: &lead}, write{action: "index", id: hashDocID(kindKey, d.Hash), body: d})
	}
	if err := s.freeKeys(ctx, keys); err != nil {
		return fault(err, "write the records")
	}
	if writes = append(writes, keys...); len(writes) == 0 {
		return nil
	}
	_, err := s.applyAll(ctx, writes)
	return fault(err, "write the records")
}

func claimsOf(r store.Record) map[string]document {
	switch {
	case r.Member != nil:
		return claims(*r.Member)
	case r.Group != nil:
		return groupClaims(*r.Group)
	}
	return nil
}

// freeKeys refuses keys where another has the id or the hash. Keys are moved while nobody makes any.
func (s *Store) freeKeys(ctx context.Context, writes []write) error {
	if len(writes) == 0 {
		return nil
	}
	ids := make([]string, len(writes))
	for i, w := range writes {
		ids[i] = w.id
	}
	there, err := s.getAll(ctx, ids, "organization", "id", "hash")
	if err != nil {
		return err
	}
	meant := map[string]string{} // what this call means to write under an id: its keys may be at odds with one another
	for i, w := range writes {
		d := w.body.(*document)
		owner := d.Organization + "/" + d.ID + "/" + string(d.Hash)
		if before, ok := meant[w.id]; ok && before != owner {
			return errExists(kindKey)
		}
		meant[w.id] = owner
		if t := there[i]; t != nil && (t.Organization != d.Organization || t.ID != d.ID || string(t.Hash) != string(d.Hash)) {
			return errExists(kindKey)
		}
	}
	return nil
}

// movedDocument is the document of a record, or what is wrong with it.
func movedDocument(r store.Record) (*document, error) {
	if r.Kind() == "" {
		return nil, audit.InvalidField("kind", "is missing")
	}
	version, versioned := r.Version()
	if versioned && version < 1 {
		return nil, audit.InvalidField("version", "is %d; a record that is moved has one", version)
	}
	d, record := documentOf(r)
	ids := []named{{"id", d.ID}}
	switch d.Kind {
	case kindOrganization, kindSecret:
	case kindMessage:
		ids = append(ids, named{"organization", d.Organization}, named{"member", d.Owner})
	default:
		ids = append(ids, named{"organization", d.Organization})
	}
	if err := validIDs(ids...); err != nil {
		return nil, err
	}
	if d.Kind == kindKey {
		if err := validHash(d.Hash); err != nil {
			return nil, err
		}
	}
	d.Version = version
	if record == nil {
		return &d, nil
	}
	var err error
	d.Body, err = marshal(record)
	return &d, err
}

// documentOf returns what of a record stands in fields, and what is its body; nil where there is none.
func documentOf(r store.Record) (document, any) {
	switch r.Kind() {
	case store.KindOrganization:
		x := *r.Organization
		normalize(&x.CreatedAt)
		return organizationDocument(x), x
	case store.KindMember:
		x := *r.Member
		normalize(&x.UpdatedAt, &x.ErasedAt)
		return memberDocument(x), x
	case store.KindGroup:
		x := *r.Group
		normalize(&x.CreatedAt, &x.UpdatedAt)
		return groupDocument(x), x
	case store.KindKey:
		x := *r.Key
		normalize(&x.CreatedAt, &x.ExpiresAt)
		return keyDocument(x), x
	case store.KindAddress:
		x := *r.Address
		normalizeAddress(&x)
		return addressDocument(x), x
	case store.KindReminder:
		x := *r.Reminder
		normalize(&x.CreatedAt, &x.UpdatedAt)
		return reminderDocument(x), x
	case store.KindDelivery:
		x := *r.Delivery
		normalize(&x.CreatedAt, &x.UpdatedAt)
		return deliveryDocument(x), x
	case store.KindMessage:
		x := *r.Message
		normalizeMessage(&x)
		return messageDocument(x), x
	case store.KindExport:
		x := *r.Export
		normalizeExport(&x)
		return exportDocument(x), x
	case store.KindCheckpoint:
		return document{Kind: kindCheckpoint, Organization: r.Checkpoint.Organization, ID: r.Checkpoint.Name, Value: r.Checkpoint.Value}, nil
	}
	return document{Kind: kindSecret, ID: r.Secret.Name, Secret: r.Secret.Value}, nil
}
