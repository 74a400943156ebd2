package storetest

import (
	"context"
	"errors"
	"testing"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/store"
)

// second drops the value of a call.
func second[T any](_ T, err error) error { return err }

// unorganized calls every method that has to name an organization with none.
func unorganized(t *testing.T, e env) map[string]func(ctx context.Context) error {
	t.Helper()
	calls := map[string]func(ctx context.Context) error{
		"Member": func(ctx context.Context) error { return second(e.Member(ctx, "", "x")) },
		"Members": func(ctx context.Context) error {
			return second(e.Members(ctx, "", audit.MemberFilter{Limit: 10}))
		},
		"PutMembers":       func(ctx context.Context) error { return second(e.PutMembers(ctx, "", []audit.Member{{ID: "x"}})) },
		"Group":            func(ctx context.Context) error { return second(e.Group(ctx, "", "x")) },
		"Groups":           func(ctx context.Context) error { return second(e.Groups(ctx, "", audit.GroupFilter{Limit: 10})) },
		"CountGroups":      func(ctx context.Context) error { return second(e.CountGroups(ctx, "", audit.GroupFilter{})) },
		"DeleteGroup":      func(ctx context.Context) error { return e.DeleteGroup(ctx, "", "x") },
		"CreateKey":        func(ctx context.Context) error { return e.CreateKey(ctx, key("", e.org, at(1))) },
		"Keys":             func(ctx context.Context) error { return second(e.Keys(ctx, "")) },
		"RevokeKey":        func(ctx context.Context) error { return e.RevokeKey(ctx, "", "x", at(1)) },
		"TouchKey":         func(ctx context.Context) error { return e.TouchKey(ctx, "", "x", at(1)) },
		"CreateSession":    func(ctx context.Context) error { return e.CreateSession(ctx, session("", "x", e.org, at(1))) },
		"Sessions":         func(ctx context.Context) error { return second(e.Sessions(ctx, "", "x")) },
		"TouchSession":     func(ctx context.Context) error { return e.TouchSession(ctx, "", "x", at(1)) },
		"RevokeSession":    func(ctx context.Context) error { return e.RevokeSession(ctx, "", "x", at(1)) },
		"RevokeSessions":   func(ctx context.Context) error { return second(e.RevokeSessions(ctx, "", "x", at(1))) },
		"DeleteSessions":   func(ctx context.Context) error { return second(e.DeleteSessions(ctx, "", at(1))) },
		"CreateLoginLink":  func(ctx context.Context) error { return e.CreateLoginLink(ctx, link("", e.org, at(1))) },
		"DeleteLoginLinks": func(ctx context.Context) error { return second(e.DeleteLoginLinks(ctx, "", at(1))) },
		"DeleteDeliveries": func(ctx context.Context) error { return second(e.DeleteDeliveries(ctx, "", at(1), 10)) },
		"DeleteMessages":   func(ctx context.Context) error { return second(e.DeleteMessages(ctx, "", at(1), 10)) },
		"DeleteMessagesOf": func(ctx context.Context) error { return second(e.DeleteMessagesOf(ctx, "", "u1", 10)) },
		"Address":          func(ctx context.Context) error { return second(e.Address(ctx, "", "x")) },
		"Addresses":        func(ctx context.Context) error { return second(e.Addresses(ctx, "")) },
		"DeleteAddress":    func(ctx context.Context) error { return e.DeleteAddress(ctx, "", "x", 1) },
		"Reminder":         func(ctx context.Context) error { return second(e.Reminder(ctx, "", "x")) },
		"Reminders":        func(ctx context.Context) error { return second(e.Reminders(ctx, "")) },
		"DeleteReminder":   func(ctx context.Context) error { return e.DeleteReminder(ctx, "", "x") },
		"SaveDelivery": func(ctx context.Context) error {
			return e.SaveDelivery(ctx, delivery("", "r", "x", audit.DeliverySent, at(1)))
		},
		"Delivery":       func(ctx context.Context) error { return second(e.Delivery(ctx, "", "x")) },
		"Deliveries":     func(ctx context.Context) error { return second(e.Deliveries(ctx, "", "r", "", 10)) },
		"AddMessage":     func(ctx context.Context) error { return e.AddMessage(ctx, message("", "u", "x", at(1))) },
		"Messages":       func(ctx context.Context) error { return second(e.Messages(ctx, "", "u", "", 10)) },
		"Message":        func(ctx context.Context) error { return second(e.Message(ctx, "", "u", "x")) },
		"UnreadMessages": func(ctx context.Context) error { return second(e.UnreadMessages(ctx, "", "u", "", 10)) },
		"Unread":         func(ctx context.Context) error { return second(e.Unread(ctx, "", "u")) },
		"MarkRead":       func(ctx context.Context) error { return e.MarkRead(ctx, "", "u", nil, at(1)) },
		"MarkRead of ids": func(ctx context.Context) error {
			return e.MarkRead(ctx, "", "u", []string{"x"}, at(1))
		},
		"Export":         func(ctx context.Context) error { return second(e.Export(ctx, "", "x")) },
		"Exports":        func(ctx context.Context) error { return second(e.Exports(ctx, "", "", "", 10)) },
		"DeleteExports":  func(ctx context.Context) error { return second(e.DeleteExports(ctx, "", at(1), 10)) },
		"OpenExports":    func(ctx context.Context) error { return second(e.OpenExports(ctx, "")) },
		"Checkpoint":     func(ctx context.Context) error { return second(e.Checkpoint(ctx, "", "x")) },
		"SaveCheckpoint": func(ctx context.Context) error { return e.SaveCheckpoint(ctx, "", "x", "v") },
	}
	for _, p := range putters(t, e, "", "x")[1:] {
		calls["put "+p.kind] = func(context.Context) error { return second(p.put(0)) }
	}
	return calls
}

// testNoOrganization: an engine refuses what does not say whose it is, also where there are records of that id.
func testNoOrganization(t *testing.T, e env) {
	fill(t, e, e.org, "x")
	for name, call := range unorganized(t, e) {
		err := call(t.Context())
		var known *audit.Error
		if audit.CodeOf(err) != audit.CodeInvalid || !errors.As(err, &known) || len(known.Fields) != 1 || known.Fields[0].Field != "organization" {
			t.Errorf("%s without an organization: %v, want as %v", name, err, store.ErrNoOrganization)
		}
	}
	wantFilled(t, e, e.org, "x")
}
