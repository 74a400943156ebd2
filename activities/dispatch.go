package activities

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/audittrail/audittrail/audit"
)

const (
	// dispatchPage is how many events are matched, handed over and checkpointed at once.
	dispatchPage = 2000
	// SeenEvents is how many events a reminder remembers, to drop what it is handed twice. Only what follows the saved
	// checkpoint is ever handed again, which is one page.
	SeenEvents = 2 * dispatchPage
	// dispatchFor is how long one activity goes on while there is more.
	dispatchFor = 20 * time.Second
	// dispatchCheckpoint is the name of the dispatcher's checkpoint.
	dispatchCheckpoint = "dispatch"
	// DeliveryPatience is how long a message is tried before it is given up.
	DeliveryPatience = 72 * time.Hour
)

// DispatchCheckpoint is the name of an organization's checkpoint of the dispatcher. While an organization has no reminders it is moved
// along from outside, so that the first reminder does not have to read everything that was ever received.
func DispatchCheckpoint() string { return dispatchCheckpoint }

// windowCheckpoint is the name of the record that a reminder's window is open: the checkpoint in front of its oldest match.
func windowCheckpoint(reminder string) string { return windowPrefix + reminder }

const windowPrefix = "window/"

// TailCheckpoint returns the checkpoint of the tail in what is kept under the name of a checkpoint: the whole value, or what a note of a window
// ends in. False: there is none.
func TailCheckpoint(name, value string) (string, bool) {
	if strings.HasPrefix(name, windowPrefix) {
		return notedCheckpoint(value)
	}
	return value, value != ""
}

// Tailer reads events in the order in which they arrived.
type Tailer interface {
	Tail(ctx context.Context, organization, checkpoint string, limit int) (audit.TailPage, error)
}

// DispatchRecords are the records that the dispatcher reads and writes.
type DispatchRecords interface {
	Reminders(ctx context.Context, organization string) ([]audit.Reminder, error)
	Member(ctx context.Context, organization, id string) (audit.Member, error)
	Checkpoint(ctx context.Context, organization, name string) (string, error)
	SaveCheckpoint(ctx context.Context, organization, name, value string) error
	Deliveries(ctx context.Context, organization, reminder, after string, limit int) ([]audit.Delivery, error)
}

// Handover passes work to the workflows of reminders.
type Handover interface {
	// Remind hands a batch to a reminder's workflow, which is started where it does not run. When it returns nil the batch is kept.
	Remind(ctx context.Context, organization, reminder string, batch Batch) error
	// Reminding says whether a reminder's workflow runs.
	Reminding(ctx context.Context, organization, reminder string) (bool, error)
	// Deliver starts the delivery of a digest unless it runs.
	Deliver(ctx context.Context, organization string, digest audit.Digest) error
}

// Dispatch are the activities of DispatchWorkflow.
type Dispatch struct {
	Events   Tailer
	Records  DispatchRecords
	Handover Handover
	Clock    func() time.Time
	Logger   *slog.Logger
}

// DispatchInput names the organization.
type DispatchInput struct{ Organization string }

// DispatchResult says what a dispatch found.
type DispatchResult struct {
	// Reminders is how many the organization has, paused ones too. Without any, nothing was read.
	Reminders int
	// More says that there was more to read when the time of one activity was over.
	More bool
	// Matches is how many events were handed over, counted once a reminder.
	Matches int
}

// Dispatch reads what arrived behind the checkpoint, hands the matches to the reminders, and then saves the checkpoint; page by page.
// A crash in between hands a page over again, which the reminders drop.
func (d *Dispatch) Dispatch(ctx context.Context, in DispatchInput) (DispatchResult, error) {
	result := DispatchResult{}
	for until := d.Clock().Add(dispatchFor); ; {
		reminders, err := d.Records.Reminders(ctx, in.Organization)
		if err != nil {
			return result, err
		}
		result.Reminders = len(reminders)
		if len(reminders) == 0 {
			return result, nil
		}
		page, err := d.page(ctx, in.Organization, reminders)
		if err != nil {
			return result, err
		}
		result.Matches += page.matches
		result.More = page.more
		if !page.more || !d.Clock().Before(until) {
			return result, nil
		}
		if err := ctx.Err(); err != nil {
			return result, err
		}
	}
}

// dispatched says what one page held.
type dispatched struct {
	matches int
	more    bool
}

func (d *Dispatch) page(ctx context.Context, organization string, reminders []audit.Reminder) (dispatched, error) {
	from, err := d.Records.Checkpoint(ctx, organization, dispatchCheckpoint)
	if err != nil {
		return dispatched{}, err
	}
	page, err := d.Events.Tail(ctx, organization, from, dispatchPage)
	if err != nil {
		return dispatched{}, err
	}
	matches, err := d.handOver(ctx, organization, reminders, page.Events, from)
	if err != nil {
		return dispatched{}, err
	}
	if page.Checkpoint != from {
		err = d.Records.SaveCheckpoint(ctx, organization, dispatchCheckpoint, page.Checkpoint)
	}
	return dispatched{matches: matches, more: page.More}, err
}

// handOver gives each reminder its matches of one page that was read behind the checkpoint from.
func (d *Dispatch) handOver(ctx context.Context, organization string, reminders []audit.Reminder, events []audit.Event, from string) (int, error) {
	if len(events) == 0 {
		return 0, nil
	}
	matcher, err := d.matcher(ctx, organization, reminders)
	if err != nil {
		return 0, err
	}
	total := 0
	for _, m := range matcher.match(events) {
		batch := newBatch(from, m.events)
		if batch.Window, err = d.openWindow(ctx, organization, m.reminder.ID, from); err != nil {
			return total, err
		}
		if err := d.Handover.Remind(ctx, organization, m.reminder.ID, batch); err != nil {
			return total, err
		}
		total += batch.Count
	}
	return total, nil
}

// openWindow notes from where a reminder's matches would have to be read again should Temporal lose them, and returns what is noted.
// The empty checkpoint, in front of everything, is noted as such.
func (d *Dispatch) openWindow(ctx context.Context, organization, reminder, from string) (string, error) {
	window, err := d.Records.Checkpoint(ctx, organization, windowCheckpoint(reminder))
	if err != nil || window != "" {
		return window, err
	}
	window = noteCheckpoint(from)
	return window, d.Records.SaveCheckpoint(ctx, organization, windowCheckpoint(reminder), window)
}

// noteCheckpoint and notedCheckpoint keep apart "no window is open" and "a window that begins in front of everything".
func noteCheckpoint(checkpoint string) string { return "from:" + checkpoint }

func notedCheckpoint(note string) (string, bool) {
	const prefix = "from:"
	if len(note) < len(prefix) {
		return "", false
	}
	return note[len(prefix):], true
}

// Recover takes up what Temporal no longer knows of: windows that were open and messages that were not sent. It is run when a dispatcher
// begins; in the ordinary case it finds nothing.
func (d *Dispatch) Recover(ctx context.Context, in DispatchInput) error {
	reminders, err := d.Records.Reminders(ctx, in.Organization)
	if err != nil {
		return err
	}
	for _, r := range reminders {
		if err := d.recoverDeliveries(ctx, r); err != nil {
			return err
		}
		if err := d.recoverWindow(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// recoverDeliveries sends on what is recorded as pending. What the messages would have shown is no longer known, but how
// many events they stand for is.
func (d *Dispatch) recoverDeliveries(ctx context.Context, r audit.Reminder) error {
	deliveries, err := d.Records.Deliveries(ctx, r.Organization, r.ID, "", 1000)
	if err != nil {
		return err
	}
	started := map[string]bool{}
	for _, delivery := range deliveries {
		if delivery.Status != audit.DeliveryPending || delivery.Test || started[delivery.Digest] ||
			d.Clock().Sub(delivery.CreatedAt) > DeliveryPatience {
			continue
		}
		started[delivery.Digest] = true
		digest := audit.Digest{
			ID: delivery.Digest, Reminder: r.ID, Count: delivery.Events, From: delivery.CreatedAt, To: delivery.CreatedAt,
		}
		if err := d.Handover.Deliver(ctx, r.Organization, digest); err != nil {
			return err
		}
	}
	return nil
}

// recoverWindow hands a reminder everything again that its open window had gathered: from where the window began up to the
// dispatcher's checkpoint. A reminder whose workflow runs has it all.
func (d *Dispatch) recoverWindow(ctx context.Context, r audit.Reminder) error {
	note, err := d.Records.Checkpoint(ctx, r.Organization, windowCheckpoint(r.ID))
	if err != nil || note == "" {
		return err
	}
	running, err := d.Handover.Reminding(ctx, r.Organization, r.ID)
	if err != nil || running {
		return err
	}
	from, ok := notedCheckpoint(note)
	if !ok {
		return audit.Errorf(audit.CodeInternal, "the window of reminder %s is noted as %q", r.ID, note)
	}
	d.Logger.InfoContext(ctx, "an open window is gathered again", "organization", r.Organization, "reminder", r.ID)
	end, err := d.Records.Checkpoint(ctx, r.Organization, dispatchCheckpoint)
	if err != nil {
		return err
	}
	return d.replay(ctx, r, from, end)
}

// replay hands a reminder its matches between two checkpoints.
func (d *Dispatch) replay(ctx context.Context, r audit.Reminder, from, end string) error {
	stop := d.Clock()
	for from != end {
		page, err := d.Events.Tail(ctx, r.Organization, from, dispatchPage)
		if err != nil {
			return err
		}
		if _, err := d.handOver(ctx, r.Organization, []audit.Reminder{r}, page.Events, from); err != nil {
			return err
		}
		// Checkpoints can be compared for equality only, and pages may be cut elsewhere than they were: what was received since
		// this began is the dispatcher's in any case.
		if !page.More || page.Events[len(page.Events)-1].ReceivedAt.After(stop) {
			return nil
		}
		from = page.Checkpoint
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}
