package sqlite

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// AddMessage is part of store.Messages.
func (s *Store) AddMessage(ctx context.Context, message audit.Message) error {
	if err := validKey(column{"organization", message.Organization}, column{"id", message.ID}, column{"member", message.Member}); err != nil {
		return err
	}
	normalizeMessage(&message)
	doc, err := json.Marshal(message)
	if err != nil {
		return audit.WithCause(audit.CodeInternal, err, "could not write the message")
	}
	_, err = s.exec(ctx, "write the message", `INSERT INTO messages (organization, id, member, created_at, read_at, doc)
		VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`, message.Organization, message.ID, message.Member,
		toMillis(message.CreatedAt), toMillis(message.ReadAt), string(doc))
	return err
}

func normalizeMessage(m *audit.Message) {
	normalize(&m.CreatedAt, &m.From, &m.To)
	m.Events = slices.Clone(m.Events) // the caller's stay as they are
	for i := range m.Events {
		normalize(&m.Events[i].Time)
	}
}

const messageColumns = "organization, member, read_at, doc"

func scanMessage(row scanner) (audit.Message, error) {
	var message audit.Message
	var doc []byte
	var read int64
	if err := row.Scan(&message.Organization, &message.Member, &read, &doc); err != nil {
		return message, err
	}
	if err := json.Unmarshal(doc, &message); err != nil {
		return message, err
	}
	message.ReadAt = fromMillis(read)
	return message, nil
}

// Message is part of store.Messages.
func (s *Store) Message(ctx context.Context, organization, member, id string) (audit.Message, error) {
	return one(ctx, s, "message", scanMessage, "SELECT "+messageColumns+" FROM messages WHERE organization = ? AND member = ? AND id = ?", organization, member, id)
}

// Messages is part of store.Messages.
func (s *Store) Messages(ctx context.Context, organization, member, after string, limit int) ([]audit.Message, error) {
	return newest(ctx, s, messagesOf(organization, member), after, limit, scanMessage)
}

// UnreadMessages is part of store.Messages.
func (s *Store) UnreadMessages(ctx context.Context, organization, member, after string, limit int) ([]audit.Message, error) {
	l := messagesOf(organization, member)
	l.only = "read_at = 0"
	return newest(ctx, s, l, after, limit, scanMessage)
}

func messagesOf(organization, member string) listing {
	return listing{table: "messages", columns: messageColumns, time: "created_at", where: []column{{"organization", organization}, {"member", member}}}
}

// Unread is part of store.Messages.
func (s *Store) Unread(ctx context.Context, organization, member string) (int, error) {
	return one(ctx, s, "number of messages", func(row scanner) (n int, err error) { err = row.Scan(&n); return n, err },
		"SELECT count(*) FROM messages WHERE organization = ? AND member = ? AND read_at = 0", organization, member)
}

// MarkRead is part of store.Messages. A message that was read keeps the time at which it first was.
func (s *Store) MarkRead(ctx context.Context, organization, member string, ids []string, at time.Time) error {
	statement := "UPDATE messages SET read_at = ? WHERE organization = ? AND member = ? AND read_at = 0"
	args := []any{toMillis(at), organization, member}
	if ids != nil {
		list, err := json.Marshal(ids)
		if err != nil {
			return audit.WithCause(audit.CodeInternal, err, "could not mark the messages as read")
		}
		statement, args = statement+" AND id IN (SELECT value FROM json_each(?))", append(args, string(list))
	}
	_, err := s.exec(ctx, "mark the messages as read", statement, args...)
	return err
}
