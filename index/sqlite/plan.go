package sqlite

import (
	"strings"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/fulltext"
)

// plan is a query made ready to run on any month.
type plan struct {
	filters  filters
	from, to time.Time
	// until bounds received_at, in ms since 1970; 0 means no bound.
	until int64
	// match is what full text has to meet, nil where the query has no text.
	match *match
	// mixed are further conditions in which text and facts meet under an OR or a negation.
	mixed []fulltext.Node
	// nothing says that no row can match.
	nothing bool
}

// farFuture is later than any event: times are at most ten minutes ahead of the clock.
var farFuture = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// newPlan compiles the query for the engine's time.
func (x *Index) newPlan(q *audit.Query, until time.Time) (*plan, error) {
	p := &plan{filters: newFilters(q), from: audit.Horizon(x.clock()), to: farFuture}
	if q.From.After(p.from) {
		p.from = q.From
	}
	if !q.To.IsZero() {
		p.to = q.To
	}
	if !until.IsZero() {
		p.until = until.UnixMilli()
	}
	if strings.TrimSpace(q.Text) != "" {
		expr, err := audit.ParseText(q.Text)
		if err != nil {
			return nil, err
		}
		p.addText(fulltext.Compile(expr), q)
	}
	p.nothing = !p.from.Before(p.to)
	return p, nil
}

// addText splits the conditions of a text: facts alone, full text alone, or both.
func (p *plan) addText(node fulltext.Node, q *audit.Query) {
	var text []fulltext.Node
	var hints []string
	for _, part := range conjuncts(node) {
		f, isFilter := part.(fulltext.Filter)
		switch {
		case isFilter && p.addFilter(f.Qualifier):
			if hint := pushedQualifier(f.Qualifier); hint != "" {
				hints = append(hints, hint)
			}
		case textOnly(part):
			text = append(text, part)
		case p.exclude(part):
		default:
			p.mixed = append(p.mixed, part)
		}
	}
	if len(text) == 0 {
		return
	}
	p.match = newMatch(fulltext.And{Nodes: text}, append(hints, pushed(q)...)...)
}

// addFilter takes a qualifier that has to hold into the filters or the range of times.
func (p *plan) addFilter(q audit.Qualifier) bool {
	switch q.Field {
	case audit.FieldBefore:
		if q.Time.Before(p.to) {
			p.to = q.Time
		}
		return true
	case audit.FieldAfter:
		if q.Time.After(p.from) {
			p.from = q.Time
		}
		return true
	}
	return p.filters.add(q)
}

// exclude takes the negation of a qualifier that facts decide into the filters: by masks it costs what a filter costs.
func (p *plan) exclude(node fulltext.Node) bool {
	not, ok := node.(fulltext.Not)
	if !ok {
		return false
	}
	f, ok := not.Node.(fulltext.Filter)
	return ok && p.filters.exclude(f.Qualifier)
}

// plain says that full text decides alone, or that there is nothing to decide.
func (p *plan) plain() bool { return p.filters.empty() && p.until == 0 && len(p.mixed) == 0 }

// conjuncts flattens nested conjunctions.
func conjuncts(node fulltext.Node) []fulltext.Node {
	if node == nil {
		return nil
	}
	and, ok := node.(fulltext.And)
	if !ok {
		return []fulltext.Node{node}
	}
	var out []fulltext.Node
	for _, n := range and.Nodes {
		out = append(out, conjuncts(n)...)
	}
	return out
}

// textOnly says that full text can answer node without the facts.
func textOnly(node fulltext.Node) bool {
	switch n := node.(type) {
	case fulltext.And:
		return all(n.Nodes, textOnly)
	case fulltext.Or:
		return all(n.Nodes, textOnly)
	case fulltext.Not:
		return textOnly(n.Node)
	case fulltext.Phrase:
		return true
	}
	return false
}

func all(nodes []fulltext.Node, f func(fulltext.Node) bool) bool {
	for _, n := range nodes {
		if !f(n) {
			return false
		}
	}
	return true
}
