package test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/app"
	"github.com/audittrail/audittrail/internal/catcher"
	"github.com/audittrail/audittrail/internal/config"
	"github.com/audittrail/audittrail/store"
)

const (
	twilioAccount = "AC00112233445566778899aabbccddeeff"
	twilioToken   = "0123456789abcdef0123456789abcdef"
	smsSender     = "+12025550100"
	mailSender    = "Audittrail <audit@example.com>"
)

// catchers take the mails and text messages of one service.
type catchers struct {
	mail *catcher.SMTP
	sms  *catcher.Twilio
}

func newCatchers() (catchers, error) {
	quiet := slog.New(slog.DiscardHandler)
	mail, err := catcher.NewSMTP(catcher.SMTPOptions{Logger: quiet})
	if err != nil {
		return catchers{}, err
	}
	sms, err := catcher.NewTwilio(catcher.TwilioOptions{AccountSID: twilioAccount, AuthToken: twilioToken, Logger: quiet})
	if err != nil {
		return catchers{}, errors.Join(err, mail.Close())
	}
	return catchers{mail: mail, sms: sms}, nil
}

func (c catchers) close() error { return errors.Join(c.mail.Close(), c.sms.Close()) }

// settings are those of a service on the data directory that sends to the catchers.
func settings(dataDir, address string, c catchers) *config.Config {
	cfg := config.Default()
	cfg.DataDir, cfg.Listen, cfg.PublicURL = dataDir, address, "http://"+address
	cfg.Email.Host, cfg.Email.Port, cfg.Email.Mode, cfg.Email.From = c.mail.Host(), c.mail.Port(), "none", mailSender
	cfg.SMS.AccountSID, cfg.SMS.AuthToken, cfg.SMS.From, cfg.SMS.BaseURL = twilioAccount, twilioToken, smsSender, c.sms.URL()
	cfg.Log.Format = "text"
	return cfg
}

// environment is the same settings for the real program.
func environment(cfg *config.Config) []string {
	return append(clusterEnvironment(cfg),
		"AUDITTRAIL_DATA_DIR="+cfg.DataDir, "AUDITTRAIL_LISTEN="+cfg.Listen, "AUDITTRAIL_PUBLIC_URL="+cfg.PublicURL,
		"AUDITTRAIL_EMAIL_HOST="+cfg.Email.Host, fmt.Sprintf("AUDITTRAIL_EMAIL_PORT=%d", cfg.Email.Port),
		"AUDITTRAIL_EMAIL_MODE="+cfg.Email.Mode, "AUDITTRAIL_EMAIL_FROM="+cfg.Email.From,
		"AUDITTRAIL_SMS_ACCOUNT_SID="+cfg.SMS.AccountSID, "AUDITTRAIL_SMS_AUTH_TOKEN="+cfg.SMS.AuthToken.Reveal(),
		"AUDITTRAIL_SMS_FROM="+cfg.SMS.From, "AUDITTRAIL_SMS_BASE_URL="+cfg.SMS.BaseURL, "AUDITTRAIL_LOG_FORMAT=text", "AUDITTRAIL_LOG_LEVEL="+cfg.Log.Level,
		"AUDITTRAIL_TEMPORAL_ADDRESS="+cfg.Temporal.Address, "AUDITTRAIL_TEMPORAL_NAMESPACE="+cfg.Temporal.Namespace,
		"AUDITTRAIL_TEMPORAL_CA_FILE="+cfg.Temporal.CAFile, "AUDITTRAIL_TEMPORAL_CERT_FILE="+cfg.Temporal.CertFile, "AUDITTRAIL_TEMPORAL_KEY_FILE="+cfg.Temporal.KeyFile)
}

// service is a running server with its catchers, in this process or in a child.
type service struct {
	catchers
	url     string
	config  *config.Config
	records store.Store // a second handle on the server's records
}

// open opens the records of the service.
func (s *service) open(ctx context.Context) (err error) {
	s.records, err = app.OpenStore(ctx, s.config, app.Options{Logger: slog.New(slog.DiscardHandler)})
	return err
}

// inProcess is the service that most tests share: the composition root in this process, so that the race detector sees it, on a
// Temporal server of its own process.
type inProcess struct {
	once     sync.Once
	err      error
	service  service
	temporal *process
	app      *app.App
	log      *os.File
	stop     context.CancelFunc
	served   chan error
}

var shared inProcess

// sharedService returns the shared service. Tests keep apart by having an organization each.
func sharedService(t *testing.T) *service {
	t.Helper()
	shared.once.Do(func() { shared.err = shared.begin() })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return &shared.service
}

func (p *inProcess) begin() (err error) {
	if p.service.catchers, err = newCatchers(); err != nil {
		return err
	}
	address, err := freeAddress()
	if err != nil {
		return err
	}
	cfg := settings(filepath.Join(work, "shared"), address, p.service.catchers)
	if cfg.Temporal.Address, err = p.beginTemporal(); err != nil {
		return err
	}
	if p.log, err = os.Create(filepath.Join(work, "shared.log")); err != nil {
		return err
	}
	logger := slog.New(slog.NewTextHandler(p.log, nil))
	slog.SetDefault(logger)
	ctx, cancel := context.WithCancel(context.Background())
	p.stop = cancel
	if p.app, err = app.New(ctx, cfg, app.Options{Logger: logger, Version: "test"}); err != nil {
		return err
	}
	p.served = make(chan error, 1)
	go func() { p.served <- p.app.Run(ctx) }()
	p.service.config, p.service.url = cfg, p.app.URL()
	if err := p.service.open(ctx); err != nil {
		return err
	}
	return awaitReady(ctx, p.service.url, nil)
}

// beginTemporal starts a real Temporal server as a child and returns its address.
func (p *inProcess) beginTemporal() (address string, err error) {
	p.temporal, address, err = spawnTemporal(filepath.Join(work, "temporal"), 0)
	return address, err
}

// spawnTemporal starts a Temporal server on the data directory, on a port of this machine (0: a free one), and returns it once it answers.
func spawnTemporal(dir string, port int) (p *process, address string, err error) {
	p, err = spawn(filepath.Dir(dir), []string{"AUDITTRAIL_DATA_DIR=" + dir, fmt.Sprintf("AUDITTRAIL_TEMPORAL_PORT=%d", port)}, nil, "temporal")
	if err != nil {
		return nil, "", err
	}
	err = poll(context.Background(), 2*time.Minute, func() error {
		select {
		case <-p.done:
			return fmt.Errorf("the Temporal server ended: %s", p.stderr.String())
		default:
		}
		line, _, whole := strings.Cut(p.stdout.String(), "\n")
		if !whole {
			return errors.New("the Temporal server does not answer")
		}
		address = strings.TrimSpace(line)
		return nil
	})
	return p, address, err
}

// end stops the shared service, if it was begun.
func (p *inProcess) end() error {
	var err error
	if p.stop != nil {
		p.stop()
	}
	if p.served != nil {
		err = errors.Join(err, <-p.served)
	}
	if p.app != nil {
		err = errors.Join(err, p.app.Close())
	}
	if p.service.records != nil {
		err = errors.Join(err, p.service.records.Close())
	}
	if p.service.mail != nil {
		err = errors.Join(err, p.service.close())
	}
	if p.temporal != nil {
		err = errors.Join(err, p.temporal.end())
	}
	if p.log != nil {
		err = errors.Join(err, p.log.Close())
	}
	plain.CloseIdleConnections()
	return err
}

// standalone is the real program on a data directory.
type standalone struct {
	service
	*process
}

// newStandalone starts the real program on a new data directory.
func newStandalone(t *testing.T) *standalone {
	t.Helper()
	return newStandaloneOn(t, "")
}

// newStandaloneOn has the program use the Temporal server at the address; "" has it bring its own.
func newStandaloneOn(t *testing.T, temporal string) *standalone {
	t.Helper()
	s := newStoppedStandalone(t, temporal)
	s.start(t)
	if err := s.open(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.records.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// newStoppedStandalone is one that is still to be started, with its catchers. It ends with the test.
func newStoppedStandalone(t *testing.T, temporal string) *standalone {
	t.Helper()
	address, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	c, err := newCatchers()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.close(); err != nil {
			t.Error(err)
		}
	})
	s := &standalone{service: service{catchers: c, url: "http://" + address, config: settings(filepath.Join(t.TempDir(), "data"), address, c)}}
	s.config.Temporal.Address = temporal
	t.Cleanup(func() {
		if s.process == nil {
			return
		}
		s.kill()
		if t.Failed() {
			t.Logf("the program's log ends:\n%s", tail(s.stderr.String(), 40))
		}
	})
	return s
}

// start starts the program, for the first time or again, and returns when it is ready.
func (s *standalone) start(t *testing.T) {
	t.Helper()
	var err error
	if s.process, err = spawn(filepath.Dir(s.config.DataDir), environment(s.config), nil, "standalone"); err != nil {
		t.Fatal(err)
	}
	if err := awaitReady(t.Context(), s.url, s.done); err != nil {
		s.kill()
		t.Fatalf("the program did not become ready: %v\n%s", err, tail(s.stderr.String(), 40))
	}
}

func tail(text string, lines int) string {
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// tenant is an organization for one test, with a member of each role.
type tenant struct {
	id       string
	service  *service
	adminKey string // of the creator, for everything
}

// The members of every tenant.
const (
	creator      = "u_creator"
	systemAdmin  = "u_system"
	contactAdmin = "u_contact"
	ordinary     = "u_member"
)

// newTenant makes an organization. Its id is the test's own.
func (s *service) newTenant(t *testing.T, id string) *tenant {
	t.Helper()
	ctx, now := t.Context(), time.Now().UTC().Truncate(audit.TimePrecision)
	if _, err := s.records.PutOrganization(ctx, audit.Organization{ID: id, Name: "Org " + id, CreatedAt: now}); err != nil {
		t.Fatal(err)
	}
	tn := &tenant{id: id, service: s}
	for i, m := range []audit.Member{
		{ID: creator, Name: "Cleo Creator", Role: audit.RoleCreator}, {ID: systemAdmin, Name: "Sam System", Role: audit.RoleSystemAdmin},
		{ID: contactAdmin, Name: "Connie Contact", Role: audit.RoleContactAdmin}, {ID: ordinary, Name: "Mel Member", Role: audit.RoleMember},
	} {
		m.Organization, m.Status, m.UpdatedAt = id, audit.MemberActive, now
		m.Email, m.Phone = fmt.Sprintf("%s.%d@example.com", id, i), fmt.Sprintf("+1202555%04d", 1000+i)
		if _, err := s.records.PutMember(ctx, m); err != nil {
			t.Fatal(err)
		}
	}
	tn.adminKey = tn.key(t, creator, audit.ScopeAdmin)
	return tn
}

// key makes a key of the member.
func (tn *tenant) key(t *testing.T, member string, scopes ...audit.Scope) string {
	t.Helper()
	secret, prefix, hash := audit.NewKeySecret()
	err := tn.service.records.CreateKey(t.Context(), audit.Key{ID: "key-" + prefix, Organization: tn.id, Member: member, Name: "test",
		Prefix: prefix, Hash: hash, Scopes: scopes, CreatedAt: time.Now().UTC().Truncate(audit.TimePrecision)})
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

// email is the mail address that the directory has of the member.
func (tn *tenant) email(t *testing.T, member string) string {
	t.Helper()
	m, err := tn.service.records.Member(t.Context(), tn.id, member)
	if err != nil {
		t.Fatal(err)
	}
	return m.Email
}
