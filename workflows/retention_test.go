package workflows_test

import (
	"context"
	"fmt"
	"strings"
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
	r.oldExports()
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
	r.wantOldExportsGone()
	for organization, want := range map[string]string{org: "1 700 600", "other": "0 0 0"} {
		ran := r.own(organization)[audit.ActionRetentionRan]
		if len(ran) != 1 || fmt.Sprint(ran[0].Metadata["deliveries_deleted"], " ", ran[0].Metadata["messages_deleted"], " ", ran[0].Metadata["exports_deleted"]) != want {
			t.Errorf("%s was told %+v, want the numbers %s", organization, ran, want)
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

// oldExports makes more exports than are deleted at a time, from just before the horizon, and some that have to stay. One of each has files that a crash left.
func (r *rig) oldExports() {
	r.t.Helper()
	ctx, old := context.Background(), audit.Horizon(start).Add(-time.Minute)
	records := make([]store.Record, 600)
	for i := range records {
		records[i].Export = &audit.Export{ID: fmt.Sprint("old", i), Organization: org, RequestedBy: "bob", Status: audit.ExportExpired, RequestedAt: old, Version: 3}
	}
	for id, x := range map[string]audit.Export{
		"old-ready": {Status: audit.ExportReady, RequestedAt: old.Add(time.Second)}, "old-running": {Status: audit.ExportRunning, RequestedAt: old.Add(time.Second)},
		"at-the-horizon": {Status: audit.ExportRevoked, RequestedAt: audit.Horizon(start)},
	} {
		x.ID, x.Organization, x.RequestedBy, x.Version = id, org, "bob", 3
		records = append(records, store.Record{Export: &x})
	}
	if err := r.store.PutRecords(ctx, records); err != nil {
		r.t.Fatal(err)
	}
	for _, id := range []string{"old0", "old-ready", "at-the-horizon"} {
		r.file(id)
	}
}

// wantOldExportsGone wants of oldExports those that have to stay, and no file of the others.
func (r *rig) wantOldExportsGone() {
	r.t.Helper()
	left, err := r.store.Exports(context.Background(), org, "bob", "", 1000)
	if err != nil {
		r.t.Fatal(err)
	}
	ids := make([]string, len(left))
	for i, export := range left {
		ids[i] = export.ID
	}
	if got := strings.Join(ids, ", "); got != "at-the-horizon, old-running, old-ready" {
		r.t.Errorf("of the old exports are left: %s", got)
	}
	for id, want := range map[string]int{"old0": 0, "old-ready": 1, "at-the-horizon": 0} {
		if got := r.kept(id); len(got) != want {
			r.t.Errorf("%s: %d files are left, not %d", id, len(got), want)
		}
	}
}
