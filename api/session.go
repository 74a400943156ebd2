package api

import (
	"context"
	"crypto/subtle"
	"net/http"
	"net/netip"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/audittrail/audittrail/audit"
)

const (
	// sessionCookie is the name of the cookie that holds a session's secret, and hostPrefix what browsers take as: by TLS only, for this host
	// and no other of its domain.
	sessionCookie = "audittrail_session"
	hostPrefix    = "__Host-"

	headerCSRF = "X-CSRF-Token"
)

// CookieName returns the name of the cookie that holds a session's secret.
func (s *Server) CookieName() string {
	if s.SecureCookie() {
		return hostPrefix + sessionCookie
	}
	return sessionCookie
}

// SecureCookie says whether browsers may send the cookie by TLS only: where the server speaks it, or its public address is https.
func (s *Server) SecureCookie() bool {
	return s.cfg.TLS || strings.HasPrefix(s.cfg.PublicURL, "https://")
}

// Authenticate returns who the session of the cookie stands for, and the token that changes have to carry. CodeUnauthenticated where the session has ended
// or its member is not active, CodeRateLimited where it is used too often.
func (s *Server) Authenticate(ctx context.Context, cookie string) (by audit.Principal, csrf string, err error) {
	if s.cfg.Sessions == nil || !audit.IsSessionSecret(cookie) {
		return audit.Principal{}, "", errSessionEnded
	}
	st, err := s.auth.admit(ctx, sessionOf(cookie), netip.Addr{})
	if err != nil {
		return audit.Principal{}, "", err
	}
	return st.principal, audit.CSRFToken(cookie), nil
}

// identify finds out who makes the request: by the key of the Authorization header, or where there is none by the session of the cookie.
func (s *Server) identify(r *request) (err error) {
	header := r.c.Request().Header.Peek(fiber.HeaderAuthorization)
	if len(header) > 0 {
		token, ok := bearerToken(header)
		if !ok {
			return s.refuseKey(r, errUnauthenticated)
		}
		secret, err := audit.ParseKeySecret(string(token))
		if err != nil {
			return s.refuseKey(r, err)
		}
		return s.identifyKey(r, secret)
	}
	cookie := string(r.c.Request().Header.Cookie(s.CookieName()))
	if s.cfg.Sessions == nil || cookie == "" {
		return audit.Errorf(audit.CodeUnauthenticated, "send a key in the header Authorization: Bearer at_…")
	}
	by, csrf, err := s.Authenticate(r.ctx, cookie)
	if err != nil {
		return err
	}
	r.shown, r.by = sessionOf(cookie), by
	return checkForged(r.c, csrf)
}

// identifyKey finds out whose the key is. What is refused is recorded.
func (s *Server) identifyKey(r *request, secret audit.KeySecret) error {
	r.shown = keyOf(secret)
	st, err := s.auth.admit(r.ctx, r.shown, remoteAddr(r))
	if st != nil {
		r.by, r.keyLimiter = st.principal, st.use.limiter
	}
	switch audit.CodeOf(err) {
	case audit.CodeUnauthenticated:
		if err = s.refuseKey(r, err); audit.CodeOf(err) == audit.CodeUnauthenticated {
			s.noteSecret(r, secret)
		}
	case audit.CodeForbidden: // there is a standing
		s.noteAddress(r, st.key)
	}
	return err
}

// checkForged refuses a change that a page of another site may have made the browser send: browsers add the cookie by themselves, the token
// they do not.
func checkForged(c *fiber.Ctx, csrf string) error {
	if method := c.Method(); method == http.MethodGet || method == http.MethodHead {
		return nil
	}
	header := &c.Request().Header
	if string(header.Peek("Sec-Fetch-Site")) == "cross-site" {
		return audit.Errorf(audit.CodeForbidden, "a page of another site asked for this with your session")
	}
	if subtle.ConstantTimeCompare(header.Peek(headerCSRF), []byte(csrf)) != 1 {
		return audit.Errorf(audit.CodeForbidden, "a change by a session needs the session's token in the header %s", headerCSRF)
	}
	return nil
}
