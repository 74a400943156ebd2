package audit

import (
	"strings"
	"unicode"
)

// String returns the parts with spaces between.
func (a And) String() string { return join([]Expr(a), " ") }

// String returns the parts with OR between.
func (o Or) String() string { return join([]Expr(o), " OR ") }

// String returns the part with a minus before it.
func (n Not) String() string { return "-" + n.Expr.String() }

// String returns the words, in quotes where they would be read as something else without.
func (w Words) String() string {
	text := w.Text
	name, _, colon := strings.Cut(text, ":")
	if text == "" || text == "OR" || text[0] == '-' || needsQuotes(text) || colon && isTextField(TextField(name)) {
		text = quote(text)
	}
	return withStar(text, w.Prefix)
}

// String returns field:value, the value in quotes where it needs them.
func (q Qualifier) String() string {
	value := q.Value
	if needsQuotes(value) {
		value = quote(value)
	}
	return withStar(string(q.Field)+":"+value, q.Prefix)
}

func join(parts []Expr, between string) string {
	texts := make([]string, len(parts))
	for i, part := range parts {
		texts[i] = part.String()
	}
	return strings.Join(texts, between)
}

func needsQuotes(text string) bool {
	return strings.HasSuffix(text, "*") || strings.ContainsRune(text, '"') || strings.IndexFunc(text, unicode.IsSpace) >= 0
}

// quote puts text in quotes. The language cannot write a quote inside them, and words are apart there anyway.
func quote(text string) string { return `"` + strings.ReplaceAll(text, `"`, " ") + `"` }

func withStar(text string, prefix bool) string {
	if prefix {
		return text + "*"
	}
	return text
}
