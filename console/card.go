package console

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"github.com/audittrail/audittrail/audit"
)

func init() { add(get("/members/card/:id", (*Console).showCard)) }

// cardLogins is how many of the newest logins a card shows.
const cardLogins = 5

// cardView is who a member is.
type cardView struct {
	frame
	Member cardAnswer
	// Logins are the newest; nil where the role sees none.
	Logins []*event
	// Actions and History are lists of what the member did, "" where the role sees none.
	Actions, History string
	// Problem is why there is no card.
	Problem *problem
}

// cardAnswer is a card as the API answers it: an entry of the directory, as far as there is one.
type cardAnswer struct {
	audit.Member
	Included bool   `json:"included"`
	Notice   string `json:"notice"`
}

// Shown is the name, or the id of a member whom the directory does not know.
func (c cardAnswer) Shown() string {
	if c.Name != "" {
		return c.Name
	}
	return c.ID
}

// StatusName is why somebody is not included, in words.
func (c cardAnswer) StatusName() string {
	if c.Status == "" {
		return "Not in the directory"
	}
	return humanName(string(c.Status))
}

// RoleName is the role in words.
func (c cardAnswer) RoleName() string { return roleName(c.Role) }

// showCard is the information card of a member: to a script what goes into the dialog, else a page of its own. Who may not see it is told so in the card.
func (con *Console) showCard(r *request) error {
	id, err := r.param("id")
	if err != nil {
		return err
	}
	view := cardView{}
	status := http.StatusOK
	var refused *problem
	err = r.get("/v1/members/"+url.PathEscape(id), nil, &view.Member)
	switch {
	case errors.As(err, &refused) && refused.Status == http.StatusForbidden:
		view.Problem, view.Member.ID, status = refused, id, refused.Status
	case err != nil:
		return err
	default:
		if err := r.lastLogins(&view); err != nil {
			return err
		}
	}
	view.frame = r.frame(view.Member.Shown(), "trail")
	if r.isFragment() {
		return r.part(http.StatusOK, "card", "card", view)
	}
	return r.render(status, "card", view)
}

// lastLogins adds what the member did, as far as the reader sees it.
func (r *request) lastLogins(view *cardView) error {
	id := view.Member.ID
	if r.by.SeesLog(audit.LogOperation) {
		view.Actions = addressOf("/operation-logs", url.Values{"actor": {id}})
	}
	view.History = addressOf("/login-history", url.Values{"actor": {id}})
	var answer searchAnswer
	query := url.Values{"log": {string(audit.LogLogin)}, "actor": {id}, "limit": {strconv.Itoa(cardLogins)}, "total": {"none"}}
	if err := r.get("/v1/events", query, &answer); err != nil {
		return err
	}
	view.Logins = answer.Events
	return nil
}
