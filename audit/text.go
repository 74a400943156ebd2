package audit

import "time"

// Expr is a node of a parsed text query: And, Or, Not, Words or Qualifier. Its String is canonical text, which ParseText
// reads as the same tree.
type Expr interface {
	expr()
	String() string
}

// And matches what all of its parts match. An empty And matches everything.
type And []Expr

// Or matches what one of its parts matches.
type Or []Expr

// Not matches what its part does not.
type Not struct{ Expr Expr }

// Words matches an event in whose searched text the words of Text stand next to each other in one value. A single word
// is the common case. Where Prefix is set the last word may be continued. Text that has no word in it (only
// punctuation) is left out of the query: it restricts nothing.
type Words struct {
	Text   string
	Prefix bool
}

// TextField is what a qualifier looks at.
type TextField string

// The fields of qualifiers.
const (
	FieldAction   TextField = "action"   // exact, or with a final "*" or ".*": a prefix; case-insensitive
	FieldActor    TextField = "actor"    // words in the actor's id or name, like Words; a final "*" means prefix
	FieldTarget   TextField = "target"   // words in a target's id or name, like Words; a final "*" means prefix
	FieldRange    TextField = "range"    // exact, case-insensitive
	FieldIP       TextField = "ip"       // an address or a network
	FieldOutcome  TextField = "outcome"  // success, failure or unknown
	FieldPlatform TextField = "platform" // exact, case-insensitive
	FieldBefore   TextField = "before"   // time < the value
	FieldAfter    TextField = "after"    // time >= the value
)

// Qualifier is field:value. Value is what was written, without quotes (an outcome in lower case); Time is set for before and after, and
// Prefix where a final "*" was taken off the value. ParseNetwork reads the value of ip.
type Qualifier struct {
	Field  TextField
	Value  string
	Prefix bool
	Time   time.Time
}

func (And) expr()       {}
func (Or) expr()        {}
func (Not) expr()       {}
func (Words) expr()     {}
func (Qualifier) expr() {}
