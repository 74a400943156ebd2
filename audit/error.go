package audit

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Code says what kind of error an Error is. The API maps each code to one HTTP status, in one place.
type Code string

// The codes, and the HTTP status that each one becomes.
const (
	CodeInvalid         Code = "invalid"           // 422: the input is wrong; Fields names what
	CodeMalformed       Code = "malformed"         // 400: the input could not be read at all
	CodeUnauthenticated Code = "unauthenticated"   // 401: no key, or one that is unknown, expired or revoked
	CodeForbidden       Code = "forbidden"         // 403: known, but the role or the scope does not allow it
	CodeNotFound        Code = "not_found"         // 404: not there, or not in the caller's sight
	CodeConflict        Code = "conflict"          // 409: changed since it was read, or it exists already
	CodeGone            Code = "gone"              // 410: it was there and is no more (an expired export)
	CodeTooLarge        Code = "too_large"         // 413: over a size limit
	CodeUnsupported     Code = "unsupported_media" // 415: a content type or encoding that is not taken
	CodeRateLimited     Code = "rate_limited"      // 429: try again after RetryAfter
	CodeUnavailable     Code = "unavailable"       // 503: a part is down or full; try again after RetryAfter
	CodeRefused         Code = "refused"           // 502: a recipient, mail server or Twilio refused for good; trying again will not help
	CodeInternal        Code = "internal"          // 500: our fault; the cause is logged, never shown
)

// FieldError is one thing that is wrong with one field of the input.
type FieldError struct {
	// Field is the path of the field as the sender wrote it: "actor.id", "targets[2].type", "q".
	Field string `json:"field"`
	// Message says what is wrong and what is allowed.
	Message string `json:"message"`
}

// Error is the error of the domain. Message is written for the client and safe to show;
// Cause is for the log only and never leaves the process.
type Error struct {
	Code       Code
	Message    string
	Fields     []FieldError
	RetryAfter time.Duration // for CodeRateLimited and CodeUnavailable; zero: no advice
	Cause      error
}

// Error returns the message with every field error, and the cause where there is one.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Message)
	for i, f := range e.Fields {
		if i == 0 && e.Message != "" {
			b.WriteString(": ")
		} else if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "%s: %s", f.Field, f.Message)
	}
	if e.Cause != nil {
		fmt.Fprintf(&b, ": %v", e.Cause)
	}
	return b.String()
}

// Unwrap returns the cause, so that errors.Is and errors.As see through.
func (e *Error) Unwrap() error { return e.Cause }

// Errorf makes an Error of the code with a message that is safe to show to a client.
// An argument wrapped with %w also becomes the Cause; its text is then part of the message, so
// use WithCause for causes that a client must not see.
func Errorf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), Cause: errors.Unwrap(err)}
}

// WithCause makes an Error whose cause is logged and not shown.
func WithCause(code Code, cause error, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), Cause: cause}
}

// Invalid makes a CodeInvalid error of the field errors.
func Invalid(fields ...FieldError) *Error {
	return &Error{Code: CodeInvalid, Message: "the input is not valid", Fields: fields}
}

// InvalidField makes a CodeInvalid error of one field.
func InvalidField(field, format string, args ...any) *Error {
	return Invalid(FieldError{Field: field, Message: fmt.Sprintf(format, args...)})
}

// NotFound makes a CodeNotFound error. The words are the same whether the thing never existed or
// belongs to someone else, so that an id cannot be probed.
func NotFound(what string) *Error {
	return &Error{Code: CodeNotFound, Message: what + " not found"}
}

// Unavailable makes a CodeUnavailable error that asks the caller to come back after retryAfter.
func Unavailable(cause error, retryAfter time.Duration, format string, args ...any) *Error {
	return &Error{Code: CodeUnavailable, Message: fmt.Sprintf(format, args...), RetryAfter: retryAfter, Cause: cause}
}

// CodeOf returns the code of the first Error in err's chain, CodeInternal where there is none, and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeInternal
}

// MessageOf returns what the first Error in err's chain says to a client, "" where there is none.
func MessageOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Message
	}
	return ""
}
