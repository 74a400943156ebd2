package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"

	"github.com/audittrail/audittrail/audit"
)

// Interceptor stands around every activity. It shows Temporal that the activity is alive, so that a killed process is noticed soon and
// a cancellation arrives, and it translates errors: the one place that says which of them are worth another attempt. The type of
// the error that a workflow gets is the audit.Code.
type Interceptor struct {
	interceptor.WorkerInterceptorBase
}

// InterceptActivity stands around one activity.
func (*Interceptor) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	i := &inbound{}
	i.Next = next
	return i
}

type inbound struct {
	interceptor.ActivityInboundInterceptorBase
}

func (i *inbound) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	stop := beat(ctx)
	defer stop()
	result, err := i.Next.ExecuteActivity(ctx, in)
	return result, translate(ctx, err)
}

// beat sends heartbeats until it is stopped, where the workflow asked for them.
func beat(ctx context.Context) (stop func()) {
	timeout := activity.GetInfo(ctx).HeartbeatTimeout
	if timeout <= 0 {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(timeout / 4)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				activity.RecordHeartbeat(ctx)
			}
		}
	}()
	return func() { cancel(); <-done }
}

// translate makes a Temporal error of err. Unavailable, rate limited, conflicting and internal ones are worth another attempt, as is
// what is not an audit.Error at all; the input, the permissions and a refusal will be the same next time.
func translate(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil && errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err() // whatever a part made of it: the activity was told to stop
	}
	var e *audit.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code {
	case audit.CodeUnavailable, audit.CodeRateLimited, audit.CodeConflict, audit.CodeInternal:
		return temporal.NewApplicationErrorWithCause(e.Message, string(e.Code), err)
	default:
		return temporal.NewNonRetryableApplicationError(e.Message, string(e.Code), err)
	}
}
