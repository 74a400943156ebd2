package rows

import (
	"io"
	"strings"
	"unicode/utf8"

	"github.com/audittrail/audittrail/audit"
)

// byteOrderMark tells Excel that the file is UTF-8; without it accents and Chinese open as noise.
const byteOrderMark = "\ufeff"

// csvFile writes RFC 4180: commas, CRLF at the end of a row, quotes doubled.
//
// It does not go through encoding/csv: with CRLF at the end of rows that writer also rewrites the line ends inside cells, and an
// export is evidence.
type csvFile struct {
	buffered
	cells cells
	row   []string
}

func newCSV(w io.Writer, columns []string) *csvFile {
	f := &csvFile{buffered: buffered{w: w, buf: []byte(byteOrderMark)}, cells: cellsOf(columns)}
	f.append(columns)
	return f
}

func (f *csvFile) Write(e *audit.Event) error {
	f.row = f.cells.append(f.row[:0], e)
	f.append(f.row)
	return f.flush(flushAt)
}

func (f *csvFile) Close() error { return f.flush(0) }

func (f *csvFile) append(row []string) {
	for i, cell := range row {
		if i > 0 {
			f.buf = append(f.buf, ',')
		}
		f.buf = appendCell(f.buf, cell)
	}
	f.buf = append(f.buf, '\r', '\n')
}

func appendCell(dst []byte, cell string) []byte {
	formula := isFormula(cell)
	if !strings.ContainsAny(cell, "\",\r\n") && !strings.HasPrefix(cell, " ") {
		if formula {
			dst = append(dst, '\'')
		}
		return append(dst, cell...)
	}
	dst = append(dst, '"')
	if formula {
		dst = append(dst, '\'')
	}
	for {
		quote := strings.IndexByte(cell, '"')
		if quote < 0 {
			break
		}
		dst = append(dst, cell[:quote+1]...)
		dst = append(dst, '"')
		cell = cell[quote+1:]
	}
	dst = append(dst, cell...)
	return append(dst, '"')
}

// isFormula says whether a spreadsheet might run the cell: a text that begins with one of these, in ASCII or in
// the full-width form that some of them fold. Such a cell gets a leading apostrophe, which spreadsheets read as "this is text".
func isFormula(cell string) bool {
	if cell == "" {
		return false
	}
	switch cell[0] {
	case '=', '+', '-', '@', '\t', '\r', '\n':
		return true
	}
	if cell[0] < utf8.RuneSelf {
		return false
	}
	r, _ := utf8.DecodeRuneInString(cell)
	switch r {
	case '＝', '＋', '－', '＠':
		return true
	}
	return false
}
