// Package store is the contract of the records that are not events: organizations, members, groups, keys, sessions, links that sign in, other
// addresses, reminders, deliveries, messages, exports, checkpoints and secrets. It holds interfaces whose comments are the specification; the conformance suite
// in storetest proves an engine against them.
//
// What holds for every method of every engine:
//
//   - Every call but those on organizations and hashes of secrets names one organization; records of another one are not found.
//   - An empty organization is ErrNoOrganization, CodeInvalid naming "organization", in every method that takes one.
//   - A write that returned is durable and is seen by every later read.
//   - Errors are audit.Error values: CodeNotFound, CodeConflict, CodeInvalid, CodeUnavailable.
//   - Times come back in UTC and equal to the millisecond; lists come back empty, not nil-or-error, where there is nothing.
//   - Lists by time have equal times in the order of their ids, the same way round. A limit out of bounds, and an after that is not a record
//     of the list, are CodeInvalid (members are listed by id, and continue behind any id).
//   - Ids are UTF-8 and not empty: others are CodeInvalid where they are written and CodeNotFound where they are read.
//   - "Optimistic": Put takes the Version that was read (0: must not exist yet) and returns the record with the next version, or
//     CodeConflict where another writer was first, also by deleting it.
package store

import (
	"context"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// Organizations keeps tenants.
type Organizations interface {
	// PutOrganization is optimistic.
	PutOrganization(ctx context.Context, org audit.Organization) (audit.Organization, error)
	Organization(ctx context.Context, id string) (audit.Organization, error)
	// Organizations lists all, by id.
	Organizations(ctx context.Context) ([]audit.Organization, error)
}

// Members keeps the directory.
type Members interface {
	// PutMember is optimistic. Who is erased is kept as any other member. CodeConflict with the field "user_name" or "external_id" where another member who is not deleted has the same.
	PutMember(ctx context.Context, member audit.Member) (audit.Member, error)
	// PutMembers does with each of at most 1,000 members of one organization, every one of another id, what PutMember does, at the cost of few writes. It
	// returns what PutMember's error would be of each, in their order; where it fails as a whole, any of them may have been written.
	PutMembers(ctx context.Context, organization string, members []audit.Member) ([]error, error)
	Member(ctx context.Context, organization, id string) (audit.Member, error)
	// Members lists by id.
	Members(ctx context.Context, organization string, filter audit.MemberFilter) ([]audit.Member, error)
	// CountMembers counts those that Members lists, whatever After, Skip and Limit say.
	CountMembers(ctx context.Context, organization string, filter audit.MemberFilter) (int, error)
}

// Groups keeps what identity providers know of departments. Who is in one, members say.
type Groups interface {
	// PutGroup is optimistic. CodeConflict with the field "name" where another group has the same name, whatever its case.
	PutGroup(ctx context.Context, group audit.Group) (audit.Group, error)
	Group(ctx context.Context, organization, id string) (audit.Group, error)
	// Groups lists by id, and continues behind any id.
	Groups(ctx context.Context, organization string, filter audit.GroupFilter) ([]audit.Group, error)
	// CountGroups counts those that Groups lists, whatever After, Skip and Limit say.
	CountGroups(ctx context.Context, organization string, filter audit.GroupFilter) (int, error)
	// DeleteGroup deletes it, and its name is free at once. CodeNotFound where there is none.
	DeleteGroup(ctx context.Context, organization, id string) error
}

// Keys keeps API keys.
type Keys interface {
	// CreateKey stores a new key; CodeConflict where its id or hash exists.
	CreateKey(ctx context.Context, key audit.Key) error
	// KeyByPrefix finds a key of any organization by its first characters, revoked and expired ones too; of several the newest. It may miss one that
	// was made within the last seconds, or before the engine kept them so that they can be found.
	KeyByPrefix(ctx context.Context, prefix string) (audit.Key, error)
	// KeyByHash finds a key of any organization by the SHA-256 of its secret, revoked and expired ones too.
	KeyByHash(ctx context.Context, hash []byte) (audit.Key, error)
	// Keys lists an organization's keys, newest first, revoked ones too.
	Keys(ctx context.Context, organization string) ([]audit.Key, error)
	// RevokeKey marks a key as revoked at the time; revoking again changes nothing.
	RevokeKey(ctx context.Context, organization, id string, at time.Time) error
	// ReplaceKey notes that the key by takes the place of the key id, which from then on expires at until, or when it would have, if that is earlier. Doing it
	// again with the same by changes nothing. CodeConflict where the key is revoked, or replaced by another.
	ReplaceKey(ctx context.Context, organization, id, by string, until time.Time) error
	// TouchKey notes when a key was last used; never moves it back. It may be written late, and is lost in a crash.
	// CodeNotFound where there is no such key.
	TouchKey(ctx context.Context, organization, id string, at time.Time) error
}

// Sessions keeps who is signed in.
type Sessions interface {
	// CreateSession stores a new session; CodeConflict where its id or hash exists.
	CreateSession(ctx context.Context, session audit.Session) error
	// SessionByHash finds a session of any organization by the SHA-256 of its secret, ended ones too.
	SessionByHash(ctx context.Context, hash []byte) (audit.Session, error)
	// Sessions lists a member's sessions, newest first, ended ones too until DeleteSessions.
	Sessions(ctx context.Context, organization, member string) ([]audit.Session, error)
	// TouchSession notes when a session was last used; never moves it back. Each call is a write: callers bound how often they make one.
	// CodeNotFound where there is no such session.
	TouchSession(ctx context.Context, organization, id string, at time.Time) error
	// RevokeSession marks a session as revoked at the time; revoking again changes nothing. CodeNotFound where there is no such session.
	RevokeSession(ctx context.Context, organization, id string, at time.Time) error
	// RevokeSessions marks as revoked at the time all of a member's sessions that are not yet, and returns how many those were.
	RevokeSessions(ctx context.Context, organization, member string, at time.Time) (int, error)
	// DeleteSessions deletes an organization's sessions that expired or were revoked before the time, and returns how many.
	DeleteSessions(ctx context.Context, organization string, before time.Time) (int, error)
}

// LoginLinks keeps links that sign in once.
type LoginLinks interface {
	// CreateLoginLink stores a new link; CodeConflict where its id or hash exists.
	CreateLoginLink(ctx context.Context, link audit.LoginLink) error
	// LoginLinkByHash finds a link of any organization by the SHA-256 of its secret, used and expired ones too until DeleteLoginLinks.
	LoginLinkByHash(ctx context.Context, hash []byte) (audit.LoginLink, error)
	// UseLoginLink marks the link of the hash as used at the time and returns it as it then is. Of any number of callers, also in other
	// processes, exactly one succeeds: CodeConflict where the link was used before or has expired at the time, CodeNotFound where there is none.
	UseLoginLink(ctx context.Context, hash []byte, at time.Time) (audit.LoginLink, error)
	// DeleteLoginLinks deletes an organization's links that expired before the time, used or not, and returns how many.
	DeleteLoginLinks(ctx context.Context, organization string, before time.Time) (int, error)
}

// OtherAddresses keeps addresses, beside those of members, that reminders go to.
type OtherAddresses interface {
	// PutAddress is optimistic.
	PutAddress(ctx context.Context, address audit.OtherAddress) (audit.OtherAddress, error)
	// Address finds deleted ones too, of which what was sent is left.
	Address(ctx context.Context, organization, id string) (audit.OtherAddress, error)
	// Addresses lists by creation time, oldest first, deleted ones too.
	Addresses(ctx context.Context, organization string) ([]audit.OtherAddress, error)
	// DeleteAddress takes the record of that version away. CodeNotFound where there is none, CodeConflict where it has another version.
	DeleteAddress(ctx context.Context, organization, id string, version int64) error
}

// Reminders keeps settings.
type Reminders interface {
	// PutReminder is optimistic.
	PutReminder(ctx context.Context, reminder audit.Reminder) (audit.Reminder, error)
	Reminder(ctx context.Context, organization, id string) (audit.Reminder, error)
	// Reminders lists by creation time, oldest first.
	Reminders(ctx context.Context, organization string) ([]audit.Reminder, error)
	// DeleteReminder deletes it; its deliveries stay. CodeNotFound where there is none.
	DeleteReminder(ctx context.Context, organization, id string) error
}

// Deliveries keeps what reminders sent.
type Deliveries interface {
	// SaveDelivery creates or replaces by id. CreatedAt of the first save stays. Once delivered or failed, a delivery does not
	// go back to pending or sent: such a save is not an error and only adds the address, the provider's id and the attempts where they are
	// missing or fewer. No save takes an address or a provider's id away: where it has none, the one that is there stays.
	SaveDelivery(ctx context.Context, delivery audit.Delivery) error
	Delivery(ctx context.Context, organization, id string) (audit.Delivery, error)
	// Deliveries lists a reminder's deliveries, newest first, at most limit (1 to 1,000), behind the delivery of id after ("": from the newest).
	Deliveries(ctx context.Context, organization, reminder, after string, limit int) ([]audit.Delivery, error)
	// DeleteDeliveries deletes an organization's deliveries that were created before the time, the oldest first and at most limit (1 to 1,000), and
	// returns how many: fewer than limit where none is left.
	DeleteDeliveries(ctx context.Context, organization string, before time.Time, limit int) (int, error)
}

// Messages keeps Message Centers.
type Messages interface {
	// AddMessage stores a message; one whose id exists is left as it is.
	AddMessage(ctx context.Context, message audit.Message) error
	// Messages lists a member's messages, newest first, at most limit (1 to 1,000), behind the message of id after ("": from the newest).
	Messages(ctx context.Context, organization, member, after string, limit int) ([]audit.Message, error)
	// Message returns a member's message; another's is not found.
	Message(ctx context.Context, organization, member, id string) (audit.Message, error)
	// UnreadMessages is as Messages, of those alone that are unread; the one of id after may have been read since.
	UnreadMessages(ctx context.Context, organization, member, after string, limit int) ([]audit.Message, error)
	// Unread counts a member's unread messages.
	Unread(ctx context.Context, organization, member string) (int, error)
	// MarkRead marks the messages of the ids as read at the time, or all where ids is nil. Ids of others' messages are ignored, and
	// a message that was read keeps the time at which it first was.
	MarkRead(ctx context.Context, organization, member string, ids []string, at time.Time) error
	// DeleteMessages deletes an organization's messages, everyone's and read or not, as DeleteDeliveries deletes deliveries.
	DeleteMessages(ctx context.Context, organization string, before time.Time, limit int) (int, error)
	// DeleteMessagesOf deletes one member's messages, read or not, at most limit (1 to 1,000), and returns how many: fewer than limit where none is left.
	DeleteMessagesOf(ctx context.Context, organization, member string, limit int) (int, error)
}

// Exports keeps export requests.
type Exports interface {
	// PutExport is optimistic.
	PutExport(ctx context.Context, export audit.Export) (audit.Export, error)
	Export(ctx context.Context, organization, id string) (audit.Export, error)
	// Exports lists newest first, at most limit (1 to 1,000), behind the export of id after ("": from the newest). member "" means everyone's.
	Exports(ctx context.Context, organization, member, after string, limit int) ([]audit.Export, error)
	// OpenExports lists every export of an organization that is running or ready: what has to have a workflow.
	OpenExports(ctx context.Context, organization string) ([]audit.Export, error)
	// DeleteExports deletes an organization's exports that were requested before the time and have failed, expired or been revoked, as DeleteDeliveries
	// deletes deliveries. Those that run or are ready stay, however old.
	DeleteExports(ctx context.Context, organization string, before time.Time, limit int) (int, error)
}

// Checkpoints keeps how far readers of the tail have come.
type Checkpoints interface {
	// Checkpoint returns the named checkpoint, "" where there is none.
	Checkpoint(ctx context.Context, organization, name string) (string, error)
	// SaveCheckpoint replaces it.
	SaveCheckpoint(ctx context.Context, organization, name, value string) error
}

// Secrets keeps random keys that all processes share.
type Secrets interface {
	// Secret returns the 32 random bytes of that name, made at the first call; every process gets the same.
	Secret(ctx context.Context, name string) ([]byte, error)
}

// Store is an engine: all roles, health and an end.
type Store interface {
	Organizations
	Members
	Groups
	Keys
	Sessions
	LoginLinks
	OtherAddresses
	Reminders
	Deliveries
	Messages
	Exports
	Checkpoints
	Secrets
	Name() string
	Ready(ctx context.Context) error
	Close() error
}
