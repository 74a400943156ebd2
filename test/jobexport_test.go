package test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"github.com/audittrail/audittrail/audit"
)

// request is the body of a request for an export of all the events sent.
func (j *job) request(format audit.ExportFormat, mode audit.ExportMode) map[string]any {
	return map[string]any{"format": format, "mode": mode, "to": j.until}
}

func (j *job) export(t *testing.T, format audit.ExportFormat, mode audit.ExportMode, look func(export)) export {
	t.Helper()
	e := want[export](t, j.admin, http.StatusAccepted, http.MethodPost, "/v1/exports", j.request(format, mode))
	if e.Matched != jobEvents {
		t.Errorf("the answer to the request says %d rows match, want %d", e.Matched, jobEvents)
	}
	return j.admin.awaitExport(t, e.ID, 2*time.Minute, look)
}

func (j *job) latest(t *testing.T) {
	e := j.export(t, audit.FormatCSV, audit.ModeLatest, nil)
	if e.Matched != jobEvents || e.Rows != jobRows || e.Truncated != jobEvents-jobRows {
		t.Errorf("matched %d, rows %d, truncated %d", e.Matched, e.Rows, e.Truncated)
	}
	if len(e.Files) != 1 || e.Files[0].Rows != jobRows {
		t.Fatalf("the files are %+v", e.Files)
	}
	if life := e.ExpiresAt.Sub(e.ReadyAt); life != 24*time.Hour {
		t.Errorf("the file lives for %s", life)
	}
	content := j.admin.download(t, e.ID, e.Files[0].Name)
	wantFile(t, e.Files[0].ExportFile, content)
	rows := csvRows(t, content)
	if len(rows) != jobRows {
		t.Fatalf("the file has %d rows", len(rows))
	}
	for i, row := range rows {
		expected := j.events[i]
		if row["id"] != expected.ID || row["time"] != expected.Time.Format(audit.TimeLayout) || row["action"] != expected.Action {
			t.Fatalf("row %d is %v, want event %s of %s", i, row, expected.ID, expected.Time)
		}
	}
	messages := want[struct {
		Messages []audit.Message `json:"messages"`
	}](t, j.admin, http.StatusOK, http.MethodGet, "/v1/messages", nil).Messages
	if !slices.ContainsFunc(messages, func(m audit.Message) bool { return m.Export == e.ID && strings.Contains(m.Body, "5000") }) {
		t.Errorf("no message says that the export is ready and that 5000 rows were left out: %+v", messages)
	}
}

func (j *job) all(t *testing.T) {
	var seen []float64
	e := j.export(t, audit.FormatNDJSON, audit.ModeAll, func(e export) {
		if e.Status == audit.ExportRunning && (len(seen) == 0 || seen[len(seen)-1] != e.Progress) {
			seen = append(seen, e.Progress)
		}
	})
	if !slices.IsSorted(seen) || !slices.ContainsFunc(seen, func(p float64) bool { return p > 0 && p < 1 }) {
		t.Errorf("progress went %v, want it to rise and to be seen between 0 and 1", seen)
	}
	if e.Rows != jobEvents || e.Truncated != 0 || len(e.Files) != 3 {
		t.Fatalf("rows %d, truncated %d, files %+v", e.Rows, e.Truncated, e.Files)
	}
	var manifest struct {
		Rows  int64              `json:"rows"`
		Files []audit.ExportFile `json:"files"`
	}
	var ids []string
	for _, f := range e.Files {
		content := j.admin.download(t, e.ID, f.Name)
		wantFile(t, f.ExportFile, content)
		if f.Name == "manifest.json" {
			if err := json.Unmarshal(content, &manifest); err != nil {
				t.Fatal(err)
			}
			continue
		}
		part := ndjsonIDs(t, content)
		if int64(len(part)) != f.Rows {
			t.Errorf("%s has %d rows, and is said to have %d", f.Name, len(part), f.Rows)
		}
		ids = append(ids, part...)
	}
	sameIDs(t, "the parts together", ids, eventIDs(j.events))
	if manifest.Rows != jobEvents || len(manifest.Files) != 2 {
		t.Fatalf("the manifest is %+v", manifest)
	}
	sum := int64(0)
	for i, f := range manifest.Files {
		sum += f.Rows
		if f != e.Files[i].ExportFile {
			t.Errorf("the manifest says %+v, the export %+v", f, e.Files[i])
		}
	}
	if sum != manifest.Rows {
		t.Errorf("the manifest's parts add up to %d of %d rows", sum, manifest.Rows)
	}
}

func (j *job) xlsx(t *testing.T) {
	request := j.request(audit.FormatXLSX, audit.ModeLatest)
	request["action"] = []string{"login.failed"}
	e := want[export](t, j.admin, http.StatusAccepted, http.MethodPost, "/v1/exports", request)
	e = j.admin.awaitExport(t, e.ID, 2*time.Minute, nil)
	content := j.admin.download(t, e.ID, e.Files[0].Name)
	wantFile(t, e.Files[0].ExportFile, content)
	book, err := excelize.OpenReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	rows, err := book.GetRows(book.GetSheetName(0))
	if err != nil {
		t.Fatal(err)
	}
	var expected []string
	for _, event := range j.events {
		if event.Action == "login.failed" {
			expected = append(expected, event.ID)
		}
	}
	at := slices.Index(rows[0], "id")
	if at < 0 {
		t.Fatalf("the header is %q", rows[0])
	}
	var ids []string
	for _, row := range rows[1:] {
		ids = append(ids, row[at])
	}
	sameIDs(t, "the sheet", ids, expected)
}

func (j *job) again(t *testing.T) {
	request := j.request(audit.FormatCSV, audit.ModeLatest)
	request["outcome"] = []string{"failure"}
	e := want[export](t, j.admin, http.StatusAccepted, http.MethodPost, "/v1/exports", request)
	e = j.admin.awaitExport(t, e.ID, time.Minute, nil)
	file := "/v1/exports/" + e.ID + "/files/" + e.Files[0].Name
	if a := newClient(t, j.admin.url, "").do(t, http.MethodGet, file, nil); a.status != http.StatusUnauthorized {
		t.Errorf("the link without a key answers %d", a.status)
	}
	if got := want[export](t, j.admin, http.StatusOK, http.MethodDelete, "/v1/exports/"+e.ID, nil); got.Status != audit.ExportRevoked {
		t.Errorf("taken back, the export is %s", got.Status)
	}
	refused(t, j.admin, http.StatusGone, http.MethodGet, file, nil)
	within(t, 30*time.Second, func() error { return absent(j.service.config.DataDir, e.ID) })
	anew := want[export](t, j.admin, http.StatusAccepted, http.MethodPost, "/v1/exports/"+e.ID+"/again", nil)
	if anew.ID == e.ID || anew.AgainOf != e.ID {
		t.Errorf("run again, the export is %s, again of %q", anew.ID, anew.AgainOf)
	}
	anew = j.admin.awaitExport(t, anew.ID, time.Minute, nil)
	if anew.Rows != e.Rows || anew.Files[0].SHA256 != e.Files[0].SHA256 {
		t.Errorf("run again, the export has %+v, and had %+v", anew.Files, e.Files)
	}
	refused(t, j.admin, http.StatusGone, http.MethodGet, file, nil)
}

// absent says whether no file under the folder has the name in its path.
func absent(dir, name string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.Contains(path, name) {
			return fmt.Errorf("%s is still on the disk", path)
		}
		return nil
	})
}
