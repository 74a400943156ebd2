package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/audittrail/audittrail/audit"
)

var errRevoked = audit.Errorf(audit.CodeGone, "the export was revoked")

func exportPrefix(e audit.Export) string { return "exports/" + e.Organization + "/" + e.ID + "/" }

// downloadFile is GET /v1/exports/{id}/files/{name}.
func (s *Server) downloadFile(r *request) error {
	e, err := s.export(r)
	if err != nil {
		return err
	}
	name, err := r.param("name")
	if err != nil {
		return err
	}
	file, err := fetchable(e, name, s.now())
	if err != nil {
		return err
	}
	if err := s.recheck(r, e); err != nil {
		return err
	}
	if r.c.Method() == http.MethodHead {
		setFileHeaders(r, e, file)
		r.c.Response().SkipBody = true
		r.c.Response().Header.SetContentLength(int(file.Bytes))
		return nil
	}
	body, err := s.openFile(r, exportPrefix(e)+file.Name, file)
	if err != nil {
		return err
	}
	err = s.record(r.ctx, r, r.by, entry{action: audit.ActionExportDownloaded, message: r.by.MemberName + " downloaded a file of an export",
		targets: []audit.Target{{Type: "export", ID: e.ID}}, metadata: map[string]string{"file": file.Name, "sha256": file.SHA256}})
	if err == nil {
		err = r.c.Context().SetWriteDeadline(time.Now().Add(body.patience))
	}
	if err != nil {
		return errors.Join(err, body.Close())
	}
	setFileHeaders(r, e, file)
	r.c.Response().SetBodyStream(body, int(file.Bytes))
	return nil
}

// fetchable returns the file of that name, where it can be fetched now.
func fetchable(e audit.Export, name string, now time.Time) (audit.ExportFile, error) {
	switch standingOf(e, now) {
	case audit.ExportReady:
	case audit.ExportRunning:
		return audit.ExportFile{}, audit.Errorf(audit.CodeConflict, "the export is still running")
	case audit.ExportExpired:
		return audit.ExportFile{}, audit.Errorf(audit.CodeGone, "the export has expired: its files were there for 24 hours; run it again")
	case audit.ExportRevoked:
		return audit.ExportFile{}, errRevoked
	default:
		return audit.ExportFile{}, audit.Errorf(audit.CodeGone, "the export failed and has no files")
	}
	i := slices.IndexFunc(e.Files, func(f audit.ExportFile) bool { return f.Name == name })
	if i < 0 || strings.ContainsAny(name, `/\`) || name == "." || name == ".." {
		return audit.ExportFile{}, audit.NotFound("file")
	}
	return e.Files[i], nil
}

func setFileHeaders(r *request, e audit.Export, file audit.ExportFile) {
	contentType := map[audit.ExportFormat]string{audit.FormatCSV: "text/csv; charset=utf-8", audit.FormatNDJSON: contentNDJSON,
		audit.FormatXLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}[e.Format]
	if contentType == "" || !strings.HasSuffix(file.Name, "."+string(e.Format)) {
		contentType = "application/octet-stream"
		if strings.HasSuffix(file.Name, ".json") {
			contentType = contentJSON // the manifest
		}
	}
	header := &r.c.Response().Header
	header.SetContentType(contentType)
	header.Set(fiber.HeaderContentDisposition, mime.FormatMediaType("attachment", map[string]string{"filename": file.Name}))
	if file.SHA256 != "" {
		header.Set(fiber.HeaderETag, `"`+file.SHA256+`"`)
	}
}

// openFile opens the file of the key. Its context lives until the last byte, and each part has a deadline instead of the whole.
func (s *Server) openFile(r *request, key string, file audit.ExportFile) (*download, error) {
	ctx, cancel := context.WithCancel(s.base)
	content, size, err := s.cfg.Files.Open(ctx, key)
	if err == nil && size != file.Bytes {
		content.Close()
		err = audit.WithCause(audit.CodeInternal, fmt.Errorf("%s has %d bytes, not %d", key, size, file.Bytes), "the file is not as it was made; run the export again")
	}
	if err != nil {
		cancel()
		if audit.CodeOf(err) == audit.CodeNotFound {
			return nil, audit.Errorf(audit.CodeGone, "the file is no longer there; run the export again")
		}
		return nil, err
	}
	by, shown := r.by, r.shown
	return &download{content: content, cancel: cancel, conn: r.c.Context().Conn(), patience: s.cfg.Limits.WriteTimeout,
		may: func() error {
			ctx, cancel := context.WithTimeout(ctx, pollTimeout)
			defer cancel()
			return s.stillMay(ctx, by, shown, audit.ScopeExports)
		}, every: s.cfg.Limits.StreamInterval, looked: time.Now()}, nil
}

// download is a file on its way to a client. Each read gives the client new time to take what was read before, and now and then looks whether
// they may still have it: where not, the rest does not come.
type download struct {
	content  io.ReadCloser
	cancel   context.CancelFunc
	conn     net.Conn
	patience time.Duration
	once     sync.Once
	may      func() error
	every    time.Duration
	looked   time.Time
}

func (d *download) Read(p []byte) (int, error) {
	now := time.Now()
	if now.Sub(d.looked) >= d.every {
		if err := d.may(); err != nil {
			return 0, err
		}
		d.looked = now
	}
	if err := d.conn.SetWriteDeadline(now.Add(d.patience)); err != nil {
		return 0, err
	}
	return d.content.Read(p)
}

// Close ends the download; twice is harmless.
func (d *download) Close() error {
	var err error
	d.once.Do(func() {
		err = d.content.Close()
		d.cancel()
	})
	return err
}
