package test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// root is the module's root, seen from this folder.
const root = ".."

// work is a folder for all tests of the run.
var work string

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "test:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	work, err = os.MkdirTemp("", "audittrail-test-")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	if err := oneMoreAtOnce(); err != nil {
		return 1, err
	}
	code = m.Run()
	err = shared.end()
	if code == 0 && err == nil {
		err = goleak.Find(
			// fasthttp keeps its clock for the life of the process, and its pools notice only after ten seconds that they were stopped.
			goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
			goleak.IgnoreAnyFunction("github.com/valyala/fasthttp/stackless.funcWorker"), goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
	}
	return code, err
}

// oneMoreAtOnce lets one more test run at the same time than there are processors, where the command line does not say how many:
// one of them spends its time waiting for a timeout of Temporal's.
func oneMoreAtOnce() error {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "test.parallel" })
	if asked {
		return nil
	}
	return flag.Set("test.parallel", strconv.Itoa(runtime.GOMAXPROCS(0)+1))
}

// binary is the real program, built once: with the embedded Temporal server, and without the race detector.
var binary = sync.OnceValues(func() (string, error) { return build("audittrail", "./standalone") })

// production is the same without the embedded Temporal server.
var production = sync.OnceValues(func() (string, error) { return build("audittrail-production", "./cmd/audittrail") })

func build(name, from string) (string, error) {
	path, err := filepath.Abs(filepath.Join(root, "bin", "test", name))
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	build := exec.CommandContext(ctx, "go", "build", "-o", path, from)
	build.Dir = root
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the program: %w\n%s", err, output)
	}
	return path, nil
}
