package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

type exportAnswer struct {
	audit.Export
	Files    []fileView `json:"files"`
	Progress float64    `json:"progress"`
	Warning  string     `json:"warning"`
}

// finish does what a workflow does: it makes the export ready with one file.
func (g *rig) finish(id string) (content string) {
	g.t.Helper()
	e, err := g.store.Export(g.t.Context(), "acme", id)
	must(g.t, err)
	content = "time,action\r\n" + strings.Repeat("x", 100<<10)
	sum := sha256.Sum256([]byte(content))
	e.Status, e.Done, e.ReadyAt, e.ExpiresAt = audit.ExportReady, e.Rows, g.clock.Now(), g.clock.Now().Add(audit.ExportLife)
	e.Files = []audit.ExportFile{{Name: "events 1.csv", Rows: e.Rows, Bytes: int64(len(content)), SHA256: hex.EncodeToString(sum[:])}}
	_, err = g.store.PutExport(g.t.Context(), e)
	must(g.t, err)
	g.files.content[exportPrefix(e)+"events 1.csv"] = []byte(content)
	return content
}

func (g *rig) request(key, body string) exportAnswer {
	g.t.Helper()
	return into[exportAnswer](g.do(call{method: "POST", path: "/v1/exports", key: key, body: body}).want(202))
}

func TestAnExportSaysWhatItHoldsBeforeItStarts(t *testing.T) {
	g := newRig(t)
	var events []*audit.Event
	for i := range audit.ExportRows + 7 {
		e := event(1, audit.LogLogin, "login.failed", "u_1")
		e.ID = fmt.Sprint("e", i)
		if events = append(events, e); len(events) == audit.MaxScan {
			g.addEvents("acme", events...)
			events = nil
		}
	}
	g.addEvents("acme", events...)
	counts := into[countView](g.do(call{method: "POST", path: "/v1/exports?dry_run=true", key: "contact", body: `{"log":["login"]}`}).want(200))
	if counts != (countView{Matched: 20007, Rows: 20000, Truncated: 7, Files: 1}) {
		t.Errorf("counts = %+v", counts)
	}
	if all := into[countView](g.do(call{method: "POST", path: "/v1/exports?dry_run=true", key: "contact", body: `{"log":["login"],"mode":"all"}`}).want(200)); all != (countView{Matched: 20007, Rows: 20007, Files: 2}) {
		t.Errorf("counts = %+v", all)
	}
	if got := g.trail("acme"); !slices.Equal(got, []string{"audit_trail.summary.viewed success"}) || len(g.jobs.calls) != 0 {
		t.Errorf("a dry run left %v and %v", got, g.jobs.calls)
	}
	a := g.do(call{method: "POST", path: "/v1/exports", key: "contact", body: `{"log":["login"],"q":"failed","from":"2026-11-01","format":"xlsx"}`}).want(202)
	e := into[exportAnswer](a)
	if e.Matched != 20007 || e.Rows != 20000 || e.Truncated != 7 || e.Status != audit.ExportRunning || e.Progress != 0 || e.RequestedBy != "a_1" ||
		e.Format != audit.FormatXLSX || e.Mode != audit.ModeLatest || e.Query.Text != "failed" {
		t.Errorf("export = %+v", e)
	}
	if a.header.Get("Location") != "/v1/exports/"+e.ID || !g.jobs.has("start acme %s", e.ID) {
		t.Errorf("Location = %q, jobs = %v", a.header.Get("Location"), g.jobs.calls)
	}
	if got := g.trail("acme"); !slices.Equal(got, []string{"audit_trail.export.requested success", "audit_trail.summary.viewed success"}) {
		t.Errorf("trail = %v", got)
	}
}

func TestAnExportHoldsWhatTheRoleSees(t *testing.T) {
	g := newRig(t)
	g.addEvents("acme", event(1, audit.LogLogin, "login.failed", "m_1"), event(2, audit.LogLogin, "login.failed", "u_2"), event(3, audit.LogProduct, "crm.deal.won", "u_2"))
	for key, want := range map[string]int64{"creator": 3, "contact": 2, "member": 1} {
		e := g.request(key, `{"q":"-action:audit_trail*"}`)
		if e.Matched != want {
			t.Errorf("%s exports %d rows, want %d", key, e.Matched, want)
		}
	}
	g.do(call{method: "POST", path: "/v1/exports", key: "contact", body: `{"log":["product"]}`}).want(403)
	g.do(call{method: "POST", path: "/v1/exports", key: "member", body: `{"actor":["u_2"]}`}).want(403)
	stored, err := g.store.Exports(t.Context(), "acme", "m_1", "", 10)
	must(t, err)
	if q := stored[0].Query; !slices.Equal(q.Actors, []string{"m_1"}) || !slices.Equal(q.Logs, []audit.Log{audit.LogLogin}) {
		t.Errorf("the stored query is not narrowed: %+v", q)
	}
}

func TestAnExportThatCannotBeRecordedDoesNotStart(t *testing.T) {
	g := newRig(t)
	g.ingest.fail(audit.Unavailable(nil, time.Second, "the disk is full"))
	g.do(call{method: "POST", path: "/v1/exports", key: "admin", body: `{}`}).want(503)
	stored, err := g.store.Exports(t.Context(), "acme", "", "", 10)
	must(t, err)
	if len(stored) != 0 || len(g.jobs.calls) != 0 {
		t.Errorf("stored %v, jobs %v", stored, g.jobs.calls)
	}
}

func TestAnExportThatCannotBeStartedIsMarkedAsFailed(t *testing.T) {
	g := newRig(t)
	g.jobs.fail(errors.New("temporal: no route to 10.1.2.3"))
	a := g.do(call{method: "POST", path: "/v1/exports", key: "admin", body: `{}`}).want(503)
	if strings.Contains(string(a.body), "10.1.2.3") || a.header.Get("Retry-After") == "" {
		t.Errorf("answer = %s", a.body)
	}
	stored, err := g.store.Exports(t.Context(), "acme", "", "", 10)
	must(t, err)
	if len(stored) != 1 || stored[0].Status != audit.ExportFailed || stored[0].Error == "" {
		t.Errorf("stored = %+v", stored)
	}
	if got := g.trail("acme"); !slices.Equal(got, []string{"audit_trail.export.requested failure", "audit_trail.export.requested success"}) {
		t.Errorf("trail = %v", got)
	}
}

func TestDeletingCancelsARunningExportAndRevokesAReadyOne(t *testing.T) {
	g := newRig(t)
	running, ready := g.request("contact", `{}`), g.request("contact", `{}`)
	g.finish(ready.ID)
	for _, id := range []string{running.ID, ready.ID} {
		view := into[exportAnswer](g.do(call{method: "DELETE", path: "/v1/exports/" + id, key: "contact"}).want(200))
		if view.Status != audit.ExportRevoked || !g.jobs.has("stop acme %s", id) || view.Warning != "" {
			t.Errorf("export = %+v, jobs = %v", view, g.jobs.calls)
		}
		g.do(call{method: "GET", path: "/v1/exports/" + id + "/files/events%201.csv", key: "contact"}).want(410)
		g.do(call{method: "DELETE", path: "/v1/exports/" + id, key: "contact"}).want(200) // again: nothing more
	}
	want := []string{"audit_trail.export.cancelled success", "audit_trail.export.requested success", "audit_trail.export.requested success", "audit_trail.export.revoked success",
		"audit_trail.export.viewed success", "audit_trail.export.viewed success"}
	if got := g.trail("acme"); !slices.Equal(got, want) {
		t.Errorf("trail = %v", got)
	}
}

func TestARevokedExportsFilesGoEvenWhenItsWorkflowCannotBeTold(t *testing.T) {
	g := newRig(t)
	e := g.request("admin", `{}`)
	g.finish(e.ID)
	g.jobs.fail(errors.New("temporal is down"))
	view := into[exportAnswer](g.do(call{method: "DELETE", path: "/v1/exports/" + e.ID, key: "admin"}).want(200))
	if view.Status != audit.ExportRevoked || view.Warning == "" || len(g.files.content) != 0 {
		t.Errorf("export = %+v, files = %v", view, g.files.content)
	}
}

// busyExports has another writer who is always first for a while.
type busyExports struct {
	exportStore
	t         *testing.T
	conflicts int
}

type exportStore = Exports

func (b *busyExports) PutExport(ctx context.Context, e audit.Export) (audit.Export, error) {
	if e.Status == audit.ExportRevoked && b.conflicts > 0 {
		b.conflicts--
		other, err := b.exportStore.Export(ctx, e.Organization, e.ID)
		must(b.t, err)
		other.Done++
		_, err = b.exportStore.PutExport(ctx, other)
		must(b.t, err)
	}
	return b.exportStore.PutExport(ctx, e)
}

func TestRevokingWinsOverAWorkflowThatWritesItsProgress(t *testing.T) {
	busy := &busyExports{t: t, conflicts: 3}
	g := newRig(t, func(cfg *Config) { busy.exportStore = cfg.Exports; cfg.Exports = busy })
	e := g.request("admin", `{}`)
	view := into[exportAnswer](g.do(call{method: "DELETE", path: "/v1/exports/" + e.ID, key: "admin"}).want(200))
	if view.Status != audit.ExportRevoked || view.Done != 3 {
		t.Errorf("export = %+v", view)
	}
}

func TestAnExportKeepsItsColumns(t *testing.T) {
	g := newRig(t)
	e := g.request("contact", `{"columns":["message","time"],"format":"xlsx"}`)
	next := into[exportAnswer](g.do(call{method: "POST", path: "/v1/exports/" + e.ID + "/again", key: "contact"}).want(202))
	for _, got := range []exportAnswer{e, next, into[exportAnswer](g.do(call{method: "GET", path: "/v1/exports/" + next.ID, key: "contact"}).want(200))} {
		if !slices.Equal(got.Columns, []string{"message", "time"}) {
			t.Errorf("columns = %v", got.Columns)
		}
	}
	if all := g.request("contact", `{"columns":[]}`); len(all.Columns) > 0 {
		t.Errorf("columns of all: %v", all.Columns)
	}
	page, err := g.index.Search(t.Context(), "acme", audit.Search{Query: audit.Query{Actions: []string{audit.ActionExportRequested}}, Limit: 10})
	must(t, err)
	var recorded []string
	for _, event := range page.Events {
		recorded = append(recorded, event.Metadata["columns"])
	}
	slices.Sort(recorded)
	if !slices.Equal(recorded, []string{"", "message,time", "message,time"}) {
		t.Errorf("recorded columns %q", recorded)
	}
}

func TestColumnsThatAnExportCannotHaveAreNamed(t *testing.T) {
	g := newRig(t)
	for name, tc := range map[string]struct {
		body   string
		fields []string
		says   string
	}{
		"one that is unknown, and one that is repeated": {`{"columns":["time","Time","ip","time"]}`, []string{"columns[1]", "columns[3]"}, "known are time, received_at, log"},
		"of whole events":           {`{"format":"ndjson","columns":["time"]}`, []string{"columns"}, "whole events"},
		"of a format that is none":  {`{"format":"pdf","columns":["nonsense"]}`, []string{"format", "columns[0]"}, "csv, xlsx or ndjson"},
		"more than there are":       {`{"columns":["` + strings.Repeat(`time","`, 20) + `time"]}`, []string{"columns"}, "at most 20"},
		"what is not a list at all": {`{"columns":"time,ip"}`, []string{"columns"}, "must be an array"},
	} {
		a := g.do(call{method: "POST", path: "/v1/exports?dry_run=true", key: "admin", body: tc.body}).want(422)
		if got := a.fields(); !slices.Equal(got, tc.fields) || !strings.Contains(string(a.body), tc.says) {
			t.Errorf("%s: fields = %q\n%s", name, got, a.body)
		}
	}
}

func TestTheContractNamesEveryColumn(t *testing.T) {
	var documented []string
	for _, name := range contractOf(t).doc.Components.Schemas["Column"].Value.Enum {
		documented = append(documented, fmt.Sprint(name))
	}
	if !slices.Equal(documented, audit.ColumnNames()) {
		t.Errorf("the contract has %v", documented)
	}
}

func TestAgainMakesANewExportOfTheSameFilters(t *testing.T) {
	g := newRig(t)
	g.addEvents("acme", event(1, audit.LogLogin, "login.failed", "u_1"))
	old := g.request("contact", `{"action":["login.*"],"format":"ndjson","mode":"all"}`)
	g.addEvents("acme", event(2, audit.LogLogin, "login.failed", "u_1"))
	g.clock.Advance(time.Minute)
	next := into[exportAnswer](g.do(call{method: "POST", path: "/v1/exports/" + old.ID + "/again", key: "contact"}).want(202))
	if next.ID == old.ID || next.AgainOf != old.ID || next.Matched != 2 || next.Format != audit.FormatNDJSON || next.Mode != audit.ModeAll || !slices.Equal(next.Query.Actions, []string{"login.*"}) {
		t.Errorf("again = %+v", next)
	}
	// Someone who sees less since then gets less.
	g.putMember(audit.Member{ID: "a_1", Organization: "acme", Name: "Name of a_1", Role: audit.RoleMember, Status: audit.MemberActive, Version: 1})
	g.clock.Advance(authLife)
	g.do(call{method: "POST", path: "/v1/exports/" + old.ID + "/again", key: "contact"}).want(403)
}

func TestExportsAreListedOwnOrAllPageByPage(t *testing.T) {
	g := newRig(t)
	var all []string
	for i := range 3 {
		all = append([]string{g.request([]string{"contact", "member", "contact"}[i], `{}`).ID}, all...)
		g.clock.Advance(time.Second)
	}
	type page struct {
		Exports []struct{ ID string }
		Next    string `json:"next_cursor"`
	}
	collect := func(key string) (got []string) {
		for cursor := ""; ; {
			p := into[page](g.do(call{method: "GET", path: "/v1/exports?limit=2&cursor=" + cursor, key: key}).want(200))
			for _, e := range p.Exports {
				got = append(got, e.ID)
			}
			if cursor = p.Next; cursor == "" {
				return got
			}
		}
	}
	if got := collect("admin"); !slices.Equal(got, all) {
		t.Errorf("the admin sees %v, want %v", got, all)
	}
	if got := collect("contact"); !slices.Equal(got, []string{all[0], all[2]}) {
		t.Errorf("the contact admin sees %v", got)
	}
	if got := collect("other"); got != nil {
		t.Errorf("the other organization sees %v", got)
	}
	a := g.do(call{method: "GET", path: "/v1/exports?cursor=nothing", key: "admin"}).want(http.StatusUnprocessableEntity)
	if got := a.fields(); !slices.Equal(got, []string{"cursor"}) {
		t.Errorf("fields = %v", got)
	}
}

func TestAnExportThatRetentionDeletedIsAsUnknownAsOneThatNeverWas(t *testing.T) {
	g := newRig(t)
	old := g.request("admin", `{}`)
	g.finish(old.ID)
	g.do(call{method: "DELETE", path: "/v1/exports/" + old.ID, key: "admin"}).want(200)
	g.clock.Advance(time.Minute)
	again := into[exportAnswer](g.do(call{method: "POST", path: "/v1/exports/" + old.ID + "/again", key: "admin"}).want(202))
	if n, err := g.store.DeleteExports(t.Context(), "acme", again.RequestedAt, 10); err != nil || n != 1 {
		t.Fatalf("%d exports were deleted, %v; want 1", n, err)
	}
	for _, of := range []struct{ method, tail string }{{"GET", ""}, {"DELETE", ""}, {"POST", "/again"}, {"GET", "/files/events%201.csv"}} {
		var details []string
		for _, id := range []string{old.ID, "never"} {
			details = append(details, into[Problem](g.do(call{method: of.method, path: "/v1/exports/" + id + of.tail, key: "admin"}).want(404)).Detail)
		}
		if details[0] != details[1] {
			t.Errorf("%s %s says %q, and %q of one that never was", of.method, of.tail, details[0], details[1])
		}
	}
	list := into[struct{ Exports []exportAnswer }](g.do(call{method: "GET", path: "/v1/exports", key: "admin"}).want(200)).Exports
	if len(list) != 1 || list[0].ID != again.ID || list[0].AgainOf != old.ID {
		t.Errorf("listed are %+v", list)
	}
}
