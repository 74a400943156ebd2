package config_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/audittrail/audittrail/internal/config"
)

// FuzzConfigFile: a file is refused with its name and, where one can be told, the line; or every value that came from it is the same when it is
// written down and read again. No secret is shown, neither in a value nor in an error.
func FuzzConfigFile(f *testing.F) {
	for _, seed := range []string{
		"", "listen: ':2'\ndata_dir: /x\nemail:\n  host: mail\n  port: 2525\n  password: hunter2\n", "email: {host: a}\nemail: {port: 1}\n", "elastic:\n  urls: [a, b]\n",
		"a: &a [*a]\n", "<<: {listen: x}\n", "x: &x {listen: ':1'}\nemail: *x\n", "limits:\n  burst: 0x10\n  requests_per_second: .inf\n", "- listen", "!!binary bGlzdGVu: x\n",
		"listen: |\n  a\n  b\n", "---\nlisten: a\n---\nlisten: b\n", "? [a]\n: b\n", "\xff\xfe", "listen: \"\\ud800\"\n", "email:\n", "email: {password: [s3cret]}\n",
	} {
		f.Add(seed)
	}
	const none = "nothing is looked up"
	path := filepath.Join(f.TempDir(), "a.yaml")
	read := func(t *testing.T, text string) ([]config.Value, error) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return config.Load(config.Sources{File: path, Env: func(string) (string, bool) { return none, false }}, config.Default(), &config.Client{})
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "_file") {
			return // it names files of this machine
		}
		values, err := read(t, text)
		if err != nil {
			if !strings.Contains(err.Error(), path) || len(err.Error()) > 10_000+len(path)*(len(text)+1)*100 {
				t.Fatalf("%q: an error of %d bytes: %.500v", text, len(err.Error()), err)
			}
			return
		}
		var again strings.Builder
		for _, v := range values {
			if strings.Contains(v.Key, "password") && v.Value != "" && strings.Trim(v.Value, "*") != "" {
				t.Fatalf("%q: %s is shown as %q", text, v.Key, v.Value)
			}
			if v.Source != "default" && strings.Trim(v.Value, "*") != "" {
				writeSetting(&again, v.Key, v.Value)
			}
		}
		second, err := read(t, again.String())
		if err != nil {
			t.Fatalf("%q is written down as %q, which is refused: %v", text, again.String(), err)
		}
		for i, v := range values {
			if second[i].Value != v.Value && strings.Trim(v.Value, "*") != "" {
				t.Fatalf("%q: %s is %q, and written down and read again %q", text, v.Key, v.Value, second[i].Value)
			}
		}
	})
}

// writeSetting writes one setting as YAML; a group may be written more than once.
func writeSetting(b *strings.Builder, key, value string) {
	group, name, grouped := strings.Cut(key, ".")
	if grouped {
		b.WriteString(group + ":\n  ")
		key = name
	}
	b.WriteString(key + ": " + quoted(value) + "\n")
}

// quoted is a YAML string in double quotes.
func quoted(value string) string { return strconv.QuoteToASCII(value) }

// FuzzCheckedSettings: whatever the settings are, Check says what is wrong in words that name settings, and does not panic.
func FuzzCheckedSettings(f *testing.F) {
	f.Add("127.0.0.1:8080", "https://audit.example.com", "sqlite", "https://es:9200,http://u:p@h", "audittrail", "info", 1.5, 7)
	f.Add(":", "http://[::1", "elastic", "", "A", "", -1.0, -7)
	f.Add("[::]:http", "HTTPS://h/?", "elastic", "http://a b", strings.Repeat("p", 101), "trace", 0.0, 70000)
	f.Fuzz(func(t *testing.T, listen, public, index, urls, prefix, level string, rate float64, number int) {
		c := config.Default()
		c.Listen, c.PublicURL, c.Index, c.Elastic.Prefix, c.Log.Level = listen, public, index, prefix, level
		c.Elastic.URLs = strings.Split(urls, ",")
		c.Limits.RequestsPerSecond, c.Temporal.Port, c.Elastic.Shards = rate, number, number
		err := c.Check()
		if err == nil {
			return
		}
		for line := range strings.SplitSeq(err.Error(), "\n") {
			if !strings.Contains(line, ": ") {
				t.Fatalf("the setting is not named in %q", line)
			}
		}
		if strings.Contains(err.Error(), "u:p@h") {
			t.Fatalf("a password is shown: %v", err)
		}
	})
}
