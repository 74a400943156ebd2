package workflows_test

import (
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

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

func TestALatestExportIsReadyForADayAndThenGone(t *testing.T) {
	r := newRig(t)
	r.add(org, 20_003, nil)
	r.add("other", 3, nil)
	in := r.request(nil)
	r.after(23*time.Hour+59*time.Minute, func() {
		export := r.export()
		if export.Status != audit.ExportReady || export.Matched != 20_003 || export.Rows != 20_000 ||
			export.Truncated != 3 || export.Done != 20_000 {
			t.Errorf("got %+v", export)
		}
		if got := export.ExpiresAt.Sub(export.ReadyAt); got != 24*time.Hour {
			t.Errorf("it lives %v", got)
		}
		ids := r.ids(export.Files[0])
		noRowTwice(t, ids, 20_000)
		if newest := fmt.Sprintf("%s-%d-%d", org, start.UnixMilli(), 20_002); ids[0] != newest {
			t.Errorf("the first row is %s, not the newest %s", ids[0], newest)
		}
		if m := r.messages("admin"); len(m) != 1 || m[0].Title != "Your export is ready" || m[0].Export != "x1" || !strings.Contains(m[0].Body, "older rows were left out") {
			t.Errorf("messages: %+v", m)
		}
	})
	if err := r.run(workflows.NameExport, in); err != nil {
		t.Fatal(err)
	}
	if export := r.export(); export.Status != audit.ExportExpired {
		t.Errorf("the status is %s", export.Status)
	}
	if left := r.kept("x1"); len(left) > 0 {
		t.Errorf("files are left: %q", left)
	}
	if got := r.Now().Sub(start); got < 24*time.Hour || got > 24*time.Hour+time.Minute {
		t.Errorf("it took %v", got)
	}
	own := r.own(org)
	if len(own["audit_trail.export.ready"]) != 1 || len(own["audit_trail.export.expired"]) != 1 {
		t.Errorf("recorded: %v", own)
	}
	if len(r.own("other")) > 0 {
		t.Error("another organization was told")
	}
}

func TestRowsReceivedAfterTheRequestAreNotExported(t *testing.T) {
	r := newRig(t)
	r.add(org, 10, nil)
	in := r.request(nil)
	r.deps.exports.Settle = 10 * time.Second
	r.after(5*time.Second, func() { r.add(org, 7, nil) })
	r.after(time.Hour, func() {
		if export := r.export(); export.Matched != 10 || export.Rows != 10 {
			t.Errorf("got %+v", export)
		}
	})
	if err := r.run(workflows.NameExport, in); err != nil {
		t.Fatal(err)
	}
}

func TestAnExportOfEverythingAddsUp(t *testing.T) {
	for _, rows := range []int{0, 1, 20_000} {
		t.Run(fmt.Sprint(rows, " rows"), func(t *testing.T) {
			r := newRig(t)
			r.add(org, rows, nil)
			in := r.request(func(e *audit.Export) { e.Mode = audit.ModeAll })
			r.after(time.Hour, func() { r.checkParts(rows) })
			if err := r.run(workflows.NameExport, in); err != nil {
				t.Fatal(err)
			}
		})
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

func TestAnExportOfSomeColumnsHasThoseAndItsManifestSaysSo(t *testing.T) {
	r := newRig(t)
	r.add(org, 3, nil)
	in := r.request(func(e *audit.Export) { e.Mode, e.Columns = audit.ModeAll, []string{"message", "action"} })
	r.after(time.Hour, func() {
		table := strings.ReplaceAll(string(r.read("x1", "events-0001.csv")), "\r\n", "|")
		if want := "\ufeffmessage,action|event 2,contacts.member.added|event 1,contacts.member.added|event 0,contacts.member.added|"; table != want {
			t.Errorf("the file holds %q", table)
		}
		var manifest activities.Manifest
		if err := json.Unmarshal(r.read("x1", "manifest.json"), &manifest); err != nil || !slices.Equal(manifest.Columns, []string{"message", "action"}) {
			t.Errorf("manifest: %+v, %v", manifest, err)
		}
	})
	if err := r.run(workflows.NameExport, in); err != nil {
		t.Fatal(err)
	}
}

func TestTroubleBetweenAndDuringPartsNeitherLosesNorRepeatsARow(t *testing.T) {
	r := newRig(t)
	r.add(org, 20_500, nil)
	in := r.request(func(e *audit.Export) { e.Mode = audit.ModeAll })
	calls := 0
	r.events.search = func(*audit.Search) error {
		switch calls++; calls {
		case 1, 3, 15, 38:
			return audit.Unavailable(errors.New("node down"), time.Second, "the index is down")
		case 20, 40:
			return errors.New("the process was killed") // what Temporal sees of that: an attempt that came to nothing
		}
		return nil
	}
	half := false
	r.SetOnActivityStartedListener(func(info *activity.Info, _ context.Context, _ converter.EncodedValues) {
		if done := r.export().Done; info.ActivityType.Name == "WritePart" && done >= 20_000 && done < 20_500 {
			half = true
		}
	})
	r.after(12*time.Hour, func() { r.checkParts(20_500) })
	if err := r.run(workflows.NameExport, in); err != nil {
		t.Fatal(err)
	}
	if calls < 41 {
		t.Errorf("only %d calls: not all of the trouble happened", calls)
	}
	if !half {
		t.Error("the progress could not be seen while it ran")
	}
}

func TestStoppingAnExport(t *testing.T) {
	for name, when := range map[string]time.Duration{"while it settles": 5 * time.Second, "when it is ready": time.Hour} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.add(org, 100, nil)
			r.deps.exports.Settle = 10 * time.Second
			in := r.request(nil)
			r.after(when, func() { r.SignalWorkflow(workflows.SignalStop, nil) })
			if err := r.run(workflows.NameExport, in); err != nil {
				t.Fatal(err)
			}
			if export := r.export(); export.Status != audit.ExportRevoked || len(r.kept("x1")) > 0 {
				t.Errorf("it is %s with the files %q", export.Status, r.kept("x1"))
			}
			if got := r.Now().Sub(start); got > 2*time.Hour {
				t.Errorf("it took %v", got)
			}
		})
	}
}

func TestStoppingAnExportWhileAPartIsWritten(t *testing.T) {
	r := newRig(t)
	r.add(org, 3000, nil)
	in := r.request(nil)
	r.events.search = func(s *audit.Search) error {
		if s.After != nil {
			// The API marks it and signals; the activity finds out by itself at its next progress.
			r.change(func(e *audit.Export) { e.Status = audit.ExportRevoked })
			r.events.search = nil
		}
		return nil
	}
	if err := r.run(workflows.NameExport, in); err != nil {
		t.Fatal(err)
	}
	if export := r.export(); export.Status != audit.ExportRevoked || len(r.kept("x1")) > 0 {
		t.Errorf("it is %s with the files %q", export.Status, r.kept("x1"))
	}
	if len(r.messages("admin")) > 0 {
		t.Error("the requester was told that a revoked export failed or is ready")
	}
}

func TestAnExportIsCancelledByTemporalToo(t *testing.T) {
	r := newRig(t)
	in := r.request(nil)
	r.after(time.Hour, r.CancelWorkflow)
	if err := r.run(workflows.NameExport, in); err != nil {
		t.Fatal(err)
	}
	if export := r.export(); export.Status != audit.ExportRevoked {
		t.Errorf("it is %s", export.Status)
	}
}

func TestAnExportFailsInWordsForTheRequester(t *testing.T) {
	for _, c := range []struct {
		name  string
		setup func(r *rig)
		words string
	}{
		{"when the requester lost the role", func(r *rig) { r.member(org, "admin", func(m *audit.Member) { m.Role = audit.RoleContactAdmin }) }, "no longer allowed"},
		{"when the requester was deactivated", func(r *rig) { r.member(org, "admin", func(m *audit.Member) { m.Status = audit.MemberDeactivated }) }, "no longer allowed"},
		{"when the requester is not known", func(r *rig) { r.change(func(e *audit.Export) { e.RequestedBy = "ghost" }) }, "no longer allowed"},
		{"when the query cannot run", func(r *rig) {
			r.events.search = func(*audit.Search) error { return audit.InvalidField("q", "has an unbalanced quote") }
		}, "the input is not valid"},
		{"when rows are missing", func(r *rig) { r.events.hide = 1 }, "do not add up"},
		{"when the index is down for a day", func(r *rig) {
			r.events.search = func(*audit.Search) error {
				return audit.Unavailable(errors.New("secret cause"), time.Second, "the index is down")
			}
		}, "the index is down"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.add(org, 100, nil)
			in := r.request(nil)
			c.setup(r)
			if err := r.run(workflows.NameExport, in); err != nil {
				t.Fatal(err)
			}
			export := r.export()
			if export.Status != audit.ExportFailed || !strings.Contains(export.Error, c.words) || strings.Contains(export.Error, "secret") {
				t.Errorf("it is %s: %q", export.Status, export.Error)
			}
			if left := r.kept("x1"); len(left) > 0 {
				t.Errorf("files are left: %q", left)
			}
			if m := r.messages(export.RequestedBy); len(m) != 1 || m[0].Title != "Your export failed" || m[0].Body != export.Error {
				t.Errorf("messages: %+v", m)
			}
			if own := r.own(org); len(own["audit_trail.export.failed"]) != 1 {
				t.Errorf("recorded: %v", own)
			}
		})
	}
}

func TestRowsThatGrowTooOldWhileTheExportRunsAreExplained(t *testing.T) {
	r := newRig(t)
	horizon := audit.Horizon(start)
	r.add(org, 10, func(i int, e *audit.Event) {
		if i < 3 {
			e.Time = horizon.Add(time.Duration(i+1) * time.Second)
		}
	})
	in := r.request(func(e *audit.Export) { e.Mode = audit.ModeAll })
	// The count succeeds; then the index is down until three rows have passed the six months.
	calls := 0
	r.events.search = func(*audit.Search) error {
		if calls++; calls > 1 && r.Now().Sub(start) < 10*time.Second {
			return audit.Unavailable(nil, time.Second, "down")
		}
		return nil
	}
	r.after(time.Hour, func() {
		export := r.export()
		if export.Status != audit.ExportReady || export.Rows != 7 || export.Matched != 7 {
			t.Errorf("got %+v", export)
		}
		var manifest activities.Manifest
		if err := json.Unmarshal(r.read("x1", "manifest.json"), &manifest); err != nil {
			t.Fatal(err)
		}
		if manifest.Counted != 10 || manifest.Rows != 7 || !strings.Contains(manifest.Note, "3 rows grew older than six months") {
			t.Errorf("manifest: %+v", manifest)
		}
	})
	if err := r.run(workflows.NameExport, in); err != nil {
		t.Fatal(err)
	}
}

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
