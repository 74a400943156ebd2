package elastic

import (
	"context"
	"slices"

	"github.com/audittrail/audittrail/audit"
)

// PutAddress is part of store.OtherAddresses.
func (s *Store) PutAddress(ctx context.Context, address audit.OtherAddress) (audit.OtherAddress, error) {
	if err := validIDs(named{"organization", address.Organization}, named{"id", address.ID}); err != nil {
		return audit.OtherAddress{}, err
	}
	normalizeAddress(&address)
	read := address.Version
	address.Version++
	if err := s.put(ctx, addressDocument(address), read, address); err != nil {
		return audit.OtherAddress{}, err
	}
	return address, nil
}

func normalizeAddress(a *audit.OtherAddress) {
	normalize(&a.CreatedAt, &a.UpdatedAt, &a.VerifiedAt)
	a.CodesAt = slices.Clone(a.CodesAt) // the caller's stay as they are
	for i := range a.CodesAt {
		normalize(&a.CodesAt[i])
	}
	if a.Code != nil {
		code := *a.Code
		normalize(&code.SentAt, &code.ExpiresAt)
		a.Code = &code
	}
}

func addressDocument(a audit.OtherAddress) document {
	return document{Kind: kindAddress, Organization: a.Organization, ID: a.ID, At: toMillis(a.CreatedAt)}
}

func readAddress(d *stored) (audit.OtherAddress, error) {
	address := audit.OtherAddress{Organization: d.Organization}
	return address, decode(&d.document, &address)
}

// Address is part of store.OtherAddresses.
func (s *Store) Address(ctx context.Context, organization, id string) (audit.OtherAddress, error) {
	d, err := s.one(ctx, kindAddress, organization, id)
	if err != nil {
		return audit.OtherAddress{}, err
	}
	return readAddress(d)
}

// Addresses is part of store.OtherAddresses.
func (s *Store) Addresses(ctx context.Context, organization string) ([]audit.OtherAddress, error) {
	if !findable(organization) {
		return []audit.OtherAddress{}, lost(organization)
	}
	return all(ctx, s, "addresses", listing{kind: kindAddress, filters: []map[string]any{of("organization", organization)}, byTime: true}, readAddress)
}

// DeleteAddress is part of store.OtherAddresses.
func (s *Store) DeleteAddress(ctx context.Context, organization, id string, version int64) error {
	if err := lost(organization); err != nil {
		return err
	}
	d, err := s.one(ctx, kindAddress, organization, id)
	if err != nil {
		return err
	}
	if d.Version != version {
		return errChanged()
	}
	done, err := s.apply(ctx, write{action: "delete", id: docID(kindAddress, organization, id), was: d})
	switch {
	case err == errRaced: //nolint:errorlint // apply's own
		return errChanged()
	case err == nil && done.missing:
		return audit.NotFound("address")
	}
	return fault(err, "delete the address")
}
