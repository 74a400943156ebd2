package notify

import (
	"context"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// Messages keeps system messages; adding one whose id exists changes nothing.
type Messages interface {
	AddMessage(ctx context.Context, message audit.Message) error
}

// Inbox is the channel to members' Message Centers. It is always on.
type Inbox struct {
	messages Messages
	clock    func() time.Time
}

// NewInbox makes the channel.
func NewInbox(messages Messages, clock func() time.Time) *Inbox {
	return &Inbox{messages: messages, clock: clock}
}

// Send stores the digest as a message whose id is that of the delivery: a retry finds it there and adds no second one. Errors are
// those of the store.
func (i *Inbox) Send(ctx context.Context, n audit.Notice) (audit.Receipt, error) {
	c := newContent(n)
	body := c.Intro + " Times are in " + c.Zone + "."
	if c.Test {
		body = "Test. " + testNote + " " + body
	}
	message := audit.Message{
		ID: n.Delivery, Organization: n.Organization.ID, Member: n.Member.ID,
		Title: c.Title, Body: body, Reminder: n.Reminder.ID, Count: c.count, Events: n.Digest.Events, From: n.Digest.From, To: n.Digest.To, Test: n.Digest.Test,
		CreatedAt: i.clock().UTC().Truncate(audit.TimePrecision),
	}
	if err := i.messages.AddMessage(ctx, message); err != nil {
		return audit.Receipt{}, err
	}
	return audit.Receipt{Provider: message.ID, Address: "inbox"}, nil
}

// State says that the channel is on.
func (i *Inbox) State() State {
	return State{Channel: audit.ChannelInbox, On: true, Detail: "Message Center"}
}
