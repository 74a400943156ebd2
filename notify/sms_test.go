package notify_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/catcher"
	"github.com/audittrail/audittrail/notify"
)

const (
	testAccount = "AC00112233445566778899aabbccddeeff"
	testToken   = "0123456789abcdef0123456789abcdef"
	testService = "MG00112233445566778899aabbccddeeff"
)

// startTwilio starts a stand-in that ends with the test.
func startTwilio(t *testing.T, opts catcher.TwilioOptions) *catcher.Twilio {
	t.Helper()
	opts.AccountSID, opts.AuthToken = testAccount, testToken
	server, err := catcher.NewTwilio(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return server
}

func smsFor(base string) notify.SMSConfig {
	return notify.SMSConfig{AccountSID: testAccount, AuthToken: testToken, From: "+12025550100", BaseURL: base}
}

func newSMS(t *testing.T, config notify.SMSConfig) *notify.SMS {
	t.Helper()
	channel, state, err := notify.NewSMS(config)
	if err != nil {
		t.Fatal(err)
	}
	if !state.On || channel.State() != state || strings.Contains(state.Detail, testToken) {
		t.Fatalf("state %+v", state)
	}
	return channel
}

// smsNotice is the failed login with a short link, as text messages have.
func smsNotice() audit.Notice {
	n := testNotice()
	n.OpenURL = "https://audit.example.com/r/r1"
	return n
}

func TestAnSMSIsOneRequestAsTwilioPublishesIt(t *testing.T) {
	server := startTwilio(t, catcher.TwilioOptions{})
	contract := startContract(t, server.URL())
	n := smsNotice()
	n.CallbackURL = "https://audit.example.com/v1/twilio/acme/d1"
	receipt, err := newSMS(t, smsFor(contract)).Send(testContext(t), n)
	if err != nil {
		t.Fatal(err)
	}
	sms, err := server.Wait(testContext(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	if sms.To != "+12025550143" || sms.From != "+12025550100" || sms.StatusCallback != n.CallbackURL || sms.MessagingServiceSID != "" {
		t.Errorf("%+v", sms)
	}
	want := "Acme Instruments: Failed logins: 09:15 CET: Ben Clarke could not sign in: wrong password https://audit.example.com/r/r1"
	if sms.Body != want || sms.Segments != 1 {
		t.Errorf("%q in %d segments, want %q", sms.Body, sms.Segments, want)
	}
	if receipt.Provider != sms.SID || receipt.Address != "+1*****143" {
		t.Errorf("receipt %+v", receipt)
	}
}

func TestAMessagingServiceChoosesTheSender(t *testing.T) {
	server := startTwilio(t, catcher.TwilioOptions{})
	config := smsFor(startContract(t, server.URL()))
	config.From, config.MessagingServiceSID = "", testService
	if _, err := newSMS(t, config).Send(testContext(t), smsNotice()); err != nil {
		t.Fatal(err)
	}
	if sms := server.Messages()[0]; sms.From != "" || sms.MessagingServiceSID != testService || sms.StatusCallback != "" {
		t.Errorf("%+v", sms)
	}
}

func TestTextsFitOneSegmentWhereTheyCan(t *testing.T) {
	long := strings.Repeat("could not sign in because of a wrong password ", 8)
	for name, c := range map[string]struct {
		edit     func(n *audit.Notice)
		segments int
		has      []string
		lacks    []string
	}{
		"ten thousand events": {func(n *audit.Notice) { *n = manyNotice(); n.OpenURL = "https://audit.example.com/r/r1" }, 1,
			[]string{"Failed logins: 10,000 events, newest 09:24 CET: Ben Clarke", "https://audit.example.com/r/r1"}, nil},
		"a long event is cut": {func(n *audit.Notice) { n.Digest.Events[0].Summary = long }, 1,
			[]string{"Acme Instruments: Failed logins", "...", "https://audit.example.com/r/r1"}, []string{"…"}},
		"accents within GSM-7 stay": {func(n *audit.Notice) { n.Digest.Events[0].Summary = "Käthe Weiß added Adèle Ångström" }, 1,
			[]string{"Käthe Weiß added Adèle Ångström"}, nil},
		"other accents stay where there is room": {func(n *audit.Notice) {
			n.Organization.Name, n.OpenURL = "Acme", ""
			n.Digest.Events[0].Summary = "Zoë Łęcka signed in"
		}, 1, []string{"Acme: Failed logins: 09:15 CET: Zoë Łęcka signed in"}, nil},
		"and go before anything else does": {func(n *audit.Notice) {
			n.Digest.Events[0].Summary = "Zoë Łęcka, née Müller, added Đặng Thảo to Sales"
		}, 1,
			[]string{"Acme Instruments: Failed logins: 09:15 CET: Zoe Lecka, née Müller, added Dang Thao to Sales https"}, nil},
		"typographic quotes become plain": {func(n *audit.Notice) { n.Reminder.Name = "“Night” – logins…" }, 1,
			[]string{`"Night" - logins...`}, nil},
		"Japanese names stay, in seventy characters": {func(n *audit.Notice) {
			n.Organization.Name, n.OpenURL = "Acme", "https://a.example/r1"
			n.Digest.Events[0].Summary = "佐藤 健太 could not sign in from Tokyo with Chrome on Windows"
		}, 1, []string{"Acme: Failed logins: 09:15 CET: 佐藤 健太", "https://a.example/r1"}, nil},
		"a reminder named in Japanese": {func(n *audit.Notice) {
			n.Reminder.Name, n.Organization.Name = "ログイン失敗の通知", "Acme Instruments International"
		}, 1, []string{"ログイン失敗の通知", "https://audit.example.com/r/r1"}, []string{"Acme"}},
		"no link": {func(n *audit.Notice) { n.OpenURL = "" }, 1, []string{"wrong password"}, []string{"http"}},
		"a very long link": {func(n *audit.Notice) { n.OpenURL = "https://audit.example.com/" + strings.Repeat("x", 200) }, 2,
			[]string{"Failed logins: 09:15 CET https://audit.example.com/"}, nil},
		"a link that no SMS can hold": {func(n *audit.Notice) { n.OpenURL = "https://audit.example.com/" + strings.Repeat("x", 2000) }, 1,
			[]string{"Failed logins: 09:15 CET"}, []string{"http"}},
		"a link in an event is no link": {func(n *audit.Notice) { n.Digest.Events[0].Summary = "Click https://evil.example" }, 1,
			[]string{"Click https[:]//evil.example"}, nil},
		"a test": {func(n *audit.Notice) { n.Digest.Test = true }, 1, []string{"TEST Acme Instruments"}, nil},
		"no events named": {func(n *audit.Notice) { n.Digest.Events, n.Digest.Count = nil, 3 }, 1,
			[]string{"Failed logins: 3 events https://"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			server := startTwilio(t, catcher.TwilioOptions{})
			n := smsNotice()
			c.edit(&n)
			if _, err := newSMS(t, smsFor(server.URL())).Send(testContext(t), n); err != nil {
				t.Fatal(err)
			}
			sms := server.Messages()[0]
			if sms.Segments != c.segments {
				t.Errorf("%d segments: %q", sms.Segments, sms.Body)
			}
			for _, want := range c.has {
				if !strings.Contains(sms.Body, want) {
					t.Errorf("%q lacks %q", sms.Body, want)
				}
			}
			for _, not := range c.lacks {
				if strings.Contains(sms.Body, not) {
					t.Errorf("%q has %q", sms.Body, not)
				}
			}
		})
	}
}

func TestNumbersAreWrittenInE164WithTheDefaultRegion(t *testing.T) {
	server := startTwilio(t, catcher.TwilioOptions{})
	config := smsFor(server.URL())
	config.DefaultRegion = "DE"
	channel := newSMS(t, config)
	for phone, want := range map[string]string{
		"+49 30 23125-123": "+493023125123", "030 23125123": "+493023125123", "0049 (30) 23125 123": "+493023125123", "+1 (202) 555-0143": "+12025550143",
	} {
		n := smsNotice()
		n.Member.Phone = phone
		receipt, err := channel.Send(testContext(t), n)
		if err != nil {
			t.Errorf("%s: %v", phone, err)
			continue
		}
		sms, err := server.Wait(testContext(t), func(s catcher.SMS) bool { return s.SID == receipt.Provider })
		if err != nil || sms.To != want {
			t.Errorf("%s became %q, want %q: %v", phone, sms.To, want, err)
		}
	}
	for _, phone := range []string{"", "12", "not a number", "+", "+999999999999999999"} {
		n := smsNotice()
		n.Member.Phone = phone
		_, err := channel.Send(testContext(t), n)
		wantCode(t, err, audit.CodeRefused)
	}
}

func TestTwilioErrorsSayWhetherTryingAgainHelps(t *testing.T) {
	for name, c := range map[string]struct {
		failure catcher.TwilioError
		code    audit.Code
		says    string
	}{
		"invalid number":         {catcher.TwilioError{Status: 400, Code: 21211, Message: "The 'To' number +12025550143 is not valid"}, audit.CodeRefused, "21211"},
		"no permission":          {catcher.TwilioError{Status: 403, Code: 21408, Message: "region"}, audit.CodeRefused, "21408"},
		"recipient said STOP":    {catcher.TwilioError{Status: 400, Code: 21610, Message: "unsubscribed"}, audit.CodeRefused, "21610"},
		"no route":               {catcher.TwilioError{Status: 400, Code: 21612, Message: "not reachable"}, audit.CodeRefused, "21612"},
		"not a mobile":           {catcher.TwilioError{Status: 400, Code: 21614, Message: "landline"}, audit.CodeRefused, "21614"},
		"sender is not ours":     {catcher.TwilioError{Status: 400, Code: 21606, Message: "From"}, audit.CodeRefused, "21606"},
		"an unknown 400":         {catcher.TwilioError{Status: 400, Code: 29999, Message: "new"}, audit.CodeRefused, "29999"},
		"queue full":             {catcher.TwilioError{Status: 400, Code: 21611, Message: "queue"}, audit.CodeUnavailable, "21611"},
		"too many requests":      {catcher.TwilioError{Status: 429, Code: 20429, Message: "slow down", RetryAfter: 90}, audit.CodeUnavailable, "20429"},
		"wrong token":            {catcher.TwilioError{Status: 401, Code: 20003, Message: "Authenticate"}, audit.CodeUnavailable, "settings"},
		"account suspended":      {catcher.TwilioError{Status: 403, Code: 20005, Message: "Account not active"}, audit.CodeUnavailable, "20005"},
		"internal error":         {catcher.TwilioError{Status: 500, Code: 20500, Message: "oops"}, audit.CodeUnavailable, "20500"},
		"a proxy's error page":   {catcher.TwilioError{Status: 502, Raw: "<html>bad gateway</html>"}, audit.CodeUnavailable, "502"},
		"a redirect":             {catcher.TwilioError{Status: 302, Raw: "{}"}, audit.CodeUnavailable, "302"},
		"success without a body": {catcher.TwilioError{Status: 201, Raw: "{}"}, audit.CodeUnavailable, "no message"},
		"not even JSON":          {catcher.TwilioError{Status: 201, Raw: "hello"}, audit.CodeUnavailable, "201"},
		"hung up":                {catcher.TwilioError{Drop: true}, audit.CodeUnavailable, "cannot be reached"},
	} {
		t.Run(name, func(t *testing.T) {
			server := startTwilio(t, catcher.TwilioOptions{})
			server.FailNext(c.failure)
			_, err := newSMS(t, smsFor(server.URL())).Send(testContext(t), smsNotice())
			wantCode(t, err, c.code)
			if !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "2025550143") || strings.Contains(err.Error(), testToken) {
				t.Errorf("%v", err)
			}
			var problem *audit.Error
			if errors.As(err, &problem); c.failure.RetryAfter > 0 && problem.RetryAfter != 90*time.Second {
				t.Errorf("try again after %v", problem.RetryAfter)
			}
		})
	}
}

func TestTheStandInKnowsTwilioTestNumbersAndItsAccount(t *testing.T) {
	server := startTwilio(t, catcher.TwilioOptions{})
	for phone, code := range map[string]string{
		"+15005550001": "21211", "+15005550002": "21612", "+15005550003": "21408", "+15005550004": "21610", "+15005550009": "21614",
	} {
		n := smsNotice()
		n.Member.Phone = phone
		_, err := newSMS(t, smsFor(server.URL())).Send(testContext(t), n)
		wantCode(t, err, audit.CodeRefused)
		if !strings.Contains(err.Error(), code) {
			t.Errorf("%s: %v", phone, err)
		}
	}
	config := smsFor(server.URL())
	config.AuthToken = "wrong"
	_, err := newSMS(t, config).Send(testContext(t), smsNotice())
	wantCode(t, err, audit.CodeUnavailable)
}

func TestASlowOrDeadTwilioCostsNoMoreThanTheDeadline(t *testing.T) {
	server := startTwilio(t, catcher.TwilioOptions{})
	server.FailNext(catcher.TwilioError{Status: 500, Delay: time.Minute})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	begin := time.Now()
	_, err := newSMS(t, smsFor(server.URL())).Send(ctx, smsNotice())
	wantCode(t, err, audit.CodeUnavailable)
	if took := time.Since(begin); took > 5*time.Second || !strings.Contains(err.Error(), "in time") {
		t.Errorf("took %v: %v", took, err)
	}
	url := server.URL()
	_ = server.Close()
	_, err = newSMS(t, smsFor(url)).Send(testContext(t), smsNotice())
	wantCode(t, err, audit.CodeUnavailable)
}

func TestStatusCallbacksArriveSignedAndForgedOnesAreToldApart(t *testing.T) {
	channel := newSMS(t, smsFor(""))
	type got struct {
		form url.Values
		err  error
	}
	calls := make(chan got, 10)
	receiver := httptest.NewServer(nil)
	defer receiver.Close()
	address := receiver.URL + "/v1/twilio/acme/d1?x=1"
	receiver.Config.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		calls <- got{r.PostForm, channel.VerifyCallback(address, r.PostForm, r.Header.Get("X-Twilio-Signature"))}
	})
	server := startTwilio(t, catcher.TwilioOptions{Deliver: true})
	n := smsNotice()
	n.CallbackURL = address
	receipt, err := newSMS(t, smsFor(server.URL())).Send(testContext(t), n)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"sent", "delivered"} {
		select {
		case call := <-calls:
			if call.err != nil || call.form.Get("MessageStatus") != want || call.form.Get("MessageSid") != receipt.Provider {
				t.Errorf("%v: %v", call.form, call.err)
			}
		case <-testContext(t).Done():
			t.Fatalf("no callback %q", want)
		}
	}
	sms := server.Messages()[0]
	if status, err := server.Callback(testContext(t), sms, "undelivered", 30003); err != nil || status != 200 {
		t.Errorf("%d %v", status, err)
	}
	if call := <-calls; call.err != nil || call.form.Get("ErrorCode") != "30003" {
		t.Errorf("%v: %v", call.form, call.err)
	}
}

func TestOnlyTwilioSignaturesOfThisAddressAndFormAreTaken(t *testing.T) {
	channel := newSMS(t, smsFor(""))
	address := "https://audit.example.com/v1/twilio/acme/d1"
	form := url.Values{"MessageSid": {"SM1"}, "MessageStatus": {"delivered"}}
	good := catcher.Sign(testToken, address, form)
	if err := channel.VerifyCallback(address, form, good); err != nil {
		t.Errorf("the right signature: %v", err)
	}
	other := url.Values{"MessageSid": {"SM1"}, "MessageStatus": {"failed"}}
	twice := url.Values{"MessageSid": {"SM1", "SM2"}, "MessageStatus": {"delivered"}}
	for name, err := range map[string]error{
		"no signature":    channel.VerifyCallback(address, form, ""),
		"another form":    channel.VerifyCallback(address, other, good),
		"another address": channel.VerifyCallback(address+"x", form, good),
		"another token":   channel.VerifyCallback(address, form, catcher.Sign("other", address, form)),
		"a value twice":   channel.VerifyCallback(address, twice, good),
		"garbage":         channel.VerifyCallback(address, form, "\x00not base64"),
	} {
		if audit.CodeOf(err) != audit.CodeForbidden {
			t.Errorf("%s: %v", name, err)
		}
	}
}
