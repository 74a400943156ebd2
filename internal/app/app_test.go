package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/app"
	"github.com/audittrail/audittrail/internal/config"
)

// TestMain finds leaks. fasthttp's clock never ends, and its worker pools notice their end within ten seconds.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp/stackless.funcWorker"), goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}

// settings are of a process whose Temporal server does not answer: everything but background work has to go on.
func settings(t *testing.T) *config.Config {
	t.Helper()
	cfg := config.Default()
	cfg.DataDir, cfg.Listen, cfg.Temporal.Address = t.TempDir(), "127.0.0.1:0", "127.0.0.1:1"
	return cfg
}

func options() app.Options { return app.Options{Logger: slog.New(slog.DiscardHandler)} }

// key makes an organization with a key.
func key(t *testing.T, cfg *config.Config) string {
	t.Helper()
	records, err := app.OpenStore(t.Context(), cfg, options())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = records.Close() }()
	secret, prefix, hash := audit.NewKeySecret()
	_, orgErr := records.PutOrganization(t.Context(), audit.Organization{ID: "acme", Name: "Acme"})
	_, memberErr := records.PutMember(t.Context(), audit.Member{ID: "u", Organization: "acme", Name: "U", Role: audit.RoleCreator, Status: audit.MemberActive})
	keyErr := records.CreateKey(t.Context(), audit.Key{ID: "k", Organization: "acme", Member: "u", Prefix: prefix, Hash: hash, Scopes: []audit.Scope{audit.ScopeAdmin}})
	for _, err := range []error{orgErr, memberErr, keyErr} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return secret
}

func request(t *testing.T, method, url, key, body string) (int, []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", "application/json")
	r.Close = true
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, data
}

func TestEventsAreTakenAndFoundWhileTemporalIsDownAndAfterARestart(t *testing.T) {
	cfg := settings(t)
	secret := key(t, cfg)
	for round, wantStatus := range []int{http.StatusCreated, http.StatusOK} {
		a, err := app.New(t.Context(), cfg, options())
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- a.Run(ctx) }()
		event := `{"id":"e","time":"` + time.Now().UTC().Format(audit.TimeLayout) + `","log":"login","action":"login.failed","actor":{"id":"x"}}`
		if status, body := request(t, http.MethodPost, a.URL()+"/v1/events", secret, event); status != wantStatus {
			t.Errorf("round %d: the event is answered %d: %s", round, status, body)
		}
		status, body := request(t, http.MethodGet, a.URL()+"/v1/events?action=login.failed", secret, "")
		var page struct{ Events []json.RawMessage }
		if err := json.Unmarshal(body, &page); err != nil || status != http.StatusOK || len(page.Events) != 1 {
			t.Errorf("round %d: the search is answered %d: %s", round, status, body)
		}
		if status, body := request(t, http.MethodGet, a.URL()+"/readyz", secret, ""); status != http.StatusServiceUnavailable || !bytes.Contains(body, []byte("temporal")) {
			t.Errorf("readiness without Temporal is answered %d: %s", status, body)
		}
		stop()
		if err := <-done; err != nil {
			t.Errorf("round %d: the end: %v", round, err)
		}
		if err := a.Close(); err != nil {
			t.Errorf("round %d: closing: %v", round, err)
		}
	}
}

// onElastic names a cluster that does not answer.
func onElastic(c *config.Config) {
	c.Index, c.Elastic.URLs, c.Files.URL = config.IndexElastic, []string{"http://127.0.0.1:1"}, "file:///somewhere"
}

func TestWhatCannotBeOpenedIsSaidWithWhatToDo(t *testing.T) {
	running, err := app.New(t.Context(), settings(t), options())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = running.Close() })
	inUse := settings(t)
	first, err := app.New(t.Context(), inUse, options())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = first.Close() })
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*config.Config)
		opts   app.Options
		want   []string
	}{
		"a data directory in use":         {func(c *config.Config) { c.DataDir = inUse.DataDir }, options(), []string{"in use by process", "--data-dir"}},
		"a data directory that is a file": {func(c *config.Config) { c.DataDir = file }, options(), []string{file, "--data-dir"}},
		"a port in use": {func(c *config.Config) { c.Listen = strings.TrimPrefix(running.URL(), "http://") }, options(),
			[]string{"in use by another process", "--listen"}},
		"an API alone on SQLite": {func(*config.Config) {}, app.Options{Role: app.RoleAPI}, []string{"needs Elasticsearch", "standalone"}},
		"a worker without Temporal": {func(c *config.Config) { onElastic(c); c.Temporal.Address = "" }, app.Options{Role: app.RoleWorker},
			[]string{"temporal.address", "--temporal-address"}},
		"a worker without a place for files": {func(c *config.Config) { onElastic(c); c.Files.URL = "" }, app.Options{Role: app.RoleWorker},
			[]string{"files.url", "file:///", "s3://"}},
		"a cluster that does not answer":               {onElastic, app.Options{Role: app.RoleAPI}, []string{"Elasticsearch does not answer"}},
		"a place for files that is none":               {func(c *config.Config) { c.Files.URL = "ftp://x/y" }, options(), []string{"files.url: has the scheme"}},
		"no Temporal":                                  {func(c *config.Config) { c.Temporal.Address = "" }, options(), []string{"--temporal-address"}},
		"certificates for Temporal that are not there": {func(c *config.Config) { c.Temporal.CAFile = file + ".pem" }, options(), []string{"temporal.ca_file", file}},
		"certificates for Temporal that are none":      {func(c *config.Config) { c.Temporal.CAFile = file }, options(), []string{"temporal.ca_file", "no certificate"}},
		"an own certificate that is none": {func(c *config.Config) { c.Temporal.CertFile, c.Temporal.KeyFile = file, file }, options(),
			[]string{"temporal.cert_file and temporal.key_file"}},
		"mail without a sender":     {func(c *config.Config) { c.Email.Host = "mail.example.com" }, options(), []string{"email.from"}},
		"a GeoIP file that is none": {func(c *config.Config) { c.GeoIP.Database = file }, options(), []string{"geoip.database", file}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := settings(t)
			c.change(cfg)
			a, err := app.New(t.Context(), cfg, c.opts)
			if err == nil {
				_ = a.Close()
				t.Fatal("no error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error lacks %q: %v", want, err)
				}
			}
		})
	}
}

func TestAFailedStartLeavesNothingBehind(t *testing.T) {
	blocker, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = blocker.Close() }()
	cfg := settings(t)
	cfg.Listen = blocker.Addr().String()
	if _, err := app.New(t.Context(), cfg, options()); err == nil {
		t.Fatal("no error")
	}
	cfg.Listen = "127.0.0.1:0"
	a, err := app.New(t.Context(), cfg, options())
	if err != nil {
		t.Fatalf("the data directory is still held: %v", err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
}

func TestChannelsThatAreNotConfiguredAreSaidToBeOff(t *testing.T) {
	a, err := app.New(t.Context(), settings(t), options())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	states := map[audit.Channel]bool{}
	for _, c := range a.Channels() {
		states[c.Channel] = c.On
		if !c.On && !strings.HasPrefix(c.Detail, "off: ") {
			t.Errorf("%s does not say why it is off: %q", c.Channel, c.Detail)
		}
	}
	if len(states) != 3 || !states[audit.ChannelInbox] || states[audit.ChannelEmail] || states[audit.ChannelSMS] {
		t.Errorf("the channels are %v", states)
	}
}
