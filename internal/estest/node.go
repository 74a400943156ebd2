//go:build unix

package estest

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// startTimeout is how long a node may take to answer; it takes some ten seconds on a quiet machine, and minutes on one that compiles beside it.
const startTimeout = 8 * time.Minute

// quickStart is an option of Java's. With it a node answers after half the time, or less.
const quickStart = "-XX:TieredStopAtLevel=1"

// Options say what is special about a node.
type Options struct {
	// Settings of Elasticsearch, beside those that every node for tests gets: "xpack.security.enabled": "true".
	Settings map[string]string
	// Environment of the process, "NAME=value".
	Environment []string
	// HeapMB is the memory of the node; 0 means 1024.
	HeapMB int
	// Password switches security on: it is that of the user elastic, and both become part of the node's URL.
	Password string
}

// Node is an Elasticsearch of the test's own. It ends with the test, and its data with it.
type Node struct {
	// URL is where it answers, the same after a restart.
	URL string

	t       testing.TB
	opts    Options
	script  string
	dir     string
	port    int
	mu      sync.Mutex
	process *exec.Cmd
	leash   *os.File // closed when this process ends, in whatever way; then the node does
	ended   chan struct{}
}

// Start starts a node and returns when it takes writes. It costs about 1.5 GB of memory: one at a time.
func Start(t testing.TB, opts Options) *Node {
	t.Helper()
	n := &Node{t: t, opts: opts, script: installed(t), dir: folder(t), port: freePort(t)}
	if opts.HeapMB == 0 {
		n.opts.HeapMB = 1024
	}
	address := url.URL{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", n.port)}
	if opts.Password != "" {
		address.User = url.UserPassword("elastic", opts.Password)
	}
	n.URL = address.String()
	t.Cleanup(n.Kill)
	n.Restart()
	return n
}

// folder is a new folder that another user may look into, which t.TempDir is not: run by root, Elasticsearch runs as nobody.
func folder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "audittrail-elasticsearch")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("remove the node's data: %v", err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// leashed runs a command in the process group of this shell and kills the group once the pipe on descriptor 3 is closed at its other end:
// an Elasticsearch consists of two processes, and neither may outlive the test.
const leashed = `trap : TERM
(read -r _ <&3; kill -KILL 0) &
exec 3<&-
"$@" & child=$!
while kill -0 $child 2>/dev/null; do wait $child; done`

// Restart starts the node again on the data it has; one that runs is stopped first.
func (n *Node) Restart() {
	n.t.Helper()
	n.Stop()
	n.mu.Lock()
	err := n.launch()
	n.mu.Unlock()
	if err != nil {
		n.t.Fatalf("start Elasticsearch: %v", err)
	}
	if err := n.wait(); err != nil {
		n.t.Fatalf("%v; its log ends with:\n%s", err, tail(n.Logs(), 4000))
	}
}

func (n *Node) launch() error {
	log, err := os.OpenFile(filepath.Join(n.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	held, leash, err := os.Pipe()
	if err != nil {
		return err
	}
	defer held.Close()
	args := []string{"-c", leashed, "leashed", "bash", n.script, "run", strconv.Itoa(n.port), filepath.Join(n.dir, "node")}
	for name, value := range n.opts.Settings {
		args = append(args, "-E", name+"="+value)
	}
	process := exec.Command("bash", args...) // it ends by Stop, Kill or the leash
	process.Stdout, process.Stderr, process.ExtraFiles = log, log, []*os.File{held}
	process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// Nodes of a test's own live for seconds, and are started again and again: the compiler that is quick to begin, and not the one whose code is quick.
	process.Env = append(os.Environ(), fmt.Sprintf("ES_JAVA_OPTS=-Xms%dm -Xmx%dm %s", n.opts.HeapMB, n.opts.HeapMB, quickStart), "CLI_JAVA_OPTS="+quickStart)
	if n.opts.Password != "" {
		process.Env = append(process.Env, "AUDITTRAIL_ELASTICSEARCH_PASSWORD="+n.opts.Password)
	}
	process.Env = append(process.Env, n.opts.Environment...)
	if err := process.Start(); err != nil {
		leash.Close()
		return err
	}
	ended := make(chan struct{})
	n.process, n.leash, n.ended = process, leash, ended
	go func() {
		defer close(ended)
		_ = process.Wait() // killed, as a rule
	}()
	return nil
}

// wait returns once the node takes writes.
func (n *Node) wait() error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(n.t.Context()), startTimeout)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	pause := time.NewTicker(100 * time.Millisecond)
	defer pause.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.URL+"/_cluster/health?wait_for_status=yellow&timeout=5s", http.NoBody)
		if err != nil {
			return err
		}
		if response, err := client.Do(req); err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("no Elasticsearch within %s", startTimeout)
		case <-n.ended:
			return fmt.Errorf("the process of Elasticsearch ended")
		case <-pause.C:
		}
	}
}

// Kill ends the node as kill -9 does, at once and without a last word, and returns when it is gone.
func (n *Node) Kill() { n.end(syscall.SIGKILL) }

// Stop ends the node in good order and returns when it is gone.
func (n *Node) Stop() { n.end(syscall.SIGTERM) }

func (n *Node) end(signal syscall.Signal) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.process == nil {
		return
	}
	group := -n.process.Process.Pid
	_ = syscall.Kill(group, signal) // fails only where it is gone already
	select {
	case <-n.ended:
	case <-time.After(time.Minute):
		n.t.Errorf("Elasticsearch did not end within a minute of %s", signal)
	}
	_ = syscall.Kill(group, syscall.SIGKILL)
	n.leash.Close()
	n.process = nil
	// The group's last process gives its port back when the kernel is done with it.
	for until := time.Now().Add(10 * time.Second); time.Now().Before(until); <-time.After(10 * time.Millisecond) {
		conn, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", n.port), time.Second)
		if err != nil {
			return
		}
		conn.Close()
	}
}

// Pause stops the node's processes where they are, as a machine that hangs does: it takes connections and says nothing. Resume ends it.
func (n *Node) Pause() { n.signal(syscall.SIGSTOP) }

// Resume lets a paused node go on.
func (n *Node) Resume() { n.signal(syscall.SIGCONT) }

func (n *Node) signal(signal syscall.Signal) {
	n.t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.process == nil {
		n.t.Fatal("the node is not running")
	}
	if err := syscall.Kill(-n.process.Process.Pid, signal); err != nil {
		n.t.Fatalf("%s: %v", signal, err)
	}
}

// Logs returns everything that the node has written so far, of all its runs.
func (n *Node) Logs() string {
	log, err := os.ReadFile(filepath.Join(n.dir, "log"))
	if err != nil {
		return err.Error()
	}
	return string(log)
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }

// freePort finds a port that nobody listens on now, with one for the transport beside it (scripts/elasticsearch says which).
func freePort(t testing.TB) int {
	t.Helper()
	for range 50 {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := listener.Addr().(*net.TCPAddr).Port
		beside, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", transportPort(port)))
		listener.Close()
		if err == nil {
			beside.Close()
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

func transportPort(port int) int {
	if port < 60000 {
		return port + 100
	}
	return port - 100
}
