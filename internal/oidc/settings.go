package oidc

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// Bounds of what can be set.
const (
	DefaultClockSkew = time.Minute
	maxClockSkew     = 10 * time.Minute
	minSession       = 5 * time.Minute
	maxSession       = 30 * 24 * time.Hour
	maxProviders     = 100
)

// Settings say how one provider is reached and what its claims mean.
type Settings struct {
	// ID is a-z, 0-9 and "-": it stands in the address that the provider sends people back to.
	ID           string `yaml:"id"`
	Name         string `yaml:"name"` // on the button; the id where it is not given
	Organization string `yaml:"organization"`

	Issuer           string   `yaml:"issuer"` // exactly as the provider writes it
	ClientID         string   `yaml:"client_id"`
	ClientSecret     Secret   `yaml:"client_secret"` // none for a public client
	ClientSecretFile string   `yaml:"client_secret_file"`
	CAFile           string   `yaml:"ca_file"` // certificates to trust beside the system's
	Scopes           []string `yaml:"scopes"`  // openid, profile and email where none are given

	Claims        Claims     `yaml:"claims"`
	Roles         []RoleRule `yaml:"roles"`
	DefaultRole   audit.Role `yaml:"default_role"` // member where it is not given
	CreateMembers bool       `yaml:"create_members"`

	ClockSkew *Duration `yaml:"clock_skew"` // DefaultClockSkew where it is not given
	Session   Session   `yaml:"session"`
	// SignOut is "provider" (signing out here signs out there as well, where the provider can) or "here".
	SignOut string `yaml:"sign_out"`
}

// Claims name the claims that things are read from; a dot leads into an object.
type Claims struct {
	Member      string `yaml:"member"` // sub where it is not given
	Name        string `yaml:"name"`
	Email       string `yaml:"email"`
	Departments string `yaml:"departments"` // none where it is not given
}

// RoleRule gives the role to whoever has the value in the claim. The mightiest role of all rules that hold counts.
type RoleRule struct {
	Claim string     `yaml:"claim"`
	Value string     `yaml:"value"`
	Role  audit.Role `yaml:"role"`
}

// Session is how long a sign-in lasts, at most and without use.
type Session struct {
	Life Duration `yaml:"life"`
	Idle Duration `yaml:"idle"`
}

// Duration is a time.Duration that is written as in "90s" or "12h".
type Duration time.Duration

// UnmarshalText is part of encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is not a length of time, like 90s, 30m or 12h", text)
	}
	*d = Duration(v)
	return nil
}

// Secret is text that is never shown.
type Secret string

// String masks it.
func (s Secret) String() string { return strings.Repeat("*", min(len(s), 8)) }

// GoString masks it for %#v.
func (s Secret) GoString() string { return s.String() }

// MarshalText masks it for encoders.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

var providerID = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// complete fills in the defaults and the secret that is in a file, and says everything that is wrong.
func (s *Settings) complete() error {
	var errs []error
	add := func(field, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %s", field, fmt.Sprintf(format, args...)))
	}
	s.setDefaults()
	s.checkNames(add)
	s.checkClient(add)
	s.checkClaims(add)
	if skew := time.Duration(*s.ClockSkew); skew < 0 || skew > maxClockSkew {
		add("clock_skew", "must be from 0s to %s", maxClockSkew)
	}
	life, idle := time.Duration(s.Session.Life), time.Duration(s.Session.Idle)
	if life < minSession || life > maxSession {
		add("session.life", "must be from %s to %s", minSession, maxSession)
	}
	if idle < time.Minute || idle > life {
		add("session.idle", "must be from 1m to session.life")
	}
	if s.SignOut != "provider" && s.SignOut != "here" {
		add("sign_out", "must be provider or here")
	}
	return errors.Join(errs...)
}

func (s *Settings) setDefaults() {
	set := func(value *string, standard string) {
		if *value == "" {
			*value = standard
		}
	}
	set(&s.Name, s.ID)
	set(&s.Claims.Member, "sub")
	set(&s.Claims.Name, "name")
	set(&s.Claims.Email, "email")
	set(&s.SignOut, "provider")
	set((*string)(&s.DefaultRole), string(audit.RoleMember))
	if len(s.Scopes) == 0 {
		s.Scopes = []string{"openid", "profile", "email"}
	}
	if s.ClockSkew == nil {
		skew := Duration(DefaultClockSkew)
		s.ClockSkew = &skew
	}
	if s.Session.Life == 0 {
		s.Session.Life = Duration(audit.SessionLife)
	}
	if s.Session.Idle == 0 {
		s.Session.Idle = Duration(min(audit.SessionIdle, time.Duration(s.Session.Life)))
	}
}

type complaint func(field, format string, args ...any)

func (s *Settings) checkNames(add complaint) {
	if !providerID.MatchString(s.ID) {
		add("id", `%q is not an id: it must be 1 to 63 of a-z, 0-9 and "-", beginning with a letter or digit`, shorten(s.ID))
	}
	if len(s.Name) > audit.MaxNameBytes {
		add("name", "must be at most %d bytes", audit.MaxNameBytes)
	}
	if audit.ValidateOrganizationID(s.Organization) != nil {
		add("organization", "must be the id of the organization whose members sign in here; %q is none", shorten(s.Organization))
	}
}

func (s *Settings) checkClient(add complaint) {
	issuer, err := url.Parse(s.Issuer)
	switch {
	case err != nil || issuer.Host == "" || issuer.User != nil || issuer.RawQuery != "" || issuer.Fragment != "":
		add("issuer", "must be the provider's address, like https://login.example.com, as it stands in its /.well-known/openid-configuration")
	case issuer.Scheme != "https" && (issuer.Scheme != "http" || !isLoopback(issuer)):
		add("issuer", "must begin with https://, but for a provider on this machine")
	}
	if s.ClientID == "" {
		add("client_id", "is required: the provider gives it to you when you register the application")
	}
	switch {
	case s.ClientSecret != "" && s.ClientSecretFile != "":
		add("client_secret", "and client_secret_file are both set: remove one")
	case s.ClientSecretFile != "":
		data, err := os.ReadFile(s.ClientSecretFile)
		if err != nil {
			add("client_secret_file", "cannot be read: %v", err)
		} else if s.ClientSecret = Secret(strings.TrimRight(string(data), "\r\n")); s.ClientSecret == "" {
			add("client_secret_file", "is empty: %s", s.ClientSecretFile)
		}
	}
	if !slices.Contains(s.Scopes, "openid") {
		add("scopes", "must hold openid, without which the provider does not say who signs in")
	}
	for i, scope := range s.Scopes {
		if scope == "" || strings.ContainsFunc(scope, func(c rune) bool { return c <= ' ' || c > '~' || c == '"' || c == '\\' }) {
			add(fmt.Sprintf("scopes[%d]", i), "%q is not a scope", shorten(scope))
		}
	}
}

func (s *Settings) checkClaims(add complaint) {
	for i, rule := range s.Roles {
		at := fmt.Sprintf("roles[%d].", i)
		if rule.Claim == "" {
			add(at+"claim", "is required")
		}
		if rule.Value == "" {
			add(at+"value", "is required: who has it in the claim gets the role")
		}
		if !slices.Contains(audit.Roles(), rule.Role) {
			add(at+"role", "%q is not a role: it must be one of %s", shorten(string(rule.Role)), roleWords())
		}
	}
	switch {
	case !slices.Contains(audit.Roles(), s.DefaultRole):
		add("default_role", "%q is not a role: it must be one of %s", shorten(string(s.DefaultRole)), roleWords())
	case s.DefaultRole == audit.RoleCreator:
		add("default_role", "must not be creator: name in roles who is one")
	}
}

func roleWords() string {
	words := make([]string, len(audit.Roles()))
	for i, role := range audit.Roles() {
		words[i] = string(role)
	}
	return strings.Join(words, ", ")
}

// isLoopback says whether the address is on this machine.
func isLoopback(u *url.URL) bool {
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && ip.IsLoopback()
}

// shorten keeps what an error repeats readable.
func shorten(text string) string {
	if len(text) > 60 {
		return strings.ToValidUTF8(text[:60], "") + "…"
	}
	return text
}
