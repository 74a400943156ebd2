package audit

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

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
