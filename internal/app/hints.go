package app

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/jobs"
)

const (
	// remindersLife is how long an organization's reminders are believed to be what they were.
	remindersLife = 2 * time.Second
	// maxRemembered bounds the organizations whose reminders are remembered.
	maxRemembered = 10_000
	loadTimeout   = 5 * time.Second
)

// reminderLister lists an organization's reminders; store.Reminders says what it promises.
type reminderLister interface {
	Reminders(ctx context.Context, organization string) ([]audit.Reminder, error)
}

// hintTaker is told that an organization received events that a reminder waits for. It does not block.
type hintTaker interface{ Hint(organization string) }

// hinter looks at every commit and gives a hint where it holds an action that a reminder is about, so that a dispatcher looks at once
// and an organization without such reminders costs nothing. Reminders may be changed by other processes: what matched none of those that are known
// is looked at once more when they are loaded anew, remindersLife later at most. A hint may be lost: the dispatcher looks by itself, only later.
type hinter struct {
	lister reminderLister
	taker  hintTaker
	clock  func() time.Time
	logger *slog.Logger
	ctx    context.Context //nolint:containedctx // ends loads when the process does
	cancel context.CancelFunc
	loads  sync.WaitGroup

	mu    sync.Mutex
	known map[string]*watched
}

// watched are the reminders of one organization.
type watched struct {
	reminders []audit.Reminder
	until     time.Time
	// loading says that a load is under way, or waits for the end of what is known.
	loading bool
	// sooner is closed to end that wait; nil where there is none.
	sooner chan struct{}
	// waiting are actions that were committed since the reminders were loaded and that they are not about.
	waiting map[string]bool
	// stale says that the reminders changed while they were being loaded.
	stale bool
}

func newHinter(lister reminderLister, taker hintTaker, clock func() time.Time, logger *slog.Logger) *hinter {
	h := &hinter{lister: lister, taker: taker, clock: clock, logger: logger, known: make(map[string]*watched)}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	return h
}

// Committed takes note of a commit. It does not block: where the reminders have to be loaded first, that is done beside.
func (h *hinter) Committed(organization string, events []*audit.Event, statuses []audit.AppendStatus) {
	actions := make(map[string]bool)
	for i, e := range events {
		if statuses[i] == audit.StatusCreated {
			actions[e.Action] = true
		}
	}
	if len(actions) == 0 {
		return
	}
	h.mu.Lock()
	w := h.watch(organization)
	left := w.until.Sub(h.clock())
	if left > 0 && matchesAny(w.reminders, actions) {
		h.mu.Unlock()
		h.taker.Hint(organization)
		return
	}
	defer h.mu.Unlock()
	for action := range actions {
		w.waiting[action] = true
	}
	if w.loading || h.ctx.Err() != nil {
		return
	}
	w.loading = true
	if left <= 0 {
		h.loads.Go(func() { h.load(organization, w) })
		return
	}
	sooner := make(chan struct{})
	w.sooner = sooner
	h.loads.Go(func() {
		h.await(w, left, sooner)
		h.load(organization, w)
	})
}

// await returns when the time is over, there is a reason not to wait, or the process ends.
func (h *hinter) await(w *watched, left time.Duration, sooner <-chan struct{}) {
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-sooner:
	case <-h.ctx.Done():
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	w.sooner = nil
}

// watch returns what is known of an organization. The mutex is held.
func (h *hinter) watch(organization string) *watched {
	w, ok := h.known[organization]
	if !ok {
		if len(h.known) >= maxRemembered {
			clear(h.known) // loads under way keep theirs
		}
		w = &watched{waiting: make(map[string]bool)}
		h.known[organization] = w
	}
	return w
}

// load reads the reminders and looks at the actions that wait for them.
func (h *hinter) load(organization string, w *watched) {
	for again := true; again; {
		ctx, cancel := context.WithTimeout(h.ctx, loadTimeout)
		reminders, err := h.lister.Reminders(ctx, organization)
		cancel()
		if err != nil && h.ctx.Err() == nil {
			h.logger.Warn("the reminders could not be read for a hint; their dispatcher looks by itself", "organization", organization, "error", err)
		}
		h.mu.Lock()
		again, w.stale = w.stale && err == nil, false
		matches := err != nil || matchesAny(reminders, w.waiting) // when in doubt, let it look
		clear(w.waiting)
		if err == nil && !again {
			w.reminders, w.until = reminders, h.clock().Add(remindersLife)
		}
		w.loading = again
		h.mu.Unlock()
		if matches {
			h.taker.Hint(organization)
		}
	}
}

// forget makes the next commit load the organization's reminders anew: one was changed.
func (h *hinter) forget(organization string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	w, ok := h.known[organization]
	if !ok {
		return
	}
	w.until = time.Time{}
	if w.sooner != nil {
		close(w.sooner)
		w.sooner = nil
		return
	}
	w.stale = w.loading
}

// Close ends loads under way.
func (h *hinter) Close() {
	h.mu.Lock()
	h.cancel()
	h.mu.Unlock()
	h.loads.Wait()
}

func matchesAny(reminders []audit.Reminder, actions map[string]bool) bool {
	for _, r := range reminders {
		for action := range actions {
			if r.Matches(action) {
				return true
			}
		}
	}
	return false
}

// hintedJobs is the Temporal client of the API; it tells the hinter of changes at once.
type hintedJobs struct {
	*jobs.Client
	hinter *hinter
}

// ReminderChanged passes the change on.
func (j hintedJobs) ReminderChanged(ctx context.Context, organization, reminder string) error {
	j.hinter.forget(organization)
	return j.Client.ReminderChanged(ctx, organization, reminder)
}
