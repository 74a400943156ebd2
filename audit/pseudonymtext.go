package audit

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// text puts pseudonyms in place of names, and takes mail addresses out.
func (p *Pseudonyms) text(text string, old map[string]string) string {
	if !strings.Contains(text, "@") {
		return p.named(text, old)
	}
	for name, pseudonym := range old {
		if strings.Contains(name, "@") { // who is called by an address
			text = p.replace(text, name, pseudonym)
		}
	}
	return p.named(withoutAddresses(text), old)
}

// named puts pseudonyms in place of names and of their parts; the longest names first, as one may hold another.
func (p *Pseudonyms) named(text string, old map[string]string) string {
	if text == "" {
		return ""
	}
	names := slices.SortedFunc(maps.Keys(old), func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	for _, name := range names {
		text = p.replace(text, name, old[name])
	}
	return text
}

// replace puts the pseudonym in place of the name.
func (p *Pseudonyms) replace(text, name, pseudonym string) string {
	found := p.found[name]
	if found == nil {
		found = newNamePattern(name)
		p.found[name] = found
	}
	if !found.mayBeIn(text) {
		return text
	}
	var b strings.Builder
	done := 0
	for _, at := range found.regexp.FindAllStringIndex(text, -1) {
		if !strings.EqualFold(text[at[0]:at[1]], name) || !strings.Contains(name, " ") {
			if !standsAlone(text, at[0], at[1]) {
				continue
			}
		}
		b.WriteString(text[done:at[0]])
		b.WriteString(pseudonym)
		done = at[1]
	}
	if done == 0 {
		return text
	}
	b.WriteString(text[done:])
	return b.String()
}

// minNamePart is how many characters a part of a name has at least, to be looked for alone.
const minNamePart = 3

// namePattern finds a name whatever its case, and its parts as they are written in it.
type namePattern struct {
	regexp *regexp.Regexp
	lower  string // the name
	parts  []string
}

func newNamePattern(name string) *namePattern {
	p := &namePattern{lower: strings.ToLower(name)}
	pattern := "(?i:" + regexp.QuoteMeta(name) + ")"
	for _, part := range strings.FieldsFunc(name, func(c rune) bool { return unicode.IsSpace(c) || c == ',' }) {
		if part != name && utf8.RuneCountInString(part) >= minNamePart {
			p.parts = append(p.parts, part)
			pattern += "|" + regexp.QuoteMeta(part)
		}
	}
	p.regexp = regexp.MustCompile(pattern)
	return p
}

// mayBeIn is a quick look at a text before the expression has its own: most texts hold no name. Beyond ASCII, where letters fold in ways of their own, it is
// always true.
func (p *namePattern) mayBeIn(text string) bool {
	isPart := func(part string) bool { return strings.Contains(text, part) }
	beyondASCII := func(c rune) bool { return c >= utf8.RuneSelf }
	return slices.ContainsFunc(p.parts, isPart) || strings.ContainsFunc(text, beyondASCII) || strings.Contains(strings.ToLower(text), p.lower)
}

// standsAlone says whether what is found is a word, or one with the s of a genitive, and not the inside of another one.
func standsAlone(text string, from, to int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:from])
	first, _ := utf8.DecodeRuneInString(text[from:])
	last, _ := utf8.DecodeLastRuneInString(text[:to])
	after, size := utf8.DecodeRuneInString(text[to:])
	if after == 's' {
		after, _ = utf8.DecodeRuneInString(text[to+size:])
	}
	return !joined(before, first) && !joined(last, after)
}

// joined says whether two characters beside each other are of one word. Scripts that put no space between words have no such.
func joined(a, b rune) bool {
	inWord := func(c rune) bool {
		return (unicode.IsLetter(c) || unicode.IsDigit(c)) && c != utf8.RuneError && !unicode.In(c, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
	}
	return inWord(a) && inWord(b)
}

// withoutAddresses puts ErasedText in place of mail addresses: letters, digits and ._%+'- in front of an @, and behind it names with dots between.
func withoutAddresses(text string) string {
	local := func(c rune) bool {
		return unicode.IsLetter(c) || unicode.IsDigit(c) || strings.ContainsRune("._%+'-", c)
	}
	host := func(c rune) bool { return unicode.IsLetter(c) || unicode.IsDigit(c) || c == '.' || c == '-' }
	var b strings.Builder
	for {
		at := strings.IndexByte(text, '@')
		if at < 0 {
			break
		}
		from, to := at-runOf(text[:at], local, true), at+1+runOf(text[at+1:], host, false)
		domain := strings.TrimRight(text[at+1:to], ".-")
		if from == at || strings.IndexByte(domain, '.') < 1 {
			b.WriteString(text[:at+1])
			text = text[at+1:]
			continue
		}
		b.WriteString(text[:from] + ErasedText)
		text = text[at+1+len(domain):]
	}
	if b.Len() == 0 {
		return text
	}
	b.WriteString(text)
	return b.String()
}

// runOf returns how many bytes at the beginning of the text, or at its end, are characters that are wanted.
func runOf(text string, wanted func(rune) bool, atEnd bool) int {
	unwanted := func(c rune) bool { return !wanted(c) }
	if atEnd {
		i := strings.LastIndexFunc(text, unwanted)
		if i < 0 {
			return len(text)
		}
		_, size := utf8.DecodeRuneInString(text[i:])
		return len(text) - i - size
	}
	if i := strings.IndexFunc(text, unwanted); i >= 0 {
		return i
	}
	return len(text)
}

// personalFields are the last parts of the names of fields whose values are about a person, without what stands between words.
var personalFields = map[string]bool{
	"name": true, "displayname": true, "fullname": true, "firstname": true, "givenname": true, "lastname": true, "familyname": true, "surname": true, "middlename": true, "nickname": true,
	"username": true, "login": true, "loginname": true, "upn": true, "userprincipalname": true, "externalid": true, "employeeid": true, "employeenumber": true,
	"email": true, "emails": true, "mail": true, "mailaddress": true, "emailaddress": true, "phone": true, "phones": true, "phonenumber": true, "mobile": true, "mobilephone": true, "telephone": true,
	"avatar": true, "picture": true, "photo": true, "photos": true, "address": true, "street": true, "birthday": true, "birthdate": true, "dateofbirth": true, "gender": true,
	"department": true, "departments": true, "jobtitle": true,
}

func isPersonal(field string) bool {
	last := field[strings.LastIndexAny(field, ".:/")+1:]
	return personalFields[strings.ToLower(betweenWords.Replace(last))]
}

var betweenWords = strings.NewReplacer("_", "", "-", "", " ", "")
