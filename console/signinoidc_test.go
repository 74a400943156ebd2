package console

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/audittrail/audittrail/api"
	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/oidc"
	"github.com/audittrail/audittrail/internal/oidctest"
)

// newElsewhere starts a door at which people sign in at an issuer as well.
func newElsewhere(t *testing.T, public string) (*door, *oidctest.Issuer) {
	t.Helper()
	var issuer *oidctest.Issuer
	d := newDoorWith(t, public, func(d *door, cfg *api.Config) {
		issuer = oidctest.NewIssuer(t, d.clock.Now)
		issuer.SetMetadata("end_session_endpoint", issuer.URL+"/end")
		providers, err := oidc.New(oidc.Options{Providers: []oidc.Settings{{ID: "okta", Name: "Okta & Co", Organization: d.enterprise.Organization.ID, Issuer: issuer.URL,
			ClientID: oidctest.ClientID, ClientSecret: oidctest.ClientSecret}}, PublicURL: public, Secret: make([]byte, 32), Clock: d.clock.Now})
		must(t, err)
		t.Cleanup(providers.Close)
		cfg.Providers = providers
	})
	return d, issuer
}

// with asks as a browser that has these cookies.
func (d *door) with(cookies []*http.Cookie, path string) answer {
	d.t.Helper()
	var all []string
	for _, c := range cookies {
		all = append(all, c.Name+"="+c.Value)
	}
	return d.do("", http.MethodGet, path, nil, "Cookie", strings.Join(all, "; "))
}

func named(cookies []*http.Cookie, name string) *http.Cookie {
	for _, c := range cookies {
		if c.Name == name {
			return c
		}
	}
	return nil
}

func TestAButtonLeadsToTheProviderAndBackToThePageThatWasWanted(t *testing.T) {
	d, issuer := newElsewhere(t, "https://audit.example.com")
	first := d.open("", "/exports")
	if got := first.Header.Get("Location"); got != "/sign-in?next=%2Fexports" {
		t.Fatalf("who is not signed in is sent to %q", got)
	}
	button := d.open("", first.Header.Get("Location")).doc.Find(".providers a")
	href, _ := button.Attr("href")
	if button.Text() != "Sign in with Okta & Co" || href != "/sign-in/oidc/okta?next=%2fexports" {
		t.Fatalf("the button %q leads to %q", button.Text(), href)
	}
	begun := d.open("", href)
	flow := named(begun.Cookies(), "__Host-audittrail_sign_in")
	if begun.StatusCode != http.StatusSeeOther || !strings.HasPrefix(begun.Header.Get("Location"), issuer.URL+"/auth?") {
		t.Fatalf("the button answers %d and leads to %q", begun.StatusCode, begun.Header.Get("Location"))
	}
	if flow == nil || !flow.HttpOnly || !flow.Secure || flow.SameSite != http.SameSiteLaxMode || flow.Path != "/" || flow.Domain != "" || !flow.Expires.Equal(today.Add(audit.SignInLife)) {
		t.Fatalf("the cookie is %+v", flow)
	}
	back := "/sign-in/oidc/okta/callback?" + issuer.Answer(begun.Header.Get("Location"), d.who(audit.RoleCreator), nil).Encode()
	if got := d.open("", back); got.StatusCode != http.StatusUnauthorized || len(got.Cookies()) > 0 || !strings.Contains(got.text, "not begun in this browser") {
		t.Errorf("another browser gets %d, %v:\n%s", got.StatusCode, got.Cookies(), got.text)
	}
	done := d.with([]*http.Cookie{flow}, back)
	session := named(done.Cookies(), d.server.CookieName())
	if done.StatusCode != http.StatusSeeOther || done.Header.Get("Location") != "/exports" || session == nil || done.Header.Get("Referrer-Policy") != "no-referrer" {
		t.Fatalf("the way back answers %d, %v:\n%s", done.StatusCode, done.Header, done.text)
	}
	if gone := named(done.Cookies(), flow.Name); gone == nil || gone.Value != "" || !gone.Expires.Before(today) {
		t.Errorf("the cookie of the sign-in stays: %+v", gone)
	}
	if got := d.open(session.Value, "/exports"); got.StatusCode != http.StatusOK {
		t.Errorf("the page after it answers %d", got.StatusCode)
	}
	if log := d.log.String(); strings.Contains(log, "code=") || strings.Contains(log, flow.Value) {
		t.Errorf("a code is in the log:\n%s", log)
	}
}

func TestSigningOutOfASessionOfAProviderLeadsOnToIt(t *testing.T) {
	d, issuer := newElsewhere(t, "http://127.0.0.1")
	begun := d.open("", "/sign-in/oidc/okta")
	answer := issuer.Answer(begun.Header.Get("Location"), d.who(audit.RoleCreator), nil)
	old := d.enter(d.who(audit.RoleCreator)).Value
	done := d.with(append(begun.Cookies(), &http.Cookie{Name: d.server.CookieName(), Value: old}), "/sign-in/oidc/okta/callback?"+answer.Encode())
	session := named(done.Cookies(), d.server.CookieName())
	if session == nil {
		t.Fatalf("nobody is signed in: %d\n%s", done.StatusCode, done.text)
	}
	if got := d.open(old, "/keys"); got.StatusCode != http.StatusSeeOther {
		t.Errorf("the session before it goes on: %d", got.StatusCode)
	}
	token, _ := d.open(session.Value, "/keys").doc.Find(`form[action="/sign-out"] input[name="csrf"]`).Attr("value")
	out := d.send(session.Value, "/sign-out", url.Values{"csrf": {token}})
	if out.StatusCode != http.StatusOK || !strings.HasPrefix(out.Header.Get("Refresh"), "0; url="+issuer.URL+"/end?") || out.doc.Find(`main a[href^="`+issuer.URL+`/end?"]`).Length() != 1 {
		t.Errorf("signing out answers %d with %v:\n%s", out.StatusCode, out.Header, out.text)
	}
	if got := d.open(session.Value, "/keys"); got.StatusCode != http.StatusSeeOther {
		t.Errorf("the session goes on: %d", got.StatusCode)
	}
}

func TestASignInAtAProviderThatFailsSaysWhyOnTheSignInPage(t *testing.T) {
	d, issuer := newElsewhere(t, "http://127.0.0.1")
	begun := d.open("", "/sign-in/oidc/okta?next=//evil.example.com")
	answer := issuer.Answer(begun.Header.Get("Location"), "x", nil)
	denied := d.with(begun.Cookies(), "/sign-in/oidc/okta/callback?"+url.Values{"state": answer["state"], "error": {"access_denied"}, "error_description": {"<b>call 0900</b>"}}.Encode())
	if denied.StatusCode != http.StatusUnauthorized || !strings.Contains(denied.text, "did not let you in") || strings.Contains(denied.text, "0900") || denied.doc.Find(".providers a").Length() != 1 {
		t.Errorf("a refusal answers %d:\n%s", denied.StatusCode, denied.text)
	}
	for _, path := range []string{"/sign-in/oidc/unknown", "/sign-in/oidc/unknown/callback?code=a&state=b", "/sign-in/oidc/%00", "/sign-in/oidc/"} {
		if got := d.open("", path); got.StatusCode != http.StatusNotFound {
			t.Errorf("%s answers %d", path, got.StatusCode)
		}
	}
	elsewhere, other := newElsewhere(t, "http://127.0.0.1")
	other.SetDown("", true)
	if got := elsewhere.open("", "/sign-in/oidc/okta"); got.StatusCode != http.StatusServiceUnavailable || got.Header.Get("Retry-After") == "" || !strings.Contains(got.text, "Okta &amp; Co cannot be reached") {
		t.Errorf("a provider that is down answers %d:\n%s", got.StatusCode, got.text)
	}
	if got := newDoor(t, "http://127.0.0.1").open("", "/sign-in/oidc/okta"); got.StatusCode != http.StatusNotFound {
		t.Errorf("without providers the page answers %d", got.StatusCode)
	}
}
