package app

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// board lists reminders and counts hints.
type board struct {
	mu        sync.Mutex
	reminders []audit.Reminder
	err       error
	loads     int
	now       time.Time
	hints     int
}

func (b *board) Reminders(context.Context, string) ([]audit.Reminder, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.loads++
	return b.reminders, b.err
}

func (b *board) Hint(string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hints++
}

func (b *board) clock() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now
}

// commit hands the hinter one event and returns how many hints and loads that made.
func (b *board) commit(h *hinter, action string, status audit.AppendStatus) (hints, loads int) {
	b.mu.Lock()
	b.hints, b.loads = 0, 0
	b.mu.Unlock()
	h.Committed("acme", []*audit.Event{{Action: action}}, []audit.AppendStatus{status})
	h.loads.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.hints, b.loads
}

func TestOnlyCreatedEventsThatAReminderIsAboutGiveAHint(t *testing.T) {
	b := &board{now: time.Unix(1000, 0), reminders: []audit.Reminder{{Actions: []string{"login.*"}}}}
	h := newHinter(b, b, b.clock, slog.New(slog.DiscardHandler))
	defer h.Close()
	for _, step := range []struct {
		name         string
		before       func()
		action       string
		status       audit.AppendStatus
		hints, loads int
	}{
		{"the first commit loads the reminders", func() {}, "login.failed", audit.StatusCreated, 1, 1},
		{"the next one knows them", func() {}, "login.failed", audit.StatusCreated, 1, 0},
		{"another action", func() {}, "contacts.member.added", audit.StatusCreated, 0, 0},
		{"a duplicate", func() {}, "login.failed", audit.StatusDuplicate, 0, 0},
		{"after their time they are loaded again", func() { b.now = b.now.Add(remindersLife) }, "contacts.member.added", audit.StatusCreated, 0, 1},
		{"a change is seen at once", func() {
			b.reminders = append(b.reminders, audit.Reminder{Actions: []string{"contacts.*"}})
			h.forget("acme")
		}, "contacts.member.added", audit.StatusCreated, 1, 1},
		{"when in doubt there is a hint", func() {
			b.err = errors.New("store is down")
			h.forget("acme")
		}, "crm.deal.updated", audit.StatusCreated, 1, 1},
	} {
		step.before()
		if hints, loads := b.commit(h, step.action, step.status); hints != step.hints || loads != step.loads {
			t.Errorf("%s: %d hints and %d loads, want %d and %d", step.name, hints, loads, step.hints, step.loads)
		}
	}
}
