package audit

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

func principal(role Role, scopes ...Scope) Principal {
	return Principal{Organization: "acme", Member: "u_17", Role: role, Key: "k", Scopes: scopes}
}

func TestAllowIsTheRoleAndTheScope(t *testing.T) {
	allowed := map[Role][]Scope{
		RoleCreator:      Scopes(),
		RoleSystemAdmin:  Scopes(),
		RoleContactAdmin: {ScopeEventsRead, ScopeExports, ScopeReminders},
		RoleMember:       {ScopeEventsRead, ScopeExports},
		"":               nil,
		"guest":          nil,
	}
	for role, scopes := range allowed {
		for _, scope := range Scopes() {
			want := slices.Contains(scopes, scope)
			for name, p := range map[string]Principal{"the scope": principal(role, scope), "admin": principal(role, ScopeAdmin), "all": principal(role, Scopes()...)} {
				if err := p.Allow(scope); (err == nil) != want || err != nil && (CodeOf(err) != CodeForbidden || !strings.Contains(err.Error(), string(scope))) {
					t.Errorf("%s with %s for %s: %v", role, name, scope, err)
				}
			}
			for _, other := range Scopes() {
				if other == scope || other == ScopeAdmin {
					continue
				}
				if err := principal(role, other).Allow(scope); CodeOf(err) != CodeForbidden || !strings.Contains(err.Error(), string(scope)) {
					t.Errorf("%s with %s for %s: %v", role, other, scope, err)
				}
			}
			if err := principal(role).Allow(scope); CodeOf(err) != CodeForbidden {
				t.Errorf("%s without scopes for %s: %v", role, scope, err)
			}
		}
	}
	if err := principal(RoleMember).Allow("everything"); CodeOf(err) != CodeForbidden {
		t.Errorf("an unknown scope: %v", err)
	}
}

// sight is what each role sees of the logs: of others and of oneself.
var sight = map[Role]struct{ others, own []Log }{
	RoleCreator:      {Logs(), Logs()},
	RoleSystemAdmin:  {Logs(), Logs()},
	RoleContactAdmin: {[]Log{LogLogin, LogOperation}, []Log{LogLogin, LogOperation}},
	RoleMember:       {nil, []Log{LogLogin}},
	"":               {},
}

func TestSeesIsTheTableOfTheDesign(t *testing.T) {
	for role, want := range sight {
		p := principal(role)
		for _, log := range Logs() {
			for actor, visible := range map[string][]Log{"u_17": want.own, "u_99": want.others} {
				e := &Event{Organization: "acme", Log: log, Actor: Actor{ID: actor}}
				if got := p.Sees(e); got != slices.Contains(visible, log) {
					t.Errorf("%q sees %s of %s: %t", role, log, actor, got)
				}
				e.Organization = "other"
				if p.Sees(e) {
					t.Errorf("%q sees %s of %s in another organization", role, log, actor)
				}
			}
			if got := p.SeesLog(log); got != slices.Contains(want.own, log) {
				t.Errorf("%q sees log %s: %t", role, log, got)
			}
		}
	}
	if p := (Principal{Organization: "acme", Role: RoleMember}); p.Sees(&Event{Organization: "acme", Log: LogLogin}) {
		t.Error("a member without an id sees events without an actor")
	}
}

// TestNarrowAgreesWithSees: a narrowed query holds exactly the events that match the query given and are in sight.
func TestNarrowAgreesWithSees(t *testing.T) {
	var events []Event
	for _, log := range Logs() {
		for _, actor := range []string{"u_17", "u_99"} {
			events = append(events, Event{Organization: "acme", Log: log, Actor: Actor{ID: actor}})
		}
	}
	matches := func(q Query, e Event) bool {
		return (len(q.Logs) == 0 || slices.Contains(q.Logs, e.Log)) && (len(q.Actors) == 0 || slices.Contains(q.Actors, e.Actor.ID))
	}
	queries := []Query{{}, {Actors: []string{"u_17"}}, {Actors: []string{"u_17", "u_99"}}, {Logs: []Log{LogLogin}}, {Logs: []Log{LogLogin}, Actors: []string{"u_17"}}, {Text: "x"}}
	for role := range sight {
		p := principal(role)
		for _, q := range queries {
			before := Query{Logs: slices.Clone(q.Logs), Actors: slices.Clone(q.Actors), Text: q.Text}
			narrowed, err := p.Narrow(q)
			if !reflect.DeepEqual(q, before) {
				t.Fatalf("%q: the query was changed to %+v", role, q)
			}
			if role == "" {
				if CodeOf(err) != CodeForbidden {
					t.Errorf("no role: %v", err)
				}
				continue
			}
			if err != nil || narrowed.Text != q.Text {
				t.Fatalf("%q, %+v: %v", role, q, err)
			}
			for _, e := range events {
				if got, want := matches(narrowed, e), matches(q, e) && p.Sees(&e); got != want {
					t.Errorf("%q, %+v: %s of %s is found: %t, want %t", role, q, e.Log, e.Actor.ID, got, want)
				}
			}
		}
	}
}

func TestNarrowRefusesWhatIsOutOfSight(t *testing.T) {
	tests := []struct {
		name string
		role Role
		q    Query
		part string
	}{
		{"Product Logs for a contact_admin", RoleContactAdmin, Query{Logs: []Log{LogOperation, LogProduct}}, "does not see the log product; it sees login or operation"},
		{"Operation Logs for a member", RoleMember, Query{Logs: []Log{LogOperation}}, "does not see the log operation; it sees login"},
		{"another's logins for a member", RoleMember, Query{Actors: []string{"u_99"}}, "nothing of others"},
		{"an unknown role", "guest", Query{}, "guest sees no log"},
		{"a log that is none", RoleCreator, Query{Logs: []Log{"x"}}, "does not see the log x"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := principal(tt.role).Narrow(tt.q)
			if CodeOf(err) != CodeForbidden || !strings.Contains(err.Error(), tt.part) {
				t.Fatal(err)
			}
		})
	}
}

func TestEveryRoleButMemberManagesContacts(t *testing.T) {
	want := []Role{RoleCreator, RoleSystemAdmin, RoleContactAdmin}
	if got := ContactManagers(); !slices.Equal(got, want) {
		t.Errorf("ContactManagers() = %v, want %v", got, want)
	}
}

// TestReachesIsOnesOwnOrEverybodys says whose exports, reminders and cards each role reaches.
func TestReachesIsOnesOwnOrEverybodys(t *testing.T) {
	type reached struct{ own, others bool }
	want := map[Role]struct{ exports, reminders, cards, keys reached }{
		RoleCreator:      {reached{true, true}, reached{true, true}, reached{true, true}, reached{true, true}},
		RoleSystemAdmin:  {reached{true, true}, reached{true, true}, reached{true, true}, reached{true, true}},
		RoleContactAdmin: {reached{true, false}, reached{true, false}, reached{true, true}, reached{false, false}},
		RoleMember:       {reached{true, false}, reached{false, false}, reached{true, false}, reached{false, false}},
		"guest":          {},
	}
	for role, w := range want {
		p := principal(role, ScopeAdmin)
		for scope, r := range map[Scope]reached{ScopeExports: w.exports, ScopeReminders: w.reminders, ScopeAdmin: w.keys} {
			if got := (reached{p.Reaches(scope, "u_17"), p.Reaches(scope, "u_99")}); got != r || p.ReachesAll(scope) != r.others {
				t.Errorf("%s reaches of %s %+v, everybody's: %t; want %+v", role, scope, got, p.ReachesAll(scope), r)
			}
		}
		if got := (reached{p.ReachesCard("u_17"), p.ReachesCard("u_99")}); got != w.cards || p.ReachesCards() != w.cards.others {
			t.Errorf("%s reaches cards %+v, those of others: %t; want %+v", role, got, p.ReachesCards(), w.cards)
		}
	}
	if p := (Principal{Role: RoleMember}); p.Reaches(ScopeExports, "") || p.ReachesCard("") {
		t.Error("who has no id reaches what belongs to nobody")
	}
}

func TestAboveIsTheOrderOfTheRoles(t *testing.T) {
	order := []Role{RoleCreator, RoleSystemAdmin, RoleContactAdmin, RoleMember, ""}
	for i, a := range order {
		for j, b := range order {
			if got := a.Above(b); got != (i < j) {
				t.Errorf("%q above %q: %t", a, b, got)
			}
		}
	}
	if Role("guest").Above("") || Role("guest").Above(RoleMember) {
		t.Error("a role that is none is above another")
	}
}

func TestAMemberMayHaveWhatNarrowingLeavesAsItIs(t *testing.T) {
	all, logins := Query{}, Query{Logs: []Log{LogLogin}}
	own := Query{Logs: []Log{LogLogin}, Actors: []string{"u_17"}}
	seen := Query{Logs: []Log{LogLogin, LogOperation}, Text: "x"}
	for _, tt := range []struct {
		role Role
		q    Query
		may  bool
	}{
		{RoleCreator, all, true}, {RoleSystemAdmin, all, true}, {RoleContactAdmin, all, false}, {RoleMember, all, false},
		{RoleContactAdmin, seen, true}, {RoleContactAdmin, logins, true}, {RoleMember, logins, false}, {RoleMember, own, true}, {RoleCreator, own, true}, {"guest", own, false},
	} {
		m := Member{ID: "u_17", Organization: "acme", Role: tt.role, Status: MemberActive}
		if err := m.MayHave(tt.q); (err == nil) != tt.may || err != nil && CodeOf(err) != CodeForbidden {
			t.Errorf("%s, %+v: %v", tt.role, tt.q, err)
		}
		m.Status = MemberDeactivated
		if err := m.MayHave(tt.q); CodeOf(err) != CodeForbidden || !strings.Contains(err.Error(), "no longer an active member") {
			t.Errorf("%s who has left: %v", tt.role, err)
		}
	}
	if err := (Principal{Role: RoleCreator, Scopes: []Scope{ScopeEventsRead}}).SeesAllOf(all); CodeOf(err) != CodeForbidden {
		t.Errorf("without the scope: %v", err)
	}
	if MessageOf(nil) != "" || MessageOf(Errorf(CodeGone, "gone")) != "gone" {
		t.Error("the message of an error is not its own")
	}
}
