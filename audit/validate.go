package audit

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Validate says whether the event may be stored at now: the limits of every field and the window of its time, which begins at Horizon(now)
// and ends MaxFuture ahead. The error is CodeInvalid and names every field that is wrong. An event without an id is valid: the server gives it one.
func (e *Event) Validate(now time.Time) error {
	fields := e.check()
	if !e.Time.IsZero() {
		if horizon := Horizon(now); e.Time.Before(horizon) {
			fields = append(fields, FieldError{"time", fmt.Sprintf("%s is too old: events are kept for %d months, since %s",
				e.Time.UTC().Format(TimeLayout), RetentionMonths, horizon.Format(TimeLayout))})
		} else if e.Time.After(now.Add(MaxFuture)) {
			fields = append(fields, FieldError{"time", fmt.Sprintf("%s is more than %d minutes ahead of the server, where it is %s",
				e.Time.UTC().Format(TimeLayout), MaxFuture/time.Minute, now.UTC().Format(TimeLayout))})
		}
	}
	if len(fields) > 0 {
		return Invalid(fields...)
	}
	return nil
}

// check returns what is wrong with the event but for the window of its time.
func (e *Event) check() []FieldError {
	var c checker
	c.name("id", e.ID, MaxIDBytes)
	if e.Time.IsZero() {
		c.add("time", "is required")
	}
	c.enum("log", string(e.Log), logWords)
	c.action("action", e.Action)
	c.name("product", e.Product, MaxNameBytes)
	c.enum("outcome", string(e.Outcome), outcomeWords)
	c.required("actor.id", e.Actor.ID, MaxIDBytes)
	c.name("actor.name", e.Actor.Name, MaxNameBytes)
	c.name("actor.type", e.Actor.Type, MaxNameBytes)
	if c.atMost("targets", len(e.Targets), MaxTargets) {
		for i := range e.Targets {
			c.target(i, &e.Targets[i])
		}
	}
	c.source(&e.Source)
	c.text("message", e.Message, MaxMessageBytes)
	if c.atMost("changes", len(e.Changes), MaxChanges) {
		for i := range e.Changes {
			c.change(i, &e.Changes[i])
		}
	}
	if c.atMost("metadata", len(e.Metadata), MaxMetadata) {
		c.metadata(e.Metadata)
	}
	return c.fields
}

// checker gathers field errors.
type checker struct{ fields []FieldError }

func (c *checker) add(field, format string, args ...any) {
	if len(c.fields) < maxFieldErrors {
		c.fields = append(c.fields, FieldError{field, fmt.Sprintf(format, args...)})
	}
}

// err returns CodeInvalid with what was gathered, or nil.
func (c *checker) err() error {
	if len(c.fields) == 0 {
		return nil
	}
	return Invalid(c.fields...)
}

// size checks the length and the encoding.
func (c *checker) size(field, value string, most int) bool {
	if len(value) > most {
		c.add(field, "has %d bytes; at most %d are allowed", len(value), most)
		return false
	}
	if !utf8.ValidString(value) {
		c.add(field, "is not valid UTF-8")
		return false
	}
	return true
}

// name checks an id, a name or another single line.
func (c *checker) name(field, value string, most int) {
	if !c.size(field, value, most) {
		return
	}
	if r, found := control(value, ""); found {
		c.add(field, "has the control character %U; none is allowed here", r)
	}
}

// required checks a name that must be there.
func (c *checker) required(field, value string, most int) {
	if value == "" {
		c.add(field, "is required")
		return
	}
	c.name(field, value, most)
}

// text checks running text, which may have line breaks and tabs.
func (c *checker) text(field, value string, most int) {
	if !c.size(field, value, most) {
		return
	}
	if r, found := control(value, "\n\t\r"); found {
		c.add(field, "has the control character %U; only line breaks and tabs are allowed", r)
	}
}

// control returns the first control character (C0, DEL, C1) of valid UTF-8 that is not among allowed.
func control(v, allowed string) (rune, bool) {
	for i := range len(v) {
		b := v[i]
		if !suspect[b] {
			continue
		}
		switch {
		case b < utf8.RuneSelf:
			if strings.IndexByte(allowed, b) < 0 {
				return rune(b), true
			}
		case v[i+1] < 0xa0: // 0xc2 0x80 to 0xc2 0x9f are U+0080 to U+009F
			return rune(v[i+1]), true
		}
	}
	return 0, false
}

// suspect holds the bytes with which a control character begins.
var suspect = func() (t [256]bool) {
	for c := range 0x20 {
		t[c] = true
	}
	t[0x7f], t[0xc2] = true, true
	return t
}()

func (c *checker) atMost(field string, n, most int) bool {
	if n > most {
		c.add(field, "has %d entries; at most %d are allowed", n, most)
	}
	return n <= most
}

func (c *checker) enum(field, value string, allowed []string) {
	if value == "" {
		c.add(field, "is required: it must be %s", either(allowed))
	} else if !slices.Contains(allowed, value) {
		c.add(field, "%q is not known: it must be %s", shorten(value), either(allowed))
	}
}

func (c *checker) action(field, value string) {
	switch {
	case value == "":
		c.add(field, "is required")
	case len(value) > MaxActionBytes:
		c.add(field, "has %d bytes; at most %d are allowed", len(value), MaxActionBytes)
	case !isAction(value):
		c.add(field, `%q is not an action: it must be two or more parts of a-z, 0-9 and _ with dots between, like "contacts.member.added"`, shorten(value))
	}
}

func (c *checker) target(i int, t *Target) {
	if *t == (Target{}) {
		c.add(fmt.Sprintf("targets[%d]", i), "is empty: it must have an id, a name or a type")
		return
	}
	path := &targetPaths[i]
	c.name(path.typ, t.Type, MaxNameBytes)
	c.name(path.id, t.ID, MaxIDBytes)
	c.name(path.name, t.Name, MaxNameBytes)
}

func (c *checker) change(i int, ch *Change) {
	path := &changePaths[i]
	c.required(path.field, ch.Field, MaxKeyBytes)
	c.text(path.old, ch.Old, MaxValueBytes)
	c.text(path.new, ch.New, MaxValueBytes)
}

func (c *checker) source(s *Source) {
	if s.IP.Zone() != "" || s.IP.Is4In6() {
		c.add("source.ip", "must be without a zone, and IPv4 not mapped into IPv6")
	}
	c.name("source.platform", s.Platform, MaxNameBytes)
	c.text("source.user_agent", s.UserAgent, MaxValueBytes)
	if v := s.Location.Country; v != "" && !isCountry(v) {
		c.add("source.location.country", `%q is not a country: it must be two upper-case letters of ISO 3166-1, like "DE"`, shorten(v))
	}
	c.name("source.location.city", s.Location.City, MaxNameBytes)
}

func (c *checker) metadata(m map[string]string) {
	var space [16]string
	for _, key := range sortedKeys(space[:0], m) {
		switch {
		case !isMetadataKey(key):
			c.add("metadata."+shorten(key), `is not a key: it must be 1 to %d bytes of letters, digits and _ . : / - that begin and end with a letter, digit or _`, MaxKeyBytes)
		default:
			c.text("metadata."+key, m[key], MaxValueBytes)
		}
	}
}

// isAction says whether v matches ^[a-z0-9_]+(\.[a-z0-9_]+)+$.
func isAction(v string) bool {
	dots := strings.Count(v, ".")
	return dots > 0 && isDotted(v)
}

// isDotted says whether v matches ^[a-z0-9_]+(\.[a-z0-9_]+)*$.
func isDotted(v string) bool {
	part := 0
	for i := range len(v) {
		switch c := v[i]; {
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_':
			part++
		case c == '.' && part > 0:
			part = 0
		default:
			return false
		}
	}
	return part > 0
}

// isRange says whether v matches ^[a-z0-9_]+$.
func isRange(v string) bool { return isDotted(v) && !strings.Contains(v, ".") }

// isActionPattern says whether v is an action, or one part or more and then ".*".
func isActionPattern(v string) bool {
	if len(v) > MaxActionBytes {
		return false
	}
	if below, ok := strings.CutSuffix(v, ".*"); ok {
		return isDotted(below)
	}
	return isAction(v)
}

func isCountry(v string) bool {
	return len(v) == 2 && v[0] >= 'A' && v[0] <= 'Z' && v[1] >= 'A' && v[1] <= 'Z'
}

func isMetadataKey(v string) bool {
	if v == "" || len(v) > MaxKeyBytes {
		return false
	}
	for i := range len(v) {
		switch c := v[i]; {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_':
		case i > 0 && i < len(v)-1 && strings.IndexByte(".:/-", c) >= 0:
		default:
			return false
		}
	}
	return true
}

// What enumerations allow, made once for the checks that every event passes.
var (
	logWords     = words(Logs())
	outcomeWords = words(Outcomes())
)

// words returns the values of an enumeration as strings.
func words[T ~string](values []T) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return out
}

// either lists words for a message: "a, b or c".
func either(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
