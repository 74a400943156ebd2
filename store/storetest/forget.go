package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// testForget deletes old deliveries and messages, a bounded number at a time.
func testForget(t *testing.T, e env) {
	ctx := t.Context()
	for _, org := range []string{e.org, e.other} {
		for i, second := range []int{5, 1, 3, 7, 5} {
			id := fmt.Sprint("old", i)
			ok(t, e.SaveDelivery(ctx, audit.Delivery{ID: id, Organization: org, Reminder: fmt.Sprint("r", i%2), Digest: "d", Channel: audit.ChannelEmail, Member: "u1",
				Status: audit.DeliverySent, CreatedAt: at(second), UpdatedAt: at(60)}))
			ok(t, e.AddMessage(ctx, message(org, fmt.Sprint("u", i%2), id, at(second))))
		}
	}
	ok(t, e.MarkRead(ctx, e.org, "u1", nil, at(60))) // read or not is the same
	kept := func(org string) (ids []string) {
		for i := range 5 {
			id := fmt.Sprint("old", i)
			_, delivered := e.Delivery(ctx, org, id)
			_, told := e.Message(ctx, org, fmt.Sprint("u", i%2), id)
			if audit.CodeOf(delivered) != audit.CodeOf(told) {
				t.Errorf("%s of %s: the delivery answers %v, the message %v", id, org, delivered, told)
			}
			if delivered == nil {
				ids = append(ids, id)
			}
		}
		return ids
	}
	for name, forget := range map[string]func(context.Context, string, time.Time, int) (int, error){"deliveries": e.DeleteDeliveries, "messages": e.DeleteMessages} {
		for _, limit := range []int{0, -1, 1001} {
			_, err := forget(ctx, e.org, at(9), limit)
			wantCode(t, fmt.Sprintf("deleting %d %s", limit, name), err, audit.CodeInvalid)
		}
		for i, want := range []int{1, 1, 0} { // those of the fifth second stay
			if n := must[int](t)(forget(ctx, e.org, at(5), 1)); n != want {
				t.Errorf("%s, time %d: %d were deleted, want %d", name, i, n, want)
			}
		}
		if n := must[int](t)(forget(ctx, "nobody", at(60), 10)); n != 0 {
			t.Errorf("%d %s of no organization were deleted", n, name)
		}
	}
	if got := fmt.Sprint(kept(e.org)); got != "[old0 old3 old4]" {
		t.Errorf("kept are %s", got)
	}
	if got := len(kept(e.other)); got != 5 {
		t.Errorf("another organization kept %d of 5", got)
	}
	for name, forget := range map[string]func(context.Context, string, time.Time, int) (int, error){"deliveries": e.DeleteDeliveries, "messages": e.DeleteMessages} {
		if n := must[int](t)(forget(ctx, e.org, at(60), 1000)); n != 3 {
			t.Errorf("%d %s were deleted at once, want 3", n, name)
		}
	}
	wantUnread(t, e, e.org, "u0", 0)
}
