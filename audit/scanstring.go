package audit

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// text reads the string that begins here. What is wrong inside it (invalid UTF-8, half a surrogate pair) is noted.
func (s *scanner) text() (string, bool) {
	s.pos++
	start := s.pos
	for i := start; i < len(s.src); i++ {
		c := s.src[i]
		if !special[c] {
			continue
		}
		if c == '"' {
			s.pos = i + 1
			v := s.src[start:i]
			s.checkText(v, start)
			return v, true
		}
		if c == '\\' {
			return s.escapedText(start, i)
		}
		return "", s.malformed(i, "control character %q in a string; write it as an escape", c)
	}
	s.pos = len(s.src)
	return "", s.malformed(start-1, "a string that does not end")
}

// special holds the bytes that end a plain run inside a string.
var special = func() (t [256]bool) {
	for c := range 0x20 {
		t[c] = true
	}
	t['"'], t['\\'] = true, true
	return t
}()

// escapedText reads on in a string that began at start, from its first escape on.
func (s *scanner) escapedText(start, first int) (string, bool) {
	var b strings.Builder
	b.Grow(first - start + s.roomFor(first)) // no escape is shorter than what it stands for
	run := start
	for i := first; i < len(s.src); {
		c := s.src[i]
		switch {
		case !special[c]:
			i++
		case c == '"':
			b.WriteString(s.src[run:i])
			s.pos = i + 1
			v := b.String()
			s.checkText(v, start)
			return v, true
		case c == '\\':
			b.WriteString(s.src[run:i])
			r, size, ok := s.escape(i)
			if !ok {
				return "", false
			}
			b.WriteRune(r)
			i += size
			run = i
		default:
			return "", s.malformed(i, "control character %q in a string; write it as an escape", c)
		}
	}
	s.pos = len(s.src)
	return "", s.malformed(start-1, "a string that does not end")
}

// roomFor returns how long the string that goes on at i is at the most.
func (s *scanner) roomFor(i int) int {
	for j := i; j < len(s.src); j++ {
		k := strings.IndexByte(s.src[j:], '"')
		if k < 0 {
			return len(s.src) - i
		}
		if j += k; s.src[j-1] != '\\' {
			return j - i
		}
	}
	return len(s.src) - i
}

// escape reads the escape at i and returns what it stands for and how long it is.
func (s *scanner) escape(i int) (r rune, size int, ok bool) {
	if i+1 >= len(s.src) {
		return 0, 0, s.malformed(i, "a string that does not end")
	}
	switch c := s.src[i+1]; c {
	case '"', '\\', '/':
		return rune(c), 2, true
	case 'n':
		return '\n', 2, true
	case 't':
		return '\t', 2, true
	case 'r':
		return '\r', 2, true
	case 'b':
		return '\b', 2, true
	case 'f':
		return '\f', 2, true
	case 'u':
		return s.unicodeEscape(i)
	}
	return 0, 0, s.malformed(i, "an escape that JSON does not have")
}

func (s *scanner) unicodeEscape(i int) (r rune, size int, ok bool) {
	r, ok = hex4(s.src, i+2)
	if !ok {
		return 0, 0, s.malformed(i, `\u without four hexadecimal digits`)
	}
	if !utf16.IsSurrogate(r) {
		return r, 6, true
	}
	if strings.HasPrefix(s.src[i+6:], `\u`) {
		if low, ok := hex4(s.src, i+8); ok {
			if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
				return pair, 12, true
			}
		}
	}
	s.note(`has %s at byte %d, half of a surrogate pair`, s.src[i:i+6], i)
	return utf8.RuneError, 6, true
}

func hex4(src string, i int) (rune, bool) {
	if i+4 > len(src) {
		return 0, false
	}
	var r rune
	for _, c := range []byte(src[i : i+4]) {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// checkText notes invalid UTF-8. It looks only where the input as a whole has some.
func (s *scanner) checkText(v string, offset int) {
	if !s.checkUTF8 || utf8.ValidString(v) {
		return
	}
	s.note("is not valid UTF-8 (in the string that begins at byte %d)", offset)
}
