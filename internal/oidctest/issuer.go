// Package oidctest holds providers of identities for tests: an Issuer in the test's own hand, which signs whatever the test wants, and a real one
// (zitadel/oidc) with a page to sign in on.
package oidctest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"
)

// The client that an Issuer knows.
const (
	ClientID     = "audittrail"
	ClientSecret = "a secret & more"
)

// Issuer is a provider that says what the test wants. Its codes work once, and only with the verifier of their challenge and the client's secret.
type Issuer struct {
	URL string

	t      testing.TB
	now    func() time.Time
	server *httptest.Server

	mu       sync.Mutex
	key      *rsa.PrivateKey
	keyID    string
	keyCount int
	codes    map[string]grant
	down     map[string]bool
	asked    map[string]int
	userInfo map[string]any
	metadata map[string]any
}

// grant is what a code stands for.
type grant struct {
	challenge, redirect string
	token               Token
}

// NewIssuer starts one, which ends with the test.
func NewIssuer(t testing.TB, now func() time.Time) *Issuer {
	t.Helper()
	i := &Issuer{t: t, now: now, codes: map[string]grant{}, down: map[string]bool{}, asked: map[string]int{}, metadata: map[string]any{}}
	i.Rotate()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", i.discovery)
	mux.HandleFunc("GET /keys", i.keys)
	mux.HandleFunc("POST /token", i.exchange)
	mux.HandleFunc("GET /userinfo", i.info)
	i.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.mu.Lock()
		i.asked[r.URL.Path]++
		down := i.down[r.URL.Path] || i.down[""]
		i.mu.Unlock()
		if down {
			http.Error(w, "down for a test", http.StatusServiceUnavailable)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(i.server.Close)
	i.URL = i.server.URL
	return i
}

// Rotate makes a new key in place of the one before.
func (i *Issuer) Rotate() {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		i.t.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keyCount++
	i.key, i.keyID = key, fmt.Sprintf("key-%d", i.keyCount)
}

// SetDown makes the path answer 503, or every path where it is "".
func (i *Issuer) SetDown(path string, down bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.down[path] = down
}

// Asked is how often the path was asked for.
func (i *Issuer) Asked(path string) int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.asked[path]
}

// SetUserInfo makes the issuer have an endpoint of user info with these claims.
func (i *Issuer) SetUserInfo(claims map[string]any) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.userInfo = claims
	i.metadata["userinfo_endpoint"] = i.URL + "/userinfo"
}

// SetMetadata changes what the issuer says of itself.
func (i *Issuer) SetMetadata(name string, value any) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.metadata[name] = value
}

// Token is an ID token before it is signed.
type Token struct {
	Claims map[string]any
	// Algorithm is that of the header: "RS256", "none", "HS256".
	Algorithm string
	KeyID     string
	Key       *rsa.PrivateKey
	// None sends no ID token at all.
	None bool
}

// Answer plays the provider's pages: it takes the address that the browser was sent to, and returns the answer to bring back. change makes the ID token
// another one than a good one about the member.
func (i *Issuer) Answer(address, member string, change func(*Token)) url.Values {
	i.t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		i.t.Fatal(err)
	}
	asked := u.Query()
	for name, want := range map[string]string{"response_type": "code", "client_id": ClientID, "code_challenge_method": "S256"} {
		if got := asked.Get(name); got != want {
			i.t.Errorf("the browser was sent with %s=%q, want %q", name, got, want)
		}
	}
	for _, name := range []string{"state", "nonce", "code_challenge", "redirect_uri"} {
		if asked.Get(name) == "" {
			i.t.Errorf("the browser was sent without %s", name)
		}
	}
	now := i.now()
	i.mu.Lock()
	defer i.mu.Unlock()
	token := Token{Algorithm: "RS256", KeyID: i.keyID, Key: i.key, Claims: map[string]any{"iss": i.URL, "aud": ClientID, "sub": member,
		"nonce": asked.Get("nonce"), "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix()}}
	if change != nil {
		change(&token)
	}
	code := rand.Text()
	i.codes[code] = grant{challenge: asked.Get("code_challenge"), redirect: asked.Get("redirect_uri"), token: token}
	return url.Values{"code": {code}, "state": {asked.Get("state")}}
}

func (i *Issuer) discovery(w http.ResponseWriter, _ *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	said := map[string]any{"issuer": i.URL, "authorization_endpoint": i.URL + "/auth", "token_endpoint": i.URL + "/token", "jwks_uri": i.URL + "/keys",
		"id_token_signing_alg_values_supported": []string{"RS256", "HS256", "none"}}
	maps.Copy(said, i.metadata)
	answer(w, http.StatusOK, said)
}

func (i *Issuer) keys(w http.ResponseWriter, _ *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	exponent := []byte{byte(i.key.E >> 16), byte(i.key.E >> 8), byte(i.key.E)}
	answer(w, http.StatusOK, map[string]any{"keys": []any{map[string]string{"kty": "RSA", "kid": i.keyID, "use": "sig", "alg": "RS256",
		"n": encode(i.key.N.Bytes()), "e": encode(exponent)}}})
}

func (i *Issuer) exchange(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	user, secret, _ := r.BasicAuth()
	if user, _ = url.QueryUnescape(user); user != ClientID {
		answer(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client"})
		return
	}
	if secret, _ = url.QueryUnescape(secret); secret != ClientSecret {
		answer(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client"})
		return
	}
	given, ok := i.codes[r.FormValue("code")]
	delete(i.codes, r.FormValue("code"))
	hash := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	if !ok || r.FormValue("grant_type") != "authorization_code" || encode(hash[:]) != given.challenge || r.FormValue("redirect_uri") != given.redirect {
		answer(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant", "error_description": "personal words of the provider"})
		return
	}
	said := map[string]any{"access_token": "access", "token_type": "Bearer", "expires_in": 300}
	if !given.token.None {
		said["id_token"] = given.token.Sign(i.t)
	}
	answer(w, http.StatusOK, said)
}

func (i *Issuer) info(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if r.Header.Get("Authorization") != "Bearer access" {
		answer(w, http.StatusUnauthorized, map[string]string{"error": "invalid_token"})
		return
	}
	answer(w, http.StatusOK, i.userInfo)
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a client that left needs no answer
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
