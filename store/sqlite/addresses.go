package sqlite

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/audittrail/audittrail/audit"
)

// PutAddress is part of store.OtherAddresses.
func (s *Store) PutAddress(ctx context.Context, address audit.OtherAddress) (audit.OtherAddress, error) {
	normalizeAddress(&address)
	read := address.Version
	address.Version++
	err := s.put(ctx, "addresses", []column{{"organization", address.Organization}, {"id", address.ID}}, read, address,
		column{"created_at", toMillis(address.CreatedAt)})
	if err != nil {
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

func scanAddress(row scanner) (audit.OtherAddress, error) {
	var address audit.OtherAddress
	var doc []byte
	if err := row.Scan(&address.Organization, &doc); err != nil {
		return address, err
	}
	return address, json.Unmarshal(doc, &address)
}

// Address is part of store.OtherAddresses.
func (s *Store) Address(ctx context.Context, organization, id string) (audit.OtherAddress, error) {
	return one(ctx, s, "address", scanAddress, "SELECT organization, doc FROM addresses WHERE organization = ? AND id = ?", organization, id)
}

// Addresses is part of store.OtherAddresses.
func (s *Store) Addresses(ctx context.Context, organization string) ([]audit.OtherAddress, error) {
	return all(ctx, s, "addresses", scanAddress, "SELECT organization, doc FROM addresses WHERE organization = ? ORDER BY created_at, id", organization)
}

// DeleteAddress is part of store.OtherAddresses.
func (s *Store) DeleteAddress(ctx context.Context, organization, id string, version int64) error {
	n, err := s.exec(ctx, "delete the address", "DELETE FROM addresses WHERE organization = ? AND id = ? AND version = ?", organization, id, version)
	if err != nil || n > 0 {
		return err
	}
	if _, err := s.Address(ctx, organization, id); err != nil {
		return err
	}
	return errChanged()
}
