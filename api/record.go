package api

import (
	"context"
	"log/slog"
	"net/netip"
	"strings"
	"time"
	"unicode"

	"github.com/audittrail/audittrail/audit"
)

// failureTimeout bounds how long the second record of a change that failed may take.
const failureTimeout = 5 * time.Second

// entry is what the trail keeps about its own use.
type entry struct {
	action   string
	message  string
	targets  []audit.Target
	changes  []audit.Change
	metadata map[string]string
	// at is when it happened; zero: now. system says that not a person but the server, or whoever runs it, did it.
	at     time.Time
	system bool
	// actor is who did it, where that is neither a member nor the server.
	actor audit.Actor
}

// origin is from where something was asked for, for the record. A zero request is unknown: it did not come through a route of the API.
type origin struct {
	source  audit.Source
	request string
}

// origin says from where the request comes.
func (r *request) origin() origin {
	return origin{source: audit.Source{IP: remoteAddr(r), UserAgent: string(r.c.Request().Header.UserAgent())}, request: r.id}
}

// record stores, durably, that someone used the trail. Where it cannot, its error is the request's: nothing is shown or changed unrecorded.
func (s *Server) record(ctx context.Context, r *request, by audit.Principal, e entry) error {
	return s.append(ctx, r.origin(), by, e, audit.OutcomeSuccess)
}

func (s *Server) append(ctx context.Context, from origin, by audit.Principal, e entry, outcome audit.Outcome) error {
	event := s.ownEvent(from, by, e, outcome)
	if err := event.Validate(s.now()); err != nil {
		return audit.WithCause(audit.CodeInternal, err, "the use of the trail could not be recorded, so nothing was done")
	}
	_, err := s.cfg.Ingester.Append(ctx, by.Organization, []*audit.Event{event})
	return err
}

// ownEvent is what an entry becomes.
func (s *Server) ownEvent(from origin, by audit.Principal, e entry, outcome audit.Outcome) *audit.Event {
	if e.at.IsZero() {
		e.at = s.now()
	}
	event := &audit.Event{
		ID: newID(), Time: e.at.UTC().Truncate(audit.TimePrecision), Log: audit.LogOperation, Action: e.action, Outcome: outcome,
		Actor:   audit.Actor{ID: by.Member, Name: by.MemberName, Type: "member"},
		Targets: e.targets, Source: from.source,
		Message: cut(e.message, audit.MaxMessageBytes), Changes: e.changes, Metadata: map[string]string{},
	}
	if e.system {
		event.Actor = audit.Actor{ID: "audit_trail", Name: "Audittrail", Type: "system"}
	}
	if e.actor.ID != "" {
		event.Actor = e.actor
	}
	event.Source.UserAgent = cut(event.Source.UserAgent, audit.MaxValueBytes)
	if event.Source.Platform == "" && !e.system {
		event.Source.Platform = "api"
		if by.Session != "" {
			event.Source.Platform = "web"
		}
	}
	for name, value := range map[string]string{"request_id": from.request, "key": by.Key, "session": by.Session} {
		if value != "" {
			event.Metadata[name] = value
		}
	}
	for k, v := range e.metadata {
		if v != "" {
			event.Metadata[k] = cut(v, audit.MaxValueBytes)
		}
	}
	if s.cfg.GeoIP != nil && event.Source.IP.IsValid() {
		event.Source.Location, _ = s.cfg.GeoIP(event.Source.IP)
	}
	return event
}

// recorded records a change that a request makes, and then makes it: see recordedFrom.
func (s *Server) recorded(r *request, by audit.Principal, e entry, change func() error) error {
	return s.recordedFrom(r.ctx, r.origin(), by, e, change)
}

// recordedFrom records a change and then makes it. In this order a crash between the two leaves a record of something that was not
// done, never the opposite; where the change fails, a second record with the outcome failure says so.
func (s *Server) recordedFrom(ctx context.Context, from origin, by audit.Principal, e entry, change func() error) error {
	if err := s.append(ctx, from, by, e, audit.OutcomeSuccess); err != nil {
		return err
	}
	err := change()
	if err == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), failureTimeout)
	defer cancel()
	e.message += ", which failed"
	if again := s.append(ctx, from, by, e, audit.OutcomeFailure); again != nil {
		s.log.Error("api: failure of a recorded change not recorded", slog.String("request_id", from.request), slog.String("action", e.action), slog.Any("error", again))
	}
	return err
}

func remoteAddr(r *request) netip.Addr {
	return addressOf(r.c.Context())
}

// cutID is what an event can say of an id that a request named and nobody may have: without characters that no id has.
func cutID(id string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return '?'
		}
		return c
	}, cut(id, audit.MaxIDBytes))
}

// cut makes text fit into a field of an event.
func cut(v string, most int) string {
	v = strings.Map(func(c rune) rune {
		if c < ' ' && c != '\n' && c != '\t' || c >= 0x7f && c < 0xa0 {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(v, "\uFFFD"))
	if len(v) <= most {
		return v
	}
	return strings.ToValidUTF8(v[:most-len("…")], "") + "…"
}
