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
	DeleteDeliveries(ctx context.Context, organization string, before time.Time, limit int) (int, error)
	DeleteMessages(ctx context.Context, organization string, before time.Time, limit int) (int, error)
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

// Retained is what Retain did. Its JSON holds that of a report alone, which is in histories from before it deleted records.
type Retained struct {
	audit.RetentionReport
	// Forgotten is what was deleted of each organization's records. A try that failed half way has deleted more than the one that is reported.
	Forgotten map[string]Forgotten
}

// Forgotten counts records that were deleted.
type Forgotten struct{ Deliveries, Messages, Sessions, LoginLinks int }

// Retain checks and applies the six months, to events and to what reminders sent, and deletes sessions and links that ended more than a day ago.
func (a *Retention) Retain(ctx context.Context) (Retained, error) {
	report, err := a.Index.Retain(ctx)
	done := Retained{RetentionReport: report}
	if err != nil {
		return done, err
	}
	for _, problem := range report.Problems {
		a.Logger.ErrorContext(ctx, "retention needs a person", "problem", problem)
	}
	done.Forgotten, err = a.forget(ctx)
	return done, err
}

// forgetBatch is how many records are deleted at a time.
const forgetBatch = 500

// forget deletes what every organization's records no longer have to keep.
func (a *Retention) forget(ctx context.Context) (map[string]Forgotten, error) {
	organizations, err := a.Records.Organizations(ctx)
	if err != nil {
		return nil, err
	}
	done := map[string]Forgotten{}
	for _, org := range organizations {
		if done[org.ID], err = a.forgetOf(ctx, org.ID); err != nil {
			return done, err
		}
	}
	return done, nil
}

func (a *Retention) forgetOf(ctx context.Context, organization string) (done Forgotten, err error) {
	ended, old := now(a.Clock).Add(-signInsKept), audit.Horizon(now(a.Clock))
	if done.Sessions, err = a.Records.DeleteSessions(ctx, organization, ended); err != nil {
		return done, err
	}
	if done.LoginLinks, err = a.Records.DeleteLoginLinks(ctx, organization, ended); err != nil {
		return done, err
	}
	if done.Deliveries, err = inBatches(ctx, organization, old, a.Records.DeleteDeliveries); err != nil {
		return done, err
	}
	done.Messages, err = inBatches(ctx, organization, old, a.Records.DeleteMessages)
	return done, err
}

// inBatches deletes until nothing is left to be.
func inBatches(ctx context.Context, organization string, before time.Time, some func(context.Context, string, time.Time, int) (int, error)) (all int, err error) {
	for {
		n, err := some(ctx, organization, before, forgetBatch)
		if all += n; err != nil || n < forgetBatch {
			return all, err
		}
	}
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
	Report Retained
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
			fmt.Sprintf("Events, deliveries and messages from before %s are no longer kept", in.Report.Horizon.UTC().Format(audit.TimeLayout)),
			map[string]string{"horizon": in.Report.Horizon.UTC().Format(audit.TimeLayout), "problems": strconv.Itoa(len(in.Report.Problems)),
				"deliveries_deleted": strconv.Itoa(in.Report.Forgotten[org.ID].Deliveries), "messages_deleted": strconv.Itoa(in.Report.Forgotten[org.ID].Messages)})
		event.Outcome = outcome
		if _, err := a.Own.Append(ctx, org.ID, []*audit.Event{event}); err != nil {
			return err
		}
	}
	return nil
}
