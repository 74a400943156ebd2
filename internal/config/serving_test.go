package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/audittrail/audittrail/internal/config"
)

func TestPlainHTTPBeyondThisMachineIsRefusedWithWhatToDo(t *testing.T) {
	pair := config.TLS{CertFile: "cert.pem", KeyFile: "key.pem"}
	for name, tt := range map[string]struct {
		listen  string
		tls     config.TLS
		allowed bool // --insecure
		ok      bool
	}{
		"loopback":                   {"127.0.0.1:8080", config.TLS{}, false, true},
		"another loopback address":   {"127.8.9.10:8080", config.TLS{}, false, true},
		"loopback of IPv6":           {"[::1]:8080", config.TLS{}, false, true},
		"loopback of IPv4 in IPv6":   {"[::ffff:127.0.0.1]:8080", config.TLS{}, false, true},
		"localhost":                  {"LocalHost:8080", config.TLS{}, false, true},
		"every address":              {":8080", config.TLS{}, false, false},
		"every address of IPv4":      {"0.0.0.0:8080", config.TLS{}, false, false},
		"every address of IPv6":      {"[::]:8080", config.TLS{}, false, false},
		"an address of the network":  {"10.0.0.5:8080", config.TLS{}, false, false},
		"a name":                     {"audit.example.com:8080", config.TLS{}, false, false},
		"a name that begins like it": {"localhost.example.com:8080", config.TLS{}, false, false},
		"every address with TLS":     {":8443", pair, false, true},
		"every address, insecure":    {":8080", config.TLS{}, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			c := config.Default()
			c.Listen, c.TLS, c.Insecure = tt.listen, tt.tls, tt.allowed
			if err := c.Check(); err != nil {
				t.Fatal(err)
			}
			err := c.CheckExposed()
			if (err == nil) != tt.ok {
				t.Fatalf("CheckExposed = %v", err)
			}
			for _, want := range []string{tt.listen, "--tls-cert-file", "--tls-key-file", "127.0.0.1:8080", "--insecure"} {
				if err != nil && !strings.Contains(err.Error(), want) {
					t.Errorf("the error lacks %q: %v", want, err)
				}
			}
		})
	}
}

func TestSettingsOfServingThatCannotWorkAreNamed(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*config.Config)
		want   string
	}{
		"a certificate without its key":  {func(c *config.Config) { c.TLS.CertFile = "x" }, "tls.cert_file: and tls.key_file"},
		"a key without its certificate":  {func(c *config.Config) { c.TLS.KeyFile = "x" }, "tls.cert_file: and tls.key_file"},
		"insecure, and with TLS":         {func(c *config.Config) { c.TLS.CertFile, c.TLS.KeyFile, c.Insecure = "x", "y", true }, "insecure:"},
		"TLS, and a public URL without":  {func(c *config.Config) { c.TLS.CertFile, c.TLS.KeyFile, c.PublicURL = "x", "y", "http://a.example" }, "public_url: begins with http://"},
		"a name with a port":             {func(c *config.Config) { c.AllowedHosts = []string{"a.example:80"} }, `allowed_hosts: "a.example:80"`},
		"a name that is a URL":           {func(c *config.Config) { c.AllowedHosts = []string{"https://a.example"} }, `allowed_hosts: "https://a.example"`},
		"a name that stands for several": {func(c *config.Config) { c.AllowedHosts = []string{"*"} }, `allowed_hosts: "*"`},
	} {
		t.Run(name, func(t *testing.T) {
			c := config.Default()
			tt.change(c)
			if err := c.Check(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Check = %v, want %q", err, tt.want)
			}
		})
	}
}

func TestTheNamesOfTheServerAreThoseThatSomethingNames(t *testing.T) {
	for name, tt := range map[string]struct {
		listen, public string
		allowed        []string
		names          []string
		only           bool
	}{
		"on this machine":                     {"127.0.0.1:8080", "", nil, []string{"127.0.0.1"}, true},
		"beyond it, without a name":           {":8080", "", nil, nil, false},
		"with a public URL":                   {":8080", "https://Audit.Example.com:8443/", nil, []string{"audit.example.com"}, true},
		"with a public URL and other names":   {":8080", "https://a.example", []string{"API", "[2001:db8::1]"}, []string{"a.example", "api", "2001:db8::1"}, true},
		"with other names alone":              {":8080", "", []string{"api"}, []string{"api"}, true},
		"on an address of the network, alone": {"10.0.0.5:8080", "", nil, []string{"10.0.0.5"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := config.Default()
			c.Listen, c.PublicURL, c.AllowedHosts = tt.listen, tt.public, tt.allowed
			if err := c.Check(); err != nil {
				t.Fatal(err)
			}
			if names, only := c.Hosts(); !slices.Equal(names, tt.names) || only != tt.only {
				t.Errorf("Hosts = %q, %v; want %q, %v", names, only, tt.names, tt.only)
			}
		})
	}
}

// TestEverySecretIsTakenFromAFileAndNeverShown goes through the settings themselves, so that one that is added is held to it too.
func TestEverySecretIsTakenFromAFileAndNeverShown(t *testing.T) {
	values, err := config.Load(config.Sources{Env: func(string) (string, bool) { return "", false }}, config.Default(), &config.Client{})
	if err != nil {
		t.Fatal(err)
	}
	secrets := 0
	for _, v := range values {
		if !v.Secret {
			for _, word := range []string{"password", "secret", "token", "api_key"} {
				if strings.Contains(v.Key, word) && !strings.HasSuffix(v.Key, "_file") {
					t.Errorf("%s looks like a secret, and is not a config.Secret", v.Key)
				}
			}
			continue
		}
		secrets++
		t.Run(v.Key, func(t *testing.T) { takenFromFile(t, v) })
	}
	if secrets < 6 {
		t.Errorf("%d secrets were found", secrets)
	}
}

// takenFromFile gives a secret in each of the ways there are.
func takenFromFile(t *testing.T, secret config.Value) {
	t.Helper()
	const marked = "marked-secret-value"
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(marked+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	group, name, grouped := strings.Cut(secret.Key, ".")
	text := secret.Key + "_file: " + path
	if grouped {
		text = group + ":\n  " + name + "_file: " + path
	}
	for way, given := range map[string]struct {
		text string
		env  map[string]string
	}{
		"a file named in the environment": {"", map[string]string{secret.Env + "_FILE": path}},
		"a file named in the settings":    {text, nil},
		"the environment":                 {"", map[string]string{secret.Env: marked}},
	} {
		settings, client := config.Default(), &config.Client{}
		target := any(settings)
		if !grouped {
			target = client
		}
		values, err := load(t, given.text, given.env, nil, target)
		if err != nil {
			t.Fatalf("%s: %v", way, err)
		}
		if got := values[secret.Key]; got.Value != "********" || got.Source == "default" {
			t.Errorf("%s: it is %q, %s", way, got.Value, got.Source)
		}
		if shown := fmt.Sprintf("%v %+v %#v %v", target, target, target, values); strings.Contains(shown, marked) {
			t.Errorf("%s: it is shown: %s", way, shown)
		}
	}
}
