package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/audittrail/audittrail/audit"
)

// Problem is the body of every error: RFC 9457.
type Problem struct {
	// Type is "/problems/" and the code; it is what programs decide by.
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	// Errors names every field that is wrong, for bad input.
	Errors []audit.FieldError `json:"errors,omitempty"`
	// Request is the id under which the server's log knows the request.
	Request string `json:"request_id,omitempty"`
}

const contentProblem = "application/problem+json"

// The codes that only HTTP has.
const (
	codeMethod     audit.Code = "method_not_allowed"
	codeTimeout    audit.Code = "request_timeout"
	codeHeaderSize audit.Code = "headers_too_large"
	codeHost       audit.Code = "misdirected"
)

// meaning is what a code becomes in HTTP.
type meaning struct {
	status int
	title  string
}

// meanings is the one place where codes become statuses.
var meanings = map[audit.Code]meaning{
	audit.CodeInvalid:         {http.StatusUnprocessableEntity, "The input is not valid"},
	audit.CodeMalformed:       {http.StatusBadRequest, "The request could not be read"},
	audit.CodeUnauthenticated: {http.StatusUnauthorized, "A valid key or session is required"},
	audit.CodeForbidden:       {http.StatusForbidden, "Not allowed"},
	audit.CodeNotFound:        {http.StatusNotFound, "Not found"},
	audit.CodeConflict:        {http.StatusConflict, "Conflict with the present state"},
	audit.CodeGone:            {http.StatusGone, "No longer there"},
	audit.CodeTooLarge:        {http.StatusRequestEntityTooLarge, "Too large"},
	audit.CodeUnsupported:     {http.StatusUnsupportedMediaType, "Media type not supported"},
	audit.CodeRateLimited:     {http.StatusTooManyRequests, "Too many requests"},
	audit.CodeUnavailable:     {http.StatusServiceUnavailable, "Not available now"},
	audit.CodeRefused:         {http.StatusBadGateway, "Refused by a service behind this one"},
	audit.CodeInternal:        {http.StatusInternalServerError, "An error of the server"},
	codeMethod:                {http.StatusMethodNotAllowed, "Method not allowed"},
	codeTimeout:               {http.StatusRequestTimeout, "The request took too long to arrive"},
	codeHeaderSize:            {http.StatusRequestHeaderFieldsTooLarge, "The headers are too large"},
	codeHost:                  {http.StatusMisdirectedRequest, "Not a name of this server"},
}

// clientError returns the error as one that may be shown: what is not an audit.Error becomes CodeInternal or, where a deadline passed
// or the server stops, CodeUnavailable, with the error itself as its cause.
func clientError(err error) *audit.Error {
	var known *audit.Error
	var fromFiber *fiber.Error
	switch {
	case errors.As(err, &known):
		if _, ok := meanings[known.Code]; !ok {
			return audit.WithCause(audit.CodeInternal, err, "the request could not be answered")
		}
		return known
	case errors.As(err, &fromFiber):
		return fiberError(fromFiber)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return audit.Unavailable(err, time.Second, "this could not be done in time; try again")
	}
	return audit.WithCause(audit.CodeInternal, err, "the request could not be answered; the log has the details under the request id")
}

// fiberError translates what the HTTP layer itself refuses.
func fiberError(err *fiber.Error) *audit.Error {
	switch err.Code {
	case http.StatusNotFound:
		return audit.NotFound("route")
	case http.StatusMethodNotAllowed:
		return audit.Errorf(codeMethod, "the route does not take this method; the header Allow names those it does")
	case http.StatusRequestTimeout:
		return audit.Errorf(codeTimeout, "the request did not arrive in time")
	case http.StatusRequestEntityTooLarge:
		return audit.Errorf(audit.CodeTooLarge, "the body is over the limit: %d MiB for events, %d MiB for groups, %d KiB elsewhere", audit.MaxRequestBytes>>20, maxSCIMGroupBytes>>20, maxJSONBytes>>10)
	case http.StatusRequestHeaderFieldsTooLarge:
		return audit.Errorf(codeHeaderSize, "the headers and the address together must be at most %d KiB", maxHeaderBytes>>10)
	}
	return audit.Errorf(audit.CodeMalformed, "the request is not valid HTTP")
}

// fail answers with a problem, and logs once what the client is not shown.
func (s *Server) fail(c *fiber.Ctx, requestID string, err error) {
	shown := clientError(err)
	means := meanings[shown.Code]
	s.logCause(c, requestID, shown, err)
	header := &c.Response().Header
	switch shown.Code {
	case audit.CodeUnauthenticated:
		challenge := `Bearer realm="audittrail"`
		if len(c.Request().Header.Peek(fiber.HeaderAuthorization)) > 0 {
			challenge += `, error="invalid_token"`
		}
		header.Set(fiber.HeaderWWWAuthenticate, challenge)
	case audit.CodeUnavailable, audit.CodeRateLimited:
		wait := max(1, int(math.Ceil(shown.RetryAfter.Seconds())))
		header.Set(fiber.HeaderRetryAfter, strconv.Itoa(wait))
	case audit.CodeUnsupported:
		header.Set(fiber.HeaderAcceptEncoding, "gzip, identity")
	}
	body, marshalErr := json.Marshal(Problem{
		Type: "/problems/" + string(shown.Code), Title: means.title, Status: means.status,
		Detail: shown.Message, Errors: shown.Fields, Request: requestID,
	})
	if marshalErr != nil { // strings and ints always marshal; an empty body would still have the status
		s.log.Error("api: problem could not be written", slog.String("request_id", requestID), slog.Any("error", marshalErr))
	}
	c.Response().ResetBody()
	c.Response().SetStatusCode(means.status)
	c.Response().SetBody(body)
	header.SetContentType(contentProblem)
}

// logCause logs an error that has more to it than the client is shown.
func (s *Server) logCause(c *fiber.Ctx, requestID string, shown *audit.Error, err error) {
	var level slog.Level
	switch {
	case shown.Code == audit.CodeInternal:
		level = slog.LevelError
	case shown.Cause != nil && (shown.Code == audit.CodeUnavailable || shown.Code == audit.CodeRefused):
		level = slog.LevelWarn
	default: // the client's own mistake: it learns all there is, and its input stays out of the log
		return
	}
	s.log.Log(context.Background(), level, "api: request failed", slog.String("request_id", requestID),
		slog.String("method", c.Method()), slog.String("code", string(shown.Code)), slog.Any("error", err))
}
