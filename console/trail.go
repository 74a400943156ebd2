package console

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/audittrail/audittrail/audit"
)

func init() {
	for _, p := range trailPages {
		add(get(p.path, func(con *Console, r *request) error { return con.showTrail(r, p) }))
	}
	add(
		get("/events/:id", (*Console).showEvent),
		get("/suggest", (*Console).suggest),
		get("/people/options", (*Console).peopleOptions),
	)
}

// trailView is a list of the Audit Trail.
type trailView struct {
	frame
	Page trailPage
	Path string
	Tabs []trailTab
	Form trailForm
	// Problem is why there is no list.
	Problem *problem
	Rows    []trailRow
	Total   total
	// Counting is the address that counts exactly, "" where it is counted or there is no need.
	Counting             string
	Newest, Newer, Older string
	// Cursor is the place in the list, "" at the newest page.
	Cursor string
	// Detail is the event beside the list; nil where none is open.
	Detail *eventView
	Export string
	// Stream is what follows the list live, Overview what shows its times and counts; "" where there is neither.
	Stream, Overview string
	Empty            emptyView
	// Refresh is this very page.
	Refresh string
}

// deniedView is shown in place of a list that the role does not see.
type deniedView struct {
	frame
	Page trailPage
	Tabs []trailTab
}

// trailRow is an event in the list.
type trailRow struct {
	*event
	// Open is the address of the list with the event beside it, Alone that of the event as a page of its own.
	Open, Alone string
	Current     bool
}

// emptyView says why nothing is listed.
type emptyView struct {
	// Filtered says that there are filters, so that there may be events without them.
	Filtered bool
	// Widen are the lists with one filter less.
	Widen []chip
}

const (
	trailRows = 50
	// maxTrailRows is how many rows can be asked for in the address.
	maxTrailRows = 200
)

// searchAnswer is what GET /v1/events answers.
type searchAnswer struct {
	Events []*event `json:"events"`
	Next   string   `json:"next_cursor"`
	Total  total    `json:"total"`
}

// showTrail is a list. What is wrong with the filters is said at the form, which stays as it was.
func (con *Console) showTrail(r *request, page trailPage) error {
	if !r.by.SeesLog(page.log) {
		return r.render(http.StatusForbidden, "traildenied", deniedView{frame: r.frame(page.Name, "trail"), Page: page, Tabs: page.tabs(r.by)})
	}
	t := r.trailQuery(page)
	words := r.vocabulary()
	con.resolvePeople(r, t)
	view := trailView{frame: r.frame(page.Name, "trail"), Page: page, Path: page.path, Tabs: page.tabs(r.by), Refresh: t.here(""), Newest: t.address(), Cursor: t.cursor}
	var err error
	if view.Form, err = con.trailForm(r, t, words); err != nil {
		return err
	}
	var answer searchAnswer
	if err = r.checkNames(); err == nil {
		answer, err = con.search(r, t)
	}
	var wrong *problem
	switch {
	case err == nil:
	case errors.As(err, &wrong) || audit.CodeOf(err) == audit.CodeInvalid:
		wrong = r.asProblem(err)
		view.Problem = wrong
		view.Form.wrong(wrong)
		return r.render(wrong.Status, "trail", view)
	default:
		return err
	}
	con.fillTrail(r, t, &view, answer, words)
	if t.event != "" {
		if view.Detail, err = con.detail(r, t.event, answer.Events, words, t.here("")); err != nil {
			view.Problem = r.asProblem(err) // the list is there all the same
		}
	}
	return r.render(http.StatusOK, "trail", view)
}

func (con *Console) search(r *request, t trailQuery) (searchAnswer, error) {
	var answer searchAnswer
	filters, err := t.filters()
	if err != nil {
		return answer, err
	}
	filters.Set("limit", strconv.Itoa(trailRows))
	if n, err := strconv.Atoi(r.query.Get("limit")); err == nil && n > 0 && n <= maxTrailRows {
		filters.Set("limit", strconv.Itoa(n))
	}
	if t.cursor != "" {
		filters.Set("cursor", t.cursor)
	}
	if t.exact {
		filters.Set("total", "exact")
	}
	return answer, r.get("/v1/events", filters, &answer)
}

// fillTrail puts the answer into the view.
func (con *Console) fillTrail(r *request, t trailQuery, view *trailView, answer searchAnswer, words *vocabulary) {
	for _, e := range answer.Events {
		e.title = words.action(e.Action)
		view.Rows = append(view.Rows, trailRow{event: e, Open: t.here(e.ID), Alone: "/events/" + url.PathEscape(e.ID), Current: e.ID == t.event})
	}
	view.Total = answer.Total
	if !answer.Total.Counted() {
		view.Counting = t.address("total", "exact")
	}
	view.Newer, view.Older = t.newer(), t.older(answer.Next)
	filters, err := t.filters()
	if err != nil {
		return
	}
	view.Export = addressOf("/exports/new", filters)
	view.Overview = addressOf(t.page.path+"/overview", t.values)
	if t.cursor == "" && !filters.Has("to") {
		view.Stream = addressOf("/v1/events/stream", filters)
	}
	if len(view.Rows) == 0 {
		view.Empty = emptyView{Filtered: len(view.Form.Chips) > 0, Widen: view.Form.Chips}
	}
}

// resolvePeople makes ids of names: who types a name and presses Enter means the member of that name.
func (con *Console) resolvePeople(r *request, t trailQuery) {
	actors := t.values["actor"]
	for i, typed := range actors {
		if !r.by.ReachesCards() || !strings.ContainsAny(typed, " ") && typed == strings.ToLower(typed) && strings.ContainsAny(typed, "_0123456789") {
			continue // it looks like an id
		}
		var answer struct {
			People []person `json:"people"`
		}
		if err := r.get("/v1/people", url.Values{"q": {typed}, "limit": {"50"}}, &answer); err != nil {
			continue // the filter is then an id that nobody has
		}
		same := slices.IndexFunc(answer.People, func(p person) bool { return p.ID == typed })
		if same < 0 {
			same = slices.IndexFunc(answer.People, func(p person) bool { return strings.EqualFold(p.Name, typed) })
		}
		if same < 0 && len(answer.People) == 1 {
			same = 0
		}
		if same >= 0 {
			actors[i] = answer.People[same].ID
		}
	}
}
