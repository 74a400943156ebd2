package elastic

import (
	"log/slog"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/cluster"
	"github.com/audittrail/audittrail/internal/estest"
)

// TestTheDocumentedRoleIsEnoughForAllThatAnIndexDoes needs security, and so a node of its own. Retention has a role beside it, and a test.
func TestTheDocumentedRoleIsEnoughForAllThatAnIndexDoes(t *testing.T) {
	t.Parallel()
	url := estest.Start(t, estest.Options{Password: "test-password"}).URL
	admin, err := cluster.Open(t.Context(), cluster.Options{URLs: []string{url}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(admin.Close)
	b := as(t, url, documentedRole(t, "audittrail"))
	x, err := newIndex(b.client, Options{Clock: func() time.Time { return testNow }, Logger: slog.New(slog.DiscardHandler), Setup: b.opts})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	tr := &trail{bench: b, Index: x}
	tr.wantRefused(testEvents("a", 2), "run `audittrail setup`")

	administrator := &bench{t: t, ctx: b.ctx, client: admin, opts: b.opts}
	if _, err := Setup(b.ctx, admin, b.opts); err != nil {
		t.Fatal(err)
	}
	tr.wantAppended(testEvents("a", 2), 2)
	administrator.rollOver()
	tr.wantAppended(testEvents("a", 3), 1) // the two of them are created, found in the older index and deleted again
	administrator.wantStored(3)
	for name, err := range map[string]error{"Ready": x.Ready(b.ctx), "Refresh": x.Refresh(b.ctx)} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := x.Get(b.ctx, acme, "a2"); err != nil {
		t.Errorf("Get: %v", err)
	}
	if page, err := x.Search(b.ctx, acme, audit.Search{Limit: 10, ReceivedUntil: testNow}); err != nil || len(page.Events) != 3 {
		t.Errorf("Search finds %d events (%v), want 3", len(page.Events), err)
	}
	if page, err := x.Tail(b.ctx, acme, "", 10); err != nil || len(page.Events) != 3 {
		t.Errorf("Tail returns %d events (%v), want 3", len(page.Events), err)
	}
	if summary, err := x.Summary(b.ctx, acme, audit.SummaryRequest{Top: 5}); err != nil || summary.Total != 3 {
		t.Errorf("Summary counts %d events (%v), want 3", summary.Total, err)
	}
}
