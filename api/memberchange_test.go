package api

import (
	"slices"
	"strings"
	"testing"

	"github.com/audittrail/audittrail/audit"
)

func TestWhatAnIdentityProviderCallsAMemberStaysUntilItIsChanged(t *testing.T) {
	g := newRig(t)
	put := func(body string, version string) *answer {
		return g.do(call{method: "PUT", path: "/v1/members/u_9", key: "admin", body: body, header: map[string]string{"If-Match": version}})
	}
	put(`{"name":"Ann","role":"member","user_name":"ann@example.com","external_id":"00u1"}`, "0").want(201)
	put(`{"name":"Ann Lee","role":"member"}`, "1").want(200)
	card := into[cardView](g.do(call{method: "GET", path: "/v1/members/u_9", key: "admin"}).want(200))
	if card.UserName != "ann@example.com" || card.ExternalID != "00u1" || card.Name != "Ann Lee" {
		t.Errorf("the card is %+v", card)
	}
	put(`{"name":"Ann Lee","role":"member","user_name":""}`, "2").want(200)
	if m, err := g.store.Member(t.Context(), "acme", "u_9"); err != nil || m.UserName != "" || m.ExternalID != "00u1" {
		t.Errorf("the member is %+v, %v", m, err)
	}
	taken := g.do(call{method: "PUT", path: "/v1/members/u_10", key: "admin", body: `{"name":"Bob","role":"member","version":0,"external_id":"00u1"}`}).want(409)
	if got := taken.fields(); !slices.Equal(got, []string{"external_id"}) {
		t.Errorf("the conflict names %v", got)
	}
}

func TestTheLastCreatorCanNeitherLeaveNorStepDown(t *testing.T) {
	g := newRig(t)
	for _, body := range []string{`"role":"member"`, `"role":"creator","status":"deactivated"`, `"role":"creator","status":"deleted"`} {
		a := g.do(call{method: "PUT", path: "/v1/members/c_1", key: "creator", body: `{"name":"C","version":1,` + body + `}`}).want(409)
		if !strings.Contains(string(a.body), "last active creator") {
			t.Errorf("%s: %s", body, a.body)
		}
	}
	g.do(call{method: "PUT", path: "/v1/members/c_2", key: "creator", body: `{"name":"Second","role":"creator","version":0}`}).want(201)
	g.do(call{method: "PUT", path: "/v1/members/c_1", key: "creator", body: `{"name":"C","role":"member","version":1}`}).want(200)
}

func TestWhoIsDeletedLosesKeysAndReminders(t *testing.T) {
	g := newRig(t)
	reminder := func(id, owner string, recipients ...string) {
		m := audit.Reminder{ID: id, Organization: "acme", Name: id, Actions: []string{"login.*"}, Channels: []audit.Channel{audit.ChannelInbox},
			Window: audit.WindowImmediate, CreatedBy: owner, CreatedAt: today, UpdatedAt: today}
		for _, r := range recipients {
			m.Recipients = append(m.Recipients, audit.Recipient{Member: r})
		}
		_, err := g.store.PutReminder(t.Context(), m)
		must(t, err)
	}
	reminder("own", "s_1", "c_1", "s_1")
	reminder("alone", "c_1", "s_1")
	reminder("shared", "c_1", "c_1", "s_1")
	reminder("others", "c_1", "c_1")
	g.do(call{method: "PUT", path: "/v1/members/s_1", key: "creator", body: `{"name":"S","role":"system_admin","status":"deleted","version":1}`}).want(200)

	reminders, err := g.store.Reminders(t.Context(), "acme")
	must(t, err)
	var left []string
	for _, m := range reminders {
		left = append(left, m.ID)
		if len(m.Recipients) != 1 || m.Recipients[0].Member != "c_1" {
			t.Errorf("%s reaches %v", m.ID, m.Recipients)
		}
	}
	slices.Sort(left)
	if !slices.Equal(left, []string{"others", "shared"}) {
		t.Errorf("reminders left: %v", left)
	}
	keys, err := g.store.Keys(t.Context(), "acme")
	must(t, err)
	for _, k := range keys {
		if revoked := !k.RevokedAt.IsZero(); revoked != (k.Member == "s_1") {
			t.Errorf("the key %s of %s is revoked: %v", k.Name, k.Member, revoked)
		}
	}
	g.do(call{method: "GET", path: "/v1/members", key: "admin"}).want(401)
	for _, want := range []string{audit.ActionKeyRevoked, audit.ActionReminderDeleted, audit.ActionReminderUpdated, audit.ActionMemberUpdated} {
		if !slices.Contains(g.trail("acme"), want+" success") {
			t.Errorf("%s is not recorded", want)
		}
	}
}
