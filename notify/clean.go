package notify

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// line makes one harmless line of what somebody else wrote: control characters and line ends become spaces, characters that turn
// the direction of text or are not seen are dropped, and more than limit characters are cut.
func line(s string, limit int) string {
	var b strings.Builder
	space := false
	for _, r := range s {
		switch {
		case unicode.IsSpace(r), unicode.IsControl(r), r == '\u2028', r == '\u2029':
			space = b.Len() > 0
			continue
		case unicode.Is(unicode.Cf, r) && r != '\u200c' && r != '\u200d': // the two joiners are part of words and emoji
			continue
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(r)
	}
	return cut(b.String(), limit, "…")
}

// cut shortens s to limit characters, the mark at its end included, at the end of a word where one is near.
func cut(s string, limit int, mark string) string {
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	keep := limit - utf8.RuneCountInString(mark)
	if keep <= 0 {
		return ""
	}
	runes := []rune(s)[:keep]
	for i := len(runes) - 1; i > len(runes)*2/3; i-- {
		if runes[i] == ' ' {
			runes = runes[:i]
			break
		}
	}
	return strings.TrimRight(string(runes), " ,;:-") + mark
}

// unlink keeps mail programs and phones from making a link of an address that is part of an event: whoever can cause an event
// could otherwise send links in our name.
func unlink(s string) string { return strings.ReplaceAll(s, "://", "[:]//") }

// maskEmail shows the first letter and the domain: "a***@example.com".
func maskEmail(address string) string {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return "***"
	}
	first, size := utf8.DecodeRuneInString(address[:at])
	if size == 0 {
		return "***" + address[at:]
	}
	return string(first) + "***" + address[at:]
}

// maskPhone shows the country code and the last three digits of a number in E.164 form: "+49*****123".
func maskPhone(number string, countryDigits int) string {
	if shown := 1 + countryDigits; len(number) > shown+3 {
		return number[:shown] + "*****" + number[len(number)-3:]
	}
	return "*****"
}

var (
	addresses = regexp.MustCompile(`[^\s<>"'(),;:]+@[^\s<>"'(),;:]+`)
	numbers   = regexp.MustCompile(`\+?[0-9][0-9 ().-]{5,}[0-9]`)
)

// redact takes the mail addresses out of what a mail server said.
func redact(s string) string { return addresses.ReplaceAllString(line(s, 300), "[address]") }

// redactNumbers takes the phone numbers out of what Twilio said.
func redactNumbers(s string) string { return numbers.ReplaceAllString(line(s, 300), "[number]") }
