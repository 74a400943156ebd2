package console

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/audittrail/audittrail/audit"
)

func init() {
	add(
		get("/exports", (*Console).listExports),
		get("/exports/new", (*Console).newExport),
		post("/exports", (*Console).createExport),
		get("/exports/:id", (*Console).showExport),
		post("/exports/:id/again", (*Console).repeatExport),
		post("/exports/:id/cancel", (*Console).cancelExport),
		get("/exports/:id/take-back", (*Console).askTakeBack),
		post("/exports/:id/take-back", (*Console).takeBack),
	)
}

// exportsPage is how many exports one page lists.
const exportsPage = 20

// exportAnswer is an export as the API answers it.
type exportAnswer struct {
	audit.Export
	Progress float64 `json:"progress"`
	Warning  string  `json:"warning"`
}

// exportView is an export in words.
type exportView struct {
	exportAnswer
	Logs    string
	Filters []said
	// List is the page of the events that the export is of.
	List string
	// By names who asked for it.
	By     string
	IsMine bool
	// Percent is how much is done, rounded down: it says 100 only of what is done.
	Percent int
	// For is how long it has been running, Left how long its files are there.
	For, Left string
	// Once is the token of the form that runs it again.
	Once string
	Now  time.Time
}

func (r *request) viewExport(e exportAnswer, words *vocabulary) exportView {
	now := r.con.now()
	v := exportView{exportAnswer: e, Logs: logsOf(e.Query), Filters: words.filters(e.Query), List: r.listOf(e.Query), By: words.person(e.RequestedBy),
		IsMine: e.RequestedBy == r.by.Member, Percent: min(100, max(0, int(e.Progress*100))), For: lasting(now.Sub(e.RequestedAt)), Once: newOnce(), Now: now}
	if e.Status == audit.ExportReady {
		v.Left = lasting(e.ExpiresAt.Sub(now))
	}
	return v
}

func (e exportView) Running() bool { return e.Status == audit.ExportRunning }
func (e exportView) Ready() bool   { return e.Status == audit.ExportReady }

// Final says that nothing will come of it any more but by running it again.
func (e exportView) Final() bool { return !e.Running() && !e.Ready() }

// Word is the status in a word or two. Whether a revoked one was cancelled or taken back shows in whether it was ever ready.
func (e exportView) Word() string {
	switch {
	case e.Status == audit.ExportRevoked && e.ReadyAt.IsZero():
		return "Cancelled"
	case e.Status == audit.ExportRevoked:
		return "Taken back"
	}
	return humanName(string(e.Status))
}

// Tone is the class of the status.
func (e exportView) Tone() string {
	switch e.Status {
	case audit.ExportReady:
		return "good"
	case audit.ExportFailed:
		return "bad"
	case audit.ExportRunning:
		return "warn"
	default:
		return ""
	}
}

// Said is what a screen reader is told when it changes: progress in quarters, so that it does not talk without end.
func (e exportView) Said() string {
	if e.Running() {
		return "Running: more than " + grouped(e.Percent/25*25) + " percent done"
	}
	if e.Ready() {
		return "Ready: " + counted(int64(len(e.Files)), "file", "files") + " to download"
	}
	return e.Word()
}

// FileURL is where a file of it is, on this server.
func (e exportView) FileURL(name string) string {
	return "/v1/exports/" + url.PathEscape(e.ID) + "/files/" + url.PathEscape(name)
}

// FormatName names the format.
func (e exportView) FormatName() string { return formatName(e.Format) }

func formatName(format audit.ExportFormat) string {
	return map[audit.ExportFormat]string{audit.FormatCSV: "CSV", audit.FormatXLSX: "Excel", audit.FormatNDJSON: "NDJSON"}[format]
}

type exportsView struct {
	frame
	Exports []exportView
	// SeesAll says that the list holds everyone's.
	SeesAll bool
	// Running says that one of them is not finished, so that the page has to look again.
	Running bool
	Self    string
	First   bool
	Next    string
	Home    string
}

// namedIn are the members whom the exports name: who asked for them, and whose events they hold.
func namedIn(exports []exportAnswer) (ids []string) {
	for _, e := range exports {
		ids = append(append(ids, e.RequestedBy), e.Query.Actors...)
	}
	return ids
}

// listExports is GET /exports.
func (con *Console) listExports(r *request) error {
	query := url.Values{"limit": {strconv.Itoa(exportsPage)}}
	after := r.query.Get("cursor")
	if after != "" {
		query.Set("cursor", after)
	}
	var answer struct {
		Exports []exportAnswer `json:"exports"`
		Next    string         `json:"next_cursor"`
	}
	if err := r.get("/v1/exports", query, &answer); err != nil {
		return err
	}
	view := exportsView{frame: r.frame("Exports", "exports"), SeesAll: r.by.ReachesAll(audit.ScopeExports), Self: r.c.OriginalURL(), First: after == "", Home: homeOf(r.by)}
	words := r.vocabulary()
	words.meet(namedIn(answer.Exports)...)
	for _, e := range answer.Exports {
		one := r.viewExport(e, words)
		view.Running = view.Running || one.Running()
		view.Exports = append(view.Exports, one)
	}
	if answer.Next != "" {
		view.Next = "/exports?" + url.Values{"cursor": {answer.Next}}.Encode()
	}
	return r.render(http.StatusOK, "exports", view)
}
