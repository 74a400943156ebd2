package api

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/oidc"
	"github.com/audittrail/audittrail/internal/oidctest"
)

// newSignInRig starts a server whose people sign in at an issuer, bound to the organization.
func newSignInRig(t *testing.T, organization string, change func(*oidc.Settings)) (*rig, *oidctest.Issuer) {
	t.Helper()
	var g *rig
	issuer := oidctest.NewIssuer(t, func() time.Time { return g.clock.Now() })
	g = newRig(t, func(cfg *Config) {
		s := oidc.Settings{ID: "okta", Name: "Okta", Organization: organization, Issuer: issuer.URL, ClientID: oidctest.ClientID, ClientSecret: oidctest.ClientSecret}
		if change != nil {
			change(&s)
		}
		providers, err := oidc.New(oidc.Options{Providers: []oidc.Settings{s}, PublicURL: cfg.PublicURL, Secret: make([]byte, 32), Clock: cfg.Clock})
		must(t, err)
		t.Cleanup(providers.Close)
		cfg.Providers = providers
	})
	return g, issuer
}

// enter signs the member in at the issuer, with an ID token that has these claims as well.
func (g *rig) enter(issuer *oidctest.Issuer, member string, claims ...any) (cookie string, expires time.Time, err error) {
	g.t.Helper()
	address, kept, err := g.server.BeginSignIn(g.t.Context(), "okta", "/exports")
	must(g.t, err)
	answer := issuer.Answer(address, member, func(k *oidctest.Token) {
		for i := 0; i < len(claims); i += 2 {
			k.Claims[claims[i].(string)] = claims[i+1]
		}
	})
	cookie, expires, _, err = g.server.FinishSignIn(g.t.Context(), "okta", kept, answer, browser)
	return cookie, expires, err
}

func (g *rig) member(id string) audit.Member {
	g.t.Helper()
	m, err := g.store.Member(g.t.Context(), "acme", id)
	must(g.t, err)
	return m
}

func TestAMemberSignsInAtTheProviderOfTheirOrganization(t *testing.T) {
	g, issuer := newSignInRig(t, "acme", func(s *oidc.Settings) {
		s.Session = oidc.Session{Life: oidc.Duration(time.Hour), Idle: oidc.Duration(10 * time.Minute)}
	})
	cookie, expires, err := g.enter(issuer, "s_1", "name", "Another Name")
	must(t, err)
	if !expires.Equal(today.Add(time.Hour)) {
		t.Errorf("the session lasts until %v", expires)
	}
	g.do(call{method: "GET", path: "/v1/keys", header: g.with(cookie)}).want(200)
	records := g.records("acme", audit.ActionSessionCreated)
	if e := records[0]; len(records) != 1 || e.Actor.ID != "s_1" || e.Metadata["provider"] != "okta" || e.Metadata["session"] == "" || e.Source.IP != browser.IP || e.Source.Platform != "web" {
		t.Errorf("recorded as %+v", records)
	}
	if m := g.member("s_1"); m.Name != "Name of s_1" || m.Version != 1 || len(g.records("acme", audit.ActionMemberUpdated)) > 0 {
		t.Errorf("the directory has %+v", m)
	}
	g.clock.Advance(10 * time.Minute)
	g.do(call{method: "GET", path: "/v1/keys", header: g.with(cookie)}).want(401)
}

func TestWhoIsNotInTheDirectoryOrHasLeftIsToldAndRecorded(t *testing.T) {
	g, issuer := newSignInRig(t, "acme", nil)
	g.putMember(audit.Member{ID: "dead", Organization: "acme", Name: "Dead Person", Role: audit.RoleMember, Status: audit.MemberDeleted})
	for member, want := range map[string]string{"stranger": "not in the organization's directory", "gone": "ended (deactivated)", "dead": "ended (deleted)", "o_1": "not in the organization's directory"} {
		_, _, err := g.enter(issuer, member)
		if audit.CodeOf(err) != audit.CodeUnauthenticated || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", member, err)
		}
	}
	records := g.records("acme", audit.ActionSessionCreated)
	if len(records) != 4 || len(g.records("other", audit.ActionSessionCreated)) != 0 {
		t.Fatalf("recorded as %+v", records)
	}
	for _, e := range records {
		if e.Outcome != audit.OutcomeFailure || e.Actor.ID == "" || e.Metadata["reason"] == "" || e.Metadata["provider"] != "okta" {
			t.Errorf("recorded as %+v", e)
		}
	}
}

func TestAnAnswerThatCannotBeReliedOnIsRecordedWithoutAMember(t *testing.T) {
	g, issuer := newSignInRig(t, "acme", nil)
	_, _, err := g.enter(issuer, "s_1", "aud", "another")
	wantCode(t, "a token for another application", err, audit.CodeUnauthenticated)
	records := g.records("acme", audit.ActionSessionCreated)
	if len(records) != 1 || records[0].Actor.Type != "system" || records[0].Outcome != audit.OutcomeFailure || !strings.Contains(records[0].Metadata["reason"], "another application") {
		t.Errorf("recorded as %+v", records)
	}
	for range 20 {
		_, _, _, err = g.server.FinishSignIn(t.Context(), "okta", "", nil, browser)
	}
	wantCode(t, "the twentieth failure", err, audit.CodeRateLimited)
	if n := len(g.records("acme", audit.ActionSessionCreated)); n != failBurst {
		t.Errorf("%d failures are recorded", n)
	}
	cookie, _, err := g.enter(issuer, "s_1") // who can sign in is let in
	must(t, err)
	if log := g.log.String(); strings.Contains(log, cookie) || strings.Contains(log, "Name of") {
		t.Errorf("the log says too much:\n%s", log)
	}
	_, _, err = g.server.BeginSignIn(t.Context(), "unknown", "/")
	wantCode(t, "an unknown provider", err, audit.CodeNotFound)
}

func TestAProviderThatIsDownIsSaidToBeSo(t *testing.T) {
	g, issuer := newSignInRig(t, "acme", nil)
	issuer.SetDown("/token", true)
	_, _, err := g.enter(issuer, "s_1")
	wantCode(t, "down half way", err, audit.CodeUnavailable)
	issuer.SetDown("", true)
	g.clock.Advance(2 * time.Hour)
	g.do(call{method: http.MethodGet, path: "/healthz"}).want(200)
	cookie := g.signIn("acme", "s_1") // links work all the same
	g.do(call{method: "GET", path: "/v1/keys", header: g.with(cookie)}).want(200)
}

func TestRolesFollowTheProviderAtEverySignIn(t *testing.T) {
	g, issuer := newSignInRig(t, "acme", func(s *oidc.Settings) {
		s.Roles = []oidc.RoleRule{{Claim: "groups", Value: "admins", Role: audit.RoleSystemAdmin}}
	})
	_, _, err := g.enter(issuer, "m_1", "groups", []string{"admins"})
	must(t, err)
	records := g.records("acme", audit.ActionMemberUpdated)
	if m := g.member("m_1"); m.Role != audit.RoleSystemAdmin || len(records) != 1 || records[0].Actor.Type != "system" || records[0].Targets[0].ID != "m_1" ||
		len(records[0].Changes) != 1 || records[0].Changes[0] != (audit.Change{Field: "role", Old: "member", New: "system_admin"}) {
		t.Errorf("the member is %+v, recorded as %+v", m, records)
	}
	cookie, _, err := g.enter(issuer, "m_1")
	must(t, err)
	g.do(call{method: "GET", path: "/v1/keys", header: g.with(cookie)}).want(403)
	_, _, err = g.enter(issuer, "c_1")
	must(t, err)
	if m := g.member("c_1"); m.Role != audit.RoleCreator || g.member("m_1").Role != audit.RoleMember {
		t.Errorf("the creator became %s", m.Role)
	}
}

func TestWhoIsNewIsAddedWhereTheProviderIsTheSourceOfMembers(t *testing.T) {
	g, issuer := newSignInRig(t, "acme", func(s *oidc.Settings) { s.CreateMembers = true })
	cookie, _, err := g.enter(issuer, "new_1", "name", "New Person", "email", "no address")
	must(t, err)
	if m := g.member("new_1"); m.Name != "New Person" || m.Email != "" || m.Role != audit.RoleMember || m.Status != audit.MemberActive {
		t.Errorf("the member is %+v", m)
	}
	g.do(call{method: "GET", path: "/v1/events?log=login", header: g.with(cookie)}).want(200)
	if records := g.records("acme", audit.ActionMemberUpdated); len(records) != 1 || !strings.Contains(records[0].Message, "added to the directory") {
		t.Errorf("recorded as %+v", records)
	}
	_, _, err = g.enter(issuer, strings.Repeat("x", 2000))
	wantCode(t, "an id that is none", err, audit.CodeUnauthenticated)
	_, _, err = g.enter(issuer, "gone", "name", "Gone Person")
	wantCode(t, "who has left", err, audit.CodeUnauthenticated)
}

func TestAProviderOfAnOrganizationThatDoesNotExistSignsNobodyIn(t *testing.T) {
	g, issuer := newSignInRig(t, "nowhere", func(s *oidc.Settings) { s.CreateMembers = true })
	_, _, err := g.enter(issuer, "s_1")
	wantCode(t, "no organization", err, audit.CodeUnauthenticated)
	if _, err := g.store.Member(t.Context(), "nowhere", "s_1"); audit.CodeOf(err) != audit.CodeNotFound || len(g.trail("nowhere")) > 0 {
		t.Errorf("something of an organization that does not exist was made: %v", err)
	}
}

func TestSigningOutOfASessionLeadsToItsProvider(t *testing.T) {
	g, issuer := newSignInRig(t, "acme", nil)
	issuer.SetMetadata("end_session_endpoint", issuer.URL+"/end")
	cookie, _, err := g.enter(issuer, "s_1")
	must(t, err)
	if got := g.server.SignOutAddress(t.Context(), cookie); !strings.HasPrefix(got, issuer.URL+"/end?") {
		t.Errorf("the address is %q", got)
	}
	for _, other := range []string{g.signIn("acme", "s_1"), "", "as_" + strings.Repeat("0", 43)} {
		if got := g.server.SignOutAddress(t.Context(), other); got != "" {
			t.Errorf("a session of no provider leads to %q", got)
		}
	}
}

func TestAProviderDoesNotTakeTheLastCreatorAway(t *testing.T) {
	g, issuer := newSignInRig(t, "acme", func(s *oidc.Settings) {
		s.Roles = []oidc.RoleRule{{Claim: "groups", Value: "owners", Role: audit.RoleCreator}}
	})
	_, _, err := g.enter(issuer, "c_1") // the group of owners was emptied by mistake
	must(t, err)
	if m := g.member("c_1"); m.Role != audit.RoleCreator {
		t.Errorf("the organization's only creator became a %s", m.Role)
	}
	_, _, err = g.enter(issuer, "m_1", "groups", []string{"owners"})
	must(t, err)
	_, _, err = g.enter(issuer, "c_1")
	must(t, err)
	if m := g.member("c_1"); m.Role != audit.RoleMember || g.member("m_1").Role != audit.RoleCreator {
		t.Errorf("with another creator there the first is a %s still", m.Role)
	}
}
