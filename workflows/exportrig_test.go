package workflows_test

import (
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/audittrail/audittrail/activities"
	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/workflows"
)

// request puts an export into the store, as the API does, and returns the workflow's input.
func (r *rig) request(change func(*audit.Export)) workflows.ExportInput {
	r.t.Helper()
	export := audit.Export{
		ID: "x1", Organization: org, RequestedBy: "admin", Format: audit.FormatCSV, Mode: audit.ModeLatest,
		Status: audit.ExportRunning, RequestedAt: r.Now(),
	}
	if change != nil {
		change(&export)
	}
	if _, err := r.store.PutExport(context.Background(), export); err != nil {
		r.t.Fatal(err)
	}
	return workflows.ExportInput{ExportRef: activities.ExportRef{Organization: org, Export: export.ID}}
}

func (r *rig) export() audit.Export {
	r.t.Helper()
	export, err := r.store.Export(context.Background(), org, "x1")
	if err != nil {
		r.t.Fatal(err)
	}
	return export
}

func (r *rig) change(change func(*audit.Export)) {
	r.t.Helper()
	export := r.export()
	change(&export)
	if _, err := r.store.PutExport(context.Background(), export); err != nil {
		r.t.Fatal(err)
	}
}

// ids returns the last column of a CSV file, and checks that the file is what the export says it is.
func (r *rig) ids(f audit.ExportFile) []string {
	r.t.Helper()
	data := r.read("x1", f.Name)
	sum := sha256.Sum256(data)
	if int64(len(data)) != f.Bytes || hex.EncodeToString(sum[:]) != f.SHA256 {
		r.t.Errorf("%s: %d bytes with another checksum than recorded (%d)", f.Name, len(data), f.Bytes)
	}
	table, err := csv.NewReader(strings.NewReader(string(data))).ReadAll()
	if err != nil {
		r.t.Fatal(err)
	}
	var ids []string
	for _, row := range table[1:] {
		ids = append(ids, row[len(row)-1])
	}
	if int64(len(ids)) != f.Rows {
		r.t.Errorf("%s: %d rows, recorded are %d", f.Name, len(ids), f.Rows)
	}
	return ids
}

// noRowTwice checks that there are n rows and none is there twice.
func noRowTwice(t *testing.T, ids []string, n int) {
	t.Helper()
	distinct := slices.Clone(ids)
	slices.Sort(distinct)
	if distinct = slices.Compact(distinct); len(ids) != n || len(distinct) != n {
		t.Errorf("%d rows, %d of them distinct; want %d", len(ids), len(distinct), n)
	}
}

func (r *rig) checkParts(rows int) {
	export := r.export()
	parts := max(1, (rows+audit.ExportRows-1)/audit.ExportRows)
	if export.Status != audit.ExportReady || len(export.Files) != parts+1 || export.Rows != int64(rows) || export.Truncated != 0 {
		r.t.Fatalf("got %+v", export)
	}
	var ids []string
	for _, f := range export.Files[:parts] {
		ids = append(ids, r.ids(f)...)
	}
	noRowTwice(r.t, ids, rows)
	var manifest activities.Manifest
	if err := json.Unmarshal(r.read("x1", "manifest.json"), &manifest); err != nil {
		r.t.Fatal(err)
	}
	sum := int64(0)
	for _, f := range manifest.Files {
		sum += f.Rows
	}
	if sum != int64(rows) || manifest.Rows != sum || manifest.Counted != sum || manifest.Note != "" || !slices.Equal(manifest.Files, export.Files[:parts]) {
		r.t.Errorf("manifest: %+v", manifest)
	}
	if manifest.Export != "x1" || !manifest.RequestedAt.Equal(export.RequestedAt) {
		r.t.Errorf("manifest: %+v", manifest)
	}
}
