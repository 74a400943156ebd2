package config_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/audittrail/audittrail/internal/config"
)

// load reads a file with the text and an environment made of pairs.
func load(t *testing.T, text string, env map[string]string, flags map[string]bool, target any) (map[string]config.Value, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	values, err := config.Load(config.Sources{File: path, Flags: flags, Env: func(name string) (string, bool) {
		v, ok := env[name]
		return v, ok
	}}, target)
	byKey := make(map[string]config.Value)
	for _, v := range values {
		v.Source = strings.ReplaceAll(v.Source, path, "a.yaml")
		byKey[v.Key] = v
	}
	return byKey, err
}

func TestTheStrongestSourceWinsAndIsNamed(t *testing.T) {
	c := config.Default()
	c.Listen = ":1" // what --listen :1 left
	text := "listen: ':2'\ndata_dir: /from/file\nemail:\n  host: mail.file\n  port: 2525\n"
	env := map[string]string{"AUDITTRAIL_LISTEN": ":3", "AUDITTRAIL_EMAIL_HOST": "mail.env"}
	values, err := load(t, text, env, map[string]bool{"listen": true}, c)
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string][2]string{
		"listen":     {":1", "flag --listen"},
		"email.host": {"mail.env", "environment AUDITTRAIL_EMAIL_HOST"},
		"email.port": {"2525", "a.yaml:5"},
		"data_dir":   {"/from/file", "a.yaml:2"},
		"index":      {"sqlite", "default"},
	} {
		if got := [2]string{values[key].Value, values[key].Source}; got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if c.Email.Port != 2525 || c.Email.Host != "mail.env" || c.DataDir != "/from/file" || c.Listen != ":1" {
		t.Errorf("the settings themselves are %+v", c)
	}
	if err := c.Check(); err != nil {
		t.Errorf("valid settings are refused: %v", err)
	}
}

func TestMistakesOfTheFileAreNamedWithTheirLinesAllAtOnce(t *testing.T) {
	if _, err := load(t, "listen: a\nlisten: b\n", nil, nil, config.Default()); err == nil {
		t.Error("a setting that is there twice goes unnoticed")
	}
	_, err := load(t, "lissten: ':2'\nemail:\n  hots: x\n  host: [a]\nsms: yes\n", nil, nil, config.Default())
	for _, want := range []string{":1: lissten is not a setting", ":3: email.hots is not a setting", ":4: email.host must be one value", ":5: sms must hold settings"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q: %v", want, err)
		}
	}
}

func TestValuesOfTheWrongTypeAreNamedWithTheirSource(t *testing.T) {
	env := map[string]string{"AUDITTRAIL_TEMPORAL_PORT": "seven"}
	_, err := load(t, "email:\n  port: abc\n  allow_clear: perhaps\n", env, nil, config.Default())
	for _, want := range []string{`environment AUDITTRAIL_TEMPORAL_PORT: temporal.port: "seven" is not a whole number`,
		`:2: email.port: "abc"`, `:3: email.allow_clear: "perhaps" is neither true nor false`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q: %v", want, err)
		}
	}
}

func TestSecretsComeFromFilesAndAreNeverShown(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		text string
		env  map[string]string
	}{
		"named in the environment": {"", map[string]string{"AUDITTRAIL_EMAIL_PASSWORD_FILE": secret}},
		"named in the file":        {"email:\n  password_file: " + secret, nil},
		"in the environment":       {"", map[string]string{"AUDITTRAIL_EMAIL_PASSWORD": "hunter2"}},
	} {
		t.Run(name, func(t *testing.T) {
			settings := config.Default()
			values, err := load(t, c.text, c.env, nil, settings)
			if err != nil {
				t.Fatal(err)
			}
			if got := settings.Email.Password.Reveal(); got != "hunter2" {
				t.Errorf("the secret is %q", got)
			}
			encoded, err := json.Marshal(settings)
			if err != nil {
				t.Fatal(err)
			}
			shown := fmt.Sprintf("%v %+v %#v %s %v", settings, settings, settings, encoded, values)
			if strings.Contains(shown, "hunter2") || values["email.password"].Value != "********" {
				t.Errorf("the secret is shown: %s", shown)
			}
		})
	}
	env := map[string]string{"AUDITTRAIL_EMAIL_PASSWORD_FILE": secret, "AUDITTRAIL_EMAIL_PASSWORD": "x"}
	if _, err := load(t, "", env, nil, config.Default()); err == nil || !strings.Contains(err.Error(), "remove one") {
		t.Errorf("a secret that is given twice: %v", err)
	}
	if _, err := load(t, "", map[string]string{"AUDITTRAIL_EMAIL_PASSWORD_FILE": secret + "x"}, nil, config.Default()); err == nil {
		t.Error("a secret's file that is missing goes unnoticed")
	}
}

func TestAFileThatIsNamedMustBeThere(t *testing.T) {
	none := func(string) (string, bool) { return "", false }
	if _, err := config.Load(config.Sources{File: filepath.Join(t.TempDir(), "none.yaml"), Env: none}, config.Default()); err == nil {
		t.Error("a missing file that --config names goes unnoticed")
	}
	t.Chdir(t.TempDir())
	if _, err := config.Load(config.Sources{Env: none}, config.Default()); err != nil {
		t.Errorf("without a file: %v", err)
	}
	if err := os.WriteFile(config.DefaultFile, []byte("server: http://here\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var client config.Client
	if _, err := config.Load(config.Sources{Env: none}, &client); err != nil || client.Server != "http://here" {
		t.Errorf("%s in the working folder is not read: %v, %+v", config.DefaultFile, err, client)
	}
}

func TestSettingsThatCannotWorkAreRefusedWithWhatIsAllowed(t *testing.T) {
	c := config.Default()
	c.DataDir, c.Listen, c.PublicURL, c.Index, c.Log.Level, c.Log.Format = "", "8080", "ftp://x/y", "paper", "loud", "xml"
	c.Temporal.Port, c.Temporal.Namespace, c.Limits.RequestsPerSecond, c.Limits.Burst = 70000, "", 0, -1
	err := c.Check()
	for _, want := range []string{"data_dir:", "listen:", "public_url:", `index: "paper" is not an engine: it must be sqlite or elastic`, "log.level:", "log.format:",
		"temporal.port:", "temporal.namespace:", "limits.requests_per_second:", "limits:"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q: %v", want, err)
		}
	}
	for url, ok := range map[string]bool{"http://127.0.0.1:8080": true, "https://a.example/": true, "a.example": false, "http://u:p@a": false, "http://a/b": false} {
		if err := (&config.Client{Server: url}).Check(); (err == nil) != ok {
			t.Errorf("server %s: %v", url, err)
		}
	}
}

func TestAListIsGivenWithCommasOrAsAListOfTheFile(t *testing.T) {
	want := []string{"https://a:9200", "https://b:9200"}
	for name, c := range map[string]struct {
		text   string
		env    map[string]string
		source string
	}{
		"in the environment":       {"", map[string]string{"AUDITTRAIL_ELASTIC_URLS": "https://a:9200, https://b:9200"}, "environment AUDITTRAIL_ELASTIC_URLS"},
		"with commas in the file":  {"elastic:\n  urls: https://a:9200,https://b:9200", nil, "a.yaml:2"},
		"as a list of the file":    {"elastic:\n  urls: [https://a:9200, https://b:9200]", nil, "a.yaml:2"},
		"as lines of the file":     {"elastic:\n  urls:\n    - https://a:9200\n    - https://b:9200", nil, "a.yaml:3"},
		"the environment is first": {"elastic:\n  urls: x", map[string]string{"AUDITTRAIL_ELASTIC_URLS": "https://a:9200,https://b:9200"}, "environment AUDITTRAIL_ELASTIC_URLS"},
	} {
		t.Run(name, func(t *testing.T) {
			settings := config.Default()
			values, err := load(t, c.text, c.env, nil, settings)
			if err != nil {
				t.Fatal(err)
			}
			if got := settings.Elastic.URLs; !slices.Equal(got, want) {
				t.Errorf("the list is %q", got)
			}
			if got := values["elastic.urls"]; got.Value != "https://a:9200,https://b:9200" || got.Source != c.source {
				t.Errorf("it is shown as %q from %q", got.Value, got.Source)
			}
		})
	}
	if _, err := load(t, "elastic:\n  urls: [[a]]", nil, nil, config.Default()); err == nil || !strings.Contains(err.Error(), ":2: elastic.urls must be a list of values") {
		t.Errorf("a list of lists: %v", err)
	}
}

func TestSettingsOfElasticsearchThatCannotWorkAreNamed(t *testing.T) {
	good := config.Elastic{URLs: []string{"https://es:9200"}, Prefix: "audittrail", Shards: 1, Lifecycle: "ilm"}
	for want, change := range map[string]func(*config.Elastic){
		"":                                  func(*config.Elastic) {},
		"elastic.urls: must name the nodes": func(e *config.Elastic) { e.URLs = nil },
		"elastic.urls: entry 2 is not the address of a node": func(e *config.Elastic) { e.URLs = append(e.URLs, "es:9200") },
		"elastic.urls: entry 1 holds a user or password":     func(e *config.Elastic) { e.URLs = []string{"https://u:hunter2@es:9200"} },
		"elastic.cloud_id: names a cluster, and so does":     func(e *config.Elastic) { e.CloudID = "x" },
		"elastic.username: and elastic.password":             func(e *config.Elastic) { e.Password = "hunter2" },
		"elastic.api_key: takes the place of":                func(e *config.Elastic) { e.APIKey, e.Username, e.Password = "hunter2", "u", "hunter2" },
		"elastic.fingerprint: takes the place":               func(e *config.Elastic) { e.CAFile, e.Fingerprint = "a", "b" },
		`elastic.prefix: "Audit*" cannot begin the name`:     func(e *config.Elastic) { e.Prefix = "Audit*" },
		"elastic.shards: must be from 1 to 1024":             func(e *config.Elastic) { e.Shards = 0 },
		"elastic.replicas: must not be negative":             func(e *config.Elastic) { e.Replicas = -1 },
		`elastic.lifecycle: "cron" is not a lifecycle`:       func(e *config.Elastic) { e.Lifecycle = "cron" },
	} {
		c := config.Default()
		c.Index, c.Elastic = config.IndexElastic, good
		change(&c.Elastic)
		err := c.Check()
		if want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) || err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("want the error %q, got %v", want, err)
		}
	}
	values, err := load(t, "", map[string]string{"AUDITTRAIL_ELASTIC_URLS": "https://u:hunter2@es:9200"}, nil, config.Default())
	if err != nil || strings.Contains(fmt.Sprint(values), "hunter2") {
		t.Errorf("a password in an address is shown: %v %v", values["elastic.urls"], err)
	}
}

func TestSettingsOfTemporalThatCannotWorkAreNamed(t *testing.T) {
	for want, change := range map[string]func(*config.Temporal){
		"":                             func(t *config.Temporal) { t.TLS = true },
		"temporal.port: must be":       func(t *config.Temporal) { t.Port = 70_000 },
		"temporal.namespace: must":     func(t *config.Temporal) { t.Namespace = "" },
		"temporal.cert_file: and":      func(t *config.Temporal) { t.KeyFile = "key.pem" },
		"temporal.address: must name ": func(t *config.Temporal) { t.Address, t.CAFile = "", "ca.pem" },
	} {
		c := config.Default()
		c.Temporal.Address = "temporal:7233"
		change(&c.Temporal)
		if err := c.Check(); want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("want the error %q, got %v", want, err)
		}
	}
}

func TestTheDocumentationListsEverySettingWithItsDefault(t *testing.T) {
	page, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]string{}
	row := regexp.MustCompile("(?m)^\\| (`[a-z_.`, ]+`) \\|([^|]*)\\|")
	for _, m := range row.FindAllStringSubmatch(string(page), -1) {
		for _, key := range strings.Split(m[1], ", ") {
			listed[strings.Trim(key, "`")] = strings.Trim(m[2], "` ")
		}
	}
	none := func(string) (string, bool) { return "", false }
	t.Chdir(t.TempDir())
	values, err := config.Load(config.Sources{Env: none}, config.Default(), new(config.Client))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range values {
		if shown, ok := listed[v.Key]; !ok || shown != v.Value {
			t.Errorf("%s: the page has the default %q (listed: %t), it is %q", v.Key, shown, ok, v.Value)
		}
		delete(listed, v.Key)
	}
	for key := range listed {
		t.Errorf("%s is on the page and is no setting", key)
	}
}
