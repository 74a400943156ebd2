package api

import (
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/audittrail/audittrail/audit"
)

// conflictTries is how often a change of the server's own is tried again when another writer was first.
const conflictTries = 5

// exportInput is the body of POST /v1/exports: the filters of a search, what to make of them, and nothing else.
type exportInput struct {
	Logs     []string `json:"log"`
	Ranges   []string `json:"range"`
	Actions  []string `json:"action"`
	Actors   []string `json:"actor"`
	Outcomes []string `json:"outcome"`
	IPs      []string `json:"ip"`
	From     string   `json:"from"`
	To       string   `json:"to"`
	Text     string   `json:"q"`
	Format   string   `json:"format"`
	Mode     string   `json:"mode"`
	Columns  []string `json:"columns"`
}

// query reads the filters by the same rules as those of a search.
func (in exportInput) query() (audit.Query, error) {
	values := url.Values{"log": in.Logs, "range": in.Ranges, "action": in.Actions, "actor": in.Actors, "outcome": in.Outcomes, "ip": in.IPs,
		"from": {in.From}, "to": {in.To}, "q": {in.Text}}
	return audit.ParseQuery(values)
}

// form reads what to make of the rows: format, mode and columns.
func (in exportInput) form() (audit.Export, error) {
	var fields []audit.FieldError
	e := audit.Export{Format: audit.ExportFormat(in.Format), Mode: audit.ExportMode(in.Mode), Columns: in.Columns}
	switch e.Format {
	case "":
		e.Format = audit.FormatCSV
	case audit.FormatCSV, audit.FormatXLSX, audit.FormatNDJSON:
	default:
		fields = append(fields, audit.FieldError{Field: "format", Message: "must be csv, xlsx or ndjson"})
	}
	switch e.Mode {
	case "":
		e.Mode = audit.ModeLatest
	case audit.ModeLatest, audit.ModeAll:
	default:
		fields = append(fields, audit.FieldError{Field: "mode", Message: "must be latest or all"})
	}
	var formErr error
	if len(fields) > 0 {
		formErr = audit.Invalid(fields...)
	}
	return e, joinFields(formErr, audit.ValidateColumns(e.Format, e.Columns))
}

// exportView is an export as clients see it.
type exportView struct {
	audit.Export
	Files []fileView `json:"files"` // in the place of Export's own
	// Progress is from 0 to 1.
	Progress float64 `json:"progress"`
	// Warning says what went wrong beside the request, which is done all the same.
	Warning string `json:"warning,omitempty"`
}

type fileView struct {
	audit.ExportFile
	// URL is there while the file is.
	URL string `json:"url,omitempty"`
}

// standing is the export's status at now: a ready one whose time is over is expired, whether or not its files are deleted yet.
func standingOf(e audit.Export, now time.Time) audit.ExportStatus {
	if e.Status == audit.ExportReady && !e.ExpiresAt.IsZero() && !now.Before(e.ExpiresAt) {
		return audit.ExportExpired
	}
	return e.Status
}

func (s *Server) viewExport(e audit.Export) exportView {
	e.Status = standingOf(e, s.now())
	view := exportView{Export: e, Files: make([]fileView, len(e.Files)), Progress: e.Progress()}
	for i, f := range e.Files {
		view.Files[i] = fileView{ExportFile: f}
		if e.Status == audit.ExportReady {
			view.Files[i].URL = s.cfg.PublicURL + "/v1/exports/" + url.PathEscape(e.ID) + "/files/" + url.PathEscape(f.Name)
		}
	}
	return view
}

// countView is the answer to a dry run.
type countView struct {
	Matched   int64 `json:"matched"`
	Rows      int64 `json:"rows"`
	Truncated int64 `json:"truncated"`
	Files     int64 `json:"files"`
}

// createExport is POST /v1/exports.
func (s *Server) createExport(r *request) error {
	dryRun, dryErr := r.oneOf("dry_run", "false", "true")
	if dryErr != nil {
		return dryErr
	}
	var in exportInput
	if err := r.readJSON(&in); err != nil {
		return err
	}
	q, queryErr := in.query()
	e, formErr := in.form()
	if err := joinFields(queryErr, formErr); err != nil {
		return err
	}
	e.Query = q
	e, err := s.planExport(r, e)
	if err != nil {
		return err
	}
	if dryRun == "true" {
		query := e.Query.Values().Encode()
		if err := s.recordView(r.ctx, r, entry{action: audit.ActionSummaryViewed, message: r.by.MemberName + " counted what an export would hold",
			metadata: map[string]string{"query": query}}, query); err != nil {
			return err
		}
		return r.json(http.StatusOK, countView{Matched: e.Matched, Rows: e.Rows, Truncated: e.Truncated, Files: filesOf(e.Rows)})
	}
	return s.startExportOnce(r, e)
}

func filesOf(rows int64) int64 { return max(1, (rows+audit.ExportRows-1)/audit.ExportRows) }

// planExport makes an export of that query, format, mode and columns, and counts, exactly, what it would hold now. It does not wait for what is on its way into the index, which
// may take seconds with several processes: the export itself does, and counts again.
func (s *Server) planExport(r *request, e audit.Export) (audit.Export, error) {
	q, err := r.by.Narrow(e.Query)
	if err != nil {
		return audit.Export{}, err
	}
	e = audit.Export{ID: newID(), Organization: r.by.Organization, RequestedBy: r.by.Member, Query: q, Format: e.Format, Mode: e.Mode, Columns: e.Columns,
		Status: audit.ExportRunning, RequestedAt: s.now().UTC().Truncate(audit.TimePrecision), Files: []audit.ExportFile{}}
	page, err := s.cfg.Events.Search(r.ctx, r.by.Organization, audit.Search{Query: q, Limit: 1, CountLimit: audit.CountAll})
	if err != nil {
		return audit.Export{}, err
	}
	e.Matched, e.Rows = page.Total.Value, page.Total.Value
	if e.Mode == audit.ModeLatest {
		e.Rows = min(e.Rows, audit.ExportRows)
	}
	e.Truncated = e.Matched - e.Rows
	return e, nil
}

// startExport records the request, stores the export and starts it, in this order: an export that is not on record does not run,
// not even where the server crashes in between and what the store says is started again.
func (s *Server) startExport(r *request, e audit.Export) error {
	trail := entry{action: audit.ActionExportRequested, message: r.by.MemberName + " requested an export",
		targets: []audit.Target{{Type: "export", ID: e.ID}}, metadata: map[string]string{"query": e.Query.Values().Encode(),
			"format": string(e.Format), "mode": string(e.Mode), "columns": strings.Join(e.Columns, ","), "again_of": e.AgainOf}}
	err := s.recorded(r, r.by, trail, func() error {
		stored, err := s.cfg.Exports.PutExport(r.ctx, e)
		if err != nil {
			return err
		}
		e = stored
		if err = s.cfg.Jobs.StartExport(r.ctx, e.Organization, e.ID); err != nil {
			s.markFailed(r, e)
			return audit.Unavailable(err, 10*time.Second, "the export could not be started; try again later")
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.c.Response().Header.Set(fiber.HeaderLocation, "/v1/exports/"+e.ID)
	return r.json(http.StatusAccepted, s.viewExport(e))
}

// markFailed says in the store that the export does not run. Where even that fails, it is started when the server is next able to.
func (s *Server) markFailed(r *request, e audit.Export) {
	e.Status, e.Error = audit.ExportFailed, "the export could not be started"
	if _, err := s.cfg.Exports.PutExport(r.ctx, e); err != nil {
		s.log.Error("api: export not marked as failed", slog.String("request_id", r.id), slog.String("organization", e.Organization),
			slog.String("export", e.ID), slog.Any("error", err))
	}
}

// export returns the export of the path, where the caller may see it.
func (s *Server) export(r *request) (audit.Export, error) {
	id, err := r.param("id")
	if err != nil {
		return audit.Export{}, err
	}
	e, err := s.cfg.Exports.Export(r.ctx, r.by.Organization, id)
	if err == nil && !r.by.Reaches(audit.ScopeExports, e.RequestedBy) {
		err = audit.NotFound("export")
	}
	return e, err
}

// listExports is GET /v1/exports.
func (s *Server) listExports(r *request) error {
	limit, limitErr := r.limit(audit.DefaultPage, audit.MaxPage)
	after, afterErr := r.single("cursor")
	if err := joinFields(limitErr, afterErr); err != nil {
		return err
	}
	member := r.by.Member
	if r.by.ReachesAll(audit.ScopeExports) {
		member = ""
	}
	exports, err := s.cfg.Exports.Exports(r.ctx, r.by.Organization, member, after, limit)
	if err != nil {
		return cursorError(err)
	}
	if err := s.recordView(r.ctx, r, entry{action: audit.ActionExportsListed, message: r.by.MemberName + " listed exports"}, ""); err != nil {
		return err
	}
	views := make([]exportView, len(exports))
	for i, e := range exports {
		views[i] = s.viewExport(e)
	}
	return r.json(http.StatusOK, list("exports", views, len(exports) == limit, func() string { return exports[len(exports)-1].ID }))
}

// cursorError names the parameter where a list does not know what to continue behind.
func cursorError(err error) error {
	if code := audit.CodeOf(err); code == audit.CodeNotFound || code == audit.CodeInvalid {
		return audit.InvalidField("cursor", "is not a cursor that this list gave; begin again without one")
	}
	return err
}

// getExport is GET /v1/exports/{id}.
func (s *Server) getExport(r *request) error {
	e, err := s.export(r)
	if err != nil {
		return err
	}
	return s.showExport(r, e)
}

// showExport records that the caller looks at the export, and answers with it.
func (s *Server) showExport(r *request, e audit.Export) error {
	if err := s.recordView(r.ctx, r, entry{action: audit.ActionExportViewed, message: r.by.MemberName + " looked at an export",
		targets: []audit.Target{{Type: "export", ID: e.ID}}}, e.ID); err != nil {
		return err
	}
	return r.json(http.StatusOK, s.viewExport(e))
}

// againExport is POST /v1/exports/{id}/again: the same filters and columns, as far as the caller sees them now, in a new export.
func (s *Server) againExport(r *request) error {
	old, err := s.export(r)
	if err != nil {
		return err
	}
	e, err := s.planExport(r, old)
	if err != nil {
		return err
	}
	e.AgainOf = old.ID
	return s.startExportOnce(r, e)
}

// deleteExport is DELETE /v1/exports/{id}: it cancels a running export and takes the files of a ready one back. The status changes
// first, so that no download begins any more; one that is final already stays.
func (s *Server) deleteExport(r *request) error {
	e, err := s.export(r)
	if err != nil {
		return err
	}
	before := standingOf(e, s.now())
	if before != audit.ExportRunning && before != audit.ExportReady {
		return s.showExport(r, e)
	}
	trail := entry{action: audit.ActionExportRevoked, message: r.by.MemberName + " took an export back", targets: []audit.Target{{Type: "export", ID: e.ID}}}
	if before == audit.ExportRunning {
		trail.action, trail.message = audit.ActionExportCancelled, r.by.MemberName+" cancelled an export"
	}
	e, warning, err := s.takeBack(r, e, trail)
	if err != nil {
		return err
	}
	view := s.viewExport(e)
	view.Warning = warning
	return r.json(http.StatusOK, view)
}

// deleteFiles deletes what there is of the export's files where no workflow can be asked to.
func (s *Server) deleteFiles(r *request, e audit.Export) error {
	return s.cfg.Files.DeletePrefix(r.ctx, exportPrefix(e))
}

// revoke marks the export as revoked, whoever else changes it meanwhile.
func (s *Server) revoke(r *request, e audit.Export) (audit.Export, error) {
	for try := 1; ; try++ {
		if status := standingOf(e, s.now()); status != audit.ExportRunning && status != audit.ExportReady {
			return e, nil
		}
		e.Status = audit.ExportRevoked
		stored, err := s.cfg.Exports.PutExport(r.ctx, e)
		if audit.CodeOf(err) != audit.CodeConflict || try == conflictTries {
			return stored, err
		}
		if e, err = s.cfg.Exports.Export(r.ctx, e.Organization, e.ID); err != nil {
			return audit.Export{}, err
		}
	}
}
