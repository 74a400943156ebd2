package test

import (
	"fmt"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/catcher"
)

// It waits for 95 seconds: that long a conversation with a mail server may last before it is taken for dead and tried again.
func TestAMailThatWasOnItsWayAtKill9IsSentUnderTheSameID(t *testing.T) {
	t.Parallel()
	s := newStandalone(t)
	tn := s.newTenant(t, "kill-mail")
	address := tn.email(t, contactAdmin)
	reminder := tn.remind(t, []audit.Channel{audit.ChannelEmail}, "login.failed")
	s.mail.Fail(catcher.Failure{At: catcher.StepData, Delay: time.Minute}) // the server has the mail, and is slow to say so
	tn.admin(t).mustIngest(t, happened("login.failed"))
	within(t, promptly, func() error {
		if all := tn.deliveries(t, reminder.ID)[audit.ChannelEmail]; len(all) != 1 || all[0].Attempts != 1 {
			return fmt.Errorf("want one delivery that is being tried: %+v", all)
		}
		return nil
	})
	s.kill()
	s.mail.Fail(catcher.Failure{})
	s.start(t)
	d := tn.awaitDelivery(t, reminder.ID, audit.ChannelEmail, audit.DeliverySent, 2*time.Minute)
	for i, mail := range s.mails(address) {
		if id := mail.Header.Get("Message-Id"); id != d.Provider {
			t.Errorf("mail %d has the id %q, the delivery %q", i, id, d.Provider)
		}
	}
	if got := len(s.mails(address)); got == 0 || got > 2 {
		t.Errorf("%d mails came, want one, or two as nobody knows whether the first was taken", got)
	}
}
