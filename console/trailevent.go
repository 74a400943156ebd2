package console

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// event is an event as the API answers it.
type event struct {
	ID         string    `json:"id"`
	Time       time.Time `json:"time"`
	ReceivedAt time.Time `json:"received_at"`
	Log        string    `json:"log"`
	Action     string    `json:"action"`
	Product    string    `json:"product"`
	Outcome    string    `json:"outcome"`
	Actor      party     `json:"actor"`
	Targets    []party   `json:"targets"`
	Source     struct {
		IP        string `json:"ip"`
		Platform  string `json:"platform"`
		UserAgent string `json:"user_agent"`
		Location  struct {
			Country string `json:"country"`
			City    string `json:"city"`
		} `json:"location"`
	} `json:"source"`
	Message  string            `json:"message"`
	Changes  []change          `json:"changes"`
	Metadata map[string]string `json:"metadata"`
	// Highlights are the ranges of code points that the search found, by the path of the value.
	Highlights map[string][][2]int `json:"highlights"`

	raw json.RawMessage
	// title is the action's in the catalogue.
	title string
}

// party is an actor or a target.
type party struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Type string `json:"type"`
}

// Shown is the name, or the id where there is none.
func (p party) Shown() string {
	if p.Name != "" {
		return p.Name
	}
	return p.ID
}

// IsMember says whether there may be a card: of members, and of those who are not said to be something else.
func (p party) IsMember() bool { return p.Type == "" || p.Type == "member" || p.Type == "user" }

// Card is the address of the member's card.
func (p party) Card() string { return "/members/card/" + url.PathEscape(p.ID) }

type change struct {
	Field string `json:"field"`
	Old   string `json:"old"`
	New   string `json:"new"`
}

// UnmarshalJSON keeps the text too, to show it as it is.
func (e *event) UnmarshalJSON(text []byte) error {
	type plain event
	if err := json.Unmarshal(text, (*plain)(e)); err != nil {
		return err
	}
	e.raw = slices.Clone(text)
	return nil
}

// Raw is the event as the API gives it, indented, without what was found in it.
func (e *event) Raw() (string, error) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(e.raw, &all); err != nil {
		return "", err
	}
	delete(all, "highlights")
	text, err := json.MarshalIndent(all, "", "  ")
	return string(text), err
}

// Title is the action in words.
func (e *event) Title() string {
	if e.title != "" {
		return e.title
	}
	return e.Action
}

// Titled says whether the catalogue has a title for the action.
func (e *event) Titled() bool { return e.title != "" && e.title != e.Action }

// Failed and Unknown say how it ended.
func (e *event) Failed() bool { return e.Outcome == "failure" }

// Place is where it came from: "Berlin, DE".
func (e *event) Place() string {
	return strings.Join(filled([]string{e.Source.Location.City, e.Source.Location.Country}), ", ")
}

// maxSentence and maxCell are how many code points of a message, and of the other values, a row shows.
const (
	maxSentence = 300
	maxCell     = 60
)

// piece is a part of a text, found by the search or not.
type piece struct {
	Text  string
	Found bool
}

// Sentence says who did what to what: the message where there is one, else what the parts say.
func (e *event) Sentence() []piece {
	if e.Message != "" {
		return e.pieces("message", e.Message, maxSentence)
	}
	text := e.Actor.Shown() + ": " + e.Title()
	if names := e.targetNames(); names != "" {
		text += " – " + names
	}
	return []piece{{Text: text}}
}

func (e *event) targetNames() string {
	const most = 5
	var names []string
	for i, t := range e.Targets {
		if i == most {
			names = append(names, fmt.Sprintf("and %d more", len(e.Targets)-most))
			break
		}
		names = append(names, t.Shown())
	}
	return strings.Join(names, ", ")
}

// Operator, IP, Platform and Where are the values of a row with what was found in them.
func (e *event) Operator() []piece {
	if e.Actor.Name == "" {
		return e.pieces("actor.id", e.Actor.ID, maxCell)
	}
	return e.pieces("actor.name", e.Actor.Name, maxCell)
}

func (e *event) IP() []piece { return e.pieces("source.ip", e.Source.IP, maxCell) }
func (e *event) Platform() []piece {
	return e.pieces("source.platform", e.Source.Platform, maxCell)
}
func (e *event) City() []piece {
	return e.pieces("source.location.city", e.Source.Location.City, maxCell)
}
func (e *event) Country() []piece {
	return e.pieces("source.location.country", e.Source.Location.Country, maxCell)
}

// shownInRow are the paths whose matches a row shows in their place.
var shownInRow = []string{"message", "actor.name", "source.ip", "source.platform", "source.location.city", "source.location.country"}

// found is a value that was found and that the row does not show.
type found struct {
	Path   string
	Pieces []piece
}

// Elsewhere are at most three values that matched and that the row does not show otherwise.
func (e *event) Elsewhere() []found {
	const most, length = 3, 120
	var all []found
	for _, path := range sortedKeys(e.Highlights) {
		if slices.Contains(shownInRow, path) || path == "actor.id" && e.Actor.Name == "" || len(all) == most {
			continue
		}
		if value := e.value(path); value != "" {
			all = append(all, found{Path: path, Pieces: e.pieces(path, value, length)})
		}
	}
	return all
}

// value returns what stands under a path of highlights.
func (e *event) value(path string) string {
	if key, ok := strings.CutPrefix(path, "metadata."); ok {
		return e.Metadata[key]
	}
	switch path {
	case "action":
		return e.Action
	case "actor.id":
		return e.Actor.ID
	}
	var i int
	var field string
	if n, _ := fmt.Sscanf(strings.NewReplacer("[", " ", "].", " ").Replace(path), "targets %d %s", &i, &field); n == 2 && i < len(e.Targets) {
		return map[string]string{"id": e.Targets[i].ID, "name": e.Targets[i].Name}[field]
	}
	if n, _ := fmt.Sscanf(strings.NewReplacer("[", " ", "].", " ").Replace(path), "changes %d %s", &i, &field); n == 2 && i < len(e.Changes) {
		return map[string]string{"old": e.Changes[i].Old, "new": e.Changes[i].New}[field]
	}
	return ""
}

// pieces cuts a value where the search found something, and to at most so many code points around the first find.
func (e *event) pieces(path, value string, most int) []piece {
	return cutPieces(value, e.Highlights[path], most)
}

func cutPieces(value string, ranges [][2]int, most int) []piece {
	runes := []rune(value)
	start, end := 0, len(runes)
	if end > most {
		if len(ranges) > 0 && ranges[0][0] > most/2 {
			start = ranges[0][0] - most/3
		}
		end = min(len(runes), start+most)
	}
	var all []piece
	put := func(from, to int, isFound bool) {
		if from, to = max(from, start), min(to, end); from < to {
			all = append(all, piece{Text: string(runes[from:to]), Found: isFound})
		}
	}
	at := start
	for _, r := range ranges {
		if r[0] < at || r[1] > len(runes) || r[0] >= r[1] {
			continue
		}
		put(at, r[0], false)
		put(r[0], r[1], true)
		at = r[1]
	}
	put(at, end, false)
	if start > 0 {
		all = append([]piece{{Text: "…"}}, all...)
	}
	if end < len(runes) {
		all = append(all, piece{Text: "…"})
	}
	return all
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// total is how many events match.
type total struct {
	Value    int64  `json:"value"`
	Relation string `json:"relation"`
}

// Counted says whether the value is exact.
func (t total) Counted() bool { return t.Relation == "eq" }

// Words is the total for people.
func (t total) Words() string {
	switch {
	case !t.Counted():
		return "more than " + grouped(t.Value) + " events"
	case t.Value == 1:
		return "1 event"
	}
	return grouped(t.Value) + " events"
}
