// Package blob keeps the files of exports in a bucket: a folder on disk, or an object store behind the same few calls.
//
// A file appears whole or not at all, and once Writer.Close has returned it is durable: "ready" survives a power cut. The
// package does not know what an export is, who may read one, nor when one expires.
package blob

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/gcerrors"

	"github.com/audittrail/audittrail/audit"
)

// retryAfter is the advice where the disk or the object store cannot do it now.
const retryAfter = 10 * time.Second

// Bucket is an open bucket. It is safe for concurrent use.
type Bucket struct {
	bucket  *blob.Bucket
	dir     string   // the folder of a file:// bucket, else empty
	objects *objects // of an s3:// bucket, else nil
}

// Entry is one file of a listing.
type Entry struct {
	Key      string
	Size     int64     // in bytes
	Modified time.Time // in UTC
}

// Open opens the bucket of the URL. "file:///var/lib/audittrail/files" is a folder, made where it is missing, open to the
// server's user only; "file://./files" is relative to the working folder. "s3://bucket?endpoint=https://minio.example.com:9000" is a
// bucket in an object store with the S3 API. Other schemes are those of the Go CDK whose driver the program imports; an unknown one is
// CodeInvalid. No error repeats the URL.
func Open(ctx context.Context, rawURL string) (*Bucket, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, audit.InvalidField("url", "is not a URL: it must be like file:///some/folder or s3://bucket")
	}
	switch u.Scheme {
	case fileblob.Scheme:
		return openFolder(u)
	case s3Scheme:
		return openS3(ctx, u)
	}
	if !blob.DefaultURLMux().ValidBucketScheme(u.Scheme) {
		return nil, audit.InvalidField("url", "has the scheme %q, which this program does not know: it must be like file:///some/folder or s3://bucket", u.Scheme)
	}
	bucket, err := blob.OpenBucket(ctx, rawURL)
	if err != nil {
		return nil, fault(err, "open the bucket")
	}
	return &Bucket{bucket: bucket}, nil
}

func openFolder(u *url.URL) (*Bucket, error) {
	dir := u.Path
	switch {
	case u.RawQuery != "" || u.Fragment != "":
		return nil, audit.InvalidField("url", "takes no parameters: file:///some/folder")
	case u.Host == ".":
		dir = strings.TrimPrefix(dir, "/")
	case u.Host != "" && u.Host != "localhost":
		return nil, audit.InvalidField("url", "names the host %q; a folder has three slashes: file:///some/folder", u.Host)
	}
	if strings.Trim(dir, "/") == "" {
		return nil, audit.InvalidField("url", "names no folder: file:///some/folder")
	}
	dir, err := filepath.Abs(filepath.FromSlash(dir))
	if err != nil {
		return nil, fault(err, "find the folder")
	}
	bucket, err := fileblob.OpenBucket(dir, &fileblob.Options{
		CreateDir:   true,
		DirFileMode: 0o700,
		NoTempDir:   true, // a rename is atomic on one disk only
		Metadata:    fileblob.MetadataDontWrite,
	})
	if err != nil {
		return nil, fault(err, "open the folder")
	}
	if err := syncFolder(filepath.Dir(dir)); err != nil {
		return nil, errors.Join(fault(err, "open the folder"), bucket.Close())
	}
	return &Bucket{bucket: bucket, dir: dir}, nil
}

// Open opens a file and tells its size in bytes. What it reads is one version of the file, also where it is replaced or
// deleted meanwhile. CodeNotFound where there is none. ctx bounds the reading too.
func (b *Bucket) Open(ctx context.Context, key string) (io.ReadCloser, int64, error) {
	if err := validate("key", key); err != nil {
		return nil, 0, err
	}
	var file *os.File
	opts := &blob.ReaderOptions{BeforeRead: func(as func(any) bool) error {
		as(&file)
		return nil
	}}
	r, err := b.bucket.NewReader(ctx, key, opts)
	if err != nil {
		return nil, 0, fault(err, "open the file")
	}
	if file == nil {
		return r, r.Size(), nil
	}
	// The driver asked for the size before it opened the file, which may have been replaced in between.
	info, err := file.Stat()
	if err != nil {
		return nil, 0, errors.Join(fault(err, "open the file"), r.Close())
	}
	return r, info.Size(), nil
}

// Ready returns nil when files can be listed: the folder is there, or the object store answers and accepts the credentials.
func (b *Bucket) Ready(ctx context.Context) error {
	if b.dir == "" {
		_, err := b.bucket.IsAccessible(ctx)
		if err != nil {
			return fault(err, "reach the files of exports")
		}
		return nil
	}
	if _, err := os.Stat(b.dir); err != nil {
		return audit.Unavailable(err, retryAfter, "the folder of export files cannot be read")
	}
	return nil
}

// DeletePrefix deletes every file below the prefix, the folders that held them, and what a crash left of files that were being
// written there. The prefix is whole parts of a key: "exports/acme" does not touch "exports/acme2". Nothing there is not an error.
func (b *Bucket) DeletePrefix(ctx context.Context, prefix string) error {
	if err := validate("prefix", prefix); err != nil {
		return err
	}
	if b.dir != "" {
		return b.removeFolder(ctx, prefix)
	}
	if b.objects != nil {
		if err := b.objects.abortUploads(ctx, prefix); err != nil {
			return fault(err, "delete the files")
		}
	}
	for entry, err := range b.List(ctx, prefix) {
		if err != nil {
			return err
		}
		if err := b.bucket.Delete(ctx, entry.Key); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
			return fault(err, "delete the file")
		}
	}
	return nil
}

func (b *Bucket) removeFolder(ctx context.Context, prefix string) error {
	if err := ctx.Err(); err != nil {
		return fault(err, "delete the files")
	}
	folder := filepath.Join(b.dir, filepath.FromSlash(prefix))
	if info, err := os.Lstat(folder); err == nil && !info.IsDir() {
		return nil // a file of that name is not below it
	}
	if err := os.RemoveAll(folder); err != nil {
		return fault(err, "delete the files")
	}
	if err := syncFolder(filepath.Dir(folder)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fault(err, "delete the files")
	}
	return nil
}

// List yields the files below the prefix (whole parts of a key; "" means all) in no particular order. In a folder that
// includes what a crash left of a file that was being written: its key with a suffix that ends in ".tmp". An error ends the listing.
func (b *Bucket) List(ctx context.Context, prefix string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		err := error(nil)
		if prefix != "" {
			err = validate("prefix", prefix)
		}
		switch {
		case err != nil:
		case b.dir != "":
			err = b.walkFolder(ctx, prefix, yield)
		default:
			err = b.listObjects(ctx, prefix, yield)
		}
		if err != nil && !errors.Is(err, errStopped) {
			yield(Entry{}, err)
		}
	}
}

// errStopped says that the consumer of a listing has seen enough.
var errStopped = errors.New("stopped")

// walkFolder lists a folder. The driver's own listing is not used: it pages by key but walks in another order, and so can
// leave files out where there are more than a page, and it passes over what it cannot read.
func (b *Bucket) walkFolder(ctx context.Context, prefix string, yield func(Entry, error) bool) error {
	return filepath.WalkDir(filepath.Join(b.dir, filepath.FromSlash(prefix)), func(path string, d fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil && d.IsDir() {
			return nil
		}
		var info fs.FileInfo
		if err == nil {
			info, err = d.Info()
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // deleted meanwhile
		}
		var key string
		if err == nil {
			key, err = filepath.Rel(b.dir, path)
		}
		if err != nil {
			return fault(err, "list the files")
		}
		if !yield(Entry{Key: filepath.ToSlash(key), Size: info.Size(), Modified: info.ModTime().UTC()}, nil) {
			return errStopped
		}
		return nil
	})
}

func (b *Bucket) listObjects(ctx context.Context, prefix string, yield func(Entry, error) bool) error {
	opts := &blob.ListOptions{}
	if prefix != "" {
		opts.Prefix = prefix + "/"
	}
	for objects := b.bucket.List(opts); ; {
		o, err := objects.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fault(err, "list the files")
		}
		if !yield(Entry{Key: o.Key, Size: o.Size, Modified: o.ModTime.UTC()}, nil) {
			return errStopped
		}
	}
}

// Close releases the bucket.
func (b *Bucket) Close() error {
	if err := b.bucket.Close(); err != nil {
		return fault(err, "close the bucket")
	}
	return nil
}

var keyPart = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,149}$`)

const maxKeyBytes = 700

// validate refuses every key that could mean anything but a file below the bucket, on any disk or object store, or that
// the driver would rewrite.
func validate(field, key string) error {
	if len(key) > maxKeyBytes {
		return audit.InvalidField(field, "has %d bytes, %d are allowed", len(key), maxKeyBytes)
	}
	for part := range strings.SplitSeq(key, "/") {
		if !keyPart.MatchString(part) || strings.Contains(part, "..") || strings.Contains(part, "__0x") || strings.HasSuffix(part, ".attrs") {
			return audit.InvalidField(field, "is parts of letters, digits, '.', '_' and '-', beginning with a letter or digit, "+
				"at most 150 bytes each, with a '/' between them")
		}
	}
	return nil
}

// fault makes a driver's error one of the domain.
func fault(err error, doing string) error {
	var store storeError
	switch {
	case gcerrors.Code(err) == gcerrors.NotFound:
		return audit.NotFound("file")
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), gcerrors.Code(err) == gcerrors.ResourceExhausted,
		gcerrors.Code(err) == gcerrors.DeadlineExceeded:
		return audit.Unavailable(err, retryAfter, "could not %s in time", doing)
	case errors.As(err, &store) && storeCode(err) != "":
		return audit.Unavailable(err, retryAfter, "could not %s: the object store answers %s", doing, storeCode(err))
	case errors.As(err, &store):
		return audit.Unavailable(err, retryAfter, "could not %s: the object store does not answer", doing)
	}
	for _, no := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG, syscall.EIO, syscall.EROFS, syscall.EMFILE, syscall.ENFILE,
		syscall.EACCES, syscall.EPERM} {
		if errors.Is(err, no) {
			return audit.Unavailable(err, retryAfter, "could not %s: %s", doing, no.Error())
		}
	}
	return audit.WithCause(audit.CodeInternal, err, "could not %s", doing)
}
