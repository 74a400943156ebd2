package fulltext

import (
	"slices"
	"unicode/utf8"

	"github.com/audittrail/audittrail/audit"
)

// Highlights returns where the words, phrases and prefixes of the query stand in the event: by the JSON path of a value (as
// audit.SearchedText names it) the ranges [start, end) in Unicode code points, in order and apart from each other. What is negated is
// not looked for; qualifiers of actor and target are looked for in their values only, others nowhere. Values without a match are
// not in the map. The time it takes is bounded by the size of the event times the number of terms.
func Highlights(e *audit.Event, node Node) map[string][][2]int {
	phrases := positive(nil, node)
	if len(phrases) == 0 {
		return nil
	}
	finders := make([]*finder, len(phrases))
	for i, p := range phrases {
		finders[i] = newFinder(p)
	}
	found := map[string][][2]int{}
	for _, v := range tokensOf(e) {
		var ranges [][2]int
		for i, p := range phrases {
			if !v.covers(p.Field) {
				continue
			}
			for start := range finders[i].all(v.tokens) {
				ranges = append(ranges, [2]int{v.tokens[start].Start, v.tokens[start+len(p.Tokens)-1].End})
			}
		}
		if len(ranges) > 0 {
			found[v.Field] = inCodePoints(v.Value, merged(ranges))
		}
	}
	return found
}

// positive appends the phrases of node that are not negated.
func positive(dst []Phrase, node Node) []Phrase {
	switch n := node.(type) {
	case Phrase:
		return append(dst, n)
	case And:
		for _, part := range n.Nodes {
			dst = positive(dst, part)
		}
	case Or:
		for _, part := range n.Nodes {
			dst = positive(dst, part)
		}
	}
	return dst
}

// merged sorts the ranges and joins those that overlap or touch.
func merged(ranges [][2]int) [][2]int {
	slices.SortFunc(ranges, func(a, b [2]int) int { return a[0] - b[0] })
	out := ranges[:1]
	for _, r := range ranges[1:] {
		if last := &out[len(out)-1]; r[0] <= last[1] {
			last[1] = max(last[1], r[1])
		} else {
			out = append(out, r)
		}
	}
	return out
}

// inCodePoints turns ranges of bytes of text, in order, into ranges of code points.
func inCodePoints(text string, ranges [][2]int) [][2]int {
	at, points := 0, 0
	to := func(offset int) int {
		points += utf8.RuneCountInString(text[at:offset])
		at = offset
		return points
	}
	for i, r := range ranges {
		ranges[i] = [2]int{to(r[0]), to(r[1])}
	}
	return ranges
}
