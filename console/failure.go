package console

import (
	"errors"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/audittrail/audittrail/audit"
)

// problem is an error as the API answers it.
type problem struct {
	Type   string             `json:"type"`
	Title  string             `json:"title"`
	Status int                `json:"status"`
	Detail string             `json:"detail"`
	Fields []audit.FieldError `json:"errors"`
	// RetryAfter is in seconds; 0 without advice.
	RetryAfter int `json:"-"`
}

func (p *problem) Error() string { return p.Title + ": " + p.Detail }

// Field returns what is wrong with the named field, "" where nothing is.
func (p *problem) Field(name string) string {
	if p == nil {
		return ""
	}
	for _, f := range p.Fields {
		if f.Field == name {
			return f.Message
		}
	}
	return ""
}

// anyOf is the message for the field or for one of its entries.
func (p *problem) anyOf(name string) string {
	if p == nil {
		return ""
	}
	for _, f := range p.Fields {
		if f.Field == name || strings.HasPrefix(f.Field, name+"[") {
			return f.Message
		}
	}
	return ""
}

// known are the errors that arise in the console itself; everything else comes from the API, with its status.
var known = map[audit.Code]struct {
	status int
	title  string
}{
	audit.CodeMalformed:       {http.StatusBadRequest, "The address or the form could not be read"},
	audit.CodeUnauthenticated: {http.StatusUnauthorized, "You are not signed in"},
	audit.CodeForbidden:       {http.StatusForbidden, "Not allowed"},
	audit.CodeNotFound:        {http.StatusNotFound, "There is no such page"},
	audit.CodeInvalid:         {http.StatusUnprocessableEntity, "Something is not right yet"},
	audit.CodeTooLarge:        {http.StatusRequestEntityTooLarge, "Too large"},
	audit.CodeUnsupported:     {http.StatusUnsupportedMediaType, "Sent in a form that is not taken"},
	audit.CodeRateLimited:     {http.StatusTooManyRequests, "Too many tries"},
	audit.CodeUnavailable:     {http.StatusServiceUnavailable, "Not available just now"},
}

// asProblem returns the error as one that can be shown. What is neither the API's nor one of ours becomes a 500 without details, and is logged.
func (r *request) asProblem(err error) *problem {
	var shown *problem
	if errors.As(err, &shown) {
		return shown
	}
	var ours *audit.Error
	if errors.As(err, &ours) {
		if k, ok := known[ours.Code]; ok {
			return &problem{Status: k.status, Title: k.title, Detail: ours.Message, Fields: ours.Fields, RetryAfter: int(math.Ceil(ours.RetryAfter.Seconds()))}
		}
	}
	r.logFailure(err)
	return &problem{Status: http.StatusInternalServerError, Title: "The page could not be made",
		Detail: "It is our fault, not yours. Try again; if it stays so, tell your administrator the request " + r.requestID() + "."}
}

// failureView is the page of an error.
type failureView struct {
	frame
	Problem *problem
}

// fail answers with the error: people who are not signed in are sent to the sign-in, and a part of a page that could not be made says so at the top of the
// page that it belongs to.
func (r *request) fail(err error) {
	p := r.asProblem(err)
	if p.Status == http.StatusUnauthorized {
		r.toSignIn()
		return
	}
	r.adviseRetry(p)
	if r.isFragment() {
		r.c.Set("HX-Retarget", "#notice")
		r.c.Set("HX-Reswap", "innerHTML")
		r.c.Set("HX-Reselect", ".problem") // whatever part of a page was to be taken
		r.c.Set("HX-Push-Url", "false")
		if err := r.part(p.Status, "failure", "problem", p); err != nil {
			r.logFailure(err)
		}
		return
	}
	if err := r.render(p.Status, "failure", failureView{frame: r.frame(p.Title, ""), Problem: p}); err != nil {
		r.logFailure(err)
		r.c.Status(http.StatusInternalServerError)
	}
}

// adviseRetry says when to come back, where that is known.
func (r *request) adviseRetry(p *problem) {
	if p.RetryAfter > 0 {
		r.c.Set("Retry-After", strconv.Itoa(p.RetryAfter))
	}
}

// toSignIn sends the browser to the sign-in, from where it comes back here.
func (r *request) toSignIn() {
	next := r.c.OriginalURL()
	if r.isFragment() {
		next = r.c.Get("HX-Current-URL")
		if at, err := url.Parse(next); err == nil {
			next = at.RequestURI()
		}
	}
	address := "/sign-in"
	if next = localPath(next); next != "/" && r.c.Method() == http.MethodGet {
		address += "?next=" + url.QueryEscape(next)
	}
	if r.isFragment() {
		r.c.Set("HX-Redirect", address)
		r.c.Status(http.StatusOK)
		return
	}
	_ = r.c.Redirect(address, http.StatusSeeOther) // it always returns nil
}

// localPath returns the address where it is one of this server, else "/": a link must not lead elsewhere after the sign-in.
func localPath(address string) string {
	at, err := url.Parse(address)
	if err != nil || at.Scheme != "" || at.Host != "" || len(address) < 1 || address[0] != '/' || len(address) > 1 && (address[1] == '/' || address[1] == '\\') {
		return "/"
	}
	return at.RequestURI()
}
