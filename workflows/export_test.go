package workflows_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/activities"
	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/workflows"
)

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
