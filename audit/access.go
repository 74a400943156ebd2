package audit

import "slices"

// Role is what a member may do in the organization.
type Role string

// The roles, mightiest first.
const (
	RoleCreator      Role = "creator"
	RoleSystemAdmin  Role = "system_admin"
	RoleContactAdmin Role = "contact_admin"
	RoleMember       Role = "member"
)

// Roles returns every role, mightiest first.
func Roles() []Role { return []Role{RoleCreator, RoleSystemAdmin, RoleContactAdmin, RoleMember} }

// Scope is one thing that an API key may be used for.
type Scope string

// The scopes. ScopeAdmin includes all others and the keys themselves.
const (
	ScopeEventsWrite Scope = "events:write"
	ScopeEventsRead  Scope = "events:read"
	ScopeExports     Scope = "exports"
	ScopeReminders   Scope = "reminders"
	ScopeMembers     Scope = "members"
	ScopeAdmin       Scope = "admin"
)

// Scopes returns every scope.
func Scopes() []Scope {
	return []Scope{ScopeEventsWrite, ScopeEventsRead, ScopeExports, ScopeReminders, ScopeMembers, ScopeAdmin}
}

// Principal is who makes a request: a member of one organization, by a key or a session of theirs.
type Principal struct {
	Organization string
	Member       string
	MemberName   string
	Role         Role
	// Key is the id of the key, or Session that of the session; Scopes is what it allows. A session has ScopeAdmin: all that the role allows.
	Key     string
	Session string
	Scopes  []Scope
}

// right is what a role may do: the one table of who sees what.
type right struct {
	// logs are those that the role sees; ownOnly restricts them to what the member did.
	logs    []Log
	ownOnly bool
	// scopes are those that a key of the role can make use of.
	scopes []Scope
	// contacts says that its members may manage contacts, and so be the operators of events.
	contacts bool
}

var rights = map[Role]right{
	RoleCreator:      {logs: Logs(), scopes: Scopes(), contacts: true},
	RoleSystemAdmin:  {logs: Logs(), scopes: Scopes(), contacts: true},
	RoleContactAdmin: {logs: []Log{LogLogin, LogOperation}, scopes: []Scope{ScopeEventsRead, ScopeExports, ScopeReminders}, contacts: true},
	RoleMember:       {logs: []Log{LogLogin}, ownOnly: true, scopes: []Scope{ScopeEventsRead, ScopeExports}},
}

// ContactManagers returns the roles whose members may manage contacts, mightiest first: those that a choice of operators offers.
func ContactManagers() []Role {
	return slices.DeleteFunc(Roles(), func(role Role) bool { return !rights[role].contacts })
}

// Allow returns nil where both the principal's role and its scopes allow the scope, else CodeForbidden. ScopeAdmin among the
// scopes stands for all of them, within what the role allows.
func (p Principal) Allow(scope Scope) error {
	if !slices.Contains(rights[p.Role].scopes, scope) {
		return Errorf(CodeForbidden, "the role %s does not allow %s", orNone(p.Role), scope)
	}
	if !slices.Contains(p.Scopes, scope) && !slices.Contains(p.Scopes, ScopeAdmin) {
		return Errorf(CodeForbidden, "this needs the scope %s, which the key does not have", scope)
	}
	return nil
}

// SeesLog says whether the principal's role sees the log, be it only what the member did.
func (p Principal) SeesLog(log Log) bool { return slices.Contains(rights[p.Role].logs, log) }

// Sees says whether the event is of the principal's organization and in its role's sight.
func (p Principal) Sees(e *Event) bool {
	if e.Organization != p.Organization || !p.SeesLog(e.Log) {
		return false
	}
	return !rights[p.Role].ownOnly || p.Member != "" && e.Actor.ID == p.Member
}

// Narrow returns the query restricted to what the role sees: to its logs, and to the member's own events where it sees no others.
// A query that asks for a log or an actor out of sight is CodeForbidden. The query given is not changed.
func (p Principal) Narrow(q Query) (Query, error) {
	sight := rights[p.Role]
	if len(sight.logs) == 0 || sight.ownOnly && p.Member == "" {
		return Query{}, Errorf(CodeForbidden, "the role %s sees no log", orNone(p.Role))
	}
	for _, log := range q.Logs {
		if !slices.Contains(sight.logs, log) {
			return Query{}, Errorf(CodeForbidden, "the role %s does not see the log %s; it sees %s", p.Role, shorten(string(log)), either(words(sight.logs)))
		}
	}
	if len(q.Logs) == 0 && len(sight.logs) < len(Logs()) {
		q.Logs = slices.Clone(sight.logs)
	}
	if sight.ownOnly {
		if len(q.Actors) > 0 && !slices.Contains(q.Actors, p.Member) {
			return Query{}, Errorf(CodeForbidden, "the role %s sees what the member did, and nothing of others", p.Role)
		}
		q.Actors = []string{p.Member}
	}
	return q, nil
}

func orNone(role Role) string {
	if role == "" {
		return "none"
	}
	return string(role)
}
