package audit

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func texts(parts [][]byte) []string {
	var out []string
	for _, p := range parts {
		out = append(out, string(p))
	}
	return out
}

func TestSplitArrayTellsElementsApart(t *testing.T) {
	tests := []struct {
		name, in string
		want     []string
	}{
		{"an empty array", " [ ] \n", nil},
		{"one element", `[{"id":"a"}]`, []string{`{"id":"a"}`}},
		{"white space around them", "[ {} ,\r\n\t{ } ]", []string{"{}", "{ }"}},
		{"brackets and commas in strings", `[{"a":"],[\"}"},"\\",[1,2]]`, []string{`{"a":"],[\"}"}`, `"\\"`, "[1,2]"}},
		{"what is wrong inside stays the element's own", `[{"a" 1},{"b":tru},x y]`, []string{`{"a" 1}`, `{"b":tru}`, "x y"}},
		{"deep nesting", "[" + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + ",1]",
			[]string{strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000), "1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := SplitArray([]byte(tt.in))
			if err != nil || !reflect.DeepEqual(texts(got), tt.want) {
				t.Fatalf("got %q, %v", got, err)
			}
		})
	}
}

func TestSplitArrayRefuses(t *testing.T) {
	tests := []struct {
		name, in string
		code     Code
		part     string
	}{
		{"nothing", "", CodeMalformed, "[ should be at byte 0"},
		{"an object", " {}", CodeMalformed, "[ should be at byte 1"},
		{"a byte order mark", "\xef\xbb\xbf[]", CodeMalformed, "byte order mark"},
		{"an array that does not end", `[{}`, CodeMalformed, "begins at byte 1"},
		{"only its beginning", `[`, CodeMalformed, "begins at byte 1"},
		{"a string that does not end", `[{},"x]`, CodeMalformed, "begins at byte 4"},
		{"a string that ends in an escape", `["x\`, CodeMalformed, "does not end"},
		{"a comma at the end", `[{},]`, CodeMalformed, "']' at byte 4"},
		{"two commas", `[{},,{}]`, CodeMalformed, "',' at byte 4"},
		{"a closing bracket too many", `[{}}]`, CodeMalformed, "does not end"},
		{"something behind it", `[{}] {}`, CodeMalformed, "'{' at byte 5"},
		{"something behind an empty one", `[]x`, CodeMalformed, "'x' at byte 2"},
		{"1,001 events", "[" + strings.Repeat("{},", MaxRequestEvents) + "{}]", CodeTooLarge, "more than 1000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := SplitArray([]byte(tt.in))
			if CodeOf(err) != tt.code || !strings.Contains(err.Error(), tt.part) {
				t.Fatalf("got %v (%s), want %q", err, CodeOf(err), tt.part)
			}
		})
	}
	if got, err := SplitArray([]byte("[" + strings.Repeat("{},", MaxRequestEvents-1) + "{}]")); err != nil || len(got) != MaxRequestEvents {
		t.Fatalf("1,000 events: %d, %v", len(got), err)
	}
}

func TestSplitLinesSkipsBlankLines(t *testing.T) {
	got := SplitLines([]byte("{\"a\":1}\r\n\n  \t\r\n{\"b\":2}  \n\n{\"c\":3}"))
	if want := []string{`{"a":1}`, `{"b":2}`, `{"c":3}`}; !reflect.DeepEqual(texts(got), want) {
		t.Fatalf("got %q", got)
	}
	if got := SplitLines([]byte("\n\r\n")); len(got) != 0 {
		t.Fatalf("got %q", got)
	}
	if got := SplitLines(bytes.Repeat([]byte("x\n"), 5*MaxRequestEvents)); len(got) != MaxRequestEvents+1 {
		t.Fatalf("went on to %d lines", len(got))
	}
	_, err := DecodeEvent(SplitLines([]byte("\xef\xbb\xbf{}\n{}"))[0])
	if CodeOf(err) != CodeMalformed || !strings.Contains(err.Error(), "byte order mark") {
		t.Fatal(err)
	}
}

// FuzzSplit: any JSON array of at most 1,000 elements is split as encoding/json splits it, and nothing panics.
func FuzzSplit(f *testing.F) {
	for _, seed := range []string{`[]`, `[1, {"a":"],["}, [[]] ]`, `["\\\"",{}]`, `[{}`, "\xef\xbb\xbf[]", "{}\r\n\n{}", `[{}}]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, line := range SplitLines(body) {
			if len(bytes.TrimSpace(line)) == 0 && len(bytes.Trim(line, " \t\r\n")) == 0 || bytes.IndexByte(line, '\n') >= 0 {
				t.Fatalf("line %q", line)
			}
		}
		got, err := SplitArray(body)
		var want []json.RawMessage
		if json.Unmarshal(body, &want) != nil || want == nil || len(want) > MaxRequestEvents {
			return
		}
		if err != nil || !slices.EqualFunc(got, want, func(a []byte, b json.RawMessage) bool { return bytes.Equal(a, b) }) {
			t.Fatalf("%q: got %q, %v, want %q", body, got, err, want)
		}
	})
}
