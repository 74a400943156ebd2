package oidc_test

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/oidc"
	"github.com/audittrail/audittrail/internal/oidctest"
)

func TestAnAnswerThatDoesNotBelongToThisBrowsersSignInIsRefused(t *testing.T) {
	g := newRig(t)
	address, kept := g.begin()
	otherAddress, otherKept := g.begin()
	answer, other := g.issuer.Answer(address, "u_17", nil), g.issuer.Answer(otherAddress, "u_17", nil)
	with := func(values url.Values, name, value string) url.Values {
		changed := url.Values{}
		for k, v := range values {
			changed[k] = v
		}
		changed.Set(name, value)
		return changed
	}
	for _, c := range []struct {
		name   string
		kept   string
		answer url.Values
		want   string
	}{
		{"in another browser", "", answer, "not begun in this browser"},
		{"in a browser that began another", otherKept, answer, "another sign-in"},
		{"with a state that is made up", kept, with(answer, "state", "made up"), "another sign-in"},
		{"without state", kept, with(answer, "state", ""), "another sign-in"},
		{"with a cookie that was changed", kept[:len(kept)-4] + "AAAA", answer, "not begun in this browser"},
		{"with a cookie that is no base64", kept + "!", answer, "not begun in this browser"},
		{"from an issuer that is another", kept, with(answer, "iss", "https://evil.example.com"), "another provider"},
		{"without a code", kept, with(answer, "code", ""), "without a code"},
		{"with the code of another sign-in", kept, with(answer, "code", other.Get("code")), "did not take the code (invalid_grant)"},
		{"when access was denied", kept, url.Values{"state": answer["state"], "error": {"access_denied"}, "error_description": {"<b>words</b>"}}, "did not let you in (access_denied)"},
		{"with an error that is no code", kept, url.Values{"state": answer["state"], "error": {"<script>"}}, "Acme refused the sign-in"},
	} {
		_, err := g.finish(c.kept, c.answer)
		wantRefusal(t, c.name, err, audit.CodeUnauthenticated, c.want)
		if err != nil && (strings.Contains(err.Error(), "<") || strings.Contains(err.Error(), "personal")) {
			t.Errorf("%s: the error repeats what the answer says: %v", c.name, err)
		}
	}
	_, err := g.finish(kept, answer)
	must(t, err)
	_, err = g.finish(kept, answer)
	wantRefusal(t, "the same answer again", err, audit.CodeUnauthenticated, "did not take the code")
}

func TestASignInHasTenMinutes(t *testing.T) {
	g := newRig(t)
	address, kept := g.begin()
	g.clock.advance(audit.SignInLife)
	_, err := g.finish(kept, g.issuer.Answer(address, "u_17", nil))
	wantRefusal(t, "after ten minutes", err, audit.CodeUnauthenticated, "longer than ten minutes")
}

func TestTheCookieHidesWhatItHolds(t *testing.T) {
	g := newRig(t)
	address, kept := g.begin()
	u, err := url.Parse(address)
	must(t, err)
	for _, part := range []string{u.Query().Get("state"), u.Query().Get("nonce"), "exports", "acme"} {
		if strings.Contains(kept, part) {
			t.Errorf("%q is in the cookie", part)
		}
	}
	if _, again := g.begin(); again == kept || len(kept) > 2048 {
		t.Errorf("the cookie has %d bytes and is the same again: %t", len(kept), again == kept)
	}
	if _, long, err := g.providers.Begin(t.Context(), "acme-login", "/"+strings.Repeat("x", 5000)); err != nil || len(long) > 2048 {
		t.Errorf("with a long address the cookie has %d bytes, %v", len(long), err)
	}
}

func TestACookieOfOneProviderIsNoneOfAnother(t *testing.T) {
	g := newRig(t)
	address, kept := g.begin()
	answer := g.issuer.Answer(address, "u_17", nil)
	other := g.another(func(s *oidc.Settings) { s.ID = "other-login" })
	_, _, err := other.Finish(t.Context(), "other-login", kept, answer)
	wantRefusal(t, "at another provider", err, audit.CodeUnauthenticated, "another sign-in")
	_, _, err = g.providers.Finish(t.Context(), "unknown", kept, answer)
	wantRefusal(t, "at an unknown one", err, audit.CodeNotFound, "not found")
	_, _, err = g.providers.Begin(t.Context(), "unknown", "")
	wantRefusal(t, "beginning at an unknown one", err, audit.CodeNotFound, "not found")
}

func TestAProviderThatNamesItselfMustAlwaysDoSo(t *testing.T) {
	g := newRig(t)
	g.issuer.SetMetadata("authorization_response_iss_parameter_supported", true)
	address, kept := g.begin()
	answer := g.issuer.Answer(address, "u_17", nil)
	_, err := g.finish(kept, answer)
	wantRefusal(t, "without its name", err, audit.CodeUnauthenticated, "another provider")
	answer.Set("iss", g.issuer.URL)
	_, err = g.finish(kept, answer)
	must(t, err)
}

func TestAProviderThatIsDownIsAskedAgainLater(t *testing.T) {
	g := newRig(t)
	g.issuer.SetDown("", true)
	_, _, err := g.providers.Begin(t.Context(), "acme-login", "")
	wantRefusal(t, "down", err, audit.CodeUnavailable, "cannot be reached")
	asked := g.issuer.Asked("/.well-known/openid-configuration")
	_, _, err = g.providers.Begin(t.Context(), "acme-login", "")
	wantRefusal(t, "at once again", err, audit.CodeUnavailable, "cannot be reached")
	if n := g.issuer.Asked("/.well-known/openid-configuration"); asked != 3 || n != asked {
		t.Errorf("it was asked %d and then %d times", asked, n)
	}
	g.issuer.SetDown("", false)
	g.clock.advance(3 * time.Second)
	_, err = g.signIn(nil)
	must(t, err)

	g.clock.advance(2 * time.Hour) // what it said of itself is old, and it is down again
	g.issuer.SetDown("/.well-known/openid-configuration", true)
	_, err = g.signIn(nil)
	must(t, err)
}

func TestAProviderThatIsDownHalfWayIsNoRefusal(t *testing.T) {
	for _, path := range []string{"/token", "/keys", "/userinfo"} {
		g := newRig(t)
		g.issuer.SetUserInfo(map[string]any{"sub": "u_17"})
		g.issuer.SetDown(path, true)
		_, err := g.signIn(nil)
		wantRefusal(t, path, err, audit.CodeUnavailable, "in a moment")
		g.issuer.SetDown(path, false)
		_, err = g.signIn(nil)
		must(t, err)
	}
}

func TestAProviderThatHangsIsGivenUpInTime(t *testing.T) {
	g := newRig(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := g.providers.Begin(ctx, "acme-login", "")
	wantRefusal(t, "with no time left", err, audit.CodeUnavailable, "cannot be reached")
}

func TestAProviderThatSaysStrangeThingsOfItselfIsNotUsed(t *testing.T) {
	for name, value := range map[string]string{"issuer": "https://evil.example.com", "authorization_endpoint": "javascript:alert(1)",
		"token_endpoint": "http://10.0.0.1/token", "jwks_uri": ""} {
		g := newRig(t)
		g.issuer.SetMetadata(name, value)
		_, _, err := g.providers.Begin(t.Context(), "acme-login", "")
		wantRefusal(t, name, err, audit.CodeUnavailable, "cannot be reached")
	}
}

func TestSigningOutLeadsToTheProviderAndBack(t *testing.T) {
	g := newRig(t)
	if got := g.providers.SignOut(t.Context(), "acme-login"); got != "" {
		t.Errorf("a provider that cannot sign out has the address %q", got)
	}
	g.issuer.SetMetadata("end_session_endpoint", g.issuer.URL+"/end?tenant=1")
	u, err := url.Parse(g.another().SignOut(t.Context(), "acme-login"))
	must(t, err)
	if q := u.Query(); u.Path != "/end" || q.Get("tenant") != "1" || q.Get("client_id") != oidctest.ClientID || q.Get("post_logout_redirect_uri") != public+"/sign-in" {
		t.Errorf("the address is %s", u)
	}
	here := g.another(func(s *oidc.Settings) { s.SignOut = "here" })
	if got := here.SignOut(t.Context(), "acme-login") + here.SignOut(t.Context(), "unknown"); got != "" {
		t.Errorf("signing out here alone leads to %q", got)
	}
}
