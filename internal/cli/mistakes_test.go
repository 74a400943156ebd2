package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMistakesEndWithTwoAndSayWhatToDo(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("wrong.yaml", []byte("lisen: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"an unknown command":            {[]string{"serach"}, "--help"},
		"no key":                        {[]string{"search", "x"}, "AUDITTRAIL_KEY"},
		"a setting that does not exist": {[]string{"config", "-c", "wrong.yaml"}, "wrong.yaml:1: lisen is not a setting"},
		"standalone without Temporal":   {[]string{"standalone"}, "go run ./standalone"},
		"demo without Temporal":         {[]string{"demo"}, "go run ./standalone"},
		"a server that is no address":   {[]string{"search", "--server", "here", "--key", "k"}, "must be like http://127.0.0.1:8080"},
		"a time that is none":           {[]string{"search", "--key", "k", "--from", "yesterday"}, "--from"},
		"days before all years":         {[]string{"search", "--key", "k", "--from", "99999999999999999d"}, `--from: "99999999999999999d" is too long ago: at most 36525d`},
		"more hours than are taken":     {[]string{"export", "--key", "k", "--to", "900000h"}, `--to: "900000h" is too long ago: at most 36525d`},
		"a key that has ended":          {[]string{"keys", "create", "x", "--scopes", "admin", "--key", "k", "--expires=-1h"}, "--expires must not be negative"},
		"a key of two lines":            {[]string{"search", "--key", "at_1\nat_2"}, "key: is no key"},
		"an organization's id":          {[]string{"orgs", "create", "A B", "--name", "x"}, `"A B" is not an id`},
		"a cluster that is not named":   {[]string{"setup", "--index", "elastic"}, "elastic.urls: must name the nodes of the cluster"},
		"a dry run on SQLite":           {[]string{"setup", "--dry-run"}, "--dry-run: with the index sqlite"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, stderr := command(t, "", c.args...)
			if code != 2 || !strings.Contains(stderr, c.want) {
				t.Errorf("exit %d, want 2 and %q in:\n%s", code, c.want, stderr)
			}
		})
	}
}

func TestSpaceAroundAKeyIsNoneOfIt(t *testing.T) {
	p := newProducer(t)
	t.Setenv("AUDITTRAIL_KEY", " at_test\r\n")
	if _, code, stderr := ingest(t, writeFile(t, "events.ndjson", lines(1))); code != 0 || len(p.events) != 1 {
		t.Errorf("exit %d, %d events: %s", code, len(p.events), stderr)
	}
}

func TestWhatOnlyLooksMakesNoDataDirectory(t *testing.T) {
	for _, args := range []string{"orgs list", "login-link", "verify"} {
		dir := filepath.Join(t.TempDir(), "mistyped")
		code, stdout, stderr := command(t, "", append(strings.Fields(args), "--data-dir", dir)...)
		if code != 2 || stdout != "" || !strings.Contains(stderr, "data_dir: there is no "+dir) {
			t.Errorf("%s: exit %d: %s%s", args, code, stdout, stderr)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s made %s", args, dir)
		}
	}
}

func TestHelpOfACommandShowsHowItIsUsed(t *testing.T) {
	for name, want := range map[string]string{
		"reminders create": `    audittrail reminders create "Failed logins" --action login.failed --channel inbox,email,sms --to u_1 --window immediate` + "\n",
		"exports":          "    audittrail exports download 01a20b95-e691-7b6c-8317-46fa461a49d2 --dir reports\n",
		"exports again":    `audittrail exports download "$(audittrail exports again `,
		"members import":   "Only id and name are needed",
	} {
		if _, stdout, _ := command(t, "", append(strings.Fields(name), "--help")...); !strings.Contains(stdout, want) {
			t.Errorf("the help of %s lacks %q:\n%s", name, want, stdout)
		}
	}
}
