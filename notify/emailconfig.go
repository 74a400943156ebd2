package notify

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/mail"
	"os"
	"strings"

	"github.com/audittrail/audittrail/audit"
)

// EmailMode says how the connection to the mail server is protected. There is no mode that falls back to clear text.
type EmailMode string

// The modes.
const (
	EmailStartTLS EmailMode = "starttls" // clear text until STARTTLS, which is required; the default, port 587
	EmailTLS      EmailMode = "tls"      // TLS from the start; port 465
	EmailClear    EmailMode = "none"     // no TLS, and so no sign-in: to this machine, or where AllowClear is set; port 25
)

// EmailConfig says by which mail server mails leave. The zero value means that the channel is off.
type EmailConfig struct {
	Host string
	Port int // 0: the usual one of the mode
	Mode EmailMode
	// AllowClear permits EmailClear to a server that is not this machine.
	AllowClear bool
	Username   string
	Password   string
	// From is the sender, with or without a name: "Audittrail <audit@example.com>".
	From string
	// CAFile is a PEM file of certificates to trust beside the system's, for a server with a private authority.
	CAFile string
	// ServerName is the name that the server's certificate must have, where it is not Host.
	ServerName string
	// HELO is the name by which we introduce ourselves. Default: the host name.
	HELO string
}

// Configured says whether a mail server is named.
func (c EmailConfig) Configured() bool { return c.Host != "" }

// Validate names everything that is wrong or missing, by setting. A configuration that is off is valid unless it
// is half filled in.
func (c EmailConfig) Validate() error {
	var errs []audit.FieldError
	add := func(field, format string, args ...any) {
		errs = append(errs, audit.FieldError{Field: "email." + field, Message: fmt.Sprintf(format, args...)})
	}
	if !c.Configured() {
		if c.From != "" || c.Username != "" || c.Password != "" {
			add("host", "is missing; name the mail server, or remove the other email settings to switch mail off")
		}
		return invalid(errs)
	}
	switch c.Mode {
	case "", EmailStartTLS, EmailTLS:
	case EmailClear:
		if !c.AllowClear && !isLoopback(c.Host) {
			add("mode", "none is for a mail server on this machine; %s is another one. Use starttls or tls, or allow clear text explicitly", c.Host)
		}
		if c.Username != "" {
			add("mode", "none would send the password in clear text; use starttls or tls, or remove the user name")
		}
	default:
		add("mode", "is starttls, tls or none, not %q", c.Mode)
	}
	if c.Port < 0 || c.Port > 65535 {
		add("port", "is between 1 and 65535")
	}
	if _, err := mail.ParseAddress(c.From); err != nil {
		add("from", `is the sender of the mails, such as "Audittrail <audit@example.com>"`)
	}
	if (c.Username == "") != (c.Password == "") {
		add("password", "user name and password go together")
	}
	if strings.ContainsAny(c.HELO, " \r\n\t") {
		add("helo", "is one host name")
	}
	if _, err := c.tls(); err != nil {
		add("ca_file", "%v", err)
	}
	return invalid(errs)
}

func invalid(errs []audit.FieldError) error {
	if len(errs) == 0 {
		return nil
	}
	return &audit.Error{Code: audit.CodeInvalid, Message: "the settings are not complete", Fields: errs}
}

func (c EmailConfig) mode() EmailMode {
	if c.Mode == "" {
		return EmailStartTLS
	}
	return c.Mode
}

func (c EmailConfig) port() int {
	switch {
	case c.Port != 0:
		return c.Port
	case c.mode() == EmailTLS:
		return 465
	case c.mode() == EmailClear:
		return 25
	}
	return 587
}

// tls returns what the connection trusts and expects.
func (c EmailConfig) tls() (*tls.Config, error) {
	config := &tls.Config{ServerName: c.Host, MinVersion: tls.VersionTLS12}
	if c.ServerName != "" {
		config.ServerName = c.ServerName
	}
	if c.CAFile == "" {
		return config, nil
	}
	pem, err := os.ReadFile(c.CAFile)
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate in PEM form", c.CAFile)
	}
	config.RootCAs = pool
	return config, nil
}

func (c EmailConfig) state() State {
	if !c.Configured() {
		return State{Channel: audit.ChannelEmail, Detail: "off: no mail server is configured (email.host)"}
	}
	how := map[EmailMode]string{EmailStartTLS: "STARTTLS", EmailTLS: "TLS", EmailClear: "no encryption"}[c.mode()]
	return State{Channel: audit.ChannelEmail, On: true, Detail: fmt.Sprintf("by %s:%d, %s", c.Host, c.port(), how)}
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
