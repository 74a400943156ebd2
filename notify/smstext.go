package notify

import (
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// gsm7 is the GSM 03.38 alphabet without the escape; the characters of gsm7Extended take two places.
const (
	gsm7 = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿" +
		"abcdefghijklmnopqrstuvwxyzäöñüà"
	gsm7Extended = "^{}\\[~]|€"
)

// Segment sizes: 160 places of GSM-7 or 70 of UCS-2, less in each part of a longer message.
const (
	gsm7Single, gsm7Part = 160, 153
	ucs2Single, ucs2Part = 70, 67
	// maxSMS is the most that Twilio takes, in characters.
	maxSMS = 1600
)

// segments says how many messages the network makes of the text, and whether it fits the GSM-7 alphabet.
func segments(s string) (n int, gsm bool) {
	places, gsm := 0, true
	for _, r := range s {
		switch {
		case strings.ContainsRune(gsm7, r):
			places++
		case strings.ContainsRune(gsm7Extended, r):
			places += 2
		default:
			gsm = false
		}
	}
	single, part := gsm7Single, gsm7Part
	if !gsm {
		places, single, part = len(utf16.Encode([]rune(s))), ucs2Single, ucs2Part
	}
	if places <= single {
		return 1, gsm
	}
	return (places + part - 1) / part, gsm
}

// plainer writes typographic characters as their plain forms, which are in the GSM-7 alphabet.
var plainer = strings.NewReplacer("“", `"`, "”", `"`, "„", `"`, "«", `"`, "»", `"`, "‘", "'", "’", "'", "`", "'",
	"–", "-", "—", "-", "…", "...", "·", "-", "\u00a0", " ", "\u202f", " ")

// unaccented takes the accents off letters that are not in the GSM-7 alphabet and would be without: ë and ł, but not é, ø or 佐.
func unaccented(s string) string {
	var b strings.Builder
	for _, r := range s {
		if !strings.ContainsRune(gsm7, r) && unicode.Is(unicode.Latin, r) {
			base, _ := utf8.DecodeRuneInString(norm.NFD.String(undecomposed.Replace(string(r))))
			if strings.ContainsRune(gsm7, base) {
				r = base
			}
		}
		b.WriteRune(r)
	}
	return b.String()
}

var undecomposed = strings.NewReplacer("ł", "l", "Ł", "L", "đ", "d", "Đ", "D", "ı", "i", "ħ", "h", "ŧ", "t")

// sms is the text of an SMS: one segment, where the link leaves room for anything. Names stay as they are written where that fits. What
// does not fit loses, in this order: accents that would cost more than half of the room, the end of what happened, all of it,
// the organization's name, the end of the reminder's name.
func (c *content) sms() string {
	label, link := "", ""
	if c.Test {
		label = "TEST "
	}
	if c.OpenURL != "" {
		link = " " + c.OpenURL
	}
	organization, reminder := plainer.Replace(unlink(c.Organization)), plainer.Replace(unlink(c.Reminder))
	what := plural(c.count, "event", "events")
	if c.newest != "" {
		what += ", newest " + c.newest
	}
	happened := ""
	if len(c.Rows) > 0 {
		happened = plainer.Replace(c.Rows[0].Summary)
		if c.count == 1 {
			what = c.newest
		}
	}
	build := func(organization, reminder, happened string) string {
		s := label
		if organization != "" {
			s += organization + ": "
		}
		s += reminder + ": " + what
		if happened != "" {
			s += ": " + happened
		}
		return s + link
	}
	fits := func(s string) bool { n, _ := segments(s); return n == 1 }
	if whole := build(organization, reminder, happened); fits(whole) {
		return whole
	}
	organization, reminder, happened = unaccented(organization), unaccented(reminder), unaccented(happened)
	if s, ok := shortened(happened, 15, func(h string) string { return build(organization, reminder, h) }, fits); ok {
		return s
	}
	for _, s := range []string{build(organization, reminder, ""), build("", reminder, "")} {
		if fits(s) {
			return s
		}
	}
	if s, ok := shortened(reminder, 5, func(r string) string { return build("", r, "") }, fits); ok {
		return s
	}
	s := build("", reminder, "") // the link alone is too long for one segment
	if len([]rune(s)) > maxSMS {
		link = ""
		s = build("", reminder, "")
	}
	return s
}

// shortened returns what build makes of the longest beginning of s, at least least characters or all of it, that fits.
func shortened(s string, least int, build func(string) string, fits func(string) bool) (string, bool) {
	if whole := build(s); fits(whole) {
		return whole, true
	}
	for limit := len([]rune(s)) - 1; limit >= least; limit-- {
		if shorter := build(cut(s, limit, "...")); fits(shorter) {
			return shorter, true
		}
	}
	return "", false
}
