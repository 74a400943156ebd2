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

// New begins a file of the format on w: where the format has a header, a file without rows is the header alone.
func New(format audit.ExportFormat, w io.Writer) (Writer, error) {
	switch format {
	case audit.FormatCSV:
		return newCSV(w), nil
	case audit.FormatXLSX:
		return newXLSX(w)
	case audit.FormatNDJSON:
		return newNDJSON(w), nil
	}
	return nil, audit.InvalidField("format", "is %q; csv, xlsx and ndjson are there", format)
}

// Extension is the end of a file's name in the format, without the dot.
func Extension(format audit.ExportFormat) string { return string(format) }

// Columns returns the header of CSV and XLSX files, in order.
func Columns() []string {
	return []string{
		"time", "received_at", "log", "range", "action", "product", "outcome",
		"actor_id", "actor_name", "actor_type", "targets",
		"ip", "platform", "user_agent", "country", "city",
		"message", "changes", "metadata", "id",
	}
}

// cells appends the values of the columns to dst. Lists become one readable line; NDJSON is the format that loses nothing.
func cells(dst []string, e *audit.Event) []string {
	ip := ""
	if e.Source.IP.IsValid() {
		ip = e.Source.IP.String()
	}
	return append(dst,
		e.Time.UTC().Format(audit.TimeLayout), e.ReceivedAt.UTC().Format(audit.TimeLayout),
		string(e.Log), e.Range(), e.Action, e.Product, string(e.Outcome),
		e.Actor.ID, e.Actor.Name, e.Actor.Type, targets(e.Targets),
		ip, e.Source.Platform, e.Source.UserAgent, e.Source.Location.Country, e.Source.Location.City,
		e.Message, changes(e.Changes), metadata(e.Metadata), e.ID)
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
