package elastic

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/fulltext"
)

// generator makes queries out of the words, phrases and values of events, so that many of them find something.
type generator struct {
	rand   *rand.Rand
	events []*audit.Event
	now    time.Time
}

func (g *generator) event() *audit.Event { return g.events[g.rand.IntN(len(g.events))] }

// once in n times.
func (g *generator) once(n int) bool { return g.rand.IntN(n) == 0 }

func (g *generator) zone(t *testing.T) *time.Location {
	t.Helper()
	zones := []string{"UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe"}
	zone, err := time.LoadLocation(zones[g.rand.IntN(len(zones))])
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// query draws the values of most filters from one event, which then often matches.
func (g *generator) query() audit.Query {
	for {
		e := g.event()
		q := g.filters(e)
		var terms []string
		for range g.rand.IntN(4) {
			terms = append(terms, g.term(e))
		}
		q.Text = strings.Join(terms, " ")
		if q.Validate(g.now) == nil {
			return q
		}
	}
}

func (g *generator) filters(e *audit.Event) audit.Query {
	var q audit.Query
	if g.once(6) {
		q.Logs = []audit.Log{e.Log, g.event().Log}[:1+g.rand.IntN(2)]
	}
	if g.once(8) {
		q.Ranges = []string{e.Range(), g.event().Range()}[:1+g.rand.IntN(2)]
	}
	if g.once(6) {
		q.Actions = append(q.Actions, e.Action, g.event().Action)
	}
	if g.once(6) {
		q.Actions = append(q.Actions, e.Range()+".*")
	}
	if g.once(6) {
		q.Actors = []string{e.Actor.ID, g.event().Actor.ID}
	}
	if g.once(8) {
		q.Outcomes = []audit.Outcome{e.Outcome}
	}
	if g.once(8) && e.Source.IP.IsValid() {
		network, err := e.Source.IP.Prefix(e.Source.IP.BitLen() - 8*g.rand.IntN(3))
		if err == nil {
			q.IPs = []netip.Prefix{network}
		}
	}
	if g.once(4) {
		q.From = e.Time.Add(-time.Duration(g.rand.Int64N(int64(30 * 24 * time.Hour)))).Truncate(time.Millisecond)
	}
	if g.once(4) {
		q.To = e.Time.Add(time.Duration(g.rand.Int64N(int64(30 * 24 * time.Hour)))).Truncate(time.Millisecond)
	}
	return q
}

// term is one term of the text language that the event may meet: positive, negated or with an alternative.
func (g *generator) term(e *audit.Event) string {
	switch {
	case g.once(6):
		return "-" + g.positive(g.event())
	case g.once(6):
		return g.positive(e) + " OR " + g.positive(g.event())
	}
	return g.positive(e)
}

func (g *generator) positive(e *audit.Event) string {
	if g.once(4) {
		return g.qualifier(e)
	}
	values := audit.SearchedText(e)
	v := values[g.rand.IntN(len(values))].Value
	tokens := fulltext.AppendTokens(nil, v)
	if len(tokens) == 0 {
		return "..."
	}
	at := g.rand.IntN(len(tokens))
	first := tokens[at]
	word := v[first.Start:first.End]
	switch g.rand.IntN(5) {
	case 0:
		return g.beginning(word) + "*"
	case 1, 2:
		last := tokens[min(at+1+g.rand.IntN(4), len(tokens)-1)]
		phrase := strings.ReplaceAll(v[first.Start:last.Start], `"`, " ")
		if g.once(2) {
			return `"` + phrase + g.beginning(v[last.Start:last.End]) + `"*`
		}
		return `"` + phrase + v[last.Start:last.End] + `"`
	case 3:
		return strings.ToUpper(word)
	}
	return word
}

// beginning is some of the first characters of a word.
func (g *generator) beginning(word string) string {
	runes := []rune(word)
	return string(runes[:1+g.rand.IntN(len(runes))])
}

func (g *generator) qualifier(e *audit.Event) string {
	quoted := func(s string) string { return `"` + strings.ReplaceAll(s, `"`, " ") + `"` }
	switch g.rand.IntN(9) {
	case 0:
		return "action:" + strings.ToUpper(e.Action)
	case 1:
		return "action:" + g.beginning(e.Action) + "*"
	case 2:
		return "actor:" + quoted(e.Actor.Name)
	case 3:
		if len(e.Targets) > 0 {
			return "target:" + quoted(e.Targets[0].ID)
		}
	case 4:
		return "range:" + e.Range()
	case 5:
		return "outcome:" + string(e.Outcome)
	case 6:
		return "platform:" + quoted(strings.ToUpper(e.Source.Platform))
	case 7:
		return "after:" + e.Time.Add(-48*time.Hour).Format(audit.TimeLayout)
	}
	return "before:" + e.Time.Add(time.Hour).Format(audit.TimeLayout)
}
