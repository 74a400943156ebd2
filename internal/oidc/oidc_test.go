package oidc_test

import (
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/oidc"
	"github.com/audittrail/audittrail/internal/oidctest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const public = "https://audit.example.com"

var today = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// clock is the time that a test sets.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// rig is an issuer and the providers that know it as "acme-login".
type rig struct {
	t         *testing.T
	clock     *clock
	issuer    *oidctest.Issuer
	providers *oidc.Providers
}

func newRig(t *testing.T, change ...func(*oidc.Settings)) *rig {
	t.Helper()
	g := &rig{t: t, clock: &clock{now: today}}
	g.issuer = oidctest.NewIssuer(t, g.clock.Now)
	g.providers = g.another(change...)
	return g
}

// another returns providers as another process has them.
func (g *rig) another(change ...func(*oidc.Settings)) *oidc.Providers {
	g.t.Helper()
	s := oidc.Settings{ID: "acme-login", Name: "Acme", Organization: "acme", Issuer: g.issuer.URL, ClientID: oidctest.ClientID, ClientSecret: oidctest.ClientSecret}
	for _, f := range change {
		f(&s)
	}
	providers, err := oidc.New(oidc.Options{Providers: []oidc.Settings{s}, PublicURL: public, Secret: []byte("the secret of all processes 12345"), Clock: g.clock.Now})
	must(g.t, err)
	g.t.Cleanup(providers.Close)
	return providers
}

func (g *rig) begin() (address, kept string) {
	g.t.Helper()
	address, kept, err := g.providers.Begin(g.t.Context(), "acme-login", "/exports")
	must(g.t, err)
	return address, kept
}

func (g *rig) finish(kept string, answer url.Values) (audit.Identity, error) {
	who, _, err := g.providers.Finish(g.t.Context(), "acme-login", kept, answer)
	return who, err
}

// signIn goes the whole way, with an ID token as change makes it.
func (g *rig) signIn(change func(*oidctest.Token)) (audit.Identity, error) {
	g.t.Helper()
	address, kept := g.begin()
	return g.finish(kept, g.issuer.Answer(address, "u_17", change))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantRefusal(t *testing.T, what string, err error, code audit.Code, words string) {
	t.Helper()
	if audit.CodeOf(err) != code || !strings.Contains(err.Error(), words) {
		t.Errorf("%s: got %v (%s), want %s with %q", what, err, audit.CodeOf(err), code, words)
	}
}

func TestAGoodAnswerSaysWhoSignsIn(t *testing.T) {
	g := newRig(t)
	address, kept := g.begin()
	u, err := url.Parse(address)
	must(t, err)
	if got := u.Query().Get("redirect_uri"); got != public+"/sign-in/oidc/acme-login/callback" {
		t.Errorf("the provider sends back to %q", got)
	}
	if got := u.Query().Get("scope"); got != "openid profile email" {
		t.Errorf("the scopes are %q", got)
	}
	for _, secret := range []string{oidctest.ClientSecret, url.QueryEscape(oidctest.ClientSecret)} {
		if strings.Contains(address, secret) {
			t.Errorf("the client's secret is in the address %s", address)
		}
	}
	who, next, err := g.another().Finish(t.Context(), "acme-login", kept, g.issuer.Answer(address, "u_17", nil)) // another process ends it
	must(t, err)
	if who.Member != "u_17" || who.Provider.Organization != "acme" || who.Role != audit.RoleMember || who.RoleIsMapped || who.CreatesMembers || next != "/exports" {
		t.Errorf("got %+v and then %q", who, next)
	}
	if who.Life != audit.SessionLife || who.Idle != audit.SessionIdle {
		t.Errorf("the session lasts %s and %s", who.Life, who.Idle)
	}
}

func TestAnIDTokenThatIsNotForThisSignInIsRefused(t *testing.T) {
	in := func(d time.Duration) int64 { return today.Add(d).Unix() }
	claim := func(name string, value any) func(*oidctest.Token) {
		return func(k *oidctest.Token) { k.Claims[name] = value }
	}
	g := newRig(t)
	for name, c := range map[string]struct {
		change func(*oidctest.Token)
		want   string // "" where it is let in
	}{
		"of another issuer":       {claim("iss", "https://evil.example.com"), "another provider"},
		"for another application": {claim("aud", "another"), "another application"},
		"for several, made for us": {func(k *oidctest.Token) {
			k.Claims["aud"], k.Claims["azp"] = []string{"another", oidctest.ClientID}, oidctest.ClientID
		}, ""},
		"for several, made for another": {func(k *oidctest.Token) {
			k.Claims["aud"], k.Claims["azp"] = []string{"another", oidctest.ClientID}, "another"
		}, "another application"},
		"for several, which does not say for whom":      {claim("aud", []string{"another", oidctest.ClientID}), "another application"},
		"for us alone, made for another":                {claim("azp", "another"), "another application"},
		"with another nonce":                            {claim("nonce", "another"), "another sign-in"},
		"without nonce":                                 {func(k *oidctest.Token) { delete(k.Claims, "nonce") }, "another sign-in"},
		"expired a second outside the skew":             {claim("exp", in(-61*time.Second)), "has expired"},
		"expired at the end of the skew":                {claim("exp", in(-60*time.Second)), "has expired"},
		"expired inside the skew":                       {claim("exp", in(-59*time.Second)), ""},
		"without an end":                                {func(k *oidctest.Token) { delete(k.Claims, "exp") }, "has expired"},
		"not valid yet, outside the skew":               {claim("nbf", in(61*time.Second)), "not valid yet"},
		"not valid yet, inside the skew":                {claim("nbf", in(59*time.Second)), ""},
		"made in the future, outside the skew":          {claim("iat", in(61*time.Second)), "not valid yet"},
		"made in the future, inside the skew":           {claim("iat", in(59*time.Second)), ""},
		"about nobody":                                  {claim("sub", ""), "whom it is about"},
		"whose access token is another":                 {claim("at_hash", "AAAAAAAAAAAAAAAAAAAAAA"), "does not belong"},
		"without signature":                             {func(k *oidctest.Token) { k.Algorithm = "none" }, "not signed as it must be"},
		"signed with the public key as a secret":        {func(k *oidctest.Token) { k.Algorithm = "HS256" }, "not signed as it must be"},
		"signed with a key that the issuer never had":   {func(k *oidctest.Token) { k.Key = oidctest.NewKey(t) }, "signature"},
		"signed with such a key, and an id to match it": {func(k *oidctest.Token) { k.Key, k.KeyID = oidctest.NewKey(t), "mine" }, "signature"},
		"that is none":                                  {func(k *oidctest.Token) { k.None = true }, "no ID token"},
	} {
		t.Run(name, func(t *testing.T) {
			who, err := g.signIn(c.change)
			if c.want != "" {
				wantRefusal(t, name, err, audit.CodeUnauthenticated, c.want)
			} else if err != nil || who.Member != "u_17" {
				t.Errorf("got %+v, %v", who, err)
			}
		})
	}
}

func TestTheSkewOfClocksIsAsItIsSet(t *testing.T) {
	expired := func(k *oidctest.Token) { k.Claims["exp"] = today.Add(-time.Second).Unix() }
	for skew, want := range map[time.Duration]audit.Code{0: audit.CodeUnauthenticated, 2 * time.Second: ""} {
		g := newRig(t, func(s *oidc.Settings) { s.ClockSkew = (*oidc.Duration)(&skew) })
		if _, err := g.signIn(expired); audit.CodeOf(err) != want {
			t.Errorf("a skew of %s: %v", skew, err)
		}
	}
}

func TestANewKeyIsFetchedAndTheOldOneIsTakenNoLonger(t *testing.T) {
	g := newRig(t)
	var old oidctest.Token
	_, err := g.signIn(func(k *oidctest.Token) { old = *k })
	must(t, err)
	_, err = g.signIn(nil)
	must(t, err)
	if n := g.issuer.Asked("/keys"); n != 1 {
		t.Errorf("the keys were asked for %d times", n)
	}
	g.issuer.Rotate()
	_, err = g.signIn(nil)
	must(t, err)
	if n := g.issuer.Asked("/keys"); n != 2 {
		t.Errorf("after the rotation the keys were asked for %d times", n)
	}
	_, err = g.signIn(func(k *oidctest.Token) { k.Key, k.KeyID = old.Key, old.KeyID })
	wantRefusal(t, "the old key", err, audit.CodeUnauthenticated, "signature")
}
