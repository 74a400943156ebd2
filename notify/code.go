package notify

import (
	"cmp"
	"context"
	"fmt"
	netmail "net/mail"
	"strings"

	"github.com/audittrail/audittrail/audit"
	"github.com/wneessen/go-mail"
)

// codeContent is a code in words. It says who asks, so that whoever did not expect it knows, and nothing that whoever asked could write to strangers.
type codeContent struct{ Title, Intro, Code, Life, URL, Stranger string }

func newCodeContent(n audit.CodeNotice) codeContent {
	organization := unlink(line(cmp.Or(n.Organization.Name, n.Organization.ID), maxName))
	who := unlink(line(cmp.Or(n.AddedBy, "somebody"), maxName))
	return codeContent{
		Title: cut("Confirm this address for reminders of "+organization, maxSubject, "…"),
		Intro: fmt.Sprintf("%s of %s asks whether reminders of the audit trail may be sent to this address. If you want them, enter this code, or give it to %s:",
			who, organization, who),
		Code:     n.Code,
		Life:     fmt.Sprintf("The code works once, for %d minutes.", int(audit.AddressCodeLife.Minutes())),
		URL:      webURL(n.URL),
		Stranger: "If you do not know what this is about, do nothing: without the code nothing is sent here.",
	}
}

func (c codeContent) text() string {
	var b strings.Builder
	b.WriteString(c.Intro + "\n\n    " + c.Code + "\n\n" + c.Life + "\n")
	if c.URL != "" {
		b.WriteString("\nEnter it here: " + c.URL + "\n")
	}
	b.WriteString("\n-- \n" + c.Stranger + "\n")
	return b.String()
}

// sms is one segment, whatever the names are: these are cut.
func (c codeContent) sms(organization string) string {
	s, _ := shortened(unaccented(plainer.Replace(unlink(line(organization, maxName)))), 0, func(name string) string {
		return "Audittrail: " + c.Code + " confirms this number for reminders of " + name + ". Works for 30 minutes. Not expected? Do nothing."
	}, func(s string) bool { n, _ := segments(s); return n == 1 })
	return cmp.Or(s, "Audittrail: "+c.Code+" confirms this number for reminders.")
}

// SendCode sends a code to an address that is not verified yet. Message-ID and errors are as those of Send.
func (e *Email) SendCode(ctx context.Context, n audit.CodeNotice) (audit.Receipt, error) {
	to, err := netmail.ParseAddress(n.Address.Address)
	if err != nil {
		return audit.Receipt{}, audit.Errorf(audit.CodeRefused, "it is no mail address that can be used")
	}
	receipt := audit.Receipt{Provider: e.messageID(n.ID), Address: maskEmail(to.Address)}
	c := newCodeContent(n)
	html, err := c.html()
	if err != nil {
		return receipt, audit.WithCause(audit.CodeInternal, err, "the mail could not be written")
	}
	m := e.newMessage(to, c.Title, receipt.Provider)
	m.SetBodyString(mail.TypeTextPlain, c.text())
	m.AddAlternativeString(mail.TypeTextHTML, html)
	ctx, cancel := context.WithTimeout(ctx, defaultTimeout)
	defer cancel()
	return receipt, e.deliver(ctx, m)
}

// SendCode sends a code to a number that is not verified yet. Errors are as those of Send.
func (s *SMS) SendCode(ctx context.Context, n audit.CodeNotice) (audit.Receipt, error) {
	to, receipt, err := s.number(n.Address.Address)
	if err != nil {
		return receipt, err
	}
	return s.create(ctx, to, newCodeContent(n).sms(cmp.Or(n.Organization.Name, n.Organization.ID)), "", receipt)
}
