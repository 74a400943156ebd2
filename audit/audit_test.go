package audit

import (
	"errors"
	"maps"
	"os"
	"slices"
	"testing"
	"time"
)

// now is when the tests take place.
var now = time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC)

// fieldsOf returns the messages of the field errors, by field, and fails unless err has the code.
func fieldsOf(t *testing.T, err error, code Code) map[string]string {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an Error with code %s", err, code)
	}
	if e.Code != code {
		t.Fatalf("code %s (%v), want %s", e.Code, e, code)
	}
	fields := make(map[string]string)
	for _, f := range e.Fields {
		fields[f.Field] += f.Message + "\n"
	}
	return fields
}

// wantFields fails unless err is CodeInvalid on exactly these fields; none means no error.
func wantFields(t *testing.T, err error, fields ...string) {
	t.Helper()
	if len(fields) == 0 {
		if err != nil {
			t.Fatalf("unexpected error: %v", err)
		}
		return
	}
	got := slices.Sorted(maps.Keys(fieldsOf(t, err, CodeInvalid)))
	slices.Sort(fields)
	if !slices.Equal(got, fields) {
		t.Fatalf("errors on %q, want %q (%v)", got, fields, err)
	}
}

// realEvents returns real Windows events as they were logged.
func realEvents(t testing.TB) [][]byte {
	t.Helper()
	body, err := os.ReadFile("testdata/windows-events.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	lines := SplitLines(body)
	if len(lines) < 15 {
		t.Fatalf("only %d events", len(lines))
	}
	return lines
}
