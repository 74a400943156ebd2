package console

import (
	"net/http"
	"strings"
	"testing"

	"github.com/audittrail/audittrail/audit"
)

func TestWhoIsNotSignedInIsSentToTheSignInAndBack(t *testing.T) {
	g := newRig(t, 0)
	got := g.get("", "/?x=1")
	if got.StatusCode != http.StatusSeeOther || got.Header.Get("Location") != "/sign-in?next=%2F%3Fx%3D1" {
		t.Errorf("got %d to %s", got.StatusCode, got.Header.Get("Location"))
	}
}

func TestASignInLeadsOnlyToPagesOfThisServer(t *testing.T) {
	g := newRig(t, 0)
	me := g.who(audit.RoleCreator)
	for _, tt := range []struct{ next, want string }{
		{"/keys?x=1", "/keys?x=1"}, {"//evil.example", "/"}, {"https://evil.example/", "/"}, {`/\evil.example`, "/"}, {"javascript:alert(1)", "/"}, {"", "/"},
	} {
		got := g.post("", "/sign-in", map[string][]string{"link": {me}, "next": {tt.next}})
		if got.StatusCode != http.StatusSeeOther || got.Header.Get("Location") != tt.want {
			t.Errorf("next=%q: got %d to %q, want 303 to %q", tt.next, got.StatusCode, got.Header.Get("Location"), tt.want)
		}
	}
}

func TestAChangeWithoutTheTokenOfTheSessionIsRefused(t *testing.T) {
	g := newRig(t, 0)
	me := g.who(audit.RoleCreator)
	for name, form := range map[string]map[string][]string{
		"none": {"csrf": {""}}, "another's": {"csrf": {tokenOf("somebody")}}, "mask of another's": {"csrf": {maskToken(tokenOf("somebody"))}}, "rubbish": {"csrf": {"%%%"}},
	} {
		if got := g.post(me, "/sign-out", form); got.StatusCode != http.StatusForbidden {
			t.Errorf("%s: got %d, want 403", name, got.StatusCode)
		}
	}
	if got := g.post(me, "/sign-out", map[string][]string{"csrf": {maskToken(tokenOf(me))}}); got.StatusCode != http.StatusSeeOther {
		t.Errorf("right token: got %d, want 303", got.StatusCode)
	}
	if got := g.post(me, "/sign-out", nil, "Sec-Fetch-Site", "cross-site"); got.StatusCode != http.StatusForbidden {
		t.Errorf("from another site: got %d, want 403", got.StatusCode)
	}
}

func TestEveryPageForbidsScriptsThatAreNotOurs(t *testing.T) {
	g := newRig(t, 0)
	for _, path := range []string{"/sign-in", "/no-such-page"} {
		got := g.get(g.who(audit.RoleCreator), path)
		if csp := got.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "script-src 'self';") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q", path, csp)
		}
		if n := got.doc.Find("script:not([src]), style, [style], [onclick]").Length(); n > 0 {
			t.Errorf("%s: %d scripts or styles within the page", path, n)
		}
	}
}

func TestAnUnknownAddressSaysSoInTheConsole(t *testing.T) {
	g := newRig(t, 0)
	got := g.get(g.who(audit.RoleCreator), "/no-such-page")
	if got.StatusCode != http.StatusNotFound || got.doc.Find("h1").Text() != "There is no such page" {
		t.Errorf("got %d, %q", got.StatusCode, got.doc.Find("h1").Text())
	}
	if got := g.get("", "/v1/no-such-route"); got.StatusCode != http.StatusNotFound || got.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("the API's own: got %d %s", got.StatusCode, got.Header.Get("Content-Type"))
	}
}

func TestAssetsAreCompressedAndKept(t *testing.T) {
	g := newRig(t, 0)
	page := g.get("", "/sign-in")
	address, _ := page.doc.Find(`script[src*="htmx.min.js"]`).Attr("src")
	got := g.get("", address, "Accept-Encoding", "br")
	if got.StatusCode != http.StatusOK || got.Header.Get("Content-Encoding") != "br" || !strings.Contains(got.Header.Get("Cache-Control"), "immutable") {
		t.Errorf("%s: %d %v", address, got.StatusCode, got.Header)
	}
	if again := g.get("", address, "If-None-Match", got.Header.Get("Etag")); again.StatusCode != http.StatusNotModified {
		t.Errorf("again: got %d, want 304", again.StatusCode)
	}
}
