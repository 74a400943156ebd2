package cli

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/audittrail/audittrail/internal/catcher"
	"github.com/audittrail/audittrail/internal/config"
)

// catchers take the demo's mails and SMS on this machine.
type catchers struct {
	mail   *catcher.SMTP
	twilio *catcher.Twilio

	mu   sync.Mutex
	show *demo // prints what is caught from now on; nil: not yet
}

// The account of the catchers; they know no other, and nobody else knows this one.
const (
	demoMailUser  = "audittrail"
	demoMailPass  = "local-catcher"
	demoAccount   = "AC00000000000000000000000000000000"
	demoToken     = "00000000000000000000000000000000"
	demoSMSSender = "+15005550006" // Twilio's number for tests
)

// startCatchers starts both and points the configuration at them.
func startCatchers(d *demo) (*catchers, error) {
	c := &catchers{}
	if err := os.MkdirAll(d.config.DataDir, 0o700); err != nil {
		return nil, err
	}
	logger := d.logger(d.config.Log)
	var err error
	c.mail, err = catcher.NewSMTP(catcher.SMTPOptions{StartTLS: true, Username: demoMailUser, Password: demoMailPass, OnMail: c.onMail, Logger: logger})
	if err != nil {
		return nil, err
	}
	c.twilio, err = catcher.NewTwilio(catcher.TwilioOptions{AccountSID: demoAccount, AuthToken: demoToken, Deliver: localURL(d.config) != "",
		OnSMS: c.onSMS, Logger: logger})
	if err != nil {
		return nil, errors.Join(err, c.mail.Close())
	}
	trust := d.path("demo-mail-ca.pem")
	if err := writeSecret(trust, string(c.mail.CertificatePEM())); err != nil {
		c.close()
		return nil, err
	}
	d.config.Email = config.Email{Host: c.mail.Host(), Port: c.mail.Port(), Mode: "starttls", Username: demoMailUser, Password: demoMailPass,
		From: "Audittrail <audit@acme.example>", CAFile: trust}
	d.config.SMS = config.SMS{AccountSID: demoAccount, AuthToken: demoToken, From: demoSMSSender, BaseURL: c.twilio.URL()}
	d.ok("LOCAL CATCHERS for mail (%s:%d, STARTTLS) and SMS (%s): nothing leaves this machine", c.mail.Host(), c.mail.Port(), c.twilio.URL())
	return c, nil
}

func (c *catchers) close() {
	if err := errors.Join(c.mail.Close(), c.twilio.Close()); err != nil && c.show != nil {
		fmt.Fprintln(c.show.Stderr, "audittrail: close the catchers:", err)
	}
}

// announce prints everything that is caught from now on.
func (c *catchers) announce(d *demo) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.show = d
	fmt.Fprintln(d.Stdout, "\nUp until Ctrl-C. Mails and SMS that the LOCAL CATCHERS take are shown here.")
}

func (c *catchers) onMail(m catcher.Mail) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.show != nil {
		showMail(c.show, m)
	}
}

func (c *catchers) onSMS(s catcher.SMS) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.show != nil {
		showSMS(c.show, s)
	}
}

func showMail(d *demo, m catcher.Mail) {
	d.ok("LOCAL CATCHER, mail: to %s, TLS %v", strings.Join(m.To, ", "), m.TLS)
	d.detail("Subject: %s\nMessage-ID: %s\nList-Unsubscribe: %s\n%s", m.Subject, m.Header.Get("Message-Id"), m.Header.Get("List-Unsubscribe"), strings.TrimSpace(m.Text))
}

func showSMS(d *demo, s catcher.SMS) {
	d.ok("LOCAL CATCHER, SMS: to %s, %d segment(s)", s.To, s.Segments)
	d.detail("%s", s.Body)
}
