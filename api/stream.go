package api

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/audittrail/audittrail/audit"
)

const (
	// streamWindow is how many of the newest messages a stream watches, and streamMax how many it catches up on at most.
	streamWindow = 100
	streamMax    = 1000
)

// messageStream sends a member's new messages as they come.
type messageStream struct {
	server *Server
	by     audit.Principal
	shown  credential
	// seen holds the ids of the newest messages as of the last look.
	seen map[string]bool
	// last is the client's Last-Event-ID; "" once it was used.
	last string
}

// streamMessages is GET /v1/messages/stream: server-sent events, one a message, with the message's id as event id. A client that
// comes back with Last-Event-ID gets what it missed; one that comes without gets what is new from now on.
func (s *Server) streamMessages(r *request) error {
	m := &messageStream{server: s, by: r.by, shown: r.shown, last: string(r.c.Request().Header.Peek(headerLastEvent))}
	return s.stream(r, func() (feed, string, error) {
		first, err := m.poll(r.ctx)
		return m, sseMessages(first), err
	})
}

func (m *messageStream) news() <-chan struct{} { return nil }

func (m *messageStream) close() {}

func (m *messageStream) next(ctx context.Context) (string, error) {
	if err := m.server.stillMay(ctx, m.by, m.shown, audit.ScopeEventsRead); err != nil {
		return "", err
	}
	messages, err := m.poll(ctx)
	return sseMessages(messages), err
}

// poll returns the messages that the client has not had, oldest first.
func (m *messageStream) poll(ctx context.Context) ([]audit.Message, error) {
	var fresh []audit.Message
	window := map[string]bool{}
	known := m.seen == nil && m.last == "" // without a past everything is known
	for after := ""; ; {
		page, err := m.server.cfg.Messages.Messages(ctx, m.by.Organization, m.by.Member, after, streamWindow)
		if err != nil {
			return nil, err
		}
		for _, message := range page {
			window[message.ID] = true
			if m.seen[message.ID] || m.seen == nil && message.ID == m.last {
				known = true
			} else if m.seen != nil || !known {
				fresh = append(fresh, message)
			}
		}
		if known || len(page) < streamWindow || len(fresh) >= streamMax {
			break
		}
		after = page[len(page)-1].ID
	}
	if m.seen == nil && !known {
		fresh = nil // a Last-Event-ID that is not among the newest: nothing can be said to be missing
	}
	m.seen, m.last = window, ""
	slices.Reverse(fresh)
	return fresh, m.server.showMessages(ctx, m.by, fresh)
}

func sseMessages(messages []audit.Message) string {
	var text strings.Builder
	for _, message := range messages {
		data, err := json.Marshal(message)
		if err != nil { // strings, ints and times of the store always marshal
			continue
		}
		id := strings.NewReplacer("\n", "", "\r", "", "\x00", "").Replace(message.ID)
		fmt.Fprintf(&text, "id: %s\nevent: message\ndata: %s\n\n", id, data)
	}
	return text.String()
}
