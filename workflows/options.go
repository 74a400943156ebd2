package workflows

import (
	"errors"
	"math"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// longest is how long passing trouble is waited out before a workflow gives up, where it gives up at all.
const longest = 24 * time.Hour

// unlimited attempts are as good as no end of them. The zero value would say so too, but to the SDK's test environment it means ten.
const unlimited = math.MaxInt32

// quick is for activities that read or write a few records. They are tried for as long as the workflow lives: what they do has to be done.
func quick(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 30 * time.Second,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: 500 * time.Millisecond, MaximumInterval: 30 * time.Second, MaximumAttempts: unlimited},
	})
}

// heavy is for activities that read or write much, where a killed process has to be noticed soon.
func heavy(ctx workflow.Context, startToClose, scheduleToClose time.Duration) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout:    startToClose,
		ScheduleToCloseTimeout: scheduleToClose,
		HeartbeatTimeout:       20 * time.Second,
		WaitForCancellation:    true,
		RetryPolicy:            &temporal.RetryPolicy{InitialInterval: time.Second, MaximumInterval: time.Minute, MaximumAttempts: unlimited},
	})
}

// words are what may be shown of an activity's error: the message that it was given for that.
func words(err error) string {
	var timeout *temporal.TimeoutError
	if errors.As(err, &timeout) {
		if cause := timeout.Unwrap(); cause != nil {
			return "it could not be completed in time: " + words(cause)
		}
		return "it could not be completed in time"
	}
	var application *temporal.ApplicationError
	if errors.As(err, &application) && application.Type() != "" {
		return application.Message()
	}
	return "an internal error; the cause is in the server's log"
}
