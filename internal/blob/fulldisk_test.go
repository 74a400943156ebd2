package blob_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/audittrail/audittrail/audit"
)

func TestADiskThatTakesNoMoreIsUnavailableAndLeavesNothing(t *testing.T) {
	if !inOwnProcess(t) {
		return
	}
	dir := t.TempDir()
	b := open(t, "file://"+dir)
	limitFileSize(t, 4096)
	w, err := b.Create(t.Context(), "a.csv")
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(w, bytes.NewReader(make([]byte, 10_000)))
	wantCode(t, err, audit.CodeUnavailable)
	var e *audit.Error
	if !errors.As(err, &e) || e.RetryAfter <= 0 || strings.Contains(e.Message, dir) {
		t.Errorf("the error names a path or no time to come back: %+v", e)
	}
	_, err = w.Write([]byte("more"))
	wantCode(t, err, audit.CodeUnavailable)
	wantCode(t, w.Close(), audit.CodeUnavailable)
	if got := names(t, dir); len(got) != 0 {
		t.Errorf("the folder holds %v", got)
	}
}

// limitedVariable marks the process in which a test runs whose files must not grow.
const limitedVariable = "AUDITTRAIL_TEST_BLOB_LIMITED"

// inOwnProcess says whether this is the test's own process, and otherwise starts that and waits for it: a limit of the process would also
// hit the files that `go test` itself writes.
func inOwnProcess(t *testing.T) bool {
	t.Helper()
	if os.Getenv(limitedVariable) != "" {
		return true
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), limitedVariable+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("--- PASS: "+t.Name())) {
		t.Errorf("in a process of its own: %v\n%s", err, out)
	}
	return false
}

// limitFileSize makes the kernel refuse to let any file grow beyond n bytes, as a full disk does. For a
// test inOwnProcess.
func limitFileSize(t *testing.T, n uint64) {
	t.Helper()
	signal.Ignore(syscall.SIGXFSZ)
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: n, Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
			t.Error(err)
		}
		signal.Reset(syscall.SIGXFSZ)
	})
}
