package api

import (
	"bufio"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

func TestEveryChangeBySessionNeedsItsToken(t *testing.T) {
	g := newRig(t)
	cookie, other := g.signIn("acme", "c_1"), g.signIn("acme", "c_1")
	for _, route := range Routes() {
		if route.Open || route.Method == http.MethodGet {
			continue
		}
		path := strings.NewReplacer("{id}", "x", "{name}", "x").Replace(route.Path)
		for name, header := range map[string]map[string]string{
			"no token":          g.with(cookie, "X-CSRF-Token", ""),
			"another's token":   g.with(cookie, "X-CSRF-Token", audit.CSRFToken(other)),
			"the cookie itself": g.with(cookie, "X-CSRF-Token", cookie),
			"from another site": g.with(cookie, "Sec-Fetch-Site", "cross-site"),
		} {
			if got := g.do(call{method: route.Method, path: path, header: header, body: "{}"}); got.status != http.StatusForbidden {
				t.Errorf("%s %s with %s: %d, want 403\n%s", route.Method, path, name, got.status, got.body)
			}
		}
		if got := g.do(call{method: route.Method, path: path, header: g.with(cookie, "Sec-Fetch-Site", "same-origin"), body: "{}"}); got.status == http.StatusForbidden || got.status == http.StatusUnauthorized {
			t.Errorf("%s %s with the token: %d\n%s", route.Method, path, got.status, got.body)
		}
	}
	if got := g.records("acme", audit.ActionMemberUpdated); len(got) > 0 {
		t.Errorf("something was changed: %+v", got)
	}
	g.do(call{method: "GET", path: "/v1/organization", header: g.with(cookie, "X-CSRF-Token", "", "Sec-Fetch-Site", "cross-site")}).want(200)
}

func TestASessionWorksOnEveryRouteLikeAKey(t *testing.T) {
	g := newRig(t)
	for _, c := range cast[:4] {
		cookie := g.signIn("acme", c.member)
		by := audit.Principal{Organization: "acme", Member: c.member, Role: c.role, Scopes: []audit.Scope{audit.ScopeAdmin}}
		for _, route := range Routes() {
			if route.Open || strings.HasSuffix(route.Path, "/stream") {
				continue
			}
			path := strings.NewReplacer("{id}", "x", "{name}", "x").Replace(route.Path)
			a := g.do(call{method: route.Method, path: path, header: g.with(cookie), body: "{}"})
			if allowed := route.Scope == "" || by.Allow(route.Scope) == nil; !allowed && a.status != http.StatusForbidden || a.status == http.StatusUnauthorized {
				t.Errorf("%s %s by a session of %s: %d", route.Method, path, c.name, a.status)
			}
		}
	}
}

func TestSessionsThatDoNotWorkAllGetOneAnswer(t *testing.T) {
	g := newRig(t)
	unknown, _ := audit.NewSessionSecret()
	out, left := g.signIn("acme", "s_1"), g.signIn("acme", "m_1")
	must(t, g.server.SignOut(t.Context(), out, browser))
	g.do(call{method: "PUT", path: "/v1/members/m_1", key: "admin", body: `{"name":"Name of m_1","role":"member","status":"deleted","version":1}`}).want(200)
	var details []string
	for name, cookie := range map[string]string{"unknown": unknown, "rubbish": "as_x", "a key": g.keys["admin"], "signed out": out, "of a member who left": left} {
		a := g.do(call{method: "GET", path: "/v1/organization", header: g.with(cookie)})
		if a.status != http.StatusUnauthorized {
			t.Errorf("%s: %d", name, a.status)
		}
		details = append(details, into[Problem](a).Detail)
	}
	if len(slices.Compact(details)) != 1 {
		t.Errorf("answers differ: %q", details)
	}
	// A session is no key, and where a key is sent the cookie is not looked at.
	works := g.signIn("acme", "s_1")
	g.do(call{method: "GET", path: "/v1/organization", header: map[string]string{"Authorization": "Bearer " + works}}).want(401)
	g.do(call{method: "GET", path: "/v1/organization", header: g.with(works, "Authorization", "Bearer at_wrong")}).want(401)
	g.do(call{method: "GET", path: "/v1/organization", header: map[string]string{"Cookie": "audittrail_session=" + works}}).want(401) // not the name of https
}

func TestASessionEndsByAgeAndByDisuse(t *testing.T) {
	g := newRig(t)
	idle, busy := g.signIn("acme", "s_1"), g.signIn("acme", "c_1")
	for passed := time.Duration(0); passed < audit.SessionLife; passed += 30 * time.Minute {
		_, _, err := g.server.Authenticate(t.Context(), busy)
		wantCode(t, fmt.Sprintf("used all the time, after %s", passed), err, "")
		if passed == audit.SessionIdle-30*time.Minute || passed == audit.SessionIdle {
			by, err := g.store.SessionByHash(t.Context(), audit.HashKey(idle))
			must(t, err)
			if works := by.Works(g.clock.Now()); works != (passed < audit.SessionIdle) {
				t.Errorf("unused for %s: works %t", passed, works)
			}
		}
		g.clock.Advance(30 * time.Minute)
	}
	_, _, err := g.server.Authenticate(t.Context(), busy)
	wantCode(t, "used all the time, after its life", err, audit.CodeUnauthenticated)
	_, _, err = g.server.Authenticate(t.Context(), idle)
	wantCode(t, "not used", err, audit.CodeUnauthenticated)
}

func TestASessionEndsAtItsLastMomentEvenWhileItIsRemembered(t *testing.T) {
	g := newRig(t)
	cookie, hash := audit.NewSessionSecret()
	must(t, g.store.CreateSession(t.Context(), audit.Session{ID: newID(), Organization: "acme", Member: "s_1", Hash: hash, CreatedAt: today, ExpiresAt: today.Add(2 * time.Second)}))
	g.do(call{method: "GET", path: "/v1/organization", header: g.with(cookie)}).want(200)
	g.clock.Advance(2 * time.Second)
	g.do(call{method: "GET", path: "/v1/organization", header: g.with(cookie)}).want(401)
}

func TestAMemberDeactivatedElsewhereLosesTheSessionWithinFiveSeconds(t *testing.T) {
	g := newRig(t)
	cookie := g.signIn("acme", "m_1")
	g.do(call{method: "GET", path: "/v1/organization", header: g.with(cookie)}).want(200)
	m, err := g.store.Member(t.Context(), "acme", "m_1")
	must(t, err)
	m.Status = audit.MemberDeactivated
	g.putMember(m) // another process
	g.clock.Advance(authLife)
	g.do(call{method: "GET", path: "/v1/organization", header: g.with(cookie)}).want(401)
}

func TestAMemberDeactivatedHereLosesEverySessionForGood(t *testing.T) {
	g := newRig(t)
	first, second, others := g.signIn("acme", "m_1"), g.signIn("acme", "m_1"), g.signIn("acme", "s_1")
	put := func(status string, version int) {
		t.Helper()
		g.do(call{method: "PUT", path: "/v1/members/m_1", key: "admin", body: fmt.Sprintf(`{"name":"Name of m_1","role":"member","status":%q,"version":%d}`, status, version)}).want(200)
	}
	put("deactivated", 1)
	put("active", 2)
	for _, cookie := range []string{first, second} {
		g.do(call{method: "GET", path: "/v1/organization", header: g.with(cookie)}).want(401)
	}
	g.do(call{method: "GET", path: "/v1/organization", header: g.with(others)}).want(200)
	if ended := g.records("acme", audit.ActionSessionEnded); len(ended) != 1 || ended[0].Actor.ID != "s_1" || ended[0].Targets[0].ID != "m_1" {
		t.Errorf("recorded is %+v", ended)
	}
}

func TestTheRoleOfASessionIsTheMembersAsItIs(t *testing.T) {
	g := newRig(t)
	cookie := g.signIn("acme", "m_1")
	g.do(call{method: "GET", path: "/v1/reminders", header: g.with(cookie)}).want(403)
	g.do(call{method: "PUT", path: "/v1/members/m_1", key: "admin", body: `{"name":"Name of m_1","role":"contact_admin","version":1}`}).want(200)
	g.do(call{method: "GET", path: "/v1/reminders", header: g.with(cookie)}).want(200)
}

func TestSigningOutEndsTheSessionOnTheServer(t *testing.T) {
	g := newRig(t)
	cookie, other := g.signIn("acme", "s_1"), g.signIn("acme", "s_1")
	g.do(call{method: "GET", path: "/v1/organization", header: g.with(cookie)}).want(200)
	for range 2 { // the second time there is nothing to do
		must(t, g.server.SignOut(t.Context(), cookie, browser))
	}
	must(t, g.server.SignOut(t.Context(), "rubbish", browser))
	g.do(call{method: "GET", path: "/v1/organization", header: g.with(cookie)}).want(401)
	g.do(call{method: "GET", path: "/v1/organization", header: g.with(other)}).want(200)
	ended := g.records("acme", audit.ActionSessionEnded)
	if len(ended) != 1 || ended[0].Actor.ID != "s_1" || ended[0].Source.IP != browser.IP || ended[0].Source.Platform != "web" {
		t.Errorf("recorded is %+v", ended)
	}
}

func TestASessionSeesNothingOfAnotherOrganization(t *testing.T) {
	g := newRig(t)
	cookie := g.signIn("other", "o_1")
	by, _, err := g.server.Authenticate(t.Context(), cookie)
	must(t, err)
	if by.Organization != "other" || by.Member != "o_1" {
		t.Errorf("the session stands for %+v", by)
	}
	if len(g.records("acme", audit.ActionSessionCreated)) > 0 || len(g.records("other", audit.ActionSessionCreated)) != 1 {
		t.Error("the sign-in is not recorded in its organization alone")
	}
	if got := string(g.do(call{method: "GET", path: "/v1/members/c_1", header: g.with(cookie)}).want(200).body); strings.Contains(got, "Name of") {
		t.Errorf("it shows %s", got)
	}
}

// streamEndsWithItsSession opens the stream by a session, signs out, and waits for the stream's end.
func streamEndsWithItsSession(t *testing.T, path string) {
	t.Helper()
	g := newRig(t)
	cookie := g.signIn("acme", "s_1")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.base+path, nil)
	must(t, err)
	req.Header.Set("Cookie", g.server.CookieName()+"="+cookie)
	res, err := g.client.Do(req)
	must(t, err)
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	if res.StatusCode != http.StatusOK || !lines.Scan() {
		t.Fatalf("the stream answers %d, %v", res.StatusCode, lines.Err())
	}
	must(t, g.server.SignOut(t.Context(), cookie, browser))
	for lines.Scan() { // until the server ends it; the client's deadline is what fails the test
	}
	must(t, lines.Err())
}

func TestAMessageStreamEndsWithItsSession(t *testing.T) {
	streamEndsWithItsSession(t, "/v1/messages/stream")
}

func TestAnEventStreamEndsWithItsSession(t *testing.T) {
	streamEndsWithItsSession(t, "/v1/events/stream?log=login")
}
