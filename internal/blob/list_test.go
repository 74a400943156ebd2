package blob_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/audittrail/audittrail/internal/blob"
)

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
