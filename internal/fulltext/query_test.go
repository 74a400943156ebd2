package fulltext

import (
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

func compiled(t *testing.T, text string) Node {
	t.Helper()
	expr, err := audit.ParseText(text)
	if err != nil {
		t.Fatal(err)
	}
	return Compile(expr)
}

func TestAQueryIsCompiledToTokens(t *testing.T) {
	for text, want := range map[string]string{
		"":                              `(AND)`,
		"...":                           `(AND)`,
		"-...":                          `(AND)`,
		"... OR -?":                     `(AND)`,
		"Alice":                         `"alice"`,
		"alice ... bob":                 `(AND "alice" "bob")`,
		"contacts.member.added":         `"contacts member added"`,
		`"Alice Smith"`:                 `"alice smith"`,
		"東京":                            `"東 京"`,
		"ali*":                          `"ali"*`,
		"contacts.*":                    `"contacts"`,
		"contacts.mem*":                 `"contacts mem"*`,
		"-alice":                        `(NOT "alice")`,
		"a OR b c":                      `(AND (OR "a" "b") "c")`,
		"a OR ... c":                    `(AND "a" "c")`,
		"a -b OR c":                     `(AND "a" (OR (NOT "b") "c"))`,
		"actor:ali*":                    `actor:"ali"*`,
		`target:"Bob Lee"`:              `target:"bob lee"`,
		"actor:... a":                   `"a"`,
		"action:contacts.*":             `action:"contacts."*`,
		"outcome:failure range:x":       `(AND outcome:"failure" range:"x")`,
		strings.Repeat("x", 300):        fmt.Sprintf("%q", strings.Repeat("x", 255)+" "+strings.Repeat("x", 45)),
		strings.Repeat("x", 256) + " -": fmt.Sprintf("%q", strings.Repeat("x", 255)+" x"),
	} {
		if got := compiled(t, text).String(); got != want {
			t.Errorf("%q is compiled to %s, want %s", text, got, want)
		}
	}
}

func TestNestedTreesAreFlattened(t *testing.T) {
	a, b, c := audit.Words{Text: "a"}, audit.Words{Text: "b"}, audit.Words{Text: "c"}
	for want, expr := range map[string]audit.Expr{
		`(AND)`:                        nil,
		`(AND "a" "b" "c")`:            audit.And{a, audit.And{b, audit.And{c, audit.And{}}}},
		`(OR "a" "b" "c")`:             audit.Or{audit.Or{a, b}, c, audit.Or{}},
		`(AND "a" (OR "b" "c"))`:       audit.And{audit.Or{a}, audit.Or{b, c}},
		`(NOT (AND "a" "b"))`:          audit.Not{Expr: audit.And{a, b}},
		`(AND (NOT (NOT "a")) "b")`:    audit.And{audit.Not{Expr: audit.Not{Expr: a}}, b},
		`(AND "a" (NOT (OR "b" "c")))`: audit.And{a, audit.Not{Expr: audit.Or{b, c}}, audit.Not{Expr: audit.And{}}},
	} {
		if got := Compile(expr).String(); got != want {
			t.Errorf("%#v is compiled to %s, want %s", expr, got, want)
		}
	}
}

// sample has something in every part that a query can look at.
func sample() *audit.Event {
	return &audit.Event{
		Time: time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC), Log: audit.LogOperation, Action: "contacts.member.added", Outcome: audit.OutcomeSuccess,
		Actor:   audit.Actor{ID: "u_alice", Name: "Alice Smith"},
		Targets: []audit.Target{{ID: "u_bob", Name: "Bob Lee"}, {ID: "u_carol", Name: "Carol"}},
		Source:  audit.Source{IP: netip.MustParseAddr("10.0.0.7"), Platform: "iOS App"},
		Message: "Zoë told Alice Smith: a a a b, 東京 👍🏽 done", Changes: []audit.Change{{Field: "role", Old: "first second", New: "third"}},
	}
}

func TestAnEventMatches(t *testing.T) {
	for want, texts := range map[bool][]string{
		true: {"", "alice", "ALICE smith", `"alice smith"`, "ali*", `"alice sm"*`, "zoe", "-nothing", "-alice OR zoe", "alice OR nothing", `"a a b"`, `"a a a b"`, "東京", "👍🏽", "second third",
			"actor:alice", "actor:u_al*", `target:"bob lee"`, "target:carol", "-target:alice", "action:contacts.*", "action:CONTACTS.member.added", "range:Contacts", "outcome:success", `platform:"ios app"`,
			"ip:10.0.0.0/8", "ip:10.0.0.7", "before:2026-11-21", "after:2026-11-20T08:00:00Z", "-before:2026-11-20T08:00:00Z", "contacts.member"},
		false: {"nothing", "-alice", `"smith alice"`, `"second third"`, `"a a a a"`, `"b a"`, "京東", "alic", "alice nothing", "nothing OR -alice", "actor:bob", "target:alice", "actor:zoe", `target:"lee u"`, "action:contacts.member",
			"action:login.*", "range:contact", "outcome:failure", "platform:ios", "ip:10.0.1.0/24", "ip:::/0", "before:2026-11-20T08:00:00Z", "after:2026-11-21"},
	} {
		for _, text := range texts {
			if got := Match(sample(), compiled(t, text)); got != want {
				t.Errorf("%q matches: %v, want %v", text, got, want)
			}
		}
	}
}

func TestAnUnknownQualifierAcceptsNothing(t *testing.T) {
	e := sample()
	for _, f := range []Filter{{audit.Qualifier{Field: "other"}}, {audit.Qualifier{Field: audit.FieldIP, Value: "x"}}} {
		if f.Accepts(e) {
			t.Errorf("%v accepts", f)
		}
	}
	e.Source.IP = netip.Addr{}
	if (Filter{audit.Qualifier{Field: audit.FieldIP, Value: "0.0.0.0/0"}}).Accepts(e) {
		t.Error("an event without an address is in a network")
	}
	if Match(e, nil) {
		t.Error("no node matches")
	}
}

func TestHighlightsShowWhereTheQueryMatches(t *testing.T) {
	e := sample()
	values := map[string]string{}
	for _, v := range audit.SearchedText(e) {
		values[v.Field] = v.Value
	}
	for text, want := range map[string]map[string][]string{
		"":                        {},
		"nothing":                 {},
		"-alice":                  {},
		"zoe":                     {"message": {"Zoë"}},
		"alice":                   {"message": {"Alice"}, "actor.id": {"alice"}, "actor.name": {"Alice"}},
		`"alice smith"`:           {"message": {"Alice Smith"}, "actor.name": {"Alice Smith"}},
		"alice smith":             {"message": {"Alice", "Smith"}, "actor.id": {"alice"}, "actor.name": {"Alice", "Smith"}},
		"smi* -zoe":               {"message": {"Smith"}, "actor.name": {"Smith"}},
		"third OR second":         {"changes[0].old": {"second"}, "changes[0].new": {"third"}},
		"actor:smith":             {"actor.name": {"Smith"}},
		"target:bob":              {"targets[0].id": {"bob"}, "targets[0].name": {"Bob"}},
		"target:carol actor:bob":  {"targets[1].id": {"carol"}, "targets[1].name": {"Carol"}},
		"10.0.0.7":                {"source.ip": {"10.0.0.7"}},
		"action:contacts.*":       {},
		"contacts.member":         {"action": {"contacts.member"}},
		"東京 done":                 {"message": {"東京", "done"}},
		"東 京":                     {"message": {"東京"}},
		"👍🏽":                      {"message": {"👍🏽"}},
		`"a a"`:                   {"message": {"a a a"}},
		`"alice smith" "smith a"`: {"message": {"Alice Smith: a"}, "actor.name": {"Alice Smith"}},
	} {
		got := map[string][]string{}
		for field, ranges := range Highlights(e, compiled(t, text)) {
			for _, r := range ranges {
				got[field] = append(got[field], string([]rune(values[field])[r[0]:r[1]]))
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q highlights %q, want %q", text, got, want)
		}
	}
}

func TestAPhraseIsFoundAsByLookingEverywhere(t *testing.T) {
	words := []string{"a", "b", "ab"}
	// Every text of up to seven of the words, and every phrase of up to four.
	texts := [][]string{{}}
	for i := 0; len(texts[i]) < 7; i++ {
		for _, w := range words {
			texts = append(texts, append(slices.Clone(texts[i]), w))
		}
	}
	for _, phrase := range texts[1:121] {
		for _, prefix := range []bool{false, true} {
			f := newFinder(Phrase{Tokens: phrase, Prefix: prefix})
			for _, text := range texts[:1093] {
				tokens := make([]Token, len(text))
				for i, w := range text {
					tokens[i].Text = w
				}
				var want []int
				for i := 0; i+len(phrase) <= len(text); i++ {
					last := i + len(phrase) - 1
					if slices.Equal(text[i:last], f.head) && (text[last] == f.last || prefix && strings.HasPrefix(text[last], f.last)) {
						want = append(want, i)
					}
				}
				if got := slices.Collect(f.all(tokens)); !slices.Equal(got, want) {
					t.Fatalf("phrase %v (prefix %v) stands in %v at %v, want %v", phrase, prefix, text, got, want)
				}
				if got := f.in(tokens); got != (len(want) > 0) {
					t.Fatalf("phrase %v (prefix %v) is in %v: %v", phrase, prefix, text, got)
				}
			}
		}
	}
}

func FuzzQuery(f *testing.F) {
	for _, text := range []string{"alice OR -bob*", `"alice smith" actor:x`, "-...", "東京*", "a:b ip:10.0.0.0/8", "\xff"} {
		f.Add(text, "Alice told Bob 東京 é")
	}
	f.Fuzz(func(t *testing.T, query, message string) {
		expr, err := audit.ParseText(query)
		if err != nil {
			return
		}
		e := sample()
		e.Message = message
		node := Compile(expr)
		if Match(e, node) == Match(e, Not{node}) {
			t.Errorf("%q and its negation say the same of %q", query, message)
		}
		values := map[string]int{}
		for _, v := range audit.SearchedText(e) {
			values[v.Field] = len([]rune(v.Value))
		}
		for field, ranges := range Highlights(e, node) {
			end := -1
			for _, r := range ranges {
				if r[0] <= end || r[1] <= r[0] || r[1] > values[field] {
					t.Fatalf("%q highlights %v in %s of %q", query, ranges, field, message)
				}
				end = r[1]
			}
		}
		for field := range maps.Keys(Highlights(e, Not{node})) {
			t.Fatalf("a negated query highlights %s", field)
		}
	})
}
