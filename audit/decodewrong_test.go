package audit

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

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
