package audit

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func w(text string) Words  { return Words{Text: text} }
func wp(text string) Words { return Words{Text: text, Prefix: true} }

func TestParseTextReadsTheLanguage(t *testing.T) {
	day := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	tests := []struct {
		in   string
		want Expr
	}{
		{"", And{}},
		{" \t\n\u3000", And{}},
		{"alice", w("alice")},
		{"alice sales", And{w("alice"), w("sales")}},
		{`"added to Sales"`, w("added to Sales")},
		{`""`, w("")},
		{"sal*", wp("sal")},
		{"sal**", wp("sal")},
		{"*", w("*")},
		{"s*l", w("s*l")},
		{`"to sal"*`, wp("to sal")},
		{`"to sal*"`, w("to sal*")},
		{"-sales", Not{w("sales")}},
		{"-sal*", Not{wp("sal")}},
		{`-"to sales"`, Not{w("to sales")}},
		{"--x", Not{w("-x")}},
		{"-", w("-")},
		{"- x", And{w("-"), w("x")}},
		{"x-y", w("x-y")},
		{"(a)", w("(a)")},
		{"a OR b", Or{w("a"), w("b")}},
		{"a OR b c", And{Or{w("a"), w("b")}, w("c")}},
		{"a b OR c OR -d e", And{w("a"), Or{w("b"), w("c"), Not{w("d")}}, w("e")}},
		{"OR", w("OR")},
		{"OR a", And{w("OR"), w("a")}},
		{"a OR", And{w("a"), w("OR")}},
		{"a OR OR", Or{w("a"), w("OR")}},
		{"a OR OR b", And{Or{w("a"), w("OR")}, w("b")}},
		{"a or b", And{w("a"), w("or"), w("b")}},
		{"a ORb", And{w("a"), w("ORb")}},
		{`a "OR" b`, And{w("a"), w("OR"), w("b")}},
		{`a OR "b c"`, Or{w("a"), w("b c")}},
		{`foo"bar baz"qux`, And{w("foo"), w("bar baz"), w("qux")}},
		{"foo:bar", w("foo:bar")},
		{"http://x", w("http://x")},
		{"Action:x", w("Action:x")},
		{`foo:"a b"`, And{w("foo:"), w("a b")}},
		{"action:contacts.member.added", Qualifier{Field: FieldAction, Value: "contacts.member.added"}},
		{"action:Contacts.*", Qualifier{Field: FieldAction, Value: "Contacts.", Prefix: true}},
		{"action:contacts.mem*", Qualifier{Field: FieldAction, Value: "contacts.mem", Prefix: true}},
		{`action:"contacts.*"`, Qualifier{Field: FieldAction, Value: "contacts.", Prefix: true}},
		{`-action:"contacts."*`, Not{Qualifier{Field: FieldAction, Value: "contacts.", Prefix: true}}},
		{`actor:"Alice Smith"`, Qualifier{Field: FieldActor, Value: "Alice Smith"}},
		{`actor:"Alice Sm"*`, Qualifier{Field: FieldActor, Value: "Alice Sm", Prefix: true}},
		{`actor:"Alice*"`, Qualifier{Field: FieldActor, Value: "Alice*"}},
		{`actor:WORKSTATION5\ward*`, Qualifier{Field: FieldActor, Value: `WORKSTATION5\ward`, Prefix: true}},
		{"target:u_42", Qualifier{Field: FieldTarget, Value: "u_42"}},
		{"range:Contacts", Qualifier{Field: FieldRange, Value: "Contacts"}},
		{"ip:203.0.113.7", Qualifier{Field: FieldIP, Value: "203.0.113.7"}},
		{"ip:10.0.0.0/8", Qualifier{Field: FieldIP, Value: "10.0.0.0/8"}},
		{"ip:2001:db8::/32", Qualifier{Field: FieldIP, Value: "2001:db8::/32"}},
		{"outcome:Failure", Qualifier{Field: FieldOutcome, Value: "failure"}},
		{"platform:web", Qualifier{Field: FieldPlatform, Value: "web"}},
		{`platform:"Windows 11"`, Qualifier{Field: FieldPlatform, Value: "Windows 11"}},
		{"platform:win*", Qualifier{Field: FieldPlatform, Value: "win*"}},
		{"before:2026-11-20", Qualifier{Field: FieldBefore, Value: "2026-11-20", Time: day}},
		{"after:2026-11-20T01:00:00.1239+01:00", Qualifier{Field: FieldAfter, Value: "2026-11-20T01:00:00.1239+01:00", Time: day.Add(123 * time.Millisecond)}},
		{"action:a.b OR -outcome:failure x", And{Or{Qualifier{Field: FieldAction, Value: "a.b"}, Not{Qualifier{Field: FieldOutcome, Value: "failure"}}}, w("x")}},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			got, err := ParseText(tt.in)
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Fatalf("got %#v, %v, want %#v", got, err, tt.want)
			}
			again, err := ParseText(got.String())
			if err != nil || !reflect.DeepEqual(again, tt.want) {
				t.Fatalf("its text %s is read as %#v, %v", got, again, err)
			}
		})
	}
}

func TestParseTextSaysWhatIsWrong(t *testing.T) {
	tests := []struct{ name, in, part string }{
		{"a quote alone", `a "b`, "the quote at character 3 has no closing quote"},
		{"a quote behind letters of several bytes", `中文 "`, "the quote at character 4"},
		{"a quote within a word", `5"`, "no closing quote"},
		{"a quote in a qualifier", `actor:"Alice`, "no closing quote"},
		{"a quote behind OR", `a OR "b`, "no closing quote"},
		{"no value", "action:", "action: a value must follow the colon without a space, as in action:contacts.*"},
		{"a space before the value", "actor: alice", `as in actor:"Alice Smith"`},
		{"an empty value in quotes", `target:""`, "a value must follow"},
		{"only a star", "actor:*", "a value must follow"},
		{"not an action", "action:a-b", "is not an action"},
		{"an action that ends in a dot", "action:contacts.", "is not an action"},
		{"a long action", "action:" + strings.Repeat("a", 200), "is not an action"},
		{"not a range", "range:a.b", "is not a range"},
		{"not an address", "ip:10.0.0", "is not an IP address or network"},
		{"an address with a zone", "ip:fe80::1%eth0", "is not an IP address or network"},
		{"not an outcome", "-outcome:ok", "must be success, failure or unknown"},
		{"a star behind quotes where none can be", `platform:"web"*`, "cannot end in *"},
		{"not a time", "before:yesterday", "before: \"yesterday\" is not a time"},
		{"a time without an offset", "after:2026-11-20T08:00:00", "RFC 3339 with an offset"},
		{"a day that is none", "after:2026-02-30", "is not a time"},
		{"invalid UTF-8", "a\xff", "not valid UTF-8"},
		{"too long", strings.Repeat("a", MaxTextBytes+1), "has 2049 bytes; at most 2048"},
		{"65 words", strings.Repeat("a ", MaxTextTerms+1), "more than 64 words"},
		{"65 alternatives", "a" + strings.Repeat(" OR a", MaxTextTerms), "more than 64 words"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseText(tt.in)
			if got := fieldsOf(t, err, CodeInvalid); len(got) != 1 || !strings.Contains(got["q"], tt.part) {
				t.Fatalf("got %v, want %q", err, tt.part)
			}
		})
	}
	for _, in := range []string{strings.Repeat("a", MaxTextBytes), strings.Repeat("a ", MaxTextTerms)} {
		if _, err := ParseText(in); err != nil {
			t.Errorf("%.10s… at the limit: %v", in, err)
		}
	}
}

func TestTextOfTreesMadeByHandStaysReadable(t *testing.T) {
	for _, tt := range []struct {
		in   Expr
		want string
	}{
		{w(`say "hi"`), `"say  hi "`},
		{Qualifier{Field: FieldActor, Value: `"`}, `actor:" "`},
		{w("action:a.b"), `"action:a.b"`},
		{And{w("OR"), w("-x"), wp("a*")}, `"OR" "-x" "a*"*`},
	} {
		if got := tt.in.String(); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
		if _, err := ParseText(tt.in.String()); err != nil {
			t.Error(err)
		}
	}
	for _, field := range TextFields() {
		if _, err := ParseText(textExamples[field]); err != nil || !isTextField(field) {
			t.Errorf("the example %q of %s: %v", textExamples[field], field, err)
		}
	}
}

// FuzzParseText: no text panics, errors are on q, and the text of a tree is read as the same tree.
func FuzzParseText(f *testing.F) {
	for _, seed := range []string{"", "a OR b -c", `"a b"* OR`, `-actor:"x y"* ip:10.0.0.0/8`, "after:2026-11-20 - -- *", "action:a.* OR OR", `a"b`, "\u3000中 文*", `foo:"x`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, q string) {
		expr, err := ParseText(q)
		if err != nil {
			fields := fieldsOf(t, err, CodeInvalid)
			if _, ok := fields["q"]; !ok || len(fields) != 1 {
				t.Fatalf("%q: %v", q, err)
			}
			return
		}
		text := expr.String()
		if len(text) > MaxTextBytes {
			return // quotes were added to a text at the limit
		}
		again, err := ParseText(text)
		if err != nil || !reflect.DeepEqual(again, expr) {
			t.Fatalf("%q is %#v, its text %q is %#v, %v", q, expr, text, again, err)
		}
	})
}
