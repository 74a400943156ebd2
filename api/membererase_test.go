package api

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// person is whom these tests erase, in both organizations.
const person, personName, personMail = "u_7", "Alice Longstocking", "alice@longstocking.example"

// traces are what must not be read of them any more.
var traces = []string{"longstocking", "alice", "+491701234567", "villa"}

func (g *rig) erase(key, id string) *answer {
	g.t.Helper()
	return g.do(call{method: "POST", path: "/v1/members/" + url.PathEscape(id) + "/erase", key: key, body: fmt.Sprintf(`{"confirm":%q}`, id)})
}

// meet puts the person into both organizations, with events, a key, a session, a reminder and messages.
func (g *rig) meet() {
	g.t.Helper()
	for _, org := range []string{"acme", "other"} {
		m := g.putMember(audit.Member{ID: person, Organization: org, Name: personName, Email: personMail, Phone: "+491701234567", Avatar: "https://example.com/villa.png",
			Departments: []string{"Villa"}, UserName: "alice", ExternalID: "ext-alice", Provisioned: audit.Provisioned{GivenName: "Alice"}, Role: audit.RoleSystemAdmin, Status: audit.MemberActive})
		did := event(1, audit.LogLogin, "login.succeeded", person)
		did.Actor.Name, did.Message, did.Metadata = personName, "Alice Longstocking signed in as "+personMail, map[string]string{"user_name": "alice", "device": "laptop"}
		done := event(2, audit.LogOperation, "contacts.member.updated", "u_8")
		done.Targets = []audit.Target{{Type: "member", ID: person, Name: personName}}
		done.Message = "Name of u_8 changed ALICE LONGSTOCKING"
		done.Changes = []audit.Change{{Field: "email", Old: personMail, New: "a.longstocking@example.com"}, {Field: "role", Old: "member", New: "system_admin"}}
		g.addEvents(org, did, done)
		g.addKey("person of "+org, audit.Key{Organization: org, Member: person, Scopes: []audit.Scope{audit.ScopeAdmin}})
		for _, member := range []string{person, "s_1"} {
			must(g.t, g.store.AddMessage(g.t.Context(), audit.Message{ID: "of-" + member, Organization: org, Member: member, Title: "R: Alice Longstocking signed in", Count: 1, CreatedAt: today,
				Events: []audit.DigestEvent{{ID: did.ID, Time: did.Time, Log: did.Log, Action: did.Action, Outcome: did.Outcome, Actor: m.Name, Summary: did.Message, People: did.People()}}}))
		}
		_, err := g.store.PutReminder(g.t.Context(), audit.Reminder{ID: "shared", Organization: org, Name: "R", Actions: []string{"login.*"}, Channels: []audit.Channel{audit.ChannelEmail}, CreatedBy: "s_1",
			Window: audit.WindowImmediate, Recipients: []audit.Recipient{{Member: person}, {Member: "s_1"}}, CreatedAt: today, UpdatedAt: today})
		must(g.t, err)
		must(g.t, g.store.SaveDelivery(g.t.Context(), audit.Delivery{ID: "d1", Organization: org, Reminder: "shared", Digest: "g", Channel: audit.ChannelEmail, Member: person, Address: "a***@longstocking.example",
			Status: audit.DeliveryFailed, Error: "no mailbox " + personMail, CreatedAt: today, UpdatedAt: today}))
	}
}

// reads is everything that shows events or members.
func (g *rig) reads(key string) map[string]string {
	g.t.Helper()
	all := map[string]string{}
	for _, path := range []string{"/v1/events?limit=1000", "/v1/events?actor=u_7", "/v1/events?q=target:u_7", "/v1/events/u_7-1", "/v1/events/u_8-2", "/v1/events/summary?top=100", "/v1/members",
		"/v1/members/u_7", "/v1/people?id=u_7", "/v1/messages", "/v1/messages/of-s_1", "/v1/reminders", "/v1/reminders/shared/deliveries", "/v1/keys", "/scim/v2/Users"} {
		all[path] = string(g.do(call{method: "GET", path: path, key: key}).want(200).body)
	}
	preview := `{"name":"x","actions":["login.*","contacts.*"],"channels":["inbox"],"recipients":[]}`
	all["preview"] = string(g.do(call{method: "POST", path: "/v1/reminders/preview", key: key, body: preview}).want(200).body)
	return all
}

func traceIn(text string) string {
	for _, trace := range traces {
		if strings.Contains(strings.ToLower(text), trace) {
			return trace
		}
	}
	return ""
}

func TestWhoIsErasedIsReadNowhereAndNoEventIsGone(t *testing.T) {
	g := newRig(t)
	g.meet()
	count := func() int64 {
		page, err := g.index.Search(t.Context(), "acme", audit.Search{Query: audit.Query{From: today.Add(-time.Hour), To: today}, Limit: 1, CountLimit: audit.CountAll})
		must(t, err)
		return page.Total.Value
	}
	before := count()
	for path, text := range g.reads("admin") {
		if path != "/v1/keys" && path != "/v1/reminders" && traceIn(text) == "" {
			t.Errorf("%s does not show the person in the first place", path)
		}
	}
	card := into[cardView](g.erase("admin", person).want(200))
	if card.Included || card.ErasedAt.IsZero() || card.Status != audit.MemberDeleted || !strings.HasPrefix(card.Name, "Erased member ") {
		t.Errorf("the card is %+v", card)
	}
	all := g.reads("admin")
	for path, text := range all {
		if trace := traceIn(text); trace != "" {
			t.Errorf("%s still holds %q: %s", path, trace, text)
		}
	}
	for path, want := range map[string][]string{
		"/v1/events/u_7-1":           {`"id":"u_7","name":"` + card.Name, `"message":"` + card.Name + ` signed in as [erased]"`, `"device":"laptop"`, `"user_name":"[erased]"`},
		"/v1/events/u_8-2":           {`changed ` + card.Name, `{"field":"email","old":"[erased]","new":"[erased]"}`, `{"field":"role","old":"member","new":"system_admin"}`},
		"/v1/events?actor=u_7":       {`"total":{"value":1,`},
		"/v1/events?q=target:u_7":    {card.Name},
		"/v1/events/summary?top=100": {`"label":"` + card.Name},
	} {
		for _, part := range want {
			if !strings.Contains(all[path], part) {
				t.Errorf("%s has no %s: %s", path, part, all[path])
			}
		}
	}
	if after := count(); after != before {
		t.Errorf("the trail has %d events of before, it had %d", after, before)
	}
	found := string(g.do(call{method: "GET", path: "/v1/events?q=longstocking&log=login", key: "admin"}).want(200).body)
	if traceIn(found) != "" || !strings.Contains(found, `"highlights":{}`) {
		t.Errorf("a search for the old name answers %s", found)
	}
	for _, path := range []string{"/v1/events/u_7-1", "/v1/events/u_8-2", "/v1/members/u_7"} {
		if text := string(g.do(call{method: "GET", path: path, key: "other"}).want(200).body); traceIn(text) == "" {
			t.Errorf("another organization's member is erased too: %s", text)
		}
	}
}

func TestWhatActedOrWaitedForWhoIsErasedEnds(t *testing.T) {
	g := newRig(t)
	g.meet()
	cookie := g.signIn("acme", person)
	ready, running := g.request("creator", `{}`).ID, g.request("admin", `{}`).ID
	g.finish(ready)
	g.erase("admin", person).want(200)

	g.do(call{method: "GET", path: "/v1/organization", header: g.with(cookie)}).want(401)
	g.do(call{method: "GET", path: "/v1/organization", key: "person of acme"}).want(401)
	g.do(call{method: "GET", path: "/v1/organization", key: "person of other"}).want(200)
	reminder, err := g.store.Reminder(t.Context(), "acme", "shared")
	must(t, err)
	if len(reminder.Recipients) != 1 || reminder.Recipients[0].Member != "s_1" {
		t.Errorf("the reminder reaches %v", reminder.Recipients)
	}
	for member, want := range map[string]int{person: 0, "s_1": 1} {
		if list, err := g.store.Messages(t.Context(), "acme", member, "", 10); err != nil || len(list) != want {
			t.Errorf("%s has %d messages, %v", member, len(list), err)
		}
	}
	if list, err := g.store.Messages(t.Context(), "other", person, "", 10); err != nil || len(list) != 1 {
		t.Errorf("another organization's member has %d messages, %v", len(list), err)
	}
	for _, id := range []string{ready, running} {
		if e, err := g.store.Export(t.Context(), "acme", id); err != nil || e.Status != audit.ExportRevoked || !g.jobs.has("stop acme %s", id) {
			t.Errorf("the export is %s, %v", e.Status, err)
		}
	}
	records := g.records("acme", audit.ActionMemberErased)
	if len(records) != 1 || records[0].Actor.ID != "s_1" || !slices.Equal(records[0].Targets, []audit.Target{{Type: "member", ID: person}}) || traceIn(string(records[0].AppendJSON(nil))) != "" {
		t.Errorf("recorded as %+v", records)
	}
}

func TestErasingAgainAnswersTheSameAndTakesNothingMore(t *testing.T) {
	g := newRig(t)
	g.meet()
	first := g.erase("admin", person).want(200)
	g.clock.Advance(time.Minute)
	later := g.request("admin", `{}`).ID
	if again := g.erase("creator", person).want(200); string(again.body) != string(first.body) || again.header.Get("ETag") != first.header.Get("ETag") {
		t.Errorf("first %s\nthen %s", first.body, again.body)
	}
	if e, err := g.store.Export(t.Context(), "acme", later); err != nil || e.Status != audit.ExportRunning {
		t.Errorf("an export of after the erasure is %s, %v", e.Status, err)
	}
}

// TestAnErasureThatWasCutShortIsFinishedByDoingItAgain: a record that cannot be written stops it at each of its steps.
func TestAnErasureThatWasCutShortIsFinishedByDoingItAgain(t *testing.T) {
	g := newRig(t)
	g.meet()
	g.ingest.fail(audit.Unavailable(nil, time.Second, "no"))
	g.erase("admin", person).want(503)
	if m := g.member(person); m.Name != personName {
		t.Errorf("something was done that is not on record: %+v", m)
	}
	g.ingest.fail(nil)
	before := g.member(person)
	must(t, g.store.SaveCheckpoint(t.Context(), "acme", audit.ErasuresCheckpoint, audit.ErasuresMade))
	_, err := g.store.PutMember(t.Context(), before.Erase("Erased member 1", today)) // and there the process ended
	must(t, err)
	if card := into[cardView](g.erase("admin", person).want(200)); card.Name != "Erased member 1" {
		t.Errorf("the card is %+v", card)
	}
	g.do(call{method: "GET", path: "/v1/organization", key: "person of acme"}).want(401)
	if list, err := g.store.Messages(t.Context(), "acme", person, "", 10); err != nil || len(list) != 0 {
		t.Errorf("%d messages, %v", len(list), err)
	}
}

func TestAnErasureIsConfirmedAndNotAboveOneself(t *testing.T) {
	g := newRig(t)
	for body, field := range map[string]string{`{}`: "confirm", `{"confirm":"m_2"}`: "confirm", `{"confirm":"M_1"}`: "confirm"} {
		if got := g.do(call{method: "POST", path: "/v1/members/m_1/erase", key: "admin", body: body}).want(422).fields(); !slices.Equal(got, []string{field}) {
			t.Errorf("%s names %v", body, got)
		}
	}
	g.erase("admin", "nobody").want(404)
	g.erase("admin", "o_1").want(404)
	g.erase("admin", "c_1").want(403)
	if a := g.erase("creator", "c_1").want(409); !strings.Contains(string(a.body), "last active creator") {
		t.Errorf("answered %s", a.body)
	}
	if m := g.member("c_1"); m.Erased() || len(g.records("acme", audit.ActionMemberErased)) > 0 {
		t.Errorf("the creator is %+v", m)
	}
	g.putMember(audit.Member{ID: "c_2", Organization: "acme", Name: "Second", Role: audit.RoleCreator, Status: audit.MemberActive})
	g.erase("creator", "c_1").want(200)
	records := g.records("acme", audit.ActionMemberErased)
	if len(records) != 1 || records[0].Actor.Name != "" || strings.Contains(string(records[0].AppendJSON(nil)), "Name of") {
		t.Errorf("who erased themself is recorded as %+v", records)
	}
}

func TestTheIdOfWhoWasErasedIsNotUsedAgain(t *testing.T) {
	g := newRig(t)
	g.meet()
	g.erase("admin", person).want(200)
	for _, version := range []int{0, 1, 2} {
		body := fmt.Sprintf(`{"name":"Alice Longstocking","role":"member","version":%d}`, version)
		if got := g.do(call{method: "PUT", path: "/v1/members/u_7", key: "admin", body: body}).want(409).fields(); !slices.Equal(got, []string{"id"}) {
			t.Errorf("version %d: the conflict names %v", version, got)
		}
	}
	g.do(call{method: "PUT", path: "/scim/v2/Users/u_7", key: "admin", body: scimUserBody}).want(404)
	g.do(call{method: "PATCH", path: "/scim/v2/Users/u_7", key: "admin", body: scimPatchBody}).want(404)
	again := strings.Replace(scimUserBody, `"userName"`, `"externalId":"ext-alice","userName"`, 1)
	made := into[map[string]any](g.do(call{method: "POST", path: "/scim/v2/Users", key: "admin", body: again}).want(201))
	if made["id"] == person {
		t.Error("the same external id brought the erased member back")
	}
	if m := g.member(person); !m.Erased() || m.Version != 2 {
		t.Errorf("the erased member became %+v", m)
	}
}

func TestAStreamShowsNobodyWhoWasErasedNorFindsTheirOldName(t *testing.T) {
	g := newRig(t)
	g.meet()
	g.erase("admin", person).want(200)
	all, old := g.follow("admin", "?log=login", ""), g.follow("admin", "?log=login&q=longstocking", "")
	late := event(0, audit.LogLogin, "login.succeeded", person)
	late.Actor.Name, late.Message = personName, personName+" signed in"
	g.addEvents("acme", late)
	all.wait("event: events")
	all.wait("id: ")
	if data := all.wait("data: "); traceIn(data) != "" || !strings.Contains(data, "Erased member ") {
		t.Errorf("the stream sends %s", data)
	}
	other := event(0, audit.LogLogin, "login.succeeded", "u_6")
	other.Message = "longstocking is a village too"
	g.addEvents("acme", other)
	if got := old.take(); !slices.Equal(got.ids(), []string{other.ID}) {
		t.Errorf("a stream of the old name sends %v", got.ids())
	}
}

func TestMessagesOfAnEarlierVersionSayNothingOfPeopleOnceSomebodyWasErased(t *testing.T) {
	g := newRig(t)
	must(t, g.store.AddMessage(t.Context(), audit.Message{ID: "old", Organization: "acme", Member: "s_1", Title: "R: Alice did it", Count: 1, CreatedAt: today,
		Events: []audit.DigestEvent{{ID: "e", Time: today, Log: audit.LogLogin, Action: "login.failed", Outcome: audit.OutcomeFailure, Actor: "Alice", Summary: "Alice did it"}}}))
	read := func() string {
		return string(g.do(call{method: "GET", path: "/v1/messages/old", key: "admin"}).want(200).body)
	}
	if got := read(); traceIn(got) == "" {
		t.Errorf("it says %s", got)
	}
	g.erase("admin", "m_1").want(200)
	if got := read(); traceIn(got) != "" || !strings.Contains(got, `"title":"login.failed"`) {
		t.Errorf("it says %s", got)
	}
}
