package api

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/fulltext"
)

const (
	headerLastEvent = "Last-Event-ID"
	// streamRecent is how many of the newest events a stream that begins looks at, to know what its client has had.
	streamRecent = 200
	// streamEventsShown is how many events one message of a stream holds; all that match are counted.
	streamEventsShown = 50
)

// eventStream sends the events that match a query as they are committed.
type eventStream struct {
	server   *Server
	by       audit.Principal
	shown    credential
	match    eventMatcher
	follower *follower
	// had is what the client has had, or has been sent.
	had audit.Followed
	// caught are the ids of what was found by a search, and may come from the tail again up to the reading of that number, which began after it.
	caught map[string]bool
	until  uint64
	// sent is when something was last sent.
	sent time.Time
	// behind says that something was lost that a search is to find.
	behind bool
}

// eventMatcher says which events a stream is about.
type eventMatcher struct {
	query audit.Query
	text  fulltext.Node // nil where there is none
	// reader is the member whose own reading is left out; "" where it is not.
	reader string
}

// reading are the actions by which looking at the trail announces itself.
var reading = audit.ReadingActions()

func newEventMatcher(q audit.Query, by audit.Principal) (eventMatcher, error) {
	m := eventMatcher{query: q}
	if !q.Names(audit.RangeAuditTrail) {
		m.reader = by.Member
	}
	if q.Text == "" {
		return m, nil
	}
	expr, err := audit.ParseText(q.Text)
	if err == nil {
		m.text = fulltext.Compile(expr)
	}
	return m, err
}

func (m *eventMatcher) takes(e *audit.Event) bool {
	return !m.ownReading(e) && m.query.Matches(e) && (m.text == nil || fulltext.Match(e, m.text))
}

func (m *eventMatcher) ownReading(e *audit.Event) bool {
	return m.reader != "" && e.Actor.ID == m.reader && slices.Contains(reading, e.Action)
}

// streamEvents is GET /v1/events/stream: server-sent events with what matches and is committed from now on, or since the Last-Event-ID.
func (s *Server) streamEvents(r *request) error {
	q, err := audit.ParseQuery(r.query)
	if err != nil {
		return err
	}
	if q, err = r.by.Narrow(q); err != nil {
		return err
	}
	e := &eventStream{server: s, by: r.by, shown: r.shown}
	if e.match, err = newEventMatcher(q, r.by); err != nil {
		return err
	}
	last := string(r.c.Request().Header.Peek(headerLastEvent))
	if last != "" {
		if e.had, err = audit.DecodeFollowed(r.by.Organization, q, last); err != nil {
			return err
		}
	}
	return s.stream(r, func() (feed, string, error) {
		ctx, cancel := context.WithTimeout(r.ctx, s.cfg.Limits.ReadTimeout)
		defer cancel()
		first, err := e.begin(ctx, last != "")
		if err == nil {
			query := q.Values().Encode()
			err = s.recordView(ctx, r, entry{action: audit.ActionEventsSearched, message: r.by.MemberName + " followed events",
				metadata: map[string]string{"query": query, "shown": strconv.Itoa(len(e.caught))}}, "follow "+query)
		}
		if err != nil {
			e.close()
			return nil, "", err
		}
		return e, first, nil
	})
}

// begin follows what arrives, and returns what a client that comes back has missed. One that comes without an id has had what there is.
func (e *eventStream) begin(ctx context.Context, back bool) (string, error) {
	if !back {
		if err := e.startNow(ctx); err != nil {
			return "", err
		}
	}
	var err error
	if e.follower, err = e.server.follow.join(ctx, e.by.Organization); err != nil {
		return "", err
	}
	if !back {
		return "id: " + e.had.Encode(e.by.Organization, e.match.query) + "\n\n", nil
	}
	return e.catchUp(ctx)
}

// startNow takes what there is for had.
func (e *eventStream) startNow(ctx context.Context) error {
	e.had = audit.FollowedUntil(e.server.now())
	page, err := e.newest(ctx, streamRecent)
	if err != nil {
		return err
	}
	for i := range page.Events {
		e.had.Note(&page.Events[i])
	}
	e.had.Reach(e.had.Since())
	return nil
}

func (e *eventStream) newest(ctx context.Context, limit int) (audit.Page, error) {
	return e.server.cfg.Events.Search(ctx, e.by.Organization, audit.Search{Query: e.match.query, Limit: limit})
}

// catchUp returns what the client has not had of the newest events. They are searched, as the place of a client says when it was there and not
// where in the tail: so it is good in any process, and costs one page however long the client was away.
func (e *eventStream) catchUp(ctx context.Context) (string, error) {
	page, err := e.newest(ctx, audit.MaxPage)
	if err != nil {
		return "", err
	}
	// Asked after the search: a reading that begins while it waits may be followed by another one that still brings what the search found.
	e.until, e.behind = e.follower.now()+1, false
	e.caught = map[string]bool{}
	missed := newHaul(&e.match)
	missed.more = page.Next != nil
	for i := range page.Events {
		event := &page.Events[i]
		if e.had.Had(event) {
			missed.more = false
			continue
		}
		e.caught[event.ID] = true
		missed.take(event)
	}
	return e.send(missed), nil
}

func (e *eventStream) news() <-chan struct{} { return e.follower.woken }

func (e *eventStream) close() {
	if e.follower != nil {
		e.follower.leave()
	}
}

// next implements feed. The reader's role is looked at each time: what it no longer sees must not be sent.
func (e *eventStream) next(ctx context.Context) (string, error) {
	if err := e.server.stillMay(ctx, e.by, e.shown, audit.ScopeEventsRead); err != nil {
		return "", err
	}
	if interval := e.server.cfg.Limits.StreamInterval; time.Since(e.sent) < interval-interval/10 {
		return "", nil // the next regular look comes soon enough
	}
	list, lost := e.follower.take()
	if e.behind = e.behind || lost; e.behind {
		return e.catchUp(ctx)
	}
	fresh := newHaul(&e.match)
	for _, a := range list {
		if a.read > e.until {
			e.caught = nil
		}
		for i := range a.events {
			if event := &a.events[i]; !e.caught[event.ID] {
				fresh.take(event)
			}
		}
	}
	return e.send(fresh), nil
}

// send notes what is sent, and returns its text; none where nothing matched.
func (e *eventStream) send(h *haul) string {
	for _, event := range h.events {
		e.had.Note(event)
	}
	e.had.Reach(h.latest)
	if h.matched == 0 {
		return ""
	}
	e.sent = time.Now()
	return fmt.Sprintf("event: events\nid: %s\ndata: %s\n\n", e.had.Encode(e.by.Organization, e.match.query), h.json())
}

// haul is what arrived at one time.
type haul struct {
	match   *eventMatcher
	matched int
	more    bool // and perhaps more than were counted
	events  []*audit.Event
	// latest is when the last of all was received, matching or not.
	latest time.Time
}

func newHaul(match *eventMatcher) *haul { return &haul{match: match} }

func (h *haul) take(e *audit.Event) {
	if e.ReceivedAt.After(h.latest) {
		h.latest = e.ReceivedAt
	}
	if h.match.takes(e) {
		h.matched++
		h.events = append(h.events, e)
	}
}

// json writes what matched, the newest events first, as GET /v1/events does.
func (h *haul) json() string {
	slices.SortStableFunc(h.events, func(a, b *audit.Event) int {
		if c := b.Time.Compare(a.Time); c != 0 {
			return c
		}
		return int(int64(audit.Tie(b.ID)) - int64(audit.Tie(a.ID)))
	})
	var text strings.Builder
	fmt.Fprintf(&text, `{"matched":%d,"events":[`, h.matched)
	for i, event := range h.events[:min(len(h.events), streamEventsShown)] {
		if i > 0 {
			text.WriteByte(',')
		}
		text.Write(appendEvent(nil, event, h.match.text))
	}
	text.WriteByte(']')
	if h.more {
		text.WriteString(`,"more":true`)
	}
	text.WriteByte('}')
	return text.String()
}
