package fulltext

import (
	"fmt"
	"strings"

	"github.com/audittrail/audittrail/audit"
)

// Node is a query on tokens: And, Or, Not, Phrase or Filter.
type Node interface {
	// String writes the tree in parentheses, for logs and tests.
	String() string
	node()
}

// And matches what all of its nodes match. Without nodes it matches everything; below the top it has at least two.
type And struct{ Nodes []Node }

// Or matches what one of its nodes matches; it has at least two.
type Or struct{ Nodes []Node }

// Not matches what its node does not.
type Not struct{ Node Node }

// Phrase matches an event in which the tokens stand next to each other in one value: of the whole searched text, or of the id or the
// name of the actor (audit.FieldActor) or of a target (audit.FieldTarget). It has at least one token.
type Phrase struct {
	Tokens []string
	Prefix bool            // the last token may be continued
	Field  audit.TextField // "", audit.FieldActor or audit.FieldTarget
}

// Filter looks at a field of the event itself: every qualifier but actor and target. See Accepts.
type Filter struct{ audit.Qualifier }

func (And) node()    {}
func (Or) node()     {}
func (Not) node()    {}
func (Phrase) node() {}
func (Filter) node() {}

func (n And) String() string { return list("AND", n.Nodes) }
func (n Or) String() string  { return list("OR", n.Nodes) }
func (n Not) String() string { return "(NOT " + n.Node.String() + ")" }

func (n Phrase) String() string {
	text := fmt.Sprintf("%q", strings.Join(n.Tokens, " "))
	if n.Prefix {
		text += "*"
	}
	if n.Field != "" {
		text = string(n.Field) + ":" + text
	}
	return text
}

func (n Filter) String() string {
	text := fmt.Sprintf("%s:%q", n.Field, n.Value)
	if n.Prefix {
		text += "*"
	}
	return text
}

func list(word string, nodes []Node) string {
	texts := make([]string, len(nodes))
	for i, n := range nodes {
		texts[i] = " " + n.String()
	}
	return "(" + word + strings.Join(texts, "") + ")"
}

// Compile turns a parsed text into a query on tokens. Terms without a token are left out, also where they are negated; And in And
// and Or in Or are joined, and one node alone stands for itself. Nil, and what has no term left, is the empty And. The
// prefix star counts for the last token where it follows it directly: "contacts.*" is the word contacts.
func Compile(expr audit.Expr) Node {
	if n := compile(expr); n != nil {
		return n
	}
	return And{}
}

// compile returns nil for what restricts nothing.
func compile(expr audit.Expr) Node {
	switch e := expr.(type) {
	case audit.And:
		nodes := compileAll(e, func(n Node) []Node { and, _ := n.(And); return and.Nodes })
		if len(nodes) > 1 {
			return And{nodes}
		}
		return only(nodes)
	case audit.Or:
		nodes := compileAll(e, func(n Node) []Node { or, _ := n.(Or); return or.Nodes })
		if len(nodes) > 1 {
			return Or{nodes}
		}
		return only(nodes)
	case audit.Not:
		if n := compile(e.Expr); n != nil {
			return Not{n}
		}
	case audit.Words:
		return phrase(e.Text, e.Prefix, "")
	case audit.Qualifier:
		if e.Field == audit.FieldActor || e.Field == audit.FieldTarget {
			return phrase(e.Value, e.Prefix, e.Field)
		}
		return Filter{e}
	}
	return nil
}

// compileAll compiles the parts; inner returns the nodes of a part that is of the same kind as the whole.
func compileAll(parts []audit.Expr, inner func(Node) []Node) []Node {
	var nodes []Node
	for _, part := range parts {
		n := compile(part)
		if n == nil {
			continue
		}
		if same := inner(n); same != nil {
			nodes = append(nodes, same...)
		} else {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

func only(nodes []Node) Node {
	if len(nodes) == 0 {
		return nil
	}
	return nodes[0]
}

func phrase(text string, prefix bool, field audit.TextField) Node {
	tokens := AppendTokens(nil, text)
	if len(tokens) == 0 {
		return nil
	}
	p := Phrase{Prefix: prefix && tokens[len(tokens)-1].End == len(text), Field: field}
	for _, t := range tokens {
		p.Tokens = append(p.Tokens, t.Text)
	}
	return p
}
