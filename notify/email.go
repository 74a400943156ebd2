package notify

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"net"
	netmail "net/mail"
	"strings"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/wneessen/go-mail"
)

// Email is the channel by mail. It makes one connection a mail and keeps none open.
type Email struct {
	config EmailConfig
	from   *netmail.Address
	tls    *tls.Config
	clock  func() time.Time
}

// NewEmail makes the channel. Where no mail server is configured there is none: it returns nil and the State says what
// is missing. Settings that are wrong are a CodeInvalid error.
func NewEmail(config EmailConfig, clock func() time.Time) (*Email, State, error) {
	if err := config.Validate(); err != nil {
		return nil, State{Channel: audit.ChannelEmail, Detail: "off: " + err.Error()}, err
	}
	if !config.Configured() {
		return nil, config.state(), nil
	}
	from, err := netmail.ParseAddress(config.From)
	if err != nil {
		return nil, State{}, audit.InvalidField("email.from", "is not an address")
	}
	trust, err := config.tls()
	if err != nil {
		return nil, State{}, audit.InvalidField("email.ca_file", "%v", err)
	}
	return &Email{config: config, from: from, tls: trust, clock: clock}, config.state(), nil
}

// State says through which server mails leave.
func (e *Email) State() State { return e.config.state() }

// Send sends the digest as one mail in plain text and HTML. Its Message-ID follows from the notice's delivery, so that a mail
// repeated after a crash is recognised as the same. CodeRefused: the server refused this mail or recipient for good, with its code in
// the message. CodeUnavailable: anything that may pass or be set right, a refused sign-in too.
func (e *Email) Send(ctx context.Context, n audit.Notice) (audit.Receipt, error) {
	to, err := netmail.ParseAddress(n.Member.Email)
	if err != nil {
		return audit.Receipt{}, audit.Errorf(audit.CodeRefused, "the member has no mail address that can be used")
	}
	receipt := audit.Receipt{Provider: e.messageID(n.Delivery), Address: maskEmail(to.Address)}
	to.Name = line(n.Member.Name, maxName)
	message, err := e.message(n, to, receipt.Provider)
	if err != nil {
		return receipt, audit.WithCause(audit.CodeInternal, err, "the mail could not be written")
	}
	ctx, cancel := context.WithTimeout(ctx, defaultTimeout)
	defer cancel()
	return receipt, e.deliver(ctx, message)
}

// messageID makes an id of letters and digits, whatever the delivery's id is made of.
func (e *Email) messageID(delivery string) string {
	sum := sha256.Sum256([]byte("audittrail delivery\x00" + delivery))
	domain := e.from.Address[strings.LastIndexByte(e.from.Address, '@')+1:]
	return "<" + hex.EncodeToString(sum[:16]) + "@" + domain + ">"
}

// message writes the mail.
func (e *Email) message(n audit.Notice, to *netmail.Address, id string) (*mail.Msg, error) {
	c := newContent(n)
	html, err := c.html()
	if err != nil {
		return nil, err
	}
	m := e.newMessage(to, c.Title, id)
	if c.UnsubscribeURL != "" { // RFC 8058 asks for https; http is for demonstrations on one machine
		m.SetListUnsubscribe(c.UnsubscribeURL)
		m.SetListUnsubscribePost()
	}
	m.SetBodyString(mail.TypeTextPlain, c.text())
	m.AddAlternativeString(mail.TypeTextHTML, html)
	return m, nil
}

// newMessage is a mail without its text.
func (e *Email) newMessage(to *netmail.Address, subject, id string) *mail.Msg {
	m := mail.NewMsg(mail.WithNoDefaultUserAgent())
	m.FromMailAddress(e.from)
	m.ToMailAddress(to)
	m.Subject(subject)
	m.SetDateWithValue(e.clock())
	m.SetMessageIDWithValue(strings.Trim(id, "<>"))
	m.SetGenHeader("Auto-Submitted", "auto-generated")
	m.SetGenHeader("X-Auto-Response-Suppress", "All")
	return m
}

// deliver holds one conversation with the server. The connection is closed when the context ends, whatever it waits for.
func (e *Email) deliver(ctx context.Context, message *mail.Msg) error {
	hangUp := func() {}
	defer func() { hangUp() }()
	dial := func(dialCtx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(dialCtx, network, address)
		if err != nil {
			return nil, err
		}
		stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
		hangUp = func() { stop(); _ = conn.Close() } // on its own the library leaves a failed conversation open
		if e.config.mode() == EmailTLS {
			return tls.Client(conn, e.tls), nil
		}
		return conn, nil
	}
	client, err := mail.NewClient(e.config.Host, e.options(ctx, dial)...)
	if err != nil {
		return audit.WithCause(audit.CodeInternal, err, "the mail settings cannot be used")
	}
	conn, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return connectError(ctx, err)
	}
	if err := client.SendWithSMTPClient(conn, message); err != nil && !message.IsDelivered() {
		return sendError(ctx, err)
	}
	_ = client.CloseWithSMTPClient(conn) // the mail is with the server; a failing goodbye changes nothing
	return nil
}

func (e *Email) options(ctx context.Context, dial mail.DialContextFunc) []mail.Option {
	timeout := defaultTimeout
	if deadline, ok := ctx.Deadline(); ok {
		timeout = max(time.Until(deadline), time.Millisecond)
	}
	options := []mail.Option{
		mail.WithPort(e.config.port()), mail.WithTimeout(timeout), mail.WithDialContextFunc(dial), mail.WithTLSConfig(e.tls),
	}
	switch e.config.mode() {
	case EmailStartTLS:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	case EmailTLS, EmailClear: // TLS is there already, or is not wanted
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	}
	if e.config.HELO != "" {
		options = append(options, mail.WithHELO(e.config.HELO))
	}
	if e.config.Username != "" { // never in clear text: Validate sees to it
		options = append(options, mail.WithUsername(e.config.Username), mail.WithPassword(e.config.Password),
			mail.WithOpportunisticSMTPAuth(mail.SMTPAuthSCRAMSHA256PLUS, mail.SMTPAuthSCRAMSHA256, mail.SMTPAuthSCRAMSHA1PLUS,
				mail.SMTPAuthSCRAMSHA1, mail.SMTPAuthCramMD5, mail.SMTPAuthPlain, mail.SMTPAuthLogin))
	}
	return options
}
