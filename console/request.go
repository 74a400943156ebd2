package console

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/audittrail/audittrail/audit"
)

// request is one request for a page. It is the handler's alone.
type request struct {
	con *Console
	c   *fiber.Ctx
	ctx context.Context
	// by is who is signed in, and csrf the token of the session; both zero on pages that are open to all.
	by   audit.Principal
	csrf string
	// query holds the parameters of the address, form those of the body.
	query url.Values
	form  url.Values
	// settled is what calls say of this request, once it is fixed.
	settled *origin
	// zone is the reader's time zone.
	zone *time.Location
}

// policy lets a page have what is embedded here, and pictures of members from elsewhere. No script or style within a page runs.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https: data:; font-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// serve makes the Fiber handler of a page: everything that is the same for all of them.
func (con *Console) serve(p *page) fiber.Handler {
	return func(c *fiber.Ctx) error {
		c.Context().SetUserValue(routeKey{}, p.path)
		ctx, cancel := context.WithTimeout(context.Background(), pageTimeout)
		defer cancel()
		r := &request{con: con, c: c, ctx: ctx, zone: con.zoneOf(c)}
		setHeaders(c)
		if err := con.guard(p, r); err != nil {
			r.fail(err)
		}
		return nil
	}
}

// setHeaders changes what the API set for every answer to what pages need.
func setHeaders(c *fiber.Ctx) {
	header := &c.Response().Header
	header.Set(fiber.HeaderContentSecurityPolicy, policy)
	header.Set(fiber.HeaderReferrerPolicy, "same-origin")
	header.Set(fiber.HeaderVary, "HX-Request")
}

// guard runs the handler behind the session and the token against forged requests, and turns a panic into an error.
func (con *Console) guard(p *page, r *request) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = audit.WithCause(audit.CodeInternal, fmt.Errorf("panic: %v\n%s", v, debug.Stack()), "the page could not be made")
		}
	}()
	if r.query, err = url.ParseQuery(string(r.c.Request().URI().QueryString())); err != nil {
		return audit.Errorf(audit.CodeMalformed, "the address cannot be read: parameters are separated by & and %% begins two hexadecimal digits")
	}
	if !p.open {
		if r.by, r.csrf, err = con.cfg.Sessions.Authenticate(r.ctx, r.cookie()); err != nil {
			return err
		}
	}
	if p.method != http.MethodGet {
		if err := r.readForm(); err != nil {
			return err
		}
		if err := r.checkOrigin(p.open); err != nil {
			return err
		}
	}
	return p.handle(con, r)
}

func (r *request) cookie() string { return r.c.Cookies(r.con.cfg.Sessions.CookieName()) }

// readForm reads what an HTML form sends, files included.
func (r *request) readForm() error {
	for _, encoding := range r.c.Request().Header.PeekAll(fiber.HeaderContentEncoding) { // Fiber would unpack the body without a bound
		if !strings.EqualFold(strings.TrimSpace(string(encoding)), "identity") {
			return audit.Errorf(audit.CodeUnsupported, "forms are sent as they are, and not packed")
		}
	}
	contentType := string(r.c.Request().Header.ContentType())
	switch {
	case strings.HasPrefix(contentType, fiber.MIMEApplicationForm):
		form, err := url.ParseQuery(string(r.c.Request().Body()))
		if err != nil {
			return audit.Errorf(audit.CodeMalformed, "the form cannot be read")
		}
		r.form = form
	case strings.HasPrefix(contentType, fiber.MIMEMultipartForm):
		form, err := r.c.MultipartForm()
		if err != nil {
			return audit.Errorf(audit.CodeMalformed, "the form cannot be read")
		}
		r.form = form.Value
	default:
		r.form = url.Values{}
	}
	return nil
}

// checkOrigin refuses a change that another site made the browser send. Pages that are open have no token: the browser's own word has to do there.
func (r *request) checkOrigin(open bool) error {
	site := string(r.c.Request().Header.Peek("Sec-Fetch-Site"))
	if site != "" && site != "same-origin" && site != "none" {
		return audit.Errorf(audit.CodeForbidden, "this change was asked for by a page of another site")
	}
	if open {
		return nil
	}
	given := r.form.Get("csrf")
	if given == "" {
		given = string(r.c.Request().Header.Peek("X-CSRF-Token"))
	}
	if !sameToken(given, r.csrf) {
		return audit.Errorf(audit.CodeForbidden, "the page is older than your session: load it again and repeat what you did")
	}
	return nil
}

// isFragment says whether htmx asks for a part of the page. After going back it asks for the whole.
func (r *request) isFragment() bool {
	header := &r.c.Request().Header
	return string(header.Peek("HX-Request")) == "true" && string(header.Peek("HX-History-Restore-Request")) != "true"
}

// source says from where the request comes, for the record.
func (r *request) source() audit.Source {
	from := audit.Source{Platform: "web", UserAgent: r.c.Get(fiber.HeaderUserAgent)}
	if addr, ok := netip.AddrFromSlice(r.c.Context().RemoteIP()); ok {
		from.IP = addr.Unmap()
	}
	return from
}

// param returns the named part of the path, unescaped.
func (r *request) param(name string) (string, error) {
	value, err := url.PathUnescape(r.c.Params(name))
	if err != nil {
		return "", audit.NotFound("page")
	}
	return value, nil
}

// seeOther sends the browser on after a change.
func (r *request) seeOther(address string) error {
	if r.isFragment() {
		r.c.Set("HX-Location", address)
		r.c.Status(http.StatusOK)
		return nil
	}
	return r.c.Redirect(address, http.StatusSeeOther)
}

// noPage answers addresses that are none.
func (con *Console) noPage(c *fiber.Ctx, err error) error {
	ctx, cancel := context.WithTimeout(context.Background(), pageTimeout)
	defer cancel()
	r := &request{con: con, c: c, ctx: ctx, zone: con.zoneOf(c)}
	setHeaders(c)
	var refused *fiber.Error
	if errors.As(err, &refused) && refused.Code == http.StatusNotFound {
		err = audit.Errorf(audit.CodeNotFound, "The address may be mistyped, or what it showed is no longer there.")
	}
	by, csrf, authErr := con.cfg.Sessions.Authenticate(ctx, r.cookie())
	if authErr == nil {
		r.by, r.csrf = by, csrf
	}
	r.fail(err)
	return nil
}

// logFailure writes what went wrong on our side.
func (r *request) logFailure(err error) {
	r.con.log.Error("console: page not made", slog.String("request_id", r.requestID()), slog.Any("error", err))
}

func (r *request) requestID() string {
	return string(r.c.Response().Header.Peek(fiber.HeaderXRequestID))
}
