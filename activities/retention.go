package activities

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/blob"
)

// Retainer keeps the six months of an index.
type Retainer interface {
	Retain(ctx context.Context) (audit.RetentionReport, error)
}

// RetentionRecords are the records that retention reads.
type RetentionRecords interface {
	Organizations(ctx context.Context) ([]audit.Organization, error)
	Export(ctx context.Context, organization, id string) (audit.Export, error)
	DeleteSessions(ctx context.Context, organization string, before time.Time) (int, error)
	DeleteLoginLinks(ctx context.Context, organization string, before time.Time) (int, error)
}

// signInsKept is how long sessions and links are kept when they have ended. What happened with them stands in the trail.
const signInsKept = 24 * time.Hour

// Retention are the activities of RetentionWorkflow.
type Retention struct {
	Index   Retainer
	Records RetentionRecords
	Own     Appender
	Files   *blob.Bucket
	Clock   func() time.Time
	Logger  *slog.Logger
}

// Retain checks and applies the six months, and deletes sessions and links that ended more than a day ago.
func (a *Retention) Retain(ctx context.Context) (audit.RetentionReport, error) {
	report, err := a.Index.Retain(ctx)
	if err != nil {
		return report, err
	}
	for _, problem := range report.Problems {
		a.Logger.ErrorContext(ctx, "retention needs a person", "problem", problem)
	}
	return report, a.forgetSignIns(ctx)
}

func (a *Retention) forgetSignIns(ctx context.Context) error {
	organizations, err := a.Records.Organizations(ctx)
	if err != nil {
		return err
	}
	before := now(a.Clock).Add(-signInsKept)
	for _, org := range organizations {
		if _, err := a.Records.DeleteSessions(ctx, org.ID, before); err != nil {
			return err
		}
		if _, err := a.Records.DeleteLoginLinks(ctx, org.ID, before); err != nil {
			return err
		}
	}
	return nil
}

// SweptFiles says what SweepFiles found.
type SweptFiles struct {
	// Exports is how many exports had files that should not have been there any more.
	Exports int
	Bytes   int64
	// Unknown is how many folders of files belong to no export that the store knows. They are left alone: a wrong
	// configuration must not delete another server's files.
	Unknown int
}

// SweepFiles deletes the files of exports that have ended, where a crash left some.
func (a *Retention) SweepFiles(ctx context.Context) (SweptFiles, error) {
	sizes := map[ExportRef]int64{}
	for entry, err := range a.Files.List(ctx, "exports") {
		if err != nil {
			return SweptFiles{}, err
		}
		if parts := strings.SplitN(entry.Key, "/", 4); len(parts) == 4 {
			sizes[ExportRef{Organization: parts[1], Export: parts[2]}] += entry.Size
		}
	}
	var swept SweptFiles
	for ref, size := range sizes {
		export, err := a.Records.Export(ctx, ref.Organization, ref.Export)
		switch {
		case audit.CodeOf(err) == audit.CodeNotFound:
			swept.Unknown++
			continue
		case err != nil:
			return swept, err
		case export.Status == audit.ExportRunning || export.Status == audit.ExportReady:
			continue
		}
		if err := a.Files.DeletePrefix(ctx, exportPrefix(ref)); err != nil {
			return swept, err
		}
		swept.Exports++
		swept.Bytes += size
	}
	if swept.Unknown > 0 {
		a.Logger.WarnContext(ctx, "there are export files that belong to no known export", "exports", swept.Unknown)
	}
	return swept, nil
}

// RecordRetentionInput is what a run did.
type RecordRetentionInput struct {
	// Run names the run, so that recording it again changes nothing.
	Run    string
	Report audit.RetentionReport
	Swept  SweptFiles
}

// RecordRetention notes the run in every organization's own audit trail. What was dropped or swept belongs to all
// organizations together, so the event says that the six months were kept and since when, and names nothing of another organization.
func (a *Retention) RecordRetention(ctx context.Context, in RecordRetentionInput) error {
	organizations, err := a.Records.Organizations(ctx)
	if err != nil {
		return err
	}
	outcome := audit.OutcomeSuccess
	if len(in.Report.Problems) > 0 {
		outcome = audit.OutcomeFailure
	}
	for _, org := range organizations {
		event := ownEvent(now(a.Clock), audit.ActionRetentionRan, audit.Target{Type: "retention", ID: in.Run},
			fmt.Sprintf("Events from before %s are no longer kept", in.Report.Horizon.UTC().Format(audit.TimeLayout)),
			map[string]string{"horizon": in.Report.Horizon.UTC().Format(audit.TimeLayout), "problems": strconv.Itoa(len(in.Report.Problems))})
		event.Outcome = outcome
		if _, err := a.Own.Append(ctx, org.ID, []*audit.Event{event}); err != nil {
			return err
		}
	}
	return nil
}
