package api

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

func TestALinkSignsInOnceAndTheSessionDoesWhatTheRoleDoes(t *testing.T) {
	g := newRig(t)
	link := g.link("acme", "s_1")
	cookie, expires, err := g.server.SignIn(t.Context(), link, browser)
	must(t, err)
	if !audit.IsSessionSecret(cookie) || !expires.Equal(today.Add(audit.SessionLife)) {
		t.Errorf("the cookie is %q until %v", cookie, expires)
	}
	_, _, err = g.server.SignIn(t.Context(), link, browser)
	wantCode(t, "the link again", err, audit.CodeUnauthenticated)
	by, csrf, err := g.server.Authenticate(t.Context(), cookie)
	must(t, err)
	if by.Organization != "acme" || by.Member != "s_1" || by.MemberName != "Name of s_1" || by.Role != audit.RoleSystemAdmin || by.Session == "" || by.Key != "" || csrf != audit.CSRFToken(cookie) {
		t.Errorf("the session stands for %+v with the token %q", by, csrf)
	}
	g.do(call{method: "GET", path: "/v1/keys", header: g.with(cookie)}).want(200)
	a := g.do(call{method: "POST", path: "/v1/keys", header: g.with(cookie), body: `{"name":"by a session","scopes":["events:read"]}`}).want(201)
	if got := into[audit.Key](a); got.Member != "s_1" {
		t.Errorf("the key is %+v", got)
	}
	member := g.signIn("acme", "m_1")
	g.do(call{method: "GET", path: "/v1/keys", header: g.with(member)}).want(403)
	g.do(call{method: "GET", path: "/v1/events?log=login", header: g.with(member)}).want(200)
}

func TestASignInIsRecordedWithWhereItCameFrom(t *testing.T) {
	g := newRig(t)
	cookie := g.signIn("acme", "s_1")
	made, signedIn := g.records("acme", audit.ActionLoginLinkCreated), g.records("acme", audit.ActionSessionCreated)
	if len(made) != 1 || made[0].Actor.Type != "system" || made[0].Targets[0].ID != "s_1" || !made[0].Time.Equal(today) {
		t.Errorf("the link is recorded as %+v", made)
	}
	if len(signedIn) != 1 {
		t.Fatalf("the sign-in is recorded %d times", len(signedIn))
	}
	e := signedIn[0]
	if e.Actor.ID != "s_1" || e.Outcome != audit.OutcomeSuccess || e.Source.Platform != "web" || e.Source.IP != browser.IP || e.Source.UserAgent != browser.UserAgent ||
		e.Metadata["login_link"] != made[0].Metadata["login_link"] || e.Metadata["session"] == "" {
		t.Errorf("the sign-in is recorded as %+v", e)
	}
	g.do(call{method: "GET", path: "/v1/members", header: g.with(cookie)}).want(200)
	listed := g.records("acme", audit.ActionMembersListed)[0]
	if listed.Source.Platform != "web" || listed.Metadata["session"] != e.Metadata["session"] || listed.Metadata["key"] != "" || listed.Metadata["request_id"] == "" {
		t.Errorf("the use of the session is recorded as %+v", listed)
	}
	if log := g.log.String(); !strings.Contains(log, `"session":"`+e.Metadata["session"]+`"`) || strings.Contains(log, cookie) || strings.Contains(log, "Name of") {
		t.Errorf("the log should name the session and nothing more:\n%s", log)
	}
	for _, record := range slices.Concat(made, signedIn, []audit.Event{listed}) {
		if text := string(record.AppendJSON(nil)); strings.Contains(text, "al_") || strings.Contains(text, "as_") {
			t.Errorf("a secret is in the record: %s", text)
		}
	}
}

func TestLinksThatDoNotWorkAllGetOneAnswerAndAreRecordedWhereKnown(t *testing.T) {
	g := newRig(t)
	used, late, leaver := g.link("acme", "s_1"), g.link("acme", "s_1"), g.link("acme", "m_1")
	_, _, err := g.server.SignIn(t.Context(), used, browser)
	must(t, err)
	unknown, _ := audit.NewLoginLinkSecret()
	g.do(call{method: "PUT", path: "/v1/members/m_1", key: "admin", body: `{"name":"Name of m_1","role":"member","status":"deactivated","version":1}`}).want(200)
	var answers []string
	refused := func(name, link string) {
		t.Helper()
		cookie, _, err := g.server.SignIn(t.Context(), link, browser)
		wantCode(t, name, err, audit.CodeUnauthenticated)
		if cookie != "" {
			t.Errorf("%s: there is a cookie", name)
		}
		answers = append(answers, err.Error())
	}
	refused("nothing", "")
	refused("rubbish", "al_x")
	refused("a key", g.keys["admin"])
	refused("unknown", unknown)
	refused("used", used)
	refused("of a member who left", leaver)
	g.clock.Advance(audit.LoginLinkLife)
	refused("expired", late)
	if len(slices.Compact(answers)) != 1 {
		t.Errorf("answers differ: %q", answers)
	}
	var reasons []string
	for _, e := range g.records("acme", audit.ActionSessionCreated) {
		reasons = append(reasons, string(e.Outcome)+" "+e.Metadata["reason"])
	}
	want := []string{"success ", "failure used before", "failure member not active", "failure expired"}
	slices.Sort(reasons)
	slices.Sort(want)
	if !slices.Equal(reasons, want) {
		t.Errorf("recorded are %q, want %q", reasons, want)
	}
}

func TestOfManyWhoUseALinkAtOnceOneIsSignedIn(t *testing.T) {
	g := newRig(t)
	link := g.link("acme", "s_1")
	var wg sync.WaitGroup
	cookies := make([]string, 20)
	for i := range cookies {
		from := audit.Source{IP: netip.AddrFrom4([4]byte{203, 0, 113, byte(i)})}
		wg.Go(func() { cookies[i], _, _ = g.server.SignIn(t.Context(), link, from) })
	}
	wg.Wait()
	slices.Sort(cookies)
	if got := slices.Compact(cookies); len(got) != 2 || got[0] != "" {
		t.Errorf("the sessions are %q, want one", got)
	}
	sessions, err := g.store.Sessions(t.Context(), "acme", "s_1")
	must(t, err)
	if len(sessions) != 1 || len(g.records("acme", audit.ActionSessionCreated)) != 20 {
		t.Errorf("there are %d sessions and %d records", len(sessions), len(g.records("acme", audit.ActionSessionCreated)))
	}
}

func TestNobodyIsSignedInUnrecorded(t *testing.T) {
	g := newRig(t)
	link := g.link("acme", "s_1")
	g.ingest.fail(audit.Unavailable(nil, time.Second, "the disk is full"))
	_, _, err := g.server.SignIn(t.Context(), link, browser)
	wantCode(t, "the sign-in", err, audit.CodeUnavailable)
	g.ingest.fail(nil)
	sessions, err := g.store.Sessions(t.Context(), "acme", "s_1")
	must(t, err)
	if len(sessions) > 0 {
		t.Errorf("there are sessions: %+v", sessions)
	}
	_, _, err = g.server.SignIn(t.Context(), link, browser)
	wantCode(t, "the link, which is used up", err, audit.CodeUnauthenticated)
}

func TestSignInsThatFailAreSlowedByAddressAndThoseThatWorkAreNot(t *testing.T) {
	g := newRig(t)
	used := g.link("acme", "s_1")
	_, _, err := g.server.SignIn(t.Context(), used, browser)
	must(t, err)
	for range failBurst {
		_, _, err := g.server.SignIn(t.Context(), used, browser)
		wantCode(t, "a failure", err, audit.CodeUnauthenticated)
	}
	recorded := len(g.records("acme", audit.ActionSessionCreated))
	for range 5 {
		_, _, err = g.server.SignIn(t.Context(), used, browser)
		wantCode(t, "one too many", err, audit.CodeRateLimited)
	}
	if wait := clientError(err).RetryAfter; wait <= 0 || wait > failEvery {
		t.Errorf("the advice is to wait %s", wait)
	}
	if got := len(g.records("acme", audit.ActionSessionCreated)); got != recorded {
		t.Errorf("what was slowed was recorded: %d, want %d", got, recorded)
	}
	g.signIn("acme", "s_1") // from the same address, by a link that works
	_, _, err = g.server.SignIn(t.Context(), used, audit.Source{IP: netip.MustParseAddr("198.51.100.1")})
	wantCode(t, "another address", err, audit.CodeUnauthenticated)
	g.clock.Advance(failEvery)
	_, _, err = g.server.SignIn(t.Context(), used, browser)
	wantCode(t, "after the wait", err, audit.CodeUnauthenticated)
}

func TestAddressesOfOneCustomerAreSlowedTogetherAndTheirNumberIsBounded(t *testing.T) {
	var f failures
	fail := func(addr string) error { return f.add(netip.MustParseAddr(addr), today) }
	for i := range failBurst {
		must(t, fail(fmt.Sprintf("2001:db8::%x", i)))
	}
	wantCode(t, "another of the same 64 bits", fail("2001:db8::ffff:1"), audit.CodeRateLimited)
	must(t, fail("2001:db8:0:1::1"))
	must(t, f.add(netip.Addr{}, today))
	for i := range 3 * maxSlowed {
		must(t, f.add(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), today.Add(time.Duration(i)*time.Millisecond)))
	}
	if len(f.by)+len(f.before) > maxSlowed {
		t.Errorf("%d addresses are remembered", len(f.by)+len(f.before))
	}
}

func TestTheCookieIsNamedForTLSWhereThePublicAddressIs(t *testing.T) {
	for url, want := range map[string]string{"https://audit.example.com/": "__Host-audittrail_session", "http://127.0.0.1:8080": "audittrail_session", "": "audittrail_session"} {
		s := New(Config{PublicURL: url})
		if s.CookieName() != want || s.SecureCookie() != strings.HasPrefix(want, "__Host-") {
			t.Errorf("%q: the cookie is %s, secure %t", url, s.CookieName(), s.SecureCookie())
		}
	}
}

func TestAdminsMakeLinksForMembersOfTheirRoleOrBelow(t *testing.T) {
	g := newRig(t)
	var made linkView
	a := g.do(call{method: "POST", path: "/v1/login-links", key: "admin", body: `{"member":"m_1"}`}).want(201)
	made = into[linkView](a)
	secret, ok := strings.CutPrefix(made.URL, "https://audit.example.com/sign-in?link=")
	if !ok || made.Member != "m_1" || made.CreatedBy != "s_1" || !made.ExpiresAt.Equal(today.Add(audit.LoginLinkLife)) {
		t.Fatalf("the link is %+v", made)
	}
	cookie, _, err := g.server.SignIn(t.Context(), secret, browser)
	must(t, err)
	if by, _, err := g.server.Authenticate(t.Context(), cookie); err != nil || by.Member != "m_1" {
		t.Errorf("it signs in as %+v, %v", by, err)
	}
	e := g.records("acme", audit.ActionLoginLinkCreated)
	if len(e) != 1 || e[0].Actor.ID != "s_1" || e[0].Targets[0].ID != "m_1" || e[0].Metadata["key"] != g.keyIDs["admin"] {
		t.Errorf("recorded is %+v", e)
	}
	if got := into[linkView](g.do(call{method: "POST", path: "/v1/login-links", key: "admin", body: `{}`}).want(201)); got.Member != "s_1" {
		t.Errorf("without a member the link is %+v", got)
	}
	for _, member := range []string{"c_1", "gone", "o_1", "nobody"} {
		a := g.do(call{method: "POST", path: "/v1/login-links", key: "admin", body: `{"member":"` + member + `"}`}).want(422)
		if !slices.Equal(a.fields(), []string{"member"}) {
			t.Errorf("%s: %s", member, a.body)
		}
	}
	g.do(call{method: "POST", path: "/v1/login-links", key: "greedy", body: `{}`}).want(403)
	g.do(call{method: "POST", path: "/v1/login-links", key: "reader", body: `{}`}).want(403)
}
