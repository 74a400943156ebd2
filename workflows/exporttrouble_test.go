package workflows_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"

	"github.com/audittrail/audittrail/activities"
	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/workflows"
)

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
