package audit

import "bytes"

// SplitArray returns the elements of the JSON array that is the body, each as it was written, without looking into them: what is
// wrong inside an element is that element's own error. They are parts of body. Errors are CodeMalformed where the elements cannot be told
// apart, with the byte, and CodeTooLarge for more than MaxRequestEvents.
func SplitArray(body []byte) ([][]byte, error) {
	if bytes.HasPrefix(body, []byte(byteOrderMark)) {
		return nil, errByteOrderMark()
	}
	i := skipSpace(body, 0)
	if i == len(body) || body[i] != '[' {
		return nil, Errorf(CodeMalformed, "not a JSON array: [ should be at byte %d", i)
	}
	i = skipSpace(body, i+1)
	var elements [][]byte
	if i < len(body) && body[i] == ']' {
		return elements, onlySpace(body, i+1)
	}
	for {
		end, ok := elementEnd(body, i)
		if !ok {
			return nil, Errorf(CodeMalformed, "the array does not end; its last element begins at byte %d", i)
		}
		element := bytes.TrimRight(body[i:end], " \t\r\n")
		if len(element) == 0 {
			return nil, Errorf(CodeMalformed, "%q at byte %d where an element should be", body[end], end)
		}
		if len(elements) == MaxRequestEvents {
			return nil, Errorf(CodeTooLarge, "more than %d events in one request", MaxRequestEvents)
		}
		elements = append(elements, element)
		if body[end] == ']' {
			return elements, onlySpace(body, end+1)
		}
		i = skipSpace(body, end+1)
	}
}

// elementEnd returns where the comma or bracket is that ends the element at i. It counts brackets and needs no stack, so
// that no nesting can exhaust it.
func elementEnd(body []byte, i int) (int, bool) {
	depth := 0
	for ; i < len(body); i++ {
		switch body[i] {
		case '"':
			for i++; i < len(body) && body[i] != '"'; i++ {
				if body[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i, body[i] == ']'
			}
			depth--
		case ',':
			if depth == 0 {
				return i, true
			}
		}
	}
	return i, false
}

// SplitLines returns the lines of an NDJSON body that are not blank, without their ends (\n or \r\n). They are parts of body. It stops
// behind the first line over MaxRequestEvents, so that a caller sees that there are too many without paying for them all.
// A byte order mark stays on the first line, where DecodeEvent refuses it.
func SplitLines(body []byte) [][]byte {
	var lines [][]byte
	for len(body) > 0 && len(lines) <= MaxRequestEvents {
		line := body
		if i := bytes.IndexByte(body, '\n'); i >= 0 {
			line, body = body[:i], body[i+1:]
		} else {
			body = nil
		}
		if line = bytes.TrimRight(line, " \t\r"); len(line) > 0 {
			lines = append(lines, line)
		}
	}
	return lines
}

func skipSpace(body []byte, i int) int {
	for i < len(body) && (body[i] == ' ' || body[i] == '\t' || body[i] == '\n' || body[i] == '\r') {
		i++
	}
	return i
}

func onlySpace(body []byte, i int) error {
	if i = skipSpace(body, i); i < len(body) {
		return Errorf(CodeMalformed, "%q at byte %d behind the end of the array", body[i], i)
	}
	return nil
}
