package notify_test

import (
	"context"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/catcher"
	"github.com/audittrail/audittrail/notify"
)

// emailFor is a configuration that reaches the catcher.
func emailFor(t *testing.T, server *catcher.SMTP, mode notify.EmailMode) notify.EmailConfig {
	t.Helper()
	return notify.EmailConfig{
		Host: server.Host(), Port: server.Port(), Mode: mode, From: "Audittrail <audit@example.org>", CAFile: caFile(t, server), HELO: "audit.example.org",
	}
}

func newEmail(t *testing.T, config notify.EmailConfig) *notify.Email {
	t.Helper()
	channel, state, err := notify.NewEmail(config, testClock)
	if err != nil {
		t.Fatal(err)
	}
	if !state.On || channel.State() != state {
		t.Fatalf("state %+v", state)
	}
	return channel
}

func TestAMailArrivesInEveryModeWithAndWithoutSignIn(t *testing.T) {
	for name, c := range map[string]struct {
		server   catcher.SMTPOptions
		mode     notify.EmailMode
		username string
		tls      bool
	}{
		"STARTTLS, no sign-in":     {catcher.SMTPOptions{StartTLS: true}, notify.EmailStartTLS, "", true},
		"STARTTLS by default":      {catcher.SMTPOptions{StartTLS: true}, "", "", true},
		"STARTTLS with sign-in":    {catcher.SMTPOptions{StartTLS: true, Username: "audit", Password: "s3cret"}, notify.EmailStartTLS, "audit", true},
		"TLS, no sign-in":          {catcher.SMTPOptions{TLS: true}, notify.EmailTLS, "", true},
		"TLS with sign-in":         {catcher.SMTPOptions{TLS: true, Username: "audit", Password: "s3cret"}, notify.EmailTLS, "audit", true},
		"clear text to loopback":   {catcher.SMTPOptions{}, notify.EmailClear, "", false},
		"clear text, TLS on offer": {catcher.SMTPOptions{StartTLS: true}, notify.EmailClear, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			server := startMail(t, c.server)
			config := emailFor(t, server, c.mode)
			config.Username, config.Password = c.server.Username, c.server.Password
			receipt, err := newEmail(t, config).Send(testContext(t), testNotice())
			if err != nil {
				t.Fatal(err)
			}
			mail, err := server.Wait(testContext(t), nil)
			if err != nil {
				t.Fatal(err)
			}
			if mail.TLS != c.tls || mail.Username != c.username {
				t.Errorf("TLS %v, signed in as %q", mail.TLS, mail.Username)
			}
			if mail.From != "audit@example.org" || len(mail.To) != 1 || mail.To[0] != "zoe.muller@example.com" {
				t.Errorf("from %q to %q", mail.From, mail.To)
			}
			if receipt.Address != "z***@example.com" || mail.Header.Get("Message-ID") != receipt.Provider {
				t.Errorf("receipt %+v, Message-ID %q", receipt, mail.Header.Get("Message-ID"))
			}
		})
	}
}

func sendOne(t *testing.T, n audit.Notice) catcher.Mail {
	t.Helper()
	server := startMail(t, catcher.SMTPOptions{StartTLS: true})
	if _, err := newEmail(t, emailFor(t, server, notify.EmailStartTLS)).Send(testContext(t), n); err != nil {
		t.Fatal(err)
	}
	mail, err := server.Wait(testContext(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	return mail
}

func TestTheMailHasTheHeadersOfAnAutomaticMailOnceClickedAway(t *testing.T) {
	mail := sendOne(t, testNotice())
	for header, want := range map[string]string{
		"From":                     `"Audittrail" <audit@example.org>`,
		"To":                       `=?utf-8?q?Zo=C3=AB_M=C3=BCller?= <zoe.muller@example.com>`,
		"Date":                     "Fri, 20 Nov 2026 08:20:00 +0000",
		"Auto-Submitted":           "auto-generated",
		"X-Auto-Response-Suppress": "All",
		"List-Unsubscribe":         "<https://audit.example.com/v1/unsubscribe?token=abc>",
		"List-Unsubscribe-Post":    "List-Unsubscribe=One-Click",
		"Mime-Version":             "1.0",
	} {
		if got := mail.Header.Get(header); got != want {
			t.Errorf("%s: %q, want %q", header, got, want)
		}
	}
	if mail.Subject != "Failed logins: Ben Clarke could not sign in: wrong password" {
		t.Errorf("subject %q", mail.Subject)
	}
	if !strings.HasPrefix(mail.Header.Get("Content-Type"), "multipart/alternative") {
		t.Errorf("content type %q", mail.Header.Get("Content-Type"))
	}
	for header, values := range mail.Header {
		if len(values) > 1 && header != "Received" {
			t.Errorf("%d headers %s", len(values), header)
		}
	}
	if id := mail.Header.Get("Message-ID"); !regexp.MustCompile(`^<[0-9a-f]{32}@example\.org>$`).MatchString(id) {
		t.Errorf("Message-ID %q", id)
	}
}

func TestBothPartsSayWhatHappenedInTheReminderTimeZone(t *testing.T) {
	mail := sendOne(t, testNotice())
	for _, want := range []string{
		"One event matched “Failed logins” at Acme Instruments.", "Fri 20 Nov 2026 09:15:30 CET", "Ben Clarke could not sign in: wrong password",
		"login.failed · failed · by Ben Clarke · from London (203.0.113.7)", "Times are in Europe/Berlin.",
		"https://audit.example.com/events?reminder=r1", "https://audit.example.com/v1/unsubscribe?token=abc",
	} {
		if !strings.Contains(mail.Text, want) {
			t.Errorf("the text lacks %q:\n%s", want, mail.Text)
		}
	}
	for _, want := range []string{
		"One event matched “Failed logins” at Acme Instruments.", "Fri 20 Nov 2026 09:15:30 CET", "Ben Clarke could not sign in: wrong password",
		"London (203.0.113.7)", "Times are in Europe/Berlin.", `href="https://audit.example.com/events?reminder=r1"`,
		`href="https://audit.example.com/v1/unsubscribe?token=abc"`, "prefers-color-scheme: dark",
	} {
		if !strings.Contains(mail.HTML, want) {
			t.Errorf("the HTML lacks %q", want)
		}
	}
	if remote := regexp.MustCompile(`(?i)src=|<img|<script|<link|@import|url\(`).FindString(mail.HTML); remote != "" {
		t.Errorf("the HTML fetches something: %q", remote)
	}
}

func TestADigestOfTenThousandCountsThemAndNamesTheTenNewestFirst(t *testing.T) {
	mail := sendOne(t, manyNotice())
	if mail.Subject != "Failed logins: 10,000 events" {
		t.Errorf("subject %q", mail.Subject)
	}
	want := "10,000 events matched “Failed logins” at Acme Instruments between 20 Nov 2026 08:15 and 20 Nov 2026 09:24. Here are the 10 newest."
	if !strings.Contains(mail.Text, want) || !strings.Contains(mail.HTML, want) {
		t.Errorf("no %q in:\n%s", want, mail.Text)
	}
	if !strings.Contains(mail.Text, "… and 9,990 more events.") || !strings.Contains(mail.HTML, "and 9,990 more events.") {
		t.Errorf("the rest is not counted:\n%s", mail.Text)
	}
	if newest, oldest := strings.Index(mail.Text, "09:24:30"), strings.Index(mail.Text, "09:15:30"); newest < 0 || oldest < newest {
		t.Errorf("not newest first:\n%s", mail.Text)
	}
}

func TestATestSaysThatItIsOneEverywhere(t *testing.T) {
	n := testNotice()
	n.Digest.Test = true
	mail := sendOne(t, n)
	if !strings.HasPrefix(mail.Subject, "[Test] ") || !strings.HasPrefix(mail.Text, "TEST. This is a test") || !strings.Contains(mail.HTML, "<strong>Test.</strong> This is a test") {
		t.Errorf("subject %q, text:\n%s", mail.Subject, mail.Text)
	}
}

func TestARetryHasTheSameMessageIDAndAnotherDeliveryAnother(t *testing.T) {
	server := startMail(t, catcher.SMTPOptions{StartTLS: true})
	channel := newEmail(t, emailFor(t, server, notify.EmailStartTLS))
	server.Fail(catcher.Failure{At: catcher.StepData, Code: 451, Message: "try again", Times: 1})
	first, err := channel.Send(testContext(t), testNotice())
	wantCode(t, err, audit.CodeUnavailable)
	second, err := channel.Send(testContext(t), testNotice())
	if err != nil || first.Provider != second.Provider {
		t.Errorf("%q, then %q: %v", first.Provider, second.Provider, err)
	}
	other := testNotice()
	other.Delivery = "another"
	third, err := channel.Send(testContext(t), other)
	if err != nil || third.Provider == second.Provider {
		t.Errorf("another delivery has %q: %v", third.Provider, err)
	}
	if mails := server.Mails(); len(mails) != 2 {
		t.Errorf("%d mails", len(mails))
	}
}

func TestWhatTheServerAnswersDecidesWhetherTryingAgainHelps(t *testing.T) {
	for name, c := range map[string]struct {
		failure catcher.Failure
		code    audit.Code
		says    string
	}{
		"unknown recipient":    {catcher.Failure{At: catcher.StepTo, Code: 550, Message: "<zoe.muller@example.com>: no such user"}, audit.CodeRefused, "550 "},
		"mailbox full for now": {catcher.Failure{At: catcher.StepTo, Code: 452, Message: "mailbox full"}, audit.CodeUnavailable, "452 "},
		"sender refused":       {catcher.Failure{At: catcher.StepFrom, Code: 553, Message: "not your address"}, audit.CodeRefused, "553 "},
		"greylisted":           {catcher.Failure{At: catcher.StepTo, Code: 451, Message: "greylisted, zoe.muller@example.com"}, audit.CodeUnavailable, "451 "},
		"content refused":      {catcher.Failure{At: catcher.StepData, Code: 554, Message: "looks like spam"}, audit.CodeRefused, "554 "},
		"server shutting down": {catcher.Failure{At: catcher.StepFrom, Code: 421, Message: "closing"}, audit.CodeUnavailable, "421 "},
		"hung up at the end":   {catcher.Failure{At: catcher.StepData, Drop: true}, audit.CodeUnavailable, "broke"},
		"hung up at the start": {catcher.Failure{At: catcher.StepConnect, Drop: true}, audit.CodeUnavailable, "mail server"},
		"not let in":           {catcher.Failure{At: catcher.StepConnect, Code: 554, Message: "you are on a list"}, audit.CodeUnavailable, "554"},
	} {
		t.Run(name, func(t *testing.T) {
			server := startMail(t, catcher.SMTPOptions{StartTLS: true})
			server.Fail(c.failure)
			_, err := newEmail(t, emailFor(t, server, notify.EmailStartTLS)).Send(testContext(t), testNotice())
			wantCode(t, err, c.code)
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("%q does not say %q", err, c.says)
			}
			if strings.Contains(err.Error(), "zoe") {
				t.Errorf("the error names the recipient: %v", err)
			}
			if len(server.Mails()) != 0 {
				t.Error("a mail was caught")
			}
		})
	}
}

func TestAWrongPasswordIsNotTheMailsFault(t *testing.T) {
	server := startMail(t, catcher.SMTPOptions{StartTLS: true, Username: "audit", Password: "right"})
	config := emailFor(t, server, notify.EmailStartTLS)
	config.Username, config.Password = "audit", "wrong-password"
	_, err := newEmail(t, config).Send(testContext(t), testNotice())
	wantCode(t, err, audit.CodeUnavailable)
	if !strings.Contains(err.Error(), "535") || strings.Contains(err.Error(), "wrong-password") {
		t.Errorf("%v", err)
	}
	config.Username, config.Password = "", ""
	_, err = newEmail(t, config).Send(testContext(t), testNotice())
	wantCode(t, err, audit.CodeUnavailable)
	if !strings.Contains(err.Error(), "530") {
		t.Errorf("%v", err)
	}
}

func TestNothingIsSentInClearTextWhereTLSIsRequiredAndNotTrusted(t *testing.T) {
	plain := startMail(t, catcher.SMTPOptions{})
	_, err := newEmail(t, emailFor(t, plain, notify.EmailStartTLS)).Send(testContext(t), testNotice())
	wantCode(t, err, audit.CodeUnavailable)

	for _, opts := range []catcher.SMTPOptions{{StartTLS: true}, {TLS: true}} {
		server := startMail(t, opts)
		config := emailFor(t, server, notify.EmailStartTLS)
		if opts.TLS {
			config.Mode = notify.EmailTLS
		}
		config.CAFile = ""
		_, err = newEmail(t, config).Send(testContext(t), testNotice())
		wantCode(t, err, audit.CodeUnavailable)
		if !strings.Contains(err.Error(), "certificate") {
			t.Errorf("%v", err)
		}
		config = emailFor(t, server, config.Mode)
		config.ServerName = "mail.catcher.test"
		if _, err := newEmail(t, config).Send(testContext(t), testNotice()); err != nil {
			t.Errorf("another name of the certificate: %v", err)
		}
		config.ServerName = "elsewhere.test"
		_, err = newEmail(t, config).Send(testContext(t), testNotice())
		wantCode(t, err, audit.CodeUnavailable)
	}
}

func TestADeadServerIsPassingTrouble(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	_ = listener.Close()
	channel := newEmail(t, notify.EmailConfig{Host: "127.0.0.1", Port: port, Mode: notify.EmailClear, From: "audit@example.org"})
	_, err = channel.Send(testContext(t), testNotice())
	wantCode(t, err, audit.CodeUnavailable)
}

func TestASlowServerCostsNoMoreThanTheDeadline(t *testing.T) {
	for _, step := range []catcher.Step{catcher.StepConnect, catcher.StepTo, catcher.StepData} {
		t.Run(string(step), func(t *testing.T) {
			server := startMail(t, catcher.SMTPOptions{StartTLS: true})
			server.Fail(catcher.Failure{At: step, Delay: time.Minute})
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			begin := time.Now()
			_, err := newEmail(t, emailFor(t, server, notify.EmailStartTLS)).Send(ctx, testNotice())
			wantCode(t, err, audit.CodeUnavailable)
			if took := time.Since(begin); took > 5*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestACancelledSendingEndsAtOnce(t *testing.T) {
	reached := make(chan struct{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	go func() {
		conn, err := listener.Accept() // and says nothing
		if err == nil {
			defer func() { _ = conn.Close() }()
		}
		close(reached)
		if err == nil {
			_, _ = conn.Read(make([]byte, 1))
		}
	}()
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-reached; cancel() }()
	channel := newEmail(t, notify.EmailConfig{Host: "127.0.0.1", Port: listener.Addr().(*net.TCPAddr).Port, Mode: notify.EmailClear, From: "audit@example.org"})
	begin := time.Now()
	_, err = channel.Send(ctx, testNotice())
	wantCode(t, err, audit.CodeUnavailable)
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestOneClickIsLeftOutWithoutAPublicAddress(t *testing.T) {
	for _, address := range []string{"", "javascript:alert(1)", "ftp://audit.example.com/", "https://a\r\nBcc: b@example.com", "/v1/unsubscribe"} {
		n := testNotice()
		n.UnsubscribeURL, n.OpenURL = address, address
		mail := sendOne(t, n)
		if mail.Header.Get("List-Unsubscribe") != "" || mail.Header.Get("List-Unsubscribe-Post") != "" || strings.Contains(mail.HTML, "href") || mail.Header.Get("Bcc") != "" {
			t.Errorf("%q: %v", address, mail.Header)
		}
	}
}

func TestNamesCannotAddHeadersRecipientsOrMarkup(t *testing.T) {
	evil := "Eve\r\nBcc: victim@example.com\r\n\r\n<script>alert(1)</script>\u202egnp.exe \x00\xff\u2028"
	n := testNotice()
	n.Organization.Name, n.Reminder.Name, n.Member.Name = evil, evil, evil
	e := &n.Digest.Events[0]
	e.Summary, e.Actor, e.Action, e.Place, e.IP = evil+" https://evil.example", evil, evil, evil, evil
	mail := sendOne(t, n)
	if len(mail.To) != 1 || mail.Header.Get("Bcc") != "" {
		t.Errorf("to %q, headers %v", mail.To, mail.Header)
	}
	if strings.ContainsAny(mail.Subject, "\r\n\u202e\u2028\x00") || strings.ContainsAny(mail.Text, "\u202e\x00\u2028") {
		t.Errorf("subject %q, text %q", mail.Subject, mail.Text)
	}
	if strings.Contains(mail.HTML, "<script>") || strings.Contains(mail.Text, "https://evil") {
		t.Error("markup or a link got through")
	}
}

func TestAMemberWithoutAUsableAddressIsRefused(t *testing.T) {
	server := startMail(t, catcher.SMTPOptions{})
	channel := newEmail(t, emailFor(t, server, notify.EmailClear))
	for _, address := range []string{"", "nobody", "a@example.com, b@example.com", "a@example.com\r\nRCPT TO:<b@example.com>"} {
		n := testNotice()
		n.Member.Email = address
		_, err := channel.Send(testContext(t), n)
		wantCode(t, err, audit.CodeRefused)
	}
	if len(server.Mails()) != 0 {
		t.Error("a mail was caught")
	}
}
