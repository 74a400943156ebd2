package sqlite_test

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/store"
	"github.com/audittrail/audittrail/store/sqlite"
	"github.com/audittrail/audittrail/store/storetest"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(writerDir); dir != "" {
		writeForever(dir)
	}
	goleak.VerifyTestMain(m)
}

func open(t *testing.T, dir string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return s
}

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) func(t *testing.T) store.Store {
		dir := t.TempDir()
		return func(t *testing.T) store.Store { return open(t, dir) }
	})
}

func TestMoving(t *testing.T) {
	storetest.RunMove(t, func(t *testing.T) func(t *testing.T) store.Store {
		dir := t.TempDir()
		return func(t *testing.T) store.Store { return open(t, dir) }
	})
}

func member(id string) audit.Member {
	return audit.Member{Organization: "acme", ID: id, Name: strings.Repeat("name ", 40), Status: audit.MemberActive, Role: audit.RoleMember}
}

func wantCode(t *testing.T, err error, code audit.Code) {
	t.Helper()
	if got := audit.CodeOf(err); got != code {
		t.Errorf("the error is %q (%v), want %q", got, err, code)
	}
}

// raw opens the file of a store beside it.
func raw(t *testing.T, dir string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(dir, sqlite.FileName))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func closeStore(t *testing.T, s *sqlite.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func TestAFileOfANewerVersionIsRefusedAndLeftAsItIs(t *testing.T) {
	dir := t.TempDir()
	closeStore(t, open(t, dir))
	db := raw(t, dir)
	if _, err := db.Exec("PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	_, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
	wantCode(t, err, audit.CodeInvalid)
	if err == nil || !strings.Contains(err.Error(), "version 99") || !strings.Contains(err.Error(), "newer program") {
		t.Errorf("the error does not say what to do: %v", err)
	}
	var version int
	if err := db.QueryRow("PRAGMA user_version").Scan(&version); err != nil || version != 99 {
		t.Errorf("the version is %d, %v", version, err)
	}
}

func TestOpeningMigratesOnce(t *testing.T) {
	dir := t.TempDir()
	for _, want := range []int{1, 0} {
		var log strings.Builder
		s, err := sqlite.Open(t.Context(), dir, sqlite.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		closeStore(t, s)
		if got := strings.Count(log.String(), "store migrated"); got != want {
			t.Errorf("it was migrated %d times, want %d", got, want)
		}
	}
}

func TestManyProcessesMayOpenANewStoreAtOnce(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			s, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
			if err != nil {
				t.Errorf("open: %v", err)
				return
			}
			defer s.Close()
			if _, err := s.Secret(t.Context(), "links"); err != nil {
				t.Errorf("secret: %v", err)
			}
		})
	}
	wg.Wait()
}

func TestFoldersThatCannotHoldAStoreAreRefused(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	garbage := filepath.Join(dir, "garbage")
	if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Mkdir(garbage, 0o700),
		os.WriteFile(filepath.Join(garbage, sqlite.FileName), []byte(strings.Repeat("not a database ", 100)), 0o600)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		dir  string
		code audit.Code
	}{
		"a file":           {file, audit.CodeUnavailable},
		"below a file":     {filepath.Join(file, "below"), audit.CodeUnavailable},
		"another database": {garbage, audit.CodeInternal},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := sqlite.Open(t.Context(), c.dir, sqlite.Options{})
			wantCode(t, err, c.code)
		})
	}
}

func TestAFolderMayHaveAnyName(t *testing.T) {
	parent := t.TempDir()
	for _, name := range []string{"with space", "a?b=c&d", "a#b", "100%25", "späte", "a:b;c"} {
		dir := filepath.Join(parent, name)
		s := open(t, dir)
		if _, err := s.PutMember(t.Context(), member("m")); err != nil {
			t.Errorf("%q: %v", name, err)
		}
		closeStore(t, s)
		if info, err := os.Stat(filepath.Join(dir, sqlite.FileName)); err != nil || info.Size() == 0 {
			t.Errorf("%q: the file is not in its folder: %v", name, err)
		}
	}
	entries, err := os.ReadDir(parent)
	if err != nil || len(entries) != 6 {
		t.Errorf("the parent holds %v, %v", entries, err)
	}
}

func TestFilesAreForTheServersUserOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "data")
	s := open(t, dir)
	defer closeStore(t, s)
	if _, err := s.PutMember(t.Context(), member("m")); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{"": 0o700, "store.db": 0o600, "store.db-wal": 0o600, "store.db-shm": 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != mode {
			t.Errorf("%q: %v, %v; want mode %v", name, info, err, mode)
		}
	}
}

func TestAStoreThatAnotherProcessHoldsIsUnavailable(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	defer closeStore(t, s)
	conn, err := raw(t, dir).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err = s.PutMember(ctx, member("m"))
	wantCode(t, err, audit.CodeUnavailable)
	var e *audit.Error
	if !errors.As(err, &e) || e.RetryAfter <= 0 || strings.Contains(e.Message, dir) || strings.Contains(e.Message, "SQL") {
		t.Errorf("the error shows internals, or no time to come back: %+v", e)
	}
	if _, err := s.Members(t.Context(), "acme", audit.MemberFilter{Limit: 1}); err != nil {
		t.Errorf("reading meanwhile: %v", err)
	}
	if _, err := conn.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutMember(t.Context(), member("m")); err != nil {
		t.Errorf("after the other process let go: %v", err)
	}
}

func TestADiskThatTakesNoMoreIsUnavailableAndLosesNothing(t *testing.T) {
	if !inOwnProcess(t) {
		return
	}
	dir := t.TempDir()
	s := open(t, dir)
	restore := limitFileSize(t, 256<<10)
	stored := 0
	var failed error
	for ; failed == nil && stored < 10_000; stored++ {
		_, failed = s.PutMember(t.Context(), member(fmt.Sprint(stored)))
	}
	stored-- // the last one failed
	wantCode(t, failed, audit.CodeUnavailable)
	if _, err := s.Member(t.Context(), "acme", "0"); err != nil {
		t.Errorf("reading from a full disk: %v", err)
	}
	restore()
	if _, err := s.PutMember(t.Context(), member("after")); err != nil {
		t.Errorf("with room again: %v", err)
	}
	closeStore(t, s)
	s = open(t, dir)
	defer closeStore(t, s)
	if n := count(t, s); n != stored+1 {
		t.Errorf("%d members, want %d", n, stored+1)
	}
}

func count(t *testing.T, s *sqlite.Store) int {
	t.Helper()
	n, after := 0, ""
	for {
		list, err := s.Members(t.Context(), "acme", audit.MemberFilter{After: after, Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 0 {
			return n
		}
		n, after = n+len(list), list[len(list)-1].ID
	}
}

// limitedVariable marks the process in which a test runs whose files must not grow.
const limitedVariable = "AUDITTRAIL_TEST_STORE_LIMITED"

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

// limitFileSize makes the kernel refuse to let any file grow beyond n bytes, as a full disk does, until restore is called.
// For a test inOwnProcess.
func limitFileSize(t *testing.T, n uint64) (restore func()) {
	t.Helper()
	signal.Ignore(syscall.SIGXFSZ)
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: n, Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	restore = func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(restore)
	return restore
}

// writerDir names the folder in which this test program, started again, writes until it is killed.
const writerDir = "AUDITTRAIL_TEST_STORE_WRITER"

// writeForever puts members from several goroutines and prints the id of each once it was acknowledged.
func writeForever(dir string) {
	s, err := sqlite.Open(context.Background(), dir, sqlite.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var mu sync.Mutex
	for worker := range 4 {
		go func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%d-%d", worker, i)
				if _, err := s.PutMember(context.Background(), member(id)); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				mu.Lock()
				fmt.Fprintln(os.Stdout, id)
				mu.Unlock()
			}
		}()
	}
	select {}
}

func TestWhatWasAcknowledgedSurvivesAKill(t *testing.T) {
	dir := t.TempDir()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Env = append(os.Environ(), writerDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var acknowledged []string
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		acknowledged = append(acknowledged, lines.Text())
		if len(acknowledged) == 200 {
			if err := cmd.Process.Kill(); err != nil { // SIGKILL; what it wrote before is still read
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil || len(acknowledged) < 200 {
		t.Fatalf("the writer ended with %v after %d members, want it killed", err, len(acknowledged))
	}
	s := open(t, dir)
	defer closeStore(t, s)
	for _, id := range acknowledged {
		if got, err := s.Member(t.Context(), "acme", id); err != nil || got.Version != 1 {
			t.Errorf("member %s: %+v, %v", id, got, err)
		}
	}
	var verdict string
	if err := raw(t, dir).QueryRow("PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
		t.Errorf("the file is damaged: %s, %v", verdict, err)
	}
}
