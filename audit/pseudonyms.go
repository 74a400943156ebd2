package audit

import (
	"maps"
	"slices"
	"strings"
)

// Pseudonyms gives events and digests the pseudonyms of erased members, by their ids, in place of who they were. An event itself says what the person was
// called when it happened, so that nothing else has to know it. Not safe for concurrent use: make one for each page.
type Pseudonyms struct {
	names map[string]string
	found map[string]*namePattern // by name
}

// NewPseudonyms takes the pseudonyms by member id; nil where the organization never erased anybody.
func NewPseudonyms(names map[string]string) *Pseudonyms {
	return &Pseudonyms{names: names, found: map[string]*namePattern{}}
}

// None says that the organization never erased anybody.
func (p *Pseudonyms) None() bool { return p.names == nil }

// Of returns the member's pseudonym; "" where the member was not erased.
func (p *Pseudonyms) Of(member string) string { return p.names[member] }

// People returns the ids of the event's actor and targets, the actor's first, each once.
func (e *Event) People() []string {
	ids := make([]string, 0, 1+len(e.Targets))
	ids = append(ids, e.Actor.ID)
	for _, t := range e.Targets {
		if t.ID != "" && !slices.Contains(ids, t.ID) {
			ids = append(ids, t.ID)
		}
	}
	return ids
}

// Event hides who was erased in an event in which they act or are a target. Their ids stay, so that filters find what they did, and so does what the
// event says of address, place, platform and outcome. Their names become the pseudonym, also within message, changes and metadata and in the names of other
// targets, with every part of the name; mail addresses there are taken out, and values that are about a person by their field's name. What was
// changed of other targets than the erased keeps its values, but for the names. The event that is passed is not changed, nor what it points to.
func (p *Pseudonyms) Event(e Event) Event {
	old, target := p.erasedOf(&e)
	if old == nil {
		return e
	}
	e.Targets = slices.Clone(e.Targets)
	if p.names[e.Actor.ID] != "" {
		e.Actor.Name = p.names[e.Actor.ID]
	} else {
		e.Actor.Name = p.named(e.Actor.Name, old)
	}
	for i := range e.Targets {
		t := &e.Targets[i]
		if t.Name = p.named(t.Name, old); p.names[t.ID] != "" {
			t.Name = p.names[t.ID]
		}
	}
	e.Message = p.text(e.Message, old)
	e.Changes = slices.Clone(e.Changes)
	about := target || len(e.Targets) == 0 // whom the changes are about
	for i := range e.Changes {
		c := &e.Changes[i]
		c.Old, c.New = p.value(c.Field, c.Old, old, about), p.value(c.Field, c.New, old, about)
	}
	e.Metadata = maps.Clone(e.Metadata)
	for key, value := range e.Metadata {
		e.Metadata[key] = p.value(key, value, old, true)
	}
	return e
}

// erasedOf returns the names by which the event calls erased members, each with the pseudonym, and whether one of them is a target; nil where there is none.
func (p *Pseudonyms) erasedOf(e *Event) (old map[string]string, target bool) {
	note := func(id, name string) bool {
		pseudonym := p.names[id]
		if pseudonym == "" {
			return false
		}
		if old == nil {
			old = map[string]string{}
		}
		if name = strings.TrimSpace(name); name != "" && name != pseudonym {
			old[name] = pseudonym
		}
		return true
	}
	note(e.Actor.ID, e.Actor.Name)
	for _, t := range e.Targets {
		target = note(t.ID, t.Name) || target
	}
	return old, target
}

// value is what is shown of a value; personal says that it may be about the erased.
func (p *Pseudonyms) value(field, value string, old map[string]string, personal bool) string {
	switch {
	case value == "":
		return ""
	case !personal:
		return p.named(value, old)
	case isPersonal(field):
		return ErasedText
	}
	return p.text(value, old)
}

// Digest hides who was erased in events of a digest, which keeps of an event one line. That line becomes the action where one of the event's people was
// erased, or where it is not known who they are, as in digests of earlier versions. The events that are passed are not changed.
func (p *Pseudonyms) Digest(events []DigestEvent) []DigestEvent {
	if p.None() {
		return events
	}
	events = slices.Clone(events)
	for i := range events {
		e := &events[i]
		switch {
		case len(e.People) == 0:
			e.Actor, e.Summary = ErasedText, e.Action
		case slices.ContainsFunc(e.People, func(id string) bool { return p.names[id] != "" }):
			e.Summary = e.Action
			if pseudonym := p.names[e.People[0]]; pseudonym != "" {
				e.Actor = pseudonym
			}
		}
	}
	return events
}

// Message hides who was erased in a message: in its events, and in its title, which is about its event where there is one alone.
func (p *Pseudonyms) Message(m Message) Message {
	if p.None() || m.Test || len(m.Events) == 0 {
		return m
	}
	before := m.Events
	m.Events = p.Digest(before)
	if m.Count <= 1 && m.Events[0].Summary != before[0].Summary {
		m.Title = m.Events[0].Summary
	}
	return m
}
