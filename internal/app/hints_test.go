package app

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// board lists reminders and counts hints.
type board struct {
	mu        sync.Mutex
	reminders []audit.Reminder
	err       error
	loads     int
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
	synctest.Test(t, func(t *testing.T) {
		b := &board{reminders: []audit.Reminder{{Actions: []string{"login.*"}}}}
		h := newHinter(b, b, time.Now, slog.New(slog.DiscardHandler))
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
			{"a duplicate", func() {}, "login.failed", audit.StatusDuplicate, 0, 0},
			{"another action is looked at once more", func() {}, "contacts.member.added", audit.StatusCreated, 0, 1},
			{"after their time they are loaded again", func() { <-time.After(remindersLife) }, "contacts.member.added", audit.StatusCreated, 0, 1},
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
	})
}

func TestAReminderThatAnotherProcessMadeHasItsHintInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &board{}
		h := newHinter(b, b, time.Now, slog.New(slog.DiscardHandler))
		defer h.Close()
		b.commit(h, "login.failed", audit.StatusCreated)
		b.reminders = []audit.Reminder{{Actions: []string{"login.*"}}}
		began := time.Now()
		if hints, loads := b.commit(h, "login.failed", audit.StatusCreated); hints != 1 || loads != 1 {
			t.Errorf("%d hints and %d loads, want one of each", hints, loads)
		}
		if took := time.Since(began); took > remindersLife {
			t.Errorf("the hint took %s", took)
		}
	})
}

func TestAChangeHereEndsTheWaitForThoseOfOtherProcesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &board{}
		h := newHinter(b, b, time.Now, slog.New(slog.DiscardHandler))
		defer h.Close()
		b.commit(h, "login.failed", audit.StatusCreated)
		began := time.Now()
		h.Committed("acme", []*audit.Event{{Action: "login.failed"}}, []audit.AppendStatus{audit.StatusCreated})
		b.mu.Lock()
		b.reminders = []audit.Reminder{{Actions: []string{"login.*"}}}
		b.mu.Unlock()
		h.forget("acme")
		h.loads.Wait()
		if took := time.Since(began); b.hints != 1 || took > 0 {
			t.Errorf("%d hints after %s, want one at once", b.hints, took)
		}
	})
}

func TestTheEndDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &board{}
		h := newHinter(b, b, time.Now, slog.New(slog.DiscardHandler))
		b.commit(h, "login.failed", audit.StatusCreated)
		began := time.Now()
		h.Committed("acme", []*audit.Event{{Action: "login.failed"}}, []audit.AppendStatus{audit.StatusCreated})
		h.Close()
		if took := time.Since(began); took > 0 {
			t.Errorf("it took %s", took)
		}
	})
}
