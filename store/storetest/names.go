package storetest

import (
	"fmt"
	"sync"
	"testing"

	"github.com/audittrail/audittrail/audit"
)

// named returns a new member of a user name and an external id.
func named(organization, id, userName, externalID string) audit.Member {
	return audit.Member{ID: id, Organization: organization, Name: "Name of " + id, Email: id + "@Example.com", Role: audit.RoleMember,
		Status: audit.MemberActive, UserName: userName, ExternalID: externalID}
}

// wantTaken checks that an error says whose field it is.
func wantTaken(t *testing.T, what string, err error, field string) {
	t.Helper()
	wantCode(t, what, err, audit.CodeConflict)
	if known, ok := err.(*audit.Error); !ok || len(known.Fields) != 1 || known.Fields[0].Field != field { //nolint:errorlint // the contract
		t.Errorf("%s: %v does not name %s", what, err, field)
	}
}

func testMemberNames(t *testing.T, e env) {
	ctx := t.Context()
	must[audit.Member](t)(e.PutMember(ctx, named(e.org, "u1", "Zoë@Example.com", "A-1")))
	must[audit.Member](t)(e.PutMember(ctx, named(e.org, "u2", "bob@example.com", "a-1")))
	must[audit.Member](t)(e.PutMember(ctx, named(e.org, "u3", "", "")))
	must[audit.Member](t)(e.PutMember(ctx, named(e.other, "x1", "zoë@example.com", "A-1")))
	gone := must[audit.Member](t)(e.PutMember(ctx, named(e.org, "u4", "carol@example.com", "c-1")))
	gone.Status = audit.MemberDeleted
	must[audit.Member](t)(e.PutMember(ctx, gone))
	for _, c := range []struct {
		filter audit.MemberFilter
		want   []string
	}{
		{audit.MemberFilter{UserName: "zoë@EXAMPLE.com"}, []string{"u1"}},
		{audit.MemberFilter{UserName: "zoë"}, nil},
		{audit.MemberFilter{ExternalID: "A-1"}, []string{"u1"}},
		{audit.MemberFilter{ExternalID: "a-1"}, []string{"u2"}},
		{audit.MemberFilter{ExternalID: "A-1", UserName: "bob@example.com"}, nil},
		{audit.MemberFilter{Email: "U3@example.com"}, []string{"u3"}},
		{audit.MemberFilter{Email: "u3"}, nil},
		{audit.MemberFilter{UserName: "carol@example.com"}, []string{"u4"}},
		{audit.MemberFilter{UserName: "carol@example.com", Present: true}, nil},
		{audit.MemberFilter{ExternalID: "c-1", Status: audit.MemberDeleted}, []string{"u4"}},
		{audit.MemberFilter{Present: true}, []string{"u1", "u2", "u3"}},
	} {
		c.filter.Limit = 10
		list, err := e.Members(ctx, e.org, c.filter)
		wantIDs(t, fmt.Sprintf("%+v", c.filter), list, err, memberID, c.want...)
		if n := must[int](t)(e.CountMembers(ctx, e.org, c.filter)); n != len(c.want) {
			t.Errorf("%+v counts %d, want %d", c.filter, n, len(c.want))
		}
	}
}

func testMemberNamesAreUnique(t *testing.T, e env) {
	ctx := t.Context()
	first := must[audit.Member](t)(e.PutMember(ctx, named(e.org, "u1", "ann@example.com", "1")))
	_, err := e.PutMember(ctx, named(e.org, "u2", "ANN@example.com", "2"))
	wantTaken(t, "a user name that differs in case", err, "user_name")
	_, err = e.PutMember(ctx, named(e.org, "u2", "bob@example.com", "1"))
	wantTaken(t, "an external id", err, "external_id")
	_, err = e.Member(ctx, e.org, "u2")
	wantCode(t, "the member who was refused", err, audit.CodeNotFound)
	must[audit.Member](t)(e.PutMember(ctx, named(e.other, "u1", "ann@example.com", "1")))

	second := must[audit.Member](t)(e.PutMember(ctx, named(e.org, "u3", "carol@example.com", "3")))
	second.UserName = "ann@example.com"
	_, err = e.PutMember(ctx, second)
	wantTaken(t, "a change to a name that is taken", err, "user_name")
	wantSame(t, "the member who could not change", must[audit.Member](t)(e.Member(ctx, e.org, "u3")).UserName, "carol@example.com")

	first.UserName = "Anna@example.com"
	first = must[audit.Member](t)(e.PutMember(ctx, first))
	second = must[audit.Member](t)(e.PutMember(ctx, second)) // the name is free at once
	second.UserName = "ANN@example.com"
	second = must[audit.Member](t)(e.PutMember(ctx, second)) // one's own in other letters

	second.Status = audit.MemberDeleted
	second = must[audit.Member](t)(e.PutMember(ctx, second))
	third := must[audit.Member](t)(e.PutMember(ctx, named(e.org, "u5", "ann@example.com", "3"))) // so is that of who is deleted
	second.Status = audit.MemberActive
	if _, err = e.PutMember(ctx, second); audit.CodeOf(err) != audit.CodeConflict {
		t.Errorf("who was deleted comes back under a name that is another's: %v", err)
	}
	third.UserName, third.ExternalID = "", ""
	must[audit.Member](t)(e.PutMember(ctx, third))
	must[audit.Member](t)(e.PutMember(ctx, second))
	first.Version = 0
	_, err = e.PutMember(ctx, first)
	wantCode(t, "an id that is there", err, audit.CodeConflict)
}

func testRacingNames(t *testing.T, e env) {
	var wins, taken int
	var mu sync.Mutex
	var racers sync.WaitGroup
	for i := range 12 {
		racers.Go(func() {
			_, err := e.PutMember(t.Context(), named(e.org, fmt.Sprintf("u%d", i), "same@example.com", fmt.Sprint(i)))
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				wins++
			case audit.CodeOf(err) == audit.CodeConflict:
				taken++
			default:
				t.Errorf("racer %d: %v", i, err)
			}
		})
	}
	racers.Wait()
	if wins != 1 || taken != 11 {
		t.Errorf("%d got the name and %d were told that it is taken", wins, taken)
	}
	list, err := e.Members(t.Context(), e.org, audit.MemberFilter{UserName: "same@example.com", Limit: 20})
	if err != nil || len(list) != 1 {
		t.Errorf("members of the name: %v, %v", list, err)
	}
}

func testMemberCount(t *testing.T, e env) {
	ctx := t.Context()
	for i := range 9 {
		m := named(e.org, fmt.Sprintf("u%d", i), "", "")
		if i%3 == 0 {
			m.Status = audit.MemberDeactivated
		}
		must[audit.Member](t)(e.PutMember(ctx, m))
	}
	for _, c := range []struct {
		filter audit.MemberFilter
		count  int
		want   []string
	}{
		{audit.MemberFilter{Limit: 2}, 9, []string{"u0", "u1"}},
		{audit.MemberFilter{Skip: 4, Limit: 2}, 9, []string{"u4", "u5"}},
		{audit.MemberFilter{Skip: 8, Limit: 2}, 9, []string{"u8"}},
		{audit.MemberFilter{Skip: 9, Limit: 2}, 9, nil},
		{audit.MemberFilter{Skip: 5000, Limit: 2}, 9, nil},
		{audit.MemberFilter{Skip: 1, After: "u4", Limit: 2}, 9, []string{"u6", "u7"}},
		{audit.MemberFilter{Status: audit.MemberActive, Skip: 2, Limit: 2}, 6, []string{"u4", "u5"}},
		{audit.MemberFilter{Text: "name of", Skip: 7, Limit: 9}, 9, []string{"u7", "u8"}},
	} {
		list, err := e.Members(ctx, e.org, c.filter)
		wantIDs(t, fmt.Sprintf("%+v", c.filter), list, err, memberID, c.want...)
		if n := must[int](t)(e.CountMembers(ctx, e.org, c.filter)); n != c.count {
			t.Errorf("%+v counts %d, want %d", c.filter, n, c.count)
		}
	}
	if n := must[int](t)(e.CountMembers(ctx, e.other, audit.MemberFilter{})); n != 0 {
		t.Errorf("another organization counts %d", n)
	}
}
