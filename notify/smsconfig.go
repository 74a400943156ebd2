package notify

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/audittrail/audittrail/audit"
	"github.com/nyaruka/phonenumbers"
)

// SMSConfig says through which Twilio account SMS leave. The zero value means that the channel is off.
type SMSConfig struct {
	AccountSID string
	AuthToken  string
	// From is a sender's number in E.164 form or an alphanumeric sender id; MessagingServiceSID names a service that chooses
	// one. Exactly one of the two is set.
	From                string
	MessagingServiceSID string
	// DefaultRegion is the country, as in ISO 3166-1 ("DE"), of numbers that are written without one.
	DefaultRegion string
	// BaseURL replaces https://api.twilio.com: another edge, or a stand-in on this machine.
	BaseURL string
}

var (
	accountSID  = regexp.MustCompile(`^AC[0-9a-fA-F]{32}$`)
	serviceSID  = regexp.MustCompile(`^MG[0-9a-fA-F]{32}$`)
	senderID    = regexp.MustCompile(`^(\+[1-9][0-9]{5,14}|[0-9]{3,8}|[A-Za-z0-9 ]{1,11})$`)
	tokenLetter = regexp.MustCompile(`^[A-Za-z0-9]+$`)
)

// Configured says whether an account is named.
func (c SMSConfig) Configured() bool { return c.AccountSID != "" }

// Validate names everything that is wrong or missing, by setting. A configuration that is off is valid unless it
// is half filled in.
func (c SMSConfig) Validate() error {
	var errs []audit.FieldError
	add := func(field, format string, args ...any) {
		errs = append(errs, audit.FieldError{Field: "sms." + field, Message: fmt.Sprintf(format, args...)})
	}
	if !c.Configured() {
		if c.AuthToken != "" || c.From != "" || c.MessagingServiceSID != "" {
			add("account_sid", "is missing; name the Twilio account, or remove the other SMS settings to switch SMS off")
		}
		return invalid(errs)
	}
	if !accountSID.MatchString(c.AccountSID) {
		add("account_sid", "is AC and 32 hexadecimal digits")
	}
	if !tokenLetter.MatchString(c.AuthToken) {
		add("auth_token", "is the account's auth token, letters and digits")
	}
	switch {
	case (c.From == "") == (c.MessagingServiceSID == ""):
		add("from", "set either from or messaging_service_sid")
	case c.From != "" && !senderID.MatchString(c.From):
		add("from", "is a number in E.164 form (+12025550123), a short code, or up to 11 letters and digits")
	case c.MessagingServiceSID != "" && !serviceSID.MatchString(c.MessagingServiceSID):
		add("messaging_service_sid", "is MG and 32 hexadecimal digits")
	}
	if c.DefaultRegion != "" && !phonenumbers.GetSupportedRegions()[strings.ToUpper(c.DefaultRegion)] {
		add("default_region", "is a country in two letters, such as DE")
	}
	if c.BaseURL != "" && !c.baseURLValid() {
		add("base_url", "is an https address, or http to this machine")
	}
	return invalid(errs)
}

// baseURLValid keeps the auth token from travelling in clear text to another machine.
func (c SMSConfig) baseURLValid() bool {
	u, err := url.Parse(c.BaseURL)
	return err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname()))
}

func (c SMSConfig) state() State {
	if !c.Configured() {
		return State{Channel: audit.ChannelSMS, Detail: "off: no Twilio account is configured (sms.account_sid)"}
	}
	sender := "number " + c.From
	if c.MessagingServiceSID != "" {
		sender = "messaging service " + c.MessagingServiceSID
	}
	detail := "by Twilio, " + sender
	if c.BaseURL != "" {
		detail += ", at " + c.BaseURL
	}
	return State{Channel: audit.ChannelSMS, On: true, Detail: detail}
}
