package workflows_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/store"
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
	r.oldMessages()
	r.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: "retention-2026-11-24T03:17:00Z", TaskQueue: workflows.TaskQueue})
	if err := r.run(workflows.NameRetention); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]int{"running": 1, "ready": 1, "failed": 0, "expired": 0, "revoked": 0, "unknown": 1} {
		if got := r.kept(id); len(got) != want {
			t.Errorf("%s: %d files are left, not %d", id, len(got), want)
		}
	}
	if left := r.messages("bob"); len(left) != 1 || left[0].ID != "new" {
		t.Errorf("of 701 messages, one of which is new, %d are left", len(left))
	}
	if ran := r.own(org)[audit.ActionRetentionRan]; len(ran) != 1 || ran[0].Metadata["messages_deleted"] != "700" || ran[0].Metadata["deliveries_deleted"] != "1" {
		t.Errorf("recorded %+v", ran)
	}
	if ran := r.own("other")[audit.ActionRetentionRan]; len(ran) != 1 || ran[0].Metadata["messages_deleted"] != "0" {
		t.Errorf("another organization was told %+v", ran)
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

// oldMessages makes more messages than are deleted at a time, from just before the horizon, and one from just behind it.
func (r *rig) oldMessages() {
	r.t.Helper()
	ctx, horizon := context.Background(), audit.Horizon(start)
	records := make([]store.Record, 700)
	for i := range records {
		records[i].Message = &audit.Message{ID: fmt.Sprint("old", i), Organization: org, Member: "bob", CreatedAt: horizon.Add(-time.Minute)}
	}
	err := r.store.PutRecords(ctx, records)
	if err == nil {
		err = r.store.AddMessage(ctx, audit.Message{ID: "new", Organization: org, Member: "bob", CreatedAt: horizon.Add(time.Minute)})
	}
	for id, at := range map[string]time.Time{"old": horizon.Add(-time.Minute), "new": start} {
		if err == nil {
			err = r.store.SaveDelivery(ctx, audit.Delivery{ID: id, Organization: org, Reminder: "r", Status: audit.DeliverySent, CreatedAt: at, UpdatedAt: at})
		}
	}
	if err != nil {
		r.t.Fatal(err)
	}
}
