package audit

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"testing"
	"time"
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
