package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"github.com/audittrail/audittrail/audit"
)

const (
	contentJSON   = "application/json"
	contentNDJSON = "application/x-ndjson"
)

// itemResult is what became of one event of a request.
type itemResult struct {
	id     string
	status audit.AppendStatus
	errors []audit.FieldError
}

// batch is what a request of events holds.
type batch struct {
	results []itemResult
	// events are the valid ones; at[i] is where the i-th of them stands in results.
	events []*audit.Event
	at     []int
}

// ingest is POST /v1/events.
func (s *Server) ingest(r *request) error {
	if _, err := r.oneOf("wait", "", "searchable"); err != nil {
		return err
	}
	mediaType, err := wantContent(&r.c.Request().Header, contentJSON, contentNDJSON)
	if err != nil {
		return err
	}
	body, done, err := decodedBody(r.c.Request(), audit.MaxRequestBytes)
	if err != nil {
		return err
	}
	defer done()
	switch {
	case mediaType == contentNDJSON:
		lines := audit.SplitLines(body)
		if len(lines) > audit.MaxRequestEvents {
			return audit.Errorf(audit.CodeTooLarge, "more than %d events in one request", audit.MaxRequestEvents)
		}
		return s.ingestBatch(r, lines)
	case isArray(body):
		elements, err := audit.SplitArray(body)
		if err != nil {
			return err
		}
		return s.ingestBatch(r, elements)
	}
	return s.ingestOne(r, body)
}

func isArray(body []byte) bool {
	body = bytes.TrimLeft(body, " \t\r\n")
	return len(body) > 0 && body[0] == '['
}

// ingestOne stores a single event: 201, or 200 where it was stored already.
func (s *Server) ingestOne(r *request, body []byte) error {
	var e audit.Event
	if err := s.readEvent(body, &e); err != nil {
		s.metrics.observeEvents(0, 0, 1)
		return err
	}
	statuses, err := s.store(r, []*audit.Event{&e})
	if err != nil {
		return err
	}
	status := http.StatusOK
	if statuses[0] == audit.StatusCreated {
		status = http.StatusCreated
		r.c.Response().Header.Set(fiber.HeaderLocation, eventPath(e.ID))
		s.metrics.observeEvents(1, 0, 0)
	} else {
		s.metrics.observeEvents(0, 1, 0)
	}
	answer := appendQuoted([]byte(`{"id":`), e.ID)
	answer = append(appendQuoted(append(answer, `,"status":`...), string(statuses[0])), '}')
	return r.body(status, contentJSON, answer)
}

// ingestBatch stores every valid event of several, and answers what became of each.
func (s *Server) ingestBatch(r *request, items [][]byte) error {
	b := batch{results: make([]itemResult, len(items)), events: make([]*audit.Event, 0, len(items)), at: make([]int, 0, len(items))}
	space := make([]audit.Event, len(items)) // one piece of memory instead of one an event
	for i, item := range items {
		e := &space[i]
		if err := s.readEvent(item, e); err != nil {
			b.results[i] = itemResult{status: audit.StatusRejected, errors: itemErrors(err)}
			continue
		}
		b.results[i].id = e.ID
		b.events = append(b.events, e)
		b.at = append(b.at, i)
	}
	if len(b.events) > 0 {
		statuses, err := s.store(r, b.events)
		if err != nil {
			return err
		}
		for i, status := range statuses {
			b.results[b.at[i]].status = status
		}
	}
	answer, created, duplicates, rejected := b.answer()
	s.metrics.observeEvents(created, duplicates, rejected)
	return r.body(http.StatusOK, contentJSON, answer)
}

// store stores the events and, where the client wants to wait for that, sees to it that they are found. Where that fails they are not acknowledged: sent
// again they are duplicates, and waited for.
func (s *Server) store(r *request, events []*audit.Event) ([]audit.AppendStatus, error) {
	statuses, err := s.cfg.Ingester.Append(r.ctx, r.by.Organization, events)
	if err == nil && s.cfg.Searchable != nil && r.query.Get("wait") != "" {
		err = s.cfg.Searchable(r.ctx)
	}
	return statuses, err
}

// readEvent reads, checks and completes one event.
func (s *Server) readEvent(data []byte, dst *audit.Event) error {
	e, err := audit.DecodeEvent(data)
	if err != nil {
		return err
	}
	if err := e.Validate(s.now()); err != nil {
		return err
	}
	if e.ID == "" {
		e.ID = newID()
	}
	if s.cfg.GeoIP != nil && e.Source.IP.IsValid() && e.Source.Location == (audit.Location{}) {
		if place, ok := s.cfg.GeoIP(e.Source.IP); ok {
			e.Source.Location = place
		}
	}
	*dst = e
	return nil
}

// itemErrors returns what is wrong with one item. What concerns all of it has the empty path.
func itemErrors(err error) []audit.FieldError {
	var known *audit.Error
	if !errors.As(err, &known) {
		return []audit.FieldError{{Message: "could not be read"}}
	}
	if len(known.Fields) == 0 {
		return []audit.FieldError{{Message: known.Message}}
	}
	return known.Fields
}

// answer writes the results by hand: with a thousand events encoding/json would cost as much as reading them.
func (b *batch) answer() (answer []byte, created, duplicates, rejected int) {
	for i := range b.results {
		switch b.results[i].status {
		case audit.StatusCreated:
			created++
		case audit.StatusDuplicate:
			duplicates++
		default:
			rejected++
		}
	}
	answer = make([]byte, 0, 128+100*len(b.results))
	answer = strconv.AppendInt(append(answer, `{"created":`...), int64(created), 10)
	answer = strconv.AppendInt(append(answer, `,"duplicates":`...), int64(duplicates), 10)
	answer = strconv.AppendInt(append(answer, `,"rejected":`...), int64(rejected), 10)
	answer = append(answer, `,"results":[`...)
	for i := range b.results {
		if i > 0 {
			answer = append(answer, ',')
		}
		answer = b.results[i].append(answer, i)
	}
	return append(answer, "]}"...), created, duplicates, rejected
}

func (item *itemResult) append(dst []byte, index int) []byte {
	dst = strconv.AppendInt(append(dst, `{"index":`...), int64(index), 10)
	if item.id != "" {
		dst = appendQuoted(append(dst, `,"id":`...), item.id)
	}
	dst = appendQuoted(append(dst, `,"status":`...), string(item.status))
	if len(item.errors) > 0 {
		list, err := json.Marshal(item.errors)
		if err == nil { // two strings each: it always succeeds
			dst = append(append(dst, `,"errors":`...), list...)
		}
	}
	return append(dst, '}')
}

// appendQuoted appends v as a JSON string.
func appendQuoted(dst []byte, v string) []byte {
	for i := range len(v) {
		if c := v[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted, err := json.Marshal(v)
			if err != nil { // a string always marshals
				return append(dst, `""`...)
			}
			return append(dst, quoted...)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, v...)
	return append(dst, '"')
}
