package app_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/app"
)

// browse asks as a browser does that has the cookie, and does not follow where it is sent.
func browse(t *testing.T, method, address, cookie string, form url.Values) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Cookie", "audittrail_session="+cookie)
	r.Close = true
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(data)
}

func TestTheCreatorSignsInByTheLinkThatAServerMakesAtItsStart(t *testing.T) {
	cfg := settings(t)
	key(t, cfg)
	a, err := app.New(t.Context(), cfg, options())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	link, err := a.LoginLink(ctx)
	if err != nil || link.Organization != "acme" || link.Member != "u" || !strings.HasPrefix(link.URL, a.URL()+"/sign-in?link=al_") {
		t.Fatalf("the link is %+v, %v", link, err)
	}
	address, secret, _ := strings.Cut(link.URL, "?link=")
	page, text := browse(t, http.MethodGet, link.URL, "", nil)
	if page.StatusCode != http.StatusOK || !strings.Contains(text, secret) || len(page.Cookies()) > 0 {
		t.Fatalf("the page is answered %d: %s", page.StatusCode, text)
	}
	in, text := browse(t, http.MethodPost, address, "", url.Values{"link": {secret}})
	if in.StatusCode != http.StatusSeeOther || len(in.Cookies()) != 1 {
		t.Fatalf("the button is answered %d: %s", in.StatusCode, text)
	}
	cookie := in.Cookies()[0].Value
	for _, path := range []string{"/v1/organization", "/keys"} {
		if got, text := browse(t, http.MethodGet, a.URL()+path, cookie, nil); got.StatusCode != http.StatusOK {
			t.Errorf("%s is answered %d: %s", path, got.StatusCode, text)
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

func TestALinkIsForTheOneWhoIsMeantOrTheErrorSaysWhatToName(t *testing.T) {
	records, err := app.OpenStore(t.Context(), settings(t), options())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = records.Close() }()
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	organization := func(id string) {
		t.Helper()
		if _, err := records.PutOrganization(t.Context(), audit.Organization{ID: id, Name: id}); err != nil {
			t.Fatal(err)
		}
	}
	member := func(organization, id string, role audit.Role, status audit.MemberStatus) {
		t.Helper()
		if _, err := records.PutMember(t.Context(), audit.Member{Organization: organization, ID: id, Name: id, Role: role, Status: status}); err != nil {
			t.Fatal(err)
		}
	}
	// want makes a link and compares whom it is for, or what the error says.
	want := func(organization, member, want string) {
		t.Helper()
		link, err := app.NewLoginLink(t.Context(), records, organization, member, "https://audit.example.com/", now)
		got := link.Organization + "/" + link.Member
		if err != nil {
			got = err.Error()
		} else if !strings.HasPrefix(link.URL, "https://audit.example.com/sign-in?link=al_") || !link.ExpiresAt.Equal(now.Add(10*time.Minute)) {
			t.Errorf("the link is %+v", link)
		}
		if !strings.Contains(got, want) {
			t.Errorf("organization %q, member %q: %q, want %q", organization, member, got, want)
		}
	}
	want("", "", "no organization yet")
	organization("acme")
	want("", "", "no active creator")
	member("acme", "former", audit.RoleCreator, audit.MemberDeactivated)
	want("", "", "no active creator")
	member("acme", "ada", audit.RoleCreator, audit.MemberActive)
	member("acme", "bob", audit.RoleMember, audit.MemberActive)
	want("", "", "acme/ada")
	want("", "bob", "acme/bob")
	want("", "former", `"former" is not an active member`)
	want("", "nobody", `"nobody" is not an active member`)
	want("elsewhere", "", "no organization elsewhere")
	member("acme", "eve", audit.RoleCreator, audit.MemberActive)
	want("", "", "more than one creator")
	organization("other")
	want("", "", "2 organizations: name one with --organization")
	want("acme", "ada", "acme/ada")
	want("other", "ada", `"ada" is not an active member of the organization other`)
}

func TestAServerWithProvidersThatCannotWorkSaysWhichFieldIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"providers: [{id: okta, organization: acme, issuer: 'http://okta.example.com', client_id: a}]":                            "sign_in.providers_file: ",
		"providers: [{id: okta, organization: acme, issuer: 'https://okta.example.com', client_id: a, ca_file: /does/not/exist}]": "ca_file: ",
	} {
		cfg := settings(t)
		cfg.Listen, cfg.PublicURL = "127.0.0.1:0", "https://audit.example.com"
		cfg.SignIn.ProvidersFile = filepath.Join(t.TempDir(), "providers.yaml")
		if err := os.WriteFile(cfg.SignIn.ProvidersFile, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		a, err := app.New(t.Context(), cfg, options())
		if err == nil {
			_ = a.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "sign_in.providers_file: ") || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "providers[0] (okta).") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestAProviderThatCannotBeReachedDoesNotKeepTheServerFromStarting(t *testing.T) {
	cfg := settings(t)
	cfg.Listen, cfg.PublicURL = "127.0.0.1:0", "http://127.0.0.1"
	cfg.SignIn.ProvidersFile = filepath.Join(t.TempDir(), "providers.yaml")
	if err := os.WriteFile(cfg.SignIn.ProvidersFile, []byte("providers: [{id: okta, name: Okta, organization: acme, issuer: 'http://127.0.0.1:1', client_id: a}]"), 0o600); err != nil {
		t.Fatal(err)
	}
	response, err := http.Get(serving(t, cfg, options()) + "/sign-in")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	if err != nil || !strings.Contains(string(page), "Sign in with Okta") {
		t.Errorf("the page is %s, %v", page, err)
	}
}
