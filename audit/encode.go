package audit

import (
	"slices"
	"time"
	"unicode/utf8"
)

// AppendJSON appends the event as canonical JSON: the fields of the ingest format in their order, metadata by key, then organization and
// received_at; empty fields are left out; times in TimeLayout, UTC. Equal events give equal bytes. It is always valid JSON:
// bytes that are not UTF-8 become U+FFFD.
func (e *Event) AppendJSON(dst []byte) []byte {
	o := objectAppender{dst: dst}
	o.open()
	o.string("id", e.ID)
	o.time("time", e.Time)
	o.string("log", string(e.Log))
	o.string("action", e.Action)
	o.string("product", e.Product)
	o.string("outcome", string(e.Outcome))
	if e.Actor != (Actor{}) {
		o.key("actor")
		o.open()
		o.string("id", e.Actor.ID)
		o.string("name", e.Actor.Name)
		o.string("type", e.Actor.Type)
		o.close()
	}
	if len(e.Targets) > 0 {
		o.key("targets")
		o.dst = append(o.dst, '[')
		for i := range e.Targets {
			o.element(i)
			o.string("type", e.Targets[i].Type)
			o.string("id", e.Targets[i].ID)
			o.string("name", e.Targets[i].Name)
			o.close()
		}
		o.dst = append(o.dst, ']')
	}
	e.Source.appendTo(&o)
	o.string("message", e.Message)
	if len(e.Changes) > 0 {
		o.key("changes")
		o.dst = append(o.dst, '[')
		for i := range e.Changes {
			o.element(i)
			o.string("field", e.Changes[i].Field)
			o.string("old", e.Changes[i].Old)
			o.string("new", e.Changes[i].New)
			o.close()
		}
		o.dst = append(o.dst, ']')
	}
	if len(e.Metadata) > 0 {
		o.key("metadata")
		o.open()
		var space [16]string
		for _, key := range sortedKeys(space[:0], e.Metadata) {
			o.key(key)
			o.dst = AppendJSONString(o.dst, e.Metadata[key])
		}
		o.close()
	}
	o.string("organization", e.Organization)
	o.time("received_at", e.ReceivedAt)
	o.close()
	return o.dst
}

// MarshalJSON is AppendJSON.
func (e Event) MarshalJSON() ([]byte, error) { return e.AppendJSON(nil), nil }

func (s *Source) appendTo(o *objectAppender) {
	if *s == (Source{}) {
		return
	}
	o.key("source")
	o.open()
	if s.IP.IsValid() {
		o.key("ip")
		o.dst = append(o.dst, '"')
		o.dst = s.IP.AppendTo(o.dst)
		o.dst = append(o.dst, '"')
	}
	o.string("platform", s.Platform)
	o.string("user_agent", s.UserAgent)
	if s.Location != (Location{}) {
		o.key("location")
		o.open()
		o.string("country", s.Location.Country)
		o.string("city", s.Location.City)
		o.close()
	}
	o.close()
}

// sortedKeys appends the keys of m to dst, in order.
func sortedKeys(dst []string, m map[string]string) []string {
	for key := range m {
		dst = append(dst, key)
	}
	slices.Sort(dst)
	return dst
}

// objectAppender writes JSON objects. It knows from the last byte whether a comma is due.
type objectAppender struct{ dst []byte }

func (o *objectAppender) open()  { o.dst = append(o.dst, '{') }
func (o *objectAppender) close() { o.dst = append(o.dst, '}') }

// element opens the object at index i of an array.
func (o *objectAppender) element(i int) {
	if i > 0 {
		o.dst = append(o.dst, ',')
	}
	o.open()
}

func (o *objectAppender) key(name string) {
	if o.dst[len(o.dst)-1] != '{' {
		o.dst = append(o.dst, ',')
	}
	o.dst = AppendJSONString(o.dst, name)
	o.dst = append(o.dst, ':')
}

func (o *objectAppender) string(name, value string) {
	if value == "" {
		return
	}
	o.key(name)
	o.dst = AppendJSONString(o.dst, value)
}

func (o *objectAppender) time(name string, t time.Time) {
	if t.IsZero() {
		return
	}
	o.key(name)
	o.dst = append(o.dst, '"')
	o.dst = t.UTC().AppendFormat(o.dst, TimeLayout)
	o.dst = append(o.dst, '"')
}

const hexDigits = "0123456789abcdef"

// AppendJSONString appends v as a JSON string, in quotes. Bytes that are not UTF-8 become U+FFFD.
func AppendJSONString(dst []byte, v string) []byte {
	dst = append(dst, '"')
	run := 0
	for i := 0; i < len(v); {
		c := v[i]
		if c < utf8.RuneSelf && !special[c] {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			if _, size := utf8.DecodeRuneInString(v[i:]); size > 1 {
				i += size
				continue
			}
		}
		dst = append(dst, v[run:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\t':
			dst = append(dst, '\\', 't')
		case '\r':
			dst = append(dst, '\\', 'r')
		default:
			if c >= utf8.RuneSelf {
				dst = append(dst, "\ufffd"...)
			} else {
				dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			}
		}
		i++
		run = i
	}
	dst = append(dst, v[run:]...)
	return append(dst, '"')
}
