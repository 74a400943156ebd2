package blob_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/blob"
	"github.com/audittrail/audittrail/internal/s3test"
)

// newStore starts an object store, and puts its credentials into the environment.
func newStore(t *testing.T) *s3test.Store {
	t.Helper()
	for name, value := range s3test.Environment() {
		t.Setenv(name, value)
	}
	return s3test.New(t)
}

// direct is a client of the store that goes past this package.
func direct(t *testing.T, s *s3test.Store) minio.Core {
	t.Helper()
	client, err := minio.New(s.Host, &minio.Options{Creds: credentials.NewStaticV4(s3test.AccessKey, s3test.SecretKey, ""), Region: s3test.Region})
	if err != nil {
		t.Fatal(err)
	}
	return minio.Core{Client: client}
}

// unfinished lists the keys of uploads that were begun and neither finished nor given up.
func unfinished(t *testing.T, s *s3test.Store) []string {
	t.Helper()
	var keys []string
	for u := range direct(t, s).ListIncompleteUploads(t.Context(), s3test.Bucket, "", true) {
		if u.Err != nil {
			t.Fatal(u.Err)
		}
		keys = append(keys, u.Key)
	}
	return keys
}

func TestAFileOfManyPartsIsReadAsItWasWritten(t *testing.T) {
	b := open(t, newStore(t).URL(""))
	content := bytes.Repeat([]byte("0123456789abcdef"), 20<<20/16)
	w, err := b.Create(t.Context(), "exports/acme/e1/events.csv")
	if err != nil {
		t.Fatal(err)
	}
	for chunk := range slices.Chunk(content, 100_000) {
		if _, err := w.Write(chunk); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got := read(t, b, "exports/acme/e1/events.csv"); got != string(content) {
		t.Errorf("%d bytes came back as %d", len(content), len(got))
	}
}

func TestAnObjectThatIsGivenUpLeavesNothing(t *testing.T) {
	for name, giveUp := range map[string]func(w *blob.Writer, cancel context.CancelFunc) error{
		"aborted": func(w *blob.Writer, _ context.CancelFunc) error { return w.Abort() },
		"cancelled": func(w *blob.Writer, cancel context.CancelFunc) error {
			cancel()
			if err := w.Close(); audit.CodeOf(err) != audit.CodeUnavailable {
				return err
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			b := open(t, s.URL(""))
			write(t, b, "e1/a.csv", "old")
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			w, err := b.Create(ctx, "e1/a.csv")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(make([]byte, 9<<20)); err != nil { // one part is in the store
				t.Fatal(err)
			}
			if err := giveUp(w, cancel); err != nil {
				t.Error(err)
			}
			if got := read(t, b, "e1/a.csv"); got != "old" {
				t.Errorf("the old file reads %d bytes", len(got))
			}
			if got := unfinished(t, s); len(got) != 0 {
				t.Errorf("unfinished: %v", got)
			}
		})
	}
}

func TestDeletingAPrefixGivesUpUploadsThatACrashLeft(t *testing.T) {
	s := newStore(t)
	b := open(t, s.URL("audit"))
	for _, key := range []string{"audit/exports/acme/e1/a.csv", "audit/exports/acme/e12/a.csv"} {
		if _, err := direct(t, s).NewMultipartUpload(t.Context(), s3test.Bucket, key, minio.PutObjectOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.DeletePrefix(t.Context(), "exports/acme/e1"); err != nil {
		t.Fatal(err)
	}
	if got := unfinished(t, s); !slices.Equal(got, []string{"audit/exports/acme/e12/a.csv"}) {
		t.Errorf("unfinished: %v", got)
	}
}

func TestTroubleWithTheObjectStoreIsUnavailableAndNamesNoAddress(t *testing.T) {
	s := newStore(t)
	b := open(t, s.URL(""))
	write(t, b, "e1/a.csv", "x")
	for _, status := range []int{http.StatusForbidden, http.StatusServiceUnavailable} {
		s.Fail(status)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		var all sync.WaitGroup
		for what, do := range map[string]func() error{
			"open":   func() error { _, _, err := b.Open(ctx, "e1/a.csv"); return err },
			"delete": func() error { return b.DeletePrefix(ctx, "e1") },
			"ready":  func() error { return b.Ready(ctx) },
			"list": func() error {
				for _, err := range b.List(ctx, "") {
					return err
				}
				return nil
			},
			"write": func() error {
				w, err := b.Create(ctx, "e1/b.csv")
				if err != nil {
					return err
				}
				_, _ = io.WriteString(w, "y")
				return w.Close()
			},
		} {
			all.Go(func() {
				err := do()
				var e *audit.Error
				if !errors.As(err, &e) || e.Code != audit.CodeUnavailable || e.RetryAfter <= 0 {
					t.Errorf("%s at status %d: %v", what, status, err)
				} else if strings.Contains(e.Message, "127.0.0.1") || strings.Contains(err.Error(), s3test.SecretKey) {
					t.Errorf("%s at status %d says too much: %v", what, status, err)
				}
			})
		}
		all.Wait()
		cancel()
	}
	s.Fail(0)
	if got := read(t, b, "e1/a.csv"); got != "x" {
		t.Errorf("afterwards the file reads %q", got)
	}
}

func TestAnObjectStoreThatHangsIsUnavailableWhenTimeIsUp(t *testing.T) {
	s := newStore(t)
	b := open(t, s.URL(""))
	s.Hang(true)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, _, err := b.Open(ctx, "e1/a.csv")
	wantCode(t, err, audit.CodeUnavailable)
	wantCode(t, b.Ready(ctx), audit.CodeUnavailable)
}

func TestAnObjectStoreThatIsAwayAtTheStartIsNoError(t *testing.T) {
	s := newStore(t)
	s.Fail(http.StatusServiceUnavailable)
	b := open(t, s.URL(""))
	s.Fail(0)
	write(t, b, "a.csv", "x")
	if got := read(t, b, "a.csv"); got != "x" {
		t.Errorf("got %q", got)
	}
	if err := b.Ready(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestABucketThatCannotBeUsedIsAnErrorAtTheStart(t *testing.T) {
	s := newStore(t)
	_, err := blob.Open(t.Context(), strings.Replace(s.URL(""), "//files", "//nobody", 1))
	if audit.CodeOf(err) != audit.CodeInvalid || !strings.Contains(err.Error(), "NoSuchBucket") {
		t.Errorf("a bucket that is not there: %v", err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDOTHER")
	_, err = blob.Open(t.Context(), s.URL(""))
	if audit.CodeOf(err) != audit.CodeInvalid || !strings.Contains(err.Error(), "AccessDenied") {
		t.Errorf("a key that does not work: %v", err)
	}
}

func TestURLsOfAnObjectStoreAreCheckedAndNeverRepeated(t *testing.T) {
	for _, url := range []string{
		"s3://", "s3:///folder", "s3://" + s3test.SecretKey + ":" + s3test.SecretKey + "@files", "s3://files:9000", "s3://files#" + s3test.SecretKey,
		"s3://files/../x", "s3://files?secret=" + s3test.SecretKey, "s3://files?region=a&region=" + s3test.SecretKey, "s3://files?endpoint=" + s3test.SecretKey,
		"s3://files?endpoint=https://u:" + s3test.SecretKey + "@host", "s3://files?endpoint=https://host/" + s3test.SecretKey, "s3://files?endpoint=ftp://host",
		"s3://files?path_style=" + s3test.SecretKey, "s3://files?%zz" + s3test.SecretKey, "s3://%zz" + s3test.SecretKey, "s4://" + s3test.SecretKey, "s3://F?endpoint=http://127.0.0.1:1",
	} {
		_, err := blob.Open(t.Context(), url)
		wantCode(t, err, audit.CodeInvalid)
		if err != nil && strings.Contains(err.Error(), s3test.SecretKey) {
			t.Errorf("the error repeats what may be a secret: %v", err)
		}
	}
}
