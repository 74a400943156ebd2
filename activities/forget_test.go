package activities

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	_ "gocloud.dev/blob/memblob" // a bucket that, closed, cannot be listed

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/blob"
	"github.com/audittrail/audittrail/store/sqlite"
)

// retainer keeps nothing.
type retainer struct{}

func (retainer) Retain(context.Context) (audit.RetentionReport, error) {
	return audit.RetentionReport{Horizon: start}, nil
}

func TestRetentionDeletesSessionsAndLinksADayAfterTheirEnd(t *testing.T) {
	clock := func() time.Time { return start }
	store, index, files := parts(t, clock)
	ctx := context.Background()
	for _, org := range []string{"acme", "other"} {
		_, err := store.PutOrganization(ctx, audit.Organization{ID: org, Name: org, CreatedAt: start})
		for name, ended := range map[string]time.Time{"old": start.Add(-25 * time.Hour), "late": start.Add(-23 * time.Hour), "open": start.Add(time.Hour)} {
			id := org + " " + name
			err = errors.Join(err,
				store.CreateSession(ctx, audit.Session{ID: id, Organization: org, Member: "admin", Hash: []byte(id), CreatedAt: ended.Add(-audit.SessionLife), ExpiresAt: ended}),
				store.CreateLoginLink(ctx, audit.LoginLink{ID: id, Organization: org, Member: "admin", Hash: []byte(id), CreatedAt: ended.Add(-audit.LoginLinkLife), ExpiresAt: ended}))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	a := &Retention{Index: retainer{}, Records: store, Own: index, Files: files, Clock: clock, Logger: slog.New(slog.DiscardHandler)}
	if _, err := environment(t, a).ExecuteActivity(a.Retain); err != nil {
		t.Fatal(err)
	}
	for _, org := range []string{"acme", "other"} {
		for name, want := range map[string]audit.Code{"old": audit.CodeNotFound, "late": "", "open": ""} {
			_, sessionErr := store.SessionByHash(ctx, []byte(org+" "+name))
			_, linkErr := store.LoginLinkByHash(ctx, []byte(org+" "+name))
			if audit.CodeOf(sessionErr) != want || audit.CodeOf(linkErr) != want {
				t.Errorf("%s %s: the session %v, the link %v; want %q", org, name, sessionErr, linkErr, want)
			}
		}
	}
}

// endsMeanwhile ends an export right after what is open was asked for, as its workflow may, and its files are not deleted yet.
type endsMeanwhile struct {
	*sqlite.Store
	end func()
}

func (r *endsMeanwhile) OpenExports(ctx context.Context, organization string) ([]audit.Export, error) {
	open, err := r.Store.OpenExports(ctx, organization)
	r.end()
	return open, err
}

func TestAnOldExportThatEndsWhileFilesAreSweptStaysKnownUntilTheNextRun(t *testing.T) {
	store, index, files := parts(t, func() time.Time { return start })
	ctx := context.Background()
	old := audit.Horizon(start).Add(-time.Hour)
	_, err := store.PutOrganization(ctx, audit.Organization{ID: "acme", Name: "Acme", CreatedAt: old})
	for id, at := range map[string]time.Time{"before": old.Add(-time.Minute), "open": old, "behind": old.Add(time.Minute)} {
		x := audit.Export{ID: id, Organization: "acme", RequestedBy: "admin", Status: audit.ExportExpired, RequestedAt: at}
		if id == "open" {
			x.Status = audit.ExportReady
		}
		_, putErr := store.PutExport(ctx, x)
		err = errors.Join(err, putErr, file(ctx, files, "exports/acme/"+id+"/events.csv"))
	}
	if err != nil {
		t.Fatal(err)
	}
	records := &endsMeanwhile{Store: store}
	records.end = func() {
		x, err := store.Export(ctx, "acme", "open")
		if x.Status = audit.ExportExpired; err == nil {
			_, err = store.PutExport(ctx, x)
		}
		if err != nil && audit.CodeOf(err) != audit.CodeNotFound {
			t.Error(err)
		}
	}
	a := &Retention{Index: index, Records: records, Own: index, Files: files, Clock: func() time.Time { return start }, Logger: slog.New(slog.DiscardHandler)}
	for run, want := range []struct{ forgotten, left int }{{1, 2}, {2, 0}, {0, 0}} {
		var swept SweptFiles
		value, err := environment(t, a).ExecuteActivity(a.SweepFiles)
		if err == nil {
			err = value.Get(&swept)
		}
		if err != nil {
			t.Fatal(err)
		}
		left, err := store.Exports(ctx, "acme", "", "", 10)
		if err != nil || swept.Forgotten["acme"] != want.forgotten || len(left) != want.left || swept.Unknown != 0 {
			t.Errorf("run %d: %+v, %d exports are left, %v; want %+v and no unknown files", run, swept, len(left), err, want)
		}
	}
}

func file(ctx context.Context, files *blob.Bucket, key string) error {
	w, err := files.Create(ctx, key)
	if err != nil {
		return err
	}
	return w.Close()
}

func TestExportsStayWhereTheirFilesCannotBeLookedFor(t *testing.T) {
	store, index, _ := parts(t, func() time.Time { return start })
	ctx := context.Background()
	files, err := blob.Open(ctx, "mem://")
	if err == nil {
		err = files.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	old := audit.Export{ID: "old", Organization: "acme", RequestedBy: "admin", Status: audit.ExportFailed, RequestedAt: start.AddDate(-1, 0, 0)}
	_, err = store.PutOrganization(ctx, audit.Organization{ID: "acme", Name: "Acme", CreatedAt: start})
	if _, putErr := store.PutExport(ctx, old); errors.Join(err, putErr) != nil {
		t.Fatal(err, putErr)
	}
	a := &Retention{Index: index, Records: store, Own: index, Files: files, Clock: func() time.Time { return start }, Logger: slog.New(slog.DiscardHandler)}
	if _, err := a.SweepFiles(ctx); err == nil {
		t.Error("a sweep that could not look succeeded")
	}
	if _, err := store.Export(ctx, "acme", "old"); err != nil {
		t.Error(err)
	}
}

func TestWhatIsLeftOfADeletedAddressGoesAnHourAfterItsLastCode(t *testing.T) {
	store, index, files := parts(t, func() time.Time { return start })
	ctx := context.Background()
	_, err := store.PutOrganization(ctx, audit.Organization{ID: "acme", Name: "Acme", CreatedAt: start})
	for id, a := range map[string]audit.OtherAddress{
		"long ago": {CodesAt: []time.Time{start.Add(-time.Hour)}}, "never": {}, "of late": {CodesAt: []time.Time{start.Add(-59 * time.Minute)}},
		"there": {Address: "on-call@example.com", CodesAt: []time.Time{start.AddDate(-1, 0, 0)}},
	} {
		a.ID, a.Organization, a.Kind, a.CreatedAt = id, "acme", audit.AddressEmail, start.AddDate(-1, 0, 0)
		_, putErr := store.PutAddress(ctx, a)
		err = errors.Join(err, putErr)
	}
	if err != nil {
		t.Fatal(err)
	}
	a := &Retention{Index: retainer{}, Records: store, Own: index, Files: files, Clock: func() time.Time { return start }, Logger: slog.New(slog.DiscardHandler)}
	for run, want := range []int{2, 0} {
		var done Retained
		value, err := environment(t, a).ExecuteActivity(a.Retain)
		if err == nil {
			err = value.Get(&done)
		}
		if err != nil || done.Forgotten["acme"].Addresses != want {
			t.Errorf("run %d: %+v, %v; want %d addresses", run, done, err, want)
		}
	}
	for id, want := range map[string]audit.Code{"long ago": audit.CodeNotFound, "never": audit.CodeNotFound, "of late": "", "there": ""} {
		if _, err := store.Address(ctx, "acme", id); audit.CodeOf(err) != want {
			t.Errorf("%s: %v, want %q", id, err, want)
		}
	}
}

func TestTheLogSaysHowManyRecordsOfAllOrganizationsLeft(t *testing.T) {
	store, index, files := parts(t, func() time.Time { return start })
	var log bytes.Buffer
	a := &Retention{Index: index, Records: store, Own: index, Files: files, Clock: func() time.Time { return start }, Logger: slog.New(slog.NewTextHandler(&log, nil))}
	in := RecordRetentionInput{Run: "retention-1", Swept: SweptFiles{Exports: 1, Forgotten: map[string]int{"acme": 3, "other": 4}}, Report: Retained{
		RetentionReport: audit.RetentionReport{Horizon: start}, Forgotten: map[string]Forgotten{
			"acme": {Deliveries: 1, Messages: 2, Sessions: 4, LoginLinks: 5, Addresses: 6}, "other": {Deliveries: 10, Messages: 20, Sessions: 40, LoginLinks: 50, Addresses: 60}}}}
	if _, err := environment(t, a).ExecuteActivity(a.RecordRetention, in); err != nil {
		t.Fatal(err)
	}
	const want = `msg="retention ran" horizon=2026-11-24T10:00:00.000Z problems=0 files_of_exports=1 deliveries_deleted=11 messages_deleted=22 exports_deleted=7 ` +
		"sessions_deleted=44 login_links_deleted=55 addresses_deleted=66\n"
	if got := log.String(); !bytes.Contains(log.Bytes(), []byte(want)) {
		t.Errorf("the log is %q, want in it %q", got, want)
	}
}
