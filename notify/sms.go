package notify

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/audittrail/audittrail/audit"
	"github.com/nyaruka/phonenumbers"
	"github.com/twilio/twilio-go/client"
	twilio "github.com/twilio/twilio-go/rest/api/v2010"
)

// SMS is the channel by text message, through Twilio. It makes one connection a message and keeps none open.
type SMS struct {
	config    SMSConfig
	base      *url.URL // nil: Twilio's own
	transport http.RoundTripper
	validator client.RequestValidator
}

// NewSMS makes the channel. Where no account is configured there is none: it returns nil and the State says what is
// missing. Settings that are wrong are a CodeInvalid error.
func NewSMS(config SMSConfig) (*SMS, State, error) {
	if err := config.Validate(); err != nil {
		return nil, State{Channel: audit.ChannelSMS, Detail: "off: " + err.Error()}, err
	}
	if !config.Configured() {
		return nil, config.state(), nil
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, ForceAttemptHTTP2: true}
	s := &SMS{config: config, transport: transport, validator: client.NewRequestValidator(config.AuthToken)}
	if config.BaseURL != "" {
		base, err := url.Parse(config.BaseURL)
		if err != nil {
			return nil, State{}, audit.InvalidField("sms.base_url", "is not an address")
		}
		s.base = base
	}
	return s, config.state(), nil
}

// State says by which account SMS leave.
func (s *SMS) State() State { return s.config.state() }

// Send asks Twilio to send the digest as one SMS, and to report to the notice's CallbackURL what becomes of it. The receipt holds
// Twilio's SID. Twilio has no idempotency key: a retry after an answer that was lost sends a second SMS. CodeRefused: Twilio refuses
// this number or text for good, with its code in the message. CodeUnavailable: anything that may pass or be set right.
func (s *SMS) Send(ctx context.Context, n audit.Notice) (audit.Receipt, error) {
	to, receipt, err := s.number(n.Member.Phone)
	if err != nil {
		return receipt, err
	}
	c := newContent(n)
	return s.create(ctx, to, c.sms(), n.CallbackURL, receipt)
}

// create asks Twilio to send a text. The receipt is returned with Twilio's SID.
func (s *SMS) create(ctx context.Context, to, text, callbackURL string, receipt audit.Receipt) (audit.Receipt, error) {
	params := (&twilio.CreateMessageParams{}).SetTo(to).SetBody(text)
	if s.config.MessagingServiceSID != "" {
		params.SetMessagingServiceSid(s.config.MessagingServiceSID)
	} else {
		params.SetFrom(s.config.From)
	}
	if callback := webURL(callbackURL); callback != "" {
		params.SetStatusCallback(callback)
	}
	ctx, cancel := context.WithTimeout(ctx, defaultTimeout)
	defer cancel()
	call := &call{ctx: ctx, base: s.base, next: s.transport}
	message, err := call.api(s.config).CreateMessage(params)
	if err != nil {
		return receipt, call.failure(err)
	}
	if call.status != http.StatusCreated || message.Sid == nil || *message.Sid == "" {
		return receipt, audit.Unavailable(nil, retryAfter, "Twilio answered %d and no message", call.status)
	}
	receipt.Provider = *message.Sid
	return receipt, nil
}

// number returns the member's number in E.164 form, and a receipt with the number masked. It refuses only what cannot be a
// number at all: Twilio knows better which ones exist.
func (s *SMS) number(phone string) (string, audit.Receipt, error) {
	number, err := phonenumbers.Parse(phone, strings.ToUpper(s.config.DefaultRegion))
	if err != nil || !phonenumbers.IsPossibleNumber(number) {
		return "", audit.Receipt{Address: "*****"}, audit.Errorf(audit.CodeRefused, "the member has no phone number that can be used")
	}
	e164 := phonenumbers.Format(number, phonenumbers.E164)
	country := strconv.Itoa(int(number.GetCountryCode()))
	return e164, audit.Receipt{Address: maskPhone(e164, len(country))}, nil
}

// VerifyCallback checks that a status callback comes from Twilio: that the signature, the header X-Twilio-Signature, was made with the
// account's auth token of the full address that was called and the form that was sent. CodeForbidden where it was not.
func (s *SMS) VerifyCallback(address string, form url.Values, signature string) error {
	params := make(map[string]string, len(form))
	for key, values := range form {
		if len(values) > 1 { // the signature would cover only one of them
			return audit.Errorf(audit.CodeForbidden, "the callback is not signed by Twilio")
		}
		params[key] = form.Get(key)
	}
	if signature == "" || !s.validator.Validate(address, params, signature) {
		return audit.Errorf(audit.CodeForbidden, "the callback is not signed by Twilio")
	}
	return nil
}
