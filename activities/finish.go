package activities

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// manifestName is the file that adds the parts up.
const manifestName = "manifest.json"

// Manifest is what manifest.json holds: what was asked for, what is there, and the checksum of every part.
type Manifest struct {
	Export      string             `json:"export"`
	Query       audit.Query        `json:"query"`
	Format      audit.ExportFormat `json:"format"`
	Columns     []string           `json:"columns,omitempty"` // where some were chosen
	RequestedBy string             `json:"requested_by"`
	RequestedAt time.Time          `json:"requested_at"`
	// Counted is how many rows matched when the export began, Matched how many of them there were when it was complete, and Rows
	// how many are in the files. They differ only by rows that grew older than six months meanwhile; Note says so.
	Counted int64              `json:"counted"`
	Matched int64              `json:"matched"`
	Rows    int64              `json:"rows"`
	Note    string             `json:"note,omitempty"`
	Files   []audit.ExportFile `json:"files"`
}

// ReadyExport says until when an export can be fetched.
type ReadyExport struct{ ExpiresAt time.Time }

// FinishExport adds up what was written, compares it with the count, writes the manifest, marks the export ready and tells the
// requester. A sum that does not match is an error: an export is whole or it is not there.
func (a *Exports) FinishExport(ctx context.Context, ref ExportRef) (ReadyExport, error) {
	export, err := a.Records.Export(ctx, ref.Organization, ref.Export)
	if err != nil {
		return ReadyExport{}, err
	}
	if export.Status == audit.ExportRunning {
		if export, err = a.complete(ctx, ref, export); err != nil {
			return ReadyExport{}, err
		}
	}
	if export.Status != audit.ExportReady {
		return ReadyExport{}, errEnded(export)
	}
	if err := a.tell(ctx, export, "Your export is ready", readyText(export)); err != nil {
		return ReadyExport{}, err
	}
	err = a.record(ctx, export, audit.ActionExportReady, audit.OutcomeSuccess, readyText(export))
	return ReadyExport{ExpiresAt: export.ExpiresAt}, err
}

func readyText(export audit.Export) string {
	text := fmt.Sprintf("%d rows are ready. The files can be fetched until %s.", export.Rows, export.ExpiresAt.UTC().Format("2006-01-02 15:04 UTC"))
	if export.Truncated > 0 {
		text += fmt.Sprintf(" %d older rows were left out; an export of all rows has them.", export.Truncated)
	}
	return text
}

func (a *Exports) complete(ctx context.Context, ref ExportRef, export audit.Export) (audit.Export, error) {
	if err := a.allowed(ctx, export); err != nil {
		return export, err
	}
	written := int64(0)
	for _, f := range export.Files {
		written += f.Rows
	}
	matched, err := a.reconcile(ctx, export, written)
	if err != nil {
		return export, err
	}
	files := export.Files
	if export.Mode == audit.ModeAll {
		manifest, err := a.writeManifest(ctx, ref, export, matched, written)
		if err != nil {
			return export, err
		}
		files = append(append([]audit.ExportFile{}, files...), manifest)
	}
	return a.updateRunning(ctx, ref, func(e *audit.Export) {
		e.Status, e.Files = audit.ExportReady, files
		e.Matched, e.Rows, e.Done, e.Truncated = matched, written, written, matched-written
		e.ReadyAt = now(a.Clock)
		e.ExpiresAt = e.ReadyAt.Add(audit.ExportLife)
	})
}

// reconcile compares what was written with what matches, and returns how many match in the end. Rows are read newest first and the set does
// not grow, so the only rows that may be missing are the oldest: those that passed the six months while the export
// ran. A second count says how many there are now; every one of those must have been written.
func (a *Exports) reconcile(ctx context.Context, export audit.Export, written int64) (int64, error) {
	if written == rowsOf(export.Mode, export.Matched) {
		return export.Matched, nil
	}
	matched, err := a.count(ctx, export)
	if err != nil {
		return 0, err
	}
	if written > rowsOf(export.Mode, export.Matched) || written < rowsOf(export.Mode, matched) {
		// Gone, as trying again would not help: these files are not what the index holds.
		return 0, audit.WithCause(audit.CodeGone,
			fmt.Errorf("counted %d, written %d, counted again %d", export.Matched, written, matched),
			"the files do not add up: %d rows were written and %d match; please run the export again", written, matched)
	}
	return max(matched, written), nil
}

func (a *Exports) writeManifest(ctx context.Context, ref ExportRef, export audit.Export, matched, written int64) (audit.ExportFile, error) {
	manifest := Manifest{
		Export: export.ID, Query: export.Query, Format: export.Format, Columns: export.Columns, RequestedBy: export.RequestedBy, RequestedAt: export.RequestedAt,
		Counted: export.Matched, Matched: matched, Rows: written, Files: export.Files,
	}
	if gone := export.Matched - written; gone > 0 {
		manifest.Note = fmt.Sprintf("%d rows grew older than six months while the export ran and are not in it", gone)
	}
	data, err := json.MarshalIndent(manifest, "", "  ")
	if err != nil {
		return audit.ExportFile{}, fmt.Errorf("write the manifest: %w", err)
	}
	out, err := a.create(ctx, ref, manifestName)
	if err != nil {
		return audit.ExportFile{}, err
	}
	defer out.abort()
	if _, err := out.Write(append(data, '\n')); err != nil {
		return audit.ExportFile{}, err
	}
	return out.close(manifestName, 0)
}
