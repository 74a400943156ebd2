package sqlite

import (
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/fulltext"
)

// filters are the conditions of a query that one row's facts decide alone, and that all have to hold.
type filters struct {
	kinds  []func(*kind) bool
	actors map[string]struct{}
	ips    []func(netip.Addr) bool
}

func (f *filters) empty() bool { return len(f.kinds) == 0 && f.actors == nil && len(f.ips) == 0 }

func newFilters(q *audit.Query) filters {
	var f filters
	if len(q.Logs) > 0 {
		f.kinds = append(f.kinds, func(k *kind) bool { return slices.Contains(q.Logs, k.log) })
	}
	if len(q.Ranges) > 0 {
		f.kinds = append(f.kinds, func(k *kind) bool { return slices.Contains(q.Ranges, audit.RangeOf(k.action)) })
	}
	if len(q.Actions) > 0 {
		f.kinds = append(f.kinds, func(k *kind) bool {
			return slices.ContainsFunc(q.Actions, func(pattern string) bool { return audit.MatchAction(pattern, k.action) })
		})
	}
	if len(q.Outcomes) > 0 {
		f.kinds = append(f.kinds, func(k *kind) bool { return slices.Contains(q.Outcomes, k.outcome) })
	}
	if len(q.Actors) > 0 {
		f.actors = make(map[string]struct{}, len(q.Actors))
		for _, id := range q.Actors {
			f.actors[id] = struct{}{}
		}
	}
	if len(q.IPs) > 0 {
		f.ips = append(f.ips, func(ip netip.Addr) bool {
			return slices.ContainsFunc(q.IPs, func(p netip.Prefix) bool { return containsIP(p, ip) })
		})
	}
	return f
}

// containsIP takes an IPv4 address in its IPv6 form for the same address.
func containsIP(p netip.Prefix, ip netip.Addr) bool { return p.Contains(ip.Unmap()) }

// add takes a qualifier of the text language in. It returns false for one that is not decided by facts, or by the time.
func (f *filters) add(q audit.Qualifier) bool {
	if match := kindQualifier(q); match != nil {
		f.kinds = append(f.kinds, match)
		return true
	}
	if q.Field == audit.FieldIP {
		f.ips = append(f.ips, ipQualifier(q))
		return true
	}
	return false
}

// exclude is add for a qualifier that must not hold.
func (f *filters) exclude(q audit.Qualifier) bool {
	if match := kindQualifier(q); match != nil {
		f.kinds = append(f.kinds, func(k *kind) bool { return !match(k) })
		return true
	}
	if q.Field == audit.FieldIP {
		match := ipQualifier(q)
		f.ips = append(f.ips, func(ip netip.Addr) bool { return !match(ip) })
		return true
	}
	return false
}

// kindQualifier returns what decides a qualifier by a row's kind, or nil where the kind does not.
func kindQualifier(q audit.Qualifier) func(*kind) bool {
	switch q.Field {
	case audit.FieldAction:
		if q.Prefix {
			prefix := strings.ToLower(q.Value)
			return func(k *kind) bool { return strings.HasPrefix(strings.ToLower(k.action), prefix) }
		}
		return func(k *kind) bool { return sameInLower(k.action, q.Value) }
	case audit.FieldRange:
		return func(k *kind) bool { return sameInLower(audit.RangeOf(k.action), q.Value) }
	case audit.FieldOutcome:
		return func(k *kind) bool { return k.outcome == audit.Outcome(q.Value) }
	case audit.FieldPlatform:
		return func(k *kind) bool { return sameInLower(k.platform, q.Value) }
	}
	return nil
}

// sameInLower is not strings.EqualFold, which takes more characters for equal than the words of the text language are.
func sameInLower(a, b string) bool {
	a, b = strings.ToLower(a), strings.ToLower(b)
	return a == b
}

// ipQualifier returns what decides an ip qualifier. The parser has checked the value.
func ipQualifier(q audit.Qualifier) func(netip.Addr) bool {
	network, err := audit.ParseNetwork(q.Value)
	return func(ip netip.Addr) bool { return err == nil && containsIP(network, ip) }
}

// pushMost is up to how many values of one filter are handed to full text.
const pushMost = 16

// pushed returns expressions of full text that every row accepted by the query's filters meets. They need not be sufficient: what
// full text finds is checked against the facts. They keep it from visiting the rows of common words that a filter drops.
func pushed(q *audit.Query) []string {
	var out []string
	if tokens, ok := tokensOf(q.Logs, logTokens); ok {
		out = append(out, anyToken(tokens))
	}
	if tokens, ok := tokensOf(q.Outcomes, outcomeTokens); ok {
		out = append(out, anyToken(tokens))
	}
	if e := anyWords(q.Actions, func(pattern string) string { return strings.TrimSuffix(pattern, ".*") }); e != "" {
		out = append(out, e)
	}
	if e := anyWords(q.Ranges, func(r string) string { return r }); e != "" {
		out = append(out, e)
	}
	if e := anyWords(q.Actors, func(id string) string { return id }); e != "" {
		out = append(out, "actor : "+e)
	}
	return out
}

// pushedQualifier is pushed for a qualifier that has to hold, or "".
func pushedQualifier(q audit.Qualifier) string {
	switch q.Field {
	case audit.FieldOutcome:
		if token, ok := outcomeTokens[audit.Outcome(q.Value)]; ok {
			return anyToken([]string{token})
		}
	case audit.FieldAction, audit.FieldRange, audit.FieldPlatform:
		// Beyond ASCII, what is the same in lower case need not have the same tokens.
		if !q.Prefix && strings.IndexFunc(q.Value, func(r rune) bool { return r >= utf8.RuneSelf }) < 0 {
			return anyWords([]string{q.Value}, func(v string) string { return v })
		}
	}
	return ""
}

func tokensOf[T comparable](values []T, tokens map[T]string) ([]string, bool) {
	var out []string
	for _, v := range values {
		token, ok := tokens[v]
		if !ok {
			return nil, false
		}
		out = append(out, token)
	}
	return out, len(out) > 0 && len(out) < len(tokens)
}

func anyToken(tokens []string) string {
	quoted := make([]string, len(tokens))
	for i, t := range tokens {
		quoted[i] = `"` + t + `"`
	}
	return "(" + strings.Join(quoted, " OR ") + ")" // no other column has them
}

// anyWords returns an expression for all words of one of the values, or "" where one has none. Where they stand is left to the facts: FTS5 takes longer
// to compare columns and positions.
func anyWords(values []string, words func(string) string) string {
	if len(values) == 0 || len(values) > pushMost {
		return ""
	}
	var any []string
	for _, v := range values {
		var all []string
		for _, t := range fulltext.AppendTokens(nil, words(v)) {
			all = append(all, phrase([]string{t.Text}, false))
		}
		if len(all) == 0 {
			return ""
		}
		any = append(any, "("+strings.Join(all, " AND ")+")")
	}
	return "(" + strings.Join(any, " OR ") + ")"
}

// phrase writes a phrase of FTS5. Tokens hold no ASCII punctuation, so nothing needs quoting but the whole.
func phrase(tokens []string, prefix bool) string {
	p := `"` + strings.ReplaceAll(strings.Join(tokens, " "), `"`, `""`) + `"`
	if prefix {
		p += " *"
	}
	return p
}
