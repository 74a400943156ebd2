package audit

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ParseText reads the text language:
//
//	alice sales          both words
//	"added to sales"     the words next to each other, in one value
//	sale*  "to sal"*     the last word may be continued
//	-sales  -"to sales"  without
//	alice OR bob sales   (alice OR bob) and sales; OR is written in capitals
//	action:contacts.*    a qualifier: action, actor, target, range, ip, outcome, platform, before or after
//
// Words are apart at white space and quotes; there are no parentheses. An unknown qualifier is ordinary text, and so is an OR
// that has nothing before or behind it. Text without terms is an empty And. The error is CodeInvalid and names the field "q".
func ParseText(q string) (Expr, error) {
	if len(q) > MaxTextBytes {
		return nil, InvalidField("q", "has %d bytes; at most %d are allowed", len(q), MaxTextBytes)
	}
	if !utf8.ValidString(q) {
		return nil, InvalidField("q", "is not valid UTF-8")
	}
	p := textParser{src: q}
	all := And{}
	terms := 0
	for p.more() {
		term, err := p.term()
		if err != nil {
			return nil, err
		}
		terms++
		alternatives := Or{term}
		for p.or() {
			if term, err = p.term(); err != nil {
				return nil, err
			}
			terms++
			alternatives = append(alternatives, term)
		}
		if terms > MaxTextTerms {
			return nil, InvalidField("q", "has more than %d words, phrases and qualifiers", MaxTextTerms)
		}
		if len(alternatives) > 1 {
			all = append(all, alternatives)
		} else {
			all = append(all, term)
		}
	}
	if len(all) == 1 {
		return all[0], nil
	}
	return all, nil
}

// textParser reads terms. The language is flat, so it needs no recursion.
type textParser struct {
	src string
	pos int
}

// more skips white space and says whether a term follows.
func (p *textParser) more() bool {
	p.pos = len(p.src) - len(strings.TrimLeftFunc(p.src[p.pos:], unicode.IsSpace))
	return p.pos < len(p.src)
}

// or takes an OR that has a term behind it.
func (p *textParser) or() bool {
	if !p.more() {
		return false
	}
	ahead := *p
	if ahead.bare() != "OR" || !ahead.more() {
		return false
	}
	*p = ahead
	return true
}

// bare takes what goes up to white space or a quote.
func (p *textParser) bare() string {
	rest := p.src[p.pos:]
	end := strings.IndexFunc(rest, func(r rune) bool { return r == '"' || unicode.IsSpace(r) })
	if end < 0 {
		end = len(rest)
	}
	p.pos += end
	return rest[:end]
}

// quoted takes a phrase in quotes, and the stars right behind it.
func (p *textParser) quoted() (text string, prefix bool, err error) {
	start := p.pos
	p.pos++
	end := strings.IndexByte(p.src[p.pos:], '"')
	if end < 0 {
		return "", false, InvalidField("q", "the quote at character %d has no closing quote", utf8.RuneCountInString(p.src[:start])+1)
	}
	text = p.src[p.pos : p.pos+end]
	p.pos += end + 1
	for p.pos < len(p.src) && p.src[p.pos] == '*' {
		p.pos++
		prefix = true
	}
	return text, prefix, nil
}

func (p *textParser) atQuote() bool { return p.pos < len(p.src) && p.src[p.pos] == '"' }

// term takes one word, phrase or qualifier, with its minus.
func (p *textParser) term() (Expr, error) {
	if rest := p.src[p.pos:]; rest[0] == '-' && len(rest) > 1 {
		if r, _ := utf8.DecodeRuneInString(rest[1:]); !unicode.IsSpace(r) {
			p.pos++
			inner, err := p.positive()
			if err != nil {
				return nil, err
			}
			return Not{inner}, nil
		}
	}
	return p.positive()
}

func (p *textParser) positive() (Expr, error) {
	if p.atQuote() {
		text, prefix, err := p.quoted()
		if err != nil {
			return nil, err
		}
		return Words{Text: text, Prefix: prefix}, nil
	}
	word := p.bare()
	if name, value, ok := strings.Cut(word, ":"); ok && isTextField(TextField(name)) {
		return p.qualifier(TextField(name), value)
	}
	text, prefix := cutStars(word)
	return Words{Text: text, Prefix: prefix}, nil
}

// cutStars takes the final stars off a word; a word of nothing else is left as it is.
func cutStars(word string) (string, bool) {
	text := strings.TrimRight(word, "*")
	if text == "" || len(text) == len(word) {
		return word, false
	}
	return text, true
}

// TextFields returns the fields of every qualifier.
func TextFields() []TextField {
	return []TextField{FieldAction, FieldActor, FieldTarget, FieldRange, FieldIP, FieldOutcome, FieldPlatform, FieldBefore, FieldAfter}
}

func isTextField(name TextField) bool {
	switch name {
	case FieldAction, FieldActor, FieldTarget, FieldRange, FieldIP, FieldOutcome, FieldPlatform, FieldBefore, FieldAfter:
		return true
	}
	return false
}

// qualifier reads a qualifier whose bare value, up to a quote, is value.
func (p *textParser) qualifier(field TextField, value string) (Expr, error) {
	q := Qualifier{Field: field, Value: value}
	if value == "" && p.atQuote() {
		var err error
		if q.Value, q.Prefix, err = p.quoted(); err != nil {
			return nil, err
		}
	} else if field == FieldActor || field == FieldTarget {
		q.Value, q.Prefix = cutStars(value)
	}
	if field == FieldAction {
		text, prefix := cutStars(q.Value)
		q.Value, q.Prefix = text, q.Prefix || prefix
	}
	if err := q.read(); err != nil {
		return nil, err
	}
	return q, nil
}

// read checks the value and sets what is derived from it.
func (q *Qualifier) read() error {
	bad := func(format string, args ...any) error {
		return InvalidField("q", "%s: %s", q.Field, fmt.Sprintf(format, args...))
	}
	if strings.Trim(q.Value, "*") == "" {
		return bad("a value must follow the colon without a space, as in %s", textExamples[q.Field])
	}
	if q.Prefix && q.Field != FieldAction && q.Field != FieldActor && q.Field != FieldTarget {
		return bad("it cannot end in *")
	}
	switch q.Field {
	case FieldAction:
		if len(q.Value) > MaxActionBytes || !isDotted(strings.ToLower(strings.TrimSuffix(q.Value, "."))) || !q.Prefix && strings.HasSuffix(q.Value, ".") {
			return bad("%q is not an action, or its beginning and *, as in action:contacts.member.added or action:contacts.*", shorten(q.Value))
		}
	case FieldRange:
		if !isRange(strings.ToLower(q.Value)) {
			return bad("%q is not a range: it must be of letters, digits and _, as in range:contacts", shorten(q.Value))
		}
	case FieldIP:
		if _, err := ParseNetwork(q.Value); err != nil {
			return bad("%q is not an IP address or network, as in ip:203.0.113.7 or ip:10.0.0.0/8", shorten(q.Value))
		}
	case FieldOutcome:
		q.Value = strings.ToLower(q.Value)
		if !slices.Contains(outcomeWords, q.Value) {
			return bad("%q is not an outcome: it must be %s", shorten(q.Value), either(outcomeWords))
		}
	case FieldBefore, FieldAfter:
		t, err := parseMoment(q.Value)
		if err != nil {
			return bad("%q is not a time: it must be a day, like 2026-11-20 (its start in UTC), or RFC 3339 with an offset, like 2026-11-20T08:15:30Z", shorten(q.Value))
		}
		q.Time = t
	}
	return nil
}

var textExamples = map[TextField]string{
	FieldAction: "action:contacts.*", FieldActor: `actor:"Alice Smith"`, FieldTarget: "target:u_42", FieldRange: "range:contacts",
	FieldIP: "ip:10.0.0.0/8", FieldOutcome: "outcome:failure", FieldPlatform: "platform:web", FieldBefore: "before:2026-11-20",
	FieldAfter: "after:2026-11-20",
}
