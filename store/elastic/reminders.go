package elastic

import (
	"cmp"
	"context"

	"github.com/audittrail/audittrail/audit"
)

// PutReminder is part of store.Reminders.
func (s *Store) PutReminder(ctx context.Context, reminder audit.Reminder) (audit.Reminder, error) {
	if err := validIDs(named{"organization", reminder.Organization}, named{"id", reminder.ID}); err != nil {
		return audit.Reminder{}, err
	}
	normalize(&reminder.CreatedAt, &reminder.UpdatedAt)
	read := reminder.Version
	reminder.Version++
	if err := s.put(ctx, reminderDocument(reminder), read, reminder); err != nil {
		return audit.Reminder{}, err
	}
	return reminder, nil
}

func reminderDocument(r audit.Reminder) document {
	return document{Kind: kindReminder, Organization: r.Organization, ID: r.ID, At: toMillis(r.CreatedAt)}
}

func readReminder(d *stored) (audit.Reminder, error) {
	reminder := audit.Reminder{Organization: d.Organization}
	return reminder, decode(&d.document, &reminder)
}

// Reminder is part of store.Reminders.
func (s *Store) Reminder(ctx context.Context, organization, id string) (audit.Reminder, error) {
	d, err := s.one(ctx, kindReminder, organization, id)
	if err != nil {
		return audit.Reminder{}, err
	}
	return readReminder(d)
}

// Reminders is part of store.Reminders.
func (s *Store) Reminders(ctx context.Context, organization string) ([]audit.Reminder, error) {
	if !findable(organization) {
		return []audit.Reminder{}, lost(organization)
	}
	return all(ctx, s, "reminders", listing{kind: kindReminder, filters: []map[string]any{of("organization", organization)}, byTime: true}, readReminder)
}

// DeleteReminder is part of store.Reminders.
func (s *Store) DeleteReminder(ctx context.Context, organization, id string) error {
	if err := lost(organization); err != nil {
		return err
	}
	if !findable(organization, id) {
		return audit.NotFound("reminder")
	}
	done, err := s.apply(ctx, write{action: "delete", id: docID(kindReminder, organization, id)})
	if err == nil && done.missing {
		return audit.NotFound("reminder")
	}
	return fault(err, "delete the reminder")
}

// SaveDelivery is part of store.Deliveries. Twilio's callback may be there before its answer, and only the answer brings the address: so a
// save that would take a final delivery back adds what is missing. The two may also cross: so no save takes an address away.
func (s *Store) SaveDelivery(ctx context.Context, delivery audit.Delivery) error {
	if err := validIDs(named{"organization", delivery.Organization}, named{"id", delivery.ID}); err != nil {
		return err
	}
	normalize(&delivery.CreatedAt, &delivery.UpdatedAt)
	id := docID(kindDelivery, delivery.Organization, delivery.ID)
	return fault(untilFirst(ctx, func() error {
		there, err := s.get(ctx, id)
		if err != nil {
			return err
		}
		next, action := delivery, "create"
		if there != nil {
			action = "index"
			before, err := readDelivery(there)
			if err != nil {
				return err
			}
			next = merge(before, delivery)
		}
		d := deliveryDocument(next)
		if d.Body, err = marshal(next); err != nil {
			return err
		}
		_, err = s.apply(ctx, write{action: action, id: id, body: &d, was: there})
		return err
	}), "write the delivery")
}

func deliveryDocument(d audit.Delivery) document {
	return document{Kind: kindDelivery, Organization: d.Organization, ID: d.ID, Owner: d.Reminder, Status: string(d.Status), At: toMillis(d.CreatedAt)}
}

// merge is what becomes of a delivery when another save of it comes.
func merge(before, save audit.Delivery) audit.Delivery {
	final := before.Status == audit.DeliveryDelivered || before.Status == audit.DeliveryFailed
	back := save.Status == audit.DeliveryPending || save.Status == audit.DeliverySent
	if !final || !back {
		save.CreatedAt = before.CreatedAt
		save.Address, save.Provider = cmp.Or(save.Address, before.Address), cmp.Or(save.Provider, before.Provider)
		return save
	}
	before.Address, before.Provider = cmp.Or(before.Address, save.Address), cmp.Or(before.Provider, save.Provider)
	before.Attempts = max(before.Attempts, save.Attempts)
	return before
}

func readDelivery(d *stored) (audit.Delivery, error) {
	delivery := audit.Delivery{Organization: d.Organization}
	return delivery, decode(&d.document, &delivery)
}

// Delivery is part of store.Deliveries.
func (s *Store) Delivery(ctx context.Context, organization, id string) (audit.Delivery, error) {
	d, err := s.one(ctx, kindDelivery, organization, id)
	if err != nil {
		return audit.Delivery{}, err
	}
	return readDelivery(d)
}

// Deliveries is part of store.Deliveries.
func (s *Store) Deliveries(ctx context.Context, organization, reminder, after string, limit int) ([]audit.Delivery, error) {
	return newest(ctx, s, kindDelivery, organization, &reminder, after, limit, readDelivery)
}
