package oidc_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/oidc"
	"github.com/audittrail/audittrail/internal/oidctest"
)

// say returns a change of the ID token that adds the claims.
func say(pairs ...any) func(*oidctest.Token) {
	return func(k *oidctest.Token) {
		for i := 0; i < len(pairs); i += 2 {
			k.Claims[pairs[i].(string)] = pairs[i+1]
		}
	}
}

func TestClaimsBecomeAMemberAsTheSettingsSay(t *testing.T) {
	g := newRig(t, func(s *oidc.Settings) {
		s.Claims = oidc.Claims{Member: "oid", Name: "https://acme.example/name", Email: "contact.mail", Departments: "departments"}
		s.CreateMembers = true
	})
	who, err := g.signIn(say("oid", "u_99", "https://acme.example/name", " Alice Smith ", "contact", map[string]any{"mail": "alice@example.com"},
		"departments", []any{"Sales", "Sales", "", "Support", 7}))
	must(t, err)
	if who.Member != "u_99" || who.Name != "Alice Smith" || who.Email != "alice@example.com" || !slices.Equal(who.Departments, []string{"Sales", "Support", "7"}) || !who.CreatesMembers {
		t.Errorf("got %+v", who)
	}
	who, err = g.signIn(say("oid", json.Number("12345678901234567891")))
	must(t, err)
	if who.Member != "12345678901234567891" {
		t.Errorf("a long number becomes %q", who.Member)
	}
	for name, change := range map[string]func(*oidctest.Token){"missing": nil, "empty": say("oid", " "), "two": say("oid", []string{"a", "b"}), "an object": say("oid", map[string]any{"a": "b"})} {
		_, err := g.signIn(change)
		wantRefusal(t, "an id that is "+name, err, audit.CodeUnauthenticated, "the claim oid is missing")
	}
}

func TestTheMightiestRoleOfTheRulesThatHoldCounts(t *testing.T) {
	g := newRig(t, func(s *oidc.Settings) {
		s.Roles = []oidc.RoleRule{{Claim: "groups", Value: "contacts", Role: audit.RoleContactAdmin}, {Claim: "groups", Value: "admins", Role: audit.RoleSystemAdmin},
			{Claim: "realm_access.roles", Value: "admin", Role: audit.RoleSystemAdmin}, {Claim: "is_contact", Value: "true", Role: audit.RoleContactAdmin}}
	})
	for _, c := range []struct {
		claims []any
		want   audit.Role
	}{
		{nil, audit.RoleMember},
		{[]any{"groups", []string{"others", "creator"}}, audit.RoleMember},
		{[]any{"groups", "contacts"}, audit.RoleContactAdmin},
		{[]any{"groups", []string{"contacts", "admins"}}, audit.RoleSystemAdmin},
		{[]any{"groups", "contacts admins"}, audit.RoleMember},
		{[]any{"realm_access", map[string]any{"roles": []string{"admin"}}}, audit.RoleSystemAdmin},
		{[]any{"is_contact", true}, audit.RoleContactAdmin},
	} {
		who, err := g.signIn(say(c.claims...))
		must(t, err)
		if who.Role != c.want || !who.RoleIsMapped || who.CreatorIsMapped {
			t.Errorf("%v gives %+v, want %s", c.claims, who, c.want)
		}
	}
}

func TestAnAddressIsAMembersIdOnlyWhereTheProviderVerifiedIt(t *testing.T) {
	g := newRig(t, func(s *oidc.Settings) { s.Claims.Member = "email" })
	who, err := g.signIn(say("email", "alice@example.com", "email_verified", true))
	must(t, err)
	if who.Member != "alice@example.com" {
		t.Errorf("got %+v", who)
	}
	for name, change := range map[string]func(*oidctest.Token){"not said": say("email", "a@b.org"), "not so": say("email", "a@b.org", "email_verified", false)} {
		_, err := g.signIn(change)
		wantRefusal(t, name, err, audit.CodeUnauthenticated, "verified")
	}
	g.issuer.SetUserInfo(map[string]any{"sub": "u_17", "email": "mallory@example.com", "email_verified": true})
	fresh := g.another(func(s *oidc.Settings) { s.Claims.Member = "email" })
	g.providers = fresh
	_, err = g.signIn(say("email", "alice@example.com"))
	wantRefusal(t, "verified is another address", err, audit.CodeUnauthenticated, "verified")
}

func TestTheUserInfoAddsWhatTheTokenLeavesOutAndMustBeAboutTheSame(t *testing.T) {
	g := newRig(t)
	g.issuer.SetUserInfo(map[string]any{"sub": "u_17", "name": "Alice Smith", "email": "other@example.com"})
	who, err := g.signIn(say("email", "alice@example.com"))
	must(t, err)
	if who.Name != "Alice Smith" || who.Email != "alice@example.com" {
		t.Errorf("got %+v", who)
	}
	g.issuer.SetUserInfo(map[string]any{"sub": "u_18", "name": "Mallory"})
	_, err = g.signIn(nil)
	wantRefusal(t, "about somebody else", err, audit.CodeUnauthenticated, "somebody else")
	asked := g.issuer.Asked("/userinfo")
	_, err = g.signIn(say("email", "alice@example.com", "name", "Alice Smith"))
	must(t, err)
	if g.issuer.Asked("/userinfo") != asked {
		t.Error("the user info was asked for where the token said all")
	}
}
