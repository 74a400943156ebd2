package workflows_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"github.com/audittrail/audittrail/activities"
	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/workflows"
)

// batch makes a batch of events with the numbers from to to, received now.
func (r *rig) batch(from, to int) activities.Batch {
	now := r.Now()
	b := activities.Batch{From: fmt.Sprint("c", from), Window: fmt.Sprint("from:c", from), First: now, Oldest: now, Newest: now}
	for i := from; i < to; i++ {
		id := fmt.Sprint("e", i)
		key := activities.EventKey(id)
		b.Keys = append(b.Keys, key[:]...)
		b.Count++
		b.Events = append([]audit.DigestEvent{{ID: id, Time: now.Add(time.Duration(i)), Action: "contacts.member.added"}}, b.Events...)
	}
	b.Events = b.Events[:min(len(b.Events), audit.DigestExamples)]
	return b
}

func (r *rig) match(from, to int) { r.SignalWorkflow(workflows.SignalBatch, r.batch(from, to)) }

// remind runs a reminder's workflow until it has been idle for a day.
func (r *rig) remind(id string) {
	r.t.Helper()
	in := workflows.ReminderInput{ReminderRef: activities.ReminderRef{Organization: org, Reminder: id}}
	if err := r.run(workflows.NameReminder, in); err != nil {
		r.t.Fatal(err)
	}
}

// counts returns the counts of the digests that a channel sent.
func (c *channel) counts() []int {
	c.mu.Lock()
	defer c.mu.Unlock()
	counts := []int{}
	for _, n := range c.sent {
		counts = append(counts, n.Digest.Count)
	}
	return counts
}

func (r *rig) deliveries(reminder string) []audit.Delivery {
	r.t.Helper()
	list, err := r.store.Deliveries(context.Background(), org, reminder, "", 1000)
	if err != nil {
		r.t.Fatal(err)
	}
	return list
}

func TestAnImmediateReminderLeavesWithinFiveSeconds(t *testing.T) {
	r := newRig(t)
	r.reminder("r1", nil)
	r.after(time.Minute, func() { r.match(0, 1) })
	r.after(10*time.Minute, func() { r.match(1, 2) })
	r.remind("r1")
	if got := r.mail.counts(); !slices.Equal(got, []int{1, 1}) {
		t.Fatalf("sent digests of %v", got)
	}
	for i, at := range []time.Duration{time.Minute, 10 * time.Minute} {
		if took := r.mail.at[i].Sub(start) - at; took > 4500*time.Millisecond {
			t.Errorf("message %d took %v", i, took)
		}
	}
	d := r.deliveries("r1")
	if len(d) != 2 || d[0].Status != audit.DeliverySent || d[0].Attempts != 1 || d[0].Address != "a***" || d[0].Provider == "" || d[0].Events != 1 {
		t.Errorf("deliveries: %+v", d)
	}
	if r.checkpoint("window/r1") != "" {
		t.Error("the window is still noted as open")
	}
}

func TestABurstOfTenThousandIsOneDigest(t *testing.T) {
	r := newRig(t)
	r.reminder("r1", nil)
	for i := range 10 { // over three seconds, as the dispatcher hands them over
		r.after(time.Duration(i)*300*time.Millisecond, func() { r.match(i*1000, (i+1)*1000) })
	}
	r.remind("r1")
	if got := r.mail.counts(); !slices.Equal(got, []int{10_000}) {
		t.Fatalf("sent digests of %v", got)
	}
	n := r.mail.sent[0]
	if len(n.Digest.Events) != audit.DigestExamples || n.Digest.Events[0].ID != "e9999" || n.Digest.To.Before(n.Digest.From) {
		t.Errorf("the digest names %+v", n.Digest.Events)
	}
	if n.UnsubscribeURL != "https://audit.example/u/acme/r1/admin/email" || n.Organization.ID != org || n.Member.ID != "admin" || n.OpenURL == "" {
		t.Errorf("notice: %+v", n)
	}
	if took := r.mail.at[0].Sub(start); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestMatchesThatKeepStreamingInDoNotHoldTheDigestBack(t *testing.T) {
	r := newRig(t)
	r.reminder("r1", nil)
	for i := range 30 {
		r.after(time.Duration(i)*time.Second, func() { r.match(i, i+1) })
	}
	r.remind("r1")
	sum := 0
	for i, n := range r.mail.counts() {
		sum += n
		if n > 6 {
			t.Errorf("digest %d waited for %d seconds of matches", i, n)
		}
	}
	if sum != 30 {
		t.Errorf("%d of 30 matches in %v", sum, r.mail.counts())
	}
}

func TestWindowsAndQuietHours(t *testing.T) {
	quiet := &audit.QuietHours{Start: "22:00", End: "07:30"}
	for _, c := range []struct {
		name   string
		change func(*audit.Reminder)
		first  time.Duration // after 10:00 UTC
		want   time.Duration
	}{
		{"ten minutes after the first match", func(x *audit.Reminder) { x.Window = audit.WindowTenMinutes }, 3 * time.Minute, 13 * time.Minute},
		{"at the full hour", func(x *audit.Reminder) { x.Window = audit.WindowHourly }, 3 * time.Minute, time.Hour},
		{"at midnight of the reminder's zone", func(x *audit.Reminder) {
			x.Window, x.TimeZone = audit.WindowDaily, "Europe/Berlin"
		}, 3 * time.Minute, 13 * time.Hour},
		{"at the end of quiet hours", func(x *audit.Reminder) { x.QuietHours = quiet }, 13 * time.Hour, 21*time.Hour + 30*time.Minute},
		{"at the end of the zone's quiet hours", func(x *audit.Reminder) {
			x.QuietHours, x.TimeZone = quiet, "America/New_York"
		}, time.Hour, 2*time.Hour + 30*time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.reminder("r1", c.change)
			r.after(c.first, func() { r.match(0, 2) })
			r.after(c.first+time.Second, func() { r.match(2, 3) })
			r.remind("r1")
			if got := r.mail.counts(); !slices.Equal(got, []int{3}) {
				t.Fatalf("sent digests of %v", got)
			}
			if got := r.mail.at[0].Sub(start); got < c.want || got > c.want+5*time.Second {
				t.Errorf("it left after %v, not %v", got, c.want)
			}
		})
	}
}

func TestMatchesHandedOverTwiceCountOnce(t *testing.T) {
	r := newRig(t)
	r.reminder("r1", func(x *audit.Reminder) { x.Window = audit.WindowTenMinutes })
	r.after(time.Second, func() { r.match(0, 100) })
	r.after(2*time.Second, func() { r.match(0, 120) })    // the same page, grown meanwhile
	r.after(20*time.Minute, func() { r.match(100, 120) }) // after the digest has left
	r.remind("r1")
	if got := r.mail.counts(); !slices.Equal(got, []int{120}) {
		t.Errorf("sent digests of %v", got)
	}
}

func TestChangedSettingsTakeEffectAtOnce(t *testing.T) {
	t.Run("a daily window made immediate", func(t *testing.T) {
		r := newRig(t)
		r.reminder("r1", func(x *audit.Reminder) { x.Window = audit.WindowDaily })
		r.after(time.Second, func() { r.match(0, 2) })
		r.after(time.Hour, func() {
			r.edit("r1", func(x *audit.Reminder) { x.Window = audit.WindowImmediate })
			r.SignalWorkflow(workflows.SignalChanged, nil)
		})
		r.remind("r1")
		if len(r.mail.at) != 1 || r.mail.at[0].Sub(start) > time.Hour+5*time.Second {
			t.Errorf("sent at %v", r.mail.at)
		}
	})
	t.Run("paused: what was gathered is dropped, what comes later is sent", func(t *testing.T) {
		r := newRig(t)
		r.reminder("r1", func(x *audit.Reminder) { x.Window = audit.WindowTenMinutes })
		r.after(time.Second, func() { r.match(0, 2) })
		r.after(time.Minute, func() {
			r.edit("r1", func(x *audit.Reminder) { x.Paused = true })
			r.SignalWorkflow(workflows.SignalChanged, nil)
		})
		r.after(time.Hour, func() {
			r.edit("r1", func(x *audit.Reminder) { x.Paused = false })
			r.SignalWorkflow(workflows.SignalChanged, nil)
		})
		r.after(2*time.Hour, func() { r.match(2, 3) })
		r.remind("r1")
		if got := r.mail.counts(); !slices.Equal(got, []int{1}) {
			t.Errorf("sent digests of %v", got)
		}
	})
	t.Run("deleted: nothing is sent and the workflow ends", func(t *testing.T) {
		r := newRig(t)
		r.reminder("r1", func(x *audit.Reminder) { x.Window = audit.WindowTenMinutes })
		r.after(time.Second, func() { r.match(0, 2) })
		r.after(time.Minute, func() {
			r.remove("r1")
			r.SignalWorkflow(workflows.SignalChanged, nil)
		})
		r.remind("r1")
		if len(r.mail.sent) > 0 || r.Now().Sub(start) > time.Hour || len(r.deliveries("r1")) > 0 {
			t.Errorf("sent %d, ended after %v", len(r.mail.sent), r.Now().Sub(start))
		}
	})
}

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

func TestAMatchThatComesWhileTheDigestLeavesIsNotedAsAnOpenWindow(t *testing.T) {
	r := newRig(t)
	r.reminder("r1", func(x *audit.Reminder) { x.Window = audit.WindowTenMinutes })
	if err := r.store.SaveCheckpoint(context.Background(), org, "window/r1", "from:c0"); err != nil {
		t.Fatal(err)
	}
	r.after(time.Second, func() { r.match(0, 1) })
	late := false
	r.SetOnChildWorkflowStartedListener(func(*workflow.Info, workflow.Context, converter.EncodedValues) {
		if !late {
			late = true
			batch := r.batch(5, 6)
			batch.Window = "from:c0" // the dispatcher still saw the note of the window that closes now
			r.SignalWorkflow(workflows.SignalBatch, batch)
		}
	})
	r.after(15*time.Minute, func() {
		if got := r.checkpoint("window/r1"); got != "from:c5" {
			t.Errorf("the open window is noted as %q", got)
		}
	})
	r.remind("r1")
	if got := r.mail.counts(); !slices.Equal(got, []int{1, 1}) || r.checkpoint("window/r1") != "" {
		t.Errorf("sent digests of %v; noted is %q", got, r.checkpoint("window/r1"))
	}
}

func TestAReminderRemembersFromRunToRun(t *testing.T) {
	r := newRig(t)
	r.reminder("r1", func(x *audit.Reminder) { x.Window = audit.WindowDaily })
	for i := range 250 {
		r.after(time.Duration(i+1)*time.Minute, func() { r.match(i*10, i*10+11) }) // each repeats one of the last
	}
	in := workflows.ReminderInput{ReminderRef: activities.ReminderRef{Organization: org, Reminder: "r1"}}
	err := r.run(workflows.NameReminder, in)
	var again *workflow.ContinueAsNewError
	if !errors.As(err, &again) {
		t.Fatal(err)
	}
	var next workflows.ReminderInput
	if err := decode(again, &next); err != nil {
		t.Fatal(err)
	}
	if s := next.State; s.Gathered.Count != 2501 || len(s.Seen) != 2501*activities.KeyBytes || len(s.Gathered.Events) != audit.DigestExamples {
		t.Fatalf("it continues with %d matches, %d keys", next.State.Gathered.Count, len(next.State.Seen)/activities.KeyBytes)
	}
	r2 := newRig(t)
	r2.reminder("r1", func(x *audit.Reminder) { x.Window = audit.WindowDaily })
	r2.after(time.Second, func() { r2.match(2495, 2505) })
	if err := r2.run(workflows.NameReminder, next); err != nil {
		t.Fatal(err)
	}
	if got := r2.mail.counts(); !slices.Equal(got, []int{2505}) {
		t.Errorf("sent digests of %v", got)
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
