package console

import (
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/audittrail/audittrail/audit"
)

// filterNames are the parameters of a search that say which events are meant, in the order in which they are told.
var filterNames = []string{"log", "range", "action", "actor", "outcome", "ip", "from", "to", "q"}

// listPaths are the pages of the logs.
var listPaths = map[audit.Log]string{audit.LogLogin: "/login-history", audit.LogOperation: "/operation-logs", audit.LogProduct: "/product-logs"}

var listNames = map[audit.Log]string{audit.LogLogin: "Login History", audit.LogOperation: "Operation Logs", audit.LogProduct: "Product Logs"}

// said is one filter in words.
type said struct{ Label, Text string }

// vocabulary knows the words for what queries hold. What it has looked up once it keeps for the request.
type vocabulary struct {
	r       *request
	titles  map[string]string
	persons map[string]string
}

func (r *request) vocabulary() *vocabulary {
	return &vocabulary{r: r, persons: map[string]string{r.by.Member: r.by.MemberName}}
}

// action returns the title of an action, or what a pattern means. An action that the catalogue does not have stands for itself.
func (v *vocabulary) action(pattern string) string {
	if v.titles == nil {
		v.titles = map[string]string{}
		var catalogue struct {
			Ranges []struct {
				Actions []audit.ActionInfo `json:"actions"`
			} `json:"ranges"`
		}
		if err := v.r.get("/v1/actions", nil, &catalogue); err == nil { // ids without titles are better than no page
			for _, some := range catalogue.Ranges {
				for _, a := range some.Actions {
					v.titles[a.Action] = a.Title
				}
			}
		}
	}
	if title := v.titles[pattern]; title != "" {
		return title
	}
	if above, ok := strings.CutSuffix(pattern, ".*"); ok {
		return "everything below " + above
	}
	return pattern
}

// maxNamed is how many members the API names at once.
const maxNamed = 200

// meet looks up the names of members that a page is about to tell, all at once. Who is not found stands for itself.
func (v *vocabulary) meet(ids ...string) {
	var unknown []string
	for _, id := range ids {
		if _, known := v.persons[id]; !known && id != "" && len(id) <= audit.MaxIDBytes {
			v.persons[id] = id
			unknown = append(unknown, id)
		}
	}
	if !v.r.by.ReachesCards() {
		return
	}
	for some := range slices.Chunk(unknown, maxNamed) {
		people, err := v.r.peopleOf(some)
		if err != nil {
			return // ids without names are better than no page
		}
		for _, p := range people {
			v.persons[p.ID] = p.Name
		}
	}
}

// person returns the name of a member, or the id where the role does not see names. A page that tells several meets them first.
func (v *vocabulary) person(id string) string {
	v.meet(id)
	if name := v.persons[id]; name != "" {
		return name
	}
	return id
}

// filters says in words which events the query means. No filter at all is said too.
func (v *vocabulary) filters(q audit.Query) []said {
	var all []said
	tell := func(label string, values []string, word func(string) string) {
		if len(values) == 0 {
			return
		}
		words := make([]string, len(values))
		for i, value := range values {
			words[i] = word(value)
		}
		all = append(all, said{label, strings.Join(words, " or ")})
	}
	values := q.Values()
	same := func(text string) string { return text }
	tell("Range", values["range"], humanName)
	tell("Type", values["action"], v.action)
	tell("Operator", values["actor"], v.person)
	tell("Result", values["outcome"], same)
	tell("Address", values["ip"], same)
	if !q.From.IsZero() {
		all = append(all, said{"From", q.From.In(v.r.zone).Format(shownTime)})
	}
	if !q.To.IsZero() {
		all = append(all, said{"Before", q.To.In(v.r.zone).Format(shownTime)})
	}
	text := strings.TrimSpace(strings.Replace(q.Text, hideReading.String(), "", 1))
	tell("Text", filled([]string{text}), same)
	if strings.Contains(q.Text, hideReading.String()) {
		all = append(all, said{"Without", "reading of this trail"})
	}
	return all
}

// logsOf names the logs of a query.
func logsOf(q audit.Query) string {
	if len(q.Logs) == 0 || len(q.Logs) == len(audit.Logs()) {
		return "All logs"
	}
	names := make([]string, len(q.Logs))
	for i, log := range q.Logs {
		names[i] = listNames[log]
	}
	return strings.Join(names, " and ")
}

// listOf returns the page that shows the query's events: that of its log, or of the first of several.
func (r *request) listOf(q audit.Query) string {
	return listWith(homeOf(r.by), q.Values())
}

// listWith returns the page of the log that the parameters name, home where they name none, with the other filters.
func listWith(home string, values url.Values) string {
	if path, ok := listPaths[audit.Log(values.Get("log"))]; ok {
		home = path
	}
	filters := url.Values{}
	for _, name := range filterNames[1:] {
		if some := filled(values[name]); some != nil {
			filters[name] = some
		}
	}
	if len(filters) == 0 {
		return home
	}
	return home + "?" + filters.Encode()
}

// humanName makes a name of an id: "open_platform" becomes "Open platform".
func humanName(id string) string {
	words := strings.ReplaceAll(id, "_", " ")
	first, size := utf8.DecodeRuneInString(words)
	if size == 0 {
		return id
	}
	return string(unicode.ToUpper(first)) + words[size:]
}
