package activities

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/rows"
)

const (
	// exportPage is how many rows are read at once. It bounds the memory that an export takes, also when every event is as large as allowed.
	exportPage = 1000
	// progressEvery is how often the export's progress is written while a file is.
	progressEvery = 500 * time.Millisecond
)

// WritePartInput asks for one file of an export.
type WritePartInput struct {
	ExportRef
	// Part counts from 1.
	Part int
	// After is the position behind the last row of the part before; nil for the first.
	After *audit.Position
}

// WrittenPart says what was written.
type WrittenPart struct {
	Rows int64
	// Last is the position behind the last row where more may follow, else nil.
	Last *audit.Position
}

// WritePart writes one file: at most audit.ExportRows rows behind a position. The file appears whole or not at all, and writing it
// again replaces it.
func (a *Exports) WritePart(ctx context.Context, in WritePartInput) (WrittenPart, error) {
	export, err := a.running(ctx, in.ExportRef)
	if err != nil {
		return WrittenPart{}, err
	}
	name := partName(export.Mode, export.Format, in.Part)
	part := &partWriter{exports: a, export: export, ref: in.ExportRef, before: rowsBefore(export.Files, name), progress: a.Clock()}
	out, err := a.create(ctx, in.ExportRef, name)
	if err != nil {
		return WrittenPart{}, err
	}
	defer out.abort()
	last, err := part.write(ctx, out, in.After)
	if err != nil {
		return WrittenPart{}, err
	}
	file, err := out.close(name, part.rows)
	if err != nil {
		return WrittenPart{}, err
	}
	_, err = a.updateRunning(ctx, in.ExportRef, func(e *audit.Export) {
		e.Files = withFile(e.Files, file)
		e.Done = max(e.Done, part.before+part.rows)
	})
	return WrittenPart{Rows: part.rows, Last: last}, err
}

// partWriter writes the rows of one part.
type partWriter struct {
	exports  *Exports
	export   audit.Export
	ref      ExportRef
	before   int64 // rows of the parts before
	rows     int64
	progress time.Time // when it was last written
}

func (p *partWriter) write(ctx context.Context, w io.Writer, after *audit.Position) (*audit.Position, error) {
	file, err := rows.New(p.export.Format, p.export.Columns, w)
	if err != nil {
		return nil, err
	}
	last, err := p.pages(ctx, file, after)
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	return last, err
}

func (p *partWriter) pages(ctx context.Context, file rows.Writer, after *audit.Position) (*audit.Position, error) {
	for p.rows < audit.ExportRows {
		page, err := p.exports.Events.Search(ctx, p.ref.Organization, audit.Search{
			Query: p.export.Query, Limit: int(min(exportPage, audit.ExportRows-p.rows)), After: after, ReceivedUntil: p.export.RequestedAt,
		})
		if err != nil {
			return nil, err
		}
		for i := range page.Events {
			if err := file.Write(&page.Events[i]); err != nil {
				return nil, err
			}
		}
		p.rows += int64(len(page.Events))
		if after = page.Next; after == nil {
			return nil, nil
		}
		if err := p.report(ctx); err != nil {
			return nil, err
		}
	}
	return after, nil
}

// report writes how far the export is, and finds out that it was revoked meanwhile.
func (p *partWriter) report(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	at := p.exports.Clock()
	if at.Sub(p.progress) < progressEvery {
		return nil
	}
	p.progress = at
	_, err := p.exports.updateRunning(ctx, p.ref, func(e *audit.Export) { e.Done = max(e.Done, p.before+p.rows) })
	return err
}

// partName names a file: events.csv, or events-0001.csv and so on.
func partName(mode audit.ExportMode, format audit.ExportFormat, part int) string {
	if mode == audit.ModeLatest {
		return "events." + rows.Extension(format)
	}
	return fmt.Sprintf("events-%04d.%s", part, rows.Extension(format))
}

// exportPrefix is where the files of an export are, in the bucket.
func exportPrefix(ref ExportRef) string { return "exports/" + ref.Organization + "/" + ref.Export }

// rowsBefore sums the rows of the files that were written before name.
func rowsBefore(files []audit.ExportFile, name string) int64 {
	sum := int64(0)
	for _, f := range files {
		if compareNames(f.Name, name) < 0 {
			sum += f.Rows
		}
	}
	return sum
}

// withFile adds a file, or replaces the one of its name, and keeps the parts in order.
func withFile(files []audit.ExportFile, file audit.ExportFile) []audit.ExportFile {
	files = slices.DeleteFunc(slices.Clone(files), func(f audit.ExportFile) bool { return f.Name == file.Name })
	files = append(files, file)
	slices.SortFunc(files, func(a, b audit.ExportFile) int { return compareNames(a.Name, b.Name) })
	return files
}

// compareNames orders names by length first, so that part 10000 comes after part 9999.
func compareNames(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

// output is a file on its way into the bucket: counted and summed as it is written.
type output struct {
	w interface {
		io.WriteCloser
		Abort() error
	}
	sum   hash.Hash
	bytes int64
}

func (a *Exports) create(ctx context.Context, ref ExportRef, name string) (*output, error) {
	w, err := a.Files.Create(ctx, exportPrefix(ref)+"/"+name)
	if err != nil {
		return nil, err
	}
	return &output{w: w, sum: sha256.New()}, nil
}

func (o *output) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	o.sum.Write(p[:n])
	o.bytes += int64(n)
	return n, err
}

func (o *output) close(name string, rows int64) (audit.ExportFile, error) {
	if err := o.w.Close(); err != nil {
		return audit.ExportFile{}, err
	}
	return audit.ExportFile{Name: name, Rows: rows, Bytes: o.bytes, SHA256: hex.EncodeToString(o.sum.Sum(nil))}, nil
}

// abort gives the file up; after close it does nothing. What it may leave behind is deleted with the export's other files.
func (o *output) abort() { _ = o.w.Abort() }
