package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/audittrail/audittrail/activities"
)

// retentions names the activities; it is never called.
var retentions *activities.Retention

// Retention is one daily run: it keeps the six months, deletes files that a crash left, and records that it ran.
func Retention(ctx workflow.Context) error {
	record := activities.RecordRetentionInput{Run: workflow.GetInfo(ctx).WorkflowExecution.ID}
	// An hour before the next run a run that cannot go on gives way to it.
	work := heavy(ctx, 2*time.Hour, 23*time.Hour)
	if err := workflow.ExecuteActivity(work, retentions.Retain).Get(ctx, &record.Report); err != nil {
		return err
	}
	if err := workflow.ExecuteActivity(work, retentions.SweepFiles).Get(ctx, &record.Swept); err != nil {
		return err
	}
	return workflow.ExecuteActivity(work, retentions.RecordRetention, record).Get(ctx, nil)
}
