package notify_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/notify"
)

// messages is a Message Center in memory.
type messages struct {
	added []audit.Message
	err   error
}

func (m *messages) AddMessage(_ context.Context, message audit.Message) error {
	m.added = append(m.added, message)
	return m.err
}

func TestTheInboxGetsOneMessageWhoseIDIsTheDeliverys(t *testing.T) {
	center := &messages{}
	inbox := notify.NewInbox(center, testClock)
	n := manyNotice()
	receipt, err := inbox.Send(testContext(t), n)
	if err != nil || receipt.Provider != n.Delivery {
		t.Fatalf("%+v: %v", receipt, err)
	}
	want := audit.Message{
		ID: n.Delivery, Organization: "acme", Member: "u_17", Title: "Failed logins: 10,000 events", Reminder: "r1", Count: 10_000,
		Body: "10,000 events matched “Failed logins” at Acme Instruments between 20 Nov 2026 08:15 and 20 Nov 2026 09:24. " +
			"Here are the 10 newest. Times are in Europe/Berlin.",
		Events: n.Digest.Events, From: n.Digest.From, To: n.Digest.To, CreatedAt: testNow,
	}
	if len(center.added) != 1 || !reflect.DeepEqual(center.added[0], want) {
		t.Errorf("%+v", center.added)
	}
	if state := inbox.State(); !state.On || state.Channel != audit.ChannelInbox {
		t.Errorf("%+v", state)
	}
}

func TestATestMessageInTheInboxSaysSo(t *testing.T) {
	center := &messages{}
	n := testNotice()
	n.Digest.Test = true
	if _, err := notify.NewInbox(center, testClock).Send(testContext(t), n); err != nil {
		t.Fatal(err)
	}
	if m := center.added[0]; !strings.HasPrefix(m.Title, "[Test] ") || !strings.HasPrefix(m.Body, "Test. ") || !m.Test {
		t.Errorf("%+v", m)
	}
}

func TestTheInboxHandsOnWhatTheStoreSays(t *testing.T) {
	trouble := audit.Unavailable(nil, 0, "the disk is full")
	if _, err := notify.NewInbox(&messages{err: trouble}, testClock).Send(testContext(t), testNotice()); !errors.Is(err, trouble) {
		t.Error(err)
	}
}

func TestWhatIsNotConfiguredIsOffAndThereIsNoSender(t *testing.T) {
	email, state, err := notify.NewEmail(notify.EmailConfig{}, testClock)
	if email != nil || err != nil || state.On || !strings.Contains(state.Detail, "email.host") {
		t.Errorf("email %v, %+v, %v", email, state, err)
	}
	sms, state, err := notify.NewSMS(notify.SMSConfig{})
	if sms != nil || err != nil || state.On || !strings.Contains(state.Detail, "sms.account_sid") {
		t.Errorf("SMS %v, %+v, %v", sms, state, err)
	}
}

func TestMailSettingsAreCheckedAndNamed(t *testing.T) {
	notPEM := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(notPEM, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	good := notify.EmailConfig{Host: "mail.example.com", From: "Audittrail <audit@example.com>"}
	for name, c := range map[string]struct {
		edit   func(*notify.EmailConfig)
		fields string
	}{
		"right":                    {func(*notify.EmailConfig) {}, ""},
		"nothing at all is off":    {func(c *notify.EmailConfig) { *c = notify.EmailConfig{} }, ""},
		"no host but a sender":     {func(c *notify.EmailConfig) { c.Host = "" }, "email.host"},
		"no sender":                {func(c *notify.EmailConfig) { c.From = "" }, "email.from"},
		"a sender with a line end": {func(c *notify.EmailConfig) { c.From = "a@example.com\r\nBcc: b@example.com" }, "email.from"},
		"clear text to elsewhere":  {func(c *notify.EmailConfig) { c.Mode = notify.EmailClear }, "email.mode"},
		"clear text allowed":       {func(c *notify.EmailConfig) { c.Mode, c.AllowClear = notify.EmailClear, true }, ""},
		"clear text to localhost":  {func(c *notify.EmailConfig) { c.Host, c.Mode = "localhost", notify.EmailClear }, ""},
		"a password in clear text": {func(c *notify.EmailConfig) {
			c.Host, c.Mode, c.Username, c.Password = "::1", notify.EmailClear, "u", "p"
		}, "email.mode"},
		"an unknown mode":                    {func(c *notify.EmailConfig) { c.Mode = "ssl" }, "email.mode"},
		"a user name only":                   {func(c *notify.EmailConfig) { c.Username = "u" }, "email.password"},
		"a port that is none":                {func(c *notify.EmailConfig) { c.Port = 70000 }, "email.port"},
		"two names for HELO":                 {func(c *notify.EmailConfig) { c.HELO = "a b" }, "email.helo"},
		"certificates that are not there":    {func(c *notify.EmailConfig) { c.CAFile = notPEM + "x" }, "email.ca_file"},
		"certificates that are none":         {func(c *notify.EmailConfig) { c.CAFile = notPEM }, "email.ca_file"},
		"several mistakes are named at once": {func(c *notify.EmailConfig) { c.From, c.Mode, c.Port = "", "x", -1 }, "email.mode email.port email.from"},
	} {
		t.Run(name, func(t *testing.T) {
			config := good
			c.edit(&config)
			checkFields(t, config.Validate(), c.fields)
			if channel, _, err := notify.NewEmail(config, testClock); (err != nil) != (c.fields != "") || (err != nil && channel != nil) {
				t.Errorf("%v, %v", channel, err)
			}
		})
	}
}

func TestSMSSettingsAreCheckedAndNamed(t *testing.T) {
	for name, c := range map[string]struct {
		edit   func(*notify.SMSConfig)
		fields string
	}{
		"right":                       {func(*notify.SMSConfig) {}, ""},
		"nothing at all is off":       {func(c *notify.SMSConfig) { *c = notify.SMSConfig{} }, ""},
		"no account but a token":      {func(c *notify.SMSConfig) { c.AccountSID = "" }, "sms.account_sid"},
		"an account that is none":     {func(c *notify.SMSConfig) { c.AccountSID = "acme" }, "sms.account_sid"},
		"no token":                    {func(c *notify.SMSConfig) { c.AuthToken = "" }, "sms.auth_token"},
		"no sender":                   {func(c *notify.SMSConfig) { c.From = "" }, "sms.from"},
		"two senders":                 {func(c *notify.SMSConfig) { c.MessagingServiceSID = testService }, "sms.from"},
		"a service that is none":      {func(c *notify.SMSConfig) { c.From, c.MessagingServiceSID = "", "x" }, "sms.messaging_service_sid"},
		"a sender's name":             {func(c *notify.SMSConfig) { c.From = "Acme Audit" }, ""},
		"a sender's name too long":    {func(c *notify.SMSConfig) { c.From = "Acme Instruments" }, "sms.from"},
		"a region":                    {func(c *notify.SMSConfig) { c.DefaultRegion = "de" }, ""},
		"a region that is none":       {func(c *notify.SMSConfig) { c.DefaultRegion = "XX" }, "sms.default_region"},
		"an edge of Twilio":           {func(c *notify.SMSConfig) { c.BaseURL = "https://api.dublin.ie1.twilio.com" }, ""},
		"the token in clear text":     {func(c *notify.SMSConfig) { c.BaseURL = "http://twilio.example.com" }, "sms.base_url"},
		"an address that is none":     {func(c *notify.SMSConfig) { c.BaseURL = "twilio" }, "sms.base_url"},
		"several mistakes are listed": {func(c *notify.SMSConfig) { c.AuthToken, c.From = "", "?" }, "sms.auth_token sms.from"},
	} {
		t.Run(name, func(t *testing.T) {
			config := smsFor("")
			c.edit(&config)
			checkFields(t, config.Validate(), c.fields)
			if channel, _, err := notify.NewSMS(config); (err != nil) != (c.fields != "") || (err != nil && channel != nil) {
				t.Errorf("%v, %v", channel, err)
			}
		})
	}
}

func checkFields(t *testing.T, err error, want string) {
	t.Helper()
	var got []string
	var problem *audit.Error
	if errors.As(err, &problem) {
		for _, field := range problem.Fields {
			got = append(got, field.Field)
		}
	}
	if strings.Join(got, " ") != want {
		t.Errorf("%q, want %q: %v", got, want, err)
	}
}
