package test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// TestAnErasedPersonIsInNoFileMailMessageOrPage: through the whole program, with what waited in it when the person was erased, and what comes later.
func TestAnErasedPersonIsInNoFileMailMessageOrPage(t *testing.T) {
	s := sharedService(t)
	tn := s.newTenant(t, "erase")
	admin, contact := tn.admin(t), tn.as(t, contactAdmin, audit.ScopeAdmin)
	const name, mail = "Mel Member", "mel.member@example.net"
	did := func() *audit.Event {
		e := happened("login.failed")
		e.Actor, e.Message = audit.Actor{ID: ordinary, Name: name, Type: "member"}, name+" ("+mail+") could not sign in"
		return e
	}
	clean := func(what, text string) {
		t.Helper()
		if low := strings.ToLower(text); strings.Contains(low, "mel member") || strings.Contains(low, mail) {
			t.Errorf("%s names the person: %s", what, clipped([]byte(text)))
		}
	}
	reminder := tn.remind(t, []audit.Channel{audit.ChannelInbox, audit.ChannelEmail}, "login.failed")
	before := did()
	admin.mustIngest(t, before)
	tn.awaitDelivery(t, reminder.ID, audit.ChannelEmail, audit.DeliverySent, time.Minute)
	if mails := s.mails(tn.email(t, contactAdmin)); len(mails) != 1 || !strings.Contains(mails[0].Text, name) {
		t.Fatalf("the mail of before the erasure is %+v", mails)
	}
	wanted := map[string]any{"log": []string{"login"}, "format": "csv"}
	old := want[export](t, admin, http.StatusAccepted, http.MethodPost, "/v1/exports", wanted)
	admin.awaitExport(t, old.ID, time.Minute, nil)

	card := want[audit.Member](t, admin, http.StatusOK, http.MethodPost, "/v1/members/"+ordinary+"/erase", map[string]any{"confirm": ordinary})
	if !strings.HasPrefix(card.Name, "Erased member ") {
		t.Fatalf("the card is %+v", card)
	}
	if e := want[export](t, admin, http.StatusOK, http.MethodGet, "/v1/exports/"+old.ID, nil); e.Status != audit.ExportRevoked {
		t.Errorf("the export of before is %s", e.Status)
	}
	after := did()
	admin.mustIngest(t, after) // by a producer who calls them as ever
	within(t, time.Minute, func() error {
		if n := len(s.mails(tn.email(t, contactAdmin))); n != 2 {
			return fmt.Errorf("there are %d mails", n)
		}
		return nil
	})
	late := s.mails(tn.email(t, contactAdmin))[1]
	if clean("the mail of after the erasure", late.Text+late.HTML+late.Subject); !strings.Contains(late.Text, card.Name) {
		t.Errorf("the mail says %s", late.Text)
	}
	clean("the Message Center", string(contact.do(t, http.MethodGet, "/v1/messages", nil).body))
	found, total := admin.search(t, url.Values{"actor": {ordinary}, "log": {"login"}})
	if len(found) != 2 || total.Value != 2 {
		t.Errorf("%d of %+v events of the person are there", len(found), total)
	}
	for _, path := range []string{"/v1/events/" + before.ID, "/v1/events/" + after.ID, "/v1/events?limit=1000", "/v1/events/summary", "/v1/members", "/v1/people?id=" + ordinary} {
		a := admin.do(t, http.MethodGet, path, nil)
		if clean(path, string(a.body)); a.status != http.StatusOK || !strings.Contains(string(a.body), card.Name) {
			t.Errorf("%s = %d without the pseudonym", path, a.status)
		}
	}
	next := want[export](t, admin, http.StatusAccepted, http.MethodPost, "/v1/exports", wanted)
	ready := admin.awaitExport(t, next.ID, time.Minute, nil)
	rows := string(admin.download(t, ready.ID, ready.Files[0].Name))
	if clean("the file", rows); ready.Rows != 2 || strings.Count(rows, card.Name+" ([erased]) could not sign in") != 2 {
		t.Errorf("the file has %d rows: %s", ready.Rows, rows)
	}
}
