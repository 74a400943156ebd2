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

// RetentionRecords are the records that retention reads and deletes.
type RetentionRecords interface {
	Organizations(ctx context.Context) ([]audit.Organization, error)
	Export(ctx context.Context, organization, id string) (audit.Export, error)
	OpenExports(ctx context.Context, organization string) ([]audit.Export, error)
	Addresses(ctx context.Context, organization string) ([]audit.OtherAddress, error)
	DeleteAddress(ctx context.Context, organization, id string, version int64) error
	DeleteSessions(ctx context.Context, organization string, before time.Time) (int, error)
	DeleteLoginLinks(ctx context.Context, organization string, before time.Time) (int, error)
	DeleteDeliveries(ctx context.Context, organization string, before time.Time, limit int) (int, error)
	DeleteMessages(ctx context.Context, organization string, before time.Time, limit int) (int, error)
	DeleteExports(ctx context.Context, organization string, before time.Time, limit int) (int, error)
}

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

// Forgotten counts records that were deleted. Addresses are what was left of deleted ones.
type Forgotten struct{ Deliveries, Messages, Sessions, LoginLinks, Addresses int }

// Retain checks and applies the six months, to events and to what reminders sent, and deletes sessions and links that ended more than a day ago, and what is
// left of addresses that were deleted.
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

// SweptFiles says what SweepFiles found.
type SweptFiles struct {
	// Exports is how many exports had files that should not have been there any more.
	Exports int
	Bytes   int64
	// Unknown is how many folders of files belong to no export that the store knows. They are left alone: a wrong
	// configuration must not delete another server's files.
	Unknown int
	// Forgotten is how many of each organization's exports were deleted, as in Retained. Histories from before they were have none.
	Forgotten map[string]int
}

// SweepFiles deletes the files of exports that have ended, where a crash left some, and then the exports that are older than six months. Those go after their
// files and never before: files of an export that is not known are left alone.
func (a *Retention) SweepFiles(ctx context.Context) (SweptFiles, error) {
	past, err := a.pastExports(ctx)
	if err != nil {
		return SweptFiles{}, err
	}
	swept, err := a.sweep(ctx)
	if err == nil {
		swept.Forgotten, err = a.forgetExports(ctx, past)
	}
	return swept, err
}

func (a *Retention) sweep(ctx context.Context) (SweptFiles, error) {
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
	horizon := in.Report.Horizon.UTC().Format(audit.TimeLayout)
	for _, org := range organizations {
		left := in.Report.Forgotten[org.ID]
		event := ownEvent(now(a.Clock), audit.ActionRetentionRan, audit.Target{Type: "retention", ID: in.Run},
			fmt.Sprintf("Events, deliveries, messages and exports from before %s are no longer kept", horizon),
			map[string]string{"horizon": horizon, "problems": strconv.Itoa(len(in.Report.Problems)), "deliveries_deleted": strconv.Itoa(left.Deliveries),
				"messages_deleted": strconv.Itoa(left.Messages), "exports_deleted": strconv.Itoa(in.Swept.Forgotten[org.ID])})
		event.Outcome = outcome
		if _, err := a.Own.Append(ctx, org.ID, []*audit.Event{event}); err != nil {
			return err
		}
	}
	a.Logger.InfoContext(ctx, "retention ran", append([]any{"horizon", horizon, "problems", len(in.Report.Problems), "files_of_exports", in.Swept.Exports}, in.deleted()...)...)
	return nil
}

// deleted adds up for the log how many records of all organizations were deleted.
func (in RecordRetentionInput) deleted() []any {
	var all Forgotten
	for _, n := range in.Report.Forgotten {
		all.Deliveries, all.Messages, all.Addresses = all.Deliveries+n.Deliveries, all.Messages+n.Messages, all.Addresses+n.Addresses
		all.Sessions, all.LoginLinks = all.Sessions+n.Sessions, all.LoginLinks+n.LoginLinks
	}
	exports := 0
	for _, n := range in.Swept.Forgotten {
		exports += n
	}
	return []any{"deliveries_deleted", all.Deliveries, "messages_deleted", all.Messages, "exports_deleted", exports, "sessions_deleted", all.Sessions,
		"login_links_deleted", all.LoginLinks, "addresses_deleted", all.Addresses}
}
