package activities

import (
	"context"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// ReminderRecords are the records that reminders and their deliveries read and write.
type ReminderRecords interface {
	Organization(ctx context.Context, id string) (audit.Organization, error)
	Reminder(ctx context.Context, organization, id string) (audit.Reminder, error)
	Member(ctx context.Context, organization, id string) (audit.Member, error)
	Address(ctx context.Context, organization, id string) (audit.OtherAddress, error)
	PutAddress(ctx context.Context, address audit.OtherAddress) (audit.OtherAddress, error)
	SaveCheckpoint(ctx context.Context, organization, name, value string) error
	SaveDelivery(ctx context.Context, delivery audit.Delivery) error
	Delivery(ctx context.Context, organization, id string) (audit.Delivery, error)
}

// Sender sends a notice on one channel. CodeRefused means that trying again will not help.
type Sender interface {
	Send(ctx context.Context, notice audit.Notice) (audit.Receipt, error)
}

// Links makes the addresses that a message holds. Each is empty where the server has no public address.
type Links interface {
	// Unsubscribe takes the RFC 8058 one-click POST that takes the member off the channel.
	Unsubscribe(organization, reminder, member string, channel audit.Channel) string
	// UnsubscribeAddress is as Unsubscribe, for an other address.
	UnsubscribeAddress(organization, reminder, address string, channel audit.Channel) string
	// Address is the page on which the code of an other address is entered.
	Address(address string) string
	// Open shows the events of a digest.
	Open(organization string, digest audit.Digest) string
	// Callback is where Twilio reports what became of a delivery.
	Callback(organization, delivery string) string
}

// Reminders are the activities of ReminderWorkflow, DeliveryWorkflow and AddressCodeWorkflow.
type Reminders struct {
	Records ReminderRecords
	// Senders holds the channels that are configured.
	Senders map[audit.Channel]Sender
	// Codes sends codes to other addresses, on the channels that are configured; AddressSecret is what the codes are made of.
	Codes         map[audit.AddressKind]CodeSender
	AddressSecret []byte
	Links         Links
	// Erasures hides in a digest who was erased after it was gathered; nil: nobody ever is.
	Erasures Erasures
	Clock    func() time.Time
}

// Erasures says which of some members were erased.
type Erasures interface {
	Pseudonyms(ctx context.Context, organization string, ids []string) (*audit.Pseudonyms, error)
}

// ReminderRef names a reminder.
type ReminderRef struct {
	Organization string
	Reminder     string
}

// CheckWindowInput asks when a window is to be sent.
type CheckWindowInput struct {
	ReminderRef
	// First is when its first match was received; zero where there is none yet.
	First time.Time
}

// WindowState is what the reminder's settings say now.
type WindowState struct {
	// Gone: the reminder was deleted. Paused: what it gathered is dropped.
	Gone   bool
	Paused bool
	// Immediate windows are sent as soon as matches stop streaming in, and not before SendAt.
	Immediate bool
	SendAt    time.Time
}

// CheckWindow reads the settings, fresh.
func (a *Reminders) CheckWindow(ctx context.Context, in CheckWindowInput) (WindowState, error) {
	reminder, err := a.Records.Reminder(ctx, in.Organization, in.Reminder)
	if audit.CodeOf(err) == audit.CodeNotFound {
		return WindowState{Gone: true}, nil
	}
	if err != nil {
		return WindowState{}, err
	}
	state := WindowState{Paused: reminder.Paused, Immediate: reminder.Window == audit.WindowImmediate}
	if !in.First.IsZero() {
		state.SendAt = reminder.SendAt(in.First, a.Clock())
	}
	return state, nil
}

// NoteWindowInput says where a reminder's open window begins.
type NoteWindowInput struct {
	ReminderRef
	// Open is false where no window is open; else From is the checkpoint in front of its oldest match.
	Open bool
	From string
}

// NoteWindow notes whether a window is open, so that its matches can be found again should Temporal lose them.
func (a *Reminders) NoteWindow(ctx context.Context, in NoteWindowInput) error {
	note := ""
	if in.Open {
		note = noteCheckpoint(in.From)
	}
	return a.Records.SaveCheckpoint(ctx, in.Organization, windowCheckpoint(in.Reminder), note)
}
