package oidc_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/oidc"
)

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	must(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

const minimal = `providers:
  - id: okta
    organization: acme
    issuer: https://acme.okta.com
    client_id: abc
`

func TestAFileOfProvidersIsReadWithItsDefaultsAndSecrets(t *testing.T) {
	list, err := oidc.ReadFile(write(t, "a.yaml", minimal))
	must(t, err)
	s := list[0]
	if s.Name != "okta" || s.Claims.Member != "sub" || s.DefaultRole != audit.RoleMember || time.Duration(*s.ClockSkew) != time.Minute || s.CreateMembers ||
		time.Duration(s.Session.Life) != audit.SessionLife || time.Duration(s.Session.Idle) != audit.SessionIdle || s.SignOut != "provider" || len(s.Scopes) != 3 {
		t.Errorf("the defaults are %+v", s)
	}
	secret := write(t, "secret", "hush hush\n")
	list, err = oidc.ReadFile(write(t, "b.yaml", minimal+"    client_secret_file: "+secret+`
    scopes: [openid, groups]
    claims: {member: oid, departments: department}
    roles: [{claim: groups, value: admins, role: creator}]
    default_role: contact_admin
    create_members: true
    clock_skew: 0s
    session: {life: 1h, idle: 10m}
    sign_out: here
  - {id: second, organization: other, issuer: "http://localhost:8081/realms/x", client_id: abc, client_secret: inline, session: {life: 30m}}
`))
	must(t, err)
	s = list[0]
	if s.ClientSecret != "hush hush" || s.Roles[0].Role != audit.RoleCreator || *s.ClockSkew != 0 || time.Duration(s.Session.Idle) != 10*time.Minute || s.Claims.Member != "oid" {
		t.Errorf("got %+v", s)
	}
	if idle := time.Duration(list[1].Session.Idle); idle != 30*time.Minute {
		t.Errorf("a short session may be without use for %s", idle)
	}
	if shown := fmt.Sprintf("%v %+v %#v", list, list, list); strings.Contains(shown, "hush") || strings.Contains(shown, "inline") {
		t.Errorf("a secret is shown: %s", shown)
	}
}

func TestMistakesInAFileOfProvidersAreNamedAllAtOnce(t *testing.T) {
	_, err := oidc.ReadFile(write(t, "a.yaml", `providers:
  - {id: Okta!, organization: "A B", issuer: "http://example.com", client_secret: a, client_secret_file: b, scopes: [email],
     roles: [{claim: "", value: "", role: boss}], default_role: creator, clock_skew: 2h, session: {life: 1s, idle: 1000h}, sign_out: maybe}
`))
	for _, field := range []string{"id", "organization", "issuer", "client_id", "client_secret", "scopes", "roles[0].claim", "roles[0].value", "roles[0].role",
		"default_role", "clock_skew", "session.life", "session.idle", "sign_out"} {
		if err == nil || !strings.Contains(err.Error(), "providers[0] (Okta!)."+field+": ") {
			t.Errorf("%s is not named in: %v", field, err)
		}
	}
	for name, c := range map[string][2]string{
		"a field that does not exist": {minimal + "    secret: x\n", "field secret not found"},
		"a length that is none":       {minimal + "    clock_skew: soon\n", "not a length of time"},
		"no providers":                {"providers: []\n", "providers: must list"},
		"an empty file":               {"", "providers: must list"},
		"no YAML":                     {"{", "not a file of providers"},
		"two documents":               {minimal + "---\n" + minimal, "one YAML document"},
		"the same id twice":           {minimal + strings.TrimPrefix(minimal, "providers:\n"), "providers[1] (okta).id: is given twice"},
		"a secret that is not there":  {minimal + "    client_secret_file: /does/not/exist\n", "client_secret_file: cannot be read"},
		"a null provider":             {"providers: [null]\n", "providers: must list"},
	} {
		if _, err := oidc.ReadFile(write(t, "a.yaml", c[0])); err == nil || !strings.Contains(err.Error(), c[1]) {
			t.Errorf("%s: got %v, want %q", name, err, c[1])
		}
	}
	if _, err := oidc.ReadFile("/does/not/exist"); err == nil {
		t.Error("a file that is not there is read")
	}
}

func TestProvidersThatCannotWorkAreRefusedBeforeAnybodySignsIn(t *testing.T) {
	good := oidc.Settings{ID: "okta", Organization: "acme", Issuer: "https://acme.okta.com", ClientID: "abc"}
	bad := good
	bad.CAFile = write(t, "ca.pem", "no certificate")
	for want, opts := range map[string]oidc.Options{
		"public_url": {Providers: []oidc.Settings{good}},
		"ca_file":    {Providers: []oidc.Settings{bad}, PublicURL: public},
		"issuer":     {Providers: []oidc.Settings{{ID: "okta", Organization: "acme", ClientID: "abc"}}, PublicURL: public},
	} {
		if _, err := oidc.New(opts); err == nil || !strings.Contains(err.Error(), want+": ") {
			t.Errorf("want an error of %s, got %v", want, err)
		}
	}
}

func FuzzReadingProvidersNeverPanics(f *testing.F) {
	f.Add([]byte(minimal))
	f.Add([]byte("providers: [{id: a, clock_skew: 1s, roles: [{claim: a}]}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "a.yaml")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		list, err := oidc.ReadFile(path)
		if err == nil && len(list) == 0 {
			t.Error("nothing was read and nothing was wrong")
		}
	})
}
