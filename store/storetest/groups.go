package storetest

import (
	"fmt"
	"sync"
	"testing"

	"github.com/audittrail/audittrail/audit"
)

func groupID(g audit.Group) string { return g.ID }

// group returns a new group with every field set but the former name.
func group(organization, id string) audit.Group {
	return audit.Group{ID: id, Organization: organization, Name: fmt.Sprintf("Gruppe Ü %x", id), ExternalID: "ext-" + id, CreatedAt: at(1), UpdatedAt: at(2)}
}

func testGroups(t *testing.T, e env) {
	ctx := t.Context()
	none, err := e.Groups(ctx, e.org, audit.GroupFilter{Limit: 10})
	wantIDs(t, "no groups", none, err, groupID)
	want := group(e.org, "b")
	put := must[audit.Group](t)(e.PutGroup(ctx, want))
	want.Version = 1
	wantSame(t, "what PutGroup returned", put, want)
	stored := must[audit.Group](t)(e.Group(ctx, e.org, "b"))
	wantSame(t, "the group", stored, want)
	wantUTC(t, put.CreatedAt, stored.CreatedAt, stored.UpdatedAt)
	for _, id := range []string{"ä", "B", "a"} {
		must[audit.Group](t)(e.PutGroup(ctx, group(e.org, id)))
	}
	for _, c := range []struct {
		filter audit.GroupFilter
		want   []string
	}{
		{audit.GroupFilter{Limit: 10}, []string{"B", "a", "b", "ä"}},
		{audit.GroupFilter{Limit: 2}, []string{"B", "a"}},
		{audit.GroupFilter{Skip: 1, Limit: 2}, []string{"a", "b"}},
		{audit.GroupFilter{Skip: 9, Limit: 2}, nil},
		{audit.GroupFilter{After: "a", Limit: 10}, []string{"b", "ä"}},
		{audit.GroupFilter{After: "C", Skip: 1, Limit: 10}, []string{"b", "ä"}},
	} {
		list, err := e.Groups(ctx, e.org, c.filter)
		wantIDs(t, fmt.Sprintf("%+v", c.filter), list, err, groupID, c.want...)
		if n := must[int](t)(e.CountGroups(ctx, e.org, c.filter)); n != 4 {
			t.Errorf("%+v counts %d, want 4", c.filter, n)
		}
	}
	_, err = e.Groups(ctx, e.org, audit.GroupFilter{Limit: 1001})
	wantCode(t, "a page of 1,001", err, audit.CodeInvalid)
	ok(t, e.DeleteGroup(ctx, e.org, "b"))
	_, err = e.Group(ctx, e.org, "b")
	wantCode(t, "a group that was deleted", err, audit.CodeNotFound)
	wantCode(t, "deleting it again", e.DeleteGroup(ctx, e.org, "b"), audit.CodeNotFound)
	_, err = e.PutGroup(ctx, put)
	wantCode(t, "a change to it", err, audit.CodeConflict)
	list, err := e.Groups(ctx, e.org, audit.GroupFilter{Limit: 10})
	wantIDs(t, "those that are left", list, err, groupID, "B", "a", "ä")
}

func testGroupFilter(t *testing.T, e env) {
	ctx := t.Context()
	for id, g := range map[string]audit.Group{"g1": {Name: "Straße", ExternalID: "A-1"}, "g2": {Name: "Legal", Former: "Law", ExternalID: "a-1"}, "g3": {Name: "Café"}} {
		g.ID, g.Organization = id, e.org
		must[audit.Group](t)(e.PutGroup(ctx, g))
	}
	must[audit.Group](t)(e.PutGroup(ctx, audit.Group{ID: "x", Organization: e.other, Name: "Legal", ExternalID: "A-1"}))
	for _, c := range []struct {
		filter audit.GroupFilter
		want   []string
	}{
		{audit.GroupFilter{Names: []string{"STRASSE"}}, []string{"g1"}},
		{audit.GroupFilter{Names: []string{"legal", "nothing", "cafe\u0301"}}, []string{"g2", "g3"}},
		{audit.GroupFilter{Names: []string{"LAW"}}, []string{"g2"}},
		{audit.GroupFilter{Names: []string{""}}, nil},
		{audit.GroupFilter{Names: []string{"leg"}}, nil},
		{audit.GroupFilter{ExternalID: "A-1"}, []string{"g1"}},
		{audit.GroupFilter{ExternalID: "A-1", Names: []string{"legal"}}, nil},
	} {
		c.filter.Limit = 10
		list, err := e.Groups(ctx, e.org, c.filter)
		wantIDs(t, fmt.Sprintf("%+v", c.filter), list, err, groupID, c.want...)
		if n := must[int](t)(e.CountGroups(ctx, e.org, c.filter)); n != len(c.want) {
			t.Errorf("%+v counts %d, want %d", c.filter, n, len(c.want))
		}
	}
}

func testGroupNamesAreUnique(t *testing.T, e env) {
	ctx := t.Context()
	g := func(id, name string) audit.Group { return audit.Group{ID: id, Organization: e.org, Name: name} }
	first := must[audit.Group](t)(e.PutGroup(ctx, g("g1", "Sales")))
	_, err := e.PutGroup(ctx, g("g2", "SALES"))
	wantTaken(t, "a name that differs in case", err, "name")
	_, err = e.Group(ctx, e.org, "g2")
	wantCode(t, "the group that was refused", err, audit.CodeNotFound)
	must[audit.Group](t)(e.PutGroup(ctx, audit.Group{ID: "g1", Organization: e.other, Name: "Sales"}))
	second := must[audit.Group](t)(e.PutGroup(ctx, g("g2", "Legal")))
	second.Name = "sales"
	_, err = e.PutGroup(ctx, second)
	wantTaken(t, "a change to a name that is taken", err, "name")
	first.Name = "SALES"
	first = must[audit.Group](t)(e.PutGroup(ctx, first)) // its own in other letters
	first.Name = "Marketing"
	must[audit.Group](t)(e.PutGroup(ctx, first))
	second = must[audit.Group](t)(e.PutGroup(ctx, second)) // the name is free at once
	ok(t, e.DeleteGroup(ctx, e.org, second.ID))
	must[audit.Group](t)(e.PutGroup(ctx, g("g3", "Sales"))) // so is that of one that was deleted
	var wg sync.WaitGroup
	won := make([]bool, 8)
	for i := range won {
		wg.Go(func() {
			_, err := e.PutGroup(t.Context(), g(fmt.Sprint("racer", i), "The same"))
			won[i] = err == nil
		})
	}
	wg.Wait()
	list, err := e.Groups(ctx, e.org, audit.GroupFilter{Names: []string{"the same"}, Limit: 20})
	if err != nil || len(list) != 1 || !won[list[0].ID[len("racer")]-'0'] {
		t.Errorf("of racing groups %v got the name, %v; winners %v", list, err, won)
	}
}

func testMembersOfDepartments(t *testing.T, e env) {
	ctx := t.Context()
	put := func(organization, id string, departments ...string) audit.Member {
		return must[audit.Member](t)(e.PutMember(ctx, audit.Member{ID: id, Organization: organization, Name: id, Status: audit.MemberActive, Departments: departments}))
	}
	a := put(e.org, "a", "Sales", "Legal")
	put(e.org, "b", "Legal", "Legal")
	put(e.org, "c", "sales", "Sales & Legal")
	gone := put(e.org, "d", "Sales")
	gone.Status = audit.MemberDeleted
	must[audit.Member](t)(e.PutMember(ctx, gone))
	put(e.org, "e")
	put(e.other, "a", "Sales")
	want := func(what string, filter audit.MemberFilter, ids ...string) {
		t.Helper()
		filter.Limit = 10
		list, err := e.Members(ctx, e.org, filter)
		wantIDs(t, what, list, err, memberID, ids...)
		if n := must[int](t)(e.CountMembers(ctx, e.org, filter)); n != len(ids) && filter.Skip == 0 {
			t.Errorf("%s counts %d, want %d", what, n, len(ids))
		}
	}
	of := func(names ...string) audit.MemberFilter { return audit.MemberFilter{Departments: names} }
	want("one department", of("Sales"), "a", "d")
	want("any of two", of("Sales", "Legal"), "a", "b", "d")
	want("as it is written", of("sales"), "c")
	want("none", of("Nothing"))
	want("the empty name", of(""))
	want("those who are there", audit.MemberFilter{Departments: []string{"Sales"}, Present: true}, "a")
	want("behind the first", audit.MemberFilter{Departments: []string{"Legal", "Sales"}, Skip: 1}, "b", "d")
	a.Departments = []string{"Legal", "Sales & Legal"}
	a = must[audit.Member](t)(e.PutMember(ctx, a))
	want("what was left", of("Sales"), "d")
	want("what was joined", of("Sales & Legal"), "a", "c")
	a.Departments = nil
	outcomes := must[[]error](t)(e.PutMembers(ctx, e.org, []audit.Member{a}))
	ok(t, outcomes[0])
	want("who is in none", of("Legal", "Sales & Legal"), "b", "c")
}

func testPutMembers(t *testing.T, e env) {
	ctx := t.Context()
	kept := must[audit.Member](t)(e.PutMember(ctx, member(e.org, "kept")))
	changed := must[audit.Member](t)(e.PutMember(ctx, member(e.org, "changed")))
	must[audit.Member](t)(e.PutMember(ctx, changed))
	renamed := must[audit.Member](t)(e.PutMember(ctx, member(e.org, "renamed")))
	taking := must[audit.Member](t)(e.PutMember(ctx, member(e.org, "taking")))
	kept.Departments, kept.UpdatedAt = []string{"Legal"}, at(5)
	renamed.UserName = "somebody@example.com"
	taking.ExternalID = kept.ExternalID
	fresh := member(e.org, "fresh")
	missing := member(e.org, "missing")
	missing.Version = 3
	outcomes := must[[]error](t)(e.PutMembers(ctx, e.org, []audit.Member{kept, changed, renamed, taking, fresh, missing, {ID: "", Name: "nobody"}}))
	for i, code := range []audit.Code{"", audit.CodeConflict, "", audit.CodeConflict, "", audit.CodeConflict, audit.CodeInvalid} {
		wantCode(t, fmt.Sprint("the outcome ", i), outcomes[i], code)
	}
	wantTaken(t, "an external id of another", outcomes[3], "external_id")
	kept.Version++
	wantSame(t, "who was put", must[audit.Member](t)(e.Member(ctx, e.org, "kept")), kept)
	fresh.Version = 1
	wantSame(t, "who is new", must[audit.Member](t)(e.Member(ctx, e.org, "fresh")), fresh)
	list, err := e.Members(ctx, e.org, audit.MemberFilter{UserName: "SOMEBODY@example.com", Limit: 10})
	wantIDs(t, "who has another name", list, err, memberID, "renamed")
	_, err = e.Member(ctx, e.org, "missing")
	wantCode(t, "who was not there", err, audit.CodeNotFound)
	_, err = e.PutMembers(ctx, e.org, make([]audit.Member, 1001))
	wantCode(t, "1,001 members", err, audit.CodeInvalid)
	if none := must[[]error](t)(e.PutMembers(ctx, e.org, nil)); len(none) > 0 {
		t.Errorf("no members have the outcomes %v", none)
	}
}
