package audit

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// maxSaid is how much an error of one event, file or question says at most: its 100 fields, each with the path as the sender wrote it and one sentence.
const maxSaid = 64 << 10

// wantSpoken fails where an error is not one to show to a client: of a code for bad input, with a message, in UTF-8 and not longer than maxSaid.
func wantSpoken(t *testing.T, err error, codes ...Code) {
	t.Helper()
	if code := CodeOf(err); !slices.Contains(codes, code) {
		t.Fatalf("an error of the code %s: %v", code, err)
	}
	text := err.Error()
	if text == "" || len(text) > maxSaid || !utf8.ValidString(text) {
		t.Fatalf("an error of %d bytes, UTF-8 %v: %.300q", len(text), utf8.ValidString(text), text)
	}
}

// FuzzEventLimits: whatever is sent as an event is refused in words that can be shown, or is one that keeps to every limit: written as
// JSON it is an event again, of the same content, and not much longer than it came.
func FuzzEventLimits(f *testing.F) {
	f.Add([]byte(fullEvent))
	for _, line := range realEvents(f) {
		f.Add(line)
	}
	for _, seed := range []string{
		`{"` + strings.Repeat("k", 2000) + `":1}`, `{` + strings.Repeat(`"\u00e9":1,`, 300) + `"z":1}`,
		`{"metadata":{"` + strings.Repeat("m", 300) + `":"","\u0000":"\u0085","a.b":"` + strings.Repeat("v", 5000) + `"}}`,
		`{"time":"2026-11-20T08:15:30.123456789+23:59","log":"login","action":"a.b","actor":{"id":"\u2028"},"source":{"ip":"fe80::1%eth0"}}`,
		`{"time":"2026-11-20T08:15:30Z","log":"login","action":"audit_trail.x","actor":{"id":"u"}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := DecodeEvent(data)
		if err == nil {
			err = e.Validate(now)
		}
		if err != nil {
			wantSpoken(t, err, CodeInvalid, CodeMalformed, CodeTooLarge)
			return
		}
		text := e.AppendJSON(nil)
		if !json.Valid(text) || !utf8.Valid(text) {
			t.Fatalf("%q is written as %q", data, text)
		}
		if len(text) > 6*len(data)+200 { // an escape has six bytes
			t.Fatalf("%d bytes became %d", len(data), len(text))
		}
		again, err := DecodeStored(text)
		if err != nil || !reflect.DeepEqual(again, e) {
			t.Fatalf("%q is read again as %+v, %v", text, again, err)
		}
		if err := again.Validate(now); err != nil {
			t.Fatalf("%q was valid and is not: %v", text, err)
		}
	})
}

// FuzzColumns: columns of an export, with commas between, are each known and given once, or an error names every one that is not.
func FuzzColumns(f *testing.F) {
	for _, seed := range []string{"", "time,action", "time,time", "Time", strings.Join(ColumnNames(), ","), strings.Repeat("x,", 40), "\xff,actor_id"} {
		f.Add(seed, "csv")
	}
	f.Add("time", "ndjson")
	f.Add("time", "pdf")
	f.Fuzz(func(t *testing.T, text, format string) {
		columns := strings.Split(text, ",")
		err := ValidateColumns(ExportFormat(format), columns)
		if err != nil {
			wantSpoken(t, err, CodeInvalid)
			for field := range fieldsOf(t, err, CodeInvalid) {
				if field != "columns" && !strings.HasPrefix(field, "columns[") {
					t.Fatalf("%q: the field %q is named", text, field)
				}
			}
			return
		}
		if ExportFormat(format) == FormatNDJSON {
			t.Fatalf("%q is taken for NDJSON", text)
		}
		for i, name := range columns {
			if !slices.Contains(ColumnNames(), name) || slices.Contains(columns[:i], name) {
				t.Fatalf("%q is taken", text)
			}
		}
	})
}

// FuzzSecretForms: the secret of a session or of a one-time link is its mark and 43 digits of base 62, nothing else; none is taken for another.
func FuzzSecretForms(f *testing.F) {
	session, _ := NewSessionSecret()
	link, _ := NewLoginLinkSecret()
	key, _, _ := NewKeySecret()
	for _, seed := range []string{"", session, link, key, session + "\n", " " + link, "al_", "as_" + strings.Repeat("é", 43), "al_" + strings.Repeat("0", 42) + "-"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		isSession, isLink := IsSessionSecret(text), IsLoginLinkSecret(text)
		if isSession && isLink {
			t.Fatalf("%q is both", text)
		}
		if !isSession && !isLink {
			return
		}
		digits := text[3:]
		if len(digits) != secretDigits || strings.Trim(digits, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
			t.Fatalf("%q is taken", text)
		}
		if len(HashKey(text)) != 32 || CSRFToken(text) == "" || strings.Contains(CSRFToken(text), digits) {
			t.Fatalf("%q: token %q", text, CSRFToken(text))
		}
	})
}
