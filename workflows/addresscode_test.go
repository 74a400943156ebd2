package workflows_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/audittrail/audittrail/activities"
	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/workflows"
)

// codes records the codes that it is asked to send.
type codes struct {
	mu   sync.Mutex
	fail func() error
	sent []audit.CodeNotice
	ids  []string
}

func (c *codes) SendCode(_ context.Context, n audit.CodeNotice) (audit.Receipt, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ids = append(c.ids, n.ID+" "+n.Code)
	if c.fail != nil {
		if err := c.fail(); err != nil {
			return audit.Receipt{}, err
		}
	}
	c.sent = append(c.sent, n)
	return audit.Receipt{}, nil
}

// address makes an address that the contact admin added, to which a code is to be sent.
func (r *rig) address(change func(*audit.OtherAddress)) audit.OtherAddress {
	r.t.Helper()
	a := audit.OtherAddress{ID: "a1", Organization: org, Kind: audit.AddressEmail, Address: "on-call@example.com", Label: "On call", AddedBy: "contact", CreatedAt: start}
	if err := a.NewCode("code-1", start, nil); err != nil {
		r.t.Fatal(err)
	}
	if change != nil {
		change(&a)
	}
	a, err := r.store.PutAddress(context.Background(), a)
	if err != nil {
		r.t.Fatal(err)
	}
	return a
}

// sendCode runs the workflow that sends the code, and returns the address as it is then.
func (r *rig) sendCode(sender *codes) audit.OtherAddress {
	r.t.Helper()
	r.deps.reminders.Codes, r.deps.reminders.AddressSecret = map[audit.AddressKind]activities.CodeSender{audit.AddressEmail: sender}, []byte("secret")
	if err := r.run(workflows.NameAddressCode, workflows.AddressCodeInput{Organization: org, Address: "a1", Code: "code-1"}); err != nil {
		r.t.Fatal(err)
	}
	a, err := r.store.Address(context.Background(), org, "a1")
	if err != nil {
		r.t.Fatal(err)
	}
	return a
}

func TestACodeIsSentOnceHoweverOftenItIsTried(t *testing.T) {
	r, sender := newRig(t), &codes{}
	r.address(nil)
	sender.fail = func() error {
		if len(sender.ids) < 4 {
			return audit.Unavailable(nil, 0, "greylisted")
		}
		return nil
	}
	a := r.sendCode(sender)
	want := "code-1 " + audit.CodeOfAddress([]byte("secret"), org, "a1", "code-1")
	if !slices.Equal(sender.ids, []string{want, want, want, want}) || len(sender.sent) != 1 {
		t.Errorf("it was tried as %v", sender.ids)
	}
	if n := sender.sent[0]; n.AddedBy != "contact" || n.URL != "https://audit.example/a/a1" || n.Organization.ID != org {
		t.Errorf("the notice is %+v", n)
	}
	if a.Code == nil || a.Code.Status != audit.DeliverySent || a.Verified() {
		t.Errorf("the code is %+v", a.Code)
	}
}

func TestACodeThatIsNotToBeSentSaysWhy(t *testing.T) {
	refused := audit.Errorf(audit.CodeRefused, "550 no such user")
	for _, c := range []struct {
		name    string
		address func(*audit.OtherAddress)
		member  func(*audit.Member)
		fail    error
		status  audit.DeliveryStatus
		why     string
		tried   int
	}{
		{"refused for good", nil, nil, refused, audit.DeliveryFailed, "550 no such user", 1},
		{"not configured", func(a *audit.OtherAddress) { a.Kind = audit.AddressPhone }, nil, nil, audit.DeliveryFailed, "sms is not configured on this server", 0},
		{"the member left", nil, func(m *audit.Member) { m.Status = audit.MemberDeactivated }, nil, audit.DeliveryFailed, "who added the address is no longer an active member", 0},
		{"the member lost the role", nil, func(m *audit.Member) { m.Role = audit.RoleMember }, nil, audit.DeliveryFailed, "the role of who added the address no longer allows reminders", 0},
		{"another code took its place", func(a *audit.OtherAddress) { a.Code.ID = "code-2" }, nil, nil, audit.DeliveryPending, "", 0},
		{"it has expired", func(a *audit.OtherAddress) { a.Code.ExpiresAt = start }, nil, nil, audit.DeliveryPending, "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, sender := newRig(t), &codes{}
			r.address(c.address)
			if c.member != nil {
				r.member(org, "contact", c.member)
			}
			if c.fail != nil {
				sender.fail = func() error { return c.fail }
			}
			if a := r.sendCode(sender); a.Code.Status != c.status || a.Code.Error != c.why || len(sender.ids) != c.tried {
				t.Errorf("the code is %+v after %d tries", a.Code, len(sender.ids))
			}
		})
	}
}

func TestACodeIsGivenUpWhenItWouldNotWorkAnyMore(t *testing.T) {
	r, sender := newRig(t), &codes{fail: func() error { return audit.Unavailable(nil, 0, "down") }}
	r.address(nil)
	a := r.sendCode(sender)
	if took := r.Now().Sub(start); took > audit.AddressCodeLife+time.Minute || took < audit.AddressCodeLife-2*time.Minute {
		t.Errorf("it was tried for %v", took)
	}
	if a.Code.Status != audit.DeliveryFailed || a.Code.Error == "" {
		t.Errorf("the code is %+v", a.Code)
	}
}

// meddle changes what a delivery to an address hangs on.
func (r *rig) meddle(a audit.OtherAddress, reminder func(*audit.Reminder), address func(*audit.OtherAddress), member func(*audit.Member)) error {
	ctx := context.Background()
	if reminder != nil {
		x, err := r.store.Reminder(ctx, org, "r1")
		if err != nil {
			return err
		}
		reminder(&x)
		_, err = r.store.PutReminder(ctx, x)
		return err
	}
	if address != nil {
		address(&a)
		_, err := r.store.PutAddress(ctx, a)
		return err
	}
	if member != nil {
		r.member(org, "contact", member)
	}
	return nil
}

func TestADigestGoesToAnAddressForAsLongAsItMay(t *testing.T) {
	verified := func(a *audit.OtherAddress) { a.VerifiedAt, a.Code = start, nil }
	for _, c := range []struct {
		name     string
		reminder func(*audit.Reminder)
		address  func(*audit.OtherAddress)
		member   func(*audit.Member)
		why      string
	}{
		{"it may", nil, nil, nil, ""},
		{"it unsubscribed", func(x *audit.Reminder) { x.Unsubscribed = []string{"a1"} }, nil, nil, "the address has unsubscribed"},
		{"it was taken out", func(x *audit.Reminder) { x.Addresses = nil }, nil, nil, "the address is no longer a recipient"},
		{"it was deleted", nil, func(a *audit.OtherAddress) { a.Delete(start) }, nil, "the address was deleted, or is not verified"},
		{"it is not verified any more", nil, func(a *audit.OtherAddress) { a.VerifiedAt = time.Time{} }, nil, "the address was deleted, or is not verified"},
		{"who added it is deactivated", nil, nil, func(m *audit.Member) { m.Status = audit.MemberDeactivated }, "who added the address is no longer an active member"},
		{"who added it is deleted", nil, nil, func(m *audit.Member) { m.Status = audit.MemberDeleted }, "who added the address is no longer an active member"},
		{"who added it lost the role", nil, nil, func(m *audit.Member) { m.Role = audit.RoleMember }, "the role of who added the address no longer allows reminders"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			address := r.address(verified)
			r.reminder("r1", func(x *audit.Reminder) {
				x.Recipients, x.Addresses, x.Window = []audit.Recipient{{Member: "contact"}}, []string{"a1", "nothing"}, audit.WindowTenMinutes
				x.Channels = []audit.Channel{audit.ChannelInbox, audit.ChannelEmail, audit.ChannelSMS}
			})
			r.inbox.fail = func(time.Time, audit.Notice) error { return r.meddle(address, c.reminder, c.address, c.member) } // after the delivery was planned
			// Of mails the one to the address waits for the message in the Message Center.
			r.mail.fail = func(now time.Time, n audit.Notice) error {
				if n.Member.ID == "" && now.Sub(start) < time.Second && c.why != "" {
					return audit.Unavailable(nil, 0, "greylisted")
				}
				return nil
			}
			in := workflows.DeliveryInput{Organization: org, Digest: audit.Digest{ID: "g1", Reminder: "r1", Count: 1,
				Events: []audit.DigestEvent{{ID: "e", Time: start, Log: audit.LogOperation, Action: "contacts.member.added"}}}}
			if err := r.run(workflows.NameDelivery, in); err != nil {
				t.Fatal(err)
			}
			deliveries := slices.DeleteFunc(r.deliveries("r1"), func(d audit.Delivery) bool { return d.OtherAddress == "" })
			if len(deliveries) != 1 || deliveries[0].Channel != audit.ChannelEmail || deliveries[0].Member != "" {
				t.Fatalf("deliveries to addresses: %+v", deliveries)
			}
			if d := deliveries[0]; c.why != "" && (d.Status != audit.DeliverySkipped || d.Error != c.why) || c.why == "" && d.Status != audit.DeliverySent {
				t.Errorf("the delivery is %s: %s", d.Status, d.Error)
			}
			for _, n := range r.mail.sent {
				if n.Member.ID == "" && (c.why != "" || n.Member.Email != "on-call@example.com" || n.UnsubscribeURL != "https://audit.example/ua/acme/r1/a1/email") {
					t.Errorf("the mail is %+v", n)
				}
			}
		})
	}
}
