package test

import (
	"regexp"
	"strings"
	"testing"
)

// TestTheDemoShowsTheWholeProductAndGoesOnWhereItWas runs the first command of the README, with fewer events, twice on one data directory.
func TestTheDemoShowsTheWholeProductAndGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	c := command{dir: t.TempDir()}
	first := c.want(t, 0, "demo", "--exit", "--listen", "127.0.0.1:0", "--events", "21000")
	for _, step := range []string{
		`(?m)✓ organization "acme" \(Acme Instruments\) with 500 members`,
		`(?m)✓ 21,000 events sent over HTTP .* 21,000 created, 0 duplicates`,
		`(?m)✓ search, .* found in`,
		`(?m)✓ summary: 21,0\d\d events counted exactly`,
		`(?m)✓ export "latest": 21,0\d\d rows match, 20,000 exported, 1,0\d\d cut; downloaded and SHA-256 verified`,
		`(?m)✓ export "all": (21,0\d\d) rows match, (21,0\d\d) exported, 0 cut; downloaded and SHA-256 verified`,
		`(?m)✓ reminder "Failed logins": system message after`,
		`(?m)✓ LOCAL CATCHER, mail: to \S+@example\.(com|org), TLS true`,
		`(?m)✓ LOCAL CATCHER, SMS: to \+\d+, 1 segment`,
		`(?m)^Done in`,
		`(?m)curl -s -H "Authorization: Bearer \$AUDITTRAIL_KEY"`,
	} {
		if !regexp.MustCompile(step).MatchString(first.stdout) {
			t.Errorf("the demo does not show %s:\n%s", step, first.stdout)
		}
	}
	second := c.want(t, 0, "demo", "--exit", "--listen", "127.0.0.1:0", "--events", "21000")
	if strings.Contains(second.stdout, "events sent over HTTP") || !strings.Contains(second.stdout, "Done in") {
		t.Errorf("started again, the demo does not go on with the data that is there:\n%s", second.stdout)
	}
}
