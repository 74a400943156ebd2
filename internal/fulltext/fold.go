package fulltext

import (
	"unicode"
	"unicode/utf8"
)

// separates stands in foldPages for a character that folds to text with ASCII punctuation.
const separates = " "

// foldPages holds, by high and low byte of a character, what it folds to; "" is itself. Lucene folds nothing beyond the first plane.
var foldPages = func() (pages [256]*[256]string) {
	set := func(r rune, text string) {
		if pages[r>>8] == nil {
			pages[r>>8] = new([256]string)
		}
		pages[r>>8][r&0xFF] = text
	}
	for _, f := range foldings {
		for _, r := range f[1] {
			set(r, f[0])
		}
	}
	for _, r := range wideSeparators {
		set(r, separates)
	}
	return pages
}()

// foldOf returns what r becomes in ASCII, separates, or "" where it stays what it is.
func foldOf(r rune) string {
	if r > 0xFFFF || foldPages[r>>8] == nil {
		return ""
	}
	return foldPages[r>>8][r&0xFF]
}

// fold returns a word as it is compared: in lower case, and folded from there as Lucene's filters are ordered.
func fold(word string) string {
	var space [64]byte
	b := space[:0]
	for _, r := range word {
		r = unicode.ToLower(r)
		if r < utf8.RuneSelf {
			b = append(b, byte(r))
		} else if text := foldOf(r); text != "" {
			b = append(b, text...)
		} else if !isDropped(r) {
			b = utf8.AppendRune(b, r)
		}
	}
	if string(b) == word {
		return word
	}
	return string(b)
}

// isDropped reports whether r is left out of tokens: combining diacritical marks, so that a decomposed é is found like a composed
// one, and the selectors of text or emoji style.
func isDropped(r rune) bool {
	return r >= 0x0300 && r <= 0x036F || r == 0xFE0E || r == 0xFE0F
}
