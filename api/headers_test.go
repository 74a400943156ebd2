package api

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
)

// TestEveryRouteAnswersWithTheHeadersOfSecurity goes through all of them, with a key that may and without one.
func TestEveryRouteAnswersWithTheHeadersOfSecurity(t *testing.T) {
	g := newRig(t)
	for _, e := range endpoints {
		for _, key := range []string{"", g.keys["admin"]} {
			header := g.headersOf(e.Method, strings.NewReplacer("{", "", "}", "").Replace(e.Path), key)
			for name, want := range map[string]string{
				"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Cache-Control": "no-store", "Cross-Origin-Opener-Policy": "same-origin",
				"Cross-Origin-Resource-Policy": "same-origin", "Referrer-Policy": "no-referrer", "Strict-Transport-Security": "max-age=31536000", "Server": "",
			} {
				if got := header.Get(name); got != want {
					t.Errorf("%s %s: %s is %q, want %q", e.Method, e.Path, name, got, want)
				}
			}
			csp := header.Get("Content-Security-Policy")
			if !strings.HasPrefix(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") {
				t.Errorf("%s %s: the Content-Security-Policy is %q", e.Method, e.Path, csp)
			}
			if !strings.Contains(header.Get("Permissions-Policy"), "geolocation=()") {
				t.Errorf("%s %s: the Permissions-Policy is %q", e.Method, e.Path, header.Get("Permissions-Policy"))
			}
		}
	}
}

// headersOf makes a request and looks at no more than the headers of its answer, which may go on for ever.
func (g *rig) headersOf(method, path, key string) http.Header {
	g.t.Helper()
	ctx, cancel := context.WithCancel(g.t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, g.base+path, http.NoBody)
	must(g.t, err)
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	res, err := g.client.Do(req)
	must(g.t, err)
	_ = res.Body.Close()
	return res.Header
}

func TestTLSIsDemandedOnlyWhereItIsSpoken(t *testing.T) {
	for name, tt := range map[string]struct {
		url  string
		tls  bool
		want string
	}{"plain": {"http://audit.example.com", false, ""}, "without a URL": {"", false, ""}, "behind a proxy with TLS": {"https://audit.example.com", false, "max-age=31536000"},
		"TLS of our own": {"", true, "max-age=31536000"}} {
		g := newRig(t, func(cfg *Config) { cfg.PublicURL, cfg.TLS = tt.url, tt.tls })
		if got := g.headersOf("GET", "/healthz", "").Get("Strict-Transport-Security"); got != tt.want {
			t.Errorf("%s: Strict-Transport-Security is %q, want %q", name, got, tt.want)
		}
	}
}

// TestTheStyleOfTheDocumentsIsTheOneThatTheirPolicyNames: nothing else that got into the page would run.
func TestTheStyleOfTheDocumentsIsTheOneThatTheirPolicyNames(t *testing.T) {
	g := newRig(t)
	a := g.do(call{method: "GET", path: "/docs"}).want(200)
	_, rest, _ := strings.Cut(string(a.body), "<style>")
	style, _, found := strings.Cut(rest, "</style>")
	sum := sha256.Sum256([]byte(style))
	if want := "style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !found || !strings.Contains(a.header.Get("Content-Security-Policy"), want) {
		t.Errorf("the Content-Security-Policy %q lacks %s", a.header.Get("Content-Security-Policy"), want)
	}
}
