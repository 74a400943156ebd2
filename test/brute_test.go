package test

import (
	"cmp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/audittrail/audittrail/audit"
)

// naive is a search that looks at every event: what the index's answers are compared with. It splits text on its own, so that it cannot
// share a mistake with the index.
type naive struct {
	events []*audit.Event    // newest first
	words  []map[string]bool // of each event
	counts map[string]int    // in how many events a word is
}

func newNaive(events []*audit.Event) *naive {
	n := &naive{events: newestFirst(events), counts: map[string]int{}}
	for _, e := range n.events {
		words := map[string]bool{}
		for _, text := range textOf(e) {
			for _, word := range split(text) {
				words[word] = true
			}
		}
		for word := range words {
			n.counts[word]++
		}
		n.words = append(n.words, words)
	}
	return n
}

// newestFirst is the order that every list and file keeps.
func newestFirst(events []*audit.Event) []*audit.Event {
	sorted := slices.Clone(events)
	slices.SortFunc(sorted, func(a, b *audit.Event) int {
		return cmp.Or(b.Time.Compare(a.Time), cmp.Compare(audit.Tie(b.ID), audit.Tie(a.ID)))
	})
	return sorted
}

// textOf is what full text covers.
func textOf(e *audit.Event) []string {
	texts := []string{e.Message, e.Action, e.Actor.ID, e.Actor.Name, e.Source.Platform, e.Source.Location.Country, e.Source.Location.City}
	if e.Source.IP.IsValid() {
		texts = append(texts, e.Source.IP.String())
	}
	for _, target := range e.Targets {
		texts = append(texts, target.ID, target.Name)
	}
	for _, change := range e.Changes {
		texts = append(texts, change.Old, change.New)
	}
	for _, value := range e.Metadata {
		texts = append(texts, value)
	}
	return texts
}

// split cuts at everything that is neither letter nor digit, after taking the accents off.
func split(text string) []string {
	text = strings.ToLower(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFD.String(text)))
	return strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// find returns the ids of the events whose words are as wanted, newest first.
func (n *naive) find(wanted func(words map[string]bool) bool) []string {
	var ids []string
	for i, e := range n.events {
		if wanted(n.words[i]) {
			ids = append(ids, e.ID)
		}
	}
	return ids
}

// pick returns count plain words that are in at least so many events and at most so many, spread over the alphabet.
func (n *naive) pick(count, least, most int) []string {
	var fit []string
	for word, times := range n.counts {
		plainWord := len(word) >= 4 && strings.Trim(word, "abcdefghijklmnopqrstuvwxyz") == ""
		if plainWord && times >= least && times <= most {
			fit = append(fit, word)
		}
	}
	slices.Sort(fit)
	var picked []string
	for i := range min(count, len(fit)) {
		picked = append(picked, fit[i*len(fit)/count])
	}
	return picked
}
