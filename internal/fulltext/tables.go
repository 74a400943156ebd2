package fulltext

import "unicode"

// spaceless are the scripts that are written without spaces between words: those whose letters have the line-break class
// Complex_Context, of which Lucene takes each run as one token.
var spaceless = []*unicode.RangeTable{
	unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar,
	unicode.Tai_Le, unicode.New_Tai_Lue, unicode.Tai_Tham, unicode.Tai_Viet, unicode.Ahom,
}

// isSpaceless reports whether r is a letter or a mark of such a script.
func isSpaceless(r rune) bool {
	if r < 0x0E00 || r >= 0x2000 && r < 0xA9E0 { // none of their blocks, and most text
		return false
	}
	return unicode.In(r, unicode.L, unicode.M) && unicode.In(r, spaceless...)
}

// isWordRune reports whether a segment that holds r is a token: r is a letter, a digit or an emoji, as Lucene's StandardTokenizer
// sees it.
func isWordRune(r rune) bool {
	switch {
	case r == '〆', r == 0xFF9E, r == 0xFF9F: // a sign and two marks that only Go calls letters
		return false
	case unicode.IsLetter(r), unicode.In(r, unicode.Nd, unicode.Nl, unicode.Han, unicode.Katakana, emoji), r == '゛', r == '゜':
		return true
	case unicode.Is(unicode.So, r): // letters in circles and squares
		return unicode.Is(unicode.Other_Alphabetic, r)
	}
	return isSpaceless(r)
}

// isFlag reports whether the segment is a pair of regional indicators.
func isFlag(segment string) bool {
	pair := 0
	for _, r := range segment {
		if r >= 0x1F1E6 && r <= 0x1F1FF {
			pair++
		}
	}
	return pair == 2
}
