package client_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/client"
)

func TestProblemsBecomeErrorsWithTheirFields(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != "Bearer at_x" {
			t.Errorf("the key is sent as %q", got)
		}
		w.Header().Set("Retry-After", "3")
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = w.Write([]byte(`{"title":"The input is not valid","detail":"d","request_id":"r","errors":[{"field":"q","message":"m"}]}`))
	}))
	defer server.Close()
	c := client.New(server.URL+"/", "at_x", nil)
	defer c.Close()
	_, err := c.Search(t.Context(), nil)
	var problem *client.Error
	if !errors.As(err, &problem) {
		t.Fatalf("got %v", err)
	}
	if problem.Status != 422 || problem.RequestID != "r" || len(problem.Fields) != 1 || problem.Fields[0] != (audit.FieldError{Field: "q", Message: "m"}) ||
		problem.RetryAfter != 3*time.Second {
		t.Errorf("got %+v", problem)
	}
	if again, _ := client.Temporary(err); again {
		t.Error("bad input is held for passing trouble")
	}
}

func TestAnswersOfSomethingElseAreSaidToBeSo(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }))
	defer server.Close()
	c := client.New(server.URL, "", nil)
	defer c.Close()
	if _, err := c.Search(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "is it an Audittrail server?") {
		t.Errorf("got %v", err)
	}
}

func TestRetryWaitsAsLongAsTheServerAsksAndGivesUpInTheEnd(t *testing.T) {
	busy := &client.Error{Status: http.StatusTooManyRequests, RetryAfter: 10 * time.Millisecond}
	for name, c := range map[string]struct {
		errs     []error
		patience time.Duration
		calls    int
		fails    bool
	}{
		"success at once":              {[]error{nil}, time.Minute, 1, false},
		"success after a busy answer":  {[]error{busy, nil}, time.Minute, 2, false},
		"bad input is not tried again": {[]error{&client.Error{Status: 422}, nil}, time.Minute, 1, true},
		"no patience":                  {[]error{busy, nil}, time.Millisecond, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			err := client.Retry(t.Context(), c.patience, func(_ error, wait time.Duration) {
				if wait < busy.RetryAfter {
					t.Errorf("waits %s only", wait)
				}
			}, func() error { calls++; return c.errs[calls-1] })
			if calls != c.calls || (err != nil) != c.fails {
				t.Errorf("%d calls, error %v; want %d, %v", calls, err, c.calls, c.fails)
			}
		})
	}
}

func TestRetryEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	err := client.Retry(ctx, time.Hour, func(error, time.Duration) { cancel() }, func() error {
		return &client.Error{Status: 503, RetryAfter: time.Hour}
	})
	if err == nil {
		t.Error("no error")
	}
}

func TestAServerThatIsNotThereIsNamed(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	c := client.New(server.URL, "", nil)
	_, err := c.Search(t.Context(), nil)
	if err == nil || !strings.Contains(err.Error(), "the server at "+server.URL+" does not answer") {
		t.Errorf("got %v", err)
	}
	if again, _ := client.Temporary(err); !again {
		t.Error("a server that is away is not tried again")
	}
}
