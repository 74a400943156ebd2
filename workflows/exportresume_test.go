package workflows_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/workflow"

	"github.com/audittrail/audittrail/activities"
	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/workflows"
)

func TestAnExportWhoseWorkflowWasLostIsTakenUp(t *testing.T) {
	t.Run("a ready one only waits for its end", func(t *testing.T) {
		r := newRig(t)
		in := r.request(func(e *audit.Export) {
			e.Status, e.ReadyAt, e.ExpiresAt = audit.ExportReady, start.Add(-20*time.Hour), start.Add(4*time.Hour)
		})
		if err := r.run(workflows.NameExport, in); err != nil {
			t.Fatal(err)
		}
		if got := r.Now().Sub(start); r.export().Status != audit.ExportExpired || got > 5*time.Hour {
			t.Errorf("it is %s after %v", r.export().Status, got)
		}
	})
	t.Run("a running one begins anew", func(t *testing.T) {
		r := newRig(t)
		r.add(org, 5, nil)
		in := r.request(func(e *audit.Export) {
			e.Done, e.Files = 20_000, []audit.ExportFile{{Name: "events.csv", Rows: 20_000}, {Name: "odd.csv", Rows: 1}}
		})
		r.after(time.Hour, func() {
			if export := r.export(); export.Status != audit.ExportReady || export.Rows != 5 || len(export.Files) != 1 {
				t.Errorf("got %+v", export)
			}
		})
		if err := r.run(workflows.NameExport, in); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("one that has ended keeps its status and loses what a crash left", func(t *testing.T) {
		r := newRig(t)
		in := r.request(func(e *audit.Export) { e.Status, e.Error = audit.ExportFailed, "as it was" })
		w, err := r.files.Create(context.Background(), "exports/"+org+"/x1/events.csv")
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := r.run(workflows.NameExport, in); err != nil {
			t.Fatal(err)
		}
		if export := r.export(); export.Status != audit.ExportFailed || export.Error != "as it was" || len(r.kept("x1")) > 0 {
			t.Errorf("got %+v, files %q", export, r.kept("x1"))
		}
	})
}

func TestALongExportContinuesInANewRun(t *testing.T) {
	r := newRig(t)
	in := r.request(func(e *audit.Export) { e.Mode = audit.ModeAll })
	r.OnActivity("CountExport", mock.Anything, mock.Anything).Return(activities.ExportCount{Matched: 20_000_000, Rows: 20_000_000}, nil)
	parts := 0
	r.OnActivity("WritePart", mock.Anything, mock.Anything).Return(
		func(_ context.Context, in activities.WritePartInput) (activities.WrittenPart, error) {
			if parts++; in.Part != parts || (in.After == nil) != (parts == 1) || in.After != nil && in.After.Tie != uint32(parts-1) {
				t.Errorf("part %d: %+v", parts, in)
			}
			return activities.WrittenPart{Rows: 20_000, Last: &audit.Position{Time: start, Tie: uint32(parts)}}, nil
		})
	err := r.run(workflows.NameExport, in)
	var again *workflow.ContinueAsNewError
	if !errors.As(err, &again) || parts != 500 {
		t.Fatalf("after %d parts: %v", parts, err)
	}
	var next workflows.ExportInput
	if err := decode(again, &next); err != nil {
		t.Fatal(err)
	}
	if p := next.Resume; p == nil || p.Parts != 500 || p.Rows != 10_000_000 || p.After.Tie != 500 || p.Matched != 20_000_000 {
		t.Errorf("it resumes from %+v", next.Resume)
	}
	if r.export().Status != audit.ExportRunning {
		t.Errorf("it is %s", r.export().Status)
	}
}

func TestAResumedExportGoesOnWhereItWas(t *testing.T) {
	r := newRig(t)
	r.add(org, 20_500, nil)
	in := r.request(func(e *audit.Export) { e.Mode = audit.ModeAll })
	// The first part, as the run before wrote it.
	env := newRigActivities(r)
	part := env.writePart(activities.WritePartInput{ExportRef: in.ExportRef, Part: 1})
	in.Resume = &workflows.ExportProgress{Mode: audit.ModeAll, Matched: 20_500, Parts: 1, Rows: part.Rows, After: part.Last}
	r.change(func(e *audit.Export) { e.Matched, e.Rows = 20_500, 20_500 })
	r.after(time.Hour, func() { r.checkParts(20_500) })
	if err := r.run(workflows.NameExport, in); err != nil {
		t.Fatal(err)
	}
}
