package activities

import (
	"context"
	"fmt"
	"slices"

	"github.com/audittrail/audittrail/audit"
)

// CodeSender sends a code to an address that is not verified yet. Errors are as those of Sender.
type CodeSender interface {
	SendCode(ctx context.Context, notice audit.CodeNotice) (audit.Receipt, error)
}

// AddressCodeRef names a code of an other address.
type AddressCodeRef struct {
	Organization string
	Address      string
	Code         string
}

// SendAddressCode sends the code, where it is still the one to be sent, and records what became of it. An error is worth another attempt; the code and the
// Message-ID are the same at each.
func (a *Reminders) SendAddressCode(ctx context.Context, ref AddressCodeRef) error {
	address, err := a.codeToSend(ctx, ref)
	if err != nil || address == nil {
		return err
	}
	notice := audit.CodeNotice{ID: ref.Code, Address: *address, URL: a.Links.Address(ref.Address),
		Code: audit.CodeOfAddress(a.AddressSecret, ref.Organization, ref.Address, ref.Code)}
	if notice.Organization, err = a.Records.Organization(ctx, ref.Organization); err != nil {
		return err
	}
	adder, skip, err := a.answersFor(ctx, *address)
	if err != nil {
		return err
	}
	notice.AddedBy = adder.Name
	sender := a.Codes[address.Kind]
	if sender == nil && skip == "" {
		skip = fmt.Sprintf("%s is not configured on this server", address.Kind.Channel())
	}
	if skip != "" {
		return a.saveCode(ctx, ref, audit.DeliveryFailed, skip)
	}
	_, err = sender.SendCode(ctx, notice)
	switch {
	case err == nil:
		return a.saveCode(ctx, ref, audit.DeliverySent, "")
	case audit.CodeOf(err) == audit.CodeRefused:
		return a.saveCode(ctx, ref, audit.DeliveryFailed, words(err))
	}
	return err
}

// GiveUpAddressCode records that a code was tried to be sent for as long as it works.
func (a *Reminders) GiveUpAddressCode(ctx context.Context, ref AddressCodeRef) error {
	return a.saveCode(ctx, ref, audit.DeliveryFailed, "given up: it could not be sent while it would have worked")
}

// codeToSend returns the address where the code is pending and still works; nil where it is not to be sent.
func (a *Reminders) codeToSend(ctx context.Context, ref AddressCodeRef) (*audit.OtherAddress, error) {
	address, err := a.Records.Address(ctx, ref.Organization, ref.Address)
	if audit.CodeOf(err) == audit.CodeNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	code := address.Code
	if code == nil || code.ID != ref.Code || code.Status != audit.DeliveryPending || !a.Clock().Before(code.ExpiresAt) {
		return nil, nil
	}
	return &address, nil
}

// saveCode notes what became of a code, unless another took its place. It was sent already: a conflict with somebody who enters a code must not send it again.
func (a *Reminders) saveCode(ctx context.Context, ref AddressCodeRef, status audit.DeliveryStatus, reason string) error {
	for try := 1; ; try++ {
		err := a.saveCodeOnce(ctx, ref, status, reason)
		if audit.CodeOf(err) != audit.CodeConflict || try == 10 {
			return err
		}
	}
}

func (a *Reminders) saveCodeOnce(ctx context.Context, ref AddressCodeRef, status audit.DeliveryStatus, reason string) error {
	address, err := a.Records.Address(ctx, ref.Organization, ref.Address)
	if audit.CodeOf(err) == audit.CodeNotFound {
		return nil
	}
	if err != nil || address.Code == nil || address.Code.ID != ref.Code || address.Code.Status != audit.DeliveryPending {
		return err
	}
	code := *address.Code
	code.Status, code.Error = status, reason
	address.Code, address.UpdatedAt = &code, now(a.Clock)
	_, err = a.Records.PutAddress(ctx, address)
	return err
}

// answersFor returns the member who added an address, or says why nothing may be sent on their behalf any more.
func (a *Reminders) answersFor(ctx context.Context, address audit.OtherAddress) (member audit.Member, skip string, err error) {
	member, err = a.Records.Member(ctx, address.Organization, address.AddedBy)
	if audit.CodeOf(err) == audit.CodeNotFound {
		member, err = audit.Member{}, nil // as one who is not active
	}
	if err != nil {
		return member, "", err
	}
	return member, mayAnswer(member), nil
}

// mayAnswer says why nothing may be sent any more to an address that the member added; "" where it may.
func mayAnswer(member audit.Member) string {
	switch {
	case !member.Included():
		return "who added the address is no longer an active member"
	case member.Principal().Allow(audit.ScopeReminders) != nil:
		return "the role of who added the address no longer allows reminders"
	}
	return ""
}

// toAddresses are the deliveries of a digest to other addresses, each by the channel of its kind where the reminder uses that. A test goes to whoever asked for
// it, and to no address.
func (a *Reminders) toAddresses(ctx context.Context, in PlanDeliveriesInput, r audit.Reminder) ([]PlannedDelivery, error) {
	if in.Only != "" {
		return nil, nil
	}
	var planned []PlannedDelivery
	for _, id := range r.Addresses {
		address, err := a.Records.Address(ctx, in.Organization, id)
		if audit.CodeOf(err) == audit.CodeNotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		if channel := address.Kind.Channel(); slices.Contains(r.Channels, channel) {
			planned = append(planned, PlannedDelivery{
				ID: derivedID("delivery", in.Organization, in.Digest.ID, string(channel), "", id), Channel: channel, Address: id,
			})
		}
	}
	return planned, nil
}

// addressSkipped says why the settings, as they are now, do not want a message to the address.
func addressSkipped(r audit.Reminder, address string) string {
	switch {
	case !slices.Contains(r.Addresses, address):
		return "the address is no longer a recipient"
	case slices.Contains(r.Unsubscribed, address):
		return "the address has unsubscribed"
	}
	return ""
}

// noticeToAddress is the rest of notice for an other address: it has to be there and verified, and who added it has to be one who may still set reminders, and see
// what is told.
func (a *Reminders) noticeToAddress(ctx context.Context, in DeliverInput, notice audit.Notice) (_ audit.Notice, skip string, err error) {
	address, err := a.Records.Address(ctx, in.Organization, in.Address)
	switch {
	case audit.CodeOf(err) == audit.CodeNotFound || err == nil && !address.Verified():
		return notice, "the address was deleted, or is not verified", nil
	case err != nil:
		return notice, "", err
	}
	adder, skip, err := a.answersFor(ctx, address)
	if err != nil || skip != "" {
		return notice, skip, err
	}
	if notice.Digest, skip, err = a.inSight(ctx, notice, adder); err != nil || skip != "" {
		if skip == outOfSight {
			skip = "the role of who added the address does not see these events"
		}
		return notice, skip, err
	}
	// To a channel it is a member without an id, who has nothing but this address.
	notice.Member = audit.Member{Organization: in.Organization, Name: address.Label}
	if address.Kind == audit.AddressPhone {
		notice.Member.Phone = address.Address
	} else {
		notice.Member.Email = address.Address
	}
	notice.Organization, err = a.Records.Organization(ctx, in.Organization)
	notice.UnsubscribeURL = a.Links.UnsubscribeAddress(in.Organization, in.Digest.Reminder, in.Address, in.Channel)
	notice.OpenURL = a.Links.Open(in.Organization, notice.Digest)
	notice.CallbackURL = a.Links.Callback(in.Organization, in.ID)
	return notice, "", err
}
