package activities

import (
	"context"
	"strconv"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/blob"
)

// Searcher reads pages of events.
type Searcher interface {
	Search(ctx context.Context, organization string, search audit.Search) (audit.Page, error)
}

// Appender records events.
type Appender interface {
	Append(ctx context.Context, organization string, events []*audit.Event) ([]audit.AppendStatus, error)
}

// ExportRecords are the records that an export reads and writes.
type ExportRecords interface {
	Export(ctx context.Context, organization, id string) (audit.Export, error)
	PutExport(ctx context.Context, export audit.Export) (audit.Export, error)
	Member(ctx context.Context, organization, id string) (audit.Member, error)
	AddMessage(ctx context.Context, message audit.Message) error
}

// Exports are the activities of ExportWorkflow.
type Exports struct {
	Events  Searcher
	Records ExportRecords
	// Own takes the events that Audittrail records about itself.
	Own   Appender
	Files *blob.Bucket
	Clock func() time.Time
	// Settle is how long after its stamp an event may become visible where Search does not wait for it by itself:
	// with several API processes, the commit's deadline, the refresh interval and the clock difference. Zero on one machine.
	Settle time.Duration
}

// ExportRef names an export. It is all that a workflow knows of it: what it says is read when it is needed.
type ExportRef struct {
	Organization string
	Export       string
}

// ExportPlan says what there is to do for an export.
type ExportPlan struct {
	Status audit.ExportStatus
	Mode   audit.ExportMode
	// Settle is how long to wait until everything is visible that was received before the request.
	Settle time.Duration
	// ExpiresAt is when a ready export ends.
	ExpiresAt time.Time
}

// PlanExport reads what an export is and where it stands. A running one begins anew: files that an earlier attempt recorded are
// forgotten, to be written again under the same names.
func (a *Exports) PlanExport(ctx context.Context, ref ExportRef) (ExportPlan, error) {
	export, err := a.update(ctx, ref, func(e *audit.Export) bool {
		if e.Status != audit.ExportRunning || (e.Done == 0 && len(e.Files) == 0) {
			return false
		}
		e.Done, e.Files = 0, nil
		return true
	})
	if err != nil {
		return ExportPlan{}, err
	}
	plan := ExportPlan{Status: export.Status, Mode: export.Mode, ExpiresAt: export.ExpiresAt}
	if export.Status == audit.ExportRunning {
		plan.Settle = max(0, export.RequestedAt.Add(a.Settle).Sub(a.Clock()))
		err = a.allowed(ctx, export)
	}
	return plan, err
}

// ExportCount is how many rows there are.
type ExportCount struct {
	Matched int64
	// Rows is how many of them will be in the files.
	Rows int64
}

// CountExport counts the matching rows, exactly, and notes it in the export.
func (a *Exports) CountExport(ctx context.Context, ref ExportRef) (ExportCount, error) {
	export, err := a.running(ctx, ref)
	if err != nil {
		return ExportCount{}, err
	}
	matched, err := a.count(ctx, export)
	if err != nil {
		return ExportCount{}, err
	}
	count := ExportCount{Matched: matched, Rows: rowsOf(export.Mode, matched)}
	_, err = a.updateRunning(ctx, ref, func(e *audit.Export) {
		e.Matched, e.Rows, e.Truncated = matched, count.Rows, matched-count.Rows
	})
	return count, err
}

// rowsOf says how many of the matching rows an export holds.
func rowsOf(mode audit.ExportMode, matched int64) int64 {
	if mode == audit.ModeLatest {
		return min(matched, audit.ExportRows)
	}
	return matched
}

func (a *Exports) count(ctx context.Context, export audit.Export) (int64, error) {
	page, err := a.Events.Search(ctx, export.Organization, audit.Search{
		Query: export.Query, Limit: 1, ReceivedUntil: export.RequestedAt, CountLimit: audit.CountAll,
	})
	if err != nil {
		return 0, err
	}
	if page.Total.Relation != audit.RelationEqual {
		return 0, audit.Errorf(audit.CodeInternal, "the index did not count exactly")
	}
	return page.Total.Value, nil
}

// EndExportInput says how an export ends.
type EndExportInput struct {
	ExportRef
	// Status is failed, expired or revoked. An export that has ended already keeps its status.
	Status audit.ExportStatus
	// Error says why a failed export failed, in words for the requester.
	Error string
}

// EndExport ends an export, deletes its files, and tells the requester and the audit trail. A revocation is the caller's to record: it has an actor.
func (a *Exports) EndExport(ctx context.Context, in EndExportInput) error {
	export, err := a.update(ctx, in.ExportRef, func(e *audit.Export) bool {
		if e.Status != audit.ExportRunning && e.Status != audit.ExportReady {
			return false
		}
		e.Status, e.Error = in.Status, in.Error
		return true
	})
	if err != nil {
		return err
	}
	// Only now, so that nothing is offered that is half deleted.
	if err := a.Files.DeletePrefix(ctx, exportPrefix(in.ExportRef)); err != nil {
		return err
	}
	switch export.Status {
	case audit.ExportFailed:
		if err := a.tell(ctx, export, "Your export failed", export.Error); err != nil {
			return err
		}
		return a.record(ctx, export, audit.ActionExportFailed, audit.OutcomeFailure, "An export failed: "+export.Error)
	case audit.ExportExpired:
		return a.record(ctx, export, audit.ActionExportExpired, audit.OutcomeSuccess, "The files of an export were deleted 24 hours after they were ready")
	}
	return nil
}

// record notes in the organization's own audit trail what became of an export.
func (a *Exports) record(ctx context.Context, export audit.Export, action string, outcome audit.Outcome, message string) error {
	event := ownEvent(now(a.Clock), action, audit.Target{Type: "export", ID: export.ID}, message, map[string]string{
		"requested_by": export.RequestedBy, "rows": strconv.FormatInt(export.Rows, 10),
	})
	event.Outcome = outcome
	_, err := a.Own.Append(ctx, export.Organization, []*audit.Event{event})
	return err
}

// tell adds a message to the requester's Message Center; once, however often it is called.
func (a *Exports) tell(ctx context.Context, export audit.Export, title, body string) error {
	return a.Records.AddMessage(ctx, audit.Message{
		ID:           derivedID("export", export.Organization, export.ID, string(export.Status)),
		Organization: export.Organization,
		Member:       export.RequestedBy,
		Title:        title,
		Body:         body,
		Export:       export.ID,
		CreatedAt:    now(a.Clock),
	})
}

// running reads an export that is running and whose requester may still have it.
func (a *Exports) running(ctx context.Context, ref ExportRef) (audit.Export, error) {
	export, err := a.Records.Export(ctx, ref.Organization, ref.Export)
	if err != nil {
		return audit.Export{}, err
	}
	if export.Status != audit.ExportRunning {
		return audit.Export{}, errEnded(export)
	}
	return export, a.allowed(ctx, export)
}

func errEnded(export audit.Export) error {
	return audit.Errorf(audit.CodeGone, "the export is %s", export.Status)
}

// allowed says whether the requester, as they are now, sees everything that the export would hold.
func (a *Exports) allowed(ctx context.Context, export audit.Export) error {
	member, err := a.Records.Member(ctx, export.Organization, export.RequestedBy)
	if err != nil && audit.CodeOf(err) != audit.CodeNotFound {
		return err
	}
	if lost := member.MayHave(export.Query); lost != nil {
		return audit.Errorf(audit.CodeForbidden, "the requester is no longer allowed to export this: %s", audit.MessageOf(lost))
	}
	return nil
}

// attempts is how often an optimistic write is tried before Temporal is asked to come back later.
const attempts = 5

// update changes an export unless change says that there is nothing to change.
func (a *Exports) update(ctx context.Context, ref ExportRef, change func(*audit.Export) bool) (audit.Export, error) {
	for attempt := 1; ; attempt++ {
		export, err := a.Records.Export(ctx, ref.Organization, ref.Export)
		if err != nil || !change(&export) {
			return export, err
		}
		export, err = a.Records.PutExport(ctx, export)
		if audit.CodeOf(err) != audit.CodeConflict || attempt == attempts {
			return export, err
		}
	}
}

// updateRunning changes an export that is still running, and is CodeGone where it is not.
func (a *Exports) updateRunning(ctx context.Context, ref ExportRef, change func(*audit.Export)) (audit.Export, error) {
	running := false
	export, err := a.update(ctx, ref, func(e *audit.Export) bool {
		if running = e.Status == audit.ExportRunning; running {
			change(e)
		}
		return running
	})
	if err == nil && !running {
		err = errEnded(export)
	}
	return export, err
}
