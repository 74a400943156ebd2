package catcher

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// SMTPOptions says how the mail catcher listens.
type SMTPOptions struct {
	// Addr is where it listens. Default: a free port of 127.0.0.1.
	Addr string
	// StartTLS offers STARTTLS; TLS is TLS from the start. The certificate is made at the start: see CertificatePEM.
	StartTLS, TLS bool
	// Username and Password have to be given where they are set.
	Username, Password string
	// OnMail is called with each mail, one at a time.
	OnMail func(Mail)
	// Logger is told of mails that cannot be parsed. Default: slog.Default.
	Logger *slog.Logger
}

// Step is a step of the conversation at which the catcher can be told to fail.
type Step string

// The steps.
const (
	StepConnect Step = "connect"
	StepAuth    Step = "auth"
	StepFrom    Step = "from"
	StepTo      Step = "to"
	StepData    Step = "data"
)

// Failure is what goes wrong at a step: first the wait, then the drop or the answer.
type Failure struct {
	At Step
	// Times is how often, 0: until the next call of Fail.
	Times int
	// Delay holds the answer back.
	Delay time.Duration
	// Drop hangs up.
	Drop bool
	// Code and Message are the answer: 451, "try again later".
	Code    int
	Message string
}

// SMTP is a mail server that keeps what it gets.
type SMTP struct {
	opts        SMTPOptions
	server      *smtp.Server
	listener    net.Listener
	certificate []byte
	box         *box[Mail]
	done        chan struct{}
	closed      sync.Once
	served      sync.WaitGroup
	showing     sync.Mutex // OnMail is called one at a time

	mu      sync.Mutex
	failure Failure
}

// NewSMTP starts the mail catcher.
func NewSMTP(opts SMTPOptions) (*SMTP, error) {
	if opts.Addr == "" {
		opts.Addr = "127.0.0.1:0"
	}
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	certificate, encoded, err := selfSigned()
	if err != nil {
		return nil, fmt.Errorf("mail catcher: %w", err)
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", opts.Addr)
	if err != nil {
		return nil, fmt.Errorf("mail catcher: %w", err)
	}
	s := &SMTP{opts: opts, listener: listener, certificate: encoded, box: newBox[Mail](), done: make(chan struct{})}
	config := &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	if opts.TLS {
		s.listener = tls.NewListener(listener, config)
	}
	s.server = smtp.NewServer(smtp.BackendFunc(s.session))
	s.server.Domain = "mail.catcher.test"
	s.server.ReadTimeout, s.server.WriteTimeout = time.Minute, time.Minute
	s.server.MaxMessageBytes = 10 << 20
	s.server.EnableSMTPUTF8 = true
	s.server.AllowInsecureAuth = true // a test has to be able to see that nobody signs in in clear text
	s.server.ErrorLog = slog.NewLogLogger(opts.Logger.Handler(), slog.LevelDebug)
	if opts.StartTLS {
		s.server.TLSConfig = config
	}
	s.served.Go(func() { _ = s.server.Serve(s.listener) })
	return s, nil
}

// Host and Port say where it listens.
func (s *SMTP) Host() string { return s.listener.Addr().(*net.TCPAddr).IP.String() }

// Port is the port it listens on.
func (s *SMTP) Port() int { return s.listener.Addr().(*net.TCPAddr).Port }

// CertificatePEM is the certificate to trust, for 127.0.0.1, localhost and mail.catcher.test.
func (s *SMTP) CertificatePEM() []byte { return s.certificate }

// Mails returns the mails caught, oldest first.
func (s *SMTP) Mails() []Mail { return s.box.all() }

// Wait returns the first mail that matches, among those caught and those to come, until the context ends. nil matches any.
func (s *SMTP) Wait(ctx context.Context, match func(Mail) bool) (Mail, error) {
	return s.box.wait(ctx, match)
}

// Fail makes the conversations from now on fail; the zero Failure ends that.
func (s *SMTP) Fail(f Failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure = f
}

// Close hangs up and stops listening.
func (s *SMTP) Close() error {
	s.closed.Do(func() { close(s.done) })
	err := s.server.Close()
	_ = s.listener.Close() // in case it was not served yet
	s.served.Wait()
	if errors.Is(err, smtp.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// fail does what was asked for at the step.
func (s *SMTP) fail(at Step, conn *smtp.Conn) error {
	s.mu.Lock()
	f := s.failure
	if f.At != at {
		s.mu.Unlock()
		return nil
	}
	if f.Times == 1 {
		s.failure = Failure{}
	} else if f.Times > 1 {
		s.failure.Times--
	}
	s.mu.Unlock()
	if f.Delay > 0 {
		timer := time.NewTimer(f.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-s.done:
		}
	}
	if f.Drop {
		_ = conn.Conn().Close()
		return &smtp.SMTPError{Code: 421, Message: "hung up"}
	}
	if f.Code == 0 {
		return nil
	}
	return &smtp.SMTPError{Code: f.Code, EnhancedCode: smtp.EnhancedCode{f.Code / 100, 0, 0}, Message: f.Message}
}

// session is one conversation.
type session struct {
	catcher *SMTP
	conn    *smtp.Conn
	mail    Mail
	user    string
}

func (s *SMTP) session(conn *smtp.Conn) (smtp.Session, error) {
	if err := s.fail(StepConnect, conn); err != nil {
		return nil, err
	}
	return &session{catcher: s, conn: conn}, nil
}

// AuthMechanisms offers signing in where a user name is set.
func (s *session) AuthMechanisms() []string {
	if s.catcher.opts.Username == "" {
		return nil
	}
	return []string{sasl.Plain}
}

// Auth checks user name and password.
func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, username, password string) error {
		if err := s.catcher.fail(StepAuth, s.conn); err != nil {
			return err
		}
		if username != s.catcher.opts.Username || password != s.catcher.opts.Password {
			return smtp.ErrAuthFailed
		}
		s.user = username
		return nil
	}), nil
}

// Mail takes the sender.
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.catcher.opts.Username != "" && s.user == "" {
		return &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "Authentication required"}
	}
	if err := s.catcher.fail(StepFrom, s.conn); err != nil {
		return err
	}
	s.mail = Mail{From: from, Username: s.user}
	return nil
}

// Rcpt takes a recipient.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if err := s.catcher.fail(StepTo, s.conn); err != nil {
		return err
	}
	s.mail.To = append(s.mail.To, to)
	return nil
}

// Data takes the mail.
func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := s.catcher.fail(StepData, s.conn); err != nil {
		return err
	}
	m := s.mail
	m.Raw, m.ReceivedAt = raw, time.Now()
	_, m.TLS = s.conn.TLSConnectionState()
	if err := m.parse(); err != nil {
		s.catcher.opts.Logger.Warn("mail catcher: a mail cannot be parsed", "error", err)
		return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: "cannot be parsed: " + err.Error()}
	}
	s.catcher.box.put(m)
	if s.catcher.opts.OnMail != nil {
		s.catcher.showing.Lock()
		defer s.catcher.showing.Unlock()
		s.catcher.opts.OnMail(m)
	}
	return nil
}

// Reset forgets the mail at hand.
func (s *session) Reset() { s.mail = Mail{} }

// Logout ends the conversation.
func (s *session) Logout() error { return nil }
