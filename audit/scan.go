package audit

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxFieldErrors bounds how many field errors one input gets, so that a hostile one cannot ask for a megabyte of them.
const maxFieldErrors = 100

// scanner reads one JSON text in a single pass. What is wrong with the JSON itself ends the scan and is kept in err; what is wrong
// with a field is noted by its path and the scan goes on behind the value. Every method that reads returns false
// once the scan has ended.
//
// It exists because encoding/json takes what an audit trail must not take (duplicate keys, invalid UTF-8, names in another case),
// stops at the first wrong type, and is several times slower.
type scanner struct {
	// src is the whole input; strings without escapes are parts of it.
	src       string
	pos       int
	depth     int
	path      [MaxDepth + 1]step
	checkUTF8 bool // the input has invalid UTF-8 somewhere: look at each string
	fields    []FieldError
	err       *Error
}

// step is one part of a path: a key, or an index where key is empty.
type step struct {
	key   string
	index int
}

func newScanner(data []byte) scanner {
	return scanner{src: string(data), checkUTF8: !utf8.Valid(data)}
}

// malformed ends the scan: the input is not JSON at this offset.
func (s *scanner) malformed(offset int, format string, args ...any) bool {
	if s.err == nil {
		s.err = Errorf(CodeMalformed, "not valid JSON at byte %d: %s", offset, fmt.Sprintf(format, args...))
	}
	return false
}

// note keeps an error of the field at the present path.
func (s *scanner) note(format string, args ...any) {
	if len(s.fields) < maxFieldErrors {
		s.fields = append(s.fields, FieldError{Field: s.pathString(), Message: fmt.Sprintf(format, args...)})
	}
}

func (s *scanner) pathString() string {
	var b strings.Builder
	for _, p := range s.path[1 : s.depth+1] {
		switch {
		case p.key == "":
			b.WriteByte('[')
			b.WriteString(strconv.Itoa(p.index))
			b.WriteByte(']')
		case b.Len() > 0:
			b.WriteByte('.')
			b.WriteString(shorten(p.key))
		default:
			b.WriteString(shorten(p.key))
		}
	}
	return b.String()
}

// shorten cuts a hostile name or value so that it can be repeated in a message.
func shorten(v string) string {
	const most = 64
	if len(v) <= most {
		return v
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(v[cut]) {
		cut--
	}
	return v[:cut] + "…"
}

func (s *scanner) space() {
	for s.pos < len(s.src) {
		switch s.src[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// next skips white space and returns the byte that follows without taking it; 0 at the end.
func (s *scanner) next() byte {
	s.space()
	if s.pos < len(s.src) {
		return s.src[s.pos]
	}
	return 0
}

// take takes the byte c, after white space.
func (s *scanner) take(c byte) bool {
	if s.next() == c && s.pos < len(s.src) {
		s.pos++
		return true
	}
	return false
}

// unexpected ends the scan at the present byte.
func (s *scanner) unexpected(want string) bool {
	if s.pos >= len(s.src) {
		return s.malformed(s.pos, "it ends where %s should be", want)
	}
	r, _ := utf8.DecodeRuneInString(s.src[s.pos:])
	return s.malformed(s.pos, "%q where %s should be", r, want)
}

// end checks that nothing but white space follows.
func (s *scanner) end() bool {
	if s.next(); s.pos < len(s.src) {
		return s.unexpected("the end")
	}
	return true
}

func (s *scanner) enter() bool {
	if s.depth == MaxDepth {
		return s.malformed(s.pos, "nested deeper than %d levels", MaxDepth)
	}
	s.depth++
	return true
}

// object reads an object whose keys are names, and calls value with the index of each name to read its value. Unknown and
// repeated keys are noted and their values skipped. A value of another type is noted and skipped.
func (s *scanner) object(names []string, value func(i int) bool) bool {
	if s.next() != '{' {
		return s.wrongType("an object")
	}
	var seen uint64
	return s.members(func(key string) bool {
		for i, name := range names {
			if name != key {
				continue
			}
			if seen&(1<<i) != 0 {
				s.note("is given twice")
				return s.skip()
			}
			seen |= 1 << i
			return value(i)
		}
		s.note("is not a known field; known are %s", strings.Join(names, ", "))
		return s.skip()
	})
}

// members reads the object that begins here and calls member for each key, to read its value.
func (s *scanner) members(member func(key string) bool) bool {
	if !s.enter() {
		return false
	}
	s.pos++
	if !s.take('}') {
		for {
			if s.next() != '"' {
				return s.unexpected("a field name in quotes")
			}
			key, ok := s.key()
			if !ok {
				return false
			}
			if !s.take(':') {
				return s.unexpected("a colon")
			}
			if !member(key) {
				return false
			}
			if s.take(',') {
				continue
			}
			if s.take('}') {
				break
			}
			return s.unexpected("a comma or }")
		}
	}
	s.depth--
	return true
}

// key reads the key that begins here and makes it the last step of the path.
func (s *scanner) key() (string, bool) {
	noted := len(s.fields)
	s.path[s.depth] = step{}
	key, ok := s.text()
	name := key
	switch {
	case key == "":
		name = `""`
	case s.checkUTF8:
		name = strings.ToValidUTF8(key, "\ufffd")
	}
	s.path[s.depth].key = name
	for i := noted; i < len(s.fields); i++ { // what is wrong with the key itself was noted before it was known
		s.fields[i].Field = s.pathString()
	}
	return key, ok
}

// array reads an array and calls element for each element, to read it. A value of another type is noted and skipped.
func (s *scanner) array(element func(i int) bool) bool {
	if s.next() != '[' {
		return s.wrongType("an array")
	}
	if !s.enter() {
		return false
	}
	s.pos++
	if !s.take(']') {
		for i := 0; ; i++ {
			s.path[s.depth] = step{index: i}
			if !element(i) {
				return false
			}
			if s.take(',') {
				continue
			}
			if s.take(']') {
				break
			}
			return s.unexpected("a comma or ]")
		}
	}
	s.depth--
	return true
}

// str reads a string into dst. A value of another type is noted and skipped.
func (s *scanner) str(dst *string) bool {
	if s.next() != '"' {
		return s.wrongType("a string")
	}
	v, ok := s.text()
	*dst = v
	return ok
}

// wrongType notes that the value that follows is not what it must be, and skips it.
func (s *scanner) wrongType(want string) bool {
	var got string
	switch c := s.next(); c {
	case '"':
		got = "a string"
	case '{':
		got = "an object"
	case '[':
		got = "an array"
	case 't', 'f':
		got = "a boolean"
	case 'n':
		got = "null"
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		got = "a number"
	default:
		return s.unexpected("a value")
	}
	s.note("must be %s, got %s", want, got)
	return s.skip()
}

// skip reads any value and forgets it.
func (s *scanner) skip() bool {
	switch c := s.next(); {
	case c == '"':
		_, ok := s.text()
		return ok
	case c == '{':
		return s.members(func(string) bool { return s.skip() })
	case c == '[':
		return s.array(func(int) bool { return s.skip() })
	case c == 't':
		return s.literal("true")
	case c == 'f':
		return s.literal("false")
	case c == 'n':
		return s.literal("null")
	case c == '-' || c >= '0' && c <= '9':
		return s.number()
	}
	return s.unexpected("a value")
}

func (s *scanner) literal(word string) bool {
	if !strings.HasPrefix(s.src[s.pos:], word) {
		return s.unexpected("a value")
	}
	s.pos += len(word)
	return true
}

func (s *scanner) number() bool {
	if s.src[s.pos] == '-' {
		s.pos++
	}
	if s.pos < len(s.src) && s.src[s.pos] == '0' {
		s.pos++
	} else if !s.digits() {
		return false
	}
	if s.pos < len(s.src) && s.src[s.pos] == '.' {
		s.pos++
		if !s.digits() {
			return false
		}
	}
	if s.pos < len(s.src) && (s.src[s.pos] == 'e' || s.src[s.pos] == 'E') {
		s.pos++
		if s.pos < len(s.src) && (s.src[s.pos] == '+' || s.src[s.pos] == '-') {
			s.pos++
		}
		return s.digits()
	}
	return true
}

// digits takes one digit or more.
func (s *scanner) digits() bool {
	start := s.pos
	for s.pos < len(s.src) && s.src[s.pos] >= '0' && s.src[s.pos] <= '9' {
		s.pos++
	}
	if s.pos == start {
		return s.unexpected("a digit")
	}
	return true
}
