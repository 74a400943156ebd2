package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/audittrail/audittrail/activities"
)

// DeliveryInput is one digest on its way.
type DeliveryInput = activities.PlanDeliveriesInput

// Delivery sends one digest: each channel and recipient by an activity of its own, side by side, with attempts over three days. It
// ends when each message was sent, refused for good, skipped or given up; which of these is in the store.
func Delivery(ctx workflow.Context, in DeliveryInput) error {
	w := &deliveryWorkflow{in: in}
	if err := w.setup(ctx); err != nil {
		return err
	}
	return w.run(ctx)
}

type deliveryWorkflow struct {
	in      DeliveryInput
	planned []activities.PlannedDelivery
}

// setup records what is to be sent, before any of it is.
func (w *deliveryWorkflow) setup(ctx workflow.Context) error {
	return workflow.ExecuteActivity(quick(ctx), reminders.PlanDeliveries, w.in).Get(ctx, &w.planned)
}

func (w *deliveryWorkflow) run(ctx workflow.Context) error {
	sending := workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout:    90 * time.Second,
		ScheduleToCloseTimeout: activities.DeliveryPatience,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: 5 * time.Second, BackoffCoefficient: 2, MaximumInterval: 10 * time.Minute, MaximumAttempts: unlimited,
		},
	})
	group := workflow.NewWaitGroup(ctx)
	var failed error
	for _, planned := range w.planned {
		group.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer group.Done()
			in := activities.DeliverInput{Organization: w.in.Organization, Digest: w.in.Digest, PlannedDelivery: planned}
			err := workflow.ExecuteActivity(sending, reminders.Deliver, in).Get(ctx, nil)
			if err == nil {
				return
			}
			workflow.GetLogger(ctx).Error("a message was given up", "organization", in.Organization, "delivery", in.ID, "error", err)
			if err := workflow.ExecuteActivity(quick(ctx), reminders.GiveUpDelivery, in).Get(ctx, nil); err != nil {
				failed = err
			}
		})
	}
	group.Wait(ctx)
	return failed
}
