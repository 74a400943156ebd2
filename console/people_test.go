package console

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/audittrail/audittrail/audit"
)

// calls is the API with the addresses that pages asked it for.
type calls struct {
	API
	mu    sync.Mutex
	paths []string
}

func (c *calls) Call(by audit.Principal, req *http.Request) (*http.Response, error) {
	c.mu.Lock()
	c.paths = append(c.paths, req.URL.Path)
	c.mu.Unlock()
	return c.API.Call(by, req)
}

// count returns how often the path was asked for since the last count.
func (c *calls) count(path string) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.paths {
		if p == path {
			n++
		}
	}
	c.paths = nil
	return n
}

func TestAPageAsksForAllItsNamesAtOnce(t *testing.T) {
	g := newRig(t, 0)
	me := g.who(audit.RoleCreator)
	var recipients []audit.Recipient
	for _, m := range g.enterprise.Members[1:9] {
		recipients = append(recipients, audit.Recipient{Member: m.ID})
		must(t, g.store.CreateKey(t.Context(), audit.Key{ID: "key-" + m.ID, Organization: m.Organization, Name: "key", Member: m.ID,
			Hash: []byte(fmt.Sprintf("%032s", m.ID)), Prefix: "at_x", Scopes: []audit.Scope{audit.ScopeEventsRead}, CreatedAt: today, ExpiresAt: today.AddDate(0, 1, 0)}))
		_, err := g.store.PutExport(t.Context(), audit.Export{ID: "export-" + m.ID, Organization: m.Organization, RequestedBy: m.ID, RequestedAt: today,
			Format: audit.FormatCSV, Mode: audit.ModeLatest, Status: audit.ExportRunning, Query: audit.Query{Actors: []string{m.ID}}})
		must(t, err)
	}
	id := ""
	for i := range 4 {
		id = g.setReminder(me, audit.Reminder{Name: fmt.Sprintf("reminder %d", i), Recipients: recipients[i*2 : i*2+2]})
		for _, r := range recipients {
			g.deliver(audit.Delivery{ID: fmt.Sprintf("%d-%s", i, r.Member), Reminder: id, Digest: "d", Channel: audit.ChannelInbox, Member: r.Member, Status: audit.DeliverySent})
		}
	}
	for _, path := range []string{"/exports", "/messages/settings", reminderPath(id), reminderPath(id) + "/deliveries", "/keys"} {
		g.calls.count("")
		got := g.get(me, path)
		if name := g.enterprise.Members[8].Name; got.StatusCode != http.StatusOK || !strings.Contains(got.doc.Text(), name) {
			t.Errorf("%s answered %d, and names %s: %v", path, got.StatusCode, name, strings.Contains(got.doc.Text(), name))
		}
		if n := g.calls.count("/v1/people"); n != 1 {
			t.Errorf("%s asked %d times for names", path, n)
		}
	}
}
