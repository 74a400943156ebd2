package audit

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

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
