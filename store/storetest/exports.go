package storetest

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

func exportID(e audit.Export) string { return e.ID }

// export returns a new export with every field set.
func export(organization, member, id string, requested time.Time) audit.Export {
	return audit.Export{ID: id, Organization: organization, RequestedBy: member,
		Query: audit.Query{Logs: []audit.Log{audit.LogLogin}, Ranges: []string{"contacts"}, Actions: []string{"contacts.*"}, Actors: []string{"u/1"},
			Outcomes: []audit.Outcome{audit.OutcomeFailure}, IPs: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8::1/128")},
			From: at(-100), To: at(-1), Text: `"a phrase" -<b>`},
		Format: audit.FormatXLSX, Mode: audit.ModeAll, Columns: []string{"message", "time"}, Status: audit.ExportRunning, RequestedAt: requested,
		Matched: 1 << 40, Rows: 40_000, Truncated: 3, Done: 20_000, ReadyAt: at(50), ExpiresAt: at(60),
		Files: []audit.ExportFile{{Name: "part-1.xlsx", Rows: 20_000, Bytes: 1 << 33, SHA256: hex.EncodeToString(hashOf("x"))}},
		Error: "the disk is full", AgainOf: "e0"}
}

func testExports(t *testing.T, e env) {
	ctx := t.Context()
	_, err := e.Export(ctx, e.org, "e1")
	wantCode(t, "an export before it is put", err, audit.CodeNotFound)
	want := export(e.org, "u1", "e1", at(1))
	put := must[audit.Export](t)(e.PutExport(ctx, want))
	want.Version = 1
	wantSame(t, "what PutExport returned", put, want)
	stored := must[audit.Export](t)(e.Export(ctx, e.org, "e1"))
	wantSame(t, "the export", stored, want)
	for _, x := range []audit.Export{put, stored} {
		wantUTC(t, x.RequestedAt, x.ReadyAt, x.ExpiresAt, x.Query.From, x.Query.To)
	}
	bare := audit.Export{ID: "e2", Organization: e.org}
	must[audit.Export](t)(e.PutExport(ctx, bare))
	bare.Version = 1
	wantSame(t, "an export with nothing set", must[audit.Export](t)(e.Export(ctx, e.org, "e2")), bare)
}

func testExportPages(t *testing.T, e env) {
	ctx := t.Context()
	none, err := e.Exports(ctx, e.org, "", "", 10)
	wantIDs(t, "no exports", none, err, exportID)
	members := []string{"u1", "u2", "u1", "u1", "u2", "u1"}
	for i, second := range []int{5, 3, 3, 9, 3, 1} {
		must[audit.Export](t)(e.PutExport(ctx, export(e.org, members[i], fmt.Sprintf("e%d", i), at(second))))
	}
	wantPages(t, func(after string, limit int) ([]audit.Export, error) {
		return e.Exports(ctx, e.org, "", after, limit)
	}, exportID, []string{"e3", "e0", "e4", "e2", "e1", "e5"})
	wantPages(t, func(after string, limit int) ([]audit.Export, error) {
		return e.Exports(ctx, e.org, "u1", after, limit)
	}, exportID, []string{"e3", "e0", "e2", "e5"})
	list, err := e.Exports(ctx, e.org, "u3", "", 10)
	wantIDs(t, "the exports of a member without any", list, err, exportID)
	_, err = e.Exports(ctx, e.org, "", "unknown", 10)
	wantCode(t, "behind an unknown export", err, audit.CodeInvalid)
	_, err = e.Exports(ctx, e.org, "u1", "e1", 10)
	wantCode(t, "behind another member's export", err, audit.CodeInvalid)
}

func testOpenExports(t *testing.T, e env) {
	ctx := t.Context()
	none, err := e.OpenExports(ctx, e.org)
	wantIDs(t, "no open exports", none, err, exportID)
	for i, status := range []audit.ExportStatus{audit.ExportRunning, audit.ExportReady, audit.ExportFailed, audit.ExportExpired, audit.ExportRevoked} {
		x := export(e.org, "u1", string(status), at(-i))
		x.Status = status
		must[audit.Export](t)(e.PutExport(ctx, x))
	}
	open, err := e.OpenExports(ctx, e.org)
	wantIDs(t, "the open exports", sortedByID(open), err, exportID, "ready", "running")
	done := must[audit.Export](t)(e.Export(ctx, e.org, "running"))
	done.Status = audit.ExportFailed
	must[audit.Export](t)(e.PutExport(ctx, done))
	open, err = e.OpenExports(ctx, e.org)
	wantIDs(t, "the open exports after one failed", open, err, exportID, "ready")
}

// testDeleteExports deletes old exports that have ended. What is still to be done, or downloaded, stays however old it is.
func testDeleteExports(t *testing.T, e env) {
	ctx := t.Context()
	for id, x := range map[string]struct {
		second int
		status audit.ExportStatus
	}{
		"a": {1, audit.ExportExpired}, "b": {2, audit.ExportFailed}, "c": {2, audit.ExportRevoked}, "d": {3, audit.ExportExpired},
		"at the time": {5, audit.ExportExpired}, "later": {7, audit.ExportFailed},
		"ready": {1, audit.ExportReady}, "running": {1, audit.ExportRunning}, "of a later version": {1, "paused"},
	} {
		for _, org := range []string{e.org, e.other} {
			old := export(org, "u1", id, at(x.second))
			old.Status = x.status
			must[audit.Export](t)(e.PutExport(ctx, old))
		}
	}
	for _, limit := range []int{0, -1, 1001} {
		_, err := e.DeleteExports(ctx, e.org, at(5), limit)
		wantCode(t, fmt.Sprintf("deleting %d", limit), err, audit.CodeInvalid)
	}
	stays := []string{"later", "at the time"} // and behind them those of the first second that have not ended
	open := []string{"running", "ready", "of a later version"}
	for i, step := range []struct {
		limit, want int
		left        []string
	}{{1, 1, []string{"d", "c", "b"}}, {2, 2, []string{"d"}}, {2, 1, nil}, {1000, 0, nil}} {
		if n := must[int](t)(e.DeleteExports(ctx, e.org, at(5), step.limit)); n != step.want {
			t.Errorf("time %d: %d were deleted, want %d", i, n, step.want)
		}
		left, err := e.Exports(ctx, e.org, "u1", "", 100)
		wantIDs(t, "the exports that are left", left, err, exportID, slices.Concat(stays, step.left, open)...)
	}
	_, err := e.Export(ctx, e.org, "a")
	wantCode(t, "an export that was deleted", err, audit.CodeNotFound)
	late := export(e.org, "u1", "a", at(1))
	late.Version = 1
	_, err = e.PutExport(ctx, late)
	wantCode(t, "changing what was deleted meanwhile", err, audit.CodeConflict)

	// Once it has ended it goes as any other.
	ended := must[audit.Export](t)(e.Export(ctx, e.org, "ready"))
	ended.Status = audit.ExportExpired
	must[audit.Export](t)(e.PutExport(ctx, ended))
	if n := must[int](t)(e.DeleteExports(ctx, e.org, at(5), 10)); n != 1 {
		t.Errorf("%d were deleted once another had ended, want 1", n)
	}
	if n := must[int](t)(e.DeleteExports(ctx, "nobody", at(60), 10)); n != 0 {
		t.Errorf("%d exports of no organization were deleted", n)
	}
	if left := must[[]audit.Export](t)(e.Exports(ctx, e.other, "", "", 100)); len(left) != 9 {
		t.Errorf("another organization kept %d of 9", len(left))
	}
}
