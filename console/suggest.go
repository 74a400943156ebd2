package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/audittrail/audittrail/audit"
)

// suggestView is what the search box offers while somebody types, and what it has understood so far.
type suggestView struct {
	Options    []suggestion
	Understood string
	// Wrong says why the text cannot be understood yet.
	Wrong string
}

// suggestion is a text that the box may hold next: Value is the whole of it.
type suggestion struct{ Value, Shown, Hint string }

const maxSuggestions = 8

// qualifierHints say what each qualifier is for.
var qualifierHints = map[audit.TextField]string{
	audit.FieldAction: "what was done: contacts.member.added, contacts.*", audit.FieldActor: "who did it", audit.FieldTarget: "what it was done to",
	audit.FieldRange: "the module: contacts", audit.FieldIP: "an address or a network: 10.0.0.0/8", audit.FieldOutcome: "success, failure or unknown",
	audit.FieldPlatform: "web, ios, api …", audit.FieldBefore: "a day: 2026-11-20", audit.FieldAfter: "a day: 2026-11-20",
}

// suggest is GET /suggest: q is the text up to where the caret stands.
func (con *Console) suggest(r *request) error {
	text := r.query.Get("q")
	if len(text) > audit.MaxTextBytes {
		return audit.InvalidField("q", "has %d bytes; at most %d are allowed", len(text), audit.MaxTextBytes)
	}
	view := suggestView{}
	head, last := lastTerm(text)
	for _, s := range r.completions(last) {
		view.Options = append(view.Options, suggestion{Value: head + s.Value, Shown: s.Shown, Hint: s.Hint})
	}
	switch expr, err := audit.ParseText(text); {
	case strings.TrimSpace(text) == "":
	case err != nil:
		view.Wrong = r.asProblem(err).Field("q")
	default:
		view.Understood = understood(expr, r.vocabulary())
	}
	return r.part(http.StatusOK, "trail", "suggestions", view)
}

// lastTerm cuts the text before the term that is being typed.
func lastTerm(text string) (head, last string) {
	at := strings.LastIndexAny(text, " \t") + 1
	if strings.Count(text, `"`)%2 == 1 { // within quotes
		quote := strings.LastIndex(text, `"`)
		at = strings.LastIndexAny(text[:quote], " \t") + 1
	}
	return text[:at], text[at:]
}

// completions are the ways in which a term may go on: qualifiers first, then what a qualifier can have as its value.
func (r *request) completions(term string) []suggestion {
	sign := ""
	if rest, ok := strings.CutPrefix(term, "-"); ok {
		sign, term = "-", rest
	}
	name, value, qualified := strings.Cut(term, ":")
	var all []suggestion
	if !qualified {
		for _, field := range audit.TextFields() {
			if strings.HasPrefix(string(field), strings.ToLower(term)) {
				all = append(all, suggestion{Value: sign + string(field) + ":", Shown: sign + string(field) + ":", Hint: qualifierHints[field]})
			}
		}
		return all
	}
	value = strings.ToLower(strings.Trim(value, `"`))
	for _, o := range r.valuesOf(audit.TextField(name), value) {
		if len(all) == maxSuggestions {
			break
		}
		text := audit.Qualifier{Field: audit.TextField(name), Value: o.Value}.String()
		all = append(all, suggestion{Value: sign + text + " ", Shown: sign + text, Hint: o.Label})
	}
	return all
}

// valuesOf are the values of a qualifier that have the text in them or in their name.
func (r *request) valuesOf(field audit.TextField, text string) []option {
	var all []option
	switch field {
	case audit.FieldAction, audit.FieldRange:
		for _, log := range audit.Logs() {
			ranges, groups, err := r.actionsOf(log)
			if err != nil {
				return nil
			}
			if field == audit.FieldRange {
				all = append(all, ranges...)
				continue
			}
			for _, g := range groups {
				all = append(all, g.Options...)
			}
		}
	case audit.FieldOutcome:
		for _, o := range audit.Outcomes() {
			all = append(all, option{string(o), "what " + outcomeNames[string(o)]})
		}
	case audit.FieldPlatform:
		all = []option{{"web", "browsers"}, {"ios", "iPhone and iPad"}, {"android", "Android"}, {"windows", "Windows"}, {"macos", "macOS"}, {"linux", "Linux"}, {"api", "programs"}}
	case audit.FieldActor, audit.FieldTarget:
		return r.peopleLike(text)
	}
	return slices.DeleteFunc(all, func(o option) bool {
		return !strings.Contains(strings.ToLower(o.Value), text) && !strings.Contains(strings.ToLower(o.Label), text)
	})
}

func (r *request) peopleLike(text string) []option {
	var answer struct {
		People []person `json:"people"`
	}
	if !r.by.ReachesCards() || !utf8.ValidString(text) {
		return nil
	}
	if err := r.get("/v1/people", url.Values{"q": {text}}, &answer); err != nil {
		return nil // nothing to offer
	}
	all := make([]option, len(answer.People))
	for i, p := range answer.People {
		all[i] = option{p.ID, p.Name}
	}
	return all
}

// peopleOptions is GET /people/options: the options of a field that names a member, while somebody types into it.
func (con *Console) peopleOptions(r *request) error {
	text := r.query.Get("actor")
	if len(text) > audit.MaxNameBytes {
		return r.part(http.StatusOK, "trail", "people-options", []person(nil))
	}
	query := url.Values{"q": {text}}
	if r.query.Get("operators") == "true" {
		query.Set("operators", "true")
	}
	var answer struct {
		People []person `json:"people"`
	}
	if err := r.get("/v1/people", query, &answer); err != nil {
		return err
	}
	return r.part(http.StatusOK, "trail", "people-options", answer.People)
}
