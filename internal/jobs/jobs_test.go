package jobs

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/mocks"
	"go.temporal.io/sdk/temporal"

	"github.com/audittrail/audittrail/activities"
	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/workflows"
)

var (
	now     = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	errDown = errors.New("connection refused to 10.0.0.7")
	ctx     = context.Background()
)

// records say what should be running; the checkpoint of an organization is kept under its id.
type records struct {
	exports     map[string][]string
	reminders   map[string][]string
	checkpoints map[string]string
	saved       []string
	ends        map[string]string
	// order notes what was read, as "tail acme" or "reminders acme".
	order []string
	fail  error
}

func (r *records) Organizations(context.Context) ([]audit.Organization, error) {
	return []audit.Organization{{ID: "acme"}, {ID: "beta"}}, r.fail
}

func (r *records) OpenExports(_ context.Context, organization string) ([]audit.Export, error) {
	var list []audit.Export
	for _, id := range r.exports[organization] {
		list = append(list, audit.Export{ID: id, Organization: organization})
	}
	return list, nil
}

func (r *records) Reminders(_ context.Context, organization string) ([]audit.Reminder, error) {
	r.order = append(r.order, "reminders "+organization)
	var list []audit.Reminder
	for _, id := range r.reminders[organization] {
		list = append(list, audit.Reminder{ID: id})
	}
	return list, nil
}

func (r *records) Checkpoint(_ context.Context, organization, name string) (string, error) {
	return r.checkpoints[organization+"/"+name], nil
}

func (r *records) SaveCheckpoint(_ context.Context, organization, name, value string) error {
	r.checkpoints[organization+"/"+name] = value
	r.saved = append(r.saved, organization)
	return nil
}

func (r *records) TailEnd(_ context.Context, organization string) (string, error) {
	r.order = append(r.order, "tail "+organization)
	return r.ends[organization], nil
}

// fixture makes a client on a mock of Temporal.
func fixture(t *testing.T) (*Client, *mocks.Client, *records) {
	t.Helper()
	m := mocks.NewClient(t)
	m.On("Close").Return()
	r := &records{
		exports: map[string][]string{}, reminders: map[string][]string{}, checkpoints: map[string]string{},
		ends: map[string]string{"acme": "end-a", "beta": "end-b"},
	}
	c := newClient(m, Options{Records: r, Tail: r, Clock: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler)})
	t.Cleanup(c.Close)
	return c, m, r
}

// once are options that start a workflow of the id unless it runs.
func once(id string) any {
	return mock.MatchedBy(func(o client.StartWorkflowOptions) bool {
		return o.ID == id && o.TaskQueue == "audittrail" && o.WorkflowIDConflictPolicy == enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING
	})
}

func wantUnavailable(t *testing.T, err error) {
	t.Helper()
	var e *audit.Error
	if !errors.As(err, &e) || e.Code != audit.CodeUnavailable || e.RetryAfter <= 0 || strings.Contains(e.Message, "10.0.0.7") {
		t.Errorf("got %v", err)
	}
	if !errors.Is(err, errDown) {
		t.Errorf("the cause is lost: %v", err)
	}
}

func TestAnExportIsStartedAndStoppedByItsID(t *testing.T) {
	c, m, _ := fixture(t)
	m.On("ExecuteWorkflow", mock.Anything, once("export/acme/x1"), workflows.NameExport, exportInput("acme", "x1")).Return(nil, nil).Once()
	if err := c.StartExport(ctx, "acme", "x1"); err != nil {
		t.Error(err)
	}
	m.On("SignalWithStartWorkflow", mock.Anything, "export/acme/x1", workflows.SignalStop, nil, once("export/acme/x1"), workflows.NameExport,
		exportInput("acme", "x1")).Return(nil, nil).Once()
	if err := c.StopExport(ctx, "acme", "x1"); err != nil {
		t.Error(err)
	}
}

func TestReadinessNeedsTheNamespaceAndNoWorkflow(t *testing.T) {
	for name, step := range map[string]struct {
		err  error
		want string
	}{
		"a workflow that runs":     {nil, ""},
		"none yet":                 {serviceerror.NewNotFound("workflow not found"), ""},
		"no namespace":             {serviceerror.NewNamespaceNotFound("nowhere"), "temporal.namespace"},
		"one that does not answer": {errDown, "background work cannot be reached now"},
	} {
		t.Run(name, func(t *testing.T) {
			c, m, _ := fixture(t)
			m.On("CheckHealth", mock.Anything, mock.Anything).Return(nil, nil)
			m.On("DescribeWorkflowExecution", mock.Anything, workflows.RetentionID, "").Return(nil, step.err)
			err := c.Ready(ctx)
			if step.want == "" && err != nil || step.want != "" && (audit.CodeOf(err) != audit.CodeUnavailable || !strings.Contains(err.Error(), step.want)) {
				t.Errorf("got %v, want %q", err, step.want)
			}
		})
	}
}

func TestTemporalBeingDownIsUnavailableAndSaysNoMore(t *testing.T) {
	c, m, _ := fixture(t)
	m.On("ExecuteWorkflow", mock.Anything, mock.Anything, mock.Anything, mock.Anything).Return(nil, errDown)
	m.On("SignalWithStartWorkflow", mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything, mock.Anything).Return(nil, errDown)
	m.On("DescribeWorkflowExecution", mock.Anything, mock.Anything, mock.Anything).Return(nil, errDown)
	m.On("CheckHealth", mock.Anything, mock.Anything).Return(nil, errDown)
	wantUnavailable(t, c.StartExport(ctx, "acme", "x1"))
	wantUnavailable(t, c.StopExport(ctx, "acme", "x1"))
	wantUnavailable(t, c.ReminderChanged(ctx, "acme", "r1"))
	wantUnavailable(t, c.Remind(ctx, "acme", "r1", activities.Batch{}))
	wantUnavailable(t, c.Ready(ctx))
	_, err := c.TestReminder(ctx, "acme", "r1", "bob")
	wantUnavailable(t, err)
	_, err = c.Reminding(ctx, "acme", "r1")
	wantUnavailable(t, err)
}

func TestAChangedReminderWakesTheDispatcherAndItself(t *testing.T) {
	c, m, _ := fixture(t)
	in := workflows.DispatchInput{Organization: "acme"}
	m.On("SignalWithStartWorkflow", mock.Anything, "dispatch/acme", workflows.SignalHint, nil, once("dispatch/acme"), workflows.NameDispatch, in).
		Return(nil, nil)
	m.On("SignalWorkflow", mock.Anything, "reminder/acme/r1", "", workflows.SignalChanged, nil).Return(nil).Once()
	m.On("SignalWorkflow", mock.Anything, "reminder/acme/r2", "", workflows.SignalChanged, nil).Return(serviceerror.NewNotFound("no such workflow")).Once()
	m.On("SignalWorkflow", mock.Anything, "reminder/acme/r3", "", workflows.SignalChanged, nil).Return(errDown).Once()
	for _, id := range []string{"r1", "r2"} {
		if err := c.ReminderChanged(ctx, "acme", id); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	wantUnavailable(t, c.ReminderChanged(ctx, "acme", "r3"))
}

func TestATestIsADeliveryToWhoAskedForIt(t *testing.T) {
	c, m, _ := fixture(t)
	m.On("ExecuteWorkflow", mock.Anything, mock.Anything, workflows.NameDelivery, mock.MatchedBy(func(in workflows.DeliveryInput) bool {
		return in.Organization == "acme" && in.Only == "bob" && in.Digest.Test && in.Digest.Reminder == "r1" && len(in.Digest.Events) == 1
	})).Return(nil, nil).Once()
	if digest, err := c.TestReminder(ctx, "acme", "r1", "bob"); err != nil || len(digest) != 36 {
		t.Errorf("got %q, %v", digest, err)
	}
}

func TestWhetherAReminderRuns(t *testing.T) {
	c, m, _ := fixture(t)
	for id, status := range map[string]enums.WorkflowExecutionStatus{
		"running": enums.WORKFLOW_EXECUTION_STATUS_RUNNING, "ended": enums.WORKFLOW_EXECUTION_STATUS_COMPLETED,
	} {
		m.On("DescribeWorkflowExecution", mock.Anything, "reminder/acme/"+id, "").Return(&workflowservice.DescribeWorkflowExecutionResponse{
			WorkflowExecutionInfo: &workflow.WorkflowExecutionInfo{Status: status},
		}, nil)
	}
	m.On("DescribeWorkflowExecution", mock.Anything, "reminder/acme/unknown", "").Return(nil, serviceerror.NewNotFound(""))
	for id, want := range map[string]bool{"running": true, "ended": false, "unknown": false} {
		if got, err := c.Reminding(ctx, "acme", id); err != nil || got != want {
			t.Errorf("%s: %v, %v", id, got, err)
		}
	}
}

func TestAHintSignalsTheDispatcherAndMayBeLost(t *testing.T) {
	for name, err := range map[string]error{"signalled": nil, "no dispatcher": serviceerror.NewNotFound(""), "down": errDown} {
		t.Run(name, func(t *testing.T) {
			c, m, _ := fixture(t)
			called := make(chan struct{})
			m.On("SignalWorkflow", mock.Anything, "dispatch/acme", "", workflows.SignalHint, nil).Run(func(mock.Arguments) { close(called) }).Return(err).Once()
			c.Hint("acme")
			select {
			case <-called:
			case <-time.After(10 * time.Second):
				t.Error("no hint came")
			}
		})
	}
}

// schedules mocks the retention schedule, which exists already or not.
func schedules(t *testing.T, m *mocks.Client, created error) *mocks.ScheduleClient {
	s := mocks.NewScheduleClient(t)
	m.On("ScheduleClient").Return(s)
	s.On("Create", mock.Anything, mock.MatchedBy(func(o client.ScheduleOptions) bool {
		return o.ID == "retention" && o.Overlap == enums.SCHEDULE_OVERLAP_POLICY_SKIP && o.Spec.Calendars[0].Hour[0].Start == 3
	})).Return(nil, created)
	return s
}

func TestWhatTheStoreSaysShouldBeRunningIsStarted(t *testing.T) {
	c, m, r := fixture(t)
	schedules(t, m, nil)
	r.exports["acme"] = []string{"x1", "x2"}
	r.reminders["acme"] = []string{"r1"}
	var started []string
	m.On("ExecuteWorkflow", mock.Anything, mock.Anything, mock.Anything, mock.Anything).Run(func(args mock.Arguments) {
		started = append(started, args.Get(1).(client.StartWorkflowOptions).ID)
	}).Return(nil, nil)
	for range 2 {
		if err := c.EnsureRunning(ctx); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"export/acme/x1", "export/acme/x2", "dispatch/acme"}
	if !slices.Equal(started, append(want, want...)) {
		t.Errorf("started %q", started)
	}
	if r.checkpoints["beta/dispatch"] != "end-b" || !slices.Equal(r.saved, []string{"beta"}) {
		t.Errorf("checkpoints %v, saved %q", r.checkpoints, r.saved)
	}
	if i, j := slices.Index(r.order, "tail beta"), slices.Index(r.order, "reminders beta"); i > j {
		t.Error("the end of the events was read after the reminders: events of a reminder made in between would be missed")
	}
}

func TestOneOrganizationsTroubleIsNotTheOthers(t *testing.T) {
	c, m, r := fixture(t)
	schedules(t, m, errDown)
	r.exports["acme"], r.exports["beta"] = []string{"x1"}, []string{"x2"}
	m.On("ExecuteWorkflow", mock.Anything, once("export/acme/x1"), mock.Anything, mock.Anything).Return(nil, errDown)
	m.On("ExecuteWorkflow", mock.Anything, once("export/beta/x2"), mock.Anything, mock.Anything).Return(nil, nil)
	err := c.EnsureRunning(ctx)
	wantUnavailable(t, err)
	if !strings.Contains(err.Error(), "organization acme") || strings.Contains(err.Error(), "organization beta") {
		t.Errorf("got %v", err)
	}
	r.fail = audit.Unavailable(errDown, time.Second, "the store is down")
	wantUnavailable(t, c.EnsureRunning(ctx))
}

func TestTheScheduleOfAnEarlierVersionIsBroughtUpToDateOnce(t *testing.T) {
	c, m, _ := fixture(t)
	s := schedules(t, m, temporal.ErrScheduleAlreadyRunning)
	handle := mocks.NewScheduleHandle(t)
	s.On("GetHandle", mock.Anything, "retention").Return(handle).Once()
	handle.On("Update", mock.Anything, mock.Anything).Run(func(args mock.Arguments) {
		update, err := args.Get(1).(client.ScheduleUpdateOptions).DoUpdate(client.ScheduleUpdateInput{})
		if err != nil || update.Schedule.Spec.Calendars[0].Minute[0].Start != 17 || update.Schedule.Policy.CatchupWindow != 23*time.Hour {
			t.Errorf("it becomes %+v, %v", update, err)
		}
	}).Return(nil).Once()
	for range 3 {
		if err := c.EnsureRunning(ctx); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheClientIsMadeWhileTemporalIsDown(t *testing.T) {
	c, err := New(Options{Address: "127.0.0.1:1", Clock: time.Now, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	short, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	if err := c.Ready(short); audit.CodeOf(err) != audit.CodeUnavailable {
		t.Errorf("got %v", err)
	}
	if c.Temporal() == nil {
		t.Error("there is no connection for the worker")
	}
}
