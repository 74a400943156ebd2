package audit

import (
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

func erasing(ids ...string) *Pseudonyms {
	names := map[string]string{}
	for _, id := range ids {
		names[id] = "Erased member " + id
	}
	return NewPseudonyms(names)
}

func TestAnEventHidesWhoWasErasedAndKeepsWhatHappened(t *testing.T) {
	alice, bob := Actor{ID: "u_1", Name: "Alice Smith", Type: "member"}, Target{Type: "member", ID: "u_2", Name: "Bob Lee"}
	for _, c := range []struct {
		name   string
		erased []string
		event  Event
		want   Event
	}{
		{"nobody of the event", []string{"u_9"}, Event{Actor: alice, Targets: []Target{bob}, Message: "Alice Smith added a@b.org"},
			Event{Actor: alice, Targets: []Target{bob}, Message: "Alice Smith added a@b.org"}},
		{"the actor", []string{"u_1"},
			Event{Actor: alice, Targets: []Target{bob}, Message: "Alice Smith (alice@example.com) added Bob Lee", Changes: []Change{{Field: "email", New: "bob@example.com"}},
				Metadata: map[string]string{"user_name": "asmith", "note": "by ALICE SMITH, mail Alice.Smith@example.com", "ticket": "OPS-812"}},
			Event{Actor: Actor{ID: "u_1", Name: "Erased member u_1", Type: "member"}, Targets: []Target{bob}, Message: "Erased member u_1 ([erased]) added Bob Lee",
				Changes: []Change{{Field: "email", New: "bob@example.com"}}, Metadata: map[string]string{"user_name": "[erased]", "note": "by Erased member u_1, mail [erased]", "ticket": "OPS-812"}}},
		{"a target", []string{"u_2"},
			Event{Actor: alice, Targets: []Target{bob, {Type: "key", ID: "k", Name: "Bob Lee's laptop"}}, Message: "Alice Smith moved Bob to Sales", Changes: []Change{{Field: "role", Old: "member", New: "creator"},
				{Field: "profile.Display-Name", Old: "Bobby", New: "Bob Lee"}, {Field: "note", Old: "Bob's", New: "b@lee.org"}}},
			Event{Actor: alice, Targets: []Target{{Type: "member", ID: "u_2", Name: "Erased member u_2"}, {Type: "key", ID: "k", Name: "Erased member u_2's laptop"}}, Message: "Alice Smith moved Erased member u_2 to Sales",
				Changes: []Change{{Field: "role", Old: "member", New: "creator"}, {Field: "profile.Display-Name", Old: "[erased]", New: "[erased]"}, {Field: "note", Old: "Erased member u_2's", New: "[erased]"}}}},
		{"both", []string{"u_1", "u_2"}, Event{Actor: alice, Targets: []Target{bob}, Message: "Smith, Alice and Lee: aliceX, Alices"},
			Event{Actor: Actor{ID: "u_1", Name: "Erased member u_1", Type: "member"}, Targets: []Target{{Type: "member", ID: "u_2", Name: "Erased member u_2"}},
				Message: "Erased member u_1, Erased member u_1 and Erased member u_2: aliceX, Erased member u_1s"}},
		{"a name without spaces between words", []string{"u_1"}, Event{Actor: Actor{ID: "u_1", Name: "王小明"}, Message: "王小明添加了成员"},
			Event{Actor: Actor{ID: "u_1", Name: "Erased member u_1"}, Message: "Erased member u_1添加了成员"}},
		{"a name within a word stays", []string{"u_1"}, Event{Actor: Actor{ID: "u_1", Name: "Al"}, Message: "Al also"},
			Event{Actor: Actor{ID: "u_1", Name: "Erased member u_1"}, Message: "Erased member u_1 also"}},
		{"a name that is an address", []string{"u_1"}, Event{Actor: Actor{ID: "u_1", Name: "alice@example.com"}, Message: "alice@example.com signed in"},
			Event{Actor: Actor{ID: "u_1", Name: "Erased member u_1"}, Message: "Erased member u_1 signed in"}},
		{"no name at all", []string{"u_1"}, Event{Actor: Actor{ID: "u_1"}, Message: "signed in"}, Event{Actor: Actor{ID: "u_1", Name: "Erased member u_1"}, Message: "signed in"}},
		{"an event of after the erasure", []string{"u_1"}, Event{Actor: Actor{ID: "u_1", Name: "Erased member u_1"}, Message: "a member was Erased"},
			Event{Actor: Actor{ID: "u_1", Name: "Erased member u_1"}, Message: "a member was Erased"}},
	} {
		got := erasing(c.erased...).Event(c.event)
		if len(got.Changes) == 0 {
			got.Changes = nil
		}
		if len(got.Targets) == 0 {
			got.Targets = nil
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", c.name, got, c.want)
		}
	}
}

func TestMailAddressesAreTakenOutOfTexts(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "",
		"no address":                     "no address",
		"a@b.org":                        "[erased]",
		"<a.b+c@sub.b.org>, d@e.fr.":     "<[erased]>, [erased].",
		"mail müller@bücher.example now": "mail [erased] now",
		"o'neil@x.org-":                  "[erased]-",
		"@ a@ @b a@b a@.b @@ a@b..":      "@ a@ @b a@b a@.b @@ a@b..",
		"a@b.org@c.org":                  "[erased]@c.org",
		"a\xff@b.org":                    "a\xff@b.org",
	} {
		if got := withoutAddresses(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

// FuzzWithoutAddresses: what is left has no address of a simple form, nothing is added but the mark, and it ends.
func FuzzWithoutAddresses(f *testing.F) {
	for _, text := range []string{"a@b.org", "a@b.org@c.org", "@@..@a.b", "müller@bücher.example"} {
		f.Add(text)
	}
	address := regexp.MustCompile(`[A-Za-z0-9]@[A-Za-z0-9]+\.[A-Za-z0-9]`)
	f.Fuzz(func(t *testing.T, text string) {
		got := withoutAddresses(text)
		if left := address.FindString(got); left != "" {
			t.Errorf("%q leaves %q in %q", text, left, got)
		}
		if !strings.Contains(text, "@") && got != text {
			t.Errorf("%q becomes %q", text, got)
		}
	})
}

func TestHidingChangesNothingOfTheEventThatIsPassed(t *testing.T) {
	ann := func() Event {
		return Event{Actor: Actor{ID: "a", Name: "Ann Lee"}, Targets: []Target{{ID: "a", Name: "Ann Lee"}}, Changes: []Change{{Field: "name", Old: "Ann", New: "Ann Lee"}},
			Metadata: map[string]string{"note": "Ann Lee"}}
	}
	e := ann()
	erasing("a").Event(e)
	if !reflect.DeepEqual(e, ann()) {
		t.Errorf("it became %+v", e)
	}
}

func TestALineOfADigestIsTheActionWherePeopleAreErasedOrNotKnown(t *testing.T) {
	line := func(actor string, people ...string) DigestEvent {
		return DigestEvent{Action: "a.b", Actor: actor, Summary: "Alice added Bob", People: people}
	}
	m := Message{Title: "R: Alice added Bob", Count: 1, Events: []DigestEvent{line("Alice", "u_1", "u_2")}}
	if got := NewPseudonyms(nil).Message(m); got.Title != m.Title || got.Events[0].Summary != "Alice added Bob" {
		t.Errorf("an organization that never erased anybody reads %+v", got)
	}
	for _, c := range []struct {
		erased, actor, summary string
		e                      DigestEvent
	}{
		{"u_9", "Alice", "Alice added Bob", line("Alice", "u_1", "u_2")},
		{"u_1", "Erased member u_1", "a.b", line("Alice", "u_1", "u_2")},
		{"u_2", "Alice", "a.b", line("Alice", "u_1", "u_2")},
		{"u_9", ErasedText, "a.b", line("Alice")},
	} {
		m := Message{Title: "R: Alice added Bob", Count: 1, Events: []DigestEvent{c.e}}
		got := erasing(c.erased).Message(m)
		if e := got.Events[0]; e.Actor != c.actor || e.Summary != c.summary || (c.summary == "a.b") != (got.Title == "a.b") {
			t.Errorf("%s: %+v", c.erased, got)
		}
		if m.Events[0].Summary != "Alice added Bob" {
			t.Error("the message that was passed is changed")
		}
		if m.Test = true; erasing(c.erased).Message(m).Title != m.Title {
			t.Error("a made-up message is changed")
		}
	}
}

func TestAnErasedMemberIsAnIdAndAPseudonym(t *testing.T) {
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	m := Member{ID: "u_1", Organization: "acme", Name: "Alice", Email: "a@b.org", Phone: "+491701234567", Avatar: "https://x/y", Departments: []string{"Sales"}, Role: RoleCreator,
		Status: MemberActive, UserName: "alice", ExternalID: "x", Provisioned: Provisioned{GivenName: "Alice"}, Version: 7}
	got := m.Erase("P", at)
	if want := (Member{ID: "u_1", Organization: "acme", Name: "P", Role: RoleMember, Status: MemberDeleted, ErasedAt: at, UpdatedAt: at, Version: 7}); !reflect.DeepEqual(got, want) {
		t.Errorf("it is %+v", got)
	}
	if again := got.Erase("Q", at.Add(time.Hour)); !reflect.DeepEqual(again, got) {
		t.Errorf("erased again it is %+v", again)
	}
	a, b := NewPseudonym(), NewPseudonym()
	if a == b || !strings.HasPrefix(a, "Erased member ") || (Member{ID: "x", Name: a, Role: RoleMember, Status: MemberDeleted}).Validate() != nil {
		t.Errorf("pseudonyms %q and %q", a, b)
	}
}
