package api

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	scimerrors "github.com/elimity-com/scim/errors"

	"github.com/audittrail/audittrail/audit"
)

func TestEveryRouteButTheOpenOnesRefusesRequestsWithoutAValidKey(t *testing.T) {
	g := newRig(t)
	secret, _, _ := audit.NewKeySecret()
	for _, authorization := range []string{"", "Bearer " + secret, "Bearer at_", "Basic YTpi", "Bearer", "bearer " + g.keys["admin"] + "x", "Bearer " + strings.Repeat("at_", 1000)} {
		for _, route := range Routes() {
			path := strings.NewReplacer("{id}", "x", "{name}", "x").Replace(route.Path)
			if route.Open {
				continue
			}
			header := map[string]string{}
			if authorization != "" {
				header["Authorization"] = authorization
			}
			a := g.do(call{method: route.Method, path: path, header: header}).want(http.StatusUnauthorized)
			if strings.HasPrefix(path, pathSCIM+"/") {
				if got := into[scimerrors.ScimError](a); got.Status != http.StatusUnauthorized || a.header.Get("X-Request-Id") == "" {
					t.Errorf("%s %s: error = %+v", route.Method, path, got)
				}
				continue
			}
			if got := into[Problem](a); got.Type != "/problems/unauthenticated" || got.Request == "" || got.Request != a.header.Get("X-Request-Id") {
				t.Errorf("%s %s: problem = %+v", route.Method, path, got)
			}
		}
	}
}

func TestAnUnknownKeyAnswersLikeARevokedOrExpiredOne(t *testing.T) {
	g := newRig(t)
	unknown, _, _ := audit.NewKeySecret()
	g.keys["unknown"] = unknown
	g.addKey("revoked", audit.Key{Organization: "acme", Member: "s_1", Scopes: audit.Scopes()})
	must(t, g.store.RevokeKey(t.Context(), "acme", g.keyIDs["revoked"], today))
	g.addKey("expired", audit.Key{Organization: "acme", Member: "s_1", Scopes: audit.Scopes(), ExpiresAt: today})
	g.addKey("leaver", audit.Key{Organization: "acme", Member: "gone", Scopes: audit.Scopes()})
	var details []string
	for _, key := range []string{"unknown", "revoked", "expired", "leaver"} {
		details = append(details, into[Problem](g.do(call{method: "GET", path: "/v1/events", key: key}).want(401)).Detail)
	}
	for _, detail := range details {
		if detail != details[0] {
			t.Errorf("answers differ: %q", details)
		}
	}
}

func TestAKeyStopsWorkingAtItsExpiryEvenWhileItIsRemembered(t *testing.T) {
	g := newRig(t)
	g.addKey("short", audit.Key{Organization: "acme", Member: "s_1", Scopes: audit.Scopes(), ExpiresAt: today.Add(2 * time.Second)})
	g.do(call{method: "GET", path: "/v1/organization", key: "short"}).want(200)
	g.clock.Advance(2 * time.Second)
	g.do(call{method: "GET", path: "/v1/organization", key: "short"}).want(401)
}

func TestAKeyRevokedElsewhereStopsWithinFiveSecondsAndHereAtOnce(t *testing.T) {
	g := newRig(t)
	g.do(call{method: "GET", path: "/v1/organization", key: "reader"}).want(200)
	must(t, g.store.RevokeKey(t.Context(), "acme", g.keyIDs["reader"], today)) // another process
	g.clock.Advance(authLife)
	g.do(call{method: "GET", path: "/v1/organization", key: "reader"}).want(401)

	g.do(call{method: "GET", path: "/v1/organization", key: "producer"}).want(200)
	g.do(call{method: "DELETE", path: "/v1/keys/" + g.keyIDs["producer"], key: "admin"}).want(204)
	g.do(call{method: "GET", path: "/v1/organization", key: "producer"}).want(401)
}

func TestADeactivatedMembersKeysStopAtOnce(t *testing.T) {
	g := newRig(t)
	g.do(call{method: "GET", path: "/v1/organization", key: "member"}).want(200)
	g.do(call{method: "PUT", path: "/v1/members/m_1", key: "admin", body: `{"name":"Name of m_1","role":"member","status":"deactivated","version":1}`}).want(200)
	g.do(call{method: "GET", path: "/v1/organization", key: "member"}).want(401)
}

func TestScopesAndRolesHoldOnEveryRoute(t *testing.T) {
	g := newRig(t)
	for _, route := range Routes() {
		if route.Open || route.Scope == "" {
			continue
		}
		path := strings.NewReplacer("{id}", "x", "{name}", "x").Replace(route.Path)
		for _, c := range cast {
			by := audit.Principal{Organization: "acme", Member: c.member, Role: c.role, Scopes: c.scopes}
			if by.Allow(route.Scope) == nil {
				continue
			}
			a := g.do(call{method: route.Method, path: path, key: c.name, body: "{}"}).want(http.StatusForbidden)
			if got := into[struct{ Detail string }](a).Detail; !strings.Contains(got, string(route.Scope)) {
				t.Errorf("%s %s by %s: %q does not name the scope", route.Method, path, c.name, got)
			}
		}
	}
}

func TestAKeyThatIsMistypedIsToldSoWithoutALookAtTheStore(t *testing.T) {
	keys := &countingKeys{}
	g := newRig(t, func(cfg *Config) { keys.keyStore = cfg.Keys; cfg.Keys = keys })
	g.keys["mistyped"] = g.keys["reader"][:51] + "_"
	g.do(call{method: "GET", path: "/v1/organization", key: "mistyped"}).want(401)
	g.keys["mistyped"] = strings.Replace(g.keys["reader"], g.keys["reader"][10:12], g.keys["reader"][12:14], 1)
	a := g.do(call{method: "GET", path: "/v1/organization", key: "mistyped"}).want(401)
	if detail := into[Problem](a).Detail; !strings.Contains(detail, "mistyped") || keys.reads.Load() != 0 {
		t.Errorf("after %d reads: %s", keys.reads.Load(), detail)
	}
}

// keyStore is Keys by another name, so that it can be embedded: it has a method Keys.
type keyStore = Keys

// countingKeys counts reads and touches of keys.
type countingKeys struct {
	keyStore
	reads, touches atomic.Int64
}

func (k *countingKeys) KeyByHash(ctx context.Context, hash []byte) (audit.Key, error) {
	k.reads.Add(1)
	return k.keyStore.KeyByHash(ctx, hash)
}

func (k *countingKeys) TouchKey(ctx context.Context, organization, id string, at time.Time) error {
	k.touches.Add(1)
	return k.keyStore.TouchKey(ctx, organization, id, at)
}

func TestAKeyIsReadOnceInFiveSecondsAndTouchedOnceAMinute(t *testing.T) {
	keys := &countingKeys{}
	g := newRig(t, func(cfg *Config) { keys.keyStore = cfg.Keys; cfg.Keys = keys })
	for range 20 {
		g.do(call{method: "GET", path: "/v1/organization", key: "reader"}).want(200)
	}
	eventually(t, "the first touch", func() bool { return keys.touches.Load() == 1 })
	if got := keys.reads.Load(); got != 1 {
		t.Errorf("20 requests read the key %d times", got)
	}
	g.clock.Advance(touchEvery)
	g.do(call{method: "GET", path: "/v1/organization", key: "reader"}).want(200)
	eventually(t, "the second touch", func() bool { return keys.touches.Load() == 2 })
}

// failingKeys cannot read.
type failingKeys struct{ keyStore }

func (failingKeys) KeyByHash(context.Context, []byte) (audit.Key, error) {
	return audit.Key{}, audit.Unavailable(nil, 3*time.Second, "the store does not answer")
}

func TestAStoreThatIsDownIsNoReasonToCallAKeyWrong(t *testing.T) {
	g := newRig(t, func(cfg *Config) { cfg.Keys = failingKeys{cfg.Keys} })
	a := g.do(call{method: "GET", path: "/v1/organization", key: "reader"}).want(503)
	if got := a.header.Get("Retry-After"); got != "3" {
		t.Errorf("Retry-After = %q", got)
	}
}

func TestAKeyOverItsRateIsToldWhenToComeBack(t *testing.T) {
	g := newRig(t, func(cfg *Config) { cfg.Limits.RatePerSecond, cfg.Limits.RateBurst = 0.5, 3 })
	for range 3 {
		g.do(call{method: "GET", path: "/v1/organization", key: "reader"}).want(200)
	}
	a := g.do(call{method: "GET", path: "/v1/organization", key: "reader"}).want(429)
	if got := a.header.Get("Retry-After"); got != "2" {
		t.Errorf("Retry-After = %q", got)
	}
	g.do(call{method: "GET", path: "/v1/organization", key: "admin"}).want(200) // others are not held up
	g.clock.Advance(2 * time.Second)
	g.do(call{method: "GET", path: "/v1/organization", key: "reader"}).want(200)
}
