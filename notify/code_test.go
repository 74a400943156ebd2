package notify_test

import (
	"strings"
	"testing"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/catcher"
	"github.com/audittrail/audittrail/notify"
)

func codeNotice(kind audit.AddressKind, address string) audit.CodeNotice {
	return audit.CodeNotice{ID: "code-1", Organization: audit.Organization{ID: "acme", Name: "Acme Instruments"}, AddedBy: "Zoë Müller", Code: "042137",
		Address: audit.OtherAddress{Kind: kind, Address: address, Label: "http://spam.example"}, URL: "https://audit.example.com/messages/addresses/a1"}
}

func TestACodeIsMailedWithTheSameMessageIDAtEveryTry(t *testing.T) {
	server := startMail(t, catcher.SMTPOptions{StartTLS: true})
	email := newEmail(t, emailFor(t, server, notify.EmailStartTLS))
	n := codeNotice(audit.AddressEmail, "on-call@example.com")
	n.Organization.Name = "<b>http://evil.example</b>\r\nBcc: x@example.com"
	first, err := email.SendCode(testContext(t), n)
	if err != nil {
		t.Fatal(err)
	}
	second, err := email.SendCode(testContext(t), n)
	if err != nil || first != second || first.Address != "o***@example.com" {
		t.Errorf("receipts %+v and %+v, %v", first, second, err)
	}
	mail, err := server.Wait(testContext(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := mail.Header.Get("To"); got != "<on-call@example.com>" || mail.Header.Get("Bcc") != "" || mail.Header.Get("Auto-Submitted") != "auto-generated" {
		t.Errorf("To: %s; header %v", got, mail.Header)
	}
	for name, part := range map[string]string{"text": mail.Text, "html": mail.HTML} {
		for _, want := range []string{"042137", "https://audit.example.com/messages/addresses/a1", "30 minutes", "do nothing"} {
			if !strings.Contains(part, want) {
				t.Errorf("the %s lacks %q", name, want)
			}
		}
		// What is in it of the names of strangers is no link, and the label is not in it at all.
		if strings.Contains(part, "http://evil") || strings.Contains(part, "spam") || name == "html" && strings.Contains(part, "<b>") {
			t.Errorf("the %s holds what somebody else wrote: %s", name, part)
		}
	}
}

func TestACodeIsOneSegmentOfSMS(t *testing.T) {
	server := startTwilio(t, catcher.TwilioOptions{})
	sms := newSMS(t, smsFor(server.URL()))
	for _, organization := range []string{"Acme Instruments", strings.Repeat("Łódź ", 40), "株式会社オーディット"} {
		n := codeNotice(audit.AddressPhone, "+12025550143")
		n.Organization.Name = organization
		if _, err := sms.SendCode(testContext(t), n); err != nil {
			t.Fatal(err)
		}
	}
	for _, message := range server.Messages() {
		if message.To != "+12025550143" || !strings.Contains(message.Body, "042137") || len([]rune(message.Body)) > 160 {
			t.Errorf("%d characters to %s: %s", len([]rune(message.Body)), message.To, message.Body)
		}
	}
	if len(server.Messages()) != 3 {
		t.Errorf("%d messages", len(server.Messages()))
	}
}
