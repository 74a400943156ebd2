package catcher

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	account = "AC00112233445566778899aabbccddeeff"
	token   = "secret"
)

func twilio(t *testing.T, opts TwilioOptions) *Twilio {
	t.Helper()
	opts.AccountSID, opts.AuthToken = account, token
	server, err := NewTwilio(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return server
}

// post sends a message and returns the answer.
func post(t *testing.T, server *Twilio, path, password string, form url.Values) (int, map[string]any) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL()+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.SetBasicAuth(account, password)
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, _ := io.ReadAll(response.Body)
	var answer map[string]any
	if err := json.Unmarshal(body, &answer); err != nil && response.StatusCode != http.StatusMethodNotAllowed && response.StatusCode != http.StatusNotFound {
		t.Fatalf("%v: %s", err, body)
	}
	return response.StatusCode, answer
}

func TestTheTwilioStandInRefusesWhatTwilioRefuses(t *testing.T) {
	server := twilio(t, TwilioOptions{})
	good := url.Values{"To": {"+12025550143"}, "From": {"+12025550100"}, "Body": {"hello"}}
	with := func(name, value string) url.Values {
		form := url.Values{}
		for k, v := range good {
			form[k] = v
		}
		form.Set(name, value)
		return form
	}
	path := "/2010-04-01/Accounts/" + account + "/Messages.json"
	for name, c := range map[string]struct {
		path, password string
		form           url.Values
		status         int
		code           float64
	}{
		"a good message":        {path, token, good, 201, 0},
		"a wrong token":         {path, "x", good, 401, 20003},
		"another account":       {strings.Replace(path, "AC0", "AC1", 1), token, good, 404, 20404},
		"no recipient":          {path, token, with("To", ""), 400, 21604},
		"a bad recipient":       {path, token, with("To", "0172"), 400, 21211},
		"no sender":             {path, token, with("From", ""), 400, 21603},
		"a bad service":         {path, token, with("MessagingServiceSid", "x"), 400, 21701},
		"no text":               {path, token, with("Body", ""), 400, 21602},
		"1600 characters":       {path, token, with("Body", strings.Repeat("é", 1600)), 201, 0},
		"1601 characters":       {path, token, with("Body", strings.Repeat("é", 1601)), 400, 21617},
		"a bad status callback": {path, token, with("StatusCallback", "nowhere"), 400, 21609},
		"a number with STOP":    {path, token, with("To", "+15005550004"), 400, 21610},
	} {
		t.Run(name, func(t *testing.T) {
			status, answer := post(t, server, c.path, c.password, c.form)
			if status != c.status {
				t.Fatalf("status %d: %v", status, answer)
			}
			if code, _ := answer["code"].(float64); code != c.code {
				t.Errorf("code %v", answer)
			}
			if c.code != 0 && (answer["more_info"] == "" || answer["status"] != float64(status)) {
				t.Errorf("%v", answer)
			}
		})
	}
	if got := len(server.Messages()); got != 2 {
		t.Errorf("%d messages caught", got)
	}
}

func TestSegmentsAreCountedAsTheNetworkDoes(t *testing.T) {
	for text, want := range map[string]int{
		strings.Repeat("a", 160): 1, strings.Repeat("a", 161): 2, strings.Repeat("€", 80): 1, strings.Repeat("€", 81): 2,
		strings.Repeat("佐", 70): 1, strings.Repeat("佐", 71): 2, strings.Repeat("😀", 35): 1, strings.Repeat("😀", 36): 2,
		strings.Repeat("a", 306): 2, strings.Repeat("a", 307): 3, "": 1,
	} {
		if got := countSegments(text); got != want {
			t.Errorf("%d of %q: %d segments, want %d", len([]rune(text)), text[:min(len(text), 4)], got, want)
		}
	}
}

func TestAKnownSignatureOfTwiliosDocumentation(t *testing.T) {
	// The example of the README of twilio-go, Twilio's own client.
	form := url.Values{"CallSid": {"CA1234567890ABCDE"}, "Caller": {"+12349013030"}, "Digits": {"1234"}, "From": {"+12349013030"}, "To": {"+18005551212"}}
	if got := Sign("12345", "https://mycompany.com/myapp.php?foo=1&bar=2", form); got != "0/KCTR6DLpKmkAf8muzZqo1nDgQ=" {
		t.Errorf("signature %q", got)
	}
}

func TestACallbackThatNobodyTakesIsReported(t *testing.T) {
	server := twilio(t, TwilioOptions{})
	if _, err := server.Callback(t.Context(), SMS{}, "sent", 0); !errors.Is(err, errNoCallback) {
		t.Error(err)
	}
	if _, err := server.Callback(t.Context(), SMS{StatusCallback: "http://127.0.0.1:1/"}, "sent", 0); err == nil {
		t.Error("no error")
	}
}

func TestWaitingEndsWithTheContextAndWithAMail(t *testing.T) {
	server, err := NewSMTP(SMTPOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := server.Wait(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	found := make(chan Mail, 1)
	go func() {
		mail, _ := server.Wait(t.Context(), func(m Mail) bool { return m.Subject == "second" })
		found <- mail
	}()
	for _, subject := range []string{"first", "second"} {
		if err := deliver(server, subject); err != nil {
			t.Fatal(err)
		}
	}
	if mail := <-found; mail.Subject != "second" || mail.Text != "hello\n" {
		t.Errorf("%+v", mail)
	}
}

// deliver sends a plain mail to the catcher.
func deliver(server *SMTP, subject string) error {
	client, err := smtp.Dial(server.listener.Addr().String())
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	return client.SendMail("a@example.com", []string{"b@example.com"}, strings.NewReader("Subject: "+subject+"\r\n\r\nhello\r\n"))
}

func TestOnlyTheNewestMailsAreKept(t *testing.T) {
	b := newBox[int]()
	for i := range keep + 10 {
		b.put(i)
	}
	if all := b.all(); len(all) != keep || all[0] != 10 || all[keep-1] != keep+9 {
		t.Errorf("%d, from %d to %d", len(all), all[0], all[len(all)-1])
	}
}

func TestAMailThatCannotBeParsedIsRefused(t *testing.T) {
	for name, body := range map[string]string{
		"no headers":        "hello\r\n",
		"unknown encoding":  "Subject: x\r\nContent-Transfer-Encoding: rot13\r\n\r\nhello\r\n",
		"a part cut short":  "Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n",
		"parts without end": nested(9),
	} {
		if err := (&Mail{Raw: []byte(body)}).parse(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func nested(depth int) string {
	if depth == 0 {
		return "Content-Type: text/plain\r\n\r\nhello\r\n"
	}
	b := strings.Repeat("b", depth)
	return "Content-Type: multipart/mixed; boundary=" + b + "\r\n\r\n--" + b + "\r\n" + nested(depth-1) + "\r\n--" + b + "--\r\n"
}

func TestClosingTwiceAndTakenPortsAreNoPanic(t *testing.T) {
	server, err := NewSMTP(SMTPOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewSMTP(SMTPOptions{Addr: server.listener.Addr().String()}); err == nil {
		t.Error("two on one port")
	}
	for range 2 {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	}
	first := twilio(t, TwilioOptions{})
	if _, err := NewTwilio(TwilioOptions{Addr: strings.TrimPrefix(first.URL(), "http://")}); err == nil {
		t.Error("two on one port")
	}
}
