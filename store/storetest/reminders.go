package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

func reminderID(r audit.Reminder) string { return r.ID }
func deliveryID(d audit.Delivery) string { return d.ID }

// reminder returns a new reminder with every field set.
func reminder(organization, id string, created time.Time) audit.Reminder {
	return audit.Reminder{ID: id, Organization: organization, Name: "Reminder " + id, Actions: []string{"login.failed", "contacts.*"},
		Channels: audit.Channels(), Recipients: []audit.Recipient{{Member: "u1", Unsubscribed: []audit.Channel{audit.ChannelSMS}}, {Member: "u2"}},
		Addresses: []string{"a1", "a2"}, Unsubscribed: []string{"a2"},
		Window: audit.WindowHourly, QuietHours: &audit.QuietHours{Start: "22:00", End: "07:30"}, TimeZone: "Europe/Berlin", Paused: true,
		CreatedBy: "u1", CreatedAt: created, UpdatedAt: created}
}

// delivery returns a delivery with every field set.
func delivery(organization, reminder, id string, status audit.DeliveryStatus, created time.Time) audit.Delivery {
	return audit.Delivery{ID: id, Organization: organization, Reminder: reminder, Digest: "d1", Channel: audit.ChannelEmail, Member: "u1",
		Address: "a***@example.com", Status: status, Attempts: 2, Events: 12, Test: true, Provider: "<id@example.com>", Error: "550 <no> such user",
		CreatedAt: created, UpdatedAt: created}
}

func testReminders(t *testing.T, e env) {
	ctx := t.Context()
	none, err := e.Reminders(ctx, e.org)
	wantIDs(t, "no reminders", none, err, reminderID)
	_, err = e.Reminder(ctx, e.org, "r1")
	wantCode(t, "a reminder before it is put", err, audit.CodeNotFound)
	for _, r := range []audit.Reminder{reminder(e.org, "r1", at(2)), reminder(e.org, "r3", at(1)), reminder(e.org, "r2", at(1)), reminder(e.org, "r0", at(3))} {
		put := must[audit.Reminder](t)(e.PutReminder(ctx, r))
		r.Version = 1
		wantSame(t, "what PutReminder returned", put, r)
		stored := must[audit.Reminder](t)(e.Reminder(ctx, e.org, r.ID))
		wantSame(t, "the reminder", stored, r)
		wantUTC(t, put.CreatedAt, put.UpdatedAt, stored.CreatedAt, stored.UpdatedAt)
	}
	list, err := e.Reminders(ctx, e.org)
	wantIDs(t, "the reminders", list, err, reminderID, "r2", "r3", "r1", "r0")

	ok(t, e.SaveDelivery(ctx, delivery(e.org, "r1", "d1", audit.DeliverySent, at(1))))
	wantCode(t, "deleting in another organization", e.DeleteReminder(ctx, e.other, "r1"), audit.CodeNotFound)
	ok(t, e.DeleteReminder(ctx, e.org, "r1"))
	wantCode(t, "deleting again", e.DeleteReminder(ctx, e.org, "r1"), audit.CodeNotFound)
	_, err = e.Reminder(ctx, e.org, "r1")
	wantCode(t, "a deleted reminder", err, audit.CodeNotFound)
	list, err = e.Reminders(ctx, e.org)
	wantIDs(t, "the reminders that are left", list, err, reminderID, "r2", "r3", "r0")
	deliveries, err := e.Deliveries(ctx, e.org, "r1", "", 10)
	wantIDs(t, "the deliveries of the deleted reminder", deliveries, err, deliveryID, "d1")
	stale := reminder(e.org, "r1", at(2))
	stale.Version = 1
	_, err = e.PutReminder(ctx, stale)
	wantCode(t, "changing what was deleted meanwhile", err, audit.CodeConflict)
}

func testDeliveries(t *testing.T, e env) {
	ctx := t.Context()
	_, err := e.Delivery(ctx, e.org, "d1")
	wantCode(t, "a delivery before it is saved", err, audit.CodeNotFound)
	first := delivery(e.org, "r1", "d1", audit.DeliveryPending, at(1))
	ok(t, e.SaveDelivery(ctx, first))
	stored := must[audit.Delivery](t)(e.Delivery(ctx, e.org, "d1"))
	wantSame(t, "the delivery", stored, first)
	wantUTC(t, stored.CreatedAt, stored.UpdatedAt)

	second := first
	second.Status, second.Attempts, second.Error, second.CreatedAt, second.UpdatedAt = audit.DeliverySent, 3, "", at(7), at(8)
	ok(t, e.SaveDelivery(ctx, second))
	second.CreatedAt = first.CreatedAt
	wantSame(t, "the delivery saved again", must[audit.Delivery](t)(e.Delivery(ctx, e.org, "d1")), second)
	list, err := e.Deliveries(ctx, e.org, "r1", "", 10)
	wantIDs(t, "the deliveries", list, err, deliveryID, "d1")
	wantSame(t, "the delivery in the list", list[0], second)
}

func testDeliveryStatus(t *testing.T, e env) {
	ctx := t.Context()
	final := map[audit.DeliveryStatus]bool{audit.DeliveryDelivered: true, audit.DeliveryFailed: true}
	back := map[audit.DeliveryStatus]bool{audit.DeliveryPending: true, audit.DeliverySent: true}
	statuses := []audit.DeliveryStatus{audit.DeliveryPending, audit.DeliverySent, audit.DeliveryDelivered, audit.DeliveryFailed, audit.DeliverySkipped}
	for _, from := range statuses {
		for _, to := range statuses {
			id := string(from + "-" + to)
			first := delivery(e.org, "r1", id, from, at(1))
			second := delivery(e.org, "r1", id, to, at(1))
			second.Error, second.UpdatedAt = "the second", at(2)
			ok(t, e.SaveDelivery(ctx, first))
			ok(t, e.SaveDelivery(ctx, second))
			want := second
			if final[from] && back[to] {
				want = first
			}
			wantSame(t, id, must[audit.Delivery](t)(e.Delivery(ctx, e.org, id)), want)
		}
	}
}

// A callback of the provider may come before its answer, which alone brings the address.
func testLateAnswer(t *testing.T, e env) {
	ctx := t.Context()
	answer := delivery(e.org, "r1", "late", audit.DeliverySent, at(1))
	callback := answer
	callback.Status, callback.Address, callback.Attempts, callback.UpdatedAt = audit.DeliveryDelivered, "", 1, at(2)
	ok(t, e.SaveDelivery(ctx, callback))
	ok(t, e.SaveDelivery(ctx, answer))
	want := callback
	want.Address, want.Attempts = answer.Address, answer.Attempts
	wantSame(t, "the delivery", must[audit.Delivery](t)(e.Delivery(ctx, e.org, "late")), want)

	// The other way round: the callback read the delivery before the answer was saved, and is saved behind it.
	answer.ID, callback.ID, callback.Provider = "crossed", "crossed", ""
	ok(t, e.SaveDelivery(ctx, answer))
	ok(t, e.SaveDelivery(ctx, callback))
	want = callback
	want.Address, want.Provider = answer.Address, answer.Provider
	wantSame(t, "the delivery whose callback crossed the answer", must[audit.Delivery](t)(e.Delivery(ctx, e.org, "crossed")), want)
}

func testDeliveryPages(t *testing.T, e env) {
	ctx := t.Context()
	none, err := e.Deliveries(ctx, e.org, "r1", "", 10)
	wantIDs(t, "no deliveries", none, err, deliveryID)
	for i, second := range []int{5, 3, 3, 9, 3, 1} {
		ok(t, e.SaveDelivery(ctx, delivery(e.org, "r1", fmt.Sprintf("d%d", i), audit.DeliverySent, at(second))))
	}
	ok(t, e.SaveDelivery(ctx, delivery(e.org, "r2", "x", audit.DeliverySent, at(4))))
	wantPages(t, func(after string, limit int) ([]audit.Delivery, error) {
		return e.Deliveries(ctx, e.org, "r1", after, limit)
	}, deliveryID, []string{"d3", "d0", "d4", "d2", "d1", "d5"})
	for _, after := range []string{"x", "unknown"} {
		_, err := e.Deliveries(ctx, e.org, "r1", after, 10)
		wantCode(t, "behind what is not in the list", err, audit.CodeInvalid)
	}
}
