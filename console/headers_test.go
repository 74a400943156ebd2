package console

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/audittrail/audittrail/api"
	"github.com/audittrail/audittrail/audit"
)

// everywhere is what every answer has to carry.
var everywhere = map[string]string{
	"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
	"Server": "",
}

// permissions are what no page may ask the browser for.
var permissions = []string{"camera=()", "geolocation=()", "microphone=()", "payment=()", "usb=()"}

func checkHeaders(t *testing.T, at string, got answer) {
	t.Helper()
	for name, want := range everywhere {
		if value := got.Header.Get(name); value != want {
			t.Errorf("%s: %s is %q, want %q", at, name, value, want)
		}
	}
	csp := got.Header.Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "frame-ancestors 'none'"} {
		if !strings.Contains(csp, part) {
			t.Errorf("%s: the Content-Security-Policy %q lacks %s", at, csp, part)
		}
	}
	if strings.Contains(csp, "unsafe") {
		t.Errorf("%s: the Content-Security-Policy is %q", at, csp)
	}
	for _, part := range permissions {
		if !strings.Contains(got.Header.Get("Permissions-Policy"), part) {
			t.Errorf("%s: the Permissions-Policy lacks %s", at, part)
		}
	}
	if referrer := got.Header.Get("Referrer-Policy"); referrer != "no-referrer" && referrer != "same-origin" {
		t.Errorf("%s: the Referrer-Policy is %q", at, referrer)
	}
	if cache := got.Header.Get("Cache-Control"); cache != "no-store" && !strings.HasPrefix(got.Request.URL.Path, "/assets/") {
		t.Errorf("%s: the Cache-Control is %q", at, cache)
	}
}

// TestEveryAnswerCarriesTheHeadersOfSecurity goes through every route of the API and every page, as somebody who may and as somebody who may not.
func TestEveryAnswerCarriesTheHeadersOfSecurity(t *testing.T) {
	g := newRig(t, 0)
	plain := strings.NewReplacer("{", "", "}", "", ":", "")
	type at struct{ method, path string }
	places := []at{{"GET", "/nothing"}, {"GET", "/v1/nothing"}, {"BREW", "/"}, {"PATCH", "/v1/events"}, {"GET", "/assets/none"},
		{"GET", "/assets/icon.svg"}, {"GET", "/assets/app.js"}, {"HEAD", "/healthz"}, {"OPTIONS", "/v1/events"}}
	for _, route := range api.Routes() {
		places = append(places, at{route.Method, plain.Replace(route.Path)})
	}
	for _, p := range pages {
		places = append(places, at{p.method, plain.Replace(p.path)})
	}
	for _, who := range []string{"", g.who(audit.RoleCreator), g.who(audit.RoleMember)} {
		for _, place := range places {
			got := g.do(who, place.method, place.path, nil)
			checkHeaders(t, place.method+" "+place.path, got)
			if got.Header.Get("Strict-Transport-Security") != "" {
				t.Errorf("%s: TLS is demanded by a server without", place.path)
			}
		}
	}
}

// TestPicturesOfMembersAreLoadedByBrowsersOnly: an address that somebody gave is never called by the server; what shows it may not be told where from.
func TestPicturesOfMembersAreLoadedByBrowsersOnly(t *testing.T) {
	called := make(chan string, 10)
	elsewhere := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { called <- r.URL.Path }))
	defer elsewhere.Close()
	g := newRig(t, 0)
	m := g.enterprise.Members[2]
	m.Avatar, m.Version = elsewhere.URL+"/picture.png", 1
	_, err := g.store.PutMember(t.Context(), m)
	must(t, err)
	got := g.get(g.who(audit.RoleCreator), "/members/card/"+url.PathEscape(m.ID))
	img := got.doc.Find(`img[src="` + m.Avatar + `"]`)
	if img.Length() != 1 || img.AttrOr("referrerpolicy", "") != "no-referrer" {
		t.Errorf("the card shows the picture %d times, with the referrer policy %q: %s", img.Length(), img.AttrOr("referrerpolicy", ""), got.text)
	}
	csp := got.Header.Get("Content-Security-Policy")
	for _, part := range []string{"img-src 'self' https: data:", "connect-src 'self'", "form-action 'self'", "script-src 'self';", "base-uri 'none'"} {
		if !strings.Contains(csp, part) {
			t.Errorf("the Content-Security-Policy %q lacks %s", csp, part)
		}
	}
	select {
	case path := <-called:
		t.Errorf("the server called %s", path)
	default:
	}
}
