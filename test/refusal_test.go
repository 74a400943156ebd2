package test

import (
	"database/sql"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMistakesOnTheCommandLineAreNamedWithWhatToDo(t *testing.T) {
	t.Parallel()
	here := t.TempDir()
	wrongFile := filepath.Join(here, "wrong.yaml")
	if err := os.WriteFile(wrongFile, []byte("email:\n  hots: mail.example.com\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	key := "AUDITTRAIL_KEY=at_0000000000000000000000000000000000000000000"
	nobody := "AUDITTRAIL_SERVER=http://127.0.0.1:1"
	for _, c := range []struct {
		name string
		env  []string
		args []string
		code int
		says []string
	}{
		{"a flag that does not exist", nil, []string{"search", "--colour"}, 2, []string{"--colour", "--help"}},
		{"a command that does not exist", nil, []string{"serach"}, 2, []string{"serach", "--help"}},
		{"a missing argument", nil, []string{"keys", "revoke"}, 2, []string{"<id>"}},
		{"a time that is none", []string{key}, []string{"search", "--from", "yesterday"}, 2, []string{"--from", "yesterday", "24h"}},
		{"a format that is none", []string{key}, []string{"export", "--format", "pdf"}, 2, []string{"csv"}},
		{"no key", nil, []string{"ingest", "x"}, 2, []string{"AUDITTRAIL_KEY", "orgs create"}},
		{"a server that is none", []string{key}, []string{"search", "--server", "localhost"}, 2, []string{"localhost", "http://127.0.0.1:8080"}},
		{"a server that does not answer", []string{key, nobody}, []string{"search"}, 1, []string{"127.0.0.1:1", "audittrail standalone"}},
		{"a file that is not there", []string{key, nobody}, []string{"ingest", "nowhere.ndjson"}, 1, []string{"nowhere.ndjson", "no such file"}},
		{"an address that is none", nil, []string{"standalone", "--listen", "8080"}, 2, []string{"listen", "127.0.0.1:8080"}},
		{"a setting that is not a number", []string{"AUDITTRAIL_EMAIL_PORT=smtp"}, []string{"standalone"}, 2, []string{"AUDITTRAIL_EMAIL_PORT", "smtp"}},
		{"a setting that does not exist", nil, []string{"standalone", "--config", wrongFile}, 2, []string{"wrong.yaml", "hots", "2"}},
		{"an engine that does not exist", nil, []string{"standalone", "--index", "paper"}, 2, []string{"paper", "sqlite"}},
		{"roles that need what is not there", nil, []string{"worker"}, 1, []string{"standalone"}},
		{"half a mail server", []string{"AUDITTRAIL_EMAIL_HOST=mail.example.com"}, []string{"standalone"}, 1, []string{"from"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := command{env: c.env, dir: here}.want(t, c.code, c.args...)
			for _, text := range c.says {
				if !strings.Contains(r.stderr, text) {
					t.Errorf("the message does not name %q: %s", text, r)
				}
			}
			if r.stdout != "" && c.code == 2 {
				t.Errorf("standard output has %q", r.stdout)
			}
		})
	}
	entries, err := os.ReadDir(here)
	if err != nil || len(entries) != 1 {
		t.Errorf("mistakes left something behind: %v, %v", entries, err)
	}
}

func TestSettingsAreShownWithWhereTheyCameFrom(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "audittrail.yaml"), []byte("email:\n  host: mail.example.com\n  port: 2525\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := []string{"AUDITTRAIL_EMAIL_PORT=2526", "AUDITTRAIL_EMAIL_PASSWORD=hunter2"}
	r := command{env: env, dir: dir}.want(t, 0, "config", "--listen", ":9090", "-o", "json")
	values := map[string][2]string{}
	for _, v := range decoded[[]struct{ Key, Value, Source string }](t, r.stdout) {
		values[v.Key] = [2]string{v.Value, v.Source}
	}
	for key, expected := range map[string][2]string{
		"listen": {":9090", "flag"}, "email.port": {"2526", "AUDITTRAIL_EMAIL_PORT"}, "email.host": {"mail.example.com", "audittrail.yaml"}, "index": {"sqlite", "default"},
	} {
		if got := values[key]; got[0] != expected[0] || !strings.Contains(got[1], expected[1]) {
			t.Errorf("%s is %q, want %q", key, got, expected)
		}
	}
	if strings.Contains(r.stdout+r.stderr, "hunter2") || values["email.password"][0] == "" {
		t.Errorf("the password: %q", values["email.password"])
	}
}

func TestADataDirectoryThatCannotBeUsedIsRefusedWithWhatToDo(t *testing.T) {
	t.Parallel()
	s := newStandalone(t)
	s.newTenant(t, "refusal").admin(t).mustIngest(t, happened("login.failed"))
	elsewhere := func(dataDir, listen string) command {
		return command{env: []string{"AUDITTRAIL_DATA_DIR=" + dataDir, "AUDITTRAIL_LISTEN=" + listen}}
	}
	refuse := func(c command, says ...string) {
		t.Helper()
		r := c.want(t, 1, "standalone")
		for _, text := range says {
			if !strings.Contains(r.stderr, text) {
				t.Errorf("the message does not name %q: %s", text, r)
			}
		}
	}
	dataDir := s.config.DataDir
	t.Run("in use by another process", func(t *testing.T) {
		refuse(elsewhere(dataDir, "127.0.0.1:0"), "in use", "--data-dir")
	})
	t.Run("a port in use", func(t *testing.T) {
		refuse(elsewhere(filepath.Join(t.TempDir(), "data"), s.config.Listen), s.config.Listen, "in use", "--listen")
	})
	t.Run("a file in the way", func(t *testing.T) {
		refuse(elsewhere(write(t, "data", nil), "127.0.0.1:0"), "data", "--data-dir")
	})
	t.Run("read-only", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "data")
		if err := os.Mkdir(dir, 0o500); err != nil {
			t.Fatal(err)
		}
		if f, err := os.Create(filepath.Join(dir, "x")); err == nil { // root may write everywhere: a file in the way stands for it
			_ = f.Close()
			if err := os.WriteFile(filepath.Join(dir, "events"), nil, 0o400); err != nil {
				t.Fatal(err)
			}
		}
		refuse(elsewhere(dir, "127.0.0.1:0"), dir, "--data-dir")
	})
	if err := s.end(); err != nil {
		t.Fatal(err)
	}
	t.Run("records of a newer version", func(t *testing.T) {
		refuse(elsewhere(madeNewer(t, dataDir, "records"), "127.0.0.1:0"), "newer")
	})
	t.Run("events of a newer version", func(t *testing.T) {
		refuse(elsewhere(madeNewer(t, dataDir, "events"), "127.0.0.1:0"), "newer")
	})
}

// madeNewer copies the data directory and makes the databases of one folder those of a version to come.
func madeNewer(t *testing.T, dataDir, folder string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.CopyFS(dir, os.DirFS(dataDir)); err != nil {
		t.Fatal(err)
	}
	changed := 0
	err := filepath.WalkDir(filepath.Join(dir, folder), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".db" {
			return err
		}
		db, err := sql.Open("sqlite", path)
		if err != nil {
			return err
		}
		if _, err := db.ExecContext(t.Context(), "PRAGMA user_version = 999"); err != nil {
			return err
		}
		changed++
		return db.Close()
	})
	if err != nil || changed == 0 {
		t.Fatalf("%d databases changed, %v", changed, err)
	}
	return dir
}

func TestAServerThatIsToldToEndAnswersWhatItTookIn(t *testing.T) {
	t.Parallel()
	s := newStandalone(t)
	c := s.newTenant(t, "shutdown").admin(t)
	p := &producer{acknowledged: map[string]bool{}, answers: make(chan struct{}, 1000)}
	done := make(chan struct{})
	go func() {
		p.produce(t.Context(), c, seededRandom(t))
		close(done)
	}()
	for range 10 {
		<-p.answers
	}
	if err := s.end(); err != nil {
		t.Fatalf("ended by SIGTERM: %v", err)
	}
	<-done
	if p.wrong != nil {
		t.Fatal(p.wrong)
	}
	s.start(t)
	p.unanswered = nil // what was taken in was answered, so nothing else may be there
	(&tenant{id: "shutdown", service: &s.service}).checkAcknowledged(t, c, p)
}
