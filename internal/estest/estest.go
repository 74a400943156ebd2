//go:build unix

package estest

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// clusterVariable names a cluster for the tests.
const clusterVariable = "AUDITTRAIL_TEST_ELASTICSEARCH"

// idleMinutes is how long the shared Elasticsearch stays after the last test that used it. Longer than any test takes.
const idleMinutes = "15"

// shared is what this process knows of the cluster that URL gives.
var shared struct {
	sync.Mutex
	url string
	err error
}

// URL returns the address of the cluster of this test run, for one that may be shared with other tests at the same time: a test uses a
// Prefix of its own, changes no setting of the cluster, and does not expect it to be empty. Several nodes are separated by commas.
func URL(t testing.TB) string {
	t.Helper()
	if named := os.Getenv(clusterVariable); named != "" {
		return named
	}
	script := installed(t)
	shared.Lock()
	defer shared.Unlock()
	if shared.url == "" && shared.err == nil {
		shared.url, shared.err = startShared(script)
	}
	if shared.err != nil {
		t.Fatalf("start the Elasticsearch of the tests: %v", shared.err)
	}
	use(script)
	t.Cleanup(func() { use(script) })
	return shared.url
}

// installed returns the script that starts Elasticsearch. The test is skipped where there is nothing to start, and fails in CI.
func installed(t testing.TB) string {
	t.Helper()
	script, err := findScript()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "bash", script, "installed").CombinedOutput(); err != nil {
		reason := "no Elasticsearch for tests here: run `make elasticsearch` (needs Java 17), or name a cluster with " + clusterVariable
		if detail := strings.TrimSpace(string(out)); detail != "" {
			reason += " (" + detail + ")"
		}
		if os.Getenv("CI") != "" {
			t.Fatal(reason)
		}
		t.Skip(reason)
	}
	return script
}

// findScript looks for scripts/elasticsearch in the folders above the package that is tested.
func findScript() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		script := filepath.Join(dir, "scripts", "elasticsearch")
		if _, err := os.Stat(script); err == nil {
			return script, nil
		}
	}
	return "", fmt.Errorf("scripts/elasticsearch is in none of the folders above the test")
}

// startShared starts the Elasticsearch of this user, or finds it running. Of several processes one starts it.
func startShared(script string) (string, error) {
	lock, err := os.OpenFile(filepath.Join(os.TempDir(), fmt.Sprintf("audittrail-elasticsearch.%d.lock", os.Getuid())), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	start := exec.Command("bash", script, "start") // it has a deadline of its own, and must not end with one test
	start.Env = append(os.Environ(), "AUDITTRAIL_ELASTICSEARCH_IDLE="+idleMinutes)
	start.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	var problems strings.Builder
	start.Stderr = &problems
	out, err := start.Output()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, problems.String())
	}
	return strings.TrimSpace(string(out)), nil
}

// use keeps the shared Elasticsearch from ending.
func use(script string) {
	// Where this fails, another use comes soon, or the next URL starts it anew.
	_ = exec.Command("bash", script, "used").Run() // at the end of a test its context is over
}

// Prefix returns a prefix for names in the cluster that no other test has. At the end of the test, what was made under it is deleted
// as far as the cluster knows how to.
func Prefix(t testing.TB) string {
	t.Helper()
	prefix := "at-" + strings.ToLower(rand.Text()[:12])
	t.Cleanup(func() {
		shared.Lock()
		url := shared.url
		shared.Unlock()
		if named := os.Getenv(clusterVariable); named != "" {
			url = named
		}
		if url != "" {
			remove(t, url, prefix)
		}
	})
	return prefix
}

// remove deletes what belongs to the prefix. A build without the routes for data streams keeps those, empty but for their last index.
func remove(t testing.TB, url, prefix string) {
	t.Helper()
	var names struct {
		Indices []struct {
			Name       string
			DataStream string `json:"data_stream"`
		}
	}
	ask(t, url, http.MethodDelete, "/_data_stream/"+prefix+"-*?expand_wildcards=all", "", nil)
	ask(t, url, http.MethodGet, "/_resolve/index/"+prefix+"-*?expand_wildcards=all", "", &names)
	for _, index := range names.Indices {
		ask(t, url, http.MethodDelete, "/"+index.Name, "", nil)
	}
	ask(t, url, http.MethodDelete, "/_index_template/"+prefix+"-*", "", nil)
	ask(t, url, http.MethodDelete, "/_component_template/"+prefix+"-*", "", nil)
	ask(t, url, http.MethodDelete, "/_ilm/policy/"+prefix+"-events", "", nil)
}

// HasILM says whether the cluster has index lifecycle management. A cluster that does not let us see it fails the test.
func HasILM(t testing.TB, url string) bool {
	t.Helper()
	switch status := ask(t, url, http.MethodGet, "/_ilm/status", "", nil); status {
	case http.StatusOK:
		return true
	case http.StatusMethodNotAllowed, http.StatusBadRequest, http.StatusNotFound:
		return false
	default:
		t.Fatalf("whether the cluster has ILM cannot be seen: GET _ilm/status answers %d", status)
		return false
	}
}

// Ask sends one request to the first node of a cluster, without any of the product's code, and decodes its JSON answer into result, if
// there is a result to decode to. It returns the status; an answer that never comes fails the test.
func Ask(t testing.TB, url, method, path, body string, result any) int {
	t.Helper()
	status := ask(t, url, method, path, body, result)
	if status == 0 {
		t.FailNow()
	}
	return status
}

// askTimeout is the longest that a request of a test's own may take.
const askTimeout = 60 * time.Second
