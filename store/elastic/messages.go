package elastic

import (
	"context"
	"slices"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// AddMessage is part of store.Messages.
func (s *Store) AddMessage(ctx context.Context, message audit.Message) error {
	if err := validIDs(named{"organization", message.Organization}, named{"id", message.ID}, named{"member", message.Member}); err != nil {
		return err
	}
	normalizeMessage(&message)
	body, err := marshal(message)
	if err != nil {
		return err
	}
	d := messageDocument(message)
	d.Body = body
	_, err = s.apply(ctx, write{action: "create", id: docID(kindMessage, d.Organization, d.ID), body: &d})
	if err == errRaced { //nolint:errorlint // apply's own: the message is there
		return nil
	}
	return fault(err, "write the message")
}

func normalizeMessage(m *audit.Message) {
	normalize(&m.CreatedAt, &m.From, &m.To)
	m.Events = slices.Clone(m.Events) // the caller's stay as they are
	for i := range m.Events {
		normalize(&m.Events[i].Time)
	}
}

func messageDocument(m audit.Message) document {
	return document{Kind: kindMessage, Organization: m.Organization, ID: m.ID, Owner: m.Member, At: toMillis(m.CreatedAt),
		ReadAt: toMillis(m.ReadAt), Unread: m.ReadAt.IsZero()}
}

func readMessage(d *stored) (audit.Message, error) {
	message := audit.Message{Organization: d.Organization, Member: d.Owner}
	if err := decode(&d.document, &message); err != nil {
		return message, err
	}
	message.ReadAt = fromMillis(d.ReadAt)
	return message, nil
}

// Message is part of store.Messages.
func (s *Store) Message(ctx context.Context, organization, member, id string) (audit.Message, error) {
	d, err := s.one(ctx, kindMessage, organization, id)
	if err == nil && d.Owner != member {
		err = audit.NotFound(string(kindMessage))
	}
	if err != nil {
		return audit.Message{}, err
	}
	return readMessage(d)
}

// Messages is part of store.Messages.
func (s *Store) Messages(ctx context.Context, organization, member, after string, limit int) ([]audit.Message, error) {
	return newest(ctx, s, kindMessage, organization, &member, after, limit, readMessage)
}

// UnreadMessages is part of store.Messages.
func (s *Store) UnreadMessages(ctx context.Context, organization, member, after string, limit int) ([]audit.Message, error) {
	return newest(ctx, s, kindMessage, organization, &member, after, limit, readMessage, isUnread)
}

// isUnread restricts a listing to messages that nobody has read.
var isUnread = map[string]any{"term": map[string]any{"unread": true}}

// unread is the list of a member's unread messages.
func unread(organization, member string) listing {
	return listing{kind: kindMessage, byTime: true, descending: true, fields: []string{"id", "at"}, filters: []map[string]any{
		of("organization", organization), of("owner", member), isUnread}}
}

// Unread is part of store.Messages.
func (s *Store) Unread(ctx context.Context, organization, member string) (int, error) {
	if !findable(organization, member) {
		return 0, lost(organization)
	}
	if err := s.fresh.Do(ctx); err != nil {
		return 0, fault(err, "count the messages")
	}
	answer, err := s.search(ctx, map[string]any{"query": unread(organization, member).query(), "size": 0, "track_total_hits": true})
	if err != nil {
		return 0, fault(err, "count the messages")
	}
	return answer.Hits.Total.Value, nil
}

// MarkRead is part of store.Messages. All means all that are there when the call begins.
func (s *Store) MarkRead(ctx context.Context, organization, member string, ids []string, at time.Time) error {
	if !findable(organization, member) {
		return lost(organization)
	}
	if ids == nil {
		err := s.each(ctx, unread(organization, member), maxPage, func(d *stored) error {
			ids = append(ids, d.ID)
			return nil
		})
		if err != nil {
			return fault(err, "mark the messages as read")
		}
	}
	docs := make([]string, 0, len(ids))
	for _, id := range ids {
		if findable(id) {
			docs = append(docs, docID(kindMessage, organization, id))
		}
	}
	slices.Sort(docs)
	for part := range slices.Chunk(slices.Compact(docs), maxPage) {
		err := untilFirst(ctx, func() (err error) {
			part, err = s.markRead(ctx, part, member, at)
			return err
		})
		if err != nil {
			return fault(err, "mark the messages as read")
		}
	}
	return nil
}

// markRead marks the messages of the documents that are the member's and unread. It returns those that someone else wrote at the same time, and errRaced
// where there are some.
func (s *Store) markRead(ctx context.Context, docs []string, member string, at time.Time) ([]string, error) {
	list, err := s.getAll(ctx, docs, "owner", "unread")
	if err != nil {
		return docs, err
	}
	var writes []write
	for i, d := range list {
		if d != nil && d.Owner == member && d.Unread {
			writes = append(writes, write{action: "update", id: docs[i], was: d, body: map[string]any{"unread": false, "read_at": toMillis(at)}})
		}
	}
	if len(writes) == 0 {
		return nil, nil
	}
	outcomes, err := s.applyAll(ctx, writes)
	if err != nil {
		return docs, err
	}
	var raced []string
	for i, o := range outcomes {
		if o.raced {
			raced = append(raced, writes[i].id)
		}
	}
	if raced != nil {
		return raced, errRaced
	}
	return nil, nil
}
