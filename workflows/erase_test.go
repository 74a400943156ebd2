package workflows_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/erasure"
	"github.com/audittrail/audittrail/workflows"
)

// erase puts a pseudonym in the place of a member, as the API does.
func (r *rig) erase(id string) {
	r.t.Helper()
	r.member(org, id, func(m *audit.Member) { *m = m.Erase("Erased member 1", r.Now()) })
	if err := r.store.SaveCheckpoint(context.Background(), org, audit.ErasuresCheckpoint, audit.ErasuresMade); err != nil {
		r.t.Fatal(err)
	}
}

func TestFilesOfAnExportNameNobodyWhoWasErased(t *testing.T) {
	for _, format := range []audit.ExportFormat{audit.FormatCSV, audit.FormatNDJSON} {
		r := newRig(t)
		r.deps.exports.Events = erasure.NewReader(r.events, r.store, r.Now)
		r.add(org, 5, func(i int, e *audit.Event) {
			e.Actor = audit.Actor{ID: "bob", Name: "Bob Longstocking"}
			e.Message = "Bob Longstocking <bob@longstocking.example> did it"
			e.Changes = []audit.Change{{Field: "email", Old: "bob@longstocking.example"}}
		})
		r.erase("bob")
		in := r.request(func(e *audit.Export) { e.Format = format })
		r.after(time.Hour, func() {
			e := r.export()
			if e.Status != audit.ExportReady || e.Rows != 5 {
				t.Errorf("the export is %+v", e)
				return
			}
			text := string(r.read(e.ID, e.Files[0].Name))
			if strings.Contains(strings.ToLower(text), "longstocking") || strings.Count(text, "Erased member 1") != 5*2 || strings.Count(text, "did it") != 5 {
				t.Errorf("%s holds %s", format, text)
			}
		})
		if err := r.run(workflows.NameExport, in); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAMailThatWaitedNamesNobodyWhoWasErasedMeanwhile(t *testing.T) {
	r := newRig(t)
	r.deps.reminders.Erasures = erasure.NewReader(r.events, r.store, r.Now)
	r.reminder("r1", func(x *audit.Reminder) {
		x.Recipients = []audit.Recipient{{Member: "contact"}}
		x.Window = audit.WindowTenMinutes
	})
	b := r.batch(0, 3)
	for i := range b.Events {
		b.Events[i].Actor, b.Events[i].Summary, b.Events[i].People = "Bob Longstocking", "Bob Longstocking did it", []string{"bob", "x"}
	}
	b.Events[0].Actor, b.Events[0].Summary, b.Events[0].People = "Ada", "Ada did it", []string{"admin"}
	r.after(time.Minute, func() { r.SignalWorkflow(workflows.SignalBatch, b) })
	r.after(2*time.Minute, func() { r.erase("bob") })
	r.remind("r1")
	if len(r.mail.sent) != 1 {
		t.Fatalf("%d mails", len(r.mail.sent))
	}
	d := r.mail.sent[0].Digest
	if d.Count != 3 || len(d.Events) != 3 {
		t.Fatalf("the digest is %+v", d)
	}
	for _, e := range d.Events {
		if want := map[string]string{"admin": "Ada, Ada did it", "bob": "Erased member 1, " + e.Action}[e.People[0]]; e.Actor+", "+e.Summary != want {
			t.Errorf("a line says %s, %s", e.Actor, e.Summary)
		}
	}
}
