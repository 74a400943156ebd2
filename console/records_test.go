package console

import (
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// trailOf returns the actions of the trail's own records by the member, sorted.
func (g *rig) trailOf(member string) []string {
	g.t.Helper()
	query := audit.Query{Ranges: []string{audit.RangeAuditTrail}, Actors: []string{member}, From: today}
	page, err := g.index.Search(g.t.Context(), g.enterprise.Organization.ID, audit.Search{Query: query, Limit: audit.MaxScan})
	must(g.t, err)
	var actions []string
	for _, e := range page.Events {
		actions = append(actions, e.Action)
	}
	slices.Sort(actions)
	return actions
}

func TestAPageLeavesOneRecordOfWhatAPersonDid(t *testing.T) {
	g := newRig(t, 200)
	admin := g.who(audit.RoleSystemAdmin)
	reminder, err := g.store.PutReminder(t.Context(), audit.Reminder{ID: "r-1", Organization: g.enterprise.Organization.ID, Name: "R", Actions: []string{"login.failed"},
		Channels: []audit.Channel{audit.ChannelInbox}, Recipients: []audit.Recipient{{Member: admin}}, CreatedBy: admin, CreatedAt: today, UpdatedAt: today})
	must(t, err)
	for path, want := range map[string][]string{
		"/operation-logs":          {audit.ActionEventsSearched},
		"/login-history":           {audit.ActionEventsSearched},
		"/operation-logs/overview": {audit.ActionSummaryViewed},
		"/members":                 {audit.ActionMembersListed},
		"/members/" + admin:        {audit.ActionMemberViewed},
		"/members/card/" + admin:   {audit.ActionEventsSearched, audit.ActionMemberViewed}, // with the last sign-ins
		"/exports":                 {audit.ActionExportsListed},
		"/keys":                    {audit.ActionKeysListed},
		"/messages":                nil,
		"/messages/unread":         nil,
		"/messages/settings":       {audit.ActionAddressesListed, audit.ActionRemindersListed},
		"/messages/settings/" + reminder.ID + "/deliveries": {audit.ActionDeliveriesListed, audit.ActionReminderViewed},
		"/people/options?q=a":                               nil,
	} {
		g.clock.advance(time.Hour)
		before := g.trailOf(admin)
		if page := g.get(admin, path); page.StatusCode != http.StatusOK {
			t.Fatalf("%s = %d", path, page.StatusCode)
		}
		after := slices.Sorted(slices.Values(append(before, want...)))
		if got := g.trailOf(admin); !slices.Equal(got, after) {
			t.Errorf("%s left %d records, want %v: %v", path, len(got)-len(before), want, got)
		}
	}
}

func TestAPageThatBringsItselfUpToDateLeavesOneRecord(t *testing.T) {
	g := newRig(t, 50)
	admin := g.who(audit.RoleSystemAdmin)
	started := g.post(admin, "/exports", url.Values{"log": {"login"}, "format": {"csv"}, "mode": {"latest"}, "once": {"once-1"}})
	if started.StatusCode != http.StatusSeeOther {
		t.Fatalf("the export = %d\n%s", started.StatusCode, started.text)
	}
	before := len(g.trailOf(admin))
	for range 30 {
		g.get(admin, started.Header.Get("Location"))
		g.clock.advance(time.Second)
	}
	if got := len(g.trailOf(admin)) - before; got != 1 {
		t.Errorf("half a minute of watching an export left %d records", got)
	}
}
