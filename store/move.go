package store

import (
	"context"

	"github.com/audittrail/audittrail/audit"
)

// Kind says what a record that can be moved is.
type Kind string

// The kinds. Sessions and login links are none of them and stay where they are: a link lives for ten minutes and a session for hours, each was given out
// by the server that it signs in to, and while both sides exist one that was moved could be revoked or used up on one of them and go on to work on the
// other. After a move people sign in again.
const (
	KindOrganization Kind = "organization"
	KindMember       Kind = "member"
	KindGroup        Kind = "group"
	KindKey          Kind = "key"
	KindAddress      Kind = "address"
	KindReminder     Kind = "reminder"
	KindDelivery     Kind = "delivery"
	KindMessage      Kind = "message"
	KindExport       Kind = "export"
	KindCheckpoint   Kind = "checkpoint"
	KindSecret       Kind = "secret"
)

// Kinds returns every kind.
func Kinds() []Kind {
	return []Kind{KindOrganization, KindMember, KindKey, KindReminder, KindDelivery, KindMessage, KindExport, KindCheckpoint, KindSecret, KindGroup, KindAddress}
}

// Record is one record of any kind, whole: the field of its kind is set and no other.
type Record struct {
	Organization *audit.Organization
	Member       *audit.Member
	Key          *audit.Key
	Address      *audit.OtherAddress
	Reminder     *audit.Reminder
	Delivery     *audit.Delivery
	Message      *audit.Message
	Export       *audit.Export
	Checkpoint   *Checkpoint
	Secret       *Secret
	Group        *audit.Group
}

// Checkpoint is how far the reader of that name has come in the tail of an organization.
type Checkpoint struct {
	Organization string
	Name         string
	Value        string
}

// Secret is a random key that all processes share.
type Secret struct {
	Name  string
	Value []byte
}

// Kind says what the record is; "" where no field is set.
func (r Record) Kind() Kind {
	switch {
	case r.Organization != nil:
		return KindOrganization
	case r.Member != nil:
		return KindMember
	case r.Key != nil:
		return KindKey
	case r.Address != nil:
		return KindAddress
	case r.Reminder != nil:
		return KindReminder
	case r.Delivery != nil:
		return KindDelivery
	case r.Message != nil:
		return KindMessage
	case r.Export != nil:
		return KindExport
	case r.Checkpoint != nil:
		return KindCheckpoint
	case r.Secret != nil:
		return KindSecret
	case r.Group != nil:
		return KindGroup
	}
	return ""
}

// ID is the record's id among those of its kind and organization: of checkpoints and secrets their name.
func (r Record) ID() string {
	switch r.Kind() {
	case KindOrganization:
		return r.Organization.ID
	case KindMember:
		return r.Member.ID
	case KindKey:
		return r.Key.ID
	case KindAddress:
		return r.Address.ID
	case KindReminder:
		return r.Reminder.ID
	case KindDelivery:
		return r.Delivery.ID
	case KindMessage:
		return r.Message.ID
	case KindExport:
		return r.Export.ID
	case KindCheckpoint:
		return r.Checkpoint.Name
	case KindSecret:
		return r.Secret.Name
	case KindGroup:
		return r.Group.ID
	}
	return ""
}

// Version counts the changes of a record that is written optimistically; false: it is of a kind that is not.
func (r Record) Version() (int64, bool) {
	switch r.Kind() {
	case KindOrganization:
		return r.Organization.Version, true
	case KindMember:
		return r.Member.Version, true
	case KindAddress:
		return r.Address.Version, true
	case KindReminder:
		return r.Reminder.Version, true
	case KindExport:
		return r.Export.Version, true
	case KindGroup:
		return r.Group.Version, true
	}
	return 0, false
}

// Mover lists and writes records whole, to move them between engines. It is not part of Store: only moving needs it.
type Mover interface {
	// Records lists all records of a kind that an organization has, by id, at most limit (1 to 1,000), behind any id after: deliveries of
	// deleted reminders and everyone's messages too. Organizations and secrets belong to no organization: theirs is "". An unknown kind
	// is CodeInvalid.
	Records(ctx context.Context, kind Kind, organization, after string, limit int) ([]Record, error)
	// PutRecords writes at most 1,000 records as they are, with their versions and times. Each takes the place of the one of its kind and id,
	// whatever that is, so that repeating it is harmless. A record without a kind, or with the version 0 where its kind has versions, is CodeInvalid; a
	// key whose id has another hash, or whose hash is another key's, is CodeConflict. After an error any of them may have been written.
	PutRecords(ctx context.Context, records []Record) error
}
