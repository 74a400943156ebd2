package blob

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"gocloud.dev/blob"

	"github.com/audittrail/audittrail/audit"
)

// Writer writes one file. The file appears under its key when Close returns nil, and not before; one that was there
// is replaced in the same moment. Either Close or Abort has to be called; calling Abort after Close changes nothing, so that it can be deferred.
// A Writer is for one goroutine.
type Writer struct {
	w      *blob.Writer
	cancel context.CancelFunc
	dir    string
	key    string
	file   *os.File // of a file:// bucket, under its temporary name
	err    error    // of the first write that failed
	done   bool
}

// Create begins a file. The context bounds the whole writing: when it ends, Close fails and nothing appears.
func (b *Bucket) Create(ctx context.Context, key string) (*Writer, error) {
	if err := validate("key", key); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	w := &Writer{cancel: cancel, dir: b.dir, key: key}
	bw, err := b.bucket.NewWriter(ctx, key, &blob.WriterOptions{
		ContentType: "application/octet-stream", // named, so that the driver opens the file now and not at the first write
		BeforeWrite: func(as func(any) bool) error {
			if as(&w.file) {
				return w.file.Chmod(0o600)
			}
			return nil
		},
	})
	if err != nil {
		cancel()
		return nil, fault(err, "create the file")
	}
	w.w = bw
	return w, nil
}

// Write appends p. After an error the file cannot be completed: Close will fail too.
func (w *Writer) Write(p []byte) (int, error) {
	if w.done {
		return 0, errDone()
	}
	if w.err != nil {
		return 0, w.err
	}
	n, err := w.w.Write(p)
	if err != nil {
		w.err = fault(err, "write the file")
	}
	return n, w.err
}

func errDone() error {
	return audit.Errorf(audit.CodeInternal, "the file was closed or aborted already")
}

// Close makes the file durable and visible. On an error there is no new file, but where the very last step failed: the caller
// writes it again, or deletes it.
func (w *Writer) Close() error {
	if w.done {
		return errDone()
	}
	if w.err == nil && w.file != nil {
		// First the content, then its name: a name must never stand for what is not on the disk yet.
		if err := w.file.Sync(); err != nil {
			w.err = fault(err, "write the file")
		}
	}
	if w.err != nil {
		return errors.Join(w.err, w.Abort())
	}
	w.done = true
	defer w.cancel()
	if err := w.w.Close(); err != nil {
		return errors.Join(fault(err, "write the file"), w.removeTemporary())
	}
	if w.file == nil {
		return nil
	}
	return w.syncFolders()
}

// Abort gives the file up; nothing of it stays.
func (w *Writer) Abort() error {
	if w.done {
		return nil
	}
	w.done = true
	w.cancel()
	_ = w.w.Close() // with its context ended it gives up, and says so
	return w.removeTemporary()
}

// removeTemporary makes sure that the driver left nothing behind.
func (w *Writer) removeTemporary() error {
	if w.file == nil {
		return nil
	}
	if err := os.Remove(w.file.Name()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fault(err, "remove the unfinished file")
	}
	return nil
}

// syncFolders makes the names durable: of the file and of every folder on the way to it, any of which may be new.
func (w *Writer) syncFolders() error {
	folder := w.dir
	parts := strings.Split(w.key, "/")
	for i := range parts {
		if i > 0 {
			folder = filepath.Join(folder, parts[i-1])
		}
		if err := syncFolder(folder); err != nil {
			return fault(err, "write the file")
		}
	}
	return nil
}

func syncFolder(folder string) error {
	f, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
