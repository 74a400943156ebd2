package blob_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
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
