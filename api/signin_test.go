package api

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// browser is from where tests sign in.
var browser = audit.Source{IP: netip.MustParseAddr("203.0.113.7"), UserAgent: "Mozilla/5.0"}

// link makes a link for the member and returns its secret.
func (g *rig) link(organization, member string) string {
	g.t.Helper()
	link, secret := audit.NewLoginLink(newID(), organization, member, "", g.clock.Now())
	must(g.t, g.store.CreateLoginLink(g.t.Context(), link))
	return secret
}

// signIn returns the cookie of a new session of the member.
func (g *rig) signIn(organization, member string) string {
	g.t.Helper()
	cookie, _, err := g.server.SignIn(g.t.Context(), g.link(organization, member), browser)
	must(g.t, err)
	return cookie
}

// with returns the headers of a request by the session; with its token where it changes something.
func (g *rig) with(cookie string, more ...string) map[string]string {
	header := map[string]string{"Cookie": g.server.CookieName() + "=" + cookie, "X-CSRF-Token": audit.CSRFToken(cookie)}
	for i := 0; i < len(more); i += 2 {
		header[more[i]] = more[i+1]
	}
	return header
}

// records returns what the trail recorded of the action, oldest first.
func (g *rig) records(organization, action string) []audit.Event {
	g.t.Helper()
	page, err := g.index.Search(g.t.Context(), organization, audit.Search{Query: audit.Query{Actions: []string{action}}, Limit: audit.MaxScan})
	must(g.t, err)
	slices.Reverse(page.Events)
	return page.Events
}

func wantCode(t *testing.T, what string, err error, want audit.Code) {
	t.Helper()
	if got := audit.CodeOf(err); got != want {
		t.Errorf("%s: %v, want %q", what, err, want)
	}
}

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

// countingSessions counts reads and touches of sessions.
type countingSessions struct {
	sessionStore
	mu             sync.Mutex
	reads, touches int
}

// sessionStore is Sessions by another name, so that it can be embedded: it has a method Sessions.
type sessionStore = Sessions

func (c *countingSessions) SessionByHash(ctx context.Context, hash []byte) (audit.Session, error) {
	c.mu.Lock()
	c.reads++
	c.mu.Unlock()
	return c.sessionStore.SessionByHash(ctx, hash)
}

func (c *countingSessions) TouchSession(ctx context.Context, organization, id string, at time.Time) error {
	err := c.sessionStore.TouchSession(ctx, organization, id, at)
	c.mu.Lock()
	c.touches++
	c.mu.Unlock()
	return err
}

func (c *countingSessions) counts() (reads, touches int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reads, c.touches
}

func TestASessionIsReadOnceInFiveSecondsAndTouchedOnceAMinute(t *testing.T) {
	sessions := &countingSessions{}
	g := newRig(t, func(cfg *Config) { sessions.sessionStore = cfg.Sessions; cfg.Sessions = sessions })
	cookie := g.signIn("acme", "s_1")
	touched := func(n int) func() bool {
		return func() bool { _, touches := sessions.counts(); return touches == n }
	}
	for range 20 {
		g.do(call{method: "GET", path: "/v1/organization", header: g.with(cookie)}).want(200)
	}
	eventually(t, "the first touch", touched(1))
	if reads, _ := sessions.counts(); reads != 1 {
		t.Errorf("20 requests read the session %d times", reads)
	}
	g.clock.Advance(touchEvery)
	g.do(call{method: "GET", path: "/v1/organization", header: g.with(cookie)}).want(200)
	eventually(t, "the second touch", touched(2))
	found, err := g.store.SessionByHash(t.Context(), audit.HashKey(cookie))
	must(t, err)
	if !found.LastUsedAt.Equal(today.Add(touchEvery)) || found.UserAgent != browser.UserAgent || found.IP != browser.IP {
		t.Errorf("the session is kept as %+v", found)
	}
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

func TestAMessageStreamEndsWithItsSession(t *testing.T) {
	g := newRig(t)
	cookie := g.signIn("acme", "s_1")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.base+"/v1/messages/stream", nil)
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

// failingSessions cannot read.
type failingSessions struct{ sessionStore }

func (failingSessions) SessionByHash(context.Context, []byte) (audit.Session, error) {
	return audit.Session{}, audit.Unavailable(nil, 3*time.Second, "the store does not answer")
}

func TestAStoreThatIsDownIsNoReasonToSayASessionHasEnded(t *testing.T) {
	g := newRig(t, func(cfg *Config) { cfg.Sessions = failingSessions{cfg.Sessions} })
	cookie, _ := audit.NewSessionSecret()
	g.do(call{method: "GET", path: "/v1/organization", header: g.with(cookie)}).want(503)
}
