package storetest

import (
	"fmt"
	"testing"

	"github.com/audittrail/audittrail/audit"
)

func testForgetMember(t *testing.T, e env) {
	ctx := t.Context()
	for _, org := range []string{e.org, e.other} {
		for i := range 6 {
			ok(t, e.AddMessage(ctx, message(org, fmt.Sprint("u", i%2), fmt.Sprint("m", i), at(i))))
		}
	}
	ok(t, e.MarkRead(ctx, e.org, "u1", []string{"m3"}, at(60)))
	for _, limit := range []int{0, -1, 1001} {
		_, err := e.DeleteMessagesOf(ctx, e.org, "u1", limit)
		wantCode(t, fmt.Sprintf("deleting %d messages", limit), err, audit.CodeInvalid)
	}
	for i, want := range []int{2, 1, 0} {
		if n := must[int](t)(e.DeleteMessagesOf(ctx, e.org, "u1", 2)); n != want {
			t.Errorf("time %d: %d were deleted, want %d", i, n, want)
		}
	}
	for _, c := range []struct{ org, member string }{{e.org, "nobody"}, {"nobody", "u1"}} {
		if n := must[int](t)(e.DeleteMessagesOf(ctx, c.org, c.member, 10)); n != 0 {
			t.Errorf("%d messages of %v were deleted", n, c)
		}
	}
	for _, c := range []struct {
		org, member string
		want        int
	}{{e.org, "u1", 0}, {e.org, "u0", 3}, {e.other, "u0", 3}, {e.other, "u1", 3}} {
		if list := must[[]audit.Message](t)(e.Messages(ctx, c.org, c.member, "", 10)); len(list) != c.want {
			t.Errorf("%s of %s has %d messages, want %d", c.member, c.org, len(list), c.want)
		}
	}
}

// testErased: the entry is replaced whole, and what it was found by is free for somebody else.
func testErased(t *testing.T, e env) {
	ctx := t.Context()
	before := must[audit.Member](t)(e.PutMember(ctx, member(e.org, "u1")))
	same := must[audit.Member](t)(e.PutMember(ctx, member(e.other, "u1")))
	want := before.Erase("Erased member 7f3c09be", at(5))
	put := must[audit.Member](t)(e.PutMember(ctx, want))
	want.Version = 2
	wantSame(t, "what PutMember returned", put, want)
	stored := must[audit.Member](t)(e.Member(ctx, e.org, "u1"))
	wantSame(t, "the erased member", stored, want)
	wantUTC(t, put.ErasedAt, stored.ErasedAt)
	if !stored.Erased() || stored.Included() {
		t.Errorf("it is %+v", stored)
	}
	for name, filter := range map[string]audit.MemberFilter{"text": {Text: before.Name}, "mail": {Email: before.Email}, "user name": {UserName: before.UserName},
		"external id": {ExternalID: before.ExternalID}} {
		filter.Limit = 10
		list, err := e.Members(ctx, e.org, filter)
		wantIDs(t, "found by the "+name, list, err, memberID)
	}
	list, err := e.Members(ctx, e.org, audit.MemberFilter{IDs: []string{"u1", "u2"}, Limit: 10})
	wantIDs(t, "found by the id", list, err, memberID, "u1")
	next := member(e.org, "u2")
	next.UserName, next.ExternalID = before.UserName, before.ExternalID
	must[audit.Member](t)(e.PutMember(ctx, next))
	wantSame(t, "another organization's member of the id", must[audit.Member](t)(e.Member(ctx, e.other, "u1")), same)
}
