package audit

import (
	"crypto/rand"
	"encoding/hex"
	"time"
)

// ErasedText stands where a detail of an erased person was, of which no pseudonym can be made: an address, a phone number.
const ErasedText = "[erased]"

// ErasuresCheckpoint is the name under which the store keeps that an organization may have erased somebody: ErasuresMade, or nothing. Readers of
// organizations that never did ask for no member.
const (
	ErasuresCheckpoint = "erasures"
	ErasuresMade       = "made"
)

// NewPseudonym returns a name that says nothing of a person: "Erased member 7f3c09be". It is random, and so leads back to nobody.
func NewPseudonym() string {
	var random [4]byte
	_, _ = rand.Read(random[:]) // it never fails
	return "Erased member " + hex.EncodeToString(random[:])
}

// Erased says whether the member was erased: the entry is a pseudonym, is never changed again, and its id is never given to anybody else.
func (m Member) Erased() bool { return !m.ErasedAt.IsZero() }

// Erase returns what is kept of the member: the id, which events hold, under a pseudonym. Who was erased before stays as they are.
func (m Member) Erase(pseudonym string, at time.Time) Member {
	if m.Erased() {
		return m
	}
	return Member{ID: m.ID, Organization: m.Organization, Name: pseudonym, Role: RoleMember, Status: MemberDeleted, ErasedAt: at, UpdatedAt: at, Version: m.Version}
}

// ErrErased is the answer to whatever would change an erased member or use the id again: CodeConflict with the field "id".
func ErrErased() error {
	return &Error{Code: CodeConflict, Message: "the member was erased, and the id is not used again",
		Fields: []FieldError{{Field: "id", Message: "is that of an erased member: events hold it, and would become another person's"}}}
}
