package deploy_test

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/audittrail/audittrail/internal/cli"
	"github.com/audittrail/audittrail/internal/config"
)

// ours returns the services that run the program.
func (c composition) ours() map[string]service {
	services := maps.Clone(c.Services)
	maps.DeleteFunc(services, func(_ string, s service) bool { return !strings.HasPrefix(s.Image, "audittrail:") })
	return services
}

func TestEveryServiceOfOursRunsWithItsSettings(t *testing.T) {
	c := compose(t)
	services := c.ours()
	if got := slices.Sorted(maps.Keys(services)); !slices.Equal(got, []string{"api", "setup", "worker"}) {
		t.Fatalf("the services of the program are %v", got)
	}
	for name, s := range services {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if code := cli.Run(t.Context(), append(s.Command, "--help"), cli.Options{Stdout: &out, Stderr: &out}); code != cli.ExitOK {
				t.Errorf("there is no command %v: %s", s.Command, &out)
			}
			settings := make(map[string]string)
			for variable, value := range imageEnvironment(t) {
				settings[variable] = value
			}
			for variable, value := range s.Environment {
				settings[variable] = secret(t, c, s, value)
			}
			loads(t, settings)
		})
	}
}

// imageEnvironment is what the image itself sets.
func imageEnvironment(t *testing.T) map[string]string {
	t.Helper()
	values := make(map[string]string)
	for _, match := range regexp.MustCompile(`(AUDITTRAIL_[A-Z_]+)=(\S+)`).FindAllStringSubmatch(read(t, "Dockerfile"), -1) {
		values[match[1]] = match[2]
	}
	if values["AUDITTRAIL_LISTEN"] != ":8080" {
		t.Errorf("the image listens on %q; the healthcheck and haproxy.cfg want :8080", values["AUDITTRAIL_LISTEN"])
	}
	return values
}

// secret gives a value that names the file of a secret a file that is here, and wants that the service is given it.
func secret(t *testing.T, c composition, s service, value string) string {
	t.Helper()
	name, ok := strings.CutPrefix(value, "/run/secrets/")
	if !ok {
		return value
	}
	if _, known := c.Secrets[name]; !known || !slices.Contains(s.Secrets, name) {
		t.Errorf("%s is set, and the service is not given that secret", value)
	}
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// loads wants that every variable is a setting, and that the settings are valid together.
func loads(t *testing.T, settings map[string]string) {
	t.Helper()
	cfg := config.Default()
	used := make(map[string]bool)
	_, err := config.Load(config.Sources{Env: func(name string) (string, bool) {
		value, ok := settings[name]
		used[name] = used[name] || ok
		return value, ok
	}}, cfg)
	if err != nil {
		t.Errorf("the settings cannot be read: %v", err)
	}
	for name := range settings {
		if !used[name] {
			t.Errorf("%s is no setting of the program", name)
		}
	}
	if err := cfg.Check(); err != nil {
		t.Errorf("the settings are refused: %v", err)
	}
	if err := cfg.CheckExposed(); err != nil {
		t.Errorf("the settings are refused: %v", err)
	}
}

func TestTheFrontSaysFromWhereARequestComesAndTheAPIBelievesNobodyElse(t *testing.T) {
	front := read(t, "deploy/haproxy.cfg")
	forgets, says := strings.Index(front, "http-request del-header X-Forwarded-For"), strings.Index(front, "option forwardfor")
	if forgets < 0 || says < forgets {
		t.Error("the front hands on what a client wrote into X-Forwarded-For")
	}
	var settings config.Config
	settings.TrustedProxies = strings.Split(compose(t).Services["api"].Environment["AUDITTRAIL_TRUSTED_PROXIES"], ",")
	blocks, err := settings.Proxies()
	if err != nil || len(blocks) == 0 {
		t.Fatalf("the API believes %v: %v", blocks, err)
	}
	for _, block := range blocks {
		if !block.Addr().IsPrivate() {
			t.Errorf("the API believes %s, which others may have", block)
		}
	}
}
