// Package rows writes events as the files of an export: CSV, XLSX or NDJSON, one event after the other and in memory that does
// not grow with their number.
//
// It is not the place that decides which rows, how many, or where a file is kept.
package rows

import (
	"io"
	"slices"
	"strings"

	"github.com/audittrail/audittrail/audit"
)

// Writer writes one file. It is for one goroutine.
type Writer interface {
	// Write adds one row.
	Write(e *audit.Event) error
	// Close completes the file. It does not close what the file is written to. A Writer that is given up without Close
	// may leave a temporary file behind, so Close is called in any case.
	Close() error
}

// New begins a file of the format on w: where the format has a header, a file without rows is the header alone. The columns are in the
// order given, and all where none are; audit.ValidateColumns says which a format takes.
func New(format audit.ExportFormat, columns []string, w io.Writer) (Writer, error) {
	if err := audit.ValidateColumns(format, columns); err != nil {
		return nil, err
	}
	if len(columns) == 0 {
		columns = audit.ColumnNames()
	}
	switch format {
	case audit.FormatCSV:
		return newCSV(w, columns), nil
	case audit.FormatXLSX:
		return newXLSX(w, columns)
	case audit.FormatNDJSON:
		return newNDJSON(w), nil
	}
	return nil, audit.InvalidField("format", "is %q; csv, xlsx and ndjson are there", format)
}

// Extension is the end of a file's name in the format, without the dot.
func Extension(format audit.ExportFormat) string { return string(format) }

// values are how the columns of audit.Columns are written, by name. Lists become one readable line; NDJSON is the format that loses nothing.
var values = map[string]func(*audit.Event) string{
	"time":        func(e *audit.Event) string { return e.Time.UTC().Format(audit.TimeLayout) },
	"received_at": func(e *audit.Event) string { return e.ReceivedAt.UTC().Format(audit.TimeLayout) },
	"log":         func(e *audit.Event) string { return string(e.Log) },
	"range":       (*audit.Event).Range,
	"action":      func(e *audit.Event) string { return e.Action },
	"product":     func(e *audit.Event) string { return e.Product },
	"outcome":     func(e *audit.Event) string { return string(e.Outcome) },
	"actor_id":    func(e *audit.Event) string { return e.Actor.ID },
	"actor_name":  func(e *audit.Event) string { return e.Actor.Name },
	"actor_type":  func(e *audit.Event) string { return e.Actor.Type },
	"targets":     func(e *audit.Event) string { return targets(e.Targets) },
	"ip":          address,
	"platform":    func(e *audit.Event) string { return e.Source.Platform },
	"user_agent":  func(e *audit.Event) string { return e.Source.UserAgent },
	"country":     func(e *audit.Event) string { return e.Source.Location.Country },
	"city":        func(e *audit.Event) string { return e.Source.Location.City },
	"message":     func(e *audit.Event) string { return e.Message },
	"changes":     func(e *audit.Event) string { return changes(e.Changes) },
	"metadata":    func(e *audit.Event) string { return metadata(e.Metadata) },
	"id":          func(e *audit.Event) string { return e.ID },
}

// cells writes a row.
type cells []func(*audit.Event) string

func cellsOf(columns []string) cells {
	c := make(cells, len(columns))
	for i, name := range columns {
		c[i] = values[name]
	}
	return c
}

// append appends the values of the columns to dst.
func (c cells) append(dst []string, e *audit.Event) []string {
	for _, value := range c {
		dst = append(dst, value(e))
	}
	return dst
}

func address(e *audit.Event) string {
	if !e.Source.IP.IsValid() {
		return ""
	}
	return e.Source.IP.String()
}

// targets writes "Bob Lee (member u_42); Sales (department d_7)".
func targets(list []audit.Target) string {
	if len(list) == 0 {
		return ""
	}
	var b strings.Builder
	for i, t := range list {
		if i > 0 {
			b.WriteString("; ")
		}
		if t.Name == "" {
			b.WriteString(strings.TrimSpace(t.Type + " " + t.ID))
			continue
		}
		b.WriteString(t.Name)
		if what := strings.TrimSpace(t.Type + " " + t.ID); what != "" {
			b.WriteString(" (" + what + ")")
		}
	}
	return b.String()
}

// changes writes "role: member -> admin; title: -> Head of Sales".
func changes(list []audit.Change) string {
	if len(list) == 0 {
		return ""
	}
	var b strings.Builder
	for i, c := range list {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(c.Field)
		b.WriteString(": ")
		if c.Old != "" {
			b.WriteString(c.Old)
			b.WriteByte(' ')
		}
		b.WriteString("->")
		if c.New != "" {
			b.WriteByte(' ')
			b.WriteString(c.New)
		}
	}
	return b.String()
}

// metadata writes "ticket=OPS-812; via=console", by key.
func metadata(m map[string]string) string {
	if len(m) == 0 {
		return ""
	}
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	var b strings.Builder
	for i, k := range keys {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(k)
		b.WriteByte('=')
		b.WriteString(m[k])
	}
	return b.String()
}

// buffered gathers small writes, as every row is one.
type buffered struct {
	w   io.Writer
	buf []byte
}

const flushAt = 64 << 10

func (b *buffered) flush(least int) error {
	if len(b.buf) < least || len(b.buf) == 0 {
		return nil
	}
	_, err := b.w.Write(b.buf)
	b.buf = b.buf[:0]
	return err
}

type ndjson struct{ buffered }

func newNDJSON(w io.Writer) *ndjson { return &ndjson{buffered{w: w}} }

func (n *ndjson) Write(e *audit.Event) error {
	n.buf = append(e.AppendJSON(n.buf), '\n')
	return n.flush(flushAt)
}

func (n *ndjson) Close() error { return n.flush(0) }
