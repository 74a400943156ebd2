package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

func messageID(m audit.Message) string { return m.ID }

// message returns a new message with every field set but ReadAt.
func message(organization, member, id string, created time.Time) audit.Message {
	return audit.Message{ID: id, Organization: organization, Member: member, Title: "12 logins failed", Body: "Line\nline \"two\" <b>", Reminder: "r1", Export: "e1",
		Count: 12, Test: true, CreatedAt: created, From: at(-9), To: at(-5), Events: []audit.DigestEvent{{ID: "ev1", Time: at(-5), Log: audit.LogLogin, Action: "login.failed",
			Outcome: audit.OutcomeFailure, Actor: "Alice", Summary: "Alice could not sign in", Place: "Berlin, DE", IP: "203.0.113.7"}}}
}

func testMessages(t *testing.T, e env) {
	ctx := t.Context()
	none, err := e.Messages(ctx, e.org, "u1", "", 10)
	wantIDs(t, "no messages", none, err, messageID)
	first := message(e.org, "u1", "m1", at(1))
	ok(t, e.AddMessage(ctx, first))
	if zone := first.Events[0].Time.Location(); zone == time.UTC {
		t.Error("AddMessage changed the caller's message")
	}
	for _, member := range []string{"u1", "u2"} {
		again := message(e.org, member, "m1", at(9))
		again.Title = "changed"
		ok(t, e.AddMessage(ctx, again))
	}
	list, err := e.Messages(ctx, e.org, "u1", "", 10)
	wantIDs(t, "the messages", list, err, messageID, "m1")
	wantSame(t, "the message", list[0], first)
	wantUTC(t, list[0].CreatedAt, list[0].From, list[0].To, list[0].Events[0].Time)
	list, err = e.Messages(ctx, e.org, "u2", "", 10)
	wantIDs(t, "the messages of the other member", list, err, messageID)

	// A retry after the message was read does not make it unread.
	ok(t, e.MarkRead(ctx, e.org, "u1", nil, at(5)))
	ok(t, e.AddMessage(ctx, first))
	wantUnread(t, e, e.org, "u1", 0)
}

func wantUnread(t *testing.T, e env, organization, member string, want int) {
	t.Helper()
	if got, err := e.Unread(t.Context(), organization, member); err != nil || got != want {
		t.Errorf("%s of %s has %d unread messages, %v; want %d", member, organization, got, err, want)
	}
}

func testMessagePages(t *testing.T, e env) {
	ctx := t.Context()
	for i, second := range []int{5, 3, 3, 9, 3, 1} {
		ok(t, e.AddMessage(ctx, message(e.org, "u1", fmt.Sprintf("m%d", i), at(second))))
	}
	ok(t, e.AddMessage(ctx, message(e.org, "u2", "x", at(4))))
	wantPages(t, func(after string, limit int) ([]audit.Message, error) {
		return e.Messages(ctx, e.org, "u1", after, limit)
	}, messageID, []string{"m3", "m0", "m4", "m2", "m1", "m5"})
	for _, after := range []string{"x", "unknown"} {
		_, err := e.Messages(ctx, e.org, "u1", after, 10)
		wantCode(t, "behind what is not in the list", err, audit.CodeInvalid)
	}
}

func testUnreadMessages(t *testing.T, e env) {
	ctx := t.Context()
	for i, second := range []int{5, 3, 3, 9, 3, 1} {
		ok(t, e.AddMessage(ctx, message(e.org, "u1", fmt.Sprintf("m%d", i), at(second))))
	}
	ok(t, e.AddMessage(ctx, message(e.org, "u2", "x", at(4))))
	ok(t, e.MarkRead(ctx, e.org, "u1", []string{"m0", "m2"}, at(10)))
	wantPages(t, func(after string, limit int) ([]audit.Message, error) {
		return e.UnreadMessages(ctx, e.org, "u1", after, limit)
	}, messageID, []string{"m3", "m4", "m1", "m5"})
	// Who reads on where they were goes on there, though what they saw last is not unread any more.
	list, err := e.UnreadMessages(ctx, e.org, "u1", "m2", 10)
	wantIDs(t, "behind one that was read", list, err, messageID, "m1", "m5")
	for _, after := range []string{"x", "unknown"} {
		_, err := e.UnreadMessages(ctx, e.org, "u1", after, 10)
		wantCode(t, "behind what is not in the list", err, audit.CodeInvalid)
	}
}

func testOneMessage(t *testing.T, e env) {
	ctx := t.Context()
	first := message(e.org, "u1", "m1", at(1))
	ok(t, e.AddMessage(ctx, first))
	got, err := e.Message(ctx, e.org, "u1", "m1")
	ok(t, err)
	wantSame(t, "the message", got, first)
	ok(t, e.MarkRead(ctx, e.org, "u1", []string{"m1"}, at(2)))
	got, err = e.Message(ctx, e.org, "u1", "m1")
	ok(t, err)
	first.ReadAt = at(2)
	wantSame(t, "the message once it was read", got, first)
	for name, of := range map[string][3]string{"another member's": {e.org, "u2", "m1"}, "another organization's": {e.other, "u1", "m1"}, "none": {e.org, "u1", "m2"}, "without an id": {e.org, "u1", ""}} {
		_, err := e.Message(ctx, of[0], of[1], of[2])
		wantCode(t, name, err, audit.CodeNotFound)
	}
}

func testMarkRead(t *testing.T, e env) {
	ctx := t.Context()
	wantUnread(t, e, e.org, "u1", 0)
	for i := range 5 {
		ok(t, e.AddMessage(ctx, message(e.org, "u1", fmt.Sprintf("m%d", i), at(i))))
	}
	wantUnread(t, e, e.org, "u1", 5)
	ok(t, e.MarkRead(ctx, e.org, "u1", []string{}, at(10)))
	wantUnread(t, e, e.org, "u1", 5)
	ok(t, e.MarkRead(ctx, e.org, "u1", []string{"m1", "m3", "unknown", "m1"}, at(11)))
	wantUnread(t, e, e.org, "u1", 3)
	ok(t, e.MarkRead(ctx, e.org, "u1", []string{"m3"}, at(12)))
	ok(t, e.MarkRead(ctx, e.org, "u1", nil, at(13)))
	wantUnread(t, e, e.org, "u1", 0)
	list, err := e.Messages(ctx, e.org, "u1", "", 10)
	wantIDs(t, "the messages", list, err, messageID, "m4", "m3", "m2", "m1", "m0")
	for i, second := range []int{13, 11, 13, 11, 13} {
		want := message(e.org, "u1", list[i].ID, at(4-i))
		want.ReadAt = at(second)
		wantSame(t, "the message that was read", list[i], want)
		wantUTC(t, list[i].ReadAt)
	}
	ok(t, e.AddMessage(ctx, message(e.org, "u1", "later", at(20))))
	wantUnread(t, e, e.org, "u1", 1)
}

func testMarkReadOfOthers(t *testing.T, e env) {
	ctx := t.Context()
	ok(t, e.AddMessage(ctx, message(e.org, "u1", "m1", at(1))))
	ok(t, e.AddMessage(ctx, message(e.org, "u2", "m2", at(1))))
	ok(t, e.AddMessage(ctx, message(e.other, "u1", "m1", at(1))))
	ok(t, e.AddMessage(ctx, message(e.other, "u1", "m3", at(1))))
	ok(t, e.MarkRead(ctx, e.org, "u1", []string{"m1", "m2", "m3"}, at(5)))
	wantUnread(t, e, e.org, "u1", 0)
	wantUnread(t, e, e.org, "u2", 1)
	wantUnread(t, e, e.other, "u1", 2)
	ok(t, e.MarkRead(ctx, e.other, "u1", nil, at(5)))
	wantUnread(t, e, e.org, "u2", 1)
	wantUnread(t, e, e.other, "u1", 0)
}
