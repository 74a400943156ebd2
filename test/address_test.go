package test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/catcher"
)

// otherAddress is what the API says of an address.
type otherAddress struct {
	ID       string `json:"id"`
	Verified bool   `json:"verified"`
	Code     *struct {
		Status audit.DeliveryStatus `json:"status"`
	} `json:"code"`
}

var sixDigits = regexp.MustCompile(`\b[0-9]{6}\b`)

// addAddress adds an address of the contact admin.
func addAddress(t *testing.T, by *client, kind audit.AddressKind, address string) otherAddress {
	t.Helper()
	return want[otherAddress](t, by, http.StatusCreated, http.MethodPost, "/v1/addresses", map[string]any{"kind": kind, "address": address, "label": "On call"})
}

// verify enters the code that came.
func verify(t *testing.T, by *client, id, text string) {
	t.Helper()
	got := want[otherAddress](t, by, http.StatusOK, http.MethodPost, "/v1/addresses/"+id+"/verify", map[string]any{"code": sixDigits.FindString(text)})
	if !got.Verified {
		t.Fatalf("%s is not verified: %+v", id, got)
	}
}

func TestAReminderReachesAVerifiedAddress(t *testing.T) {
	s := sharedService(t)
	tn := s.newTenant(t, "addresses")
	tn.changeMember(t, contactAdmin, func(m *audit.Member) { m.Phone = "" }) // other organizations have the same, and wait for its messages
	contact := tn.as(t, contactAdmin, audit.ScopeReminders)
	mailbox, number := tn.id+"-on-call@example.com", "+4917012"+fmt.Sprintf("%05d", time.Now().UnixNano()%100_000)
	email, phone := addAddress(t, contact, audit.AddressEmail, mailbox), addAddress(t, contact, audit.AddressPhone, number)
	reminder := map[string]any{"name": "On call", "actions": []string{"login.failed"}, "channels": []string{"email", "sms"}, "window": "immediate",
		"recipients": []map[string]any{{"member": contactAdmin}}, "addresses": []string{email.ID, phone.ID}}
	if a := contact.do(t, http.MethodPost, "/v1/reminders", reminder); a.status != http.StatusUnprocessableEntity || !strings.Contains(string(a.body), "addresses[0]") {
		t.Fatalf("unverified addresses are answered %d %s", a.status, clipped(a.body))
	}

	code := s.awaitMail(t, promptly, mailbox, nil)
	verify(t, contact, email.ID, code.Text)
	verify(t, contact, phone.ID, s.awaitSMS(t, promptly, number, nil).Body)
	if link := s.config.PublicURL + "/messages/addresses/" + email.ID; !strings.Contains(code.Text, link) || !strings.Contains(code.HTML, link) {
		t.Errorf("the mail does not lead to %s:\n%s", link, code.Text)
	}
	stored := want[audit.Reminder](t, contact, http.StatusCreated, http.MethodPost, "/v1/reminders", reminder)
	admin := tn.admin(t)
	admin.mustIngest(t, happened("login.failed"))
	isReminder := func(m catcher.Mail) bool { return m.Header.Get("List-Unsubscribe") != "" }
	mail := s.awaitMail(t, promptly, mailbox, isReminder)
	s.awaitSMS(t, promptly, number, func(m catcher.SMS) bool { return strings.Contains(m.Body, stored.Name) })
	if !strings.Contains(mail.Text, "names this address as a recipient") || !strings.Contains(mail.Header.Get("To"), mailbox) {
		t.Errorf("to %s:\n%s", mail.Header.Get("To"), mail.Text)
	}
	within(t, promptly, func() error {
		sent := slices.DeleteFunc(tn.deliveries(t, stored.ID)[audit.ChannelEmail], func(d audit.Delivery) bool { return d.OtherAddress != email.ID })
		if len(sent) != 1 || sent[0].Status != audit.DeliverySent || sent[0].Member != "" || strings.Contains(sent[0].Address, tn.id) {
			return fmt.Errorf("the deliveries to the address are %+v", sent)
		}
		return nil
	})

	t.Run("another organization has neither the address nor its id", func(t *testing.T) {
		other := s.newTenant(t, "addresses-other").admin(t)
		for _, c := range []struct{ method, path string }{{http.MethodPost, "/verify"}, {http.MethodPost, "/send"}, {http.MethodDelete, ""}} {
			var body any
			if c.path == "/verify" {
				body = map[string]any{"code": "123456"}
			}
			if a := other.do(t, c.method, "/v1/addresses/"+email.ID+c.path, body); a.status != http.StatusNotFound {
				t.Errorf("%s %s is answered %d", c.method, c.path, a.status)
			}
		}
	})
	t.Run("one click stops the mails, and the role its loss the rest", func(t *testing.T) { tn.checkAddressStops(t, stored, email.ID, mail) })
}

// checkAddressStops unsubscribes the mailbox, and takes the role from who added it and the number.
func (tn *tenant) checkAddressStops(t *testing.T, reminder audit.Reminder, id string, mail catcher.Mail) {
	admin, path := tn.admin(t), strings.TrimPrefix(strings.Trim(mail.Header.Get("List-Unsubscribe"), "<>"), tn.service.config.PublicURL)
	a, err := newClient(t, tn.service.url, "").send(t.Context(), http.MethodPost, path, "application/x-www-form-urlencoded", []byte("List-Unsubscribe=One-Click"))
	if err != nil || a.status != http.StatusOK {
		t.Fatalf("the click is answered %d, %v", a.status, err)
	}
	skipped := func(why string, of func(audit.Delivery) bool) {
		t.Helper()
		within(t, 2*promptly, func() error {
			var last string
			for _, list := range tn.deliveries(t, reminder.ID) {
				for _, d := range list {
					if of(d) && d.Error == why {
						return nil
					}
					last += fmt.Sprintf("%s %s %s; ", d.OtherAddress, d.Status, d.Error)
				}
			}
			return fmt.Errorf("no delivery was skipped as %q: %s", why, last)
		})
	}
	before := len(tn.service.mails(mail.To[0]))
	admin.mustIngest(t, happened("login.failed"))
	skipped("the address has unsubscribed", func(d audit.Delivery) bool { return d.OtherAddress == id })
	// An administrator's reminder goes on to the number of the contact admin until that member may not set reminders any more.
	stays, err := tn.service.records.Reminder(t.Context(), tn.id, reminder.ID)
	if err != nil {
		t.Fatal(err)
	}
	stays.CreatedBy = tn.creator(t)
	if _, err = tn.service.records.PutReminder(t.Context(), stays); err != nil {
		t.Fatal(err)
	}
	tn.changeMember(t, contactAdmin, func(m *audit.Member) { m.Role = audit.RoleMember })
	admin.mustIngest(t, happened("login.failed"))
	skipped("the role of who added the address no longer allows reminders", func(d audit.Delivery) bool { return d.OtherAddress != "" && d.OtherAddress != id })
	if got := len(tn.service.mails(mail.To[0])); got != before {
		t.Errorf("after the click there are %d mails, want %d", got, before)
	}
}

// changeMember changes a member in the store.
func (tn *tenant) changeMember(t *testing.T, id string, change func(*audit.Member)) {
	t.Helper()
	member, err := tn.service.records.Member(t.Context(), tn.id, id)
	if err != nil {
		t.Fatal(err)
	}
	change(&member)
	if _, err = tn.service.records.PutMember(t.Context(), member); err != nil {
		t.Fatal(err)
	}
}

// creator is the id of the organization's creator.
func (tn *tenant) creator(t *testing.T) string {
	t.Helper()
	list, err := tn.service.records.Members(t.Context(), tn.id, audit.MemberFilter{Roles: []audit.Role{audit.RoleCreator}, Status: audit.MemberActive, Limit: 1})
	if err != nil || len(list) != 1 {
		t.Fatalf("the creator: %v, %v", list, err)
	}
	return list[0].ID
}
