package activities

import (
	"context"
	"crypto/sha256"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/audittrail/audittrail/audit"
)

// maxSummary is how long a line about an event may be, in bytes.
const maxSummary = 240

// Batch is what one page of the tail holds for one reminder. Its size is bounded, however many events match.
type Batch struct {
	// From is the checkpoint that the page was read behind, and Window the note of where the reminder's open window began.
	From   string
	Window string
	// Count is how many events match; Keys holds KeyBytes of each one's id, to drop those that are handed over twice.
	Count int
	Keys  []byte
	// Logs holds one byte for each key: the log of the event, for LogOf.
	Logs []byte
	// Events are the newest, at most audit.DigestExamples.
	Events []audit.DigestEvent
	// First is when the first of them was received. Oldest and Newest are the events' own times.
	First  time.Time
	Oldest time.Time
	Newest time.Time
}

// KeyBytes is how much of an event's key a Batch holds.
const KeyBytes = 8

// LogOf returns the log of the event of that number; "" where it is not known, as in batches of an earlier version.
func (b Batch) LogOf(i int) audit.Log {
	if i >= len(b.Logs) || b.Logs[i] == 0 || int(b.Logs[i]) > len(audit.Logs()) {
		return ""
	}
	return audit.Logs()[b.Logs[i]-1]
}

// EventKey tells events of an organization apart.
func EventKey(id string) [KeyBytes]byte {
	sum := sha256.Sum256([]byte(id))
	return [KeyBytes]byte(sum[:KeyBytes])
}

// matcher finds the reminders that an event concerns.
type matcher struct {
	reminders []audit.Reminder
	sight     []audit.Principal // of each reminder's creator
	byAction  map[string][]int
}

// matched are one reminder's events, in the order of arrival.
type matched struct {
	reminder audit.Reminder
	events   []*audit.Event
}

// matcher looks up what each reminder's creator may see now. Paused reminders are left out, and those whose creator is no longer there or may have none.
func (d *Dispatch) matcher(ctx context.Context, organization string, reminders []audit.Reminder) (*matcher, error) {
	m := &matcher{byAction: map[string][]int{}}
	creators := map[string]audit.Member{}
	for _, r := range reminders {
		if r.Paused {
			continue
		}
		creator, known := creators[r.CreatedBy]
		if !known {
			var err error
			creator, err = d.Records.Member(ctx, organization, r.CreatedBy)
			if err != nil && audit.CodeOf(err) != audit.CodeNotFound {
				return nil, err
			}
			creators[r.CreatedBy] = creator
		}
		if why := mayRemind(creator); why != "" {
			d.Logger.WarnContext(ctx, "a reminder matches nothing", "why", why, "organization", organization, "reminder", r.ID)
			continue
		}
		m.reminders = append(m.reminders, r)
		m.sight = append(m.sight, creator.Principal())
	}
	return m, nil
}

// mayRemind says why a reminder of the creator's must not fire any more; "" where it may.
func mayRemind(creator audit.Member) string {
	switch {
	case !creator.Included():
		return "who created the reminder is no longer an active member"
	case creator.Principal().Allow(audit.ScopeReminders) != nil:
		return "the role of who created the reminder no longer allows reminders"
	}
	return ""
}

// match returns the reminders that have matches, each with its events. What was received before a reminder was created is not for it.
func (m *matcher) match(events []audit.Event) []matched {
	found := make([]matched, len(m.reminders))
	for i := range events {
		e := &events[i]
		for _, r := range m.interested(e.Action) {
			if m.sight[r].Sees(e) && !e.ReceivedAt.Before(m.reminders[r].CreatedAt) {
				found[r].events = append(found[r].events, e)
			}
		}
	}
	for r := range found {
		found[r].reminder = m.reminders[r]
	}
	return slices.DeleteFunc(found, func(f matched) bool { return len(f.events) == 0 })
}

// interested returns the reminders with a pattern for the action, worked out once an action.
func (m *matcher) interested(action string) []int {
	list, known := m.byAction[action]
	if !known {
		for i, r := range m.reminders {
			if r.Matches(action) {
				list = append(list, i)
			}
		}
		m.byAction[action] = list
	}
	return list
}

func newBatch(from string, events []*audit.Event) Batch {
	b := Batch{From: from, Count: len(events), Keys: make([]byte, 0, len(events)*KeyBytes)}
	for _, e := range events {
		key := EventKey(e.ID)
		b.Keys = append(b.Keys, key[:]...)
		b.Logs = append(b.Logs, byte(slices.Index(audit.Logs(), e.Log)+1))
		if b.First.IsZero() || e.ReceivedAt.Before(b.First) {
			b.First = e.ReceivedAt
		}
		if b.Oldest.IsZero() || e.Time.Before(b.Oldest) {
			b.Oldest = e.Time
		}
		if e.Time.After(b.Newest) {
			b.Newest = e.Time
		}
	}
	newest := slices.Clone(events)
	slices.SortStableFunc(newest, func(a, b *audit.Event) int { return b.Time.Compare(a.Time) })
	for _, e := range newest[:min(len(newest), audit.DigestExamples)] {
		b.Events = append(b.Events, digestEvent(e))
	}
	return b
}

func digestEvent(e *audit.Event) audit.DigestEvent {
	d := audit.DigestEvent{
		ID: e.ID, Time: e.Time, Log: e.Log, Action: e.Action, Outcome: e.Outcome, Actor: e.Actor.Name, Summary: summary(e),
		People: e.People(),
	}
	if d.Actor == "" {
		d.Actor = e.Actor.ID
	}
	if e.Source.IP.IsValid() {
		d.IP = e.Source.IP.String()
	}
	place := []string{e.Source.Location.City, e.Source.Location.Country}
	d.Place = strings.Join(slices.DeleteFunc(place, func(s string) bool { return s == "" }), ", ")
	return d
}

// summary is one line about an event: its message, or who did what to whom.
func summary(e *audit.Event) string {
	text := e.Message
	if strings.TrimSpace(text) == "" {
		text = e.Action
		if len(e.Targets) > 0 {
			name := e.Targets[0].Name
			if name == "" {
				name = e.Targets[0].ID
			}
			text += ": " + name
		}
	}
	if len(text) > 4*maxSummary { // enough to be cut again below; spares reading a long message to its end
		text = text[:4*maxSummary]
	}
	text = strings.ToValidUTF8(strings.Join(strings.Fields(text), " "), "")
	if len(text) <= maxSummary {
		return text
	}
	cut := maxSummary
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}
