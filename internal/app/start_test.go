package app_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/internal/app"
	"github.com/audittrail/audittrail/internal/config"
	"github.com/audittrail/audittrail/internal/estest"
)

// onCluster are the settings of an API on the cluster, behind a proxy that adds its credentials, and with a prefix of the test's own.
func onCluster(t *testing.T) (*config.Config, *estest.Proxy) {
	t.Helper()
	address := estest.URL(t)
	proxy := estest.NewProxy(t, address)
	cfg := settings(t)
	cfg.Index, cfg.Elastic.URLs, cfg.Elastic.Prefix, cfg.Elastic.Replicas = config.IndexElastic, []string{proxy.URL}, estest.Prefix(t), 0
	cfg.Files.URL = "file://" + t.TempDir()
	cfg.Elastic.Lifecycle = "temporal"
	if estest.HasILM(t, address) {
		cfg.Elastic.Lifecycle = "ilm"
	}
	return cfg, proxy
}

func setUp(t *testing.T, cfg *config.Config) {
	t.Helper()
	if _, err := app.Setup(t.Context(), cfg, options(), app.SetupOptions{}); err != nil {
		t.Fatal(err)
	}
}

// ask changes something in the cluster behind our back.
func ask(t *testing.T, method, path, body string) {
	t.Helper()
	if status := estest.Ask(t, estest.URL(t), method, path, body, nil); status >= 300 {
		t.Fatalf("%s %s answers %d", method, path, status)
	}
}

// pretend is something that is not the cluster that is meant.
func pretend(t *testing.T, status int, body string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// behindTLS puts a certificate of the test's own before the cluster.
func behindTLS(t *testing.T, cfg *config.Config, host string, from, until time.Duration) *estest.Authority {
	t.Helper()
	authority, now := estest.NewAuthority(t), time.Now()
	cfg.Elastic.URLs = []string{estest.NewTLSProxy(t, cfg.Elastic.URLs[0], authority.Server(host, now.Add(from), now.Add(until))).URL}
	cfg.Elastic.CAFile = authority.CAFile
	return authority
}

func TestAStartOnElasticsearchThatCannotBeSaysWhatToDo(t *testing.T) {
	for name, c := range map[string]struct {
		wrong func(t *testing.T, cfg *config.Config)
		says  []string
	}{
		"nobody answers": {func(_ *testing.T, cfg *config.Config) { cfg.Elastic.URLs = []string{"http://127.0.0.1:1"} },
			[]string{"connect to Elasticsearch", "does not answer"}},
		"a host that does not exist": {func(_ *testing.T, cfg *config.Config) { cfg.Elastic.URLs = []string{"http://nowhere.invalid:9200"} },
			[]string{"host name of Elasticsearch is not known"}},
		"a web page": {func(t *testing.T, cfg *config.Config) {
			cfg.Elastic.URLs = []string{pretend(t, 200, "<html>hello</html>")}
		},
			[]string{"what answers at the address is not Elasticsearch"}},
		"version 7": {func(t *testing.T, cfg *config.Config) {
			cfg.Elastic.URLs = []string{pretend(t, 200, `{"version":{"number":"7.17.29"},"tagline":"You Know, for Search"}`)}
		}, []string{"Elasticsearch 7.17.29", "works with version 8"}},
		"version 9": {func(t *testing.T, cfg *config.Config) {
			cfg.Elastic.URLs = []string{pretend(t, 200, `{"version":{"number":"9.1.4"},"tagline":"You Know, for Search"}`)}
		}, []string{"Elasticsearch 9.1.4", "works with version 8"}},
		"an expired certificate": {func(t *testing.T, cfg *config.Config) { behindTLS(t, cfg, "127.0.0.1", -2*time.Hour, -time.Hour) },
			[]string{"certificate has expired"}},
		"a certificate for another host": {func(t *testing.T, cfg *config.Config) { behindTLS(t, cfg, "es1.example.com", -time.Hour, time.Hour) },
			[]string{"certificate is for another host name"}},
		"a certificate that nobody vouches for": {func(t *testing.T, cfg *config.Config) {
			behindTLS(t, cfg, "127.0.0.1", -time.Hour, time.Hour)
			cfg.Elastic.CAFile = ""
		}, []string{"authority that is not trusted", "elastic.ca_file"}},
		"another certificate than the pinned one": {func(t *testing.T, cfg *config.Config) {
			behindTLS(t, cfg, "127.0.0.1", -time.Hour, time.Hour)
			cfg.Elastic.CAFile, cfg.Elastic.Fingerprint = "", strings.Repeat("ab", 32)
		}, []string{"elastic.fingerprint"}},
		"a certificate's file that is not there": {func(_ *testing.T, cfg *config.Config) { cfg.Elastic.CAFile = "/nowhere/ca.pem" },
			[]string{"elastic.ca_file", "/nowhere/ca.pem"}},
		"nothing set up": {func(*testing.T, *config.Config) {}, []string{"not set up", "audittrail setup"}},
		"an index in the way": {func(t *testing.T, cfg *config.Config) { ask(t, http.MethodPut, "/"+cfg.Elastic.Prefix+"-events", "") },
			[]string{"an index has the name of the data stream", "elastic.prefix"}},
		"an alias in the way": {func(t *testing.T, cfg *config.Config) {
			ask(t, http.MethodPut, "/"+cfg.Elastic.Prefix+"-other", `{"aliases":{"`+cfg.Elastic.Prefix+`-events":{}}}`)
		}, []string{"an alias has the name of the data stream", "elastic.prefix"}},
		"records that are gone": {func(t *testing.T, cfg *config.Config) {
			setUp(t, cfg)
			ask(t, http.MethodDelete, "/"+cfg.Elastic.Prefix+"-records-v1", "")
		}, []string{"open the records", "audittrail setup"}},
		"an index in the way of the records": {func(t *testing.T, cfg *config.Config) {
			setUp(t, cfg)
			ask(t, http.MethodDelete, "/"+cfg.Elastic.Prefix+"-records-v1", "")
			ask(t, http.MethodPut, "/"+cfg.Elastic.Prefix+"-records", "")
		}, []string{"open the records", "elastic.prefix"}},
		"a template changed by hand": {func(t *testing.T, cfg *config.Config) { setUp(t, cfg); changeTemplate(t, cfg) },
			[]string{"index template", "changed by hand", "audittrail setup", "priority: is 7, should be 500"}},
		"other replicas than the settings say": {func(t *testing.T, cfg *config.Config) { setUp(t, cfg); cfg.Elastic.Replicas = 2 },
			[]string{"not what the settings say", "number_of_replicas", "audittrail setup"}},
		"a cluster without ILM": {func(t *testing.T, cfg *config.Config) {
			if cfg.Elastic.Lifecycle == "ilm" {
				t.Skip("this cluster has ILM")
			}
			setUp(t, cfg)
			cfg.Elastic.Lifecycle = "ilm"
		}, []string{"no index lifecycle management", "elastic.lifecycle: temporal"}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, _ := onCluster(t)
			c.wrong(t, cfg)
			opts := options()
			opts.Role = app.RoleAPI
			a, err := app.New(t.Context(), cfg, opts)
			if err == nil {
				_ = a.Close()
				t.Fatal("it starts")
			}
			for _, want := range c.says {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error lacks %q: %v", want, err)
				}
			}
		})
	}
}

// changeTemplate does what a person should not do.
func changeTemplate(t *testing.T, cfg *config.Config) {
	t.Helper()
	var answer struct {
		Templates []struct {
			Template map[string]any `json:"index_template"`
		} `json:"index_templates"`
	}
	path := "/_index_template/" + cfg.Elastic.Prefix + "-events"
	estest.Ask(t, estest.URL(t), http.MethodGet, path, "", &answer)
	answer.Templates[0].Template["priority"] = 7
	ask(t, http.MethodPut, path, encoded(t, answer.Templates[0].Template))
}
