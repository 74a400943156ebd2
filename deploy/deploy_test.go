package deploy_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/audittrail/audittrail/internal/cli"
)

// root is the repository.
const root = ".."

// service is what these tests read of one service. Values of variables are those of .env.example.
type service struct {
	Image       string
	Command     []string
	Entrypoint  []string
	Environment map[string]string
	Volumes     []string
	Secrets     []string
	Ports       []string
	Restart     string
	Healthcheck any
}

type composition struct {
	Services map[string]service
	Volumes  map[string]any
	Secrets  map[string]struct{ File string }
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

var variable = regexp.MustCompile(`(?:^|[^$])\$\{([A-Z_]+)(?::-([^}]*))?\}`)

// example returns the variables of .env.example.
func example(t *testing.T) map[string]string {
	t.Helper()
	values := make(map[string]string)
	for line := range strings.Lines(read(t, ".env.example")) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(name, "#") {
			values[name] = value
		}
	}
	return values
}

func compose(t *testing.T) composition {
	t.Helper()
	values := example(t)
	text := variable.ReplaceAllStringFunc(read(t, "docker-compose.yml"), func(use string) string {
		start := strings.Index(use, "${")
		return use[:start] + values[variable.FindStringSubmatch(use)[1]]
	})
	var c composition
	if err := yaml.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	if len(c.Services) == 0 {
		t.Fatal("docker-compose.yml has no services")
	}
	return c
}

func TestTheExampleOfVariablesIsWhole(t *testing.T) {
	values, used := example(t), make(map[string]bool)
	for _, match := range variable.FindAllStringSubmatch(read(t, "docker-compose.yml"), -1) {
		name, fallback := match[1], match[2]
		used[name] = true
		if value, ok := values[name]; !ok || value != fallback {
			t.Errorf("%s is %q in docker-compose.yml and %q in .env.example", name, fallback, value)
		}
	}
	for name := range values {
		if !used[name] {
			t.Errorf("%s is in .env.example, and nothing uses it", name)
		}
	}
}

func TestWhatServicesMountIsThere(t *testing.T) {
	c := compose(t)
	used := make(map[string]bool)
	for name, s := range c.Services {
		for _, volume := range s.Volumes {
			source, target, _ := strings.Cut(volume, ":")
			if !strings.HasPrefix(source, "./") {
				used[source] = true
				if _, ok := c.Volumes[source]; !ok {
					t.Errorf("%s mounts the volume %s, which is not declared", name, source)
				}
				continue
			}
			if _, err := os.Stat(filepath.Join(root, source)); err != nil {
				t.Errorf("%s mounts %s: %v", name, source, err)
			}
			if !strings.HasSuffix(target, ":ro") {
				t.Errorf("%s may write to %s", name, source)
			}
		}
		for _, part := range s.Entrypoint {
			if strings.HasPrefix(part, "/deploy/") && !slices.Contains(s.Volumes, "."+part+":"+part+":ro") {
				t.Errorf("%s starts %s, which is not mounted", name, part)
			}
		}
	}
	for volume := range c.Volumes {
		if !used[volume] {
			t.Errorf("nothing mounts the volume %s", volume)
		}
	}
}

// TestOnlyTheFrontIsOpen: what has no password is bound to the machine, and everything that stays up says whether it works.
func TestOnlyTheFrontIsOpen(t *testing.T) {
	for name, s := range compose(t).Services {
		for _, port := range s.Ports {
			if !strings.HasPrefix(port, "127.0.0.1:") {
				t.Errorf("%s is open to the network at %s", name, port)
			}
		}
		image := strings.HasPrefix(s.Image, "audittrail:") // its healthcheck is in the Dockerfile
		if s.Restart == "unless-stopped" && s.Healthcheck == nil && !image && name != "temporal-ui" {
			t.Errorf("%s has no healthcheck", name)
		}
		for variable, value := range s.Environment {
			if strings.Contains(strings.ToLower(variable), "password") && !strings.HasPrefix(value, "/run/secrets/") {
				t.Errorf("%s has a password in %s", name, variable)
			}
		}
	}
}

func TestTheImageIsOfTheModuleAndChecksItself(t *testing.T) {
	dockerfile := read(t, "Dockerfile")
	minor := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "go.mod"))[1]
	for _, want := range []string{"golang:" + minor + ".", "CGO_ENABLED=0", "USER 65532:65532", "./cmd/audittrail", "distroless/static"} {
		if !strings.Contains(dockerfile, want) {
			t.Errorf("the Dockerfile lacks %s", want)
		}
	}
	match := regexp.MustCompile(`HEALTHCHECK .* CMD (\[.*\])`).FindStringSubmatch(dockerfile)
	var command []string
	if match == nil || json.Unmarshal([]byte(match[1]), &command) != nil {
		t.Fatal("the Dockerfile has no healthcheck")
	}
	var out bytes.Buffer
	if code := cli.Run(t.Context(), append(command[1:], "--help"), cli.Options{Stdout: &out, Stderr: &out}); code != cli.ExitOK {
		t.Errorf("the healthcheck is no command: %s", &out)
	}
}

func TestScriptsAreExecutableAndParse(t *testing.T) {
	var scripts []string
	for _, pattern := range []string{"deploy/*.sh", "deploy/make-secrets", "scripts/*", ".ci/run"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("no %s: %v", pattern, err)
		}
		scripts = append(scripts, found...)
	}
	for _, script := range scripts {
		info, err := os.Stat(script)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode()&0o111 == 0 {
			t.Errorf("%s is not executable", script)
		}
		text, err := os.ReadFile(script)
		if err != nil {
			t.Fatal(err)
		}
		shell := "sh"
		if first, _, _ := strings.Cut(string(text), "\n"); strings.HasSuffix(first, "bash") {
			shell = "bash"
		}
		if out, err := exec.CommandContext(t.Context(), shell, "-n", script).CombinedOutput(); err != nil {
			t.Errorf("%s -n %s: %v\n%s", shell, script, err, out)
		}
	}
}

func TestMakeSecretsMakesWhatIsMissingAndNothingElse(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "secrets")
	run := func() {
		t.Helper()
		if out, err := exec.CommandContext(t.Context(), "./make-secrets", folder).CombinedOutput(); err != nil {
			t.Fatalf("make-secrets: %v\n%s", err, out)
		}
	}
	run()
	made := make(map[string]string)
	for name, s := range compose(t).Secrets {
		if s.File != "./deploy/secrets/"+name {
			t.Errorf("the secret %s is read from %s", name, s.File)
		}
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(`^[A-Za-z0-9]{32}$`).Match(text) {
			t.Errorf("%s holds %q, want 32 letters and digits", name, text)
		}
		if made[string(text)] != "" {
			t.Errorf("%s and %s are the same", name, made[string(text)])
		}
		made[string(text)] = name
	}
	if info, err := os.Stat(folder); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder is open to others: %v %v", info.Mode(), err)
	}
	run()
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) != len(made) {
		t.Fatalf("%d files for %d secrets (%v)", len(entries), len(made), err)
	}
	for text, name := range made {
		if again, err := os.ReadFile(filepath.Join(folder, name)); err != nil || string(again) != text {
			t.Errorf("%s changed in the second run (%v)", name, err)
		}
	}
}

// TestTheRolesAreTheDocumentedOnes: index/elastic tries those that docs/elasticsearch.md shows.
func TestTheRolesAreTheDocumentedOnes(t *testing.T) {
	page := read(t, "docs/elasticsearch.md")
	for _, role := range []string{"audittrail_setup", "audittrail"} {
		match := regexp.MustCompile("(?s)PUT /_security/role/" + role + "\n(.*?)\n```").FindStringSubmatch(page)
		if match == nil {
			t.Fatalf("docs/elasticsearch.md does not show the role %s", role)
		}
		var have, want any
		if err := json.Unmarshal([]byte(read(t, "deploy/roles/"+role+".json")), &have); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(match[1]), &want); err != nil {
			t.Fatal(err)
		}
		h, _ := json.Marshal(have)
		w, _ := json.Marshal(want)
		if !bytes.Equal(h, w) {
			t.Errorf("deploy/roles/%s.json is %s, documented is %s", role, h, w)
		}
	}
}
