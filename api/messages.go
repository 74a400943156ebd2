package api

import (
	"context"
	"net/http"

	"github.com/audittrail/audittrail/audit"
)

// getMessage is GET /v1/messages/{id}: one of the caller's own, as far as their role sees the events that it names.
func (s *Server) getMessage(r *request) error {
	id, err := r.param("id")
	if err != nil {
		return err
	}
	message, err := s.cfg.Messages.Message(r.ctx, r.by.Organization, r.by.Member, id)
	if err != nil {
		return err
	}
	shown := []audit.Message{message}
	if err := s.showMessages(r.ctx, r.by, shown); err != nil {
		return err
	}
	return r.json(http.StatusOK, shown[0])
}

// showMessages makes of messages what the principal may read of them now: without events that their role no longer sees, and without who was erased.
func (s *Server) showMessages(ctx context.Context, by audit.Principal, messages []audit.Message) error {
	var people []string
	for i := range messages {
		messages[i] = messages[i].For(by)
		for _, e := range messages[i].Events {
			people = append(people, e.People...)
		}
	}
	if s.cfg.Erasures == nil || len(messages) == 0 {
		return nil
	}
	pseudonyms, err := s.cfg.Erasures.Pseudonyms(ctx, by.Organization, people)
	if err != nil {
		return err
	}
	for i := range messages {
		messages[i] = pseudonyms.Message(messages[i])
	}
	return nil
}

// listMessages is GET /v1/messages: the caller's own Message Center.
func (s *Server) listMessages(r *request) error {
	limit, limitErr := r.limit(audit.DefaultPage, audit.MaxPage)
	after, afterErr := r.single("cursor")
	only, onlyErr := r.oneOf("unread", "false", "true")
	if err := joinFields(limitErr, afterErr, onlyErr); err != nil {
		return err
	}
	read := s.cfg.Messages.Messages
	if only == "true" {
		read = s.cfg.Messages.UnreadMessages
	}
	messages, err := read(r.ctx, r.by.Organization, r.by.Member, after, limit)
	if err != nil {
		return cursorError(err)
	}
	if err := s.showMessages(r.ctx, r.by, messages); err != nil {
		return err
	}
	unread, err := s.cfg.Messages.Unread(r.ctx, r.by.Organization, r.by.Member)
	if err != nil {
		return err
	}
	answer := list("messages", messages, len(messages) == limit, func() string { return messages[len(messages)-1].ID })
	answer["unread"] = unread
	return r.json(http.StatusOK, answer)
}

// readInput is the body of POST /v1/messages/read.
type readInput struct {
	IDs *[]string `json:"ids"`
	All bool      `json:"all"`
}

// readMessages is POST /v1/messages/read.
func (s *Server) readMessages(r *request) error {
	var in readInput
	if err := r.readJSON(&in); err != nil {
		return err
	}
	var ids []string
	switch {
	case in.All == (in.IDs != nil):
		return audit.InvalidField("ids", "is required, or all: true in its place")
	case in.IDs != nil && len(*in.IDs) > audit.MaxPage:
		return audit.InvalidField("ids", "has %d entries; at most %d are allowed", len(*in.IDs), audit.MaxPage)
	case in.IDs != nil:
		ids = append([]string{}, *in.IDs...) // never nil, which would mean all
	}
	if err := s.cfg.Messages.MarkRead(r.ctx, r.by.Organization, r.by.Member, ids, s.now().UTC().Truncate(audit.TimePrecision)); err != nil {
		return err
	}
	unread, err := s.cfg.Messages.Unread(r.ctx, r.by.Organization, r.by.Member)
	if err != nil {
		return err
	}
	return r.json(http.StatusOK, map[string]int{"unread": unread})
}
