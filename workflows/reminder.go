package workflows

import (
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/workflow"

	"github.com/audittrail/audittrail/activities"
)

const (
	// reminderIdle is after how long without matches a reminder's workflow ends; the next match starts it again.
	reminderIdle = 24 * time.Hour
	// digestsPerRun and batchesPerRun bound the history of one run.
	digestsPerRun = 200
	batchesPerRun = 250
)

// ReminderInput names the reminder.
type ReminderInput struct {
	activities.ReminderRef
	// State is what an earlier run left.
	State *ReminderState
}

// ReminderState is what a reminder's workflow remembers from run to run.
type ReminderState struct {
	Gathered Gathered
	// Seen are the keys of the newest events, oldest first.
	Seen []byte
	// Closed is the note of the window that was closed last.
	Closed string
}

// reminderWorkflow is one run of a reminder.
type reminderWorkflow struct {
	in       ReminderInput
	batches  workflow.ReceiveChannel
	changes  workflow.ReceiveChannel
	gathered Gathered
	seen     *seen
	closed   string
	changed  bool
	// taken and sent count batches and digests of this run; active is when there was something to do last.
	taken, sent int
	active      time.Time
}

// reminders names the activities; it is never called.
var reminders *activities.Reminders

// Reminder gathers the matches that the dispatcher hands it by SignalBatch, over the reminder's window, and sends one digest of them. The
// settings are read when a window opens, at SignalChanged, and when the digest leaves.
func Reminder(ctx workflow.Context, in ReminderInput) error {
	w := &reminderWorkflow{in: in, seen: newSeen(nil)}
	w.setup(ctx)
	return w.run(ctx)
}

func (w *reminderWorkflow) setup(ctx workflow.Context) {
	if s := w.in.State; s != nil {
		w.gathered, w.seen, w.closed = s.Gathered, newSeen(s.Seen), s.Closed
	}
	w.batches = workflow.GetSignalChannel(ctx, SignalBatch)
	w.changes = workflow.GetSignalChannel(ctx, SignalChanged)
	w.active = workflow.Now(ctx)
}

func (w *reminderWorkflow) run(ctx workflow.Context) error {
	for w.sent < digestsPerRun && w.taken < batchesPerRun {
		_, err := workflow.AwaitWithTimeout(ctx, reminderIdle, func() bool { return w.gathered.Count > 0 || w.changed || w.signalled() })
		if err != nil {
			return err
		}
		w.drain(ctx)
		if w.gathered.Count == 0 && !w.changed {
			if workflow.Now(ctx).Sub(w.active) >= reminderIdle {
				return nil
			}
			continue // only repeats of what was seen
		}
		gone, err := w.serve(ctx)
		if err != nil {
			return err
		}
		w.active = workflow.Now(ctx)
		if gone && !w.signalled() {
			return nil
		}
	}
	w.drain(ctx)
	state := &ReminderState{Gathered: w.gathered, Seen: w.seen.pack(), Closed: w.closed}
	return workflow.NewContinueAsNewError(ctx, NameReminder, ReminderInput{ReminderRef: w.in.ReminderRef, State: state})
}

// signalled says whether signals have arrived that no one has looked at. They are left in their channels until then, and not
// taken by a coroutine of their own: what such a one has taken but not yet looked at would be lost when a run ends.
func (w *reminderWorkflow) signalled() bool { return w.batches.Len() > 0 || w.changes.Len() > 0 }

// drain takes the signals that have arrived.
func (w *reminderWorkflow) drain(ctx workflow.Context) {
	var batch activities.Batch
	for w.batches.ReceiveAsync(&batch) {
		w.take(ctx, batch)
		batch = activities.Batch{}
	}
	for w.changes.ReceiveAsync(nil) {
		w.changed = true
	}
}

func (w *reminderWorkflow) take(ctx workflow.Context, batch activities.Batch) {
	w.taken++
	w.gathered.add(batch, w.seen, workflow.Now(ctx))
}

// serve takes one look at the settings and does what they say: waits for the window to close and sends, or drops what was gathered.
func (w *reminderWorkflow) serve(ctx workflow.Context) (gone bool, err error) {
	w.changed = false
	if err := w.reopen(ctx); err != nil {
		return false, err
	}
	var state activities.WindowState
	in := activities.CheckWindowInput{ReminderRef: w.in.ReminderRef, First: w.gathered.First}
	if err := workflow.ExecuteActivity(quick(ctx), reminders.CheckWindow, in).Get(ctx, &state); err != nil {
		return false, err
	}
	switch {
	case state.Gone || state.Paused:
		// Matches from before a pause do not come in a burst after it: pausing means that nothing is sent.
		if w.gathered.Count > 0 || state.Gone {
			window := w.gathered.Window
			w.gathered = Gathered{}
			err = w.close(ctx, window)
		}
		return state.Gone, err
	case w.gathered.Count == 0 || state.SendAt.IsZero():
		return false, nil // the first match came while the settings were read, or there is none: look again
	}
	due, err := w.wait(ctx, state)
	if err != nil || !due {
		return false, err
	}
	return false, w.send(ctx)
}

// wait waits until the window is to be sent. False: the settings were changed, or this run is long enough.
func (w *reminderWorkflow) wait(ctx workflow.Context, state activities.WindowState) (bool, error) {
	for w.drain(ctx); !w.changed && w.taken < batchesPerRun; w.drain(ctx) {
		due := state.SendAt
		if quiet := w.gathered.quiet(); state.Immediate && quiet.After(due) {
			due = quiet
		}
		left := due.Sub(workflow.Now(ctx))
		if left <= 0 {
			return true, nil
		}
		_, err := workflow.AwaitWithTimeout(ctx, left, w.signalled)
		if err != nil {
			return false, err
		}
	}
	return false, nil
}

// send passes what was gathered on to a workflow of its own, so that a channel that is slow or down does not hold up the next digest.
func (w *reminderWorkflow) send(ctx workflow.Context) error {
	w.sent++
	// No two windows of a reminder begin at the same time.
	digest := w.gathered.digest(w.in.Reminder, digestID(w.in.Organization, w.in.Reminder, w.gathered.Began.UTC().Format(time.RFC3339Nano)))
	window := w.gathered.Window
	w.gathered = Gathered{}
	child := workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID:        DeliveryID(w.in.Organization, digest.ID),
		ParentClosePolicy: enums.PARENT_CLOSE_POLICY_ABANDON,
	})
	delivery := workflow.ExecuteChildWorkflow(child, NameDelivery, DeliveryInput{Organization: w.in.Organization, Digest: digest})
	if err := delivery.GetChildWorkflowExecution().Get(ctx, nil); err != nil {
		return err
	}
	return w.close(ctx, window)
}

// close notes that no window is open.
func (w *reminderWorkflow) close(ctx workflow.Context, window string) error {
	w.closed = window
	return workflow.ExecuteActivity(quick(ctx), reminders.NoteWindow, activities.NoteWindowInput{ReminderRef: w.in.ReminderRef}).Get(ctx, nil)
}

// reopen notes the window that is open where the dispatcher could not: it handed matches over while the note of the window before
// was still there, and that note is closed by now.
func (w *reminderWorkflow) reopen(ctx workflow.Context) error {
	if w.gathered.Count == 0 || w.closed == "" || w.gathered.Window != w.closed {
		return nil
	}
	w.closed = ""
	in := activities.NoteWindowInput{ReminderRef: w.in.ReminderRef, Open: true, From: w.gathered.From}
	return workflow.ExecuteActivity(quick(ctx), reminders.NoteWindow, in).Get(ctx, nil)
}
