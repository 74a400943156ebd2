package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/audittrail/audittrail/activities"
)

const (
	// dispatchEvery is how long a dispatcher waits without a hint before it looks by itself.
	dispatchEvery = 30 * time.Second
	// dispatchesPerRun is after how many looks a dispatcher continues in a new run.
	dispatchesPerRun = 1000
)

// DispatchInput names the organization.
type DispatchInput struct {
	Organization string
	// Continued is set in every run but the first.
	Continued bool
}

// dispatchWorkflow is one run of an organization's dispatcher.
type dispatchWorkflow struct {
	in    DispatchInput
	hints workflow.ReceiveChannel
}

// dispatches names the activities; it is never called.
var dispatches *activities.Dispatch

// Dispatch follows the tail of an organization's events and hands what matches to its reminders: at each SignalHint, and every 30 seconds
// in any case. It ends when the organization has no reminders.
func Dispatch(ctx workflow.Context, in DispatchInput) error {
	w := &dispatchWorkflow{in: in}
	w.setup(ctx)
	return w.run(ctx)
}

func (w *dispatchWorkflow) setup(ctx workflow.Context) {
	w.hints = workflow.GetSignalChannel(ctx, SignalHint)
}

func (w *dispatchWorkflow) run(ctx workflow.Context) error {
	in := activities.DispatchInput{Organization: w.in.Organization}
	// Two minutes for one activity that goes on for 20 seconds; no end to the attempts: what was acknowledged will be dispatched.
	work := heavy(ctx, 2*time.Minute, 0)
	if !w.in.Continued {
		if err := workflow.ExecuteActivity(heavy(ctx, time.Hour, 0), dispatches.Recover, in).Get(ctx, nil); err != nil {
			return err
		}
	}
	for range dispatchesPerRun {
		w.drain()
		var result activities.DispatchResult
		if err := workflow.ExecuteActivity(work, dispatches.Dispatch, in).Get(ctx, &result); err != nil {
			return err
		}
		if result.Reminders == 0 && w.hints.Len() == 0 {
			return nil
		}
		if result.More {
			continue
		}
		if _, err := workflow.AwaitWithTimeout(ctx, dispatchEvery, func() bool { return w.hints.Len() > 0 }); err != nil {
			return err
		}
	}
	w.drain() // the next run begins with a look
	return workflow.NewContinueAsNewError(ctx, NameDispatch, DispatchInput{Organization: w.in.Organization, Continued: true})
}

// drain takes the hints that have arrived: one look answers all of them.
func (w *dispatchWorkflow) drain() {
	for w.hints.ReceiveAsync(nil) {
	}
}
