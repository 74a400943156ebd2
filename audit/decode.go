package audit

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// The fields of each object of an event, in the order of the switch that reads them. The last two of an event are the
// server's own: not part of the ingest format.
var (
	eventFields = []string{"id", "time", "log", "action", "product", "outcome", "actor", "targets", "source",
		"message", "changes", "metadata", "organization", "received_at"}
	actorFields    = []string{"id", "name", "type"}
	targetFields   = []string{"type", "id", "name"}
	sourceFields   = []string{"ip", "platform", "user_agent", "location"}
	locationFields = []string{"country", "city"}
	changeFields   = []string{"field", "old", "new"}
)

const ingestFields = 12 // of eventFields

// DecodeEvent reads one event as producers send it. It takes exactly the fields of the format, each once, each of its type,
// in valid UTF-8. Errors are CodeMalformed (not JSON; it names the byte), CodeTooLarge (over MaxEventBytes) or CodeInvalid.
//
// An event that it returns without an error still has to pass Validate, which checks the limits of the fields. A
// CodeInvalid of this function names what Validate would find too (but for the limits of time), so that a sender
// learns everything at once.
//
// Times come back in UTC, cut to the millisecond; IPv4 addresses that are mapped into IPv6 come back as IPv4; an event that names no
// outcome has OutcomeUnknown. The strings may share one copy of data; data itself is not kept.
func DecodeEvent(data []byte) (Event, error) {
	if len(data) > MaxEventBytes {
		return Event{}, Errorf(CodeTooLarge, "the event has %d bytes; at most %d are allowed", len(data), MaxEventBytes)
	}
	d, err := decode(data, eventFields[:ingestFields])
	if err != nil {
		return Event{}, err
	}
	e := &d.event
	if e.Outcome == "" {
		e.Outcome = OutcomeUnknown
	}
	if RangeOf(e.Action) == RangeAuditTrail {
		d.fields = append(d.fields, FieldError{"action", "the range " + RangeAuditTrail + " is reserved for what the server records itself"})
	}
	if len(d.fields) == 0 {
		return *e, nil
	}
	// So that the sender learns everything at once: the limits of the fields that could be read.
	for _, f := range e.check() {
		if len(d.fields) < maxFieldErrors && !slices.ContainsFunc(d.fields, func(g FieldError) bool { return covers(g.Field, f.Field) }) {
			d.fields = append(d.fields, f)
		}
	}
	return Event{}, Invalid(d.fields...)
}

// DecodeStored reads what AppendJSON wrote: the fields of the ingest format, the organization and the time of receipt. It checks
// the form as strictly as DecodeEvent and no limits: the event passed them when it was taken in.
func DecodeStored(data []byte) (Event, error) {
	d, err := decode(data, eventFields)
	if err != nil {
		return Event{}, err
	}
	if len(d.fields) > 0 {
		return Event{}, Invalid(d.fields...)
	}
	return d.event, nil
}

// UnmarshalJSON is DecodeStored.
func (e *Event) UnmarshalJSON(data []byte) error {
	decoded, err := DecodeStored(data)
	if err != nil {
		return err
	}
	*e = decoded
	return nil
}

// covers says whether an error of the field a makes one of the field b needless: a is b or holds it.
func covers(a, b string) bool {
	return strings.HasPrefix(b, a) && (len(a) == len(b) || b[len(a)] == '.' || b[len(a)] == '[')
}

type eventDecoder struct {
	scanner
	event Event
}

func decode(data []byte, names []string) (*eventDecoder, error) {
	if len(data) >= 3 && string(data[:3]) == byteOrderMark {
		return nil, errByteOrderMark()
	}
	d := &eventDecoder{scanner: newScanner(data)}
	switch c := d.next(); c {
	case '{':
	case 0:
		if d.pos >= len(d.src) {
			return nil, Errorf(CodeMalformed, "there is no event: the input is empty")
		}
		fallthrough
	default:
		return nil, Errorf(CodeMalformed, "an event must be a JSON object, which begins with {; it begins with %q at byte %d", c, d.pos)
	}
	if !d.object(names, d.eventField) || !d.end() {
		return nil, d.err
	}
	return d, nil
}

const byteOrderMark = "\xef\xbb\xbf"

func errByteOrderMark() *Error {
	return Errorf(CodeMalformed, "it begins with a byte order mark; send UTF-8 without one")
}

func (d *eventDecoder) eventField(i int) bool {
	e := &d.event
	switch eventFields[i] {
	case "id":
		return d.str(&e.ID)
	case "time":
		return d.time(&e.Time)
	case "log":
		return d.str((*string)(&e.Log))
	case "action":
		return d.str(&e.Action)
	case "product":
		return d.str(&e.Product)
	case "outcome":
		return d.str((*string)(&e.Outcome))
	case "actor":
		return d.object(actorFields, d.actorField)
	case "targets":
		return d.array(d.target)
	case "source":
		return d.object(sourceFields, d.sourceField)
	case "message":
		return d.str(&e.Message)
	case "changes":
		return d.array(d.change)
	case "metadata":
		return d.metadata()
	case "organization":
		return d.str(&e.Organization)
	default: // received_at
		return d.time(&e.ReceivedAt)
	}
}

func (d *eventDecoder) actorField(i int) bool {
	return d.str([...]*string{&d.event.Actor.ID, &d.event.Actor.Name, &d.event.Actor.Type}[i])
}

func (d *eventDecoder) target(int) bool {
	var t Target
	ok := d.object(targetFields, func(i int) bool { return d.str([...]*string{&t.Type, &t.ID, &t.Name}[i]) })
	d.event.Targets = append(d.event.Targets, t)
	return ok
}

func (d *eventDecoder) change(int) bool {
	var c Change
	ok := d.object(changeFields, func(i int) bool { return d.str([...]*string{&c.Field, &c.Old, &c.New}[i]) })
	d.event.Changes = append(d.event.Changes, c)
	return ok
}

func (d *eventDecoder) sourceField(i int) bool {
	s := &d.event.Source
	switch sourceFields[i] {
	case "ip":
		return d.ip(&s.IP)
	case "platform":
		return d.str(&s.Platform)
	case "user_agent":
		return d.str(&s.UserAgent)
	default: // location
		return d.object(locationFields, func(i int) bool { return d.str([...]*string{&s.Location.Country, &s.Location.City}[i]) })
	}
}

func (d *eventDecoder) metadata() bool {
	if d.next() != '{' {
		return d.wrongType("an object")
	}
	return d.members(func(key string) bool {
		if _, twice := d.event.Metadata[key]; twice {
			d.note("is given twice")
			return d.skip()
		}
		if d.event.Metadata == nil {
			d.event.Metadata = make(map[string]string)
		}
		var value string
		ok := d.str(&value)
		d.event.Metadata[key] = value
		return ok
	})
}

// time reads a time of RFC 3339 with an offset, into UTC, cut to the millisecond.
func (d *eventDecoder) time(dst *time.Time) bool {
	before := len(d.fields)
	var text string
	if !d.str(&text) {
		return false
	}
	if len(d.fields) > before {
		return true
	}
	t, err := parseTime(text)
	if err != nil {
		d.note("%q is not a time: it must be RFC 3339 with an offset, like 2026-11-20T08:15:30.123Z or 2026-11-20T09:15:30+01:00", shorten(text))
		return true
	}
	*dst = t
	return true
}

// ip reads an address; the empty string means that it is not known.
func (d *eventDecoder) ip(dst *netip.Addr) bool {
	before := len(d.fields)
	var text string
	if !d.str(&text) {
		return false
	}
	if len(d.fields) > before || text == "" {
		return true
	}
	addr, err := netip.ParseAddr(text)
	switch {
	case err != nil:
		d.note("%q is not an IP address, like 203.0.113.7 or 2001:db8::1", shorten(text))
	case addr.Zone() != "":
		d.note("%q has a zone; leave out %%%s", shorten(text), shorten(addr.Zone()))
	default:
		*dst = addr.Unmap()
	}
	return true
}

// parseTime reads a time of RFC 3339 with an offset, into UTC, cut to the millisecond.
func parseTime(text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, err
	}
	// What time.Parse takes beyond RFC 3339: an hour of one digit, a comma, and offsets that no clock has.
	if text[len("2006-01-02T15")] != ':' || text[len(time.DateTime)] == ',' || !isOffset(text) {
		return time.Time{}, Errorf(CodeInvalid, "not RFC 3339")
	}
	t = t.UTC().Truncate(TimePrecision)
	if year := t.Year(); year < 0 || year > 9999 {
		return time.Time{}, Errorf(CodeInvalid, "the year %d cannot be written", year)
	}
	return t, nil
}

// isOffset says whether a text that time.Parse took ends in Z or in an offset of less than a day.
func isOffset(text string) bool {
	if text[len(text)-1] == 'Z' {
		return true
	}
	offset := text[len(text)-len("+00:00"):]
	return offset[1:3] < "24" && offset[4:6] < "60"
}
