package rows_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/rows"
)

func event() audit.Event {
	at := time.Date(2026, 11, 20, 8, 15, 30, 123_000_000, time.UTC)
	return audit.Event{
		ID: "e1", Organization: "acme", Time: at, ReceivedAt: at.Add(time.Second), Log: audit.LogOperation, Action: "contacts.member.added",
		Product: "crm", Outcome: audit.OutcomeSuccess, Actor: audit.Actor{ID: "u_17", Name: "Alice Smith", Type: "member"},
		Targets: []audit.Target{{Type: "member", ID: "u_42", Name: "Bob Lee"}, {Type: "department", ID: "d_7"}},
		Source: audit.Source{
			IP: netip.MustParseAddr("203.0.113.7"), Platform: "web", UserAgent: "Firefox", Location: audit.Location{Country: "DE", City: "Köln"},
		},
		Message: "Alice Smith added Bob Lee, \"the new one\"",
		Changes: []audit.Change{{Field: "role", Old: "member", New: "admin"}, {Field: "title", New: "Head"}, {Field: "desk", Old: "3"}},
		Metadata: map[string]string{
			"ticket": "OPS-812", "approved": "yes",
		},
	}
}

func write(t testing.TB, format audit.ExportFormat, events ...audit.Event) []byte {
	t.Helper()
	return writeColumns(t, format, nil, events...)
}

func writeColumns(t testing.TB, format audit.ExportFormat, columns []string, events ...audit.Event) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := rows.New(format, columns, &b)
	if err != nil {
		t.Fatal(err)
	}
	for i := range events {
		if err := w.Write(&events[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func readCSV(t testing.TB, data []byte) [][]string {
	t.Helper()
	data, found := bytes.CutPrefix(data, []byte("\xef\xbb\xbf"))
	if !found {
		t.Fatalf("the file does not begin with the UTF-8 byte order mark: %q", data[:min(len(data), 20)])
	}
	table, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func readXLSX(t testing.TB, data []byte) *excelize.File {
	t.Helper()
	f, err := excelize.OpenReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

var wantRow = []string{
	"2026-11-20T08:15:30.123Z", "2026-11-20T08:15:31.123Z", "operation", "contacts", "contacts.member.added", "crm", "success",
	"u_17", "Alice Smith", "member", "Bob Lee (member u_42); department d_7", "203.0.113.7", "web", "Firefox", "DE", "Köln",
	"Alice Smith added Bob Lee, \"the new one\"", "role: member -> admin; title: -> Head; desk: 3 ->", "approved=yes; ticket=OPS-812", "e1",
}

func TestARowHasTheSameCellsInCSVAndXLSX(t *testing.T) {
	table := readCSV(t, write(t, audit.FormatCSV, event()))
	if len(table) != 2 || !slices.Equal(table[0], audit.ColumnNames()) || !slices.Equal(table[1], wantRow) {
		t.Errorf("csv: got %q", table)
	}
	f := readXLSX(t, write(t, audit.FormatXLSX, event()))
	got, err := f.GetRows("Events")
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || !slices.Equal(got[0], audit.ColumnNames()) || !slices.Equal(got[1], wantRow) {
		t.Errorf("xlsx: got %q", got)
	}
	if sheets := f.GetSheetList(); !slices.Equal(sheets, []string{"Events"}) {
		t.Errorf("sheets: %q", sheets)
	}
}

func TestChosenColumnsStandInTheirOrder(t *testing.T) {
	columns := []string{"message", "time", "ip"}
	want := [][]string{columns, {wantRow[16], wantRow[0], wantRow[11]}}
	if table := readCSV(t, writeColumns(t, audit.FormatCSV, columns, event())); !slices.EqualFunc(table, want, slices.Equal) {
		t.Errorf("csv: got %q", table)
	}
	got, err := readXLSX(t, writeColumns(t, audit.FormatXLSX, columns, event())).GetRows("Events")
	if err != nil || !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("xlsx: got %q, %v", got, err)
	}
	for i, name := range audit.ColumnNames() {
		if table := readCSV(t, writeColumns(t, audit.FormatCSV, []string{name}, event())); len(table) != 2 || table[1][0] != wantRow[i] {
			t.Errorf("%s alone: got %q, want %q", name, table, wantRow[i])
		}
	}
}

func TestColumnsThatAFileCannotHaveAreRefused(t *testing.T) {
	for _, c := range []struct {
		format  audit.ExportFormat
		columns []string
	}{{audit.FormatCSV, []string{"nonsense"}}, {audit.FormatXLSX, []string{"time", "time"}}, {audit.FormatNDJSON, []string{"time"}}} {
		if _, err := rows.New(c.format, c.columns, io.Discard); audit.CodeOf(err) != audit.CodeInvalid {
			t.Errorf("%s with %q: %v", c.format, c.columns, err)
		}
	}
}

func TestNDJSONLosesNothing(t *testing.T) {
	e := event()
	lines := bytes.Split(bytes.TrimSuffix(write(t, audit.FormatNDJSON, e, e), []byte("\n")), []byte("\n"))
	if len(lines) != 2 {
		t.Fatalf("%d lines", len(lines))
	}
	for _, line := range lines {
		got, err := audit.DecodeStored(line)
		if err != nil {
			t.Fatal(err)
		}
		if string(got.AppendJSON(nil)) != string(e.AppendJSON(nil)) {
			t.Errorf("got %s", line)
		}
	}
}

func TestAFileWithoutRowsIsItsHeader(t *testing.T) {
	if table := readCSV(t, write(t, audit.FormatCSV)); len(table) != 1 || !slices.Equal(table[0], audit.ColumnNames()) {
		t.Errorf("csv: %q", table)
	}
	got, err := readXLSX(t, write(t, audit.FormatXLSX)).GetRows("Events")
	if err != nil || len(got) != 1 || !slices.Equal(got[0], audit.ColumnNames()) {
		t.Errorf("xlsx: %q, %v", got, err)
	}
	if data := write(t, audit.FormatNDJSON); len(data) != 0 {
		t.Errorf("ndjson: %q", data)
	}
}

func TestCellsThatASpreadsheetWouldRunAreNeutralised(t *testing.T) {
	for _, dangerous := range []string{
		"=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", "＋1", "－1", "＠SUM", `=HYPERLINK("http://evil","x")`,
	} {
		e := event()
		e.Message = dangerous
		if got := readCSV(t, write(t, audit.FormatCSV, e))[1][16]; !strings.HasPrefix(got, "'") {
			t.Errorf("%q is written as %q", dangerous, got)
		}
		f := readXLSX(t, write(t, audit.FormatXLSX, e))
		if formula, err := f.GetCellFormula("Events", "Q2"); err != nil || formula != "" {
			t.Errorf("%q is the formula %q in xlsx, %v", dangerous, formula, err)
		}
	}
	for _, harmless := range []string{"", "a=b", "1-1", "ü@x", "'quoted", "中文"} {
		e := event()
		e.Message = harmless
		if got := readCSV(t, write(t, audit.FormatCSV, e))[1][16]; got != harmless {
			t.Errorf("%q is written as %q", harmless, got)
		}
	}
}

func TestLineEndsInACellStayAsTheyAre(t *testing.T) {
	e := event()
	e.Message = "one\ntwo\r\nthree\rfour"
	data := write(t, audit.FormatCSV, e)
	if !bytes.Contains(data, []byte(`"one`+"\ntwo\r\nthree\rfour\"")) {
		t.Errorf("got %q", data)
	}
	if !bytes.HasSuffix(data, []byte("e1\r\n")) {
		t.Errorf("a row does not end in CRLF: %q", data[len(data)-10:])
	}
}

func TestACellTooLongForAWorkbookIsCutAndTheWorkbookSaysSo(t *testing.T) {
	e := event()
	e.Metadata = map[string]string{}
	for i := range 5 {
		e.Metadata[fmt.Sprint("k", i)] = strings.Repeat("😀", 2000)
	}
	e.Message = strings.Repeat("a", 40_000)
	f := readXLSX(t, write(t, audit.FormatXLSX, e))
	for _, cell := range []string{"Q2"} {
		got, err := f.GetCellValue("Events", cell)
		if err != nil || len(got) != 32767 {
			t.Errorf("%s has %d characters, %v", cell, len(got), err)
		}
	}
	note, err := f.GetCellValue("Notes", "A1")
	if err != nil || !strings.HasPrefix(note, "1 cells were longer than the 32767 characters") {
		t.Errorf("note: %q, %v", note, err)
	}
	e.Metadata["more"] = strings.Repeat("😀", 7000)
	got, err := readXLSX(t, write(t, audit.FormatXLSX, e)).GetCellValue("Events", "S2")
	if err != nil || !strings.HasSuffix(got, "😀") || strings.ContainsRune(got, '\ufffd') {
		t.Errorf("a cut goes through a character: %q, %v", got[len(got)-8:], err)
	}
}

func TestTheSameRowsMakeTheSameBytes(t *testing.T) {
	for _, format := range []audit.ExportFormat{audit.FormatCSV, audit.FormatXLSX, audit.FormatNDJSON} {
		if a, b := write(t, format, event(), event()), write(t, format, event(), event()); !bytes.Equal(a, b) {
			t.Errorf("%s differs from time to time", format)
		}
	}
}

func TestAnUnknownFormatIsAnError(t *testing.T) {
	if _, err := rows.New("pdf", nil, io.Discard); audit.CodeOf(err) != audit.CodeInvalid {
		t.Errorf("got %v", err)
	}
}

var errFull = errors.New("full")

type full struct{ left int }

func (f *full) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestAFullDiskIsAnError(t *testing.T) {
	for _, format := range []audit.ExportFormat{audit.FormatCSV, audit.FormatXLSX, audit.FormatNDJSON} {
		w, err := rows.New(format, nil, &full{left: 100})
		if err != nil {
			t.Fatal(err)
		}
		e := event()
		err = nil
		for range 1000 {
			err = errors.Join(err, w.Write(&e))
		}
		if err = errors.Join(err, w.Close()); !errors.Is(err, errFull) {
			t.Errorf("%s: %v", format, err)
		}
	}
}

func FuzzCSVCellsComeBackAsTheyWere(f *testing.F) {
	for _, seed := range []string{"", "plain", "a,b", `a"b`, "a\nb", "=1", " x", "\"", "＝", "\xff"} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, message, name string) {
		e := event()
		e.Message, e.Actor.Name = message, name
		table := readCSV(t, write(t, audit.FormatCSV, e))
		if len(table) != 2 {
			t.Fatalf("%d rows", len(table))
		}
		for column, want := range map[int]string{8: name, 16: message} {
			want = strings.ReplaceAll(want, "\r\n", "\n") // the reader's doing
			if got := table[1][column]; got != want && got != "'"+want && got != "'"+strings.ReplaceAll(e.Message, "\r\n", "\n") {
				t.Errorf("column %d: wrote %q, read %q", column, want, got)
			}
		}
	})
}

func BenchmarkCSV(b *testing.B) {
	e := event()
	b.Run("rows", func(b *testing.B) {
		w, err := rows.New(audit.FormatCSV, nil, io.Discard)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if err := w.Write(&e); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding/csv", func(b *testing.B) {
		w := csv.NewWriter(io.Discard)
		for b.Loop() {
			if err := w.Write(wantRow); err != nil {
				b.Fatal(err)
			}
		}
	})
}
