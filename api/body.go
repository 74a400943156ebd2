package api

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"

	"github.com/gofiber/fiber/v2"
	"github.com/klauspost/compress/gzip"
	"github.com/valyala/fasthttp"

	"github.com/audittrail/audittrail/audit"
)

// wantContent returns which of the types the Content-Type is: CodeUnsupported where it is none.
func wantContent(header *fasthttp.RequestHeader, types ...string) (string, error) {
	mediaType, params, _ := strings.Cut(string(header.ContentType()), ";")
	mediaType = strings.ToLower(strings.TrimSpace(mediaType))
	for _, t := range types {
		if t == mediaType {
			return t, wantUTF8(params)
		}
	}
	if mediaType == "" {
		mediaType = "nothing"
	}
	return "", audit.Errorf(audit.CodeUnsupported, "the Content-Type must be %s, not %s", strings.Join(types, " or "), clip(mediaType))
}

func wantUTF8(params string) error {
	for param := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(param), "=")
		if strings.EqualFold(name, "charset") && !strings.EqualFold(strings.Trim(value, `"`), "utf-8") {
			return audit.Errorf(audit.CodeUnsupported, "the charset must be utf-8, not %s", clip(value))
		}
	}
	return nil
}

// Readers and buffers are kept: at full rate each request needs one of both.
var (
	gzipReaders = sync.Pool{New: func() any { return new(gzip.Reader) }}
	buffers     = sync.Pool{New: func() any { return new(bytes.Buffer) }}
)

// decodedBody returns the request's body without its Content-Encoding, at most limit bytes. The bytes are good until done is called, which the
// caller must do. Errors: CodeTooLarge, CodeMalformed (not gzip, or cut off), CodeUnsupported.
func decodedBody(req *fasthttp.Request, limit int) (body []byte, done func(), err error) {
	raw := req.Body() // as it came; Fiber's Body would unpack it without a bound
	switch encoding := strings.ToLower(string(req.Header.Peek(fiber.HeaderContentEncoding))); encoding {
	case "", "identity":
		if len(raw) > limit {
			return nil, nil, bodyTooLarge(limit)
		}
		return raw, func() {}, nil
	case "gzip":
		return unzip(raw, limit)
	default:
		return nil, nil, audit.Errorf(audit.CodeUnsupported, "the Content-Encoding must be gzip or none, not %s", clip(encoding))
	}
}

func unzip(raw []byte, limit int) (body []byte, done func(), err error) {
	reader := gzipReaders.Get().(*gzip.Reader)
	defer gzipReaders.Put(reader)
	if err := reader.Reset(bytes.NewReader(raw)); err != nil {
		return nil, nil, errGzip(err)
	}
	buf := buffers.Get().(*bytes.Buffer)
	buf.Reset()
	if _, err := io.Copy(buf, io.LimitReader(reader, int64(limit)+1)); err != nil {
		buffers.Put(buf)
		return nil, nil, errGzip(err)
	}
	if buf.Len() > limit {
		buffers.Put(buf)
		return nil, nil, bodyTooLarge(limit)
	}
	return buf.Bytes(), func() { buffers.Put(buf) }, nil
}

func errGzip(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return audit.Errorf(audit.CodeMalformed, "the body is cut off: its gzip does not end")
	}
	return audit.Errorf(audit.CodeMalformed, "the body is not gzip, as its Content-Encoding says")
}

func bodyTooLarge(limit int) error {
	if limit >= 1<<20 {
		return audit.Errorf(audit.CodeTooLarge, "the body is over %d MiB (without compression); send the events in several requests", limit>>20)
	}
	return audit.Errorf(audit.CodeTooLarge, "the body is over %d KiB", limit>>10)
}
