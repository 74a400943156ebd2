package console

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/audittrail/audittrail/audit"
)

func init() {
	add(
		get("/sign-in/oidc/:provider", (*Console).beginSignIn).toAll(),
		get("/sign-in/oidc/:provider/callback", (*Console).finishSignIn).toAll(),
	)
}

// Providers are where people sign in beside links; api.Server.
type Providers interface {
	Providers() []audit.IdentityProvider
	// BeginSignIn returns the provider's address to send the browser to, and what it has to keep and bring back, for audit.SignInLife.
	BeginSignIn(ctx context.Context, provider, next string) (address, kept string, err error)
	// FinishSignIn takes the provider's answer and what the browser kept: CodeUnauthenticated, with a reason, where nobody is signed in.
	FinishSignIn(ctx context.Context, provider, kept string, answer url.Values, from audit.Source) (cookie string, expires time.Time, next string, err error)
	// SignOutAddress returns where the session of the cookie is signed out at its provider as well; "" where it has none.
	SignOutAddress(ctx context.Context, cookie string) string
}

// providers returns where people can sign in.
func (con *Console) providers() []audit.IdentityProvider {
	if con.cfg.Providers == nil {
		return nil
	}
	return con.cfg.Providers.Providers()
}

// flowCookie is the name of the cookie that holds what a browser keeps while somebody is at a provider. It comes along when the provider leads back, and
// with nothing else that another site makes the browser send.
func (con *Console) flowCookie() string {
	if con.cfg.Secure {
		return "__Host-audittrail_sign_in"
	}
	return "audittrail_sign_in"
}

func (con *Console) keepFlow(r *request, value string, expires time.Time) {
	r.c.Cookie(&fiber.Cookie{Name: con.flowCookie(), Value: value, Path: "/", Expires: expires, HTTPOnly: true, Secure: con.cfg.Secure,
		SameSite: fiber.CookieSameSiteLaxMode})
}

// beginSignIn sends the browser to the provider.
func (con *Console) beginSignIn(r *request) error {
	id, err := r.param("provider")
	if err != nil {
		return err
	}
	if con.cfg.Providers == nil {
		return audit.NotFound("page")
	}
	next := localPath(r.query.Get("next"))
	address, kept, err := con.cfg.Providers.BeginSignIn(r.ctx, id, next)
	if err != nil {
		return con.notSignedIn(r, err, next)
	}
	con.keepFlow(r, kept, con.now().Add(audit.SignInLife))
	return r.c.Redirect(address, http.StatusSeeOther)
}

// finishSignIn is where the provider sends the browser back to.
func (con *Console) finishSignIn(r *request) error {
	r.c.Set(fiber.HeaderReferrerPolicy, "no-referrer") // the address holds a code
	id, err := r.param("provider")
	if err != nil {
		return err
	}
	if con.cfg.Providers == nil {
		return audit.NotFound("page")
	}
	kept := r.c.Cookies(con.flowCookie())
	if kept != "" { // it serves once
		con.keepFlow(r, "", time.Unix(0, 0))
	}
	cookie, expires, next, err := con.cfg.Providers.FinishSignIn(r.ctx, id, kept, r.query, r.source())
	next = localPath(next)
	if err != nil {
		return con.notSignedIn(r, err, next)
	}
	con.enter(r, cookie, expires)
	return r.c.Redirect(next, http.StatusSeeOther)
}

// enter sets the cookie of a new session, and ends the one that the browser had before.
func (con *Console) enter(r *request, cookie string, expires time.Time) {
	if old := r.cookie(); old != "" { // nobody could end it any more
		if err := con.cfg.Sessions.SignOut(r.ctx, old, r.source()); err != nil {
			r.logFailure(err)
		}
	}
	con.setCookie(r, cookie, expires)
}

// notSignedIn shows the sign-in with what went wrong.
func (con *Console) notSignedIn(r *request, err error, next string) error {
	switch audit.CodeOf(err) {
	case audit.CodeUnauthenticated, audit.CodeRateLimited, audit.CodeUnavailable:
	default:
		return err
	}
	p := r.asProblem(err)
	r.adviseRetry(p)
	return r.render(p.Status, "signin", signInView{frame: r.frame("Sign in", ""), Next: next, Providers: con.providers(), Problem: p})
}

type signedOutView struct {
	frame
	Address string
}

// leave ends a sign-out: at the provider as well, where address leads there. It is a page that leads on, as the form of a sign-out may lead to no other
// site.
func (con *Console) leave(r *request, address string) error {
	if address == "" {
		return r.c.Redirect("/sign-in", http.StatusSeeOther)
	}
	r.by = audit.Principal{}
	r.c.Set("Refresh", "0; url="+address)
	return r.render(http.StatusOK, "signedout", signedOutView{frame: r.frame("Signed out", ""), Address: address})
}
