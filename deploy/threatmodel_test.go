package deploy_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// testsOfTheRepository are the names of all tests and fuzz targets.
func testsOfTheRepository(t *testing.T) map[string]bool {
	t.Helper()
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Za-z0-9_]+)\(`)
	names := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, match := range declared.FindAllStringSubmatch(string(text), -1) {
			names[match[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestEveryDefenceOfTheThreatModelIsShownByATest: each row of a table of threats names tests, and they exist.
func TestEveryDefenceOfTheThreatModelIsShownByATest(t *testing.T) {
	exist := testsOfTheRepository(t)
	named := regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9_]+)`")
	threats, inTable := 0, false
	for line := range strings.Lines(read(t, "docs/threat-model.md")) {
		switch {
		case strings.HasPrefix(line, "| threat | what defends | shown by |"):
			inTable = true
			continue
		case !strings.HasPrefix(line, "|"):
			inTable = false
		case strings.HasPrefix(line, "| ---"):
			continue
		}
		if !inTable {
			continue
		}
		threats++
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 3 {
			t.Errorf("a row has %d cells: %s", len(cells), line)
			continue
		}
		tests := named.FindAllStringSubmatch(cells[2], -1)
		if len(tests) == 0 {
			t.Errorf("no test shows that this is defended: %s", line)
		}
		for _, match := range tests {
			if !exist[match[1]] {
				t.Errorf("there is no test %s, which is to show: %s", match[1], strings.TrimSpace(cells[0]))
			}
		}
	}
	if threats < 30 {
		t.Errorf("the page has %d threats: is it read as it is written?", threats)
	}
}
