package elastic

import (
	"net/netip"
	"strings"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/fulltext"
)

// scope is what a search may see: the events of one organization from a horizon on, and of those the ones that meet every clause. There is no search
// without one (see ask), and none in whose condition the organization is missing: that of the zero scope matches nothing.
type scope struct {
	organization string
	horizon      time.Time
	clauses      []clause
}

// scopeOf is everything that is in sight of the organization.
func (x *Index) scopeOf(organization string) scope {
	return scope{organization: organization, horizon: audit.Horizon(x.clock())}
}

// with narrows the scope.
func (s scope) with(clauses ...clause) scope {
	s.clauses = append(s.clauses[:len(s.clauses):len(s.clauses)], clauses...)
	return s
}

func (s scope) condition() clause {
	return allOf(append([]clause{term(fieldOrganization, s.organization), from(fieldTime, firstMilli(s.horizon))}, s.clauses...))
}

// matching narrows the scope to what the query means.
func (x *Index) matching(organization string, q *audit.Query) (scope, error) {
	s := x.scopeOf(organization)
	if err := q.Validate(x.clock()); err != nil {
		return s, err
	}
	expr, err := audit.ParseText(q.Text)
	if err != nil {
		return s, err
	}
	return s.with(filters(q)...).with(textClauses(fulltext.Compile(expr))...), nil
}

// filters compiles everything of a query but its text.
func filters(q *audit.Query) []clause {
	var all []clause
	if len(q.Logs) > 0 {
		all = append(all, terms(fieldLog, q.Logs))
	}
	if len(q.Ranges) > 0 {
		all = append(all, terms(fieldRange, q.Ranges))
	}
	if len(q.Actions) > 0 {
		all = append(all, actionsClause(q.Actions))
	}
	if len(q.Actors) > 0 {
		all = append(all, terms(fieldActor, q.Actors))
	}
	if len(q.Outcomes) > 0 {
		all = append(all, terms(fieldOutcome, q.Outcomes))
	}
	if len(q.IPs) > 0 {
		all = append(all, addresses(q.IPs))
	}
	if !q.From.IsZero() {
		all = append(all, from(fieldTime, firstMilli(q.From)))
	}
	if !q.To.IsZero() {
		all = append(all, before(fieldTime, firstMilli(q.To)))
	}
	return all
}

// actionsClause compiles patterns as audit.MatchAction reads them.
func actionsClause(patterns []string) clause {
	var exact []string
	var any []clause
	for _, pattern := range patterns {
		if below, ok := strings.CutSuffix(pattern, "*"); ok && strings.HasSuffix(below, ".") {
			any = append(any, beginsWith(fieldAction, below))
		} else {
			exact = append(exact, pattern)
		}
	}
	if len(exact) > 0 {
		any = append(any, terms(fieldAction, exact))
	}
	return oneOf(any)
}

// everyIPv4 is how Elasticsearch keeps IPv4 addresses: as a part of IPv6.
var everyIPv4 = netip.MustParsePrefix("0.0.0.0/0")

func addresses(networks []netip.Prefix) clause {
	any := make([]clause, len(networks))
	for i, network := range networks {
		any[i] = address(network)
	}
	return oneOf(any)
}

// address compiles a network as netip reads it: one of IPv6 has no address of IPv4 in it.
func address(network netip.Prefix) clause {
	network = network.Masked()
	if network.Addr().Is4In6() {
		return nothing() // no event has such an address
	}
	inside := term(fieldIP, network.String())
	if network.Contains(netip.AddrFrom16(everyIPv4.Addr().As16())) {
		return allOf([]clause{inside, not(term(fieldIP, everyIPv4.String()))})
	}
	return inside
}

// textClauses compiles a text: one clause for each part of a conjunction, none where it restricts nothing.
func textClauses(node fulltext.Node) []clause {
	and, ok := node.(fulltext.And)
	if !ok {
		return []clause{textClause(node)}
	}
	var all []clause
	for _, part := range and.Nodes {
		all = append(all, textClause(part))
	}
	return all
}

// textClause compiles a node as fulltext.Match reads it. Its depth is that of the language, which is flat.
func textClause(node fulltext.Node) clause {
	switch n := node.(type) {
	case fulltext.And:
		return allOf(textClauses(n))
	case fulltext.Or:
		any := make([]clause, len(n.Nodes))
		for i, part := range n.Nodes {
			any[i] = textClause(part)
		}
		return oneOf(any)
	case fulltext.Not:
		return not(textClause(n.Node))
	case fulltext.Phrase:
		if n.Prefix {
			return prefixOf(searchedField(n.Field), n.Tokens)
		}
		return phraseOf(searchedField(n.Field), n.Tokens)
	case fulltext.Filter:
		return qualifier(n.Qualifier)
	}
	return nothing()
}

// qualifier compiles what fulltext.Filter.Accepts says. Stored actions and ranges are in lower case as they are.
func qualifier(q audit.Qualifier) clause {
	value := strings.ToLower(q.Value)
	switch q.Field {
	case audit.FieldAction:
		if q.Prefix {
			return beginsWith(fieldAction, value)
		}
		return term(fieldAction, value)
	case audit.FieldRange:
		return term(fieldRange, value)
	case audit.FieldPlatform:
		return term(fieldPlatformLow, value)
	case audit.FieldOutcome:
		return term(fieldOutcome, q.Value)
	case audit.FieldIP:
		network, err := audit.ParseNetwork(q.Value)
		if err != nil {
			return nothing() // the parser has checked it
		}
		return address(network)
	case audit.FieldBefore:
		return before(fieldTime, firstMilli(q.Time))
	case audit.FieldAfter:
		return from(fieldTime, firstMilli(q.Time))
	}
	return nothing()
}
