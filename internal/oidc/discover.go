package oidc

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/audittrail/audittrail/audit"
)

const (
	// discoverTimeout bounds the search for a provider, with all its tries.
	discoverTimeout = 12 * time.Second
	discoverTries   = 3
	discoverPause   = 250 * time.Millisecond // before the second try, and twice as long before each further one
	// knownFor is how long what a provider said of itself is taken for true, and downFor how long one that cannot be reached is left alone, so that
	// people who press the button again do not wait again.
	knownFor = time.Hour
	downFor  = 3 * time.Second
)

// algorithms are those by which a provider may sign: with a private key. "none" and those with a shared secret (HS256, …) are not among them,
// whatever the provider says that it supports.
var algorithms = []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA}

// provider is one provider, and what is known of it.
type provider struct {
	Settings
	client *http.Client
	now    func() time.Time

	// turn holds one token: whoever has it may use what follows.
	turn     chan struct{}
	known    *metadata
	downTill time.Time
	downWhy  error
}

// metadata is what a provider says of itself.
type metadata struct {
	*oidc.Provider
	verifier   *oidc.IDTokenVerifier
	authStyle  oauth2.AuthStyle
	endSession string
	// namesItself says that answers to the browser carry the issuer (RFC 9207).
	namesItself bool
	until       time.Time
}

func newProvider(s Settings, now func() time.Time) (*provider, error) {
	client, err := newClient(s)
	if err != nil {
		return nil, err
	}
	return &provider{Settings: s, client: client, now: now, turn: make(chan struct{}, 1)}, nil
}

// discovered returns what the provider says of itself, asking where that is not known or old. CodeUnavailable where it cannot be reached.
func (p *provider) discovered(ctx context.Context) (*metadata, error) {
	ctx, cancel := context.WithTimeout(ctx, discoverTimeout)
	defer cancel()
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return nil, p.down(ctx.Err())
	}
	now := p.now()
	if p.known != nil && now.Before(p.known.until) {
		return p.known, nil
	}
	if now.Before(p.downTill) {
		return p.known.orElse(p.down(p.downWhy))
	}
	found, err := p.discover(ctx)
	if err != nil {
		p.downTill, p.downWhy = now.Add(downFor), err
		return p.known.orElse(p.down(err))
	}
	found.until = now.Add(knownFor)
	p.known = found
	return found, nil
}

// orElse returns what was known before, if anything, as a provider that cannot be asked just now can still sign in whom it knows.
func (m *metadata) orElse(err error) (*metadata, error) {
	if m != nil {
		return m, nil
	}
	return nil, err
}

func (p *provider) down(cause error) error {
	return audit.Unavailable(cause, downFor, "%s cannot be reached just now; try again in a moment", p.Name)
}

// discover asks, and asks again.
func (p *provider) discover(ctx context.Context) (*metadata, error) {
	pause := discoverPause
	for try := 1; ; try++ {
		found, err := p.askMetadata(ctx)
		if err == nil || try == discoverTries {
			return found, err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, err
		}
		pause *= 2
	}
}

func (p *provider) askMetadata(ctx context.Context) (*metadata, error) {
	found, err := oidc.NewProvider(oidc.ClientContext(ctx, p.client), p.Issuer)
	if err != nil {
		return nil, err
	}
	var more struct {
		Authorization string   `json:"authorization_endpoint"`
		Token         string   `json:"token_endpoint"`
		Keys          string   `json:"jwks_uri"`
		EndSession    string   `json:"end_session_endpoint"`
		AuthMethods   []string `json:"token_endpoint_auth_methods_supported"`
		NamesItself   bool     `json:"authorization_response_iss_parameter_supported"`
	}
	if err := found.Claims(&more); err != nil {
		return nil, err
	}
	for name, address := range map[string]string{"authorization_endpoint": more.Authorization, "token_endpoint": more.Token, "jwks_uri": more.Keys} {
		if !p.permits(address) {
			return nil, fmt.Errorf("its %s is no address that we use: %q", name, address)
		}
	}
	if more.EndSession != "" && !p.permits(more.EndSession) {
		more.EndSession = ""
	}
	// The times are checked by ourselves, with the skew that is allowed.
	verifier := found.Verifier(&oidc.Config{ClientID: p.ClientID, SupportedSigningAlgs: algorithms, SkipExpiryCheck: true})
	return &metadata{Provider: found, verifier: verifier, authStyle: authStyle(more.AuthMethods, p.ClientSecret), endSession: more.EndSession,
		namesItself: more.NamesItself}, nil
}

// permits says whether the address is one that people or we may be sent to.
func (p *provider) permits(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Host != "" && p.client.Transport.(*guarded).permits(u)
}

// authStyle says how the client shows its secret. Asking by trying would use the code up at some providers.
func authStyle(methods []string, secret Secret) oauth2.AuthStyle {
	if secret == "" || len(methods) > 0 && !slices.Contains(methods, "client_secret_basic") {
		return oauth2.AuthStyleInParams
	}
	return oauth2.AuthStyleInHeader
}

// oauth returns the client's side of the conversation.
func (p *provider) oauth(m *metadata, redirect string) *oauth2.Config {
	endpoint := m.Endpoint()
	endpoint.AuthStyle = m.authStyle
	return &oauth2.Config{ClientID: p.ClientID, ClientSecret: string(p.ClientSecret), Endpoint: endpoint, RedirectURL: redirect, Scopes: p.Scopes}
}
