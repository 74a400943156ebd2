package console

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// aroundTime is how far "around this time" reaches, before and after.
const aroundTime = 5 * time.Minute

// eventView is an event, whole.
type eventView struct {
	*event
	Zone *time.Location
	// Close is the list that the event is shown beside, "" where it is a page of its own; Alone is that page.
	Close, Alone string
	LogName      string
	// ByOperator, Around and OnTargets are lists of what has to do with it.
	ByOperator, Around string
	OnTargets          []targetLink
	Text               string
	Metadata           []pair
}

// pair is a name and a value of an event's metadata.
type pair struct{ Name, Value string }

// targetLink is a target, and the list of what was done to it.
type targetLink struct {
	party
	More string
}

// eventPage is an event as a page of its own.
type eventPage struct {
	frame
	Detail *eventView
	Tabs   []trailTab
}

// detail returns the event of the id: of the list where it is there, else by the API. back is the list beside which it is shown.
func (con *Console) detail(r *request, id string, listed []*event, words *vocabulary, back string) (*eventView, error) {
	var e *event
	if i := slices.IndexFunc(listed, func(e *event) bool { return e.ID == id }); i >= 0 {
		e = listed[i]
	} else {
		e = &event{}
		path := "/v1/events/" + url.PathEscape(id)
		if id == "summary" || id == "stream" {
			path = "/v1/events/%73" + id[1:] // as it is, it is another route
		}
		if err := r.get(path, nil, e); err != nil {
			return nil, err
		}
	}
	e.title = words.action(e.Action)
	return con.eventView(r, e, back)
}

func (con *Console) eventView(r *request, e *event, back string) (*eventView, error) {
	page := pageOfLog(audit.Log(e.Log))
	v := &eventView{event: e, Zone: r.zone, Close: back, Alone: "/events/" + url.PathEscape(e.ID), LogName: page.Name}
	v.ByOperator = addressOf(page.path, url.Values{"actor": {e.Actor.ID}})
	around := url.Values{"from": {e.Time.Add(-aroundTime).UTC().Format(time.RFC3339)}, "to": {e.Time.Add(aroundTime).UTC().Format(time.RFC3339)}}
	if audit.RangeOf(e.Action) == audit.RangeAuditTrail {
		around.Set("own", "show") // or the event itself would be missing
		v.ByOperator += "&own=show"
	}
	v.Around = addressOf(page.path, around)
	for _, t := range e.Targets {
		link := targetLink{party: t}
		if name := t.ID; name != "" || t.Name != "" {
			if name == "" {
				name = t.Name
			}
			link.More = addressOf(page.path, url.Values{"q": {audit.Qualifier{Field: audit.FieldTarget, Value: name}.String()}})
		}
		v.OnTargets = append(v.OnTargets, link)
	}
	for _, key := range sortedKeys(e.Metadata) {
		v.Metadata = append(v.Metadata, pair{key, e.Metadata[key]})
	}
	var err error
	v.Text, err = e.Raw()
	return v, err
}

// showEvent is an event as a page of its own, and to htmx the panel beside the list that the parameter back names.
func (con *Console) showEvent(r *request) error {
	id, err := r.param("id")
	if err != nil {
		return err
	}
	back := r.query.Get("back")
	if back != "" {
		back = localPath(back)
	}
	v, err := con.detail(r, id, nil, r.vocabulary(), back)
	if err != nil {
		return err
	}
	if back != "" && r.isFragment() {
		return r.part(http.StatusOK, "event", "event-detail", v)
	}
	v.Close = ""
	return r.render(http.StatusOK, "event", eventPage{frame: r.frame("Event", "trail"), Detail: v, Tabs: pageOfLog(audit.Log(v.Log)).tabs(r.by)})
}
