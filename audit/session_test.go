package audit_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

func TestSecretsSayWhatTheyAreAndAreNeverTheSame(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		session, sessionHash := audit.NewSessionSecret()
		link, linkHash := audit.NewLoginLinkSecret()
		key, _, _ := audit.NewKeySecret()
		for _, c := range []struct {
			secret, mark  string
			session, link bool
			size          int
		}{{session, "as_", true, false, 46}, {link, "al_", false, true, 46}, {key, "at_", false, false, 52}} {
			if !strings.HasPrefix(c.secret, c.mark) || len(c.secret) != c.size || seen[c.secret] {
				t.Fatalf("the secret %q should begin with %s, have %d characters and be new", c.secret, c.mark, c.size)
			}
			if audit.IsSessionSecret(c.secret) != c.session || audit.IsLoginLinkSecret(c.secret) != c.link {
				t.Errorf("%q: session %t, link %t", c.secret, audit.IsSessionSecret(c.secret), audit.IsLoginLinkSecret(c.secret))
			}
			seen[c.secret] = true
		}
		if !bytes.Equal(sessionHash, audit.HashKey(session)) || !bytes.Equal(linkHash, audit.HashKey(link)) {
			t.Fatal("the hash is not that of the secret")
		}
	}
	session, _ := audit.NewSessionSecret()
	for _, text := range []string{"", "as_", session[:45], session + "0", session[:45] + "-", session[:44] + "é", "AS_" + session[3:]} {
		if audit.IsSessionSecret(text) {
			t.Errorf("%q passes as a session's secret", text)
		}
	}
}

func TestASessionEndsByAgeDisuseAndRevocation(t *testing.T) {
	began := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	fresh := audit.Session{CreatedAt: began, ExpiresAt: began.Add(audit.SessionLife)}
	used, revoked := fresh, fresh
	used.LastUsedAt, revoked.RevokedAt = began.Add(11*time.Hour), began.Add(time.Minute)
	for _, c := range []struct {
		name    string
		session audit.Session
		after   time.Duration
		works   bool
	}{
		{"at once", fresh, 0, true},
		{"before the idle time is over", fresh, 2*time.Hour - time.Second, true},
		{"unused for the idle time", fresh, 2 * time.Hour, false},
		{"used an hour ago", used, 12*time.Hour - time.Second, true},
		{"used, but over its age", used, 12 * time.Hour, false},
		{"revoked", revoked, 2 * time.Minute, false},
	} {
		if got := c.session.Works(began.Add(c.after)); got != c.works {
			t.Errorf("%s: works %t, want %t", c.name, got, c.works)
		}
	}
}

func TestACSRFTokenBelongsToOneSession(t *testing.T) {
	a, _ := audit.NewSessionSecret()
	b, _ := audit.NewSessionSecret()
	first, again, other := audit.CSRFToken(a), audit.CSRFToken(a), audit.CSRFToken(b)
	if first != again || first == other || len(first) < 43 || strings.Contains(a, first) {
		t.Errorf("tokens are %s, %s and %s", first, again, other)
	}
}

func TestASessionMayBeWithoutUseForAsLongAsItsProviderSays(t *testing.T) {
	began := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	s := audit.Session{CreatedAt: began, ExpiresAt: began.Add(audit.SessionLife), Idle: 10 * time.Minute}
	if !s.Works(began.Add(10*time.Minute-time.Second)) || s.Works(began.Add(10*time.Minute)) {
		t.Error("the session does not end ten minutes after its last use")
	}
}
