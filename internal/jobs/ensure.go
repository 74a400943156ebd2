package jobs

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/audittrail/audittrail/activities"
	"github.com/audittrail/audittrail/workflows"
)

// EnsureRunning starts what the store says should be running and is not: exports that run or wait for their end, dispatchers of
// organizations with reminders, and the daily retention. Dispatchers take up open windows and unsent messages when they begin. Repeating it
// changes nothing. What fails for one organization is reported after the others were looked after.
func (c *Client) EnsureRunning(ctx context.Context) error {
	organizations, err := c.records.Organizations(ctx)
	if err != nil {
		return err
	}
	errs := []error{c.schedule.ensure(ctx, c.temporal.ScheduleClient())}
	for _, org := range organizations {
		if err := c.ensureOrganization(ctx, org.ID); err != nil {
			errs = append(errs, fmt.Errorf("organization %s: %w", org.ID, err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(errs...)
}

func (c *Client) ensureOrganization(ctx context.Context, organization string) error {
	exports, err := c.records.OpenExports(ctx, organization)
	if err != nil {
		return err
	}
	for _, export := range exports {
		if err := c.StartExport(ctx, organization, export.ID); err != nil {
			return err
		}
	}
	return c.ensureDispatcher(ctx, organization)
}

// ensureDispatcher starts the dispatcher of an organization with reminders. For one without, it moves the checkpoint along, so that the first
// reminder begins where the events were when it was made, or a little before. The end is read first: a reminder that is not in the
// list afterwards is made later, and so are the events that are for it.
func (c *Client) ensureDispatcher(ctx context.Context, organization string) error {
	end, err := c.tail.TailEnd(ctx, organization)
	if err != nil {
		return err
	}
	reminders, err := c.records.Reminders(ctx, organization)
	if err != nil {
		return err
	}
	if len(reminders) > 0 {
		return c.start(ctx, workflows.DispatchID(organization), workflows.NameDispatch, workflows.DispatchInput{Organization: organization})
	}
	saved, err := c.records.Checkpoint(ctx, organization, activities.DispatchCheckpoint())
	if err != nil || saved == end {
		return err
	}
	return c.records.SaveCheckpoint(ctx, organization, activities.DispatchCheckpoint(), end)
}

// schedule is the daily retention. It is made where it is missing, and once a process brought to what this version wants.
type schedule struct {
	mu      sync.Mutex
	updated bool
}

func (s *schedule) ensure(ctx context.Context, schedules client.ScheduleClient) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	want := retention()
	_, err := schedules.Create(ctx, want)
	if err == nil {
		s.updated = true
		return nil
	}
	if !errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
		return unavailable(err)
	}
	if s.updated {
		return nil
	}
	err = schedules.GetHandle(ctx, want.ID).Update(ctx, client.ScheduleUpdateOptions{
		DoUpdate: func(in client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
			now := in.Description.Schedule
			now.Spec, now.Action = &want.Spec, want.Action
			now.Policy = &client.SchedulePolicies{Overlap: want.Overlap, CatchupWindow: want.CatchupWindow}
			return &client.ScheduleUpdate{Schedule: &now}, nil
		},
	})
	if err != nil {
		return unavailable(err)
	}
	s.updated = true
	return nil
}

// retention is the daily run: at 03:17 UTC, one at a time, and made up for within a day when Temporal was down.
func retention() client.ScheduleOptions {
	return client.ScheduleOptions{
		ID:            workflows.RetentionID,
		Spec:          client.ScheduleSpec{Calendars: []client.ScheduleCalendarSpec{{Hour: []client.ScheduleRange{{Start: 3}}, Minute: []client.ScheduleRange{{Start: 17}}}}},
		Action:        &client.ScheduleWorkflowAction{ID: workflows.RetentionID, Workflow: workflows.NameRetention, TaskQueue: workflows.TaskQueue},
		Overlap:       enums.SCHEDULE_OVERLAP_POLICY_SKIP,
		CatchupWindow: 23 * time.Hour,
	}
}

var _ activities.Handover = (*Client)(nil)
