package audit

import (
	"slices"
	"testing"
)

func TestASignInLeavesInTheDirectoryWhatTheProviderDoesNotDecide(t *testing.T) {
	alice := Member{ID: "u_17", Organization: "acme", Name: "Alice", Email: "a@acme.example", Departments: []string{"Sales"}, Role: RoleContactAdmin, Status: MemberDeactivated, Version: 3}
	creator := alice
	creator.Role = RoleCreator
	says := Identity{Provider: IdentityProvider{ID: "okta", Organization: "acme"}, Member: "u_17", Name: "Alice Smith", Email: "alice@acme.example", Departments: []string{"Support"}, Role: RoleMember}
	with := func(change func(*Identity)) Identity {
		i := says
		change(&i)
		return i
	}
	for name, c := range map[string]struct {
		identity Identity
		before   Member
		change   func(*Member)
	}{
		"without a mapping nothing changes":    {says, alice, func(*Member) {}},
		"a mapping changes the role alone":     {with(func(i *Identity) { i.RoleIsMapped = true }), alice, func(m *Member) { m.Role = RoleMember }},
		"a creator stays one":                  {with(func(i *Identity) { i.RoleIsMapped = true }), creator, func(*Member) {}},
		"but where the mapping speaks of that": {with(func(i *Identity) { i.RoleIsMapped, i.CreatorIsMapped = true, true }), creator, func(m *Member) { m.Role = RoleMember }},
		"a source of members keeps them current": {with(func(i *Identity) { i.CreatesMembers = true }), alice, func(m *Member) {
			m.Name, m.Email, m.Departments = "Alice Smith", "alice@acme.example", []string{"Support"}
		}},
		"what it does not say stays": {Identity{Member: "u_17", CreatesMembers: true}, alice, func(*Member) {}},
		"who is new becomes what the claims make": {with(func(i *Identity) { i.CreatesMembers = true }), Member{}, func(m *Member) {
			*m = Member{ID: "u_17", Organization: "acme", Name: "Alice Smith", Email: "alice@acme.example", Departments: []string{"Support"}, Role: RoleMember, Status: MemberActive}
		}},
		"who is new and has no name has the id": {Identity{Provider: says.Provider, Member: "u_17", CreatesMembers: true, Role: RoleMember}, Member{}, func(m *Member) {
			*m = Member{ID: "u_17", Organization: "acme", Name: "u_17", Role: RoleMember, Status: MemberActive}
		}},
	} {
		want := c.before
		c.change(&want)
		got := c.identity.Apply(c.before)
		if got.Name != want.Name || got.Email != want.Email || !slices.Equal(got.Departments, want.Departments) || got.Role != want.Role || got.Status != want.Status ||
			got.ID != want.ID || got.Organization != want.Organization || got.Version != want.Version {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
}
