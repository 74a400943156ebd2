package sample

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

var letters = strings.NewReplacer("ß", "ss", "ł", "l", "đ", "d", "ı", "i", "ø", "o", "æ", "ae")

// fold writes a name in the letters a to z, for a mail address.
func fold(name string) string {
	var b strings.Builder
	for _, r := range norm.NFD.String(letters.Replace(strings.ToLower(name))) {
		if r >= 'a' && r <= 'z' && !unicode.Is(unicode.Mn, r) {
			b.WriteRune(r)
		}
	}
	return b.String()
}
