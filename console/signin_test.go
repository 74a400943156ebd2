package console

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/api"
	"github.com/audittrail/audittrail/audit"
)

// door is a second server on the records of a rig, with the sessions of the API in place of those that tests of pages make up.
type door struct {
	*rig
	server *api.Server
}

// newDoor starts one that browsers reach at the public address.
func newDoor(t *testing.T, public string) *door {
	t.Helper()
	return newDoorWith(t, public, nil)
}

// newDoorWith is newDoor with a configuration that change alters first.
func newDoorWith(t *testing.T, public string, change func(*door, *api.Config)) *door {
	t.Helper()
	d := &door{rig: newRig(t, 0)}
	log := slog.New(slog.NewJSONHandler(d.log, nil))
	cfg := api.Config{Events: d.index, Ingester: d.index, Directory: d.store, Keys: d.store, Sessions: d.store, LoginLinks: d.store,
		Reminders: d.store, Deliveries: d.store, Messages: d.store, Exports: d.store, Secrets: d.store, Jobs: d.jobs, PublicURL: public, Clock: d.clock.Now, Logger: log}
	if change != nil {
		change(d, &cfg)
	}
	d.server = api.New(cfg)
	d.server.Mount(New(Config{API: d.server, Sessions: d.server, Providers: d.server, Secure: d.server.SecureCookie(), Clock: d.clock.Now, Logger: log}))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	d.base = "http://" + ln.Addr().String()
	served := make(chan error, 1)
	go func() { served <- d.server.Serve(ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		must(t, d.server.Shutdown(ctx))
		must(t, <-served)
	})
	return d
}

// link makes a link for the member and returns its secret.
func (d *door) link(member string) string {
	d.t.Helper()
	link, secret := audit.NewLoginLink("link for "+member+d.clock.Now().String(), d.enterprise.Organization.ID, member, "", d.clock.Now())
	must(d.t, d.store.CreateLoginLink(d.t.Context(), link))
	return secret
}

// open and send ask as a browser that has the cookie.
func (d *door) open(cookie, path string) answer {
	d.t.Helper()
	return d.do("", http.MethodGet, path, nil, "Cookie", d.server.CookieName()+"="+cookie)
}

func (d *door) send(cookie, path string, form url.Values, header ...string) answer {
	d.t.Helper()
	return d.do("", http.MethodPost, path, strings.NewReader(form.Encode()),
		append(header, "Cookie", d.server.CookieName()+"="+cookie, "Content-Type", "application/x-www-form-urlencoded")...)
}

// enter signs in by the page and returns the cookie that was set.
func (d *door) enter(member string) *http.Cookie {
	d.t.Helper()
	link := d.link(member)
	page := d.open("", "/sign-in?link="+link)
	form := url.Values{}
	for _, name := range []string{"link", "next"} {
		value, _ := page.doc.Find(`form[action="/sign-in"] input[name="` + name + `"]`).Attr("value")
		form.Set(name, value)
	}
	got := d.send("", "/sign-in", form, "Sec-Fetch-Site", "same-origin")
	if got.StatusCode != http.StatusSeeOther || len(got.Cookies()) != 1 {
		d.t.Fatalf("the sign-in answers %d with the cookies %v:\n%s", got.StatusCode, got.Cookies(), got.text)
	}
	return got.Cookies()[0]
}

func TestTheCookieOfASessionIsKeptFromScriptsOtherSitesAndOtherHosts(t *testing.T) {
	for public, want := range map[string]struct {
		name   string
		secure bool
	}{"https://audit.example.com": {"__Host-audittrail_session", true}, "http://127.0.0.1": {"audittrail_session", false}} {
		d := newDoor(t, public)
		c := d.enter(d.who(audit.RoleCreator))
		if c.Name != want.name || c.Secure != want.secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" ||
			!c.Expires.Equal(today.Add(audit.SessionLife)) || !audit.IsSessionSecret(c.Value) {
			t.Errorf("%s: the cookie is %+v", public, c)
		}
		if got := d.open(c.Value, homeOf(audit.Principal{Role: audit.RoleCreator})); got.StatusCode != http.StatusOK {
			t.Errorf("%s: the page after the sign-in answers %d", public, got.StatusCode)
		}
	}
}

func TestLookingAtALinkSignsNobodyInAndLeavesItAsItIs(t *testing.T) {
	d := newDoor(t, "https://audit.example.com")
	link := d.link(d.who(audit.RoleCreator))
	for range 3 {
		page := d.open("", "/sign-in?link="+link)
		if page.StatusCode != http.StatusOK || len(page.Cookies()) > 0 || page.Header.Get("Referrer-Policy") != "no-referrer" || page.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("the page answers %d with %v", page.StatusCode, page.Header)
		}
	}
	if got := d.send("", "/sign-in", url.Values{"link": {link}}); got.StatusCode != http.StatusSeeOther {
		t.Errorf("the button answers %d", got.StatusCode)
	}
	if strings.Contains(d.log.String(), "al_") {
		t.Errorf("a link is in the log:\n%s", d.log.String())
	}
}

func TestALinkThatDoesNotWorkShowsWhyAndSetsNoCookie(t *testing.T) {
	d := newDoor(t, "https://audit.example.com")
	me := d.who(audit.RoleCreator)
	used := d.link(me)
	d.send("", "/sign-in", url.Values{"link": {used}})
	refused := func(name, link string) {
		t.Helper()
		got := d.send("", "/sign-in", url.Values{"link": {link}})
		if got.StatusCode != http.StatusUnauthorized || len(got.Cookies()) > 0 || !strings.Contains(got.text, "does not work") || strings.Contains(got.text, "al_") {
			t.Errorf("%s: %d, cookies %v:\n%s", name, got.StatusCode, got.Cookies(), got.text)
		}
	}
	refused("used before", used)
	refused("made up", "al_"+strings.Repeat("0", 43))
	d.clock.advance(time.Second) // another id
	late := d.link(me)
	d.clock.advance(audit.LoginLinkLife)
	refused("expired", late)
	if got := d.send("", "/sign-in", url.Values{"link": {d.link(me)}}, "Sec-Fetch-Site", "cross-site"); got.StatusCode != http.StatusForbidden || len(got.Cookies()) > 0 {
		t.Errorf("a sign-in that another site began answers %d", got.StatusCode)
	}
}

func TestManySignInsThatFailAreToldWhenToComeBack(t *testing.T) {
	d := newDoor(t, "https://audit.example.com")
	var got answer
	for range 20 {
		if got = d.send("", "/sign-in", url.Values{"link": {"wrong"}}); got.StatusCode != http.StatusUnauthorized {
			break
		}
	}
	if got.StatusCode != http.StatusTooManyRequests || got.Header.Get("Retry-After") == "" || got.Header.Get("Retry-After") == "0" {
		t.Errorf("got %d, Retry-After %q", got.StatusCode, got.Header.Get("Retry-After"))
	}
	d.enter(d.who(audit.RoleCreator)) // who has a link that works is let in
}

func TestSigningInAgainEndsTheSessionBefore(t *testing.T) {
	d := newDoor(t, "https://audit.example.com")
	me := d.who(audit.RoleCreator)
	first := d.enter(me).Value
	d.clock.advance(time.Second)
	got := d.send(first, "/sign-in", url.Values{"link": {d.link(me)}})
	if len(got.Cookies()) != 1 || got.Cookies()[0].Value == first {
		t.Fatalf("the cookies are %v", got.Cookies())
	}
	if again := d.open(first, "/keys"); again.StatusCode != http.StatusSeeOther {
		t.Errorf("the session before answers %d", again.StatusCode)
	}
}

func TestSigningOutNeedsTheTokenAndEndsTheSessionHereAndThere(t *testing.T) {
	d := newDoor(t, "https://audit.example.com")
	cookie := d.enter(d.who(audit.RoleCreator)).Value
	for name, form := range map[string]url.Values{"without": {}, "with another": {"csrf": {audit.CSRFToken("as_another")}}} {
		if got := d.send(cookie, "/sign-out", form); got.StatusCode != http.StatusForbidden {
			t.Errorf("%s token: %d", name, got.StatusCode)
		}
	}
	token, _ := d.open(cookie, "/keys").doc.Find(`form[action="/sign-out"] input[name="csrf"]`).Attr("value")
	got := d.send(cookie, "/sign-out", url.Values{"csrf": {token}})
	if got.StatusCode != http.StatusSeeOther || len(got.Cookies()) != 1 || got.Cookies()[0].Value != "" || !got.Cookies()[0].Expires.Before(today) || !got.Cookies()[0].Secure {
		t.Errorf("signing out answers %d with %v", got.StatusCode, got.Cookies())
	}
	if again := d.open(cookie, "/keys"); again.StatusCode != http.StatusSeeOther || !strings.HasPrefix(again.Header.Get("Location"), "/sign-in") {
		t.Errorf("the cookie still opens pages: %d", again.StatusCode)
	}
	if again := d.open(cookie, "/v1/organization"); again.StatusCode != http.StatusUnauthorized {
		t.Errorf("the cookie still opens the API: %d", again.StatusCode)
	}
}

func TestAMemberWhoIsDeactivatedLosesThePagesWithinFiveSeconds(t *testing.T) {
	d := newDoor(t, "https://audit.example.com")
	me := d.who(audit.RoleSystemAdmin)
	cookie := d.enter(me).Value
	if got := d.open(cookie, "/keys"); got.StatusCode != http.StatusOK {
		t.Fatalf("before: %d", got.StatusCode)
	}
	m, err := d.store.Member(t.Context(), d.enterprise.Organization.ID, me)
	must(t, err)
	m.Status = audit.MemberDeactivated
	_, err = d.store.PutMember(t.Context(), m)
	must(t, err)
	d.clock.advance(5 * time.Second)
	if got := d.open(cookie, "/keys"); got.StatusCode != http.StatusSeeOther {
		t.Errorf("after: %d", got.StatusCode)
	}
}
