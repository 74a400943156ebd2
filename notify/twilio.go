package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/twilio/twilio-go/client"
	twilio "github.com/twilio/twilio-go/rest/api/v2010"
)

// maxAnswer is how much of Twilio's answer is read.
const maxAnswer = 1 << 20

// call is one request to Twilio. It is an http.RoundTripper because twilio-go has no other place for a context.
type call struct {
	ctx        context.Context // lives as long as one request
	base       *url.URL
	next       http.RoundTripper
	status     int
	retryAfter time.Duration
}

// api returns twilio-go's API with this call as its transport. It reads no environment variables.
func (c *call) api(config SMSConfig) *twilio.ApiService {
	base := &client.Client{
		Credentials: client.NewCredentials(config.AccountSID, config.AuthToken),
		HTTPClient: &http.Client{
			Transport:     c,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	base.SetAccountSid(config.AccountSID)
	return twilio.NewApiService(&client.RequestHandler{Client: base})
}

// RoundTrip sends the request under the call's context and to its base, and notes the status. The body comes back read and the
// connection free: twilio-go does not close the body of an error.
func (c *call) RoundTrip(request *http.Request) (*http.Response, error) {
	request = request.Clone(c.ctx)
	if c.base != nil {
		request.URL.Scheme, request.URL.Host = c.base.Scheme, c.base.Host
		request.URL.Path = c.base.Path + request.URL.Path
		request.Host = ""
	}
	response, err := c.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if closeErr := response.Body.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, err
	}
	c.status = response.StatusCode
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 {
		c.retryAfter = time.Duration(min(seconds, 3600)) * time.Second
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	return response, nil
}

// Twilio's error codes that do not follow from the HTTP status. What is not listed: 400 is for good; 401, 403, 404 and so on are about our
// account or settings, which can be set right; 429 and 5xx pass.
var (
	permanent = map[int]bool{
		21211: true, // the number is not valid
		21214: true, // the number cannot be reached
		21217: true, // the number does not look like one
		21408: true, // the account may not send to that country
		21610: true, // the recipient answered STOP
		21612: true, // no way from this sender to that number
		21614: true, // the number is not a mobile one
		21617: true, // the text is too long
		21635: true, // the number is a land line
	}
	passing = map[int]bool{
		14107: true, // rate limit
		20429: true, // too many requests
		21611: true, // the sender's queue is full
		30001: true, // queue overflow
		30022: true, // rate limit of the carrier
		63038: true, // daily limit of the account
	}
)

// failure puts in words why Twilio did not take the message.
func (c *call) failure(err error) error {
	wait := max(c.retryAfter, retryAfter)
	var answer *client.TwilioRestError
	if !errors.As(err, &answer) {
		switch {
		case c.ctx.Err() != nil:
			return audit.Unavailable(c.ctx.Err(), wait, "Twilio did not answer in time")
		case c.status != 0:
			return audit.Unavailable(quietNumbers(err), wait, "Twilio answered %d", c.status)
		}
		return audit.Unavailable(quietNumbers(err), wait, "Twilio cannot be reached")
	}
	code := answer.Code
	text := fmt.Sprintf("%d %s", code, redactNumbers(answer.Message))
	switch {
	case permanent[code], !passing[code] && c.status == http.StatusBadRequest:
		return audit.Errorf(audit.CodeRefused, "Twilio refused the message: %s", text)
	case c.status >= 500, c.status == http.StatusTooManyRequests, passing[code]:
		return audit.Unavailable(nil, wait, "Twilio cannot take the message now: %s", text)
	}
	return audit.Unavailable(nil, wait, "Twilio does not accept the account's settings: %s", text)
}

func quietNumbers(err error) error { return errors.New(redactNumbers(err.Error())) }
