package workflows_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/workflows"
)

func TestAChannelThatIsDownForHoursHoldsNothingElseUp(t *testing.T) {
	r := newRig(t)
	r.reminder("r1", func(x *audit.Reminder) {
		x.Channels = []audit.Channel{audit.ChannelEmail, audit.ChannelInbox}
		x.Recipients = []audit.Recipient{{Member: "admin"}, {Member: "contact"}}
	})
	r.mail.fail = func(now time.Time, n audit.Notice) error {
		if now.Sub(start) < 5*time.Hour {
			return audit.Unavailable(errors.New("secret"), time.Second, "the mail server cannot be reached")
		}
		return nil
	}
	r.after(time.Second, func() { r.match(0, 1) })
	r.after(time.Minute, func() {
		if d := r.deliveries("r1"); len(d) != 4 {
			t.Errorf("%d deliveries are recorded while two wait", len(d))
		}
		r.match(1, 2)
	})
	r.after(2*time.Hour, func() {
		if got := r.inbox.counts(); !slices.Equal(got, []int{1, 1, 1, 1}) {
			t.Errorf("the inbox got %v", got)
		}
		for _, d := range r.deliveries("r1") {
			if d.Channel == audit.ChannelEmail && (d.Status != audit.DeliveryPending || d.Error != "the mail server cannot be reached" || d.Attempts < 5) {
				t.Errorf("delivery: %+v", d)
			}
		}
	})
	r.remind("r1")
	if got := r.mail.counts(); !slices.Equal(got, []int{1, 1, 1, 1}) {
		t.Errorf("after it came back %v were sent", got)
	}
	if last := r.mail.at[3].Sub(start); last > 5*time.Hour+11*time.Minute {
		t.Errorf("the last one took until %v", last)
	}
	same := map[string]bool{}
	for _, id := range r.mail.tried {
		same[id] = true
	}
	if len(same) != 4 {
		t.Errorf("retries had %d delivery ids, not 4", len(same))
	}
	for _, d := range r.deliveries("r1") {
		if d.Status != audit.DeliverySent || d.Error != "" {
			t.Errorf("delivery: %+v", d)
		}
	}
}

func TestARefusalForGoodIsNotTriedAgain(t *testing.T) {
	r := newRig(t)
	r.reminder("r1", nil)
	r.mail.fail = func(time.Time, audit.Notice) error {
		return audit.Errorf(audit.CodeRefused, "the mail server refused the recipient (550)")
	}
	r.after(time.Second, func() { r.match(0, 1) })
	r.remind("r1")
	d := r.deliveries("r1")
	if len(r.mail.tried) != 1 || len(d) != 1 || d[0].Status != audit.DeliveryFailed || !strings.Contains(d[0].Error, "550") {
		t.Errorf("tried %d times, %+v", len(r.mail.tried), d)
	}
}

func TestAMessageIsGivenUpAfterThreeDays(t *testing.T) {
	r := newRig(t)
	r.reminder("r1", nil)
	r.mail.fail = func(time.Time, audit.Notice) error { return audit.Unavailable(nil, 0, "greylisted") }
	in := workflows.DeliveryInput{Organization: org, Digest: audit.Digest{ID: "g1", Reminder: "r1", Count: 1}}
	if err := r.run(workflows.NameDelivery, in); err != nil {
		t.Fatal(err)
	}
	d := r.deliveries("r1")
	if took := r.Now().Sub(start); took < 71*time.Hour || took > 73*time.Hour {
		t.Errorf("it was tried for %v", took)
	}
	if len(d) != 1 || d[0].Status != audit.DeliveryFailed || d[0].Error != "given up after 72 hours: greylisted" {
		t.Errorf("deliveries: %+v", d)
	}
}

func TestMessagesThatAreNotToBeSentSayWhy(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(r *rig, x *audit.Reminder)
		why    string
	}{
		{"the channel is off", func(_ *rig, x *audit.Reminder) { x.Channels = []audit.Channel{audit.ChannelSMS} }, "sms is not configured on this server"},
		{"no address", func(r *rig, _ *audit.Reminder) { r.member(org, "admin", func(m *audit.Member) { m.Email = "" }) }, "the member has no email address"},
		{"unsubscribed", func(_ *rig, x *audit.Reminder) {
			x.Recipients[0].Unsubscribed = []audit.Channel{audit.ChannelEmail}
		}, "the member has unsubscribed from email"},
		{"not in the organization", func(r *rig, _ *audit.Reminder) {
			r.member(org, "admin", func(m *audit.Member) { m.Status = audit.MemberDeleted })
		}, audit.NotIncluded},
		{"who sees no events of others", func(_ *rig, x *audit.Reminder) { x.Recipients[0].Member = "bob" }, "the member's role does not see these events"},
		{"of somebody who has left", func(r *rig, x *audit.Reminder) {
			x.CreatedBy = "contact"
			r.member(org, "contact", func(m *audit.Member) { m.Status = audit.MemberDeactivated })
		}, "who created the reminder is no longer an active member"},
		{"of somebody who may have no reminders any more", func(r *rig, x *audit.Reminder) {
			x.CreatedBy = "contact"
			r.member(org, "contact", func(m *audit.Member) { m.Role = audit.RoleMember })
		}, "the role of who created the reminder no longer allows reminders"},
		{"not known", func(_ *rig, x *audit.Reminder) { x.Recipients[0].Member = "ghost" }, audit.NotIncluded},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.reminder("r1", func(x *audit.Reminder) { c.change(r, x) })
			in := workflows.DeliveryInput{Organization: org, Digest: audit.Digest{ID: "g1", Reminder: "r1", Count: 1}}
			if err := r.run(workflows.NameDelivery, in); err != nil {
				t.Fatal(err)
			}
			if d := r.deliveries("r1"); len(d) != 1 || d[0].Status != audit.DeliverySkipped || d[0].Error != c.why {
				t.Errorf("deliveries: %+v", d)
			}
			if len(r.mail.tried) > 0 {
				t.Error("it was sent")
			}
		})
	}
}

func TestSettingsThatChangeWhileAMessageWaitsCount(t *testing.T) {
	for why, change := range map[string]func(r *rig){
		"the reminder was deleted": func(r *rig) { r.remove("r1") },
		"the reminder is paused":   func(r *rig) { r.edit("r1", func(x *audit.Reminder) { x.Paused = true }) },
		"the member is no longer a recipient": func(r *rig) {
			r.edit("r1", func(x *audit.Reminder) { x.Recipients = []audit.Recipient{{Member: "bob"}} })
		},
		"the reminder no longer uses email": func(r *rig) {
			r.edit("r1", func(x *audit.Reminder) { x.Channels = []audit.Channel{audit.ChannelInbox} })
		},
	} {
		t.Run(why, func(t *testing.T) {
			r := newRig(t)
			r.reminder("r1", nil)
			r.mail.fail = func(time.Time, audit.Notice) error { return audit.Unavailable(nil, 0, "down") }
			r.after(time.Hour, func() { change(r) })
			in := workflows.DeliveryInput{Organization: org, Digest: audit.Digest{ID: "g1", Reminder: "r1", Count: 1}}
			if err := r.run(workflows.NameDelivery, in); err != nil {
				t.Fatal(err)
			}
			if d := r.deliveries("r1"); len(d) != 1 || d[0].Status != audit.DeliverySkipped || d[0].Error != why {
				t.Errorf("deliveries: %+v", d)
			}
		})
	}
}

func TestATestGoesToWhoAskedByAllChannelsEvenWhenPaused(t *testing.T) {
	r := newRig(t)
	r.reminder("r1", func(x *audit.Reminder) {
		x.Paused, x.Channels = true, []audit.Channel{audit.ChannelEmail, audit.ChannelInbox}
	})
	in := workflows.DeliveryInput{Organization: org, Digest: audit.Digest{ID: "g1", Reminder: "r1", Count: 1, Test: true}, Only: "contact"}
	if err := r.run(workflows.NameDelivery, in); err != nil {
		t.Fatal(err)
	}
	for _, d := range r.deliveries("r1") {
		if !d.Test || d.Member != "contact" || d.Status != audit.DeliverySent {
			t.Errorf("delivery: %+v", d)
		}
	}
	if len(r.mail.sent) != 1 || len(r.inbox.sent) != 1 || !r.mail.sent[0].Digest.Test {
		t.Errorf("sent %d mails and %d messages", len(r.mail.sent), len(r.inbox.sent))
	}
}

func TestADeliveryOfADeletedReminderHasNothingToDo(t *testing.T) {
	r := newRig(t)
	in := workflows.DeliveryInput{Organization: org, Digest: audit.Digest{ID: "g1", Reminder: "gone", Count: 1}}
	if err := r.run(workflows.NameDelivery, in); err != nil {
		t.Fatal(err)
	}
}

// TestWhoLosesTheRoleLosesTheMail: the roles are those of when the message leaves, and not of when it was matched.
func TestWhoLosesTheRoleLosesTheMail(t *testing.T) {
	for _, c := range []struct {
		name, member string
		role         audit.Role
		count        int
		events       string
		why          string
	}{
		{"nobody loses it", "contact", audit.RoleSystemAdmin, 3, "ppo", ""},
		{"the recipient sees no Product Logs", "contact", audit.RoleContactAdmin, 1, "o", ""},
		{"the recipient sees nothing of others", "contact", audit.RoleMember, 0, "", "the member's role does not see these events"},
		{"the creator sees no Product Logs", "admin", audit.RoleContactAdmin, 1, "o", ""},
		{"the creator may have no reminders", "admin", audit.RoleMember, 0, "", "the role of who created the reminder no longer allows reminders"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.member(org, "contact", func(m *audit.Member) { m.Role = audit.RoleSystemAdmin })
			r.reminder("r1", func(x *audit.Reminder) {
				x.Recipients = []audit.Recipient{{Member: "contact"}}
				x.Window = audit.WindowTenMinutes
			})
			b := r.batch(0, 3)
			b.Logs = []byte{2, 3, 3} // as of audit.Logs, counted from 1
			for i, log := range []audit.Log{audit.LogProduct, audit.LogProduct, audit.LogOperation} {
				b.Events[i].Log = log
			}
			r.after(time.Minute, func() { r.SignalWorkflow(workflows.SignalBatch, b) })
			r.after(2*time.Minute, func() { r.member(org, c.member, func(m *audit.Member) { m.Role = c.role }) })
			r.remind("r1")
			d := r.deliveries("r1")
			if c.why != "" {
				if len(d) != 1 || d[0].Status != audit.DeliverySkipped || d[0].Error != c.why || len(r.mail.sent) > 0 {
					t.Errorf("deliveries: %+v, and %d mails", d, len(r.mail.sent))
				}
				return
			}
			if len(d) != 1 || d[0].Status != audit.DeliverySent || d[0].Events != c.count || len(r.mail.sent) != 1 {
				t.Fatalf("deliveries: %+v, and %d mails", d, len(r.mail.sent))
			}
			got := ""
			for _, e := range r.mail.sent[0].Digest.Events {
				got += string(e.Log[0])
			}
			if got != c.events || r.mail.sent[0].Digest.Count != c.count {
				t.Errorf("the mail tells %d events and names %q", r.mail.sent[0].Digest.Count, got)
			}
		})
	}
}
