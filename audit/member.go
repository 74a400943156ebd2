package audit

import "time"

// MemberStatus says whether a member is in the organization's structure.
type MemberStatus string

// The statuses.
const (
	MemberActive      MemberStatus = "active"
	MemberDeactivated MemberStatus = "deactivated"
	MemberDeleted     MemberStatus = "deleted"
)

// NotIncluded is the notice on the card of a member who is deactivated, deleted or not known.
const NotIncluded = "This Member is not included in the organization structure"

// Organization is a tenant.
type Organization struct {
	// ID is 1 to 63 of a-z, 0-9 and "-", beginning with a letter or digit; it names folders and never changes.
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"created_at"`
	// Actions are the organization's own additions to the catalogue.
	Actions []ActionInfo `json:"actions,omitempty"`
	// CreationEvent is the id of the event that says that the organization was created, until that is on record.
	CreationEvent string `json:"creation_event,omitempty"`
	// Departures are of creators who are about to stop being one.
	Departures []Departure `json:"departures,omitempty"`
	Version    int64       `json:"version"`
}

// Departure says that the creator may be replaced by a member who is none, for as long as the entry has this version. Who is leaving is not counted
// among those who stay.
type Departure struct {
	Member  string    `json:"member"`
	Version int64     `json:"version"`
	At      time.Time `json:"at"`
}

// Pending says that the entry, as it is now, may still be replaced.
func (d Departure) Pending(m Member) bool { return d.Member == m.ID && d.Version >= m.Version }

// Member is a person in an organization's directory.
type Member struct {
	ID           string       `json:"id"`
	Organization string       `json:"-"`
	Name         string       `json:"name"`
	Avatar       string       `json:"avatar,omitempty"` // an https URL
	Email        string       `json:"email,omitempty"`
	Phone        string       `json:"phone,omitempty"` // E.164
	Departments  []string     `json:"departments,omitempty"`
	Role         Role         `json:"role"`
	Status       MemberStatus `json:"status"`
	// UserName and ExternalID are what an identity provider calls the member. Where it is not empty, no other member of the organization who is not
	// deleted has the same; user names whatever their case.
	UserName   string `json:"user_name,omitempty"`
	ExternalID string `json:"external_id,omitempty"`
	// Provisioned is what else an identity provider said, and wants to read again.
	Provisioned Provisioned `json:"provisioned,omitzero"`
	// ErasedAt is when the member was erased; zero: never. See Erase.
	ErasedAt  time.Time `json:"erased_at,omitzero"`
	UpdatedAt time.Time `json:"updated_at"`
	// Version counts the changes; a writer names the one it read, 0 for a new member.
	Version int64 `json:"version"`
}

// Provisioned is what an identity provider says of a member, where the member itself has no field for it.
type Provisioned struct {
	GivenName  string `json:"given_name,omitempty"`
	FamilyName string `json:"family_name,omitempty"`
	// Department is the one of the member's departments that is the user's own, not one of a group.
	Department string `json:"department,omitempty"`
}

// Included says whether the member is in the organization's structure.
func (m Member) Included() bool { return m.Status == MemberActive }

// MemberFilter chooses members. Empty fields restrict nothing.
type MemberFilter struct {
	// Text is found in name, id or email, case-insensitively.
	Text   string
	Status MemberStatus
	// Roles are alternatives.
	Roles []Role
	// Present leaves out those who are deleted.
	Present bool
	// UserName and Email are compared whatever their case, ExternalID exactly. All three are found without looking at other members.
	UserName, ExternalID, Email string
	// IDs, where there are any, are the only members that are meant: at most 1,000. Ids that nobody has find nobody.
	IDs []string
	// Departments are alternatives, at most 1,000, as they are written. Their members are found without looking at others.
	Departments []string
	// After continues behind this member id, and Skip leaves out that many more; Limit is 1 to 1,000.
	After string
	Skip  int
	Limit int
}
