package test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is a running child.
type process struct {
	cmd    *exec.Cmd
	stdout output
	stderr output
	done   chan struct{} // closed when it has ended
	err    error         // how it ended; read after done
}

// output keeps what a child writes.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// spawn starts the program. Its environment is this one's without our own settings, and env.
func spawn(dir string, env []string, stdin io.Reader, args ...string) (*process, error) {
	path, err := binary()
	if err != nil {
		return nil, err
	}
	return spawnBinary(path, dir, env, stdin, args...)
}

func spawnBinary(path, dir string, env []string, stdin io.Reader, args ...string) (*process, error) {
	p := &process{cmd: exec.Command(path, args...), done: make(chan struct{})}
	p.cmd.Dir = dir
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "AUDITTRAIL_") {
			p.cmd.Env = append(p.cmd.Env, v)
		}
	}
	p.cmd.Env = append(p.cmd.Env, env...)
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = stdin, &p.stdout, &p.stderr
	p.cmd.SysProcAttr = leashed()
	p.cmd.WaitDelay = 5 * time.Second
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// kill ends the child and all that it started at once, as kill -9 does, and returns when it is gone.
func (p *process) kill() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.done
}

// end asks the child to end, and kills it where it does not.
func (p *process) end() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.NewTimer(40 * time.Second)
	defer timer.Stop()
	select {
	case <-p.done:
		return p.err
	case <-timer.C:
		p.kill()
		return fmt.Errorf("%s did not end within 40 s of SIGTERM:\n%s", p.cmd.Args, p.stderr.String())
	}
}

// result is what a command of the program did.
type result struct {
	code           int
	stdout, stderr string
}

func (r result) String() string {
	return fmt.Sprintf("exit code %d\nstdout:\n%s\nstderr:\n%s", r.code, r.stdout, r.stderr)
}

// command is the program run to its end.
type command struct {
	path  string // of the program; "" is the one with the embedded Temporal server
	env   []string
	stdin io.Reader
	dir   string
}

// run runs the program with the arguments.
func (c command) run(t *testing.T, args ...string) result {
	t.Helper()
	if c.dir == "" {
		c.dir = t.TempDir()
	}
	begin := spawn
	if c.path != "" {
		begin = func(dir string, env []string, stdin io.Reader, args ...string) (*process, error) {
			return spawnBinary(c.path, dir, env, stdin, args...)
		}
	}
	p, err := begin(c.dir, c.env, c.stdin, args...)
	if err != nil {
		t.Fatal(err)
	}
	timer := time.NewTimer(2 * time.Minute)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		p.kill()
		t.Fatalf("audittrail %s: not done within two minutes\n%s%s", strings.Join(args, " "), p.stdout.String(), p.stderr.String())
	}
	var exit *exec.ExitError
	if p.err != nil && !errors.As(p.err, &exit) {
		t.Fatal(p.err)
	}
	return result{code: p.cmd.ProcessState.ExitCode(), stdout: p.stdout.String(), stderr: p.stderr.String()}
}

// want runs the program and fails the test where it does not end with the code.
func (c command) want(t *testing.T, code int, args ...string) result {
	t.Helper()
	r := c.run(t, args...)
	if r.code != code {
		t.Fatalf("audittrail %s: want exit code %d, got %s", strings.Join(args, " "), code, r)
	}
	return r
}

// freeAddress is an address of this machine that nobody listens on. Nothing holds it for us, but the kernel hands free ports out in turn.
func freeAddress() (string, error) {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// within calls check, at once and then every 20 ms, until it returns nil, and fails the test with its last error when the time is up.
func within(t *testing.T, limit time.Duration, check func() error) {
	t.Helper()
	if err := poll(t.Context(), limit, check); err != nil {
		t.Fatalf("within %s: %v", limit, err)
	}
}

func poll(ctx context.Context, limit time.Duration, check func() error) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-timer.C:
			return err
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		}
	}
}

// awaitReady returns once the server says that it is ready.
func awaitReady(ctx context.Context, url string, died <-chan struct{}) error {
	return poll(ctx, 90*time.Second, func() error {
		select {
		case <-died:
			return errors.New("the server ended")
		default:
		}
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", nil)
		if err != nil {
			return err
		}
		answer, err := plain.Do(request)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			body, _ := io.ReadAll(answer.Body)
			return fmt.Errorf("not ready: %s", body)
		}
		return nil
	})
}
