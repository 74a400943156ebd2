package notify

import (
	"bytes"
	netmail "net/mail"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/audittrail/audittrail/audit"
)

// mailHeaders are all that a mail may have.
var mailHeaders = []string{"Auto-Submitted", "Content-Type", "Date", "From", "List-Unsubscribe", "List-Unsubscribe-Post", "Message-Id",
	"Mime-Version", "Subject", "To", "X-Auto-Response-Suppress"}

func FuzzWhateverAnEventSaysTheMailAndTheSMSStaySound(f *testing.F) {
	f.Add("Failed logins", "Ben could not sign in", "Acme", "https://audit.example.com/x", "Europe/Berlin", 1)
	f.Add("a\r\nBcc: x@example.com", "b\r\n.\r\nQUIT\r\n", "c\x00\u202e\u2066", "https://a/\r\nX: y", "../../etc/passwd", 10000)
	f.Add("ログイン失敗", "佐藤 健太 👩‍💻", "مصنع", "http://例え.テスト/路", "UTC", -5)
	f.Add(strings.Repeat("ł", 5000), strings.Repeat("=?utf-8?q?", 500), "\xff\xfe", "javascript:x", "Local", 1<<31)
	f.Add("{{.Title}}", "<img src=x onerror=alert(1)>", "</title><script>", "https://u:p@h/", "Asia/Kolkata", 0)
	f.Fuzz(func(t *testing.T, name, summary, organization, address, zone string, count int) {
		n := audit.Notice{
			Delivery: name, Organization: audit.Organization{ID: "o", Name: organization},
			Reminder: audit.Reminder{Name: name, TimeZone: zone}, Member: audit.Member{Name: name, Email: "a@example.com"},
			Digest: audit.Digest{Count: count, Test: count%2 == 0, Events: []audit.DigestEvent{{
				Time: time.Unix(int64(count), 0), Action: name, Actor: summary, Summary: summary, Place: organization, IP: zone,
			}}},
			OpenURL: address, UnsubscribeURL: address,
		}
		c := newContent(n)
		checkText(t, &c)
		checkMail(t, n)
	})
}

func checkText(t *testing.T, c *content) {
	t.Helper()
	if utf8.RuneCountInString(c.Title) > maxSubject || strings.ContainsFunc(c.Title, unicode.IsControl) || !utf8.ValidString(c.Title) {
		t.Errorf("title %q", c.Title)
	}
	text := c.text()
	if !utf8.ValidString(text) || strings.ContainsAny(text, "\r\x00\u202e\u2066") {
		t.Errorf("text %q", text)
	}
	html, err := c.html()
	if err != nil || strings.Contains(html, "<img") || strings.Contains(html, "<script") || strings.Contains(strings.ToLower(html), `href="javascript`) {
		t.Errorf("%v: %s", err, html)
	}
	sms := c.sms()
	if sms == "" || utf8.RuneCountInString(sms) > maxSMS || strings.ContainsFunc(sms, unicode.IsControl) || !utf8.ValidString(sms) {
		t.Errorf("SMS %q", sms)
	}
	if n, _ := segments(sms); n != 1 && len(c.OpenURL) < 30 {
		t.Errorf("%d segments: %q", n, sms)
	}
}

func checkMail(t *testing.T, n audit.Notice) {
	t.Helper()
	channel, _, err := NewEmail(EmailConfig{Host: "mail.example.com", From: "audit@example.org"}, func() time.Time { return time.Unix(0, 0) })
	if err != nil {
		t.Fatal(err)
	}
	message, err := channel.message(n, &netmail.Address{Name: line(n.Member.Name, maxName), Address: "a@example.com"}, channel.messageID(n.Delivery))
	if err != nil {
		t.Fatal(err)
	}
	var raw bytes.Buffer
	if _, err := message.WriteTo(&raw); err != nil {
		t.Fatal(err)
	}
	parsed, err := netmail.ReadMessage(&raw)
	if err != nil {
		t.Fatalf("%v: %q", err, raw.String())
	}
	for header, values := range parsed.Header {
		if !slices.Contains(mailHeaders, header) || len(values) != 1 {
			t.Errorf("header %s: %q", header, values)
		}
	}
	if to, err := parsed.Header.AddressList("To"); err != nil || len(to) != 1 || to[0].Address != "a@example.com" {
		t.Errorf("to %v: %v", to, err)
	}
}
