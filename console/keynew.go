package console

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/audittrail/audittrail/audit"
)

// scopeWords explain what a key of the scope can do.
var scopeWords = map[audit.Scope]string{
	audit.ScopeEventsWrite: "Send events. What a program that reports what happens in it needs, and nothing else.",
	audit.ScopeEventsRead:  "Search and read events, counts, cards of members and messages, as far as the holder's role sees them.",
	audit.ScopeExports:     "Request, download and take back exports.",
	audit.ScopeReminders:   "Set reminders, and see what was sent.",
	audit.ScopeMembers:     "Read and change the directory: for keeping it in step with your own.",
	audit.ScopeAdmin:       "Everything above, and the keys themselves. Give it rarely.",
}

type scopeChoice struct {
	Scope   audit.Scope
	Words   string
	Checked bool
}

// expiryDays are the presets of a key's life; "" is none, and "date" a day that is chosen.
var expiryDays = []string{"30", "90", "365"}

type newKeyView struct {
	frame
	Name, Member, Expiry, Date string
	Holders                    []person
	Holder                     string
	Scopes                     []scopeChoice
	Days                       []string
	Tomorrow                   string
	// Addresses are from where the key is to work, as they were typed.
	Addresses string
	Once      string
	Problem   *problem
}

// ScopesError is what is wrong with the scopes, whichever of them it is.
func (v newKeyView) ScopesError() string { return v.Problem.anyOf("scopes") }

// AddressesError is what is wrong with the allowed addresses.
func (v newKeyView) AddressesError() string { return v.Problem.anyOf("allowed_addresses") }

// newKey is GET /keys/new.
func (con *Console) newKey(r *request) error {
	return con.renderNewKey(r, url.Values{"member": {r.by.Member}, "expiry": {"90"}, "scopes": r.query["scopes"]}, nil)
}

func (con *Console) renderNewKey(r *request, given url.Values, trouble *problem) error {
	if err := r.by.Allow(audit.ScopeAdmin); err != nil {
		return err
	}
	once := cmp.Or(given.Get("once"), newOnce())
	if trouble.Field(headerOnce) != "" { // somebody went back to the form, and changed it
		once, trouble = newOnce(), &problem{Status: trouble.Status, Title: "This form made another key already", Detail: "Press once more to make this one too."}
	}
	view := newKeyView{frame: r.frame("New key", "keys"), Name: given.Get("name"), Member: given.Get("member"), Expiry: given.Get("expiry"), Date: given.Get("date"),
		Addresses: given.Get("addresses"), Once: once,
		Days: expiryDays, Tomorrow: r.con.now().In(r.zone).AddDate(0, 0, 1).Format(time.DateOnly), Problem: trouble}
	for _, scope := range audit.Scopes() {
		if r.by.Allow(scope) == nil {
			view.Scopes = append(view.Scopes, scopeChoice{scope, scopeWords[scope], slices.Contains(given["scopes"], string(scope))})
		}
	}
	view.Holders, view.Holder = r.holders(""), r.holder(view.Member)
	status := http.StatusOK
	if trouble != nil {
		status = trouble.Status
	}
	return r.render(status, "keynew", view)
}

// holders returns active members whom the text may mean. Without them the id can be typed all the same.
func (r *request) holders(text string) []person {
	var answer struct {
		People []person `json:"people"`
	}
	if err := r.get("/v1/people", url.Values{"q": {text}, "limit": {"20"}}, &answer); err != nil {
		return nil
	}
	return slices.DeleteFunc(answer.People, func(p person) bool { return p.Status != string(audit.MemberActive) })
}

// holder says who the id is, "" where it is nobody's.
func (r *request) holder(id string) string {
	for _, p := range r.holders(id) {
		if p.ID == id {
			return p.Name + ", " + roleName(audit.Role(p.Role))
		}
	}
	return ""
}

type holdersView struct {
	Holders        []person
	Member, Holder string
}

// listHolders is GET /keys/holders: what the field of the holder offers while somebody types.
func (con *Console) listHolders(r *request) error {
	if err := r.by.Allow(audit.ScopeAdmin); err != nil {
		return err
	}
	text := r.query.Get("member")
	return r.part(http.StatusOK, "keynew", "key-holders", holdersView{Holders: r.holders(text), Member: text, Holder: r.holder(text)})
}

type keyBody struct {
	Name      string   `json:"name"`
	Scopes    []string `json:"scopes"`
	Member    string   `json:"member"`
	ExpiresAt string   `json:"expires_at,omitempty"`
	Addresses []string `json:"allowed_addresses,omitempty"`
}

// addresses are what is typed into the field of allowed addresses: one a line, or with commas or spaces between.
func (r *request) addresses() []string {
	return strings.FieldsFunc(r.form.Get("addresses"), func(c rune) bool { return c == ',' || c == ';' || unicode.IsSpace(c) })
}

type keyCreatedView struct {
	frame
	Key    keyView
	Secret string
	// Curl is a first line that works with the key.
	Curl string
	// Previous is the key that this one takes the place of, where it does.
	Previous *keyView
}

// createKey is POST /keys. The answer is the page itself: the secret is in no address and in no history, and asking again does not show it.
func (con *Console) createKey(r *request) error {
	var created createdKey
	expires, err := r.keyExpiry()
	if err == nil {
		err = r.sendOnce(r.once(), "/v1/keys", keyBody{Name: strings.TrimSpace(r.form.Get("name")), Scopes: append([]string{}, r.form["scopes"]...),
			Member: strings.TrimSpace(r.form.Get("member")), ExpiresAt: expires, Addresses: r.addresses()}, &created)
	}
	if err != nil {
		var p *problem
		var ours *audit.Error
		if errors.As(err, &p) && p.Status != http.StatusUnauthorized || errors.As(err, &ours) {
			return con.renderNewKey(r, r.form, r.asProblem(err))
		}
		return err
	}
	return r.showSecret(created)
}

// createdKey is the API's answer where a key is made.
type createdKey struct {
	audit.Key
	Secret   string     `json:"secret"`
	Previous *audit.Key `json:"previous"`
}

// showSecret answers with the page of a key that was made just now.
func (r *request) showSecret(made createdKey) error {
	holder := r.vocabulary().person(made.Member)
	view := keyCreatedView{frame: r.frame("Key created", "keys"), Key: keyView{Key: made.Key, Holder: holder, now: r.con.now()}, Secret: made.Secret,
		Curl: curlLine(r.base(), made.Secret, made.Scopes)}
	if made.Previous != nil {
		view.Previous = &keyView{Key: *made.Previous, Holder: holder, now: r.con.now()}
	}
	return r.render(http.StatusCreated, "keycreated", view)
}

// keyExpiry reads when the key is to end: "" for never. A day that is chosen is meant to its end, where the reader is.
func (r *request) keyExpiry() (string, error) {
	switch choice := r.form.Get("expiry"); choice {
	case "never":
		return "", nil
	case "date":
		day, err := time.ParseInLocation(time.DateOnly, r.form.Get("date"), r.zone)
		if err != nil {
			return "", audit.InvalidField("expires_at", "choose the last day of the key, like %s", r.con.now().In(r.zone).AddDate(0, 1, 0).Format(time.DateOnly))
		}
		return day.AddDate(0, 0, 1).UTC().Format(time.RFC3339), nil
	default:
		days, err := strconv.Atoi(choice)
		if err != nil || !slices.Contains(expiryDays, choice) {
			return "", audit.InvalidField("expires_at", "choose when the key ends")
		}
		return r.con.now().AddDate(0, 0, days).UTC().Format(time.RFC3339), nil
	}
}

// base is where the reader reaches this server.
func (r *request) base() string {
	scheme := "http"
	if r.con.cfg.Secure {
		scheme = "https"
	}
	return scheme + "://" + string(r.c.Request().Host())
}

// curlLine is a first use of a key that has the scopes.
func curlLine(base, secret string, scopes []audit.Scope) string {
	line := "curl -H 'Authorization: Bearer " + secret + "' "
	for _, try := range []struct {
		scope audit.Scope
		path  string
	}{{audit.ScopeAdmin, "/v1/events?limit=5"}, {audit.ScopeEventsRead, "/v1/events?limit=5"}, {audit.ScopeExports, "/v1/exports"},
		{audit.ScopeReminders, "/v1/reminders"}, {audit.ScopeMembers, "/v1/members?limit=5"}} {
		if slices.Contains(scopes, try.scope) {
			return line + "'" + base + try.path + "'"
		}
	}
	return line + `-H 'Content-Type: application/json' -d '{"time":"'$(date -u +%Y-%m-%dT%H:%M:%SZ)'","log":"operation",` +
		`"action":"contacts.member.added","actor":{"id":"u_1","name":"Me"},"message":"my first event"}' ` + base + "/v1/events"
}
