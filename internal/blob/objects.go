package blob

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/minio/minio-go/v7"
	"gocloud.dev/blob/driver"
	"gocloud.dev/gcerrors"
)

// objects is a driver of the Go CDK for a bucket in an object store. The CDK's own brings the whole AWS SDK: nine megabytes of program,
// where this client is two.
type objects struct {
	core      minio.Core
	bucket    string
	folder    string // in front of every key: "" or with a "/" at its end
	transport *http.Transport
}

// storeError marks an error as the object store's.
type storeError struct{ error }

// Unwrap returns the client's error.
func (e storeError) Unwrap() error { return e.error }

// storeCode is what the object store answered, as "AccessDenied"; "" where it did not answer.
func storeCode(err error) string {
	var answer minio.ErrorResponse
	if !errors.As(err, &answer) {
		return ""
	}
	return answer.Code
}

// refusal is the code of an answer that will not change by itself, else "".
func refusal(err error) string {
	switch code := storeCode(err); code {
	case minio.NoSuchBucket, minio.AccessDenied, "InvalidBucketName", "InvalidAccessKeyId", "SignatureDoesNotMatch",
		"PermanentRedirect", "AuthorizationHeaderMalformed", "AllAccessDisabled", "InvalidRegion":
		return code
	}
	return ""
}

func marked(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return storeError{err}
}

// check asks for the first file of the bucket: it needs the same rights as a listing.
func (o *objects) check(ctx context.Context) error {
	_, err := o.ListPaged(ctx, &driver.ListOptions{PageSize: 1})
	return err
}

// ErrorCode says what kind of error it is.
func (o *objects) ErrorCode(err error) gcerrors.ErrorCode {
	switch {
	case storeCode(err) == minio.NoSuchKey:
		return gcerrors.NotFound
	case errors.Is(err, errNotOffered):
		return gcerrors.Unimplemented
	}
	return gcerrors.Unknown
}

// As offers nothing.
func (o *objects) As(any) bool { return false }

// ErrorAs offers nothing.
func (o *objects) ErrorAs(error, any) bool { return false }

var errNotOffered = errors.New("not offered")

// Attributes describes an object.
func (o *objects) Attributes(ctx context.Context, key string) (*driver.Attributes, error) {
	info, err := o.core.StatObject(ctx, o.bucket, o.folder+key, minio.StatObjectOptions{})
	if err != nil {
		return nil, marked(err)
	}
	return &driver.Attributes{ContentType: info.ContentType, ModTime: info.LastModified, Size: info.Size, ETag: info.ETag}, nil
}

// maxListed is how many objects a page holds.
const maxListed = 1000

// ListPaged lists a page of objects. The token is the last key of the page before.
func (o *objects) ListPaged(ctx context.Context, opts *driver.ListOptions) (*driver.ListPage, error) {
	if opts.Delimiter != "" {
		return nil, errNotOffered
	}
	size := opts.PageSize
	if size <= 0 || size > maxListed {
		size = maxListed
	}
	withoutOwner := false
	page := &driver.ListPage{}
	found := o.core.ListObjectsIter(ctx, o.bucket, minio.ListObjectsOptions{
		Prefix: o.folder + opts.Prefix, Recursive: true, MaxKeys: size, StartAfter: string(opts.PageToken), FetchOwner: &withoutOwner,
	})
	for object := range found {
		if object.Err != nil {
			return nil, marked(object.Err)
		}
		if len(page.Objects) == size {
			page.NextPageToken = []byte(o.folder + page.Objects[size-1].Key)
			break
		}
		page.Objects = append(page.Objects, &driver.ListObject{
			Key: strings.TrimPrefix(object.Key, o.folder), ModTime: object.LastModified, Size: object.Size,
		})
	}
	return page, ctx.Err()
}

// NewRangeReader reads an object: one version of it, by one request.
func (o *objects) NewRangeReader(ctx context.Context, key string, offset, length int64, opts *driver.ReaderOptions) (driver.Reader, error) {
	if offset != 0 || length >= 0 {
		return nil, errNotOffered
	}
	if opts.BeforeRead != nil {
		if err := opts.BeforeRead(o.As); err != nil {
			return nil, err
		}
	}
	body, info, _, err := o.core.GetObject(ctx, o.bucket, o.folder+key, minio.GetObjectOptions{})
	if err != nil {
		return nil, marked(err)
	}
	return &download{body, driver.ReaderAttributes{ContentType: info.ContentType, ModTime: info.LastModified, Size: info.Size}}, nil
}

// download is an object that is being read.
type download struct {
	io.ReadCloser
	attributes driver.ReaderAttributes
}

// Attributes describes it.
func (d *download) Attributes() *driver.ReaderAttributes { return &d.attributes }

// As offers nothing.
func (d *download) As(any) bool { return false }

// NewTypedWriter begins an object, which appears when its Writer is closed.
func (o *objects) NewTypedWriter(ctx context.Context, key, contentType string, opts *driver.WriterOptions) (driver.Writer, error) {
	if opts.BeforeWrite != nil {
		if err := opts.BeforeWrite(o.As); err != nil {
			return nil, err
		}
	}
	return &upload{ctx: ctx, store: o, key: key, options: minio.PutObjectOptions{ContentType: contentType, PartSize: partBytes}}, nil
}

// upload is an object that is being written. One that fits into a part is sent when it is whole; a larger one while it is written.
type upload struct {
	ctx     context.Context //nolint:containedctx // bounds the whole writing, as the CDK wants it
	store   *objects
	key     string
	options minio.PutObjectOptions
	first   bytes.Buffer
	pipe    *io.PipeWriter // to what is sent while it is written; nil: nothing yet
	done    chan error
}

// Write takes p in; from the second part on it waits while one is sent.
func (u *upload) Write(p []byte) (int, error) {
	if u.pipe == nil {
		if u.first.Len()+len(p) <= partBytes {
			return u.first.Write(p)
		}
		u.begin()
	}
	return u.pipe.Write(p)
}

func (u *upload) begin() {
	source, pipe := io.Pipe()
	u.pipe, u.done = pipe, make(chan error, 1)
	content := io.MultiReader(&u.first, source)
	go func() {
		err := u.put(content, -1)
		_ = source.CloseWithError(err) // whoever still writes is told
		u.done <- err
	}()
}

// put sends the object, of so many bytes or (-1) until the content ends. Where it fails, what was sent of it is deleted again.
func (u *upload) put(content io.Reader, size int64) error {
	u.options.DisableContentSha256 = size == 0 // the client would sign nothing in chunks without a length, which S3 refuses
	_, err := u.store.core.Client.PutObject(u.ctx, u.store.bucket, u.store.folder+u.key, content, size, u.options)
	return marked(err)
}

// Close makes the object appear, or gives it up where the context has ended.
func (u *upload) Close() error {
	ended := u.ctx.Err()
	switch {
	case u.pipe != nil:
		_ = u.pipe.CloseWithError(ended)
		if err := <-u.done; ended == nil {
			return err
		}
	case ended == nil:
		return u.put(bytes.NewReader(u.first.Bytes()), int64(u.first.Len()))
	}
	return ended
}

// abortUploads deletes what a crash left below the prefix of objects that were being written.
func (o *objects) abortUploads(ctx context.Context, prefix string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the listing where this returns early
	for begun := range o.core.ListIncompleteUploads(ctx, o.bucket, o.folder+prefix+"/", true) {
		if storeCode(begun.Err) == minio.NoSuchUpload {
			break // so some say that there is none
		}
		if begun.Err != nil {
			return marked(begun.Err)
		}
		if err := o.core.AbortMultipartUpload(ctx, o.bucket, begun.Key, begun.UploadID); err != nil && storeCode(err) != minio.NoSuchUpload {
			return marked(err)
		}
	}
	return ctx.Err()
}

// Copy is not offered.
func (o *objects) Copy(context.Context, string, string, *driver.CopyOptions) error {
	return errNotOffered
}

// Delete deletes an object.
func (o *objects) Delete(ctx context.Context, key string, _ *driver.DeleteOptions) error {
	return marked(o.core.RemoveObject(ctx, o.bucket, o.folder+key, minio.RemoveObjectOptions{}))
}

// SignedURL is not offered: a link is never enough to read an export.
func (o *objects) SignedURL(context.Context, string, *driver.SignedURLOptions) (string, error) {
	return "", errNotOffered
}

// Close releases idle connections.
func (o *objects) Close() error {
	o.transport.CloseIdleConnections()
	return nil
}
