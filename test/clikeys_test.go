package test

import (
	"strings"
	"testing"
)

// newKey is what the command line prints of a key that was made, with -o json.
type newKey struct {
	ID     string `json:"id"`
	Secret string `json:"secret"`
}

func (sh *shell) testKeys(t *testing.T) {
	made := decoded[newKey](t, sh.command().want(t, 0, "keys", "create", "reader", "--scopes", "events:read", "--member", ordinary, "-o", "json").stdout)
	reader := command{env: []string{"AUDITTRAIL_SERVER=" + sh.url, "AUDITTRAIL_KEY=" + made.Secret}}
	reader.want(t, 0, "search")
	if r := reader.want(t, 1, "keys", "list"); !strings.Contains(r.stderr, "403") {
		t.Errorf("a reader lists keys: %s", r)
	}
	if r := sh.command().want(t, 0, "keys", "list"); !strings.Contains(r.stdout, made.ID) || strings.Contains(r.stdout, made.Secret) {
		t.Errorf("the list: %s", r)
	}
	sh.command().want(t, 0, "keys", "revoke", made.ID)
	if r := reader.want(t, 1, "search"); !strings.Contains(r.stderr, "AUDITTRAIL_KEY") {
		t.Errorf("after it was revoked: %s", r)
	}
	sh.testKeysFromElsewhere(t)
	sh.testRotatedKeys(t)
}

func (sh *shell) testKeysFromElsewhere(t *testing.T) {
	from := func(addresses string) command {
		r := sh.command().want(t, 0, "keys", "create", "placed", "--scopes", "events:read", "--allow", addresses, "-o", "json")
		return command{env: []string{"AUDITTRAIL_SERVER=" + sh.url, "AUDITTRAIL_KEY=" + decoded[newKey](t, r.stdout).Secret}}
	}
	from("203.0.113.7,127.0.0.0/8").want(t, 0, "search")
	if r := from("203.0.113.7").want(t, 1, "search"); !strings.Contains(r.stderr, "403") {
		t.Errorf("a key of another address: %s", r)
	}
	if r := sh.command().want(t, 0, "keys", "list"); !strings.Contains(r.stdout, "203.0.113.7,127.0.0.0/8") {
		t.Errorf("the list does not say from where keys work: %s", r)
	}
	if r := sh.command().want(t, 1, "keys", "create", "x", "--scopes", "events:read", "--allow", "nowhere"); !strings.Contains(r.stderr, "allowed_addresses[0]") {
		t.Errorf("a wrong address: %s", r)
	}
}

func (sh *shell) testRotatedKeys(t *testing.T) {
	with := func(secret string) command {
		return command{env: []string{"AUDITTRAIL_SERVER=" + sh.url, "AUDITTRAIL_KEY=" + secret}}
	}
	old := decoded[newKey](t, sh.command().want(t, 0, "keys", "create", "rotated", "--scopes", "events:read", "-o", "json").stdout)
	rotate := sh.command().want(t, 0, "keys", "rotate", old.ID, "--overlap", "1h")
	_, secret, found := strings.Cut(rotate.stdout, "AUDITTRAIL_KEY=")
	if !found || !strings.Contains(rotate.stdout, old.ID+", which works until ") {
		t.Fatalf("rotating prints: %s", rotate)
	}
	with(old.Secret).want(t, 0, "search")
	with(strings.TrimSpace(secret)).want(t, 0, "search")
	if r := sh.command().want(t, 1, "keys", "rotate", old.ID, "--overlap", "169h"); !strings.Contains(r.stderr, "overlap_seconds") {
		t.Errorf("an overlap of more than a week: %s", r)
	}
	last := decoded[newKey](t, sh.command().want(t, 0, "keys", "create", "at once", "--scopes", "events:read", "-o", "json").stdout)
	sh.command().want(t, 0, "keys", "rotate", last.ID, "--overlap", "0s")
	with(last.Secret).want(t, 1, "search")
}
