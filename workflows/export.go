package workflows

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/audittrail/audittrail/activities"
	"github.com/audittrail/audittrail/audit"
)

// partsPerRun is after how many files an export continues in a new run, to keep its history short.
const partsPerRun = 500

// ExportInput names the export. What it asks for is read from the store.
type ExportInput struct {
	activities.ExportRef
	// Resume is set where an earlier run has written parts already.
	Resume *ExportProgress
}

// ExportProgress is how far an export has come.
type ExportProgress struct {
	Mode    audit.ExportMode
	Matched int64
	// Parts and Rows are what is written; After is the position behind the last row.
	Parts int
	Rows  int64
	After *audit.Position
}

// exportWorkflow is one run of an export.
type exportWorkflow struct {
	in      ExportInput
	stop    workflow.ReceiveChannel
	cancel  workflow.CancelFunc
	stopped bool
}

// exports names the activities; it is never called.
var exports *activities.Exports

// Export writes the files of an export, tells the requester, and deletes the files a day later. The signal SignalStop ends it at any time:
// what has been written is deleted, and the export is revoked.
func Export(ctx workflow.Context, in ExportInput) error {
	w := &exportWorkflow{in: in}
	work := w.setup(ctx)
	err := w.run(work)
	if workflow.IsContinueAsNewError(err) {
		return err
	}
	// What follows has to happen also where the work was cancelled.
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	switch {
	case w.stopped || work.Err() != nil:
		return w.end(ctx, audit.ExportRevoked, "")
	case err != nil:
		workflow.GetLogger(ctx).Error("an export failed", "organization", in.Organization, "export", in.ExportRef.Export, "error", err)
		return w.end(ctx, audit.ExportFailed, words(err))
	}
	return w.end(ctx, audit.ExportExpired, "")
}

// setup returns the context of the work, which ends when the export is stopped.
func (w *exportWorkflow) setup(ctx workflow.Context) workflow.Context {
	ctx, w.cancel = workflow.WithCancel(ctx)
	w.stop = workflow.GetSignalChannel(ctx, SignalStop)
	return ctx
}

// await waits for a piece of the work, and ends the work when the export is stopped meanwhile.
func (w *exportWorkflow) await(ctx workflow.Context, f workflow.Future, result any) error {
	for !f.IsReady() {
		selector := workflow.NewSelector(ctx).AddFuture(f, func(workflow.Future) {})
		if !w.stopped {
			selector.AddReceive(w.stop, func(stop workflow.ReceiveChannel, _ bool) {
				stop.Receive(ctx, nil)
				w.stopped = true
				w.cancel()
			})
		}
		selector.Select(ctx)
	}
	return f.Get(ctx, result)
}

// run does the work and waits until the export expires. It returns nil also for an export that has ended already.
func (w *exportWorkflow) run(ctx workflow.Context) error {
	progress := w.in.Resume
	if progress == nil {
		var plan activities.ExportPlan
		if err := w.await(ctx, workflow.ExecuteActivity(heavy(ctx, time.Minute, longest), exports.PlanExport, w.in.ExportRef), &plan); err != nil {
			return err
		}
		switch plan.Status {
		case audit.ExportRunning:
		case audit.ExportReady:
			return w.hold(ctx, plan.ExpiresAt)
		default:
			return nil // ended; what may be left of its files is deleted
		}
		var err error
		if progress, err = w.count(ctx, plan); err != nil {
			return err
		}
	}
	if err := w.write(ctx, progress); err != nil {
		return err
	}
	var ready activities.ReadyExport
	if err := w.await(ctx, workflow.ExecuteActivity(heavy(ctx, 10*time.Minute, longest), exports.FinishExport, w.in.ExportRef), &ready); err != nil {
		return err
	}
	return w.hold(ctx, ready.ExpiresAt)
}

// count waits until everything is visible that was received before the request, and then counts.
func (w *exportWorkflow) count(ctx workflow.Context, plan activities.ExportPlan) (*ExportProgress, error) {
	if plan.Settle > 0 {
		if err := w.await(ctx, workflow.NewTimer(ctx, plan.Settle), nil); err != nil {
			return nil, err
		}
	}
	var count activities.ExportCount
	err := w.await(ctx, workflow.ExecuteActivity(heavy(ctx, 10*time.Minute, longest), exports.CountExport, w.in.ExportRef), &count)
	return &ExportProgress{Mode: plan.Mode, Matched: count.Matched}, err
}

// write writes file after file, each from where the one before ended.
func (w *exportWorkflow) write(ctx workflow.Context, p *ExportProgress) error {
	for parts := 0; ; parts++ {
		if parts == partsPerRun && w.stop.Len() == 0 {
			return workflow.NewContinueAsNewError(ctx, NameExport, ExportInput{ExportRef: w.in.ExportRef, Resume: p})
		}
		in := activities.WritePartInput{ExportRef: w.in.ExportRef, Part: p.Parts + 1, After: p.After}
		var part activities.WrittenPart
		if err := w.await(ctx, workflow.ExecuteActivity(heavy(ctx, 15*time.Minute, longest), exports.WritePart, in), &part); err != nil {
			return err
		}
		p.Parts++
		p.Rows += part.Rows
		p.After = part.Last
		// The set does not grow, so once as many are written as were counted there is no further row, and no empty last file.
		if p.Mode == audit.ModeLatest || part.Last == nil || p.Rows >= p.Matched {
			return nil
		}
	}
}

// hold waits until a ready export expires.
func (w *exportWorkflow) hold(ctx workflow.Context, until time.Time) error {
	if left := until.Sub(workflow.Now(ctx)); left > 0 {
		return w.await(ctx, workflow.NewTimer(ctx, left), nil)
	}
	return nil
}

// end ends the export. One that has ended already keeps its status; its files are deleted in any case.
func (w *exportWorkflow) end(ctx workflow.Context, status audit.ExportStatus, why string) error {
	in := activities.EndExportInput{ExportRef: w.in.ExportRef, Status: status, Error: why}
	return workflow.ExecuteActivity(quick(ctx), exports.EndExport, in).Get(ctx, nil)
}
