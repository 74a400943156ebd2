package indextest

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/audittrail/audittrail/audit"
)

var appendCases = []testCase{
	{"answers created for new events and duplicate for the same id, in order", func(s *suite) {
		s.store(acme, events("a", "b")...)
		got := s.append(acme, event("c", at(0)), event("a", at(0)), event("d", at(time.Second)), event("b", at(0)))
		s.same(got, []audit.AppendStatus{audit.StatusCreated, audit.StatusDuplicate, audit.StatusCreated, audit.StatusDuplicate}, "Append")
		s.expect(acme, audit.Query{}, "d", "c", "b", "a")
	}},
	{"recognises a duplicate within one call and keeps the first", func(s *suite) {
		first := event("a", at(-time.Minute), message("first"))
		got := s.append(acme, first, event("a", at(-time.Hour), message("second")), event("b", at(0)), event("a", at(-time.Minute)))
		s.same(got, []audit.AppendStatus{audit.StatusCreated, audit.StatusDuplicate, audit.StatusCreated, audit.StatusDuplicate}, "Append")
		s.same(s.get(acme, "a").Message, "first", "the stored message")
		s.expect(acme, audit.Query{}, "b", "a")
	}},
	{"leaves the stored event as it is when a duplicate differs", func(s *suite) {
		s.store(acme, event("a", at(-time.Minute), message("first")))
		before := s.get(acme, "a")
		s.clock.Advance(time.Hour)
		if got := s.append(acme, event("a", at(-time.Second), message("second"), log(audit.LogLogin))); got[0] != audit.StatusDuplicate {
			s.Errorf("Append: %s, want duplicate", got[0])
		}
		s.same(s.get(acme, "a"), before, "the event after a duplicate")
		s.expect(acme, audit.Query{Text: "second"})
		s.expect(acme, audit.Query{Logs: []audit.Log{audit.LogLogin}})
	}},
	{"recognises duplicates in another month", func(s *suite) {
		s.store(acme, event("a", at(0)), event("b", at(-100*24*time.Hour)))
		got := s.append(acme, event("a", at(-40*24*time.Hour)), event("b", at(0)), event("c", at(-40*24*time.Hour)), event("c", at(0)))
		s.same(got, []audit.AppendStatus{audit.StatusDuplicate, audit.StatusDuplicate, audit.StatusCreated, audit.StatusDuplicate}, "Append")
		s.expect(acme, audit.Query{}, "a", "c", "b")
	}},
	{"recognises duplicates after a restart", func(s *suite) {
		s.store(acme, event("a", at(0)), event("b", at(-100*24*time.Hour)))
		s.reopen()
		got := s.append(acme, event("b", at(0)), event("a", at(-100*24*time.Hour)), event("c", at(0)))
		s.same(got, []audit.AppendStatus{audit.StatusDuplicate, audit.StatusDuplicate, audit.StatusCreated}, "Append")
		s.reopen()
		s.expect(acme, audit.Query{}, newestFirst(event("a", at(0)), event("c", at(0)), event("b", at(-100*24*time.Hour)))...)
	}},
	{"recognises a duplicate for seven days after it was received, whatever its time", func(s *suite) {
		s.store(acme, event("a", at(0)), event("b", at(-170*24*time.Hour)))
		s.clock.Advance(audit.DedupeWindow - time.Millisecond)
		got := s.append(acme, event("a", s.clock.Now()), event("b", s.clock.Now()))
		s.same(got, []audit.AppendStatus{audit.StatusDuplicate, audit.StatusDuplicate}, "Append")
		s.expect(acme, audit.Query{}, "a", "b")
	}},
	{"takes the same id in two organizations for two events", func(s *suite) {
		s.store(acme, event("a", at(0), message("of acme")))
		s.store(globex, event("a", at(-time.Minute), message("of globex")))
		s.same(s.get(acme, "a").Message, "of acme", "the message")
		s.same(s.get(globex, "a").Message, "of globex", "the message")
	}},
	{"tells ids apart by every byte", func(s *suite) {
		long := strings.Repeat("x", audit.MaxIDBytes-1)
		ids := []string{"id", "ID", "id ", " id", "id/", "../id", "id%", "id_", "i", "é", "e\u0301", "*", "'; drop table events; --", `"`, `\`, long + "1", long + "2", "0", "00", "日本"}
		for i, id := range ids {
			s.store(acme, event(id, at(time.Duration(-i)*time.Second)))
		}
		s.expect(acme, audit.Query{}, ids...)
		for _, id := range ids {
			s.same(s.get(acme, id).ID, id, "the id")
		}
	}},
	{"stamps when an event was received, never decreasing, and shows it everywhere", func(s *suite) {
		e := event("a", at(-time.Hour))
		s.store(acme, e)
		s.same(e.ReceivedAt, start, "ReceivedAt of the event that was passed")
		s.clock.Set(start.Add(-time.Minute)) // a clock that is set back
		s.store(acme, event("b", at(-time.Hour)))
		if a, b := s.get(acme, "a").ReceivedAt, s.get(acme, "b").ReceivedAt; b.Before(a) {
			s.Errorf("b was received at %v, before a at %v", b, a)
		}
		s.clock.Set(start.Add(1500 * time.Microsecond))
		s.store(acme, event("c", at(-2*time.Hour)))
		want := start.Add(time.Millisecond)
		s.same(s.get(acme, "c").ReceivedAt, want, "ReceivedAt, which is cut to the millisecond,")
		got := s.search(acme, audit.Search{}).Events[2]
		s.same(got.ReceivedAt, want, "ReceivedAt in a page")
		all, _ := s.tailEvents(acme, "", 10)
		s.same(all[2].ReceivedAt, want, "ReceivedAt in the tail")
	}},
	{"keeps the stamp of an event that is sent again", func(s *suite) {
		s.store(acme, event("a", at(0)))
		s.clock.Advance(time.Hour)
		s.append(acme, event("a", at(0)))
		s.same(s.get(acme, "a").ReceivedAt, start, "ReceivedAt")
	}},
	{"takes up to 5,000 events in a call and refuses more", func(s *suite) {
		many := make([]*audit.Event, audit.MaxScan+1)
		for i := range many {
			many[i] = event(fmt.Sprint("e", i), at(time.Duration(i-len(many))*time.Second))
		}
		_, err := s.ix.Append(s.Context(), acme, many)
		s.fails(err, audit.CodeInvalid, "events")
		s.expect(acme, audit.Query{})
		s.store(acme, many[1:]...)
		if got := s.found(acme, audit.Query{}); len(got) != audit.MaxScan || got[0] != many[audit.MaxScan].ID {
			s.Errorf("found %d events, the newest %q", len(got), got[0])
		}
	}},
	{"takes a call without events", func(s *suite) {
		s.same(s.append(acme), []audit.AppendStatus{}, "Append of nothing")
	}},
	{"returns an event with every field as it was given", func(s *suite) {
		full := fullEvent()
		s.store(acme, full)
		want := *full
		want.Organization, want.ReceivedAt = acme, start
		s.roundTrips(&want)
		s.reopen()
		s.roundTrips(&want)
	}},
	{"returns hostile text unharmed", func(s *suite) {
		for i, text := range hostile {
			e := event(fmt.Sprint("h", i), at(-time.Duration(i)*time.Second), message(text), func(e *audit.Event) {
				e.Actor.Name = strings.Join(strings.Fields(shorten(text, audit.MaxNameBytes)), " ")
				e.Source.UserAgent = shorten(text, audit.MaxValueBytes)
				e.Changes = []audit.Change{{Field: "note", Old: shorten(text, audit.MaxValueBytes)}}
				e.Metadata = map[string]string{"note": shorten(text, audit.MaxValueBytes)}
			})
			s.store(acme, e)
			want := *e
			want.Organization, want.ReceivedAt = acme, start
			s.roundTrips(&want)
		}
	}},
	{"keeps an event apart from the memory of its caller", func(s *suite) {
		e := fullEvent()
		s.store(acme, e)
		e.Targets[0].Name, e.Changes[0].New, e.Metadata["ticket"] = "changed", "changed", "changed"
		s.expect(acme, audit.Query{Text: "changed"})
		got := s.get(acme, e.ID)
		got.Targets[0].Name, got.Metadata["ticket"] = "changed", "changed"
		again := s.get(acme, e.ID)
		if again.Targets[0].Name == "changed" || again.Metadata["ticket"] == "changed" {
			s.Error("what a caller does to a result changes the stored event")
		}
	}},
	{"stores each event once when many callers send the same ones at the same time", func(s *suite) {
		const callers, each = 8, 40
		var wg sync.WaitGroup
		created := make([]int, callers)
		for c := range callers {
			wg.Go(func() {
				for i := range each {
					e := []*audit.Event{event(fmt.Sprint("shared", i), at(0)), event(fmt.Sprint("own", c, "-", i), at(-time.Minute))}
					statuses, err := s.ix.Append(s.Context(), acme, e)
					if err != nil {
						s.Errorf("Append: %v", err)
						return
					}
					if statuses[0] == audit.StatusCreated {
						created[c]++
					}
					if statuses[1] != audit.StatusCreated {
						s.Errorf("event %q is %s, want created", e[1].ID, statuses[1])
					}
				}
			})
		}
		wg.Wait()
		s.factory.Visible(s.T, s.ix)
		sum := 0
		for _, n := range created {
			sum += n
		}
		if got := len(s.found(acme, audit.Query{})); sum != each || got != each+callers*each {
			s.Errorf("%d shared events were created and %d events are stored, want %d and %d", sum, got, each, each+callers*each)
		}
	}},
	{"refuses organization ids that are not valid, in every method", func(s *suite) {
		for _, id := range []string{"", "../acme", "a/b", "A\x00", strings.Repeat("x", 500)} {
			for name, err := range s.everyMethod(s.Context(), id) {
				if audit.CodeOf(err) != audit.CodeInvalid {
					s.Errorf("%s of organization %q: %v, want an error of code invalid", name, id, err)
				}
			}
		}
	}},
}

// roundTrips checks that every method returns the event as want.
func (s *suite) roundTrips(want *audit.Event) {
	s.Helper()
	s.same(s.get(acme, want.ID), *want, "the event by Get")
	of := func(events []audit.Event) *audit.Event {
		i := slices.IndexFunc(events, func(e audit.Event) bool { return e.ID == want.ID })
		if i < 0 {
			s.Fatalf("event %q is not there", want.ID)
		}
		return &events[i]
	}
	s.same(of(s.search(acme, audit.Search{}).Events), want, "the event by Search")
	all, _ := s.tailEvents(acme, "", audit.MaxScan)
	s.same(of(all), want, "the event by Tail")
}

func fullEvent() *audit.Event {
	return &audit.Event{
		ID: "full", Time: at(-123 * time.Millisecond), Log: audit.LogProduct, Action: "open_platform.key.enabled", Product: "crm",
		Outcome: audit.OutcomeFailure,
		Actor:   audit.Actor{ID: "u_17", Name: "Zoë Ångström", Type: "member"},
		Targets: []audit.Target{{Type: "key", ID: "k_1", Name: "Deploy"}, {Type: "member", ID: "u_42"}, {Name: "Sales, EMEA"}},
		Source: audit.Source{IP: netip.MustParseAddr("2001:db8::7"), Platform: "web", UserAgent: "Mozilla/5.0 (X11; Linux x86_64)",
			Location: audit.Location{Country: "DE", City: "Köln"}},
		Message:  "Zoë Ångström enabled the key Deploy",
		Changes:  []audit.Change{{Field: "status", Old: "off", New: "on"}, {Field: "note", New: "行政"}, {Field: "owner", Old: "u_1"}},
		Metadata: map[string]string{"ticket": "OPS-812", "empty": "", "a.b": "c"},
	}
}

// hostile are texts that encoders, query languages and tokenizers stumble over.
var hostile = []string{
	`"quoted" 'single' \backslash\ /slash/ <b>&amp;</b>`, "'; DROP TABLE events; --", "a\tb\nc\r\nd",
	"\u202eright to left\u202c שלום مرحبا", "\ufeffbom \u200b\u200d zero width", "\u2028\u2029", "NEAR(a b) OR AND NOT ^a {x} : *", "%s %d %n %%",
	"👩‍👩‍👧‍👦🇩🇪", strings.Repeat("long ", 2000), strings.Repeat("x", 32000), strings.Repeat("\u0301", 2000), strings.Repeat("漢", 3000),
	"\ue000\ue001\U0010ffff\uffff", "=1+1", "null", "{}", "[]", " ", "  spaces  ",
}

func shorten(text string, limit int) string {
	for i := range text {
		if i > limit-4 {
			return text[:i]
		}
	}
	return text
}

// newestFirst returns the ids in the order of a page.
func newestFirst(events ...*audit.Event) []string {
	slices.SortFunc(events, func(a, b *audit.Event) int {
		return comparePositions(audit.Position{Time: b.Time, Tie: audit.Tie(b.ID)}, audit.Position{Time: a.Time, Tie: audit.Tie(a.ID)})
	})
	ids := make([]string, len(events))
	for i, e := range events {
		ids[i] = e.ID
	}
	return ids
}

// errorOf returns the first audit.Error in err's chain.
func errorOf(err error) (*audit.Error, bool) {
	var e *audit.Error
	ok := errors.As(err, &e)
	return e, ok
}
