package console

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// preset is a span of time that ends now.
type preset struct {
	Value, Label string
	days         int
}

// presets are what the filter of time offers. "" is all that is kept, and "range" what the fields beside it say.
var presets = []preset{
	{"", "All six months", 0}, {"today", "Today", 1}, {"7d", "Last 7 days", 7}, {"30d", "Last 30 days", 30}, {"90d", "Last 90 days", 90}, {"range", "From … to …", 0},
}

// hideReading leaves out what is recorded when somebody looks at the trail. What else the trail records of itself, exports and keys above all, matters too
// much to be left out.
var hideReading = func() audit.And {
	var all audit.And
	for _, action := range audit.ReadingActions() {
		all = append(all, audit.Not{Expr: audit.Qualifier{Field: audit.FieldAction, Value: action}})
	}
	return all
}()

// trailQuery is what the address of a list asks for.
type trailQuery struct {
	page trailPage
	zone *time.Location
	now  time.Time
	// values are the filters as the address has them, without empty ones and without the place in the list.
	values url.Values
	cursor string
	// back are the cursors of the pages before this one, the newest page (which has none) left out.
	back []string
	// event is the one that is shown beside the list.
	event string
	exact bool
}

// formNames are the filters that an address of a list may hold.
var formNames = []string{"q", "range", "action", "actor", "outcome", "platform", "ip", "place", "notplace", "when", "from", "to", "own"}

// placeNames are the other parameters of a list: the place in it, and what is shown beside it.
var placeNames = []string{"cursor", "back", "event", "total", "limit", "overview"}

// maxBack is how many pages back one can turn. From farther on one begins again: tooFar then stands for the pages that are not kept.
const (
	maxBack = 20
	tooFar  = "-"
)

func (r *request) trailQuery(page trailPage) trailQuery {
	t := trailQuery{page: page, zone: r.zone, now: r.con.now(), values: url.Values{}}
	for _, name := range formNames {
		if some := filled(r.query[name]); some != nil {
			t.values[name] = some
		}
	}
	if days, err := t.days(); days > 0 {
		t.values.Del("from")
		t.values.Del("to")
	} else if err == nil && !t.values.Has("from") && !t.values.Has("to") {
		t.values.Del("when")
	}
	t.cursor, t.event, t.exact = r.query.Get("cursor"), r.query.Get("event"), r.query.Get("total") == "exact"
	if back := r.query.Get("back"); back != "" {
		t.back = strings.Split(back, "~")
	}
	return t
}

// checkNames refuses parameters that no list has: one that is mistyped would be a filter that silently does not filter.
func (r *request) checkNames() error {
	var wrong []audit.FieldError
	for _, name := range sortedKeys(r.query) {
		if !slices.Contains(formNames, name) && !slices.Contains(placeNames, name) {
			wrong = append(wrong, audit.FieldError{Field: shorten(name), Message: "is not a filter of this list; it has " + strings.Join(formNames, ", ")})
		}
	}
	if wrong == nil {
		return nil
	}
	return audit.Invalid(wrong...)
}

// filters are the parameters of GET /v1/events that the query means. An error names the field.
func (t trailQuery) filters() (url.Values, error) {
	values := url.Values{"log": {string(t.page.log)}}
	for _, name := range []string{"range", "action", "actor", "outcome", "ip"} {
		if some := t.values[name]; some != nil {
			values[name] = some
		}
	}
	from, to, err := t.span()
	if err != nil {
		return nil, err
	}
	if !from.IsZero() {
		values.Set("from", from.UTC().Format(audit.TimeLayout))
	}
	if !to.IsZero() {
		values.Set("to", to.UTC().Format(audit.TimeLayout))
	}
	text, err := t.text()
	if err != nil {
		return nil, err
	}
	if text != "" {
		values.Set("q", text)
	}
	return values, nil
}

// text is the text that was typed, with what the other fields add to it.
func (t trailQuery) text() (string, error) {
	typed := t.values.Get("q")
	expr, err := audit.ParseText(typed)
	if err != nil {
		return "", err
	}
	var more audit.And
	for _, platform := range t.values["platform"] {
		more = append(more, audit.Qualifier{Field: audit.FieldPlatform, Value: platform})
	}
	// A place is found by its words: a country is the two letters that rows show.
	for _, place := range t.values["place"] {
		more = append(more, audit.Words{Text: place})
	}
	for _, place := range t.values["notplace"] {
		more = append(more, audit.Not{Expr: audit.Words{Text: place}})
	}
	if t.hidesOwn() {
		more = append(more, hideReading...)
	}
	if len(more) == 0 {
		return typed, nil
	}
	if typed != "" {
		more = append(more, expr)
	}
	return more.String(), nil
}

// hidesOwn says whether the trail's own reading is left out: where it could be seen, unless it is asked for.
func (t trailQuery) hidesOwn() bool {
	own := func(name string) bool { return audit.RangeOf(name) == audit.RangeAuditTrail }
	return t.page.log == audit.LogOperation && t.values.Get("own") != "show" && !slices.ContainsFunc(t.values["range"], own) &&
		!slices.ContainsFunc(t.values["action"], own) && !strings.Contains(t.values.Get("q"), audit.RangeAuditTrail)
}

// span is the time that is asked for; zero where it is open.
func (t trailQuery) span() (from, to time.Time, err error) {
	days, err := t.days()
	if err != nil {
		return from, to, err
	}
	if days > 0 {
		year, month, day := t.now.In(t.zone).Date()
		return time.Date(year, month, day-days+1, 0, 0, 0, 0, t.zone), time.Time{}, nil
	}
	if from, err = t.moment("from", 0); err != nil {
		return from, to, err
	}
	to, err = t.moment("to", 1)
	return from, to, err
}

// days is how many days until now the choice of time means; 0 where it leaves the time to from and to. One that is mistyped would be all of the time.
func (t trailQuery) days() (int, error) {
	when := t.values.Get("when")
	for _, p := range presets {
		if p.Value == when {
			return p.days, nil
		}
	}
	return 0, audit.InvalidField("when", "%q is not a choice of time: must be today, 7d, 30d, 90d or range", shorten(when))
}

// moment reads a time: with an offset, or a day or a minute of the reader's zone. A day that ends a span is part of it: days is then 1.
func (t trailQuery) moment(field string, days int) (time.Time, error) {
	text := t.values.Get(field)
	if text == "" {
		return time.Time{}, nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05"} {
		if at, err := time.ParseInLocation(layout, text, t.zone); err == nil {
			return at, nil
		}
	}
	at, err := time.ParseInLocation(time.DateOnly, text, t.zone)
	if err != nil {
		return at, audit.InvalidField(field, "%q is neither a day, like 2026-11-20, nor a time, like 2026-11-20T08:15", shorten(text))
	}
	return at.AddDate(0, 0, days), nil
}

// address is the list with the filters, and with the pairs of names and values in place of theirs; an empty value takes a parameter away.
func (t trailQuery) address(pairs ...string) string {
	values := maps.Clone(t.values)
	for i := 0; i < len(pairs); i += 2 {
		values.Del(pairs[i])
		if pairs[i+1] != "" {
			values.Set(pairs[i], pairs[i+1])
		}
	}
	return addressOf(t.page.path, values)
}

// here is the page of the list that is shown, with the event or, where id is "", without one.
func (t trailQuery) here(id string) string {
	return t.address("cursor", t.cursor, "back", strings.Join(t.back, "~"), "event", id)
}

// without is the list from its newest page, with one value of a filter less.
func (t trailQuery) without(name, value string) string {
	values := maps.Clone(t.values)
	rest := slices.DeleteFunc(slices.Clone(values[name]), func(v string) bool { return v == value })
	if values.Del(name); len(rest) > 0 {
		values[name] = rest
	}
	return addressOf(t.page.path, values)
}

// newer is the page before this one; "" where there is none or it is too far back.
func (t trailQuery) newer() string {
	if t.cursor == "" {
		return ""
	}
	if len(t.back) == 0 {
		return t.address()
	}
	if t.back[len(t.back)-1] == tooFar {
		return ""
	}
	last := len(t.back) - 1
	return t.address("cursor", t.back[last], "back", strings.Join(t.back[:last], "~"))
}

// older is the page behind the cursor.
func (t trailQuery) older(next string) string {
	if next == "" {
		return ""
	}
	back := t.back
	if t.cursor != "" {
		back = append(slices.Clone(back), t.cursor)
	}
	if len(back) > maxBack {
		back = append([]string{tooFar}, back[len(back)-maxBack:]...)
	}
	return t.address("cursor", next, "back", strings.Join(back, "~"))
}

func addressOf(path string, values url.Values) string {
	if len(values) == 0 {
		return path
	}
	return path + "?" + values.Encode()
}

// shorten cuts what somebody typed, so that it can be repeated in a message.
func shorten(text string) string {
	if cut := []rune(text); len(cut) > 40 {
		return string(cut[:40]) + "…"
	}
	return text
}
