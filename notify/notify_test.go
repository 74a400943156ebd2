package notify_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/catcher"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var testNow = time.Date(2026, 11, 20, 8, 20, 0, 0, time.UTC)

func testClock() time.Time { return testNow }

// testNotice is a digest of one failed login.
func testNotice() audit.Notice {
	at := time.Date(2026, 11, 20, 8, 15, 30, 123e6, time.UTC)
	return audit.Notice{
		Delivery:     "0192-digest/email/u_17",
		Organization: audit.Organization{ID: "acme", Name: "Acme Instruments"},
		Reminder:     audit.Reminder{ID: "r1", Name: "Failed logins", TimeZone: "Europe/Berlin"},
		Member:       audit.Member{ID: "u_17", Name: "Zoë Müller", Email: "zoe.muller@example.com", Phone: "+12025550143"},
		Digest: audit.Digest{ID: "0192-digest", Reminder: "r1", Count: 1, From: at, To: at, Events: []audit.DigestEvent{{
			ID: "e1", Time: at, Log: audit.LogLogin, Action: "login.failed", Outcome: audit.OutcomeFailure,
			Actor: "Ben Clarke", Summary: "Ben Clarke could not sign in: wrong password", Place: "London", IP: "203.0.113.7",
		}}},
		OpenURL:        "https://audit.example.com/events?reminder=r1",
		UnsubscribeURL: "https://audit.example.com/v1/unsubscribe?token=abc",
	}
}

// manyNotice is a digest of 10,000 events.
func manyNotice() audit.Notice {
	n := testNotice()
	first := n.Digest.Events[0]
	n.Digest.Count, n.Digest.Events = 10_000, nil
	for i := range audit.DigestExamples {
		event := first
		event.Time = first.Time.Add(time.Duration(i) * time.Minute)
		n.Digest.Events = append(n.Digest.Events, event)
	}
	n.Digest.From, n.Digest.To = first.Time.Add(-time.Hour), first.Time.Add(9*time.Minute)
	return n
}

// startMail starts a mail catcher that ends with the test.
func startMail(t *testing.T, opts catcher.SMTPOptions) *catcher.SMTP {
	t.Helper()
	server, err := catcher.NewSMTP(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// caFile writes the catcher's certificate to a file.
func caFile(t *testing.T, server *catcher.SMTP) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(name, server.CertificatePEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func wantCode(t *testing.T, err error, want audit.Code) {
	t.Helper()
	if got := audit.CodeOf(err); got != want {
		t.Fatalf("code %q, want %q: %v", got, want, err)
	}
}
