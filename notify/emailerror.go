package notify

import (
	"context"
	"errors"
	"net/textproto"
	"strconv"
	"strings"

	"github.com/audittrail/audittrail/audit"
	"github.com/wneessen/go-mail"
)

// connectError puts in words why no conversation came about. That has nothing to do with the one mail, and whoever runs the service
// can set it right, so it is never for good: not a refused sign-in either.
func connectError(ctx context.Context, err error) error {
	var answer *textproto.Error
	switch {
	case ctx.Err() != nil:
		return audit.Unavailable(ctx.Err(), retryAfter, "the mail server did not answer in time")
	case errors.As(err, &answer):
		return audit.Unavailable(said(answer.Code, answer.Msg), retryAfter, "the mail server did not let us in: %d", answer.Code)
	}
	return audit.Unavailable(quiet(err), retryAfter, "the mail server cannot be reached safely")
}

// sendError puts in words why the server did not take the mail. An answer of 5xx is for good, but that the server asks for another sign-in.
func sendError(ctx context.Context, err error) error {
	var sent *mail.SendError
	code := 0
	if errors.As(err, &sent) {
		code = sent.ErrorCode()
	}
	text := answerText(err, code)
	switch {
	case code == 530, code == 534, code == 535, code == 538:
		return audit.Unavailable(said(code, text), retryAfter, "the mail server asks for another sign-in: %d", code)
	case code >= 500:
		return audit.Errorf(audit.CodeRefused, "the mail server refused the mail: %d %s", code, redact(text))
	case code >= 400:
		return audit.Unavailable(nil, retryAfter, "the mail server cannot take the mail now: %d %s", code, redact(text))
	case ctx.Err() != nil:
		return audit.Unavailable(ctx.Err(), retryAfter, "the mail server did not answer in time")
	}
	return audit.Unavailable(quiet(err), retryAfter, "the connection to the mail server broke")
}

// answerText finds what the server said after its code. The library's error also holds the recipients.
func answerText(err error, code int) string {
	text := err.Error()
	if at := strings.Index(text, strconv.Itoa(code)+" "); code > 0 && at >= 0 {
		text = text[at+4:]
	}
	text, _, _ = strings.Cut(text, ", affected")
	return text
}

func said(code int, text string) error {
	return errors.New(strconv.Itoa(code) + " " + redact(text))
}

// quiet keeps what a cause says and drops the addresses in it.
func quiet(err error) error { return errors.New(redact(err.Error())) }
