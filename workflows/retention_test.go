package workflows_test

import (
	"context"
	"testing"

	"go.temporal.io/sdk/client"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/workflows"
)

func TestRetentionDeletesWhatACrashLeftAndTellsEveryOrganization(t *testing.T) {
	r := newRig(t)
	for id, status := range map[string]audit.ExportStatus{
		"running": audit.ExportRunning, "ready": audit.ExportReady, "failed": audit.ExportFailed, "expired": audit.ExportExpired, "revoked": audit.ExportRevoked,
	} {
		r.request(func(e *audit.Export) { e.ID, e.Status = id, status })
		r.file(id)
	}
	r.file("unknown")
	r.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: "retention-2026-11-24T03:17:00Z", TaskQueue: workflows.TaskQueue})
	if err := r.run(workflows.NameRetention); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]int{"running": 1, "ready": 1, "failed": 0, "expired": 0, "revoked": 0, "unknown": 1} {
		if got := r.kept(id); len(got) != want {
			t.Errorf("%s: %d files are left, not %d", id, len(got), want)
		}
	}
	for _, organization := range []string{org, "other"} {
		ran := r.own(organization)[audit.ActionRetentionRan]
		if len(ran) != 1 || ran[0].Metadata["horizon"] != "2026-05-24T10:00:00.000Z" {
			t.Errorf("%s: recorded %+v", organization, ran)
		}
	}
}

func (r *rig) file(export string) {
	r.t.Helper()
	w, err := r.files.Create(context.Background(), "exports/"+org+"/"+export+"/events.csv")
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		r.t.Fatal(err)
	}
}
