package test

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/audittrail/audittrail/internal/config"
	"github.com/audittrail/audittrail/internal/estest"
)

// deployment is the product as an enterprise runs it: API and worker processes of the production binary, which share an Elasticsearch, a Temporal server and a
// folder of files, behind one port. It is a service like the others, whose records are read by a handle of the test's own.
type deployment struct {
	service
	temporal      *process
	apis, workers []*role
}

// role is one process that can be killed and started again.
type role struct {
	name   string
	dir    string // it runs there
	config *config.Config
	*process
}

// deploy sets the cluster up and starts everything. It ends with the test.
func deploy(t *testing.T, apis, workers int) *deployment {
	t.Helper()
	c, err := newCatchers()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.close(); err != nil {
			t.Error(err)
		}
	})
	d := &deployment{service: service{catchers: c}}
	dir := t.TempDir()
	temporal, address, err := spawnTemporal(filepath.Join(dir, "temporal"), 0)
	if err != nil {
		t.Fatal(err)
	}
	d.temporal = temporal
	t.Cleanup(d.temporal.kill)

	base := settings(filepath.Join(dir, "shared"), "127.0.0.1:0", c)
	base.Temporal.Address = address
	base.Files.URL = "file://" + filepath.ToSlash(filepath.Join(base.DataDir, "exports"))
	onCluster(t, base)
	var targets []string
	for i := range apis + workers {
		r := &role{name: "api", dir: dir, config: new(config.Config)}
		*r.config = *base
		if r.config.Listen, err = freeAddress(); err != nil {
			t.Fatal(err)
		}
		if i < apis {
			d.apis, targets = append(d.apis, r), append(targets, r.config.Listen)
		} else {
			r.name = "worker"
			d.workers = append(d.workers, r)
		}
	}
	d.url = newFront(t, targets...).url
	base.PublicURL, d.config = d.url, base
	path, err := production()
	if err != nil {
		t.Fatal(err)
	}
	command{path: path, env: environment(base)}.want(t, 0, "setup")
	d.begin(t)
	return d
}

// begin starts all processes and waits until they are ready.
func (d *deployment) begin(t *testing.T) {
	t.Helper()
	for _, r := range append(d.apis, d.workers...) {
		r.config.PublicURL = d.url
		r.start(t)
		t.Cleanup(func() {
			r.kill()
			if t.Failed() {
				t.Logf("the log of %s at %s ends:\n%s", r.name, r.config.Listen, tail(r.stderr.String(), 30))
			}
		})
	}
	for _, r := range append(d.apis, d.workers...) {
		r.awaitReady(t)
	}
	if err := d.open(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.records.Close(); err != nil {
			t.Error(err)
		}
	})
}

// start starts the process, for the first time or again.
func (r *role) start(t *testing.T) {
	t.Helper()
	path, err := production()
	if err != nil {
		t.Fatal(err)
	}
	if r.process, err = spawnBinary(path, r.dir, environment(r.config), nil, r.name); err != nil {
		t.Fatal(err)
	}
}

func (r *role) awaitReady(t *testing.T) {
	t.Helper()
	if err := awaitReady(t.Context(), "http://"+r.config.Listen, r.done); err != nil {
		t.Fatalf("%s did not become ready: %v\n%s", r.name, err, tail(r.stderr.String(), 40))
	}
}

// onCluster has the settings name the Elasticsearch of the tests, with a prefix of this test's own.
func onCluster(t *testing.T, cfg *config.Config) {
	t.Helper()
	address := estest.URL(t)
	cfg.Index, cfg.Elastic.Prefix, cfg.Elastic.Replicas, cfg.Elastic.Lifecycle = config.IndexElastic, estest.Prefix(t), 0, "temporal"
	if estest.HasILM(t, address) {
		cfg.Elastic.Lifecycle = "ilm"
	}
	for node := range strings.SplitSeq(address, ",") {
		u, err := url.Parse(node)
		if err != nil {
			t.Fatal(err)
		}
		if password, ok := u.User.Password(); ok {
			cfg.Elastic.Username, cfg.Elastic.Password = u.User.Username(), config.Secret(password)
		}
		u.User = nil
		cfg.Elastic.URLs = append(cfg.Elastic.URLs, u.String())
	}
}

// clusterEnvironment is what the settings say of Elasticsearch and of the place of files.
func clusterEnvironment(cfg *config.Config) []string {
	if cfg.Index != config.IndexElastic {
		return nil
	}
	env := []string{
		"AUDITTRAIL_INDEX=" + cfg.Index, "AUDITTRAIL_ELASTIC_URLS=" + strings.Join(cfg.Elastic.URLs, ","), "AUDITTRAIL_ELASTIC_PREFIX=" + cfg.Elastic.Prefix,
		fmt.Sprintf("AUDITTRAIL_ELASTIC_REPLICAS=%d", cfg.Elastic.Replicas), "AUDITTRAIL_ELASTIC_LIFECYCLE=" + cfg.Elastic.Lifecycle,
		"AUDITTRAIL_ELASTIC_CA_FILE=" + cfg.Elastic.CAFile, "AUDITTRAIL_FILES_URL=" + cfg.Files.URL,
	}
	if cfg.Elastic.Username != "" {
		env = append(env, "AUDITTRAIL_ELASTIC_USERNAME="+cfg.Elastic.Username, "AUDITTRAIL_ELASTIC_PASSWORD="+cfg.Elastic.Password.Reveal())
	}
	return env
}
