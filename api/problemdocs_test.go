package api

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestThePageOfTheAPINamesEveryProblem(t *testing.T) {
	page, err := os.ReadFile("../docs/api.md")
	must(t, err)
	for code, means := range meanings {
		row, sentence := fmt.Sprintf("| `/problems/%s` | %d |", code, means.status), fmt.Sprintf("`/problems/%s`, %d,", code, means.status)
		if !strings.Contains(string(page), row) && !strings.Contains(string(page), sentence) {
			t.Errorf("docs/api.md does not tell of %s, %d", code, means.status)
		}
	}
}
