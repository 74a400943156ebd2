package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/audittrail/audittrail/index"
	"github.com/audittrail/audittrail/index/elastic"
	connection "github.com/audittrail/audittrail/internal/cluster"
	"github.com/audittrail/audittrail/store"
	storeelastic "github.com/audittrail/audittrail/store/elastic"
)

const (
	// nodeHeap is the memory that a node which is started here gets.
	nodeHeap = "-Xms2g -Xmx2g"
	// elasticCommit is how many events are stored at once where that is not what is measured.
	elasticCommit = 1000
	// nodeStart is how long it may take until it answers.
	nodeStart = 3 * time.Minute
)

// cluster is the Elasticsearch that is measured: one that was named, or a node that is started here and ends with the benchmark.
type cluster struct {
	url    string
	raw    *rawClient
	client *connection.Client
	node   *exec.Cmd // nil where the cluster was named
	made   []string  // prefixes of what is to be deleted
	run    string
	keep   bool // the full index stays, for the next run
	count  int
	// fullStream is the data stream of the full index, once there is one.
	fullStream string
}

// newCluster connects to the cluster at url; without one it starts a node on the data in dir.
func newCluster(ctx context.Context, url, dir string, keep bool) (*cluster, error) {
	c := &cluster{url: url, keep: keep, run: strconv.FormatInt(time.Now().Unix(), 36)}
	if url == "" {
		if err := c.startNode(ctx, dir); err != nil {
			return nil, errors.Join(err, c.stopNode())
		}
	}
	c.raw = newRawClient(c.url)
	var err error
	c.client, err = connection.Open(ctx, connection.Options{URLs: []string{c.url}, Uncompressed: url == "", Logger: quiet()})
	if err != nil {
		return nil, errors.Join(err, c.stopNode())
	}
	return c, nil
}

// startNode starts the Elasticsearch of the tests, which scripts/elasticsearch fetches.
func (c *cluster) startNode(ctx context.Context, dir string) error {
	script, err := filepath.Abs(filepath.Join("scripts", "elasticsearch"))
	if err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, "bash", script, "fetch").CombinedOutput(); err != nil {
		return fmt.Errorf("fetch Elasticsearch (run this in the repository's folder): %w: %s", err, out)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // run by root, Elasticsearch is another user
		return err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the node has its own
	port, err := freePort(ctx)
	if err != nil {
		return err
	}
	c.url = "http://127.0.0.1:" + port
	c.node = exec.Command("bash", script, "run", port, filepath.Join(dir, "node")) //nolint:noctx // ended by stopNode, in good order
	c.node.Env = append(os.Environ(), "ES_JAVA_OPTS="+nodeHeap)
	c.node.Stdout, c.node.Stderr = log, log
	c.node.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C is for the benchmark, which then ends the node
	if err := c.node.Start(); err != nil {
		return err
	}
	began := time.Now()
	err = newRawClient(c.url).wait(ctx, nodeStart)
	if err != nil {
		return fmt.Errorf("start Elasticsearch: %w; its log is %s", err, log.Name())
	}
	progress("Elasticsearch started in %s", time.Since(began).Round(time.Second))
	return nil
}

func freePort(ctx context.Context) (string, error) {
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer func() { _ = listener.Close() }()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	return port, err
}

// close deletes what was made in a cluster that is not ours, and ends the one that is.
func (c *cluster) close() {
	if c.client != nil {
		c.client.Close()
	}
	if c.node == nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		for _, prefix := range c.made {
			c.raw.remove(ctx, prefix)
		}
	}
	if err := c.stopNode(); err != nil {
		progress("%v", err)
	}
}

func (c *cluster) stopNode() error {
	if c.node == nil || c.node.Process == nil {
		return nil
	}
	group := -c.node.Process.Pid
	_ = syscall.Kill(group, syscall.SIGTERM) // fails only where it is gone
	ended := make(chan struct{})
	go func() { defer close(ended); _ = c.node.Wait() }()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		_ = syscall.Kill(group, syscall.SIGKILL)
		<-ended
	}
	c.node = nil
	return nil
}

// newPrefix returns a prefix for names in the cluster that nothing has.
func (c *cluster) newPrefix() string {
	c.count++
	prefix := fmt.Sprintf("bench-%s-%d", c.run, c.count)
	c.made = append(c.made, prefix)
	return prefix
}

// newEngines makes a new data stream and a new index of records, and opens both.
func (c *cluster) newEngines(ctx context.Context) (index.Index, store.Store, error) {
	prefix := c.newPrefix()
	events, err := c.newIndex(ctx, prefix, now)
	if err != nil {
		return nil, nil, err
	}
	if _, err = storeelastic.Setup(ctx, c.client, storeelastic.SetupOptions{Prefix: prefix}); err != nil {
		return nil, nil, err
	}
	records, err := storeelastic.Open(ctx, c.client, storeelastic.Options{Prefix: prefix, Logger: quiet()})
	return events, records, err
}

// newIndex makes the data stream where it is not there, and opens it at a time.
func (c *cluster) newIndex(ctx context.Context, prefix string, at time.Time) (*elastic.Index, error) {
	setup := elastic.SetupOptions{Prefix: prefix, Lifecycle: elastic.LifecycleTemporal}
	if _, err := elastic.Setup(ctx, c.client, setup); err != nil {
		return nil, err
	}
	return elastic.Open(ctx, c.client, elastic.Options{Clock: func() time.Time { return at }, Logger: quiet(), Setup: setup})
}

// stream is the name of the data stream of a prefix.
func stream(prefix string) string { return prefix + "-events" }

// fullIndex returns the index that reading is measured on. In a folder that is kept it may be there already.
func (c *cluster) fullIndex(ctx context.Context, events int) (*elastic.Index, error) {
	prefix := c.fullPrefix(events)
	c.fullStream = stream(prefix)
	loading, err := c.newIndex(ctx, prefix, now)
	if err != nil {
		return nil, err
	}
	held, err := c.raw.count(ctx, stream(prefix))
	if err == nil && held != events {
		began := time.Now()
		if err = appendAll(ctx, loading, enterprise(events), elasticCommit); err == nil {
			progress("%d events stored in %s", events, time.Since(began).Round(time.Second))
			err = c.raw.settle(ctx, stream(prefix))
		}
	}
	if err = errors.Join(err, loading.Close()); err != nil {
		return nil, err
	}
	return c.newIndex(ctx, prefix, afterwards)
}

// fullPrefix is the prefix of the full index.
func (c *cluster) fullPrefix(events int) string {
	if c.node != nil || c.keep {
		return fmt.Sprintf("bench-full-%d", events)
	}
	prefix := fmt.Sprintf("bench-%s-full", c.run)
	c.made = append(c.made, prefix)
	return prefix
}

// lastSegment is what follows the last slash.
func lastSegment(path string) string { return path[strings.LastIndex(path, "/")+1:] }

// statusError is an answer that is not a success.
func statusError(response *http.Response, body []byte) error {
	return fmt.Errorf("%s %s: %s: %.300s", response.Request.Method, lastSegment(response.Request.URL.Path), response.Status, body)
}
