package api

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/audittrail/audittrail/audit"
)

const (
	// streamWindow is how many of the newest messages a stream watches, and streamMax how many it catches up on at most.
	streamWindow = 100
	streamMax    = 1000
	pollTimeout  = 10 * time.Second
)

// messageStream sends a member's new messages as they come.
type messageStream struct {
	server *Server
	by     audit.Principal
	shown  credential
	id     string // of the request
	conn   net.Conn
	// seen holds the ids of the newest messages as of the last look.
	seen map[string]bool
	// last is the client's Last-Event-ID; "" once it was used.
	last string
}

// streamMessages is GET /v1/messages/stream: server-sent events, one a message, with the message's id as event id. A client that
// comes back with Last-Event-ID gets what it missed; one that comes without gets what is new from now on.
func (s *Server) streamMessages(r *request) error {
	if s.streams.Add(1) > int64(s.cfg.Limits.Streams) {
		s.streams.Add(-1)
		return audit.Unavailable(nil, 10*time.Second, "too many message streams are open; try again later, or poll GET /v1/messages")
	}
	m := &messageStream{server: s, by: r.by, shown: r.shown, id: r.id, conn: r.c.Context().Conn(),
		last: string(r.c.Request().Header.Peek("Last-Event-ID"))}
	first, err := m.poll(r.ctx)
	if err == nil {
		err = r.c.Context().SetWriteDeadline(m.deadline())
	}
	if err != nil {
		s.streams.Add(-1)
		return err
	}
	s.metrics.streams.Inc()
	header := &r.c.Response().Header
	header.SetContentType("text/event-stream; charset=utf-8")
	header.Set("X-Accel-Buffering", "no") // proxies must not gather it
	r.c.Response().SetStatusCode(http.StatusOK)
	r.kept = true
	ctx, cancel := r.ctx, r.cancel
	r.c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		defer func() {
			cancel()
			s.streams.Add(-1)
			s.metrics.streams.Dec()
			if p := recover(); p != nil {
				s.log.Error("api: message stream panicked", slog.String("request_id", m.id), slog.Any("panic", p))
			}
		}()
		m.run(ctx, w, first)
	})
	return nil
}

func (m *messageStream) deadline() time.Time { return time.Now().Add(m.server.cfg.Limits.WriteTimeout) }

// run sends until the client leaves, the key or session stops working or the server shuts down.
func (m *messageStream) run(ctx context.Context, w *bufio.Writer, messages []audit.Message) {
	limits := m.server.cfg.Limits
	poll := time.NewTicker(limits.StreamInterval)
	defer poll.Stop()
	heartbeat := time.NewTicker(limits.Heartbeat)
	defer heartbeat.Stop()
	text := ": connected\nretry: 2000\n\n"
	for {
		for _, message := range messages {
			text += sseEvent(message)
		}
		if !m.write(w, text) {
			return
		}
		messages, text = nil, ""
		select {
		case <-ctx.Done():
			return
		case <-m.server.draining:
			return
		case <-heartbeat.C:
			text = ": still here\n\n"
		case <-poll.C:
			var err error
			if messages, err = m.next(ctx); err != nil {
				if audit.CodeOf(err) == audit.CodeUnauthenticated {
					return
				}
				m.server.log.Warn("api: message stream not read", slog.String("request_id", m.id), slog.Any("error", err))
			}
		}
	}
}

// write sends the text and says whether the client is still there.
func (m *messageStream) write(w *bufio.Writer, text string) bool {
	if text == "" {
		return true
	}
	if err := m.conn.SetWriteDeadline(m.deadline()); err != nil {
		return false
	}
	if _, err := w.WriteString(text); err != nil {
		return false
	}
	return w.Flush() == nil
}

func (m *messageStream) next(ctx context.Context) ([]audit.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	if err := m.server.auth.check(ctx, m.shown); err != nil {
		return nil, err
	}
	return m.poll(ctx)
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
	return fresh, nil
}

func sseEvent(message audit.Message) string {
	data, err := json.Marshal(message)
	if err != nil { // strings, ints and times of the store always marshal
		return ""
	}
	id := strings.NewReplacer("\n", "", "\r", "", "\x00", "").Replace(message.ID)
	return fmt.Sprintf("id: %s\nevent: message\ndata: %s\n\n", id, data)
}
