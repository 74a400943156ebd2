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

// reach is how much of something a role reaches.
type reach uint8

const (
	nothing reach = iota
	own           // what the member did, asked for or made
	all
)

// row is a line of the matrix: how much each role reaches, in the order of Roles.
type row [4]reach

func (r row) of(role Role) reach {
	if i := slices.Index(Roles(), role); i >= 0 {
		return r[i]
	}
	return nothing
}

// The matrix: who sees and does what. docs/permissions.md shows it to people; nothing else in the program decides by role.
var (
	//                 creator  system_admin  contact_admin  member
	logMatrix = map[Log]row{
		LogOperation: {all, all, all, nothing},
		LogProduct:   {all, all, nothing, nothing},
		LogLogin:     {all, all, all, own},
	}
	// What a scope is good for in the hands of each role: all there is of its kind, or one's own.
	scopeMatrix = map[Scope]row{
		ScopeEventsRead:  {all, all, all, all}, // as far as logMatrix and cardMatrix go, and one's own Message Center
		ScopeExports:     {all, all, own, own},
		ScopeReminders:   {all, all, own, nothing},
		ScopeMembers:     {all, all, nothing, nothing},
		ScopeEventsWrite: {all, all, nothing, nothing},
		ScopeAdmin:       {all, all, nothing, nothing},
	}
	cardMatrix     = row{all, all, all, own}     // information cards of members
	contactsMatrix = row{all, all, all, nothing} // managing contacts, and so being the operator of events
)

// ContactManagers returns the roles whose members may manage contacts, mightiest first: those that a choice of operators offers.
func ContactManagers() []Role {
	return slices.DeleteFunc(Roles(), func(role Role) bool { return contactsMatrix.of(role) == nothing })
}

// Above says whether the role is mightier than the other. A role that is none is below all.
func (r Role) Above(other Role) bool {
	rank := func(role Role) int {
		if i := slices.Index(Roles(), role); i >= 0 {
			return i
		}
		return len(Roles())
	}
	return rank(r) < rank(other)
}

// Principal is the member as they act when nobody has limited what they may do: all that the role allows as it is now.
func (m Member) Principal() Principal {
	return Principal{Organization: m.Organization, Member: m.ID, MemberName: m.Name, Role: m.Role, Scopes: []Scope{ScopeAdmin}}
}

// Allow returns nil where both the principal's role and its scopes allow the scope, else CodeForbidden. ScopeAdmin among the
// scopes stands for all of them, within what the role allows.
func (p Principal) Allow(scope Scope) error {
	if scopeMatrix[scope].of(p.Role) == nothing {
		return Errorf(CodeForbidden, "the role %s does not allow %s", orNone(p.Role), scope)
	}
	if !slices.Contains(p.Scopes, scope) && !slices.Contains(p.Scopes, ScopeAdmin) {
		return Errorf(CodeForbidden, "this needs the scope %s, which the key does not have", scope)
	}
	return nil
}

// ReachesAll says whether the role reaches what others have of a scope's kind too: their exports, their reminders.
func (p Principal) ReachesAll(scope Scope) bool { return scopeMatrix[scope].of(p.Role) == all }

// Reaches says whether the role reaches one thing of a scope's kind that is the owner's, a member of the same organization.
func (p Principal) Reaches(scope Scope, owner string) bool {
	return reaches(scopeMatrix[scope].of(p.Role), p.Member, owner)
}

// ReachesCard says whether the role sees the information card of the member.
func (p Principal) ReachesCard(member string) bool {
	return reaches(cardMatrix.of(p.Role), p.Member, member)
}

// ReachesCards says whether the role sees the cards of others, and so may look for them.
func (p Principal) ReachesCards() bool { return cardMatrix.of(p.Role) == all }

func reaches(r reach, member, owner string) bool {
	return r == all || r == own && member != "" && member == owner
}

// SeesLog says whether the principal's role sees the log, be it only what the member did.
func (p Principal) SeesLog(log Log) bool { return logMatrix[log].of(p.Role) != nothing }

// SeesWhole says whether the principal's role sees the log, also what others did.
func (p Principal) SeesWhole(log Log) bool { return logMatrix[log].of(p.Role) == all }

// SeesOthers says whether the principal's role sees any log whole: only such members can be reminded of what others do.
func (p Principal) SeesOthers() bool { return slices.ContainsFunc(Logs(), p.SeesWhole) }

// Sees says whether the event is of the principal's organization and in its role's sight.
func (p Principal) Sees(e *Event) bool {
	return e.Organization == p.Organization && reaches(logMatrix[e.Log].of(p.Role), p.Member, e.Actor.ID)
}

// Narrow returns the query restricted to what the role sees: to its logs, and to the member's own events where it sees no others.
// A query that asks for a log or an actor out of sight is CodeForbidden. The query given is not changed.
func (p Principal) Narrow(q Query) (Query, error) {
	seen := slices.DeleteFunc(Logs(), func(log Log) bool { return !p.SeesLog(log) })
	if len(seen) == 0 {
		return Query{}, Errorf(CodeForbidden, "the role %s sees no log", orNone(p.Role))
	}
	for _, log := range q.Logs {
		if !slices.Contains(seen, log) {
			return Query{}, Errorf(CodeForbidden, "the role %s does not see the log %s; it sees %s", p.Role, shorten(string(log)), either(words(seen)))
		}
	}
	if len(q.Logs) == 0 && len(seen) < len(Logs()) {
		q.Logs = seen
	}
	// A query has one list of actors for all of its logs: where it holds a log of which only the own events are seen, it is about those.
	if asked := q.Logs; slices.ContainsFunc(asked, func(log Log) bool { return !p.SeesWhole(log) }) {
		if p.Member == "" {
			return Query{}, Errorf(CodeForbidden, "the role %s sees no log", orNone(p.Role))
		}
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

// SeesAllOf returns nil where the principal may export all that the query finds, which narrowing then does not change; else CodeForbidden.
func (p Principal) SeesAllOf(q Query) error {
	err := p.Allow(ScopeExports)
	if err != nil {
		return err
	}
	narrowed, err := p.Narrow(q)
	if err != nil {
		return err
	}
	if narrowed.Values().Encode() != q.Values().Encode() {
		return Errorf(CodeForbidden, "the role %s does not see all of that", p.Role)
	}
	return nil
}

// MayHave returns nil where the member, as they are now, may still have an export of the query, which was narrowed to their sight when they asked. Else
// it is CodeForbidden, and says why.
func (m Member) MayHave(q Query) error {
	if !m.Included() {
		return Errorf(CodeForbidden, "who asked for it is no longer an active member")
	}
	if m.Principal().SeesAllOf(q) != nil {
		return Errorf(CodeForbidden, "the role of who asked for it has changed, and no longer sees all that it holds")
	}
	return nil
}
