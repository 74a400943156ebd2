package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/audittrail/audittrail/audit"
)

func organizationID(o audit.Organization) string { return o.ID }
func memberID(m audit.Member) string             { return m.ID }

// member returns a new member with every field set.
func member(organization, id string) audit.Member {
	return audit.Member{ID: id, Organization: organization, Name: "Name of " + id, Avatar: "https://example.com/a.png?x=<1>&y", Email: "mail@example.com",
		Phone: "+4915112345678", Departments: []string{"Sales", "Ünïted & <Sons>"}, Role: audit.RoleMember, Status: audit.MemberActive, UpdatedAt: at(1),
		UserName: fmt.Sprintf("User-%x@Example.com", id), ExternalID: "ext-" + id, Provisioned: audit.Provisioned{GivenName: "Zoë", FamilyName: id, Department: "Sales"}}
}

func testOrganizations(t *testing.T, e env) {
	ctx := t.Context()
	org := audit.Organization{ID: e.org, Name: "Acme \"Ltd\" ☕", CreatedAt: at(0),
		Actions:       []audit.ActionInfo{{Action: "crm.deal.won", Log: audit.LogProduct, Title: "Deal won", Description: "It was won."}},
		CreationEvent: "made", Departures: []audit.Departure{{Member: "u1", Version: 3, At: at(1)}}}
	_, err := e.Organization(ctx, e.org)
	wantCode(t, "an organization before it is put", err, audit.CodeNotFound)
	first := must[audit.Organization](t)(e.PutOrganization(ctx, org))
	org.Version = 1
	wantSame(t, "what PutOrganization returned", first, org)
	stored := must[audit.Organization](t)(e.Organization(ctx, e.org))
	wantSame(t, "the organization", stored, first)
	wantUTC(t, first.CreatedAt, stored.CreatedAt)
	must[audit.Organization](t)(e.PutOrganization(ctx, audit.Organization{ID: e.org + "-b"}))
	must[audit.Organization](t)(e.PutOrganization(ctx, audit.Organization{ID: e.org + "-a"}))
	all := must[[]audit.Organization](t)(e.Organizations(ctx))
	if !slices.IsSortedFunc(all, func(a, b audit.Organization) int { return strings.Compare(a.ID, b.ID) }) {
		t.Error("the organizations are not listed by id")
	}
	mine := slices.DeleteFunc(all, func(o audit.Organization) bool { return !strings.HasPrefix(o.ID, e.org) })
	wantIDs(t, "the list", mine, nil, organizationID, e.org, e.org+"-a", e.org+"-b")
	wantSame(t, "the organization in the list", mine[0], first)
}

func testMembers(t *testing.T, e env) {
	ctx := t.Context()
	everyone := audit.MemberFilter{Limit: 1000}
	none, err := e.Members(ctx, e.org, everyone)
	wantIDs(t, "an empty directory", none, err, memberID)
	_, err = e.Member(ctx, e.org, "b")
	wantCode(t, "a member before it is put", err, audit.CodeNotFound)
	want := member(e.org, "b")
	put := must[audit.Member](t)(e.PutMember(ctx, want))
	want.Version = 1
	wantSame(t, "what PutMember returned", put, want)
	stored := must[audit.Member](t)(e.Member(ctx, e.org, "b"))
	wantSame(t, "the member", stored, want)
	wantUTC(t, put.UpdatedAt, stored.UpdatedAt)
	for _, id := range []string{"ä", "B", "a", "b10", "b9", "日"} {
		must[audit.Member](t)(e.PutMember(ctx, member(e.org, id)))
	}
	list, err := e.Members(ctx, e.org, everyone)
	wantIDs(t, "the directory", list, err, memberID, "B", "a", "b", "b10", "b9", "ä", "日")
	wantSame(t, "the member in the list", list[2], want)

	put.Name, put.Departments = "Renamed", nil
	again := must[audit.Member](t)(e.PutMember(ctx, put))
	put.Version = 2
	wantSame(t, "the changed member", again, put)
	wantSame(t, "the changed member as stored", must[audit.Member](t)(e.Member(ctx, e.org, "b")), put)
}

func testMemberFilter(t *testing.T, e env) {
	ctx := t.Context()
	for _, m := range []audit.Member{
		{ID: "u1", Name: "Alice Smith", Email: "alice@example.com", Role: audit.RoleCreator, Status: audit.MemberActive},
		{ID: "u2", Name: "Bob Lee", Email: "bob@example.org", Role: audit.RoleMember, Status: audit.MemberActive},
		{ID: "u3", Name: "Carol Smith", Email: "", Role: audit.RoleMember, Status: audit.MemberDeactivated},
		{ID: "u4", Name: "Dan", Email: "smith@example.com", Role: audit.RoleMember, Status: audit.MemberDeleted},
	} {
		m.Organization = e.org
		must[audit.Member](t)(e.PutMember(ctx, m))
	}
	for _, c := range []struct {
		filter audit.MemberFilter
		want   []string
	}{
		{audit.MemberFilter{}, []string{"u1", "u2", "u3", "u4"}},
		{audit.MemberFilter{Status: audit.MemberActive}, []string{"u1", "u2"}},
		{audit.MemberFilter{Roles: []audit.Role{audit.RoleMember}}, []string{"u2", "u3", "u4"}},
		{audit.MemberFilter{Text: "smith"}, []string{"u1", "u3", "u4"}},
		{audit.MemberFilter{Text: "smith", Roles: []audit.Role{audit.RoleMember}}, []string{"u3", "u4"}},
		{audit.MemberFilter{Text: "smith", Roles: []audit.Role{audit.RoleMember}, Status: audit.MemberDeleted}, []string{"u4"}},
		{audit.MemberFilter{Text: "smith", Roles: []audit.Role{audit.RoleMember}, After: "u3"}, []string{"u4"}},
		{audit.MemberFilter{Roles: []audit.Role{audit.RoleSystemAdmin}}, nil},
		{audit.MemberFilter{Roles: []audit.Role{audit.RoleCreator, audit.RoleSystemAdmin}}, []string{"u1"}},
		{audit.MemberFilter{Roles: []audit.Role{audit.RoleCreator, audit.RoleMember}, Text: "smith", Status: audit.MemberActive}, []string{"u1"}},
		{audit.MemberFilter{IDs: []string{"u4", "u1", "nobody", "u1"}}, []string{"u1", "u4"}},
		{audit.MemberFilter{IDs: []string{"u4", "u1"}, Status: audit.MemberActive, Text: "smith"}, []string{"u1"}},
		{audit.MemberFilter{IDs: []string{"u4", "u1"}, After: "u1"}, []string{"u4"}},
		{audit.MemberFilter{IDs: []string{"", "nobody", "U1", "u\x00"}}, nil},
		{audit.MemberFilter{Roles: []audit.Role{audit.RoleMember, audit.RoleCreator}, After: "u1"}, []string{"u2", "u3", "u4"}},
	} {
		c.filter.Limit = 10
		list, err := e.Members(ctx, e.org, c.filter)
		wantIDs(t, fmt.Sprintf("%+v", c.filter), list, err, memberID, c.want...)
	}
}

func testMemberText(t *testing.T, e env) {
	ctx := t.Context()
	for id, name := range map[string]string{"latin": "Zoë MÜLLER", "cyrillic": "Иван ПЕТРОВ", "greek": "Δημήτρης Κώστα", "han": "王小明", "plain": "100% _real_ \\ \"quoted\" o'neil*?"} {
		must[audit.Member](t)(e.PutMember(ctx, audit.Member{ID: id, Organization: e.org, Name: name, Email: id + "@Example.COM"}))
	}
	for text, want := range map[string][]string{
		"zoë": {"latin"}, "ZOË": {"latin"}, "müller": {"latin"}, "ë m": {"latin"},
		"иван петров": {"cyrillic"}, "ПЕТ": {"cyrillic"},
		"ΔΗΜΉΤΡ": {"greek"}, "小": {"han"},
		"LATIN": {"latin"}, "Han@": {"han"}, "EXAMPLE.com": {"cyrillic", "greek", "han", "latin", "plain"},
		"%": {"plain"}, "_": {"plain"}, "\\": {"plain"}, "\"": {"plain"}, "o'neil": {"plain"}, "*": {"plain"}, "?": {"plain"},
		"Zoe MULLER": nil, "nobody": nil, "latinlatin": nil, "MÜLLERlatin": nil, ".": {"cyrillic", "greek", "han", "latin", "plain"}, "latin plain": nil,
	} {
		list, err := e.Members(ctx, e.org, audit.MemberFilter{Text: text, Limit: 10})
		wantIDs(t, fmt.Sprintf("the text %q", text), list, err, memberID, want...)
	}
	// A changed name is found, and the old one is not.
	m := must[audit.Member](t)(e.Member(ctx, e.org, "latin"))
	m.Name = "Anna Ångström"
	must[audit.Member](t)(e.PutMember(ctx, m))
	list, err := e.Members(ctx, e.org, audit.MemberFilter{Text: "ÅNGSTRÖM", Limit: 10})
	wantIDs(t, "the new name", list, err, memberID, "latin")
	list, err = e.Members(ctx, e.org, audit.MemberFilter{Text: "müller", Limit: 10})
	wantIDs(t, "the old name", list, err, memberID)
}

func testMemberPages(t *testing.T, e env) {
	var want []string
	for i := range 7 {
		id := fmt.Sprintf("u%d", i)
		want = append(want, id)
		m := member(e.org, id)
		m.Name = "same"
		must[audit.Member](t)(e.PutMember(t.Context(), m))
	}
	wantPages(t, func(after string, limit int) ([]audit.Member, error) {
		return e.Members(t.Context(), e.org, audit.MemberFilter{Text: "same", After: after, Limit: limit})
	}, memberID, want)
	list, err := e.Members(t.Context(), e.org, audit.MemberFilter{After: "u3-no-such-member", Limit: 2})
	wantIDs(t, "behind an id that nobody has", list, err, memberID, "u4", "u5")
}
