package console

import (
	"net/url"
	"slices"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// trailForm is the filters above a list.
type trailForm struct {
	Page trailPage
	// Values are what the fields hold.
	Text, Range, Action, Actor, Outcome, Platform, IP, Place, NotPlace, When, From, To string
	Ranges                                                                             []option
	Actions                                                                            []optionGroup
	Presets                                                                            []preset
	// Earliest and Latest bound the times that can be chosen: the six months that are kept, in the reader's zone.
	Earliest, Latest string
	EarliestDay      string
	// OnlyOwn says that the role sees nothing but what the member did.
	OnlyOwn bool
	Chips   []chip
	// Understood says in words what the text means.
	Understood string
	// Own is the address with the trail's own reading shown, or hidden again.
	Own       string
	OwnHidden bool
	// ActorName is who the actor is, where that is known.
	ActorName string
	// More are the filters beyond the first of their name: the fields show one, and the form must not lose the others.
	More []field
	// Open says that fields beyond the first are in use, so that they are shown.
	Open    bool
	Problem *problem
	// Reset is the list without filters.
	Reset string
}

// option is one value of a field; group those of one range.
type (
	option      struct{ Value, Label string }
	optionGroup struct {
		Range, Label string
		Options      []option
	}
)

// chip is a filter that is active, and the list without it.
type chip struct {
	Label, Text, Remove string
}

// Wrong returns what is wrong with the field.
func (f trailForm) Wrong(name string) string { return f.Problem.Field(name) }

func (f *trailForm) wrong(p *problem) { f.Problem, f.Open = p, true }

func (con *Console) trailForm(r *request, t trailQuery, words *vocabulary) (trailForm, error) {
	f := trailForm{Page: t.page, Text: t.values.Get("q"), Range: t.values.Get("range"), Action: t.values.Get("action"), Actor: t.values.Get("actor"),
		Outcome: t.values.Get("outcome"), Platform: t.values.Get("platform"), IP: t.values.Get("ip"), Place: t.values.Get("place"), NotPlace: t.values.Get("notplace"), When: t.values.Get("when"), Presets: presets,
		OnlyOwn: !r.by.SeesWhole(t.page.log), Reset: t.page.path}
	var err error
	if f.Ranges, f.Actions, err = r.actionsOf(t.page.log); err != nil {
		return f, err
	}
	earliest := audit.Horizon(t.now).In(r.zone)
	f.Earliest, f.Latest = earliest.Format(fieldTime), t.now.In(r.zone).AddDate(0, 0, 1).Format(fieldTime)
	f.EarliestDay = earliest.Format("2 January 2006")
	f.From, f.To = t.field("from"), t.field("to")
	if f.When == "" && (f.From != "" || f.To != "") {
		f.When = "range"
	}
	f.Chips = t.chips(words)
	if f.Actor != "" {
		f.ActorName = words.person(f.Actor)
	}
	for _, name := range []string{"range", "action", "actor", "outcome", "platform", "ip"} {
		if values := t.values[name]; len(values) > 1 {
			for _, value := range values[1:] {
				f.More = append(f.More, field{name, value})
			}
		}
	}
	f.Open = slices.ContainsFunc([]string{"outcome", "platform", "ip", "place", "notplace", "from", "to"}, t.values.Has)
	if t.page.log == audit.LogOperation {
		f.OwnHidden = t.hidesOwn()
		if t.values.Get("own") == "show" {
			f.Own = t.address("own", "")
		} else if f.OwnHidden {
			f.Own = t.address("own", "show")
		}
	}
	if expr, err := audit.ParseText(f.Text); err == nil && f.Text != "" {
		f.Understood = understood(expr, words)
	}
	return f, nil
}

// fieldTime is what fields of type datetime-local hold.
const fieldTime = "2006-01-02T15:04"

// within is what a layout that ends with minutes needs behind it so that nothing of the time is lost: links of messages name the millisecond.
func within(at time.Time) string {
	switch {
	case at.Nanosecond() != 0:
		return ":05.000"
	case at.Second() != 0:
		return ":05"
	}
	return ""
}

// field is the time as the form's field holds it: in the reader's zone, "" where it cannot be read.
func (t trailQuery) field(name string) string {
	at, err := t.moment(name, 0)
	if err != nil || at.IsZero() {
		return ""
	}
	if text := t.values.Get(name); name == "to" && len(text) == len(time.DateOnly) {
		at = at.AddDate(0, 0, 1)
	}
	return at.In(t.zone).Format(fieldTime + within(at))
}

// actionsOf are the ranges and actions of a log in the organization's catalogue.
func (r *request) actionsOf(log audit.Log) ([]option, []optionGroup, error) {
	var catalogue struct {
		Ranges []struct {
			Range   string             `json:"range"`
			Actions []audit.ActionInfo `json:"actions"`
		} `json:"ranges"`
	}
	if err := r.get("/v1/actions", nil, &catalogue); err != nil {
		return nil, nil, err
	}
	var ranges []option
	var groups []optionGroup
	for _, of := range catalogue.Ranges {
		group := optionGroup{Range: of.Range, Label: rangeName(of.Range)}
		for _, a := range of.Actions {
			if a.Log == log {
				group.Options = append(group.Options, option{a.Action, a.Title})
			}
		}
		if len(group.Options) > 0 {
			ranges = append(ranges, option{of.Range, group.Label})
			groups = append(groups, group)
		}
	}
	return ranges, groups, nil
}

// rangeNames are the names of the built-in ranges as the product calls them.
var rangeNames = map[string]string{"contacts": "Contacts", "open_platform": "Open platform", "enterprise": "Enterprise management", "login": "Login",
	audit.RangeAuditTrail: "Audit trail"}

func rangeName(id string) string {
	if name, ok := rangeNames[id]; ok {
		return name
	}
	return humanName(id)
}

// outcomeNames are the outcomes in words.
var outcomeNames = map[string]string{"success": "succeeded", "failure": "failed", "unknown": "not known"}

// chips are the active filters, each with the list without it.
func (t trailQuery) chips(words *vocabulary) []chip {
	var all []chip
	add := func(name, label string, word func(string) string) {
		for _, value := range t.values[name] {
			all = append(all, chip{label, word(value), t.without(name, value)})
		}
	}
	same := func(text string) string { return text }
	add("q", "Text", same)
	add("range", "Range", rangeName)
	add("action", "Type", words.action)
	add("actor", t.page.Who, words.person)
	add("outcome", "Result", func(v string) string {
		if name, ok := outcomeNames[v]; ok {
			return name
		}
		return v
	})
	add("platform", "Platform", same)
	add("ip", "Address", same)
	add("place", "Place", same)
	add("notplace", "Not from", same)
	for _, p := range presets {
		if when := t.values.Get("when"); when != "" && when == p.Value && p.days > 0 {
			all = append(all, chip{t.page.When, p.Label, t.address("when", "")})
		}
	}
	add("from", "From", func(v string) string { return t.spoken("from", v) })
	add("to", "To", func(v string) string { return t.spoken("to", v) })
	return all
}

// spoken is a time of the address in words.
func (t trailQuery) spoken(name, text string) string {
	if len(text) == len(time.DateOnly) {
		return text
	}
	at, err := trailQuery{zone: t.zone, values: url.Values{name: {text}}}.moment(name, 0)
	if err != nil {
		return text
	}
	return at.In(t.zone).Format("2006-01-02 15:04" + within(at))
}
