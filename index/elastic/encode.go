package elastic

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/fulltext"
)

// ecsVersion is the Elastic Common Schema whose names documents use.
const ecsVersion = "8.17.0"

// categories are the ECS categories of the logs. Actions of a product may be of any.
var categories = map[audit.Log]string{audit.LogLogin: "authentication", audit.LogOperation: "configuration"}

// encoder writes documents as JSON. It keeps its buffers; one goroutine at a time uses it.
type encoder struct {
	dst    []byte
	tokens []fulltext.Token
	keys   []string
	values []valueTokens
}

// valueTokens is where the tokens of a searched value are.
type valueTokens struct {
	from, to      int
	actor, target bool
}

// document appends the document of an event, and a line's end. The stamp and the tie are not the event's own.
func (w *encoder) document(organization string, e *audit.Event, key int64, tie uint32, received time.Time) {
	w.raw(`{`)
	w.time("@timestamp", e.Time)
	w.raw(`,"ecs":{"version":"` + ecsVersion + `"},"event":{"kind":"event"`)
	w.field("id", e.ID)
	w.field("action", e.Action)
	w.field("category", categories[e.Log])
	outcome := e.Outcome
	if outcome == "" {
		outcome = audit.OutcomeUnknown
	}
	w.field("outcome", string(outcome))
	w.raw(`,`)
	w.time("ingested", received)
	w.raw(`},"organization":{`)
	w.field("id", organization)
	w.raw(`},"user":{`)
	w.field("id", e.Actor.ID)
	w.field("name", e.Actor.Name)
	w.raw(`}`)
	w.source(&e.Source)
	w.field("message", e.Message)
	w.labels(e.Metadata)
	w.audit(e, key, tie)
	w.raw("}\n")
}

func (w *encoder) source(s *audit.Source) {
	if s.IP.IsValid() || s.Location != (audit.Location{}) {
		w.raw(`,"source":{`)
		if s.IP.IsValid() {
			w.raw(`"ip":"`)
			w.dst = s.IP.AppendTo(w.dst)
			w.raw(`"`)
		}
		if s.Location != (audit.Location{}) {
			w.key("geo")
			w.raw(`{`)
			w.field("country_iso_code", s.Location.Country)
			w.field("city_name", s.Location.City)
			w.raw(`}`)
		}
		w.raw(`}`)
	}
	if s.UserAgent != "" {
		w.raw(`,"user_agent":{`)
		w.field("original", s.UserAgent)
		w.raw(`}`)
	}
}

func (w *encoder) labels(metadata map[string]string) {
	if len(metadata) == 0 {
		return
	}
	w.keys = w.keys[:0]
	for key := range metadata {
		w.keys = append(w.keys, key)
	}
	slices.Sort(w.keys)
	w.raw(`,"labels":{`)
	for _, key := range w.keys {
		w.key(key)
		w.dst = audit.AppendJSONString(w.dst, metadata[key])
	}
	w.raw(`}`)
}

// audit writes what ECS has no names for.
func (w *encoder) audit(e *audit.Event, key int64, tie uint32) {
	w.raw(`,"audit":{`)
	w.field("log", string(e.Log))
	w.field("range", e.Range())
	w.field("product", e.Product)
	w.field("platform", e.Source.Platform)
	if e.Actor.Type != "" {
		w.raw(`,"actor":{`)
		w.field("type", e.Actor.Type)
		w.raw(`}`)
	}
	for i := range e.Targets {
		w.element(i, `,"targets":[`)
		w.field("type", e.Targets[i].Type)
		w.field("id", e.Targets[i].ID)
		w.field("name", e.Targets[i].Name)
		w.ended(i, len(e.Targets))
	}
	for i := range e.Changes {
		w.element(i, `,"changes":[`)
		w.field("field", e.Changes[i].Field)
		w.field("old", e.Changes[i].Old)
		w.field("new", e.Changes[i].New)
		w.ended(i, len(e.Changes))
	}
	w.raw(`,"tie":`)
	w.dst = strconv.AppendUint(w.dst, uint64(tie), 10)
	w.raw(`,"key":`)
	w.dst = strconv.AppendInt(w.dst, key, 10)
	w.search(e)
	w.raw(`}`)
}

// search writes what is searched and not part of _source.
func (w *encoder) search(e *audit.Event) {
	w.tokens, w.values = w.tokens[:0], w.values[:0]
	for _, v := range audit.SearchedText(e) {
		from := len(w.tokens)
		w.tokens = fulltext.AppendTokens(w.tokens, v.Value)
		if len(w.tokens) > from {
			w.values = append(w.values, valueTokens{from: from, to: len(w.tokens),
				actor: strings.HasPrefix(v.Field, "actor."), target: strings.HasPrefix(v.Field, "targets[")})
		}
	}
	w.raw(`,"search":{`)
	w.searched("text", func(*valueTokens) bool { return true })
	w.searched("actor", func(v *valueTokens) bool { return v.actor })
	w.searched("target", func(v *valueTokens) bool { return v.target })
	w.field("platform", strings.ToLower(e.Source.Platform))
	w.raw(`}`)
}

// searched writes an array of the values that are wanted, one string each. Tokens need no escapes: they hold no ASCII but letters and digits.
func (w *encoder) searched(name string, wanted func(*valueTokens) bool) {
	n := 0
	for i := range w.values {
		v := &w.values[i]
		if !wanted(v) {
			continue
		}
		if n == 0 {
			w.key(name)
			w.raw(`["`)
		} else {
			w.raw(`","`)
		}
		n++
		for j, token := range w.tokens[v.from:v.to] {
			if j > 0 {
				w.dst = append(w.dst, ' ')
			}
			w.dst = append(w.dst, token.Text...)
		}
	}
	if n > 0 {
		w.raw(`"]`)
	}
}

// element begins the object at index i of an array, and the array before the first.
func (w *encoder) element(i int, array string) {
	if i == 0 {
		w.raw(array)
	} else {
		w.raw(`,`)
	}
	w.raw(`{`)
}

// ended ends the object at index i of an array of n, and the array after the last.
func (w *encoder) ended(i, n int) {
	w.raw(`}`)
	if i == n-1 {
		w.raw(`]`)
	}
}

func (w *encoder) raw(text string) { w.dst = append(w.dst, text...) }

// key writes a name, behind a comma where one is due.
func (w *encoder) key(name string) {
	if w.dst[len(w.dst)-1] != '{' {
		w.dst = append(w.dst, ',')
	}
	w.dst = audit.AppendJSONString(w.dst, name)
	w.dst = append(w.dst, ':')
}

// field writes a text, unless it is empty.
func (w *encoder) field(name, value string) {
	if value == "" {
		return
	}
	w.key(name)
	w.dst = audit.AppendJSONString(w.dst, value)
}

func (w *encoder) time(name string, t time.Time) {
	w.raw(`"` + name + `":"`)
	w.dst = t.UTC().AppendFormat(w.dst, audit.TimeLayout)
	w.raw(`"`)
}
