package rows

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"

	"github.com/audittrail/audittrail/audit"
)

// maxCell is how much a cell of a workbook can hold, in UTF-16 code units; the format allows no more.
const maxCell = excelize.TotalCellChars

const (
	sheetEvents = "Events"
	sheetNotes  = "Notes"
)

// workbook writes an XLSX file: one sheet of texts. No cell is a formula, so nothing needs to be neutralised. Where cells had to be
// cut a second sheet says how many.
type workbook struct {
	file   *excelize.File
	stream *excelize.StreamWriter
	rows   int
	cut    int
	cells  cells
	row    []string
	values []any
	closed bool
}

func newXLSX(w io.Writer, columns []string) (*workbook, error) {
	f := excelize.NewFile()
	// The library would put the whole file together in memory first; this way it goes to w as it is made.
	f.SetZipWriter(func(io.Writer) excelize.ZipWriter { return zip.NewWriter(w) })
	b := &workbook{file: f, cells: cellsOf(columns)}
	err := f.SetSheetName("Sheet1", sheetEvents)
	if err == nil {
		b.stream, err = f.NewStreamWriter(sheetEvents)
	}
	if err == nil {
		err = b.stream.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"})
	}
	if err == nil {
		err = b.add(columns)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("begin the workbook: %w", err), f.Close())
	}
	return b, nil
}

func (b *workbook) Write(e *audit.Event) error {
	b.row = b.cells.append(b.row[:0], e)
	return b.add(b.row)
}

func (b *workbook) add(row []string) error {
	b.values = b.values[:0]
	for _, cell := range row {
		short, cut := fit(cell)
		if cut {
			b.cut++
		}
		b.values = append(b.values, short)
	}
	b.rows++
	return b.stream.SetRow("A"+strconv.Itoa(b.rows), b.values)
}

// fit cuts a cell to what the format holds, never inside a character.
func fit(cell string) (string, bool) {
	if len(cell) <= maxCell { // a code unit takes at least one byte of UTF-8
		return cell, false
	}
	units := 0
	for i, r := range cell {
		n := utf16.RuneLen(r)
		if r == utf8.RuneError {
			n = 1
		}
		if units += n; units > maxCell {
			return cell[:i], true
		}
	}
	return cell, false
}

func (b *workbook) Close() error {
	if b.closed {
		return nil
	}
	b.closed = true
	return errors.Join(b.finish(), b.file.Close())
}

func (b *workbook) finish() error {
	if b.cut > 0 {
		if _, err := b.file.NewSheet(sheetNotes); err != nil {
			return fmt.Errorf("add the sheet of notes: %w", err)
		}
		note := fmt.Sprintf("%d cells were longer than the %d characters that a cell can hold and were cut. "+
			"Export as csv or ndjson to have them whole.", b.cut, maxCell)
		if err := b.file.SetCellStr(sheetNotes, "A1", note); err != nil {
			return fmt.Errorf("write the sheet of notes: %w", err)
		}
	}
	if err := b.stream.Flush(); err != nil {
		return fmt.Errorf("complete the sheet: %w", err)
	}
	if err := b.file.Write(io.Discard); err != nil {
		return fmt.Errorf("write the workbook: %w", err)
	}
	return nil
}
