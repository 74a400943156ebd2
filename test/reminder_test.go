package test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/catcher"
)

func TestAReminderReachesItsRecipientByEveryChannel(t *testing.T) {
	reminderReachesEveryChannel(t, sharedService(t))
}

func reminderReachesEveryChannel(t *testing.T, s *service) {
	tn := s.newTenant(t, "remind")
	member, err := s.records.Member(t.Context(), tn.id, contactAdmin)
	if err != nil {
		t.Fatal(err)
	}
	admin, recipient := tn.admin(t), tn.as(t, contactAdmin, audit.ScopeEventsRead)
	reminder := tn.remind(t, audit.Channels(), "login.failed")
	event := happened("login.failed")
	admin.mustIngest(t, event, happened("login.succeeded"))
	answered := time.Now()
	left := func() time.Duration { return promptly - time.Since(answered) }

	mail := s.awaitMail(t, left(), member.Email, nil)
	text := s.awaitSMS(t, left(), member.Phone, nil)
	within(t, left(), func() error {
		got := messages(t, recipient)
		if len(got) == 0 {
			return fmt.Errorf("the Message Center is empty")
		}
		return nil
	})
	t.Logf("all three channels within %s", time.Since(answered).Round(time.Millisecond))

	t.Run("the deliveries say so", func(t *testing.T) {
		for _, channel := range audit.Channels() {
			d := tn.awaitDelivery(t, reminder.ID, channel, audit.DeliverySent, promptly)
			if d.Member != contactAdmin || d.Events != 1 || d.Attempts != 1 || strings.Contains(d.Address, member.Email) {
				t.Errorf("%s: %+v", channel, d)
			}
		}
	})
	t.Run("the message names the event", func(t *testing.T) {
		got := messages(t, recipient)
		if len(got) != 1 || got[0].Reminder != reminder.ID || got[0].Count != 1 || len(got[0].Events) != 1 || got[0].Events[0].ID != event.ID {
			t.Errorf("the Message Center holds %+v", got)
		}
	})
	t.Run("the mail is whole", func(t *testing.T) { tn.checkMail(t, mail, reminder, event) })
	t.Run("the text message is one segment", func(t *testing.T) {
		if text.From != smsSender || text.Segments != 1 || !strings.Contains(text.Body, reminder.Name) {
			t.Errorf("the text message is %+v", text)
		}
	})
	t.Run("Twilio's callback moves the delivery on, and a forged one does not", func(t *testing.T) { tn.checkCallback(t, text, reminder) })
	t.Run("one click unsubscribes from the mails", func(t *testing.T) { tn.checkUnsubscribe(t, mail, reminder, member) })
}

func (tn *tenant) checkMail(t *testing.T, mail catcher.Mail, reminder audit.Reminder, event *audit.Event) {
	if mail.From != "audit@example.com" || mail.Header.Get("From") == "" || !strings.Contains(mail.Header.Get("To"), tn.email(t, contactAdmin)) {
		t.Errorf("from %s, headers %v", mail.From, mail.Header)
	}
	if !strings.HasPrefix(mail.Header.Get("Content-Type"), "multipart/alternative") {
		t.Errorf("the mail's type is %q", mail.Header.Get("Content-Type"))
	}
	for name, part := range map[string]string{"text": mail.Text, "HTML": mail.HTML} {
		if !strings.Contains(part, event.Actor.Name) || !strings.Contains(part, reminder.Name) {
			t.Errorf("the %s part names neither actor nor reminder:\n%s", name, part)
		}
	}
	if got := mail.Header.Get("List-Unsubscribe-Post"); got != "List-Unsubscribe=One-Click" {
		t.Errorf("List-Unsubscribe-Post is %q", got)
	}
	if got := mail.Header.Get("Auto-Submitted"); got != "auto-generated" {
		t.Errorf("Auto-Submitted is %q", got)
	}
	if _, err := mail.Header.Date(); err != nil {
		t.Errorf("Date: %v", err)
	}
	sent := tn.deliveries(t, reminder.ID)[audit.ChannelEmail]
	if id := mail.Header.Get("Message-Id"); len(sent) != 1 || sent[0].Provider != id || id == "" {
		t.Errorf("the mail's id is %q, the deliveries are %+v", id, sent)
	}
	if got := len(tn.service.mails(tn.email(t, contactAdmin))); got != 1 {
		t.Errorf("%d mails, want one", got)
	}
}

func (tn *tenant) checkCallback(t *testing.T, text catcher.SMS, reminder audit.Reminder) {
	form := url.Values{"AccountSid": {twilioAccount}, "MessageSid": {text.SID}, "MessageStatus": {"undelivered"}}.Encode()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, text.StatusCallback, strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("X-Twilio-Signature", "forged")
	forged, err := newClient(t, "", "").http.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer forged.Body.Close()
	if forged.StatusCode != http.StatusForbidden {
		t.Errorf("a forged callback is answered %d", forged.StatusCode)
	}
	tn.awaitDelivery(t, reminder.ID, audit.ChannelSMS, audit.DeliverySent, promptly)
	status, err := tn.service.sms.Callback(t.Context(), text, "delivered", 0)
	if err != nil || status >= 300 {
		t.Fatalf("Twilio's callback is answered %d, %v", status, err)
	}
	d := tn.awaitDelivery(t, reminder.ID, audit.ChannelSMS, audit.DeliveryDelivered, promptly)
	if d.Provider != text.SID {
		t.Errorf("the delivery is %+v, the message %s", d, text.SID)
	}
}

func (tn *tenant) checkUnsubscribe(t *testing.T, mail catcher.Mail, reminder audit.Reminder, member audit.Member) {
	link := strings.Trim(mail.Header.Get("List-Unsubscribe"), "<>")
	path, ours := strings.CutPrefix(link, tn.service.config.PublicURL)
	if !ours {
		t.Fatalf("List-Unsubscribe is %q", link)
	}
	nobody := newClient(t, tn.service.url, "")
	if a := nobody.do(t, http.MethodGet, path, nil); a.status != http.StatusOK {
		t.Errorf("the link opens with %d", a.status)
	}
	unsubscribed := func() []audit.Channel {
		return want[audit.Reminder](t, tn.admin(t), http.StatusOK, http.MethodGet, "/v1/reminders/"+reminder.ID, nil).Recipients[0].Unsubscribed
	}
	if got := unsubscribed(); len(got) > 0 {
		t.Errorf("opening the link unsubscribed from %v", got)
	}
	a, err := nobody.send(t.Context(), http.MethodPost, path, "application/x-www-form-urlencoded", []byte("List-Unsubscribe=One-Click"))
	if err != nil || a.status != http.StatusOK {
		t.Fatalf("the click is answered %d %s, %v", a.status, clipped(a.body), err)
	}
	if got := unsubscribed(); !slices.Equal(got, []audit.Channel{audit.ChannelEmail}) {
		t.Errorf("the click unsubscribed from %v", got)
	}
	before := len(tn.service.sms.Messages())
	tn.admin(t).mustIngest(t, happened("login.failed"))
	within(t, promptly, func() error {
		if len(tn.service.sms.Messages()) == before {
			return fmt.Errorf("no further text message came")
		}
		return nil
	})
	d := tn.awaitDelivery(t, reminder.ID, audit.ChannelEmail, audit.DeliverySkipped, promptly)
	if !strings.Contains(d.Error, "unsubscribed") {
		t.Errorf("the delivery was skipped as %q", d.Error)
	}
	if got := len(tn.service.mails(member.Email)); got != 1 {
		t.Errorf("after the click there are %d mails, want the one from before", got)
	}
}

func TestAMailThatIsRefusedForGoodIsShownAsFailed(t *testing.T) {
	refusedMailIsShown(t, sharedService(t))
}

func refusedMailIsShown(t *testing.T, s *service) {
	tn := s.newTenant(t, "remind-550")
	reminder := tn.remind(t, []audit.Channel{audit.ChannelEmail, audit.ChannelInbox}, "login.failed")
	s.mail.Fail(catcher.Failure{At: catcher.StepTo, Code: 550, Message: "no such user here"})
	defer s.mail.Fail(catcher.Failure{})
	tn.admin(t).mustIngest(t, happened("login.failed"))
	d := tn.awaitDelivery(t, reminder.ID, audit.ChannelEmail, audit.DeliveryFailed, promptly)
	if d.Attempts != 1 || !strings.Contains(d.Error, "550") {
		t.Errorf("the delivery is %+v", d)
	}
	tn.awaitDelivery(t, reminder.ID, audit.ChannelInbox, audit.DeliverySent, promptly)
}

func TestAMailThatIsDeferredIsSentLaterUnderTheSameID(t *testing.T) {
	deferredMailIsSentLater(t, sharedService(t))
}

func deferredMailIsSentLater(t *testing.T, s *service) {
	tn := s.newTenant(t, "remind-451")
	reminder := tn.remind(t, []audit.Channel{audit.ChannelEmail}, "login.failed")
	s.mail.Fail(catcher.Failure{At: catcher.StepData, Code: 451, Message: "try again later"})
	defer s.mail.Fail(catcher.Failure{})
	tn.admin(t).mustIngest(t, happened("login.failed"))
	var first string
	within(t, promptly, func() error {
		all := tn.deliveries(t, reminder.ID)[audit.ChannelEmail]
		if len(all) != 1 || all[0].Status != audit.DeliveryPending || !strings.Contains(all[0].Error, "451") {
			return fmt.Errorf("want one delivery that is pending because of the answer 451: %+v", all)
		}
		first = all[0].Provider
		return nil
	})
	s.mail.Fail(catcher.Failure{})
	mail := s.awaitMail(t, 20*time.Second, tn.email(t, contactAdmin), nil)
	if id := mail.Header.Get("Message-Id"); id != first || id == "" {
		t.Errorf("the mail's id is %q, and was %q at the first attempt", id, first)
	}
	if d := tn.awaitDelivery(t, reminder.ID, audit.ChannelEmail, audit.DeliverySent, promptly); d.Attempts < 2 || d.Error != "" {
		t.Errorf("the delivery is %+v", d)
	}
}

func TestChangedSettingsTakeEffect(t *testing.T) { changedSettingsTakeEffect(t, sharedService(t)) }

func changedSettingsTakeEffect(t *testing.T, s *service) {
	tn := s.newTenant(t, "remind-change")
	admin := tn.admin(t)
	reminder := tn.remind(t, []audit.Channel{audit.ChannelInbox}, "login.failed")
	marker := tn.remind(t, []audit.Channel{audit.ChannelInbox}, "contacts.member.deleted")
	change := func(changes map[string]any) {
		t.Helper()
		body := map[string]any{"name": reminder.Name, "actions": reminder.Actions, "channels": reminder.Channels, "window": reminder.Window,
			"recipients": []map[string]any{{"member": contactAdmin}}, "version": reminder.Version}
		for k, v := range changes {
			body[k] = v
		}
		reminder = want[audit.Reminder](t, admin, http.StatusOK, http.MethodPut, "/v1/reminders/"+reminder.ID, body)
	}
	sent := func(reminder string) int { return len(tn.deliveries(t, reminder)[audit.ChannelInbox]) }
	awaitSent := func(reminder string, count int, limit time.Duration) {
		t.Helper()
		within(t, limit, func() error {
			if got := sent(reminder); got != count {
				return fmt.Errorf("%d messages were sent, want %d", got, count)
			}
			return nil
		})
	}

	change(map[string]any{"paused": true})
	admin.mustIngest(t, happened("login.failed"))
	for i := range 2 { // whatever the event had caused would have come before the second marker
		admin.mustIngest(t, happened("contacts.member.deleted"))
		awaitSent(marker.ID, i+1, promptly)
	}
	if got := sent(reminder.ID); got != 0 {
		t.Errorf("paused, the reminder sent %d messages", got)
	}

	change(map[string]any{"actions": []string{"contacts.department.*"}, "paused": false})
	admin.mustIngest(t, happened("contacts.department.created"), happened("login.failed"))
	awaitSent(reminder.ID, 1, 2*promptly)
	if d := tn.deliveries(t, reminder.ID)[audit.ChannelInbox][0]; d.Events != 1 {
		t.Errorf("the message is about %d events, want the one of the new setting", d.Events)
	}
	stale := map[string]any{"name": "x", "actions": []string{"login.failed"}, "channels": []string{"inbox"},
		"recipients": []map[string]any{{"member": contactAdmin}}, "version": reminder.Version - 1}
	refused(t, admin, http.StatusConflict, http.MethodPut, "/v1/reminders/"+reminder.ID, stale)
}

func TestATestMessageReachesWhoAskedForIt(t *testing.T) { testMessageArrives(t, sharedService(t)) }

func testMessageArrives(t *testing.T, s *service) {
	tn := s.newTenant(t, "remind-test")
	reminder := tn.remind(t, []audit.Channel{audit.ChannelEmail}, "login.failed")
	want[map[string]any](t, tn.admin(t), http.StatusAccepted, http.MethodPost, "/v1/reminders/"+reminder.ID+"/test", nil)
	mail := s.awaitMail(t, promptly, tn.email(t, creator), nil)
	if !strings.HasPrefix(mail.Subject, "[Test]") {
		t.Errorf("the subject is %q", mail.Subject)
	}
	if got := len(s.mails(tn.email(t, contactAdmin))); got != 0 {
		t.Errorf("the recipient got %d mails", got)
	}
}

// The real program, as the race detector slows ingestion to less than what a burst is.
func TestTenThousandMatchesAreOneDigest(t *testing.T) {
	t.Parallel()
	s := newStandalone(t)
	tn := s.newTenant(t, "burst")
	reminder := tn.remind(t, audit.Channels(), "login.failed")
	writer := tn.as(t, creator, audit.ScopeEventsWrite)
	const requests, each = 20, 500
	batches := make([][]*audit.Event, requests)
	for i := range batches {
		for range each {
			batches[i] = append(batches[i], happened("login.failed"))
		}
	}
	for _, batch := range batches {
		writer.mustIngest(t, batch...)
	}
	answered := time.Now()
	mail := s.awaitMail(t, promptly, tn.email(t, contactAdmin), nil)
	t.Logf("the digest was there %s after the last answer", time.Since(answered).Round(time.Millisecond))
	if !strings.Contains(strings.ReplaceAll(mail.Subject, ",", ""), fmt.Sprint(requests*each)) {
		t.Errorf("the mail is about %q", mail.Subject)
	}
	for _, channel := range audit.Channels() {
		tn.awaitDelivery(t, reminder.ID, channel, audit.DeliverySent, promptly)
		if all := tn.deliveries(t, reminder.ID)[channel]; len(all) != 1 || all[0].Events != requests*each {
			t.Errorf("%s: want one delivery about %d events: %+v", channel, requests*each, all)
		}
	}
}
