package console

import (
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/audittrail/audittrail/audit"
)

// maxOnce is how long the token of a form may be.
const maxOnce = 64

// newOnce makes the token of a form that makes something once. The secret of a key follows from it, so it is as long as the API wants there.
func newOnce() string { return rand.Text() + rand.Text() }

// once returns the token of the form. A form without one is none of ours: it gets a token, and makes something each time.
func (r *request) once() string {
	if token := r.form.Get("once"); token != "" && len(token) <= maxOnce {
		return token
	}
	return newOnce()
}

// exportBody is the body of POST /v1/exports.
type exportBody struct {
	Logs     []string `json:"log,omitempty"`
	Ranges   []string `json:"range,omitempty"`
	Actions  []string `json:"action,omitempty"`
	Actors   []string `json:"actor,omitempty"`
	Outcomes []string `json:"outcome,omitempty"`
	IPs      []string `json:"ip,omitempty"`
	From     string   `json:"from,omitempty"`
	To       string   `json:"to,omitempty"`
	Text     string   `json:"q,omitempty"`
	Format   string   `json:"format,omitempty"`
	Mode     string   `json:"mode,omitempty"`
	Columns  []string `json:"columns,omitempty"`
}

func exportBodyOf(values url.Values) exportBody {
	return exportBody{Logs: filled(values["log"]), Ranges: filled(values["range"]), Actions: filled(values["action"]), Actors: filled(values["actor"]),
		Outcomes: filled(values["outcome"]), IPs: filled(values["ip"]), From: values.Get("from"), To: values.Get("to"), Text: values.Get("q"),
		Format: values.Get("format"), Mode: values.Get("mode")}
}

// filled returns the values that are not empty: a form sends its empty fields too.
func filled(values []string) []string {
	var some []string
	for _, v := range values {
		if v != "" {
			some = append(some, v)
		}
	}
	return some
}

type field struct{ Name, Value string }

// chosenColumns returns the columns of the form, nil for all of them. NDJSON holds whole events, whatever is checked.
func chosenColumns(values url.Values) ([]string, error) {
	if values.Get("some_columns") == "" || values.Get("format") == string(audit.FormatNDJSON) {
		return nil, nil
	}
	chosen := filled(values["columns"])
	if len(chosen) == 0 {
		return nil, audit.InvalidField("columns", "choose at least one")
	}
	if len(chosen) == len(audit.Columns()) {
		return nil, nil
	}
	return chosen, nil
}

// columnChoice is a column that can be left out.
type columnChoice struct {
	audit.Column
	Checked bool
}

type newExportView struct {
	frame
	Logs    string
	Filters []said
	List    string
	// Hidden are the filters as the form carries them.
	Hidden []field
	// Matched is how many rows match; Newest and Older what mode latest takes and leaves, Files how many mode all makes, LastRows what the last holds.
	Matched, Newest, Older, Files, LastRows, PerFile int64
	Format                                           audit.ExportFormat
	Mode                                             audit.ExportMode
	Once                                             string
	Problem                                          *problem
	// Columns can be chosen; Chosen is how many are.
	Columns []columnChoice
	Chosen  int
	// Counted is false where the rows could not be counted.
	Counted bool
}

// newExport is GET /exports/new: it says what an export of the filters would hold, and starts nothing.
func (con *Console) newExport(r *request) error { return con.renderNewExport(r, r.query, nil) }

func (con *Console) renderNewExport(r *request, values url.Values, trouble *problem) error {
	view := newExportView{frame: r.frame("New export", "exports"), List: homeOf(r.by), PerFile: audit.ExportRows, Format: audit.FormatCSV, Mode: audit.ModeLatest,
		Once: newOnce(), Problem: trouble}
	for _, name := range filterNames {
		for _, value := range filled(values[name]) {
			view.Hidden = append(view.Hidden, field{name, value})
		}
	}
	if format := audit.ExportFormat(values.Get("format")); formatName(format) != "" {
		view.Format = format
	}
	if values.Get("mode") == string(audit.ModeAll) {
		view.Mode = audit.ModeAll
	}
	for _, column := range audit.Columns() {
		checked := values.Get("some_columns") == "" || slices.Contains(values["columns"], column.Name)
		view.Columns = append(view.Columns, columnChoice{column, checked})
		if checked {
			view.Chosen++
		}
	}
	if q, err := audit.ParseQuery(values); err != nil {
		view.List = listWith(homeOf(r.by), values) // what is wrong the API says below
	} else {
		view.Logs, view.Filters, view.List = logsOf(q), r.vocabulary().filters(q), r.listOf(q)
	}
	if err := view.count(r, values); err != nil {
		var p *problem
		if !errors.As(err, &p) || p.Status == http.StatusUnauthorized {
			return err
		}
		if view.Problem == nil {
			view.Problem = p
		}
	}
	status := http.StatusOK
	if view.Problem != nil {
		status = view.Problem.Status
	}
	return r.render(status, "exportnew", view)
}

// count asks how many rows match.
func (v *newExportView) count(r *request, values url.Values) error {
	body := exportBodyOf(values)
	body.Format, body.Mode = "", string(audit.ModeAll)
	var counts struct {
		Matched int64 `json:"matched"`
		Files   int64 `json:"files"`
	}
	if err := r.send(http.MethodPost, "/v1/exports?dry_run=true", body, &counts); err != nil {
		return err
	}
	v.Counted, v.Matched, v.Files = true, counts.Matched, counts.Files
	v.Newest = min(v.Matched, v.PerFile)
	v.Older = v.Matched - v.Newest
	v.LastRows = v.Matched - (v.Files-1)*v.PerFile
	return nil
}

// createExport is POST /exports.
func (con *Console) createExport(r *request) error {
	var started exportAnswer
	columns, err := chosenColumns(r.form)
	if err != nil {
		return con.renderNewExport(r, r.form, r.asProblem(err))
	}
	body := exportBodyOf(r.form)
	body.Columns = columns
	err = r.sendOnce(r.once(), "/v1/exports", body, &started)
	var p *problem
	if errors.As(err, &p) && p.Status != http.StatusUnauthorized {
		return con.renderNewExport(r, r.form, p)
	}
	if err != nil {
		return err
	}
	return r.seeOther(exportPath(started.ID))
}
