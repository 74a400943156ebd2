package audit

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// page returns a page of the documentation; the tests here keep its examples true.
func page(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../docs/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestEventsOfTheDocumentationAreValid(t *testing.T) {
	blocks := regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(page(t, "events.md"), -1)
	if len(blocks) < 2 {
		t.Fatalf("%d examples", len(blocks))
	}
	for _, block := range blocks {
		e, err := DecodeEvent([]byte(block[1]))
		if err == nil {
			err = e.Validate(now)
		}
		if err != nil {
			t.Errorf("%v: %s", err, block[1])
		}
	}
}

func TestErrorsOfTheDocumentationAreReal(t *testing.T) {
	_, err := DecodeEvent([]byte(`{"time":"yesterday","log":"system","action":"a.b","actor":{"id":5},"targets":[{}],"sevrity":1}`))
	got := fieldsOf(t, err, CodeInvalid)
	block := regexp.MustCompile("(?s)```text\n(.*?)```").FindStringSubmatch(page(t, "events.md"))[1]
	lines := strings.Split(strings.TrimSpace(block), "\n")
	if len(lines) != len(got) {
		t.Errorf("%d errors, the page has %d", len(got), len(lines))
	}
	for _, line := range lines {
		field, message, _ := strings.Cut(line, " ")
		if got[field] != strings.TrimSpace(message)+"\n" {
			t.Errorf("the page says %s %s, it is %q", field, message, got[field])
		}
	}
}

func TestQueriesOfTheDocumentationAreReadAsItSays(t *testing.T) {
	good, bad, found := strings.Cut(page(t, "query-language.md"), "## What is an error")
	if !found {
		t.Fatal("the page has no part on errors")
	}
	row := regexp.MustCompile("(?m)^\\| `(.*?)` \\|")
	for _, m := range row.FindAllStringSubmatch(good, -1) {
		if _, err := ParseText(m[1]); err != nil {
			t.Errorf("%s: %v", m[1], err)
		}
	}
	wrong := row.FindAllStringSubmatch(bad, -1)
	if len(wrong) < 6 {
		t.Fatalf("%d errors", len(wrong))
	}
	for _, m := range wrong {
		if _, err := ParseText(m[1]); CodeOf(err) != CodeInvalid {
			t.Errorf("%s is said to be an error: %v", m[1], err)
		}
	}
}

func TestTheMatrixOfTheDocumentationIsTheOneInForce(t *testing.T) {
	words := map[reach]string{all: "all", own: "own", nothing: "-"}
	line := func(what string, r row) string {
		for _, role := range Roles() {
			what += " | " + words[r.of(role)]
		}
		return "| " + what + " |\n"
	}
	text := page(t, "permissions.md")
	for log, r := range logMatrix {
		if want := line("log `"+string(log)+"`", r); !strings.Contains(text, want) {
			t.Errorf("the page does not say %s", want)
		}
	}
	for scope, r := range scopeMatrix {
		if want := line("scope `"+string(scope)+"`", r); !strings.Contains(text, want) {
			t.Errorf("the page does not say %s", want)
		}
	}
	if want := line("cards of members", cardMatrix); !strings.Contains(text, want) {
		t.Errorf("the page does not say %s", want)
	}
	if len(logMatrix) != len(Logs()) || len(scopeMatrix) != len(Scopes()) {
		t.Error("a log or a scope is not in the matrix")
	}
}
