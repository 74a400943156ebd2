package test

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestTheCommandForAnotherLinkLeadsToTheSameServer copies the command that the server prints into another terminal.
func TestTheCommandForAnotherLinkLeadsToTheSameServer(t *testing.T) {
	t.Parallel()
	c := command{dir: t.TempDir()}
	c.want(t, 0, "orgs", "create", "acme", "--name", "Acme", "--data-dir", "elsewhere")
	p, err := spawn(c.dir, nil, nil, "standalone", "--data-dir", "elsewhere", "--listen", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.end(); err != nil {
			t.Error(err)
		}
	})
	said := regexp.MustCompile(`(?s)  (http://127\.0\.0\.1:\d+/sign-in\?link=).*\nAnother link: audittrail (login-link[^\n]*)\n`)
	deadline := time.After(time.Minute)
	for said.FindStringSubmatch(p.stdout.String()) == nil {
		select {
		case <-p.done:
			t.Fatalf("the server ended: %s%s", p.stdout.String(), tail(p.stderr.String(), 10))
		case <-deadline:
			t.Fatalf("the server offers no link: %s%s", p.stdout.String(), tail(p.stderr.String(), 10))
		case <-time.After(50 * time.Millisecond):
		}
	}
	first := said.FindStringSubmatch(p.stdout.String())
	if again := c.want(t, 0, strings.Fields(first[2])...); !strings.Contains(again.stdout, first[1]) {
		t.Errorf("the server says %s, and the command that it names says:\n%s", first[0], again.stdout)
	}
}
