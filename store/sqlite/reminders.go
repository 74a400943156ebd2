package sqlite

import (
	"context"
	"encoding/json"

	"github.com/audittrail/audittrail/audit"
)

// PutReminder is part of store.Reminders.
func (s *Store) PutReminder(ctx context.Context, reminder audit.Reminder) (audit.Reminder, error) {
	normalize(&reminder.CreatedAt, &reminder.UpdatedAt)
	read := reminder.Version
	reminder.Version++
	err := s.put(ctx, "reminders", []column{{"organization", reminder.Organization}, {"id", reminder.ID}}, read, reminder,
		column{"created_at", toMillis(reminder.CreatedAt)})
	if err != nil {
		return audit.Reminder{}, err
	}
	return reminder, nil
}

func scanReminder(row scanner) (audit.Reminder, error) {
	var reminder audit.Reminder
	var doc []byte
	if err := row.Scan(&reminder.Organization, &doc); err != nil {
		return reminder, err
	}
	return reminder, json.Unmarshal(doc, &reminder)
}

// Reminder is part of store.Reminders.
func (s *Store) Reminder(ctx context.Context, organization, id string) (audit.Reminder, error) {
	return one(ctx, s, "reminder", scanReminder, "SELECT organization, doc FROM reminders WHERE organization = ? AND id = ?", organization, id)
}

// Reminders is part of store.Reminders.
func (s *Store) Reminders(ctx context.Context, organization string) ([]audit.Reminder, error) {
	return all(ctx, s, "reminders", scanReminder, "SELECT organization, doc FROM reminders WHERE organization = ? ORDER BY created_at, id", organization)
}

// DeleteReminder is part of store.Reminders.
func (s *Store) DeleteReminder(ctx context.Context, organization, id string) error {
	n, err := s.exec(ctx, "delete the reminder", "DELETE FROM reminders WHERE organization = ? AND id = ?", organization, id)
	if err == nil && n == 0 {
		return audit.NotFound("reminder")
	}
	return err
}

// goesBack is true of a save that would take a final delivery back.
const goesBack = `status IN ('delivered', 'failed') AND excluded.status IN ('pending', 'sent')`

// learned is what is known of a delivery and stays where a save lacks it.
const learned = `json_patch('{}', json_object('address', doc ->> '$.address', 'provider_id', doc ->> '$.provider_id'))`

// SaveDelivery is part of store.Deliveries. A save that would take a final delivery back adds what is missing and nothing else: Twilio's
// callback may be there before its answer, and only the answer brings the address. The two may also cross: so no save takes an address away.
func (s *Store) SaveDelivery(ctx context.Context, delivery audit.Delivery) error {
	if err := validKey(column{"organization", delivery.Organization}, column{"id", delivery.ID}); err != nil {
		return err
	}
	normalize(&delivery.CreatedAt, &delivery.UpdatedAt)
	doc, err := json.Marshal(delivery)
	if err != nil {
		return audit.WithCause(audit.CodeInternal, err, "could not write the delivery")
	}
	_, err = s.exec(ctx, "write the delivery", `INSERT INTO deliveries (organization, id, reminder, status, created_at, doc)
		VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (organization, id) DO UPDATE SET
		reminder = excluded.reminder,
		status = iif(`+goesBack+`, status, excluded.status),
		doc = iif(`+goesBack+`, json_set(doc,
			'$.address', coalesce(doc ->> '$.address', excluded.doc ->> '$.address'),
			'$.provider_id', coalesce(doc ->> '$.provider_id', excluded.doc ->> '$.provider_id'),
			'$.attempts', max(doc ->> '$.attempts', excluded.doc ->> '$.attempts')),
			json_patch(`+learned+`, excluded.doc))`,
		delivery.Organization, delivery.ID, delivery.Reminder, string(delivery.Status), toMillis(delivery.CreatedAt), string(doc))
	return err
}

const deliveryColumns = "organization, created_at, doc"

func scanDelivery(row scanner) (audit.Delivery, error) {
	var delivery audit.Delivery
	var doc []byte
	var created int64
	if err := row.Scan(&delivery.Organization, &created, &doc); err != nil {
		return delivery, err
	}
	if err := json.Unmarshal(doc, &delivery); err != nil {
		return delivery, err
	}
	delivery.CreatedAt = fromMillis(created)
	return delivery, nil
}

// Delivery is part of store.Deliveries.
func (s *Store) Delivery(ctx context.Context, organization, id string) (audit.Delivery, error) {
	return one(ctx, s, "delivery", scanDelivery, "SELECT "+deliveryColumns+" FROM deliveries WHERE organization = ? AND id = ?", organization, id)
}

// Deliveries is part of store.Deliveries.
func (s *Store) Deliveries(ctx context.Context, organization, reminder, after string, limit int) ([]audit.Delivery, error) {
	return newest(ctx, s, listing{table: "deliveries", columns: deliveryColumns, time: "created_at",
		where: []column{{"organization", organization}, {"reminder", reminder}}}, after, limit, scanDelivery)
}
