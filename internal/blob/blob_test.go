package blob_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	_ "gocloud.dev/blob/memblob"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/blob"
)

func open(t *testing.T, url string) *blob.Bucket {
	t.Helper()
	b, err := blob.Open(t.Context(), url)
	if err != nil {
		t.Fatalf("open %s: %v", url, err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return b
}

// everyBucket runs a test on a folder, in an object store and in memory.
func everyBucket(t *testing.T, f func(t *testing.T, b *blob.Bucket)) {
	t.Helper()
	t.Run("folder", func(t *testing.T) { f(t, open(t, "file://"+filepath.Join(t.TempDir(), "new", "files"))) })
	t.Run("object store", func(t *testing.T) { f(t, open(t, newStore(t).URL(""))) })
	t.Run("folder of an object store", func(t *testing.T) { f(t, open(t, newStore(t).URL("audit/files"))) })
	t.Run("memory", func(t *testing.T) { f(t, open(t, "mem://")) })
}

func write(t *testing.T, b *blob.Bucket, key, content string) {
	t.Helper()
	w, err := b.Create(t.Context(), key)
	if err != nil {
		t.Fatalf("create %s: %v", key, err)
	}
	if _, err := io.WriteString(w, content); err != nil {
		t.Fatalf("write %s: %v", key, err)
	}
	if err := w.Close(); err != nil {
		t.Fatalf("close %s: %v", key, err)
	}
}

func read(t *testing.T, b *blob.Bucket, key string) string {
	t.Helper()
	r, size, err := b.Open(t.Context(), key)
	if err != nil {
		t.Fatalf("open %s: %v", key, err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil || int64(len(data)) != size {
		t.Fatalf("read %s: %d bytes of %d, %v", key, len(data), size, err)
	}
	return string(data)
}

func list(t *testing.T, b *blob.Bucket, prefix string) []string {
	t.Helper()
	keys := []string{}
	for entry, err := range b.List(t.Context(), prefix) {
		if err != nil {
			t.Fatalf("list %q: %v", prefix, err)
		}
		keys = append(keys, fmt.Sprintf("%s %d", entry.Key, entry.Size))
	}
	slices.Sort(keys)
	return keys
}

func wantCode(t *testing.T, err error, code audit.Code) {
	t.Helper()
	if got := audit.CodeOf(err); got != code {
		t.Errorf("the error is %q (%v), want %q", got, err, code)
	}
}

// names lists everything in a folder, with its parts.
func names(t *testing.T, dir string) []string {
	t.Helper()
	found := []string{}
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if rel, _ := filepath.Rel(dir, path); rel != "." {
			found = append(found, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestAFileIsReadAsItWasWritten(t *testing.T) {
	everyBucket(t, func(t *testing.T, b *blob.Bucket) {
		for _, content := range []string{"", "a", strings.Repeat("0123456789", 100_000)} {
			write(t, b, "exports/acme/e1/events.csv", content)
			if got := read(t, b, "exports/acme/e1/events.csv"); got != content {
				t.Errorf("%d bytes came back as %d", len(content), len(got))
			}
		}
	})
}

func TestAFileAppearsOnlyWhenItIsClosed(t *testing.T) {
	everyBucket(t, func(t *testing.T, b *blob.Bucket) {
		w, err := b.Create(t.Context(), "exports/acme/e1/events.csv")
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, "half")
		_, _, err = b.Open(t.Context(), "exports/acme/e1/events.csv")
		wantCode(t, err, audit.CodeNotFound)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if got := read(t, b, "exports/acme/e1/events.csv"); got != "half" {
			t.Errorf("got %q", got)
		}
		if err := w.Abort(); err != nil {
			t.Errorf("abort after close: %v", err)
		}
		if got := read(t, b, "exports/acme/e1/events.csv"); got != "half" {
			t.Errorf("after a late abort got %q", got)
		}
		wantCode(t, w.Close(), audit.CodeInternal)
		_, err = w.Write([]byte("more"))
		wantCode(t, err, audit.CodeInternal)
	})
}

func TestAbortLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	b := open(t, "file://"+dir)
	write(t, b, "e1/a.csv", "old")
	w, err := b.Create(t.Context(), "e1/a.csv")
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, "new")
	if err := w.Abort(); err != nil {
		t.Errorf("abort: %v", err)
	}
	if got := names(t, dir); !slices.Equal(got, []string{"e1", "e1/a.csv"}) {
		t.Errorf("the folder holds %v", got)
	}
	if got := read(t, b, "e1/a.csv"); got != "old" {
		t.Errorf("the old file reads %q", got)
	}
}

func TestAContextThatEndsLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	b := open(t, "file://"+dir)
	ctx, cancel := context.WithCancel(t.Context())
	w, err := b.Create(ctx, "e1/a.csv")
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, "new")
	cancel()
	wantCode(t, w.Close(), audit.CodeUnavailable)
	if got := names(t, dir); !slices.Equal(got, []string{"e1"}) {
		t.Errorf("the folder holds %v", got)
	}
	wantCode(t, b.DeletePrefix(ctx, "e1"), audit.CodeUnavailable)
	for _, err := range b.List(ctx, "") {
		wantCode(t, err, audit.CodeUnavailable)
	}
}

func TestFilesAreForTheServersUserOnlyAndHaveNoSidecars(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "files")
	b := open(t, "file://"+dir)
	write(t, b, "exports/acme/a.csv", "x")
	if got := names(t, dir); !slices.Equal(got, []string{"exports", "exports/acme", "exports/acme/a.csv"}) {
		t.Errorf("the folder holds %v", got)
	}
	for name, mode := range map[string]os.FileMode{"": 0o700, "exports/acme": 0o700, "exports/acme/a.csv": 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != mode {
			t.Errorf("%q has mode %v, %v; want %v", name, info.Mode().Perm(), err, mode)
		}
	}
}

func TestOverwritingIsAtomicForConcurrentReaders(t *testing.T) {
	b := open(t, "file://"+t.TempDir())
	version := func(i int) string { return strings.Repeat(string(rune('a'+i%26)), 1000+i) }
	write(t, b, "a.csv", version(0))
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				r, size, err := b.Open(context.Background(), "a.csv")
				if err != nil {
					t.Errorf("open: %v", err)
					return
				}
				data, err := io.ReadAll(r)
				r.Close()
				if err != nil || int64(len(data)) != size || len(data) < 1000 || string(data) != version(len(data)-1000) {
					t.Errorf("read a mix: %d bytes of %d, %v", len(data), size, err)
					return
				}
			}
		})
	}
	for i := range 100 {
		write(t, b, "a.csv", version(i+1))
	}
	close(stop)
	readers.Wait()
}

func TestListingShowsWhatIsBelowThePrefix(t *testing.T) {
	everyBucket(t, func(t *testing.T, b *blob.Bucket) {
		for _, key := range []string{"exports/acme/e2/b.csv", "exports/acme/e1/a.csv", "exports/acme2/e1/a.csv", "exports/acme.csv"} {
			write(t, b, key, key)
		}
		if got := list(t, b, "exports/acme"); !slices.Equal(got, []string{"exports/acme/e1/a.csv 21", "exports/acme/e2/b.csv 21"}) {
			t.Errorf("below exports/acme: %v", got)
		}
		if got := list(t, b, ""); len(got) != 4 {
			t.Errorf("everything: %v", got)
		}
		if got := list(t, b, "nothing"); len(got) != 0 {
			t.Errorf("below nothing: %v", got)
		}
		for range b.List(t.Context(), "") {
			break // a consumer may stop
		}
	})
}

func TestAListingHasEveryFileHoweverMany(t *testing.T) {
	dir := t.TempDir()
	store := newStore(t)
	buckets := map[string]*blob.Bucket{"folder": open(t, "file://"+dir), "memory": open(t, "mem://"), "object store": open(t, store.URL("a/b"))}
	for i := range 2500 {
		if err := store.Put(fmt.Sprintf("a/b/e-%d/a.csv", i)); err != nil {
			t.Fatal(err)
		}
		write(t, buckets["memory"], fmt.Sprintf("e-%d/a.csv", i), "")
		if err := os.MkdirAll(filepath.Join(dir, fmt.Sprintf("e-%d", i)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("e-%d", i), "a.csv"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, b := range buckets {
		got := list(t, b, "")
		if got = slices.Compact(got); len(got) != 2500 || !strings.HasPrefix(got[0], "e-0/a.csv") {
			t.Errorf("%s: %d files, want 2500", name, len(got))
		}
	}
}

func TestDeletingAPrefixTakesItsFoldersAndNothingElse(t *testing.T) {
	everyBucket(t, func(t *testing.T, b *blob.Bucket) {
		for _, key := range []string{"exports/acme/e1/a.csv", "exports/acme/e1/deep/b.csv", "exports/acme/e12/a.csv"} {
			write(t, b, key, "x")
		}
		if err := b.DeletePrefix(t.Context(), "exports/acme/e12/a.csv"); err != nil {
			t.Fatal(err)
		}
		for range 2 { // deleting again is not an error
			if err := b.DeletePrefix(t.Context(), "exports/acme/e1"); err != nil {
				t.Fatal(err)
			}
			if got := list(t, b, ""); !slices.Equal(got, []string{"exports/acme/e12/a.csv 1"}) {
				t.Errorf("left: %v", got)
			}
		}
		if err := b.DeletePrefix(t.Context(), "no/such/folder"); err != nil {
			t.Errorf("nothing to delete: %v", err)
		}
	})
}

func TestDeletingAPrefixRemovesWhatACrashLeft(t *testing.T) {
	dir := t.TempDir()
	b := open(t, "file://"+dir)
	w, err := b.Create(t.Context(), "exports/acme/e1/a.csv")
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, "half")
	if got := list(t, b, "exports"); len(got) != 1 || !strings.Contains(got[0], "exports/acme/e1/a.csv.") || !strings.Contains(got[0], ".tmp ") {
		t.Errorf("the listing shows %v, want the unfinished file", got)
	}
	if err := b.DeletePrefix(t.Context(), "exports/acme/e1"); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); !slices.Equal(got, []string{"exports", "exports/acme"}) {
		t.Errorf("left: %v", got)
	}
	if err := w.Close(); err == nil {
		t.Error("a file whose folder is gone was closed without an error")
	}
}

func TestHostileKeysAreRefusedEverywhere(t *testing.T) {
	everyBucket(t, func(t *testing.T, b *blob.Bucket) {
		keys := []string{"", "/", "/etc/passwd", "a/../b", "..", "a/..", "a//b", "a/", ".hidden", "a/.b", "a\\b", "a\x00b", "a\nb", "a b", "ä",
			"C:x", "a..b", "x.attrs", "x.attrs/y", "__0x2f__", "a/b__0x2e__", strings.Repeat("a", 151), strings.Repeat("aa/", 250) + "a", "%2e%2e/x", "\xff"}
		for _, key := range keys {
			_, err := b.Create(t.Context(), key)
			wantCode(t, err, audit.CodeInvalid)
			_, _, err = b.Open(t.Context(), key)
			wantCode(t, err, audit.CodeInvalid)
			wantCode(t, b.DeletePrefix(t.Context(), key), audit.CodeInvalid)
			if key == "" {
				continue
			}
			for _, err := range b.List(t.Context(), key) {
				wantCode(t, err, audit.CodeInvalid)
			}
		}
	})
}

func TestAFolderIsNotAFile(t *testing.T) {
	b := open(t, "file://"+t.TempDir())
	write(t, b, "exports/acme/a.csv", "x")
	_, _, err := b.Open(t.Context(), "exports/acme")
	wantCode(t, err, audit.CodeNotFound)
}

func TestURLsThatNameNoBucketAreRefusedWithAnAdvice(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for url, code := range map[string]audit.Code{
		"":                          audit.CodeInvalid,
		"/var/files":                audit.CodeInvalid,
		"ftp://host/x":              audit.CodeInvalid,
		"file://":                   audit.CodeInvalid,
		"file:///":                  audit.CodeInvalid,
		"file://.":                  audit.CodeInvalid,
		"file://host/dir":           audit.CodeInvalid,
		"file:///dir?metadata=":     audit.CodeInvalid,
		"file:///%zz":               audit.CodeInvalid,
		"mem://?unknown=1":          audit.CodeInternal,
		"file://" + file:            audit.CodeInternal,
		"file://" + file + "/below": audit.CodeInternal,
	} {
		_, err := blob.Open(t.Context(), url)
		if audit.CodeOf(err) != code {
			t.Errorf("%q: %v, want %q", url, err, code)
		}
	}
}

func TestARelativeFolderIsBelowTheWorkingFolder(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	b := open(t, "file://./data/files")
	write(t, b, "a.csv", "x")
	if got := names(t, dir); !slices.Equal(got, []string{"data", "data/files", "data/files/a.csv"}) {
		t.Errorf("the working folder holds %v", got)
	}
}

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
