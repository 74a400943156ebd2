package console

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// overlaps are for how long the old key may go on working.
var overlaps = []overlapChoice{
	{Words: "not at all"},
	{Words: "for an hour", Seconds: int64(time.Hour / time.Second)},
	{Words: "for a day", Seconds: int64(audit.KeyOverlap / time.Second)},
	{Words: "for a week", Seconds: int64(audit.MaxKeyOverlap / time.Second)},
}

// chosenOverlap is what is chosen before anybody chooses.
const chosenOverlap = int64(audit.KeyOverlap / time.Second)

type overlapChoice struct {
	Words   string
	Seconds int64
}

// Checked says whether it is what is chosen at first.
func (c overlapChoice) Checked() bool { return c.Seconds == chosenOverlap }

type rotateView struct {
	frame
	Key      keyView
	Overlaps []overlapChoice
	Once     string
	Problem  *problem
}

// askRotateKey is GET /keys/{id}/rotate: the question before.
func (con *Console) askRotateKey(r *request) error { return con.renderRotate(r, nil) }

func (con *Console) renderRotate(r *request, trouble *problem) error {
	key, err := r.key()
	if err != nil {
		return err
	}
	if trouble == nil && (key.Over() || key.ReplacedBy != "") {
		return r.seeOther("/keys")
	}
	view, status := rotateView{frame: r.frame("Rotate a key", "keys"), Key: key, Overlaps: overlaps, Once: newOnce(), Problem: trouble}, http.StatusOK
	if trouble != nil {
		status = trouble.Status
	}
	return r.render(status, "keyrotate", view)
}

// rotateKey is POST /keys/{id}/rotate. As with a new key, the answer is the page that shows the secret.
func (con *Console) rotateKey(r *request) error {
	id, err := r.param("id")
	if err != nil {
		return err
	}
	var made createdKey
	seconds, err := strconv.ParseInt(r.form.Get("overlap"), 10, 64)
	if err != nil {
		err = audit.InvalidField("overlap_seconds", "choose how long the old key goes on working")
	} else {
		in := struct {
			Overlap int64 `json:"overlap_seconds"`
		}{seconds}
		err = r.sendOnce(r.once(), "/v1/keys/"+url.PathEscape(id)+"/rotate", in, &made)
	}
	var p *problem
	var ours *audit.Error
	switch {
	case err == nil:
		return r.showSecret(made)
	case errors.As(err, &p) && (p.Status == http.StatusUnprocessableEntity || p.Status == http.StatusConflict), errors.As(err, &ours):
		return con.renderRotate(r, r.asProblem(err))
	}
	return err
}
