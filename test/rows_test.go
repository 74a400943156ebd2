package test

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"slices"
	"testing"

	"github.com/audittrail/audittrail/audit"
)

func wantFile(t *testing.T, f audit.ExportFile, content []byte) {
	t.Helper()
	sum := sha256.Sum256(content)
	if int64(len(content)) != f.Bytes || hex.EncodeToString(sum[:]) != f.SHA256 {
		t.Errorf("%s has %d bytes of SHA-256 %x, and is said to have %d of %s", f.Name, len(content), sum, f.Bytes, f.SHA256)
	}
}

// csvRows reads a CSV file into rows by column.
func csvRows(t *testing.T, content []byte) []map[string]string {
	t.Helper()
	content, marked := bytes.CutPrefix(content, []byte("\ufeff"))
	if !marked {
		t.Error("the file does not begin with a byte order mark")
	}
	records, err := csv.NewReader(bytes.NewReader(content)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	rows := make([]map[string]string, len(records)-1)
	for i, record := range records[1:] {
		rows[i] = map[string]string{}
		for column, cell := range record {
			rows[i][records[0][column]] = cell
		}
	}
	return rows
}

// ndjsonIDs returns the ids of the events in a file.
func ndjsonIDs(t *testing.T, content []byte) []string {
	t.Helper()
	var ids []string
	for line := range bytes.Lines(content) {
		e, err := audit.DecodeStored(bytes.TrimSpace(line))
		if err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		ids = append(ids, e.ID)
	}
	return ids
}

func idsOf(events []event) []string {
	ids := make([]string, len(events))
	for i, e := range events {
		ids[i] = e.ID
	}
	return ids
}

func eventIDs(events []*audit.Event) []string {
	ids := make([]string, len(events))
	for i, e := range events {
		ids[i] = e.ID
	}
	return ids
}

// sameIDs compares two lists of ids and names the first difference.
func sameIDs(t *testing.T, what string, got, expected []string) {
	t.Helper()
	if slices.Equal(got, expected) {
		return
	}
	for i := range min(len(got), len(expected)) {
		if got[i] != expected[i] {
			t.Errorf("%s: at %d of %d is %s, want %s (of %d)", what, i, len(got), got[i], expected[i], len(expected))
			return
		}
	}
	t.Errorf("%s: %d ids, want %d", what, len(got), len(expected))
}
