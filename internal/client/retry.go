package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"
)

const (
	firstWait   = 250 * time.Millisecond
	longestWait = 15 * time.Second
)

// Temporary says whether the same request may succeed later: the server is overloaded, starting, or cannot be reached. The second
// value is how long the server asks to wait.
func Temporary(err error) (bool, time.Duration) {
	var problem *Error
	if errors.As(err, &problem) {
		switch problem.Status {
		case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusBadGateway, http.StatusGatewayTimeout:
			return true, problem.RetryAfter
		}
		return false, 0
	}
	var unreachable *UnreachableError
	return errors.As(err, &unreachable), 0
}

// Retry calls send until it succeeds, fails for good, or patience has passed since the first failure. Between calls it waits longer and
// longer with jitter, and never less than the server asked for; waiting, where set, is told of each wait. The request must be one
// that can be repeated without harm.
func Retry(ctx context.Context, patience time.Duration, waiting func(err error, wait time.Duration), send func() error) error {
	var deadline time.Time
	for attempt := 0; ; attempt++ {
		err := send()
		if err == nil || ctx.Err() != nil {
			return err
		}
		again, asked := Temporary(err)
		if !again {
			return err
		}
		if deadline.IsZero() {
			deadline = time.Now().Add(patience)
		}
		backoff := min(firstWait<<min(attempt, 10), longestWait)
		wait := max(asked, backoff/2) + rand.N(backoff/2+1) //nolint:gosec // so that clients do not come back together; nobody gains by guessing it
		if time.Now().Add(wait).After(deadline) {
			return err
		}
		if waiting != nil {
			waiting(err, wait)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return err
		case <-timer.C:
		}
	}
}
