package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/audittrail/audittrail/activities"
	"github.com/audittrail/audittrail/audit"
)

// AddressCodeInput is one code on its way to an address. The code itself is not in it: the activity makes it.
type AddressCodeInput = activities.AddressCodeRef

// AddressCode sends one code to an address that is to be verified, with attempts for as long as the code works. Whether it was sent is in the store.
func AddressCode(ctx workflow.Context, in AddressCodeInput) error {
	sending := workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout:    90 * time.Second,
		ScheduleToCloseTimeout: audit.AddressCodeLife,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: 2 * time.Second, BackoffCoefficient: 2, MaximumInterval: time.Minute, MaximumAttempts: unlimited,
		},
	})
	err := workflow.ExecuteActivity(sending, reminders.SendAddressCode, in).Get(ctx, nil)
	if err == nil {
		return nil
	}
	workflow.GetLogger(ctx).Error("a code was given up", "organization", in.Organization, "address", in.Address, "error", err)
	return workflow.ExecuteActivity(quick(ctx), reminders.GiveUpAddressCode, in).Get(ctx, nil)
}
