package fulltext

import (
	"strings"

	"github.com/audittrail/audittrail/audit"
)

// Match says whether the event matches. It is the meaning of the text language, by which engines are tested; they do not use it to search.
func Match(e *audit.Event, node Node) bool {
	return matches(e, tokensOf(e), node)
}

// value is one searched value of an event, as tokens.
type value struct {
	audit.TextValue
	tokens []Token
}

func tokensOf(e *audit.Event) []value {
	texts := audit.SearchedText(e)
	values := make([]value, len(texts))
	for i, t := range texts {
		values[i] = value{t, AppendTokens(nil, t.Value)}
	}
	return values
}

// covers reports whether a phrase in the field looks at the value.
func (v *value) covers(field audit.TextField) bool {
	switch field {
	case audit.FieldActor:
		return strings.HasPrefix(v.Field, "actor.")
	case audit.FieldTarget:
		return strings.HasPrefix(v.Field, "targets[")
	}
	return true
}

func matches(e *audit.Event, values []value, node Node) bool {
	switch n := node.(type) {
	case And:
		for _, part := range n.Nodes {
			if !matches(e, values, part) {
				return false
			}
		}
		return true
	case Or:
		for _, part := range n.Nodes {
			if matches(e, values, part) {
				return true
			}
		}
		return false
	case Not:
		return !matches(e, values, n.Node)
	case Phrase:
		f := newFinder(n)
		for i := range values {
			if values[i].covers(n.Field) && f.in(values[i].tokens) {
				return true
			}
		}
		return false
	case Filter:
		return n.Accepts(e)
	}
	return false
}

// Accepts says whether the event's own field is as the qualifier wants it. Case-insensitive is meant as strings.ToLower does it.
func (n Filter) Accepts(e *audit.Event) bool {
	switch n.Field {
	case audit.FieldAction:
		if n.Prefix {
			return strings.HasPrefix(strings.ToLower(e.Action), strings.ToLower(n.Value))
		}
		return sameInLower(e.Action, n.Value)
	case audit.FieldRange:
		return sameInLower(e.Range(), n.Value)
	case audit.FieldPlatform:
		return sameInLower(e.Source.Platform, n.Value)
	case audit.FieldOutcome:
		return e.Outcome == audit.Outcome(n.Value)
	case audit.FieldIP:
		network, err := audit.ParseNetwork(n.Value)
		return err == nil && network.Contains(e.Source.IP.Unmap())
	case audit.FieldBefore:
		return e.Time.Before(n.Time)
	case audit.FieldAfter:
		return !e.Time.Before(n.Time)
	}
	return false
}

// sameInLower is not strings.EqualFold, which takes more characters for equal than an index of lower-case values can.
func sameInLower(a, b string) bool {
	a, b = strings.ToLower(a), strings.ToLower(b)
	return a == b
}
