package api

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/fulltext"
)

const pathEvents = "/v1/events"

// filterParams are the parameters that audit.ParseQuery reads.
var filterParams = []string{"log", "range", "action", "actor", "outcome", "ip", "from", "to", "q"}

func withFilters(more ...string) []string { return slices.Concat(filterParams, more) }

// eventPath is where an event is read. The id is escaped whole: it may hold slashes.
func eventPath(id string) string {
	switch id {
	case "summary": // as they are, these are other routes
		return pathEvents + "/%73ummary"
	case "stream":
		return pathEvents + "/%73tream"
	}
	return pathEvents + "/" + url.PathEscape(id)
}

// limit returns the parameter limit: 1 to most, standard where it is not given.
func (r *request) limit(standard, most int) (int, error) {
	text, err := r.single("limit")
	if err != nil || text == "" {
		return standard, err
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, audit.InvalidField("limit", "must be a whole number from 1 to %d", most)
	}
	return n, nil
}

// searchEvents is GET /v1/events.
func (s *Server) searchEvents(r *request) error {
	q, parseErr := audit.ParseQuery(r.query)
	limit, limitErr := r.limit(audit.DefaultPage, audit.MaxPage)
	count, countErr := r.countLimit()
	if err := joinFields(parseErr, limitErr, countErr); err != nil {
		return err
	}
	q, err := r.by.Narrow(q)
	if err != nil {
		return err
	}
	search := audit.Search{Query: q, Limit: limit, CountLimit: count}
	if search.After, err = r.cursor(q); err != nil {
		return err
	}
	page, err := s.cfg.Events.Search(r.ctx, r.by.Organization, search)
	if err != nil {
		return err
	}
	if err := s.record(r.ctx, r, r.by, entry{action: audit.ActionEventsSearched, message: r.by.MemberName + " searched events",
		metadata: map[string]string{"query": q.Values().Encode(), "shown": strconv.Itoa(len(page.Events))}}); err != nil {
		return err
	}
	body, err := appendPage(r.by.Organization, q, page, count != 0)
	if err != nil {
		return err
	}
	return r.body(http.StatusOK, contentJSON, body)
}

// countLimit reads the parameter total.
func (r *request) countLimit() (int, error) {
	total, err := r.oneOf("total", "bounded", "exact", "none")
	return map[string]int{"bounded": audit.DefaultCountLimit, "exact": audit.CountAll, "none": 0}[total], err
}

func (r *request) cursor(q audit.Query) (*audit.Position, error) {
	text, err := r.single("cursor")
	if err != nil || text == "" {
		return nil, err
	}
	position, err := audit.DecodeCursor(r.by.Organization, q, text)
	if err != nil {
		return nil, err
	}
	return &position, nil
}

// appendPage writes the answer to a search: every event as the trail writes it, with its highlights where there is text.
func appendPage(organization string, q audit.Query, page audit.Page, counted bool) ([]byte, error) {
	var node fulltext.Node
	if q.Text != "" {
		expr, err := audit.ParseText(q.Text)
		if err != nil {
			return nil, err
		}
		node = fulltext.Compile(expr)
	}
	body := make([]byte, 0, 256+1024*len(page.Events))
	body = append(body, `{"events":[`...)
	for i := range page.Events {
		if i > 0 {
			body = append(body, ',')
		}
		body = appendEvent(body, &page.Events[i], node)
	}
	body = append(body, ']')
	if page.Next != nil {
		body = appendQuoted(append(body, `,"next_cursor":`...), audit.EncodeCursor(organization, q, *page.Next))
	}
	if counted {
		body = strconv.AppendInt(append(body, `,"total":{"value":`...), page.Total.Value, 10)
		body = append(appendQuoted(append(body, `,"relation":`...), page.Total.Relation), '}')
	}
	return append(body, '}'), nil
}

// appendEvent appends the event and, where there is text to look for, its highlights as a last field.
func appendEvent(dst []byte, e *audit.Event, node fulltext.Node) []byte {
	dst = e.AppendJSON(dst)
	if node == nil {
		return dst
	}
	marks := fulltext.Highlights(e, node)
	if marks == nil {
		marks = map[string][][2]int{}
	}
	text, err := json.Marshal(marks)
	if err != nil { // strings and ints always marshal
		return dst
	}
	dst = append(dst[:len(dst)-1], `,"highlights":`...)
	return append(append(dst, text...), '}')
}

// getEvent is GET /v1/events/{id}.
func (s *Server) getEvent(r *request) error {
	id, err := r.param("id")
	if err != nil {
		return err
	}
	e, err := s.cfg.Events.Get(r.ctx, r.by.Organization, id)
	if err != nil {
		return err
	}
	if !r.by.Sees(&e) {
		return audit.NotFound("event")
	}
	if err := s.record(r.ctx, r, r.by, entry{action: audit.ActionEventViewed, message: r.by.MemberName + " viewed an event",
		targets: []audit.Target{{Type: "event", ID: e.ID}}}); err != nil {
		return err
	}
	return r.body(http.StatusOK, contentJSON, e.AppendJSON(nil))
}

// joinFields makes one CodeInvalid error of several, so that every wrong parameter is named at once. Another error stands alone.
func joinFields(errs ...error) error {
	var fields []audit.FieldError
	for _, err := range errs {
		if err == nil {
			continue
		}
		known := clientError(err)
		if known.Code != audit.CodeInvalid || len(known.Fields) == 0 {
			return err
		}
		fields = append(fields, known.Fields...)
	}
	if len(fields) == 0 {
		return nil
	}
	return audit.Invalid(fields...)
}
