package migrate

import (
	"context"
	"errors"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// How long a run waits for an engine that cannot do it now: one that restarts, or has too much to do.
const (
	attempts     = 20
	longestPause = 30 * time.Second
)

// try makes a call, and makes it again where the engine says that it cannot now.
func try[T any](ctx context.Context, m *mover, call func() (T, error)) (T, error) {
	for n := 1; ; n++ {
		value, err := call()
		var e *audit.Error
		if err == nil || n == attempts || !errors.As(err, &e) || e.Code != audit.CodeUnavailable {
			return value, err
		}
		if ctx.Err() != nil {
			return value, context.Cause(ctx)
		}
		m.Logger.WarnContext(ctx, "waiting", "error", err, "attempt", n)
		if err := m.pause(ctx, min(max(e.RetryAfter, time.Second), longestPause)); err != nil {
			return value, err
		}
	}
}

// do is try of a call that returns nothing.
func (m *mover) do(ctx context.Context, call func() error) error {
	_, err := try(ctx, m, func() (struct{}, error) { return struct{}{}, call() })
	return err
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
