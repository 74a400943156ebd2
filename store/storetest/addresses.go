package storetest

import (
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

func addressID(a audit.OtherAddress) string { return a.ID }

// address returns a new other address with every field set.
func address(organization, id string, created time.Time) audit.OtherAddress {
	return audit.OtherAddress{ID: id, Organization: organization, Kind: audit.AddressEmail, Address: "on-call@example.com", Label: "On call", AddedBy: "u1",
		CreatedAt: created, UpdatedAt: created, VerifiedAt: created, CodesAt: []time.Time{created, created},
		Code: &audit.AddressCode{ID: "c1", SentAt: created, ExpiresAt: created, Tries: 2, Status: audit.DeliveryFailed, Error: "550 <no> such user"}}
}

func testAddresses(t *testing.T, e env) {
	ctx := t.Context()
	none, err := e.Addresses(ctx, e.org)
	wantIDs(t, "no addresses", none, err, addressID)
	_, err = e.Address(ctx, e.org, "a1")
	wantCode(t, "an address before it is put", err, audit.CodeNotFound)
	for _, a := range []audit.OtherAddress{address(e.org, "a1", at(2)), address(e.org, "a3", at(1)), address(e.org, "a2", at(1))} {
		put := must[audit.OtherAddress](t)(e.PutAddress(ctx, a))
		a.Version = 1
		wantSame(t, "what PutAddress returned", put, a)
		stored := must[audit.OtherAddress](t)(e.Address(ctx, e.org, a.ID))
		wantSame(t, "the address", stored, a)
		wantUTC(t, stored.CreatedAt, stored.UpdatedAt, stored.VerifiedAt, stored.CodesAt[0], stored.Code.SentAt, stored.Code.ExpiresAt)
	}
	list, err := e.Addresses(ctx, e.org)
	wantIDs(t, "the addresses", list, err, addressID, "a2", "a3", "a1")

	deleted := list[0]
	deleted.Delete(at(7))
	deleted = must[audit.OtherAddress](t)(e.PutAddress(ctx, deleted))
	wantSame(t, "what is left of a deleted address", must[audit.OtherAddress](t)(e.Address(ctx, e.org, "a2")), deleted)

	wantCode(t, "deleting in another organization", e.DeleteAddress(ctx, e.other, "a1", 1), audit.CodeNotFound)
	wantCode(t, "deleting what was changed since", e.DeleteAddress(ctx, e.org, "a2", 1), audit.CodeConflict)
	ok(t, e.DeleteAddress(ctx, e.org, "a1", 1))
	wantCode(t, "deleting again", e.DeleteAddress(ctx, e.org, "a1", 1), audit.CodeNotFound)
	list, err = e.Addresses(ctx, e.org)
	wantIDs(t, "the addresses that are left", list, err, addressID, "a2", "a3")
	stale := address(e.org, "a1", at(2))
	stale.Version = 1
	_, err = e.PutAddress(ctx, stale)
	wantCode(t, "changing what was deleted meanwhile", err, audit.CodeConflict)
}
