package audit

import "time"

// IdentityProvider is where members of one organization can sign in: an OpenID provider such as Okta, Entra or Keycloak.
type IdentityProvider struct {
	// ID names it in addresses; Name is what people know it by.
	ID, Name     string
	Organization string
}

// Identity is who an IdentityProvider says somebody is, in the words of the directory.
type Identity struct {
	Provider     IdentityProvider
	Member       string // its id
	Name         string // "" where the provider does not say
	Email        string
	Departments  []string
	Role         Role // what the mapping makes of what the provider says; never ""
	RoleIsMapped bool // there is a mapping, so that the role follows it at every sign-in; else Role is for new members alone
	// CreatorIsMapped says that the mapping speaks of the creator's role; where it does not, nobody gets or loses that.
	CreatorIsMapped bool
	// CreatesMembers says that the provider is where the directory comes from: who is not in it is added, and who is, is kept current.
	CreatesMembers bool
	// Life and Idle are how long a session lasts at most, and without use; see Session.
	Life, Idle time.Duration
}

// Apply returns the entry as it is after a sign-in with the identity. Who has left stays away: the status is not touched, but of a new entry, which
// has no version yet.
func (i Identity) Apply(m Member) Member {
	if m.Version == 0 {
		m = Member{ID: i.Member, Organization: i.Provider.Organization, Name: i.Member, Role: i.Role, Status: MemberActive}
	}
	if i.CreatesMembers {
		if i.Name != "" {
			m.Name = i.Name
		}
		if i.Email != "" {
			m.Email = i.Email
		}
		if len(i.Departments) > 0 {
			m.Departments = i.Departments
		}
	}
	if i.RoleIsMapped && (i.CreatorIsMapped || m.Role != RoleCreator) {
		m.Role = i.Role
	}
	return m
}
