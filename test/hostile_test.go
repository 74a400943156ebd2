package test

import (
	"cmp"
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/audittrail/audittrail/audit"
)

// How long the hostile clients go on where nobody says: EXAMPLES of `make hostile` makes it longer.
const (
	hostileExamples = "6"
	hostileSeed     = "20261126"
	hostileLimit    = 30 * time.Minute
)

// elsewhere is the organization that no answer may show anything of. Its id stands in all that it has.
const elsewhere = "planted-elsewhere"

// TestHostileClientsFindNothing has schemathesis send to every operation of the contract what nobody should, as several callers. No answer may be an
// error of the server, one that the contract does not have, or show anything of another organization.
func TestHostileClientsFindNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("hostile clients are left out with -short")
	}
	program := hostileProgram(t)
	s := sharedService(t)
	other, own := s.newTenant(t, elsewhere), s.newTenant(t, "hostile")
	theirs, ours := other.plant(t), own.plant(t)
	creatorKey, memberSession := own.keyOf(t, creator, audit.Scopes()...), own.session(t, ordinary)
	environment := []string{"HOSTILE_MARKER=" + elsewhere, "HOSTILE_OTHERS_IDS=" + strings.Join(theirs, ","), "HOSTILE_OWN_IDS=" + strings.Join(ours, ","),
		"HOSTILE_KEPT_IDS=" + strings.Join([]string{creatorKey.id, creator, ordinary, systemAdmin}, ",")}
	for _, caller := range []struct {
		name    string
		headers []string
	}{
		{"nobody", nil},
		{"a creator's key with every scope", []string{"Authorization: Bearer " + creatorKey.secret}},
		{"an administrator's key that only reads", []string{"Authorization: Bearer " + own.key(t, systemAdmin, audit.ScopeEventsRead)}},
		{"a member's session", []string{"Cookie: audittrail_session=" + memberSession, "X-CSRF-Token: " + audit.CSRFToken(memberSession)}},
	} {
		t.Run(caller.name, func(t *testing.T) { attack(t, program, s.url, environment, caller.headers) })
	}
}

func TestTheCheckOfHostileClientsFindsWhatIsPlanted(t *testing.T) {
	python := filepath.Join(filepath.Dir(hostileProgram(t)), "python")
	check := exec.CommandContext(t.Context(), python, "check.py")
	check.Dir, check.Env = "hostile", append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	if output, err := check.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}

// attack runs schemathesis with the headers.
func attack(t *testing.T, program, url string, environment, headers []string) {
	t.Helper()
	contract, err := filepath.Abs(filepath.Join(root, "api", "openapi.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	arguments := []string{"run", contract, "--url", url, "--no-color", "--continue-on-failure", "--phases", "examples,coverage,fuzzing",
		"--seed", cmp.Or(os.Getenv("AUDITTRAIL_HOSTILE_SEED"), hostileSeed), "--max-examples", cmp.Or(os.Getenv("AUDITTRAIL_HOSTILE_EXAMPLES"), hostileExamples),
		"--generation-database", "none", "--request-timeout", "20", "--suppress-health-check", "all", "--warnings", "off", "--no-shrink",
		"--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance," +
			"unsupported_method,nothing_of_another_organization"}
	if len(headers) > 0 { // streams that are let in do not end: tests of their own follow them
		arguments = append(arguments, "--exclude-operation-id", "streamEvents", "--exclude-operation-id", "streamMessages")
	}
	for _, header := range headers {
		arguments = append(arguments, "--header", header)
	}
	ctx, cancel := context.WithTimeout(t.Context(), hostileLimit)
	defer cancel()
	hooks, err := filepath.Abs("hostile")
	if err != nil {
		t.Fatal(err)
	}
	run := exec.CommandContext(ctx, program, arguments...)
	run.Dir = t.TempDir() // it leaves files where it runs
	run.Env = append(os.Environ(), append(environment, "SCHEMATHESIS_HOOKS=hooks", "PYTHONPATH="+hooks, "PYTHONDONTWRITEBYTECODE=1")...)
	output, err := run.CombinedOutput()
	if err != nil {
		t.Errorf("schemathesis: %v\n%s", err, output)
		return
	}
	t.Logf("%s", tail(string(output), 12))
}

// hostileProgram is where schemathesis is. Where it is not the test is skipped with one line that says what to do; with CI set it fails.
func hostileProgram(t *testing.T) string {
	t.Helper()
	if path, err := filepath.Abs(filepath.Join(root, "bin", "hostile", "bin", "schemathesis")); err == nil {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	const reason = "no schemathesis for hostile clients here: make hostile installs it (needs Python 3)"
	if os.Getenv("CI") != "" {
		t.Fatal(reason)
	}
	t.Skip(reason)
	return ""
}

// plant fills the organization with one of everything, whose texts name it, and returns the ids of what can be asked for.
func (tn *tenant) plant(t *testing.T) (ids []string) {
	t.Helper()
	admin := tn.admin(t)
	events := []*audit.Event{happened("login.failed"), happened("contacts.member.added"), happened("contacts.member.removed")}
	for _, e := range events {
		e.Message, e.Actor.Name, e.Metadata = tn.id+": "+e.Message, "Nina of "+tn.id, map[string]string{"of": tn.id}
		ids = append(ids, e.ID)
	}
	admin.mustIngest(t, events...)
	reminder := tn.remind(t, []audit.Channel{audit.ChannelInbox}, "contacts.member.added")
	done := want[export](t, admin, http.StatusAccepted, http.MethodPost, "/v1/exports", map[string]any{"format": "csv", "q": tn.id})
	done = admin.awaitExport(t, done.ID, time.Minute, nil)
	made := want[audit.Key](t, admin, http.StatusCreated, http.MethodPost, "/v1/keys", map[string]any{"name": "of " + tn.id, "scopes": []string{"events:read"}})
	message := audit.Message{ID: uuid.NewString(), Organization: tn.id, Member: ordinary, Title: "For " + tn.id, Body: tn.id, CreatedAt: time.Now().UTC().Truncate(audit.TimePrecision)}
	if err := tn.service.records.AddMessage(t.Context(), message); err != nil {
		t.Fatal(err)
	}
	return append(ids, reminder.ID, done.ID, made.ID, message.ID)
}

// madeKey is a key with its id.
type madeKey struct{ id, secret string }

func (tn *tenant) keyOf(t *testing.T, member string, scopes ...audit.Scope) madeKey {
	t.Helper()
	secret := tn.key(t, member, scopes...)
	k, err := tn.service.records.KeyByHash(t.Context(), audit.HashKey(secret))
	if err != nil {
		t.Fatal(err)
	}
	return madeKey{id: k.ID, secret: secret}
}

// session signs the member in, and returns the secret of the cookie.
func (tn *tenant) session(t *testing.T, member string) string {
	t.Helper()
	secret, hash := audit.NewSessionSecret()
	now := time.Now().UTC().Truncate(audit.TimePrecision)
	if err := tn.service.records.CreateSession(t.Context(), audit.Session{ID: uuid.NewString(), Organization: tn.id, Member: member, Hash: hash, CreatedAt: now,
		ExpiresAt: now.Add(audit.SessionLife)}); err != nil {
		t.Fatal(err)
	}
	return secret
}
