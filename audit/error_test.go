package audit

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"time"
)

func TestErrorsSayWhatIsWrong(t *testing.T) {
	tests := []struct {
		err  *Error
		code Code
		text string
	}{
		{Invalid(FieldError{"id", "is long"}, FieldError{"log", "is required"}), CodeInvalid, "the input is not valid: id: is long; log: is required"},
		{InvalidField("q", "has %d bytes", 5), CodeInvalid, "the input is not valid: q: has 5 bytes"},
		{NotFound("export"), CodeNotFound, "export not found"},
		{Errorf(CodeGone, "expired at %s", "noon"), CodeGone, "expired at noon"},
		{WithCause(CodeInternal, io.EOF, "cannot read"), CodeInternal, "cannot read: EOF"},
		{Unavailable(io.EOF, time.Second, "the index is down"), CodeUnavailable, "the index is down: EOF"},
		{&Error{Fields: []FieldError{{"a", "b"}}}, "", "a: b"},
	}
	for _, tt := range tests {
		if tt.err.Code != tt.code || tt.err.Error() != tt.text {
			t.Errorf("got %s %q, want %s %q", tt.err.Code, tt.err.Error(), tt.code, tt.text)
		}
	}
	if Unavailable(nil, time.Second, "x").RetryAfter != time.Second {
		t.Error("no advice when to come back")
	}
}

func TestCausesAreSeenThroughAndCodesFound(t *testing.T) {
	wrapped := fmt.Errorf("append: %w", WithCause(CodeUnavailable, io.ErrUnexpectedEOF, "down"))
	if !errors.Is(wrapped, io.ErrUnexpectedEOF) || CodeOf(wrapped) != CodeUnavailable {
		t.Errorf("got %s", CodeOf(wrapped))
	}
	if err := Errorf(CodeInternal, "reading: %w", io.EOF); !errors.Is(err, io.EOF) {
		t.Error("%w does not set the cause")
	}
	if CodeOf(nil) != "" || CodeOf(io.EOF) != CodeInternal {
		t.Error("codes of nil and of an unknown error")
	}
}
