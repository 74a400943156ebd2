package api

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

func TestAReadyFileIsDownloadedByThoseWhoMay(t *testing.T) {
	g := newRig(t)
	e := g.request("contact", `{}`)
	running := call{method: "GET", path: "/v1/exports/" + e.ID + "/files/events%201.csv", key: "contact"}
	g.do(running).want(409)
	content := g.finish(e.ID)
	view := into[exportAnswer](g.do(call{method: "GET", path: "/v1/exports/" + e.ID, key: "contact"}).want(200))
	if view.Status != audit.ExportReady || view.Progress != 1 || view.Files[0].URL != "https://audit.example.com/v1/exports/"+e.ID+"/files/events%201.csv" {
		t.Errorf("export = %+v", view)
	}
	path := strings.TrimPrefix(view.Files[0].URL, "https://audit.example.com")
	for _, key := range []string{"contact", "admin", "creator"} {
		a := g.do(call{method: "GET", path: path, key: key}).want(200)
		sum := sha256.Sum256(a.body)
		if string(a.body) != content || a.header.Get("ETag") != `"`+hex.EncodeToString(sum[:])+`"` {
			t.Errorf("%s got %d bytes with %s", key, len(a.body), a.header.Get("ETag"))
		}
		for name, want := range map[string]string{"Content-Disposition": `attachment; filename="events 1.csv"`, "Content-Length": fmt.Sprint(len(content)),
			"X-Content-Type-Options": "nosniff", "Content-Type": "text/csv; charset=utf-8", "Cache-Control": "no-store"} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%s = %q, want %q", name, got, want)
			}
		}
	}
	for _, key := range []string{"member", "other"} {
		g.do(call{method: "GET", path: path, key: key}).want(404)
		g.do(call{method: "GET", path: "/v1/exports/" + e.ID, key: key}).want(404)
		g.do(call{method: "DELETE", path: "/v1/exports/" + e.ID, key: key}).want(404)
		g.do(call{method: "POST", path: "/v1/exports/" + e.ID + "/again", key: key}).want(404)
	}
	want := append(slices.Repeat([]string{"audit_trail.export.downloaded success"}, 3), "audit_trail.export.requested success", "audit_trail.export.viewed success")
	if got := g.trail("acme"); !slices.Equal(got, want) {
		t.Errorf("trail = %v", got)
	}
	head := g.do(call{method: "HEAD", path: path, key: "contact"}).want(200)
	if head.header.Get("Content-Length") != fmt.Sprint(len(content)) || len(g.trail("acme")) != 5 {
		t.Errorf("HEAD = %v, trail %v", head.header, g.trail("acme"))
	}
	eventually(t, "closing every file", func() bool { g.files.mu.Lock(); defer g.files.mu.Unlock(); return g.files.open == 0 })
}

func TestOnlyTheFilesOfTheExportAreServed(t *testing.T) {
	g := newRig(t)
	e := g.request("admin", `{}`)
	g.finish(e.ID)
	g.files.content["exports/acme/secret"] = []byte("secret")
	for _, name := range []string{"..%2Fsecret", "events%201.csv%00", "EVENTS%201.csv", "other.csv", "%2e%2e", ".", "events%201.csv%2F.."} {
		a := g.do(call{method: "GET", path: "/v1/exports/" + e.ID + "/files/" + name, key: "admin"})
		if a.status != 404 || strings.Contains(string(a.body), "secret") {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
}

func TestADownloadThatCannotBeRecordedSendsNothing(t *testing.T) {
	g := newRig(t)
	e := g.request("admin", `{}`)
	g.finish(e.ID)
	g.ingest.fail(audit.Unavailable(nil, time.Second, "the disk is full"))
	a := g.do(call{method: "GET", path: "/v1/exports/" + e.ID + "/files/events%201.csv", key: "admin"}).want(503)
	if a.header.Get("ETag") != "" || a.header.Get("Content-Disposition") != "" || g.files.open != 0 {
		t.Errorf("headers = %v, open files = %d", a.header, g.files.open)
	}
}

func TestAFileOfAnotherSizeIsNotServed(t *testing.T) {
	g := newRig(t)
	e := g.request("admin", `{}`)
	g.finish(e.ID)
	g.files.content[exportPrefix(audit.Export{Organization: "acme", ID: e.ID})+"events 1.csv"] = []byte("cut")
	g.do(call{method: "GET", path: "/v1/exports/" + e.ID + "/files/events%201.csv", key: "admin"}).want(500)
	clear(g.files.content)
	g.do(call{method: "GET", path: "/v1/exports/" + e.ID + "/files/events%201.csv", key: "admin"}).want(410)
	if g.files.open != 0 {
		t.Errorf("%d files stay open", g.files.open)
	}
}

func TestFilesAreGoneAfter24HoursByTheClockAlone(t *testing.T) {
	g := newRig(t)
	e := g.request("admin", `{}`)
	g.finish(e.ID)
	file := call{method: "GET", path: "/v1/exports/" + e.ID + "/files/events%201.csv", key: "admin"}
	g.clock.Advance(audit.ExportLife - time.Millisecond)
	g.do(file).want(200)
	g.clock.Advance(time.Millisecond)
	if got := into[Problem](g.do(file).want(410)).Detail; !strings.Contains(got, "expired") {
		t.Errorf("detail = %q", got)
	}
	view := into[exportAnswer](g.do(call{method: "GET", path: "/v1/exports/" + e.ID, key: "admin"}).want(200))
	if view.Status != audit.ExportExpired || view.Files[0].URL != "" {
		t.Errorf("export = %+v", view)
	}
	before := len(g.trail("acme"))
	if again := into[exportAnswer](g.do(call{method: "DELETE", path: "/v1/exports/" + e.ID, key: "admin"}).want(200)); again.Status != audit.ExportExpired || len(g.trail("acme")) != before {
		t.Errorf("deleting an expired export did something: %+v", again)
	}
}
