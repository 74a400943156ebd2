package oidc

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/audittrail/audittrail/audit"
)

// Options say what Providers work with.
type Options struct {
	Providers []Settings
	// PublicURL is the address of this server as browsers and providers know it.
	PublicURL string
	// Secret is what cookies are sealed with: the same in every process.
	Secret []byte
	// Clock tells the time; nil means time.Now.
	Clock func() time.Time
}

// Providers sign people in. They are for concurrent use.
type Providers struct {
	list   []*provider
	public string
	sealer sealer
	now    func() time.Time
}

// New returns the providers without asking any of them. The error names what is wrong with the settings.
func New(opts Options) (*Providers, error) {
	if opts.Clock == nil {
		opts.Clock = time.Now
	}
	if u, err := url.Parse(opts.PublicURL); err != nil || u.Host == "" {
		return nil, errors.New("public_url: must be set where people sign in at a provider, which has to send them back here")
	}
	sealer, err := newSealer(opts.Secret)
	if err != nil {
		return nil, err
	}
	if err := complete(opts.Providers); err != nil {
		return nil, err
	}
	p := &Providers{public: strings.TrimRight(opts.PublicURL, "/"), sealer: sealer, now: opts.Clock}
	for i, s := range opts.Providers {
		one, err := newProvider(s, opts.Clock)
		if err != nil {
			return nil, fmt.Errorf("providers[%d] (%s).%w", i, s.ID, err)
		}
		p.list = append(p.list, one)
	}
	return p, nil
}

// Close ends connections that are kept for later.
func (p *Providers) Close() {
	for _, one := range p.list {
		one.client.CloseIdleConnections()
	}
}

// List returns the providers in the order of the settings.
func (p *Providers) List() []audit.IdentityProvider {
	list := make([]audit.IdentityProvider, len(p.list))
	for i, one := range p.list {
		list[i] = one.public()
	}
	return list
}

func (p *provider) public() audit.IdentityProvider {
	return audit.IdentityProvider{ID: p.ID, Name: p.Name, Organization: p.Organization}
}

func (p *Providers) provider(id string) (*provider, error) {
	for _, one := range p.list {
		if one.ID == id {
			return one, nil
		}
	}
	return nil, audit.NotFound("provider")
}

// redirect is where the provider sends people back to.
func (p *Providers) redirect(id string) string { return p.public + "/sign-in/oidc/" + id + "/callback" }

// Begin returns the provider's address to send the browser to, and what the browser has to keep, for audit.SignInLife, and bring back to Finish. next comes back
// from Finish. CodeNotFound where there is no such provider, CodeUnavailable where it cannot be reached.
func (p *Providers) Begin(ctx context.Context, id, next string) (address, kept string, err error) {
	one, err := p.provider(id)
	if err != nil {
		return "", "", err
	}
	found, err := one.discovered(ctx)
	if err != nil {
		return "", "", err
	}
	if len(next) > maxNext {
		next = ""
	}
	f := flow{Provider: id, State: random(), Nonce: random(), Verifier: oauth2.GenerateVerifier(), Next: next, Until: p.now().Add(audit.SignInLife)}
	if kept, err = p.sealer.seal(f); err != nil {
		return "", "", err
	}
	address = one.oauth(found, p.redirect(id)).AuthCodeURL(f.State, oauth2.S256ChallengeOption(f.Verifier), oauth2.SetAuthURLParam("nonce", f.Nonce))
	return address, kept, nil
}

// Finish takes the provider's answer and what the browser kept, and returns who signs in. CodeUnauthenticated where the answer cannot be relied on, with a
// reason that may be shown and recorded; CodeUnavailable where the provider cannot be reached; CodeNotFound where there is none.
func (p *Providers) Finish(ctx context.Context, id, kept string, answer url.Values) (who audit.Identity, next string, err error) {
	one, err := p.provider(id)
	if err != nil {
		return audit.Identity{}, "", err
	}
	f, ok := p.sealer.open(kept)
	switch {
	case !ok:
		return audit.Identity{}, "", refuse(nil, "the sign-in was not begun in this browser")
	case f.Provider != id || !same(f.State, answer.Get("state")):
		return audit.Identity{}, "", refuse(nil, "the answer belongs to another sign-in")
	case !p.now().Before(f.Until):
		return audit.Identity{}, f.Next, refuse(nil, "the sign-in took longer than ten minutes")
	}
	found, err := one.discovered(ctx)
	if err != nil {
		return audit.Identity{}, f.Next, err
	}
	if err := one.checkAnswer(found, answer); err != nil {
		return audit.Identity{}, f.Next, err
	}
	claims, err := one.redeem(ctx, found, one.oauth(found, p.redirect(id)), answer.Get("code"), f)
	if err != nil {
		return audit.Identity{}, f.Next, err
	}
	who, err = one.identity(claims)
	return who, f.Next, err
}

// errorCode is what RFC 6749 permits as a code of an error, less what would have to be escaped. What else an answer says may be anybody's words.
var errorCode = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

// checkAnswer refuses an answer that is none of this provider, or no code.
func (p *provider) checkAnswer(found *metadata, answer url.Values) error {
	if iss := answer.Get("iss"); iss != p.Issuer && (iss != "" || found.namesItself) {
		return refuse(nil, "the answer comes from another provider")
	}
	switch code := answer.Get("error"); {
	case code == "access_denied":
		return refuse(nil, "%s did not let you in (access_denied)", p.Name)
	case errorCode.MatchString(code):
		return refuse(nil, "%s refused the sign-in (%s)", p.Name, code)
	case code != "":
		return refuse(nil, "%s refused the sign-in", p.Name)
	case answer.Get("code") == "":
		return refuse(nil, "%s answered without a code", p.Name)
	}
	return nil
}

// SignOut returns the address that signs the browser out at the provider as well and leads back to the sign-in here; "" where there is none.
func (p *Providers) SignOut(ctx context.Context, id string) string {
	one, err := p.provider(id)
	if err != nil || one.Settings.SignOut != "provider" {
		return ""
	}
	found, err := one.discovered(ctx)
	if err != nil || found.endSession == "" {
		return ""
	}
	u, err := url.Parse(found.endSession)
	if err != nil {
		return ""
	}
	query := u.Query()
	query.Set("client_id", one.ClientID)
	query.Set("post_logout_redirect_uri", p.public+"/sign-in")
	u.RawQuery = query.Encode()
	return u.String()
}

// refuse is the error of an answer that signs nobody in. The reason is for people; the cause for the log.
func refuse(cause error, format string, args ...any) error {
	return audit.WithCause(audit.CodeUnauthenticated, cause, format, args...)
}
