package blob_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/blob"
)

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
