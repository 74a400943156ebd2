package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

const fullEvent = `{"id":"0192","time":"2026-11-20T08:15:30.123Z","log":"operation","action":"contacts.member.added",
 "product":"crm","outcome":"success","actor":{"id":"u_17","name":"Alice Smith","type":"member"},
 "targets":[{"type":"member","id":"u_42","name":"Bob Lee"}],
 "source":{"ip":"203.0.113.7","platform":"web","user_agent":"Mozilla/5.0","location":{"country":"DE","city":"Berlin"}},
 "message":"Alice Smith added Bob Lee to \"Sales\"","changes":[{"field":"role","old":"member","new":"admin"}],
 "metadata":{"ticket":"OPS-812","a":""}}`

func wantFullEvent() Event {
	return Event{
		ID: "0192", Time: time.Date(2026, 11, 20, 8, 15, 30, 123e6, time.UTC), Log: LogOperation, Action: "contacts.member.added",
		Product: "crm", Outcome: OutcomeSuccess, Actor: Actor{ID: "u_17", Name: "Alice Smith", Type: "member"},
		Targets: []Target{{Type: "member", ID: "u_42", Name: "Bob Lee"}},
		Source: Source{IP: netip.MustParseAddr("203.0.113.7"), Platform: "web", UserAgent: "Mozilla/5.0",
			Location: Location{Country: "DE", City: "Berlin"}},
		Message: `Alice Smith added Bob Lee to "Sales"`, Changes: []Change{{Field: "role", Old: "member", New: "admin"}},
		Metadata: map[string]string{"ticket": "OPS-812", "a": ""},
	}
}

func TestDecodeEventReadsEveryField(t *testing.T) {
	e, err := DecodeEvent([]byte(fullEvent))
	if err != nil {
		t.Fatal(err)
	}
	if want := wantFullEvent(); !reflect.DeepEqual(e, want) {
		t.Fatalf("got  %+v\nwant %+v", e, want)
	}
	if err := e.Validate(now); err != nil {
		t.Fatal(err)
	}
}

func TestEveryRealEventDecodesAndIsValid(t *testing.T) {
	for _, line := range realEvents(t) {
		e, err := DecodeEvent(line)
		if err == nil {
			err = e.Validate(now)
		}
		if err != nil {
			t.Errorf("%v: %s", err, line)
		}
		stored, err := DecodeStored(e.AppendJSON(nil))
		if err != nil || !reflect.DeepEqual(stored, e) {
			t.Errorf("stored and read again: %v\ngot  %+v\nwant %+v", err, stored, e)
		}
	}
}

// event returns a valid event with one more field.
func event(field string) string {
	return `{"time":"2026-11-20T08:15:30Z","log":"login","action":"login.failed","actor":{"id":"u"},` + field + `}`
}

func TestDecodeEventNormalises(t *testing.T) {
	decode := func(t *testing.T, text string) Event {
		t.Helper()
		e, err := DecodeEvent([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	t.Run("an offset becomes UTC and fractions are cut, not rounded, to the millisecond", func(t *testing.T) {
		e := decode(t, `{"time":"2026-11-20T08:15:30.1239999+02:00","log":"login","action":"login.failed","actor":{"id":"u"}}`)
		if got := e.Time.Format(TimeLayout); got != "2026-11-20T06:15:30.123Z" || e.Time.Location() != time.UTC {
			t.Fatalf("got %s in %s", got, e.Time.Location())
		}
	})
	t.Run("IPv4 mapped into IPv6 becomes IPv4", func(t *testing.T) {
		if ip := decode(t, event(`"source":{"ip":"::ffff:203.0.113.7"}`)).Source.IP; ip != netip.MustParseAddr("203.0.113.7") {
			t.Fatalf("got %s", ip)
		}
	})
	t.Run("no outcome is unknown", func(t *testing.T) {
		if o := decode(t, event(`"outcome":""`)).Outcome; o != OutcomeUnknown {
			t.Fatalf("got %q", o)
		}
	})
	t.Run("empty text and lists are as good as absent", func(t *testing.T) {
		e := decode(t, event(`"id":"","targets":[],"changes":[],"metadata":{},"source":{"ip":""}`))
		if want := decode(t, event(`"product":""`)); !reflect.DeepEqual(e, want) {
			t.Fatalf("got %+v, want %+v", e, want)
		}
	})
	t.Run("escapes are read, in names too", func(t *testing.T) {
		e := decode(t, event(`"m\u0065ssage":"\"\\\/\n\r\tA\u00e9\u4E2D\ud83d\ude00 plain"`))
		if want := "\"\\/\n\r\tAé中😀 plain"; e.Message != want {
			t.Fatalf("got %q, want %q", e.Message, want)
		}
	})
}

func TestDecodeEventNamesWhatIsWrong(t *testing.T) {
	deep := strings.Repeat("[", 100) + strings.Repeat("]", 100)
	tests := []struct {
		name, in string
		fields   map[string]string // field: part of its message
	}{
		{"an unknown field", event(`"sevrity":1`), map[string]string{"sevrity": "not a known field"}},
		{"an unknown field inside", event(`"source":{"location":{"zip":"1"}}`), map[string]string{"source.location.zip": "known are country, city"}},
		{"the organization, which the server sets", event(`"organization":"acme"`), map[string]string{"organization": "not a known field"}},
		{"the time of receipt, which the server sets", event(`"received_at":"2026-11-20T08:15:30Z"`), map[string]string{"received_at": "not a known field"}},
		{"a name in another case", event(`"ID":"x"`), map[string]string{"ID": "not a known field"}},
		{"an empty name", event(`"":"x"`), map[string]string{`""`: "not a known field"}},
		{"a number for a string", event(`"id":17`), map[string]string{"id": "must be a string, got a number"}},
		{"null for a string", event(`"product":null`), map[string]string{"product": "must be a string, got null"}},
		{"a boolean for a string", event(`"message":true`), map[string]string{"message": "must be a string, got a boolean"}},
		{"a string for an object", event(`"source":"web"`), map[string]string{"source": "must be an object, got a string"}},
		{"an object for an array", event(`"targets":{"id":"x"}`), map[string]string{"targets": "must be an array, got an object"}},
		{"an array for an object", event(`"metadata":[]`), map[string]string{"metadata": "must be an object, got an array"}},
		{"an element of another type", event(`"targets":[{"id":"a"},5]`), map[string]string{"targets[1]": "must be an object, got a number"}},
		{"a metadata value that is not a string", event(`"metadata":{"n":-1.5e+3,"l":["x",null,false]}`), map[string]string{"metadata.n": "got a number", "metadata.l": "got an array"}},
		{"a field twice", event(`"id":"a","id":"b"`), map[string]string{"id": "given twice"}},
		{"a field twice, once written with an escape", event(`"id":"a","i\u0064":"b"`), map[string]string{"id": "given twice"}},
		{"a metadata key twice", event(`"metadata":{"k":"a","k":"b"}`), map[string]string{"metadata.k": "given twice"}},
		{"invalid UTF-8 in a value", event("\"message\":\"a\xff\""), map[string]string{"message": "not valid UTF-8"}},
		{"invalid UTF-8 in a name", event("\"a\xff\":\"x\""), map[string]string{"a\ufffd": "not valid UTF-8"}},
		{"a high surrogate alone", event(`"message":"\ud83d!"`), map[string]string{"message": "surrogate"}},
		{"a low surrogate alone", event(`"message":"\ude00"`), map[string]string{"message": "surrogate"}},
		{"two high surrogates", event(`"metadata":{"k":"\ud83d\ud83d"}`), map[string]string{"metadata.k": "surrogate"}},
		{"half a surrogate in a name", event(`"x\ud83d":1`), map[string]string{"x\ufffd": "surrogate"}},
		{"an address that is none", event(`"source":{"ip":"300.1.1.1"}`), map[string]string{"source.ip": "not an IP address"}},
		{"an address with a zone", event(`"source":{"ip":"fe80::1%eth0"}`), map[string]string{"source.ip": "leave out %eth0"}},
		{"a number for an address", event(`"source":{"ip":1}`), map[string]string{"source.ip": "must be a string, got a number"}},
		{"the server's own range", `{"time":"2026-11-20T08:15:30Z","log":"operation","action":"audit_trail.event.viewed","actor":{"id":"u"}}`, map[string]string{"action": "reserved"}},
		{"everything at once, limits too", `{"time":"yesterday","log":"system","action":"Added","actor":{"id":5},"x":` + `{"y":[1,{"z":null}]}` + `,"source":{"location":{"country":"de"}},"targets":[{}]}`,
			map[string]string{"time": "RFC 3339", "log": "login, operation or product", "action": "not an action", "actor.id": "got a number", "x": "not a known", "source.location.country": "two upper-case letters", "targets[0]": "is empty"}},
		{"what is missing, besides what is wrong", `{"x":1}`, map[string]string{"time": "required", "log": "required", "action": "required", "actor.id": "required", "x": "not a known"}},
		{"a long unknown name", event(`"` + strings.Repeat("é", 500) + `":1`), map[string]string{strings.Repeat("é", 32) + "…": "not a known field"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := DecodeEvent([]byte(tt.in))
			got := fieldsOf(t, err, CodeInvalid)
			if len(got) != len(tt.fields) {
				t.Errorf("errors on %d fields, want %d: %v", len(got), len(tt.fields), err)
			}
			for field, part := range tt.fields {
				if !strings.Contains(got[field], part) {
					t.Errorf("%s: %q, want %q in it", field, got[field], part)
				}
			}
		})
	}
	t.Run("deep nesting", func(t *testing.T) {
		_, err := DecodeEvent([]byte(event(`"x":` + deep)))
		if CodeOf(err) != CodeMalformed || !strings.Contains(err.Error(), "deeper than 8") {
			t.Fatal(err)
		}
	})
	t.Run("no more than a hundred errors", func(t *testing.T) {
		var b strings.Builder
		for i := range 5000 {
			fmt.Fprintf(&b, `"f%d":1,`, i)
		}
		_, err := DecodeEvent([]byte(`{` + b.String() + `"id":"x"}`))
		if got := fieldsOf(t, err, CodeInvalid); len(got) != maxFieldErrors {
			t.Fatalf("%d errors", len(got))
		}
	})
}

func TestDecodeEventTakesTimesOfRFC3339Only(t *testing.T) {
	for _, text := range []string{
		"", "now", "2026-11-20", "2026-11-20T08:15:30", "2026-11-20 08:15:30Z", "2026-11-20T8:15:30Z", "2026-11-20T08:15:30,5Z",
		"2026-11-20T08:15Z", "2026-13-20T08:15:30Z", "2026-02-30T08:15:30Z", "2026-11-20T24:00:00Z", "2026-11-20T08:15:60Z", "20261120T081530Z",
		"2026-11-20T08:15:30+2:00", "2026-11-20T08:15:30+0200", "2026-11-20T08:15:30 UTC", "1795162530", "2026-11-20T08:15:30+24:00", "2026-11-20T08:15:30-01:60", "0000-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00",
	} {
		_, err := DecodeEvent([]byte(`{"time":"` + text + `","log":"login","action":"login.failed","actor":{"id":"u"}}`))
		if err == nil {
			t.Errorf("took %q", text)
			continue
		}
		if got := fieldsOf(t, err, CodeInvalid); len(got) != 1 || !strings.Contains(got["time"], "RFC 3339") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestDecodeEventRefusesWhatIsNotJSON(t *testing.T) {
	tests := []struct{ name, in, part string }{
		{"nothing", "", "empty"},
		{"white space", " \n\t", "empty"},
		{"a string", `"x"`, "must be a JSON object"},
		{"an array", `[]`, "must be a JSON object"},
		{"NUL", "\x00", "must be a JSON object"},
		{"a byte order mark", "\xef\xbb\xbf{}", "byte order mark"},
		{"an object that does not end", `{`, "at byte 1: it ends where a field name"},
		{"a name without quotes", `{id:"x"}`, "at byte 1: 'i' where a field name"},
		{"no colon", `{"id" "x"}`, "at byte 6: '\"' where a colon"},
		{"no value", `{"id":}`, "at byte 6: '}' where a value"},
		{"no comma", `{"id":"x" "log":"y"}`, "at byte 10: '\"' where a comma or }"},
		{"a comma at the end", `{"id":"x",}`, "at byte 10: '}' where a field name"},
		{"a second value", `{} {}`, "at byte 3: '{' where the end"},
		{"a string that does not end", `{"id":"x`, "at byte 6: a string that does not end"},
		{"a string that ends in an escape", `{"id":"x\`, "at byte 8: a string that does not end"},
		{"an escaped string that does not end", `{"id":"x\n`, "at byte 6: a string that does not end"},
		{"a line break in a string", "{\"id\":\"x\ny\"}", "at byte 8: control character '\\n'"},
		{"a control character behind an escape", "{\"id\":\"\\n\x01\"}", "at byte 9: control character '\\x01'"},
		{"an escape that JSON lacks", `{"id":"\x41"}`, "at byte 7: an escape"},
		{"a short \\u", `{"id":"\u12"}`, "at byte 7: \\u without four"},
		{"a bad \\u", `{"id":"\u12G4"}`, "at byte 7: \\u without four"},
		{"a bad literal", `{"id":nul}`, "at byte 6: 'n' where a value"},
		{"a bad boolean", `{"id":tru}`, "at byte 6: 't' where a value"},
		{"another bad boolean", `{"id":fals}`, "at byte 6: 'f' where a value"},
		{"a leading zero", `{"id":01}`, "at byte 7: '1' where a comma or }"},
		{"a lone minus", `{"id":-}`, "at byte 7: '}' where a digit"},
		{"a fraction without digits", `{"id":1.}`, "at byte 8: '}' where a digit"},
		{"an exponent without digits", `{"id":1e+}`, "at byte 9: '}' where a digit"},
		{"a plus", `{"id":+1}`, "at byte 6: '+' where a value"},
		{"an array without a comma", `{"targets":[{} {}]}`, "at byte 15: '{' where a comma or ]"},
		{"an array that does not end", `{"targets":[{}`, "at byte 14: it ends where a comma or ]"},
		{"a bad value in what is skipped", `{"x":[1,{"y":?}]}`, "at byte 13: '?' where a value"},
		{"a comment", `{/* */}`, "at byte 1: '/' where a field name"},
		{"invalid UTF-8 outside of strings", "{\xff}", "at byte 1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := DecodeEvent([]byte(tt.in))
			if CodeOf(err) != CodeMalformed || !strings.Contains(err.Error(), tt.part) {
				t.Fatalf("got %v (%s), want %q", err, CodeOf(err), tt.part)
			}
			if json.Valid([]byte(tt.in)) && strings.Contains(err.Error(), "not valid JSON") {
				t.Fatalf("encoding/json takes it: %v", err)
			}
		})
	}
}

func TestDecodeEventRefusesMoreThan64KiB(t *testing.T) {
	fill := func(n int) []byte {
		head, tail := `{"x":"`, `"}`
		return []byte(head + strings.Repeat("a", n-len(head)-len(tail)) + tail)
	}
	if _, err := DecodeEvent(fill(MaxEventBytes)); CodeOf(err) != CodeInvalid {
		t.Errorf("64 KiB: %v", err)
	}
	_, err := DecodeEvent(fill(MaxEventBytes + 1))
	if CodeOf(err) != CodeTooLarge || !strings.Contains(err.Error(), "65537 bytes; at most 65536") {
		t.Errorf("one byte more: %v", err)
	}
}

func TestStoredEventsAreReadAsTheyWereWritten(t *testing.T) {
	e := wantFullEvent()
	e.Organization, e.ReceivedAt = "acme", now
	text := e.AppendJSON(nil)
	if !json.Valid(text) {
		t.Fatalf("not JSON: %s", text)
	}
	got, err := DecodeStored(text)
	if err != nil || !reflect.DeepEqual(got, e) {
		t.Fatalf("%v: got %+v, want %+v", err, got, e)
	}
	t.Run("through encoding/json", func(t *testing.T) {
		list, err := json.Marshal([]Event{e})
		if err != nil {
			t.Fatal(err)
		}
		var back []Event
		if err := json.Unmarshal(list, &back); err != nil || !reflect.DeepEqual(back, []Event{e}) {
			t.Fatalf("%v: got %+v", err, back)
		}
		if err := json.Unmarshal([]byte(`{"nope":1}`), &back[0]); err == nil {
			t.Fatal("took an unknown field")
		}
	})
	t.Run("in a fixed order, with times in UTC", func(t *testing.T) {
		e.Time = e.Time.In(time.FixedZone("", 3600))
		want := `{"id":"0192","time":"2026-11-20T08:15:30.123Z","log":"operation","action":"contacts.member.added","product":"crm","outcome":"success",` +
			`"actor":{"id":"u_17","name":"Alice Smith","type":"member"},"targets":[{"type":"member","id":"u_42","name":"Bob Lee"}],` +
			`"source":{"ip":"203.0.113.7","platform":"web","user_agent":"Mozilla/5.0","location":{"country":"DE","city":"Berlin"}},` +
			`"message":"Alice Smith added Bob Lee to \"Sales\"","changes":[{"field":"role","old":"member","new":"admin"}],` +
			`"metadata":{"a":"","ticket":"OPS-812"},"organization":"acme","received_at":"2026-11-24T02:00:00.000Z"}`
		if got := string(e.AppendJSON(nil)); got != want {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
	})
	t.Run("an empty event is an empty object", func(t *testing.T) {
		if got := string((&Event{}).AppendJSON([]byte("x"))); got != "x{}" {
			t.Fatalf("got %s", got)
		}
	})
	t.Run("bytes that are not UTF-8 do not spoil the JSON", func(t *testing.T) {
		bad := Event{Message: "a\xffb\u2028\x00\x1f\x7f", Targets: []Target{{}, {ID: "\\"}}, Changes: []Change{{}, {}}}
		var back map[string]any
		if err := json.Unmarshal(bad.AppendJSON(nil), &back); err != nil || back["message"] != "a\ufffdb\u2028\x00\x1f\x7f" {
			t.Fatalf("%v: %q", err, back["message"])
		}
	})
	t.Run("damage is an error", func(t *testing.T) {
		for _, damaged := range [][]byte{text[:len(text)-1], bytes.Replace(text, []byte("2026-11-24"), []byte("2026-11-99"), 1), []byte(`{"highlights":{}}`)} {
			if _, err := DecodeStored(damaged); err == nil {
				t.Errorf("took %s", damaged)
			}
		}
	})
}

// jsonEvent is the ingest format as encoding/json sees it.
type jsonEvent struct {
	ID, Log, Action, Product, Outcome, Message string
	Time                                       time.Time
	Actor                                      struct{ ID, Name, Type string }
	Targets                                    []struct{ Type, ID, Name string }
	Source                                     struct {
		IP        netip.Addr
		Platform  string
		UserAgent string `json:"user_agent"`
		Location  struct{ Country, City string }
	}
	Changes      []struct{ Field, Old, New string }
	Metadata     map[string]string
	Organization string
	ReceivedAt   time.Time `json:"received_at"`
}

func (j jsonEvent) event() Event {
	cut := func(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }
	e := Event{ID: j.ID, Organization: j.Organization, Time: cut(j.Time), ReceivedAt: cut(j.ReceivedAt), Log: Log(j.Log), Action: j.Action,
		Product: j.Product, Outcome: Outcome(j.Outcome), Actor: Actor(j.Actor), Message: j.Message, Metadata: j.Metadata,
		Source: Source{IP: j.Source.IP.Unmap(), Platform: j.Source.Platform, UserAgent: j.Source.UserAgent, Location: Location(j.Source.Location)}}
	for _, t := range j.Targets {
		e.Targets = append(e.Targets, Target(t))
	}
	for _, c := range j.Changes {
		e.Changes = append(e.Changes, Change(c))
	}
	if len(e.Metadata) == 0 {
		e.Metadata = nil
	}
	return e
}

// FuzzDecodeEvent holds the decoder against encoding/json: what it takes, encoding/json takes with the same values; what is
// malformed to it and has no other fault is malformed there too; and what it took is read again as it was written.
func FuzzDecodeEvent(f *testing.F) {
	f.Add([]byte(fullEvent))
	for _, line := range realEvents(f) {
		f.Add(line)
	}
	for _, seed := range []string{`{}`, `{"id":"\ud83d\ude00"}`, `{"time":"2026-11-20T08:15:30.5+02:00","source":{"ip":"::ffff:1.2.3.4"}}`,
		`{"metadata":{"a":"b","\u0061":"c"}}`, `{"x":[[[[[[[[1]]]]]]]]}`, `{"x":-0.1e+5,"y":null,"z":true}`, "{\"id\":\"\xff\"}", `{"received_at":"2026-11-20T08:15:30Z","organization":"a"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = DecodeEvent(data)
		e, err := DecodeStored(data)
		if CodeOf(err) == CodeMalformed && json.Valid(data) && strings.Contains(err.Error(), "not valid JSON") && !strings.Contains(err.Error(), "deeper") {
			t.Fatalf("encoding/json takes %q, and this does not: %v", data, err)
		}
		if CodeOf(err) == CodeInvalid && !json.Valid(data) && utf8.Valid(data) {
			t.Fatalf("read as JSON, which it is not: %q", data)
		}
		if err != nil {
			return
		}
		var theirs jsonEvent
		if err := json.Unmarshal(data, &theirs); err != nil {
			t.Fatalf("encoding/json does not take %q: %v", data, err)
		}
		if want := theirs.event(); !reflect.DeepEqual(e, want) {
			t.Fatalf("%q\ngot  %+v\njson %+v", data, e, want)
		}
		text := e.AppendJSON(nil)
		again, err := DecodeStored(text)
		if err != nil || !reflect.DeepEqual(again, e) {
			t.Fatalf("written as %s and read again: %v\ngot  %+v\nwant %+v", text, err, again, e)
		}
	})
}

func BenchmarkDecodeEvent(b *testing.B) {
	lines := realEvents(b)
	size := 0
	for _, line := range lines {
		size += len(line)
	}
	b.Run("audit", func(b *testing.B) {
		b.SetBytes(int64(size))
		b.ReportAllocs()
		for b.Loop() {
			for _, line := range lines {
				if _, err := DecodeEvent(line); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("audit and validate", func(b *testing.B) {
		b.SetBytes(int64(size))
		for b.Loop() {
			for _, line := range lines {
				e, err := DecodeEvent(line)
				if err == nil {
					err = e.Validate(now)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		b.SetBytes(int64(size))
		b.ReportAllocs()
		for b.Loop() {
			for _, line := range lines {
				var e jsonEvent
				if err := json.Unmarshal(line, &e); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}

func BenchmarkAppendJSON(b *testing.B) {
	lines := realEvents(b)
	var events []Event
	size := 0
	for _, line := range lines {
		e, err := DecodeEvent(line)
		if err != nil {
			b.Fatal(err)
		}
		events = append(events, e)
		size += len(line)
	}
	var buf []byte
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		for i := range events {
			buf = events[i].AppendJSON(buf[:0])
		}
	}
}
