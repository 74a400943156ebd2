package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/store"
)

// recordCase says of a route what the trail has to keep of its use, and how a test uses it.
type recordCase struct {
	// action is what one use records, once. "" where nothing is: why says then what for.
	action, why string
	// also is what follows from one use and is on record beside it.
	also   []string
	ask    func(fx recordFixture) call
	stream bool
}

// recordFixture has one of everything that a route can be asked for.
type recordFixture struct{ reminder, export, key, unsubscribe, address, code, group string }

const (
	noData  = "it tells nothing of an organization"
	ownData = "the Message Center is the member's own: reminders sent it to them, and the deliveries say so"
)

// What is sent by SCIM to make or replace a user or a group, and to change one.
const (
	scimUserBody       = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"kim@example.com","displayName":"Kim","active":true}`
	scimGroupBody      = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"Kim's people","members":[{"value":"m_1"}]}`
	scimGroupPatchBody = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"Add","path":"members","value":[{"value":"m_1"}]}]}`
	scimPatchBody      = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"displayName","value":"Kim"}]}`
)

func asked(method, path, key, body string) func(recordFixture) call {
	return func(fx recordFixture) call {
		path := strings.NewReplacer("{reminder}", fx.reminder, "{export}", fx.export, "{key}", fx.key, "{unsubscribe}", fx.unsubscribe, "{address}", fx.address,
			"{group}", fx.group).Replace(path)
		return call{method: method, path: path, key: key, body: strings.ReplaceAll(body, "{code}", fx.code)}
	}
}

func form(method, path string, header ...string) func(recordFixture) call {
	return func(fx recordFixture) call {
		c := asked(method, path, "", "List-Unsubscribe=One-Click")(fx)
		c.header = map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
		for i := 0; i < len(header); i += 2 {
			c.header[header[i]] = header[i+1]
		}
		return c
	}
}

// recordCases is the promise that the auditors are audited, route by route. A route that is not here fails the test: whoever adds one decides what the
// trail keeps of its use, or says why it keeps nothing.
var recordCases = map[string]recordCase{
	"POST /v1/events":                                     {why: "what is sent is the record", ask: asked("POST", "/v1/events", "producer", eventJSON("sent"))},
	"GET /v1/events":                                      {action: audit.ActionEventsSearched, ask: asked("GET", "/v1/events?q=alice", "admin", "")},
	"GET /v1/events/summary":                              {action: audit.ActionSummaryViewed, ask: asked("GET", "/v1/events/summary", "admin", "")},
	"GET /v1/events/stream":                               {action: audit.ActionEventsSearched, ask: asked("GET", "/v1/events/stream", "admin", ""), stream: true},
	"GET /v1/events/{id}":                                 {action: audit.ActionEventViewed, ask: asked("GET", "/v1/events/u_1-1", "admin", "")},
	"GET /v1/organization":                                {why: "it names the caller's own organization and what is configured", ask: asked("GET", "/v1/organization", "admin", "")},
	"GET /v1/actions":                                     {why: "the catalogue is no data of anybody", ask: asked("GET", "/v1/actions", "admin", "")},
	"GET /v1/members":                                     {action: audit.ActionMembersListed, ask: asked("GET", "/v1/members", "admin", "")},
	"GET /v1/members/{id}":                                {action: audit.ActionMemberViewed, ask: asked("GET", "/v1/members/m_1", "contact", "")},
	"PUT /v1/members/{id}":                                {action: audit.ActionMemberUpdated, ask: asked("PUT", "/v1/members/m_1", "admin", `{"name":"x","role":"member","version":1}`)},
	"DELETE /v1/members/{id}/sessions":                    {action: audit.ActionSessionEnded, ask: asked("DELETE", "/v1/members/m_1/sessions", "admin", "")},
	"POST /v1/members/{id}/erase":                         {action: audit.ActionMemberErased, also: []string{audit.ActionKeyRevoked, audit.ActionKeyRevoked, audit.ActionExportRevoked}, ask: asked("POST", "/v1/members/m_1/erase", "admin", `{"confirm":"m_1"}`)},
	"GET /v1/people":                                      {why: "a type-ahead shows less than the events do, and a record a keystroke would bury the trail", ask: asked("GET", "/v1/people?q=n", "admin", "")},
	"POST /v1/exports":                                    {action: audit.ActionExportRequested, ask: asked("POST", "/v1/exports", "admin", `{}`)},
	"POST /v1/exports?dry_run=true":                       {action: audit.ActionSummaryViewed, ask: asked("POST", "/v1/exports?dry_run=true", "admin", `{}`)},
	"GET /v1/exports":                                     {action: audit.ActionExportsListed, ask: asked("GET", "/v1/exports", "admin", "")},
	"GET /v1/exports/{id}":                                {action: audit.ActionExportViewed, ask: asked("GET", "/v1/exports/{export}", "admin", "")},
	"DELETE /v1/exports/{id}":                             {action: audit.ActionExportRevoked, ask: asked("DELETE", "/v1/exports/{export}", "admin", "")},
	"POST /v1/exports/{id}/again":                         {action: audit.ActionExportRequested, ask: asked("POST", "/v1/exports/{export}/again", "admin", "")},
	"GET /v1/exports/{id}/files/{name}":                   {action: audit.ActionExportDownloaded, ask: asked("GET", "/v1/exports/{export}/files/events%201.csv", "admin", "")},
	"GET /v1/addresses":                                   {action: audit.ActionAddressesListed, ask: asked("GET", "/v1/addresses", "admin", "")},
	"POST /v1/addresses":                                  {action: audit.ActionAddressAdded, ask: asked("POST", "/v1/addresses", "admin", `{"kind":"phone","address":"+491701234567"}`)},
	"POST /v1/addresses/{id}/verify":                      {action: audit.ActionAddressVerified, ask: asked("POST", "/v1/addresses/{address}/verify", "admin", `{"code":"{code}"}`)},
	"POST /v1/addresses/{id}/send":                        {action: audit.ActionAddressCodeSent, ask: asked("POST", "/v1/addresses/{address}/send", "admin", "")},
	"DELETE /v1/addresses/{id}":                           {action: audit.ActionAddressDeleted, ask: asked("DELETE", "/v1/addresses/{address}", "admin", "")},
	"GET /v1/reminders":                                   {action: audit.ActionRemindersListed, ask: asked("GET", "/v1/reminders", "admin", "")},
	"POST /v1/reminders":                                  {action: audit.ActionReminderCreated, ask: asked("POST", "/v1/reminders", "admin", reminderBody+"}")},
	"POST /v1/reminders/preview":                          {action: audit.ActionEventsSearched, ask: asked("POST", "/v1/reminders/preview", "admin", `{"name":"x","actions":["login.failed"],"channels":["inbox"],"recipients":[]}`)},
	"GET /v1/reminders/{id}":                              {action: audit.ActionReminderViewed, ask: asked("GET", "/v1/reminders/{reminder}", "admin", "")},
	"PUT /v1/reminders/{id}":                              {action: audit.ActionReminderUpdated, ask: asked("PUT", "/v1/reminders/{reminder}", "admin", reminderBody+`,"version":1}`)},
	"DELETE /v1/reminders/{id}":                           {action: audit.ActionReminderDeleted, ask: asked("DELETE", "/v1/reminders/{reminder}", "admin", "")},
	"POST /v1/reminders/{id}/test":                        {action: audit.ActionReminderTested, ask: asked("POST", "/v1/reminders/{reminder}/test", "admin", "")},
	"GET /v1/reminders/{id}/deliveries":                   {action: audit.ActionDeliveriesListed, ask: asked("GET", "/v1/reminders/{reminder}/deliveries", "admin", "")},
	"GET /v1/messages":                                    {why: ownData, ask: asked("GET", "/v1/messages", "admin", "")},
	"POST /v1/messages/read":                              {why: ownData, ask: asked("POST", "/v1/messages/read", "admin", `{"all":true}`)},
	"GET /v1/messages/stream":                             {why: ownData, ask: asked("GET", "/v1/messages/stream", "admin", ""), stream: true},
	"GET /v1/messages/{id}":                               {why: ownData, ask: asked("GET", "/v1/messages/msg-1", "admin", "")},
	"POST /v1/login-links":                                {action: audit.ActionLoginLinkCreated, ask: asked("POST", "/v1/login-links", "admin", `{}`)},
	"GET /v1/keys":                                        {action: audit.ActionKeysListed, ask: asked("GET", "/v1/keys", "admin", "")},
	"POST /v1/keys":                                       {action: audit.ActionKeyCreated, ask: asked("POST", "/v1/keys", "admin", `{"name":"ci","scopes":["exports"]}`)},
	"POST /v1/keys/{id}/rotate":                           {action: audit.ActionKeyRotated, ask: asked("POST", "/v1/keys/{key}/rotate", "admin", `{}`)},
	"DELETE /v1/keys/{id}":                                {action: audit.ActionKeyRevoked, ask: asked("DELETE", "/v1/keys/{key}", "admin", "")},
	"GET /v1/unsubscribe/{token}":                         {why: "the page asks and says nothing; mail scanners open it", ask: asked("GET", "{unsubscribe}", "", "")},
	"POST /v1/unsubscribe/{token}":                        {action: audit.ActionReminderUnsubscribed, ask: form("POST", "{unsubscribe}")},
	"POST /v1/callbacks/twilio/{organization}/{delivery}": {why: "Twilio says what became of a message; the delivery keeps it", ask: twilioReport},
	"GET /scim/v2/ServiceProviderConfig":                  {why: noData, ask: asked("GET", "/scim/v2/ServiceProviderConfig", "admin", "")},
	"GET /scim/v2/Schemas":                                {why: noData, ask: asked("GET", "/scim/v2/Schemas", "admin", "")},
	"GET /scim/v2/Schemas/{urn}":                          {why: noData, ask: asked("GET", "/scim/v2/Schemas/urn:ietf:params:scim:schemas:core:2.0:User", "admin", "")},
	"GET /scim/v2/ResourceTypes":                          {why: noData, ask: asked("GET", "/scim/v2/ResourceTypes", "admin", "")},
	"GET /scim/v2/ResourceTypes/{type}":                   {why: noData, ask: asked("GET", "/scim/v2/ResourceTypes/User", "admin", "")},
	"GET /scim/v2/Users":                                  {action: audit.ActionMembersListed, ask: asked("GET", "/scim/v2/Users", "admin", "")},
	"POST /scim/v2/Users":                                 {action: audit.ActionMemberUpdated, ask: asked("POST", "/scim/v2/Users", "admin", scimUserBody)},
	"GET /scim/v2/Users/{id}":                             {action: audit.ActionMemberViewed, ask: asked("GET", "/scim/v2/Users/m_1", "admin", "")},
	"PUT /scim/v2/Users/{id}":                             {action: audit.ActionMemberUpdated, ask: asked("PUT", "/scim/v2/Users/m_1", "admin", scimUserBody)},
	"PATCH /scim/v2/Users/{id}":                           {action: audit.ActionMemberUpdated, ask: asked("PATCH", "/scim/v2/Users/m_1", "admin", scimPatchBody)},
	"DELETE /scim/v2/Users/{id}":                          {action: audit.ActionMemberUpdated, also: []string{audit.ActionKeyRevoked, audit.ActionKeyRevoked}, ask: asked("DELETE", "/scim/v2/Users/m_1", "admin", "")},
	"GET /scim/v2/Groups":                                 {action: audit.ActionDepartmentsListed, ask: asked("GET", "/scim/v2/Groups", "admin", "")},
	"POST /scim/v2/Groups":                                {action: audit.ActionDepartmentCreated, also: []string{audit.ActionMemberUpdated}, ask: asked("POST", "/scim/v2/Groups", "admin", scimGroupBody)},
	"GET /scim/v2/Groups/{id}":                            {action: audit.ActionDepartmentViewed, ask: asked("GET", "/scim/v2/Groups/{group}", "admin", "")},
	"PUT /scim/v2/Groups/{id}":                            {action: audit.ActionDepartmentUpdated, also: []string{audit.ActionMemberUpdated}, ask: asked("PUT", "/scim/v2/Groups/{group}", "admin", scimGroupBody)},
	"PATCH /scim/v2/Groups/{id}":                          {action: audit.ActionDepartmentUpdated, also: []string{audit.ActionMemberUpdated}, ask: asked("PATCH", "/scim/v2/Groups/{group}", "admin", scimGroupPatchBody)},
	"DELETE /scim/v2/Groups/{id}":                         {action: audit.ActionDepartmentDeleted, ask: asked("DELETE", "/scim/v2/Groups/{group}", "admin", "")},
	"GET /healthz":                                        {why: noData, ask: asked("GET", "/healthz", "", "")},
	"GET /readyz":                                         {why: noData, ask: asked("GET", "/readyz", "", "")},
	"GET /metrics":                                        {why: noData, ask: asked("GET", "/metrics", "", "")},
	"GET /openapi.yaml":                                   {why: noData, ask: asked("GET", "/openapi.yaml", "", "")},
	"GET /docs":                                           {why: noData, ask: asked("GET", "/docs", "", "")},
}

func twilioReport(recordFixture) call {
	const path = "/v1/callbacks/twilio/acme/sms1"
	body := url.Values{"MessageSid": {"SM1"}, "MessageStatus": {"delivered"}}.Encode()
	return call{method: "POST", path: path, body: body, header: map[string]string{"Content-Type": "application/x-www-form-urlencoded",
		"X-Twilio-Signature": "https://audit.example.com" + path + "|SM1"}}
}

func (g *rig) recordFixture() recordFixture {
	g.t.Helper()
	g.addEvents("acme", event(1, audit.LogLogin, "login.failed", "u_1"), event(2, audit.LogOperation, "contacts.member.added", "u_1"))
	fx := recordFixture{reminder: g.newReminder("admin").ID, export: g.request("admin", `{}`).ID, key: g.keyIDs["reader"], group: g.newGroup("acme", "g_1", "Sales").ID}
	g.finish(fx.export)
	g.addMessage("s_1", 1)
	must(g.t, g.store.SaveDelivery(g.t.Context(), audit.Delivery{ID: "sms1", Organization: "acme", Reminder: fx.reminder, Digest: "g", Channel: audit.ChannelSMS, Member: "s_1",
		Status: audit.DeliverySent, Provider: "SM1", CreatedAt: today, UpdatedAt: today}))
	fx.unsubscribe = strings.TrimPrefix(g.links().Unsubscribe("acme", fx.reminder, "a_1", audit.ChannelEmail), "https://audit.example.com")
	fx.address = g.addAddress("admin", "+491709999999").ID
	fx.code = g.codeOf(fx.address)
	return fx
}

// everything returns every record of the store, but for when keys were last used.
func (g *rig) everything() string {
	g.t.Helper()
	var all []store.Record
	for _, kind := range store.Kinds() {
		organizations := []string{"acme", "other"}
		if kind == store.KindOrganization || kind == store.KindSecret {
			organizations = []string{""}
		}
		for _, organization := range organizations {
			records, err := g.store.Records(g.t.Context(), kind, organization, "", 1000)
			must(g.t, err)
			for _, r := range records {
				if r.Key != nil {
					r.Key.LastUsedAt = time.Time{}
				}
				all = append(all, r)
			}
		}
	}
	text, err := json.Marshal(all)
	must(g.t, err)
	return string(text)
}

func TestEveryRouteIsOnRecordOrSaysWhyNot(t *testing.T) {
	for _, e := range endpoints {
		if _, ok := recordCases[e.Method+" "+e.Path]; !ok {
			t.Errorf("%s %s is not in recordCases: say what the trail keeps of its use, or why nothing", e.Method, e.Path)
		}
	}
	for route, c := range recordCases {
		method, path, _ := strings.Cut(route, " ")
		path, _, _ = strings.Cut(path, "?")
		if !slices.ContainsFunc(endpoints, func(e endpoint) bool { return e.Method == method && e.Path == path }) {
			t.Errorf("%s is in recordCases and no route", route)
		}
		if (c.action == "") == (c.why == "") || c.ask == nil {
			t.Errorf("%s: a route has an action or a reason for none, and a request", route)
		}
		t.Run(strings.ReplaceAll(route, "/", "∕"), func(t *testing.T) { testRecord(t, c) })
	}
}

// testRecord asks the route twice: first while the trail cannot commit, then while it can.
func testRecord(t *testing.T, c recordCase) {
	g := newRig(t)
	fx := g.recordFixture()
	before, jobs, trail := g.everything(), len(g.jobs.calls), g.trail("acme")
	g.ingest.fail(audit.Unavailable(nil, time.Second, "the disk is full"))
	if c.action != "" {
		g.do(c.ask(fx)).want(http.StatusServiceUnavailable)
		if g.everything() != before || len(g.jobs.calls) != jobs {
			t.Errorf("what could not be recorded was done all the same: jobs %v", g.jobs.calls[jobs:])
		}
		if g.files.open != 0 {
			t.Error("a download that could not be recorded was begun")
		}
	}
	g.ingest.fail(nil)
	switch {
	case c.stream:
		g.openStreamOf(c.ask(fx).path, map[bool]string{true: "streamEvents", false: "streamMessages"}[c.action != ""], "admin", "").wait(": connected")
	default:
		if a := g.do(c.ask(fx)); a.status >= 300 {
			t.Fatalf("status = %d\n%s", a.status, a.body)
		}
	}
	want := slices.Clone(trail)
	if c.action != "" {
		for _, action := range append(c.also, c.action) {
			want = append(want, action+" success")
		}
		slices.Sort(want)
	}
	if got := g.trail("acme"); !slices.Equal(got, want) {
		t.Errorf("the trail went from %v to %v", trail, got)
	}
	if got := g.trail("other"); got != nil {
		t.Errorf("another organization's trail has %v", got)
	}
}

func TestASignInThatCannotBeRecordedOpensNoSession(t *testing.T) {
	g := newRig(t)
	link := g.link("acme", "s_1")
	g.ingest.fail(audit.Unavailable(nil, time.Second, "the disk is full"))
	_, _, err := g.server.SignIn(t.Context(), link, browser)
	wantCode(t, "signing in", err, audit.CodeUnavailable)
	sessions, err := g.store.Sessions(t.Context(), "acme", "s_1")
	must(t, err)
	if len(sessions) != 0 {
		t.Errorf("sessions = %v", sessions)
	}
}

func TestNobodyForgesTheTrailsOwnActions(t *testing.T) {
	g := newRig(t)
	for _, action := range []string{audit.ActionEventsSearched, audit.ActionRetentionRan, "audit_trail.x.y", "audit_trail.log.switched_off"} {
		forged := strings.Replace(eventJSON("forged"), "contacts.member.added", action, 1)
		if got := g.do(call{method: "POST", path: "/v1/events", key: "creator", body: forged}).want(422).fields(); !slices.Equal(got, []string{"action"}) {
			t.Errorf("%s alone: fields = %v", action, got)
		}
		batch := g.do(call{method: "POST", path: "/v1/events", key: "creator", body: "[" + forged + "]"}).want(200)
		if !strings.Contains(string(batch.body), `"rejected":1`) || !strings.Contains(string(batch.body), `"field":"action"`) {
			t.Errorf("%s in a batch: %s", action, batch.body)
		}
		lines := g.do(call{method: "POST", path: "/v1/events", key: "creator", body: forged + "\n", header: map[string]string{"Content-Type": contentNDJSON}}).want(200)
		if !strings.Contains(string(lines.body), `"rejected":1`) {
			t.Errorf("%s in lines: %s", action, lines.body)
		}
	}
	if got := g.trail("acme"); got != nil {
		t.Errorf("the trail has %v", got)
	}
}

func TestALookThatGoesOnIsOneRecord(t *testing.T) {
	g := newRig(t)
	fx := g.recordFixture()
	start := len(g.trail("acme"))
	grew := func(what string, want int) {
		t.Helper()
		if got := len(g.trail("acme")) - start; got != want {
			t.Errorf("%s: %d records, want %d", what, got, want)
		}
	}
	get := func(key, path string) { t.Helper(); g.do(call{method: "GET", path: path, key: key}).want(200) }
	for i := range 20 { // a page of an export that runs, for some minutes
		get("admin", "/v1/exports/"+fx.export)
		get("admin", "/v1/exports")
		g.do(call{method: "POST", path: "/v1/reminders/preview", key: "admin", body: `{"name":"x","actions":["login.failed"],"channels":["inbox"],"recipients":[]}`}).want(200)
		g.do(call{method: "POST", path: "/v1/exports?dry_run=true", key: "admin", body: `{"log":["login"]}`}).want(200)
		g.openStreamOf("/v1/events/stream?log=login", "streamEvents", "admin", "").cancel()
		get("admin", fmt.Sprint("/v1/members?limit=1&cursor=a", i))
		g.clock.Advance(20 * time.Second)
	}
	grew("pages that bring themselves up to date", 6)
	get("creator", "/v1/exports")
	grew("another person", 7)
	g.do(call{method: "POST", path: "/v1/exports?dry_run=true", key: "admin", body: `{"log":["operation"]}`}).want(200)
	grew("another question", 8)
	g.clock.Advance(viewLife)
	get("admin", "/v1/exports")
	grew("the same person, later", 9)
	get("admin", "/v1/events")
	get("admin", "/v1/events")
	grew("two searches", 11)
}

func TestATailOfTheTrailItselfDoesNotFeedItself(t *testing.T) {
	g := newRig(t)
	s := g.follow("admin", "?range=audit_trail", "")
	for range 3 {
		g.do(call{method: "GET", path: "/v1/events?range=audit_trail&q=searched", key: "admin"}).want(200)
	}
	if got := s.gather(4); got.Matched != 4 { // and its own opening, once
		t.Errorf("the stream got %d records of three searches", got.Matched)
	}
	// Being told of them made no more: what comes next is the next thing that somebody does.
	g.do(call{method: "GET", path: "/v1/events/summary", key: "creator"}).want(200)
	if got := s.take(); got.Matched != 1 || !g.isAction(got.Events[0].ID, audit.ActionSummaryViewed) {
		t.Errorf("the stream went on with %+v", got)
	}
	want := []string{"audit_trail.events.searched success", "audit_trail.events.searched success", "audit_trail.events.searched success",
		"audit_trail.events.searched success", "audit_trail.summary.viewed success"}
	if got := g.trail("acme"); !slices.Equal(got, want) {
		t.Errorf("trail = %v", got)
	}
}
