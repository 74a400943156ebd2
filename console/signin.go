package console

import (
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/audittrail/audittrail/audit"
)

func init() {
	add(
		get("/", (*Console).home),
		get("/sign-in", (*Console).showSignIn).toAll(),
		post("/sign-in", (*Console).signIn).toAll(),
		post("/sign-out", (*Console).signOut),
	)
}

// home sends the member to the page that the role begins with.
func (con *Console) home(r *request) error { return r.c.Redirect(homeOf(r.by), http.StatusFound) }

type signInView struct {
	frame
	// Link is the token of the link that was opened; Next is where to go afterwards.
	Link, Next string
	Providers  []audit.IdentityProvider
	Problem    *problem
}

// showSignIn is the page behind a one-time link. Looking at it uses nothing up: mail scanners and previews open links, and only people press buttons.
func (con *Console) showSignIn(r *request) error {
	r.c.Set(fiber.HeaderReferrerPolicy, "no-referrer") // the address holds the link
	return r.render(http.StatusOK, "signin", signInView{frame: r.frame("Sign in", ""), Link: r.query.Get("link"),
		Next: localPath(r.query.Get("next")), Providers: con.providers()})
}

// signIn takes the link and sets the cookie of a new session.
func (con *Console) signIn(r *request) error {
	cookie, expires, err := con.cfg.Sessions.SignIn(r.ctx, r.form.Get("link"), r.source())
	if err != nil {
		return con.notSignedIn(r, err, localPath(r.form.Get("next")))
	}
	con.enter(r, cookie, expires)
	return r.c.Redirect(localPath(r.form.Get("next")), http.StatusSeeOther)
}

// signOut ends the session, here and on the server, and at the provider that it began with.
func (con *Console) signOut(r *request) error {
	address := ""
	if con.cfg.Providers != nil {
		address = con.cfg.Providers.SignOutAddress(r.ctx, r.cookie())
	}
	if err := con.cfg.Sessions.SignOut(r.ctx, r.cookie(), r.source()); err != nil {
		return err
	}
	con.setCookie(r, "", time.Unix(0, 0))
	return con.leave(r, address)
}

func (con *Console) setCookie(r *request, value string, expires time.Time) {
	r.c.Cookie(&fiber.Cookie{Name: con.cfg.Sessions.CookieName(), Value: value, Path: "/", Expires: expires, HTTPOnly: true,
		Secure: con.cfg.Secure, SameSite: fiber.CookieSameSiteLaxMode})
}
