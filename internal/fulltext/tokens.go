package fulltext

import (
	"strings"
	"unicode/utf8"

	"github.com/clipperhouse/uax29/v2/words"
)

// MaxTokenUnits is how long a token may be, in UTF-16 code units before folding, as Lucene counts. What is longer is cut into
// several tokens.
const MaxTokenUnits = 255

// Token is one word of a text.
type Token struct {
	// Text is the word as it is indexed and compared: lower case, folded to ASCII where Lucene's ASCIIFoldingFilter does, without
	// ASCII punctuation, spaces or capitals. It may share memory with the text it was cut from.
	Text string
	// Start and End are byte offsets into the text.
	Start, End int
}

// What a byte of a text is.
const (
	byteSeparates = 0
	byteSmall     = 1 // a lower-case ASCII letter or a digit
	byteCapital   = 2
	byteWide      = 4 // part of a character beyond ASCII
)

var byteClass = func() (classes [256]byte) {
	for b := range classes {
		switch {
		case b >= 'a' && b <= 'z' || b >= '0' && b <= '9':
			classes[b] = byteSmall
		case b >= 'A' && b <= 'Z':
			classes[b] = byteCapital
		case b >= utf8.RuneSelf:
			classes[b] = byteWide
		}
	}
	return classes
}()

// AppendTokens appends the tokens of s to dst, in order. Every ASCII byte that is neither letter nor digit separates, and so does a
// character that folds to one; between them the words of UAX #29 that hold a letter, a digit or an emoji are tokens, with Han and
// Hiragana character by character, and runs of Thai, Lao, Khmer, Myanmar and their like whole. Combining diacritical marks and
// variation selectors are not part of a token's text.
//
// Invalid UTF-8 is never an error; it separates, or becomes U+FFFD in a token.
func AppendTokens(dst []Token, s string) []Token {
	small := "" // s with its ASCII capitals made small, once there is one
	for i := 0; i < len(s); {
		if byteClass[s[i]] == byteSeparates {
			i++
			continue
		}
		start, seen := i, byte(0)
		for i < len(s) && byteClass[s[i]] != byteSeparates {
			seen |= byteClass[s[i]]
			i++
		}
		switch {
		case seen&byteWide != 0:
			dst = appendWide(dst, s, start, i)
		case seen&byteCapital != 0:
			if small == "" {
				small = smallASCII(s)
			}
			dst = appendASCII(dst, small, start, i)
		default:
			dst = appendASCII(dst, s, start, i)
		}
	}
	return dst
}

func smallASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if byteClass[c] == byteCapital {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

func appendASCII(dst []Token, s string, start, end int) []Token {
	for end-start > MaxTokenUnits {
		dst = append(dst, Token{s[start : start+MaxTokenUnits], start, start + MaxTokenUnits})
		start += MaxTokenUnits
	}
	return append(dst, Token{s[start:end], start, end})
}

// appendWide appends the tokens of s[start:end], which has characters beyond ASCII and no ASCII separator.
func appendWide(dst []Token, s string, start, end int) []Token {
	from := start
	for i := start; i < end; {
		r, size := utf8.DecodeRuneInString(s[i:end])
		if r >= utf8.RuneSelf && foldOf(r) == separates {
			dst = appendWords(dst, s, from, i)
			from = i + size
		}
		i += size
	}
	return appendWords(dst, s, from, end)
}

// appendWords appends the words of s[start:end], in which nothing folds to a separator.
func appendWords(dst []Token, s string, start, end int) []Token {
	run := -1 // where a run of a script without spaces began
	for it := words.FromString(s[start:end]); it.Next(); {
		from, to := start+it.Start(), start+it.End()
		first, _ := utf8.DecodeRuneInString(s[from:to])
		if isSpaceless(first) {
			if run < 0 {
				run = from
			}
			continue
		}
		if run >= 0 {
			dst = appendWord(dst, s, run, from)
			run = -1
		}
		if isWord(s[from:to]) {
			dst = appendWord(dst, s, from, to)
		}
	}
	if run >= 0 {
		dst = appendWord(dst, s, run, end)
	}
	return dst
}

// appendWord appends s[start:end], one word, in pieces of at most MaxTokenUnits. A piece of marks only is dropped.
func appendWord(dst []Token, s string, start, end int) []Token {
	units, from := 0, start
	for i, r := range s[start:end] {
		n := 1
		if r > 0xFFFF {
			n = 2
		}
		if units+n > MaxTokenUnits {
			dst = appendPiece(dst, s, from, start+i)
			units, from = 0, start+i
		}
		units += n
	}
	return appendPiece(dst, s, from, end)
}

func appendPiece(dst []Token, s string, start, end int) []Token {
	if !isWord(s[start:end]) {
		return dst
	}
	if text := fold(s[start:end]); text != "" {
		dst = append(dst, Token{text, start, end})
	}
	return dst
}

// isWord reports whether a segment of UAX #29 is a token.
func isWord(segment string) bool {
	return strings.ContainsFunc(segment, isWordRune) || isFlag(segment)
}
