package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.temporal.io/sdk/activity"

	"github.com/audittrail/audittrail/audit"
)

// PlanDeliveriesInput is a digest that is about to leave.
type PlanDeliveriesInput struct {
	Organization string
	Digest       audit.Digest
	// Only restricts the digest to one member, who need not be a recipient: a test, to whoever asked for it.
	Only string
}

// recipients are the members that the digest is for.
func (in PlanDeliveriesInput) recipients(r audit.Reminder) []string {
	if in.Only != "" {
		return []string{in.Only}
	}
	var members []string
	for _, recipient := range r.Recipients {
		members = append(members, recipient.Member)
	}
	return members
}

// PlannedDelivery is one message: one channel to one member, or to one other address.
type PlannedDelivery struct {
	ID      string
	Channel audit.Channel
	Member  string
	// Address is the id of an other address; Member is "" then.
	Address string `json:",omitempty"`
}

// PlanDeliveries records one pending delivery for each channel and recipient of the reminder. From then on the store knows that they
// are owed. A reminder that was deleted has none.
func (a *Reminders) PlanDeliveries(ctx context.Context, in PlanDeliveriesInput) ([]PlannedDelivery, error) {
	reminder, err := a.Records.Reminder(ctx, in.Organization, in.Digest.Reminder)
	if audit.CodeOf(err) == audit.CodeNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var planned []PlannedDelivery
	for _, channel := range reminder.Channels {
		for _, member := range in.recipients(reminder) {
			planned = append(planned, PlannedDelivery{
				ID: derivedID("delivery", in.Organization, in.Digest.ID, string(channel), member), Channel: channel, Member: member,
			})
		}
	}
	toAddresses, err := a.toAddresses(ctx, in, reminder)
	if err != nil {
		return nil, err
	}
	planned = append(planned, toAddresses...)
	for _, p := range planned {
		if err := a.plan(ctx, in, p); err != nil {
			return nil, err
		}
	}
	return planned, nil
}

// plan records a delivery as pending unless it is recorded already.
func (a *Reminders) plan(ctx context.Context, in PlanDeliveriesInput, p PlannedDelivery) error {
	_, err := a.Records.Delivery(ctx, in.Organization, p.ID)
	if audit.CodeOf(err) != audit.CodeNotFound {
		return err
	}
	at := now(a.Clock)
	return a.Records.SaveDelivery(ctx, audit.Delivery{
		ID: p.ID, Organization: in.Organization, Reminder: in.Digest.Reminder, Digest: in.Digest.ID,
		Channel: p.Channel, Member: p.Member, OtherAddress: p.Address, Status: audit.DeliveryPending, Events: in.Digest.Count, Test: in.Digest.Test,
		CreatedAt: at, UpdatedAt: at,
	})
}

// DeliverInput is one message on its way.
type DeliverInput struct {
	Organization string
	Digest       audit.Digest
	PlannedDelivery
}

// Deliver sends one message and records what became of it. It returns an error only where trying again may help; a
// message that was refused for good, or is not to be sent, is a result and not an error. The settings and the directory are read
// when the message leaves, not when its window closed.
func (a *Reminders) Deliver(ctx context.Context, in DeliverInput) error {
	delivery, err := a.Records.Delivery(ctx, in.Organization, in.ID)
	if err != nil {
		return err
	}
	if delivery.Status != audit.DeliveryPending {
		return nil // sent by an attempt that did not get to say so
	}
	notice, skip, err := a.notice(ctx, in)
	if err != nil {
		return err
	}
	if skip != "" {
		return a.save(ctx, delivery, audit.DeliverySkipped, skip)
	}
	delivery.Attempts, delivery.Events = int(activity.GetInfo(ctx).Attempt), notice.Digest.Count
	if err := a.save(ctx, delivery, audit.DeliveryPending, delivery.Error); err != nil {
		return err
	}
	receipt, err := a.Senders[in.Channel].Send(ctx, notice)
	delivery.Provider, delivery.Address = receipt.Provider, receipt.Address
	switch {
	case err == nil:
		return a.save(ctx, delivery, audit.DeliverySent, "")
	case audit.CodeOf(err) == audit.CodeRefused:
		return a.save(ctx, delivery, audit.DeliveryFailed, words(err))
	}
	if saveErr := a.save(ctx, delivery, audit.DeliveryPending, words(err)); saveErr != nil {
		return fmt.Errorf("%w; nor could that be recorded: %w", err, saveErr)
	}
	return err
}

// GiveUpDelivery records that a message was tried for as long as is sensible.
func (a *Reminders) GiveUpDelivery(ctx context.Context, in DeliverInput) error {
	delivery, err := a.Records.Delivery(ctx, in.Organization, in.ID)
	if err != nil || delivery.Status != audit.DeliveryPending {
		return err
	}
	reason := fmt.Sprintf("given up after %.0f hours", DeliveryPatience.Hours())
	if delivery.Error != "" {
		reason += ": " + delivery.Error
	}
	return a.save(ctx, delivery, audit.DeliveryFailed, reason)
}

func (a *Reminders) save(ctx context.Context, d audit.Delivery, status audit.DeliveryStatus, reason string) error {
	d.Status, d.Error, d.UpdatedAt = status, reason, now(a.Clock)
	return a.Records.SaveDelivery(ctx, d)
}

// notice puts together what a channel needs, or says why the message is not to be sent.
func (a *Reminders) notice(ctx context.Context, in DeliverInput) (notice audit.Notice, skip string, err error) {
	notice = audit.Notice{Delivery: in.ID, Digest: in.Digest}
	notice.Reminder, err = a.Records.Reminder(ctx, in.Organization, in.Digest.Reminder)
	if audit.CodeOf(err) == audit.CodeNotFound {
		return notice, "the reminder was deleted", nil
	}
	if err != nil {
		return notice, "", err
	}
	if skip := a.skipped(notice.Reminder, in); skip != "" {
		return notice, skip, nil
	}
	if in.Address != "" {
		return a.noticeToAddress(ctx, in, notice)
	}
	notice.Member, err = a.Records.Member(ctx, in.Organization, in.Member)
	switch {
	case audit.CodeOf(err) == audit.CodeNotFound || err == nil && !notice.Member.Included():
		return notice, audit.NotIncluded, nil
	case err != nil:
		return notice, "", err
	case in.Channel == audit.ChannelEmail && notice.Member.Email == "":
		return notice, "the member has no email address", nil
	case in.Channel == audit.ChannelSMS && notice.Member.Phone == "":
		return notice, "the member has no phone number", nil
	}
	if notice.Digest, skip, err = a.inSight(ctx, notice, notice.Member); err != nil || skip != "" {
		return notice, skip, err
	}
	if notice.Digest, err = a.hidden(ctx, in.Organization, notice.Digest); err != nil {
		return notice, "", err
	}
	notice.Organization, err = a.Records.Organization(ctx, in.Organization)
	notice.UnsubscribeURL = a.Links.Unsubscribe(in.Organization, in.Digest.Reminder, in.Member, in.Channel)
	notice.OpenURL = a.Links.Open(in.Organization, notice.Digest)
	notice.CallbackURL = a.Links.Callback(in.Organization, in.ID)
	return notice, "", err
}

// hidden returns the digest without who was erased since its events were gathered.
func (a *Reminders) hidden(ctx context.Context, organization string, d audit.Digest) (audit.Digest, error) {
	if a.Erasures == nil || d.Test || len(d.Events) == 0 {
		return d, nil
	}
	var people []string
	for _, e := range d.Events {
		people = append(people, e.People...)
	}
	pseudonyms, err := a.Erasures.Pseudonyms(ctx, organization, people)
	if err == nil {
		d.Events = pseudonyms.Digest(d.Events)
	}
	return d, err
}

// outOfSight is why a member gets nothing.
const outOfSight = "the member's role does not see these events"

// inSight returns the part of the digest that is both in the sight of who created the reminder and in that of the reader, who is the recipient or answers for
// it, as their roles are now, or says why there is none.
func (a *Reminders) inSight(ctx context.Context, n audit.Notice, reader audit.Member) (d audit.Digest, skip string, err error) {
	if n.Digest.Test { // its events are made up, and who asked for it was allowed to
		return n.Digest, "", nil
	}
	creator, err := a.Records.Member(ctx, reader.Organization, n.Reminder.CreatedBy)
	if err != nil && audit.CodeOf(err) != audit.CodeNotFound {
		return n.Digest, "", err
	}
	if why := mayRemind(creator); why != "" {
		return n.Digest, why, nil
	}
	if d = n.Digest.For(creator.Principal()); d.Count == 0 {
		return d, "the role of who created the reminder no longer sees these events", nil
	}
	if d = d.For(reader.Principal()); d.Count == 0 {
		return d, outOfSight, nil
	}
	return d, "", nil
}

// skipped says why the settings, as they are now, do not want the message.
func (a *Reminders) skipped(r audit.Reminder, in DeliverInput) string {
	i := slices.IndexFunc(r.Recipients, func(r audit.Recipient) bool { return r.Member == in.Member })
	test := in.Digest.Test // who asks for a test gets it
	switch {
	case a.Senders[in.Channel] == nil:
		return fmt.Sprintf("%s is not configured on this server", in.Channel)
	case !slices.Contains(r.Channels, in.Channel):
		return fmt.Sprintf("the reminder no longer uses %s", in.Channel)
	case r.Paused && !test:
		return "the reminder is paused"
	case in.Address != "":
		return addressSkipped(r, in.Address)
	case i < 0 && !test:
		return "the member is no longer a recipient"
	case i >= 0 && !test && slices.Contains(r.Recipients[i].Unsubscribed, in.Channel):
		return fmt.Sprintf("the member has unsubscribed from %s", in.Channel)
	}
	return ""
}

// words are the part of an error that may be shown.
func words(err error) string {
	var e *audit.Error
	if errors.As(err, &e) {
		return e.Message
	}
	return "an internal error; the cause is in the server's log"
}
