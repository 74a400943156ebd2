package oidc_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/oidc"
	"github.com/audittrail/audittrail/internal/oidctest"
)

// visit goes through the pages of a real provider as a browser does, and returns the address that it sends back to.
func visit(t *testing.T, address, username, password string) *url.URL {
	t.Helper()
	jar, err := cookiejar.New(nil)
	must(t, err)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	browser := &http.Client{Jar: jar, Transport: transport, Timeout: 20 * time.Second, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), public) {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	page, err := browser.Get(address)
	must(t, err)
	defer page.Body.Close()
	doc, err := goquery.NewDocumentFromReader(page.Body)
	must(t, err)
	form := url.Values{"username": {username}, "password": {password}}
	id, _ := doc.Find(`form input[name="id"]`).Attr("value")
	action, _ := doc.Find("form").Attr("action")
	form.Set("id", id)
	at, err := page.Request.URL.Parse(action)
	must(t, err)
	back, err := browser.PostForm(at.String(), form)
	must(t, err)
	defer back.Body.Close()
	to, err := back.Location()
	if err != nil || !strings.HasPrefix(to.String(), public) {
		t.Fatalf("the provider answers %s and leads to %v, %v", back.Status, to, err)
	}
	return to
}

func TestARealProviderSignsInByCodeAndPKCEAndSaysMoreInItsUserInfo(t *testing.T) {
	const callback = "/sign-in/oidc/real/callback"
	real := oidctest.NewProvider(t, public, callback, oidctest.Person{ID: "u_17", Username: "alice", Password: "correct horse", First: "Alice", Last: "Smith", Email: "alice@example.com"})
	settings := oidc.Settings{ID: "real", Organization: "acme", Issuer: real.URL, ClientID: oidctest.ClientID, ClientSecret: oidctest.ClientSecret, CreateMembers: true,
		Roles: []oidc.RoleRule{{Claim: "preferred_username", Value: "alice", Role: audit.RoleSystemAdmin}}}
	open := func(secret oidc.Secret) *oidc.Providers {
		s := settings
		s.ClientSecret = secret
		providers, err := oidc.New(oidc.Options{Providers: []oidc.Settings{s}, PublicURL: public, Secret: make([]byte, 32)})
		must(t, err)
		t.Cleanup(providers.Close)
		return providers
	}
	providers := open(oidctest.ClientSecret)
	address, kept, err := providers.Begin(t.Context(), "real", "/exports")
	must(t, err)
	back := visit(t, address, "alice", "correct horse")
	if back.Path != callback {
		t.Errorf("the provider leads to %s", back)
	}
	who, next, err := providers.Finish(t.Context(), "real", kept, back.Query())
	must(t, err)
	if who.Member != "u_17" || who.Name != "Alice Smith" || who.Email != "alice@example.com" || who.Role != audit.RoleSystemAdmin || !who.RoleIsMapped || next != "/exports" {
		t.Errorf("got %+v and %q", who, next)
	}
	_, _, err = providers.Finish(t.Context(), "real", kept, back.Query())
	wantRefusal(t, "the same code again", err, audit.CodeUnauthenticated, "did not take the code")

	address, _, err = providers.Begin(t.Context(), "real", "")
	must(t, err)
	_, foreign, err := providers.Begin(t.Context(), "real", "")
	must(t, err)
	_, _, err = providers.Finish(t.Context(), "real", foreign, visit(t, address, "alice", "correct horse").Query())
	wantRefusal(t, "the answer in another sign-in", err, audit.CodeUnauthenticated, "another sign-in")

	// Who stole a code, and has a browser's state but not its verifier, gets nothing for it: PKCE is the provider's to check, and it does.
	u, err := url.Parse(address)
	must(t, err)
	query := u.Query()
	query.Set("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
	address, kept, err = providers.Begin(t.Context(), "real", "")
	must(t, err)
	own, err := url.Parse(address)
	must(t, err)
	query.Set("state", own.Query().Get("state"))
	query.Set("nonce", own.Query().Get("nonce"))
	u.RawQuery = query.Encode()
	_, _, err = providers.Finish(t.Context(), "real", kept, visit(t, u.String(), "alice", "correct horse").Query())
	wantRefusal(t, "a code of another verifier", err, audit.CodeUnauthenticated, "did not take the code")

	wrong := open("wrong")
	address, kept, err = wrong.Begin(t.Context(), "real", "")
	must(t, err)
	_, _, err = wrong.Finish(t.Context(), "real", kept, visit(t, address, "alice", "correct horse").Query())
	wantRefusal(t, "with a wrong secret", err, audit.CodeUnauthenticated, "did not take the code")
	if out := providers.SignOut(t.Context(), "real"); !strings.HasPrefix(out, real.URL+"/end_session?") {
		t.Errorf("signing out leads to %q", out)
	}
}
