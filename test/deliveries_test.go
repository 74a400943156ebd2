package test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/catcher"
)

// promptly is how soon after the answer to an ingest a reminder's message is there.
const promptly = 5 * time.Second

// remind makes an immediate reminder of the contact admin, by the creator.
func (tn *tenant) remind(t *testing.T, channels []audit.Channel, actions ...string) audit.Reminder {
	t.Helper()
	return want[audit.Reminder](t, tn.admin(t), http.StatusCreated, http.MethodPost, "/v1/reminders", map[string]any{
		"name": "Reminder of " + actions[0], "actions": actions, "channels": channels, "window": "immediate",
		"recipients": []map[string]any{{"member": contactAdmin}},
	})
}

// deliveries lists what the reminder sent, by channel.
func (tn *tenant) deliveries(t *testing.T, reminder string) map[audit.Channel][]audit.Delivery {
	t.Helper()
	list := want[struct {
		Deliveries []audit.Delivery `json:"deliveries"`
	}](t, tn.admin(t), http.StatusOK, http.MethodGet, "/v1/reminders/"+reminder+"/deliveries", nil)
	by := map[audit.Channel][]audit.Delivery{}
	for _, d := range list.Deliveries {
		by[d.Channel] = append(by[d.Channel], d)
	}
	return by
}

// awaitDelivery returns the reminder's newest delivery by the channel once it has the status.
func (tn *tenant) awaitDelivery(t *testing.T, reminder string, channel audit.Channel, status audit.DeliveryStatus, limit time.Duration) audit.Delivery {
	t.Helper()
	var found audit.Delivery
	within(t, limit, func() error {
		all := tn.deliveries(t, reminder)[channel]
		if len(all) == 0 {
			return fmt.Errorf("there is no delivery by %s, want one that is %s", channel, status)
		}
		if found = all[0]; found.Status != status {
			return fmt.Errorf("the delivery by %s is %s (%s), want %s", channel, found.Status, found.Error, status)
		}
		return nil
	})
	return found
}

// happened is an event of the action, now.
func happened(action string) *audit.Event {
	e := &audit.Event{ID: uuid.Must(uuid.NewV7()).String(), Time: time.Now().UTC().Truncate(audit.TimePrecision), Log: audit.LogOperation, Action: action,
		Outcome: audit.OutcomeFailure, Actor: audit.Actor{ID: "u_9", Name: "Nina Novak", Type: "member"}, Message: "Nina Novak did " + action}
	if strings.HasPrefix(action, "login.") {
		e.Log = audit.LogLogin
	}
	return e
}

// mails are those that were caught for the address.
func (s *service) mails(address string) []catcher.Mail {
	var found []catcher.Mail
	for _, m := range s.mail.Mails() {
		if slices.Contains(m.To, address) {
			found = append(found, m)
		}
	}
	return found
}

// awaitMail returns the first mail to the address that matches.
func (s *service) awaitMail(t *testing.T, limit time.Duration, address string, match func(catcher.Mail) bool) catcher.Mail {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	m, err := s.mail.Wait(ctx, func(m catcher.Mail) bool { return slices.Contains(m.To, address) && (match == nil || match(m)) })
	if err != nil {
		t.Fatalf("no mail to %s within %s", address, limit)
	}
	return m
}

// awaitSMS returns the first text message to the number that matches.
func (s *service) awaitSMS(t *testing.T, limit time.Duration, number string, match func(catcher.SMS) bool) catcher.SMS {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	m, err := s.sms.Wait(ctx, func(m catcher.SMS) bool { return m.To == number && (match == nil || match(m)) })
	if err != nil {
		t.Fatalf("no text message to %s within %s", number, limit)
	}
	return m
}

// messages is a member's Message Center.
func messages(t *testing.T, c *client) []audit.Message {
	t.Helper()
	return want[struct {
		Messages []audit.Message `json:"messages"`
	}](t, c, http.StatusOK, http.MethodGet, "/v1/messages", nil).Messages
}
