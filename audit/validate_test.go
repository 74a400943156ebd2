package audit

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// valid returns a valid event after change.
func valid(change func(e *Event)) *Event {
	e := wantFullEvent()
	change(&e)
	return &e
}

func TestValidateKeepsTheLimits(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	tests := []struct {
		name   string
		change func(e *Event)
		fields []string // none: valid
	}{
		{"an event of every field", func(*Event) {}, nil},
		{"no id", func(e *Event) { e.ID = "" }, nil},
		{"an id with slashes, backslashes, spaces and quotes", func(e *Event) { e.ID = `a/b\c "d"`; e.Actor.ID = `WORKSTATION5\wardog` }, nil},
		{"the longest id", func(e *Event) { e.ID = long(MaxIDBytes) }, nil},
		{"a longer id", func(e *Event) { e.ID = long(MaxIDBytes + 1) }, []string{"id"}},
		{"an id with a line break", func(e *Event) { e.ID = "a\nb" }, []string{"id"}},
		{"an id with DEL", func(e *Event) { e.ID = "a\x7f" }, []string{"id"}},
		{"an id with a C1 control", func(e *Event) { e.ID = "a\u0085" }, []string{"id"}},
		{"an id with letters beyond C1", func(e *Event) { e.ID = "\u00a0é" }, nil},
		{"an id that is not UTF-8", func(e *Event) { e.ID = "\xff" }, []string{"id"}},
		{"no time", func(e *Event) { e.Time = time.Time{} }, []string{"time"}},
		{"no log", func(e *Event) { e.Log = "" }, []string{"log"}},
		{"another log", func(e *Event) { e.Log = "system" }, []string{"log"}},
		{"no action", func(e *Event) { e.Action = "" }, []string{"action"}},
		{"an action of one part", func(e *Event) { e.Action = "added" }, []string{"action"}},
		{"an action with capitals", func(e *Event) { e.Action = "contacts.Member" }, []string{"action"}},
		{"an action with an empty part", func(e *Event) { e.Action = "contacts..added" }, []string{"action"}},
		{"an action that ends in a dot", func(e *Event) { e.Action = "contacts." }, []string{"action"}},
		{"an action that begins with a dot", func(e *Event) { e.Action = ".contacts" }, []string{"action"}},
		{"an action with a hyphen", func(e *Event) { e.Action = "a-b.c" }, []string{"action"}},
		{"a long action", func(e *Event) { e.Action = "a." + long(MaxActionBytes) }, []string{"action"}},
		{"a long product", func(e *Event) { e.Product = long(MaxNameBytes + 1) }, []string{"product"}},
		{"no outcome", func(e *Event) { e.Outcome = "" }, []string{"outcome"}},
		{"another outcome", func(e *Event) { e.Outcome = "ok" }, []string{"outcome"}},
		{"no actor", func(e *Event) { e.Actor = Actor{} }, []string{"actor.id"}},
		{"a long actor", func(e *Event) { e.Actor = Actor{long(129), long(257), long(257)} }, []string{"actor.id", "actor.name", "actor.type"}},
		{"a tab in a name", func(e *Event) { e.Actor.Name = "a\tb" }, []string{"actor.name"}},
		{"50 targets", func(e *Event) { e.Targets = make50(MaxTargets) }, nil},
		{"51 targets", func(e *Event) { e.Targets = make50(MaxTargets + 1) }, []string{"targets"}},
		{"an empty target", func(e *Event) { e.Targets = []Target{{ID: "a"}, {}} }, []string{"targets[1]"}},
		{"a long target", func(e *Event) { e.Targets = []Target{{long(257), long(129), long(257)}} }, []string{"targets[0].type", "targets[0].id", "targets[0].name"}},
		{"an address mapped into IPv6", func(e *Event) { e.Source.IP = netip.MustParseAddr("::ffff:1.2.3.4") }, []string{"source.ip"}},
		{"no address", func(e *Event) { e.Source = Source{} }, nil},
		{"a long source", func(e *Event) {
			e.Source.Platform, e.Source.UserAgent, e.Source.Location.City = long(257), long(MaxValueBytes+1), long(257)
		}, []string{"source.platform", "source.user_agent", "source.location.city"}},
		{"a country in words", func(e *Event) { e.Source.Location.Country = "Germany" }, []string{"source.location.country"}},
		{"a country in small letters", func(e *Event) { e.Source.Location.Country = "de" }, []string{"source.location.country"}},
		{"line breaks and tabs in running text", func(e *Event) { e.Message, e.Changes[0].Old, e.Metadata["a"] = "a\r\n\tb", "\n", "\t" }, nil},
		{"another control in a message", func(e *Event) { e.Message = "\x1b[31m" }, []string{"message"}},
		{"NUL in values", func(e *Event) { e.Changes[0].New, e.Metadata["a"] = "\x00", "\x00" }, []string{"changes[0].new", "metadata.a"}},
		{"the longest message", func(e *Event) { e.Message = long(MaxMessageBytes) }, nil},
		{"a longer message", func(e *Event) { e.Message = long(MaxMessageBytes + 1) }, []string{"message"}},
		{"a change without a field", func(e *Event) { e.Changes[0].Field = "" }, []string{"changes[0].field"}},
		{"a long change", func(e *Event) { e.Changes[0] = Change{long(129), long(MaxValueBytes + 1), long(MaxValueBytes + 1)} },
			[]string{"changes[0].field", "changes[0].old", "changes[0].new"}},
		{"101 changes", func(e *Event) { e.Changes = make([]Change, MaxChanges+1) }, []string{"changes"}},
		{"metadata keys of each kind", func(e *Event) {
			e.Metadata = map[string]string{"k8s.io/pod-name": "", "_a": "", "Event:ID": "", "1": ""}
		}, nil},
		{"a metadata key with a space", func(e *Event) { e.Metadata = map[string]string{"a b": ""} }, []string{"metadata.a b"}},
		{"an empty metadata key", func(e *Event) { e.Metadata = map[string]string{"": ""} }, []string{"metadata."}},
		{"metadata keys that begin or end with a dot", func(e *Event) { e.Metadata = map[string]string{".a": "", "a.": ""} }, []string{"metadata..a", "metadata.a."}},
		{"a long metadata key", func(e *Event) { e.Metadata = map[string]string{long(129): ""} }, []string{"metadata." + long(64) + "…"}},
		{"65 metadata keys", func(e *Event) {
			e.Metadata = map[string]string{}
			for i := range MaxMetadata + 1 {
				e.Metadata[fmt.Sprint(i)] = ""
			}
		}, []string{"metadata"}},
		{"several at once", func(e *Event) { e.Log, e.Actor.ID, e.Time = "x", "", now.Add(time.Hour) }, []string{"log", "actor.id", "time"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wantFields(t, valid(tt.change).Validate(now), tt.fields...)
		})
	}
}

func make50(n int) []Target {
	targets := make([]Target, n)
	for i := range targets {
		targets[i].ID = fmt.Sprint(i)
	}
	return targets
}

func TestValidateKeepsTheWindowOfTime(t *testing.T) {
	at := func(when time.Time) error { return valid(func(e *Event) { e.Time = when }).Validate(now) }
	horizon := time.Date(2026, 5, 24, 2, 0, 0, 0, time.UTC)
	for name, when := range map[string]time.Time{"the horizon": horizon, "now": now, "ten minutes ahead": now.Add(MaxFuture)} {
		if err := at(when); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	got := fieldsOf(t, at(horizon.Add(-time.Millisecond)), CodeInvalid)["time"]
	if want := "2026-05-24T01:59:59.999Z is too old: events are kept for 6 months, since 2026-05-24T02:00:00.000Z\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	got = fieldsOf(t, at(now.Add(MaxFuture+time.Millisecond)), CodeInvalid)["time"]
	if want := "2026-11-24T02:10:00.001Z is more than 10 minutes ahead of the server, where it is 2026-11-24T02:00:00.000Z\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestASearchDoesNotFindTheRecordOfASearch(t *testing.T) {
	for _, action := range []string{ActionEventsSearched, ActionSummaryViewed} {
		e := &Event{Action: action, Message: "Alice searched events", Metadata: map[string]string{"query": "q=mimikatz"}}
		for _, v := range SearchedText(e) {
			if v.Field == "metadata.query" {
				t.Errorf("%s: what was looked for is found: %+v", action, v)
			}
		}
	}
}

func TestSearchedTextIsEveryCoveredValueInOrder(t *testing.T) {
	e := wantFullEvent()
	e.Targets = append(e.Targets, Target{Type: "group", Name: "Sales"})
	e.Metadata["b"] = "last but one"
	want := []TextValue{
		{"message", `Alice Smith added Bob Lee to "Sales"`}, {"action", "contacts.member.added"}, {"actor.id", "u_17"}, {"actor.name", "Alice Smith"},
		{"targets[0].id", "u_42"}, {"targets[0].name", "Bob Lee"}, {"targets[1].name", "Sales"}, {"source.ip", "203.0.113.7"}, {"source.platform", "web"},
		{"source.location.country", "DE"}, {"source.location.city", "Berlin"}, {"changes[0].old", "member"}, {"changes[0].new", "admin"},
		{"metadata.b", "last but one"}, {"metadata.ticket", "OPS-812"},
	}
	got := SearchedText(&e)
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("got  %v\nwant %v", got, want)
	}
	if got := SearchedText(&Event{}); len(got) != 0 {
		t.Fatalf("an empty event: %v", got)
	}
	over := Event{Targets: make50(MaxTargets + 1), Changes: make([]Change, MaxChanges+1)}
	over.Changes[MaxChanges].New = "x"
	values := SearchedText(&over)
	if n := len(values); values[n-2].Field != "targets[50].id" || values[n-1].Field != "changes[100].new" {
		t.Fatalf("beyond the limits: %v", values[n-2:])
	}
}
