package api

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"golang.org/x/time/rate"

	"github.com/audittrail/audittrail/audit"
)

// request is one request on its way through a handler. It is the handler's alone.
type request struct {
	c   *fiber.Ctx
	ctx context.Context
	id  string
	// by is who asks; the zero Principal on open routes. shown is the key or session by which that is known.
	by    audit.Principal
	shown credential
	// limiter bounds the address, keyLimiter the key; nil where they do not.
	limiter, keyLimiter *rate.Limiter
	// query holds the parameters: only those that the route knows.
	query url.Values
	// kept says that a body that is still to be sent ends the context, not the handler's return.
	kept   bool
	cancel context.CancelFunc
}

// serve makes the Fiber handler of an endpoint: everything that is the same for all of them.
func (s *Server) serve(e *endpoint) fiber.Handler {
	timeout := s.cfg.Limits.ReadTimeout
	if e.ingest {
		timeout = s.cfg.Limits.IngestTimeout
	}
	return func(c *fiber.Ctx) error {
		began := time.Now()
		r := &request{c: c, id: requestID(c)}
		if e.stream {
			r.ctx, r.cancel = context.WithCancel(s.base)
		} else {
			r.ctx, r.cancel = context.WithTimeout(s.base, timeout)
		}
		s.setHeaders(c, r.id)
		if err := s.guard(e, r); err != nil {
			r.kept = false
			s.fail(c, r.id, err)
			if e.scim {
				s.failSCIM(c, err)
			}
		}
		s.tellLimits(r, e.Path)
		if !r.kept {
			r.cancel()
		}
		s.observe(c, e.Path, r, time.Since(began))
		return nil
	}
}

// guard runs the handler behind authentication and checks, and turns a panic into an error.
func (s *Server) guard(e *endpoint, r *request) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = audit.WithCause(audit.CodeInternal, fmt.Errorf("panic: %v\n%s", p, debug.Stack()), "the request could not be answered; the log has the details under the request id")
		}
	}()
	if !e.health { // probes and collectors ask by the address of one process, and learn nothing that is anybody's
		if err := s.checkHost(r.c.Context()); err != nil {
			return err
		}
	}
	by, called := r.c.Context().UserValue(callerKey{}).(audit.Principal)
	if !e.health && !called {
		if err := s.limited(r); err != nil {
			return err
		}
	}
	if called {
		r.by = by
	} else if !e.Open {
		if err := s.identify(r); err != nil {
			return err
		}
	}
	if !e.Open && e.Scope != "" {
		if err := r.by.Allow(e.Scope); err != nil {
			return err
		}
	}
	if err := r.parseQuery(e.query); err != nil {
		return err
	}
	return e.handle(s, r)
}

// refuse answers what reached no endpoint: unknown routes and methods, and requests that the HTTP layer could not read.
func (s *Server) refuse(c *fiber.Ctx, err error) error {
	began := time.Now()
	r := &request{c: c, id: requestID(c)}
	s.setHeaders(c, r.id)
	if s.forPages(c, err) {
		if err = s.checkHost(c.Context()); err == nil {
			s.servePage(c, r, began)
			return nil
		}
	}
	if s.cfg.HealthOnly {
		err = audit.Errorf(audit.CodeNotFound, "this process does background work and answers only /healthz, /readyz and /metrics; the API is another one's")
	}
	if over := s.limited(r); over != nil {
		err = over
	}
	s.fail(c, r.id, err)
	if ofSCIM(c) {
		s.failSCIM(c, err)
	}
	s.tellLimits(r, c.Path())
	s.observe(c, "unmatched", r, time.Since(began))
	return nil
}

// requestID returns the client's X-Request-ID where it is sane, else a new one.
func requestID(c *fiber.Ctx) string {
	given := c.Request().Header.Peek(fiber.HeaderXRequestID)
	if len(given) > 0 && len(given) <= 64 && !slices.ContainsFunc(given, func(b byte) bool {
		return (b < '0' || b > '9') && (b < 'a' || b > 'z') && (b < 'A' || b > 'Z') && b != '-' && b != '_' && b != '.'
	}) {
		return string(given)
	}
	return newID()
}

// newID returns a UUIDv7.
func newID() string { return uuid.Must(uuid.NewV7()).String() } // it fails only where the system has no random numbers

// observe counts the request and writes its line of the access log: no query string, no body, no personal data.
func (s *Server) observe(c *fiber.Ctx, route string, r *request, took time.Duration) {
	status := c.Response().StatusCode()
	s.metrics.observeRequest(c.Method(), route, status, took)
	bytes := c.Response().Header.ContentLength()
	if !c.Response().IsBodyStream() {
		bytes = len(c.Response().Body())
	}
	attrs := append(make([]slog.Attr, 0, 8), slog.String("method", c.Method()), slog.String("route", route), slog.Int("status", status),
		slog.Duration("took", took), slog.Int("bytes", max(0, bytes)), slog.String("request_id", r.id))
	switch {
	case r.by.Key != "":
		attrs = append(attrs, slog.String("organization", r.by.Organization), slog.String("key", r.by.Key))
	case r.by.Session != "":
		attrs = append(attrs, slog.String("organization", r.by.Organization), slog.String("session", r.by.Session))
	}
	s.log.LogAttrs(context.Background(), slog.LevelInfo, "request", attrs...)
}

// parseQuery reads the query string. A parameter that the route does not know is an error: a filter with a slip of the pen must not
// silently show everything.
func (r *request) parseQuery(known []string) error {
	raw := r.c.Request().URI().QueryString()
	if len(raw) == 0 {
		return nil
	}
	values, err := url.ParseQuery(string(raw))
	if err != nil {
		return audit.Errorf(audit.CodeMalformed, "the query string cannot be read: parameters are separated by & and %% begins two hexadecimal digits")
	}
	var unknown []audit.FieldError
	for _, name := range sorted(values) {
		switch {
		case !slices.Contains(known, name) && len(known) == 0:
			unknown = append(unknown, audit.FieldError{Field: clip(name), Message: "is not a parameter: this route takes none"})
		case !slices.Contains(known, name):
			unknown = append(unknown, audit.FieldError{Field: clip(name), Message: "is not a parameter; known are " + strings.Join(known, ", ")})
		}
	}
	if len(unknown) > 0 {
		return audit.Invalid(unknown[:min(len(unknown), 100)]...)
	}
	r.query = values
	return nil
}

// clip cuts a name that a client made up, so that it can be repeated in a message.
func clip(name string) string {
	if len(name) > 64 {
		name = name[:64] + "…"
	}
	return strings.ToValidUTF8(name, "\uFFFD")
}

// param returns the named part of the path, unescaped.
func (r *request) param(name string) (string, error) {
	value, err := url.PathUnescape(r.c.Params(name))
	if err != nil {
		return "", audit.Errorf(audit.CodeMalformed, "the address cannot be read: %% must begin two hexadecimal digits")
	}
	return value, nil
}

// single returns a parameter that may be given once, "" where it is not.
func (r *request) single(name string) (string, error) {
	values := r.query[name]
	if len(values) > 1 {
		return "", audit.InvalidField(name, "is given %d times; give it once", len(values))
	}
	if len(values) == 0 {
		return "", nil
	}
	return values[0], nil
}

// oneOf returns a parameter that must be one of the values; the first, which may be "", where it is not given.
func (r *request) oneOf(name string, values ...string) (string, error) {
	given, err := r.single(name)
	if err != nil || given == "" {
		return values[0], err
	}
	if !slices.Contains(values, given) {
		return "", audit.InvalidField(name, "must be %s", strings.TrimPrefix(strings.Join(values, " or "), " or "))
	}
	return given, nil
}

// json answers with the value.
func (r *request) json(status int, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return r.body(status, fiber.MIMEApplicationJSON, body)
}

// body answers with the bytes, which are the response's from then on.
func (r *request) body(status int, contentType string, body []byte) error {
	r.c.Response().SetStatusCode(status)
	r.c.Response().Header.SetContentType(contentType)
	r.c.Response().SetBodyRaw(body)
	return nil
}

// form reads a body of the type that HTML forms and Twilio send.
func (r *request) form() (url.Values, error) {
	if _, err := wantContent(&r.c.Request().Header, fiber.MIMEApplicationForm); err != nil {
		return nil, err
	}
	body, done, err := decodedBody(r.c.Request(), maxJSONBytes)
	if err != nil {
		return nil, err
	}
	defer done()
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, audit.Errorf(audit.CodeMalformed, "the form cannot be read")
	}
	return form, nil
}

func (r *request) noContent() error {
	r.c.Response().SetStatusCode(http.StatusNoContent)
	return nil
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
