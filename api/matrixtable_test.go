package api

import (
	"net/http"

	"github.com/audittrail/audittrail/audit"
)

// What each role reaches is written as four letters, of creator, system_admin, contact_admin and member: a is all of the organization's, o what
// is the member's own, - nothing. This file is the design's table once more, on purpose: it takes nothing from the program that it judges.

// sightOfLogs is who sees which log.
var sightOfLogs = map[audit.Log]string{
	audit.LogOperation: "aaa-",
	audit.LogProduct:   "aa--",
	audit.LogLogin:     "aaao",
}

// kind is what the id in an address is of.
type kind string

const (
	ofEvent    kind = "event"
	ofMember   kind = "member"
	ofCard     kind = "card"
	ofUser     kind = "user" // a member who is there to be deleted
	ofGroup    kind = "group"
	ofExport   kind = "export"
	ofReminder kind = "reminder"
	ofAddress  kind = "address"
	ofMessage  kind = "message"
	ofKey      kind = "key"
	ofToken    kind = "token"
	ofDelivery kind = "delivery"
)

// matrixLine is what the matrix promises about one route.
type matrixLine struct {
	route string
	open  bool        // to everybody, without a key
	scope audit.Scope // that a key needs; "": any key will do
	reach string
	ok    int // the answer where it is allowed
	kind  kind
	logs  bool // it is asked for each log, and for none
	// query is added to the address, body is sent; braces hold what depends on the case.
	query, body string
	// rows checks that the answer holds what is in sight, and nothing else.
	rows func(*matrix, matrixCase, *answer) error
}

const (
	matrixEvent    = `{"time":"2026-11-24T11:59:00Z","log":"{log}","action":"{action}","actor":{"id":"u_x"}}`
	matrixReminder = `{"name":"r","actions":["contacts.*"],"channels":["inbox"],"recipients":[{"member":"u_creator"}],"version":{version}}`
	matrixMember   = `{"name":"Somebody","role":"{role}","version":{version}}`
	matrixUser     = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"{unique}"}`
	matrixPatch    = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"Replace","path":"active","value":"True"}]}`
	matrixGroup    = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"{unique}"}`
	matrixRename   = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","value":{"displayName":"{unique}"}}]}`
	matrixTwilio   = "MessageSid=SM1&MessageStatus=delivered"
)

// matrixTable is what every route answers to whom. A route that is not in it fails the test.
var matrixTable = []matrixLine{
	{route: "POST /v1/events", scope: audit.ScopeEventsWrite, reach: "aa--", ok: 201, logs: true, body: matrixEvent},
	{route: "GET /v1/events", scope: audit.ScopeEventsRead, reach: "aaaa", ok: 200, logs: true, query: "limit=1000{&log}", rows: eventRows},
	{route: "GET /v1/events/summary", scope: audit.ScopeEventsRead, reach: "aaaa", ok: 200, logs: true, query: "top=3{&log}", rows: countedRows("total")},
	{route: "GET /v1/events/stream", scope: audit.ScopeEventsRead, reach: "aaaa", ok: 200, logs: true, query: "q=x{&log}"},
	{route: "GET /v1/events/{id}", scope: audit.ScopeEventsRead, reach: "aaaa", ok: 200, logs: true, kind: ofEvent},
	{route: "GET /v1/organization", reach: "aaaa", ok: 200},
	{route: "GET /v1/actions", reach: "aaaa", ok: 200},
	{route: "GET /v1/members", scope: audit.ScopeMembers, reach: "aa--", ok: 200, query: "limit=1000"},
	{route: "GET /v1/members/{id}", scope: audit.ScopeEventsRead, reach: "aaao", ok: 200, kind: ofCard},
	{route: "PUT /v1/members/{id}", scope: audit.ScopeMembers, reach: "aa--", ok: 200, kind: ofMember, body: matrixMember},
	{route: "DELETE /v1/members/{id}/sessions", scope: audit.ScopeMembers, reach: "aa--", ok: 200, kind: ofUser},
	{route: "POST /v1/members/{id}/erase", scope: audit.ScopeMembers, reach: "aa--", ok: 200, kind: ofUser, body: `{"confirm":"{id}"}`},
	{route: "GET /v1/people", scope: audit.ScopeEventsRead, reach: "aaa-", ok: 200, query: "limit=50"},
	{route: "POST /v1/exports", scope: audit.ScopeExports, reach: "aaaa", ok: 202, logs: true, body: `{"format":"csv"{logs}}`, rows: countedRows("matched")},
	{route: "GET /v1/exports", scope: audit.ScopeExports, reach: "aaoo", ok: 200, query: "limit=1000", rows: ownedRows("exports", "requested_by")},
	{route: "GET /v1/exports/{id}", scope: audit.ScopeExports, reach: "aaoo", ok: 200, kind: ofExport},
	{route: "DELETE /v1/exports/{id}", scope: audit.ScopeExports, reach: "aaoo", ok: 200, kind: ofExport},
	{route: "POST /v1/exports/{id}/again", scope: audit.ScopeExports, reach: "aaoo", ok: 202, kind: ofExport},
	{route: "GET /v1/exports/{id}/files/{name}", scope: audit.ScopeExports, reach: "aaoo", ok: 200, kind: ofExport},
	{route: "GET /v1/addresses", scope: audit.ScopeReminders, reach: "aao-", ok: 200, rows: ownedRows("addresses", "added_by")},
	{route: "POST /v1/addresses", scope: audit.ScopeReminders, reach: "aaa-", ok: 201, body: `{"kind":"phone","address":"{phone}"}`},
	{route: "POST /v1/addresses/{id}/verify", scope: audit.ScopeReminders, reach: "aao-", ok: 200, kind: ofAddress, body: `{"code":"{code}"}`},
	{route: "POST /v1/addresses/{id}/send", scope: audit.ScopeReminders, reach: "aao-", ok: 202, kind: ofAddress},
	{route: "DELETE /v1/addresses/{id}", scope: audit.ScopeReminders, reach: "aao-", ok: 204, kind: ofAddress},
	{route: "GET /v1/reminders", scope: audit.ScopeReminders, reach: "aao-", ok: 200, rows: ownedRows("reminders", "created_by")},
	{route: "POST /v1/reminders", scope: audit.ScopeReminders, reach: "aaa-", ok: 201, body: matrixReminder},
	{route: "POST /v1/reminders/preview", scope: audit.ScopeReminders, reach: "aaa-", ok: 200, body: `{"actions":["login.*","contacts.*","crm.*"]}`, rows: countedRows("matched")},
	{route: "GET /v1/reminders/{id}", scope: audit.ScopeReminders, reach: "aao-", ok: 200, kind: ofReminder},
	{route: "PUT /v1/reminders/{id}", scope: audit.ScopeReminders, reach: "aao-", ok: 200, kind: ofReminder, body: matrixReminder},
	{route: "DELETE /v1/reminders/{id}", scope: audit.ScopeReminders, reach: "aao-", ok: 204, kind: ofReminder},
	{route: "POST /v1/reminders/{id}/test", scope: audit.ScopeReminders, reach: "aao-", ok: 202, kind: ofReminder},
	{route: "GET /v1/reminders/{id}/deliveries", scope: audit.ScopeReminders, reach: "aao-", ok: 200, kind: ofReminder},
	{route: "GET /v1/messages", scope: audit.ScopeEventsRead, reach: "oooo", ok: 200, query: "limit=1000", rows: messageRows},
	{route: "POST /v1/messages/read", scope: audit.ScopeEventsRead, reach: "oooo", ok: 200, body: `{"all":true}`},
	{route: "GET /v1/messages/stream", scope: audit.ScopeEventsRead, reach: "oooo", ok: 200},
	{route: "GET /v1/messages/{id}", scope: audit.ScopeEventsRead, reach: "oooo", ok: 200, kind: ofMessage},
	{route: "POST /v1/login-links", scope: audit.ScopeAdmin, reach: "aa--", ok: 201, body: `{}`},
	{route: "GET /v1/keys", scope: audit.ScopeAdmin, reach: "aa--", ok: 200},
	{route: "POST /v1/keys", scope: audit.ScopeAdmin, reach: "aa--", ok: 201, body: `{"name":"k","scopes":["events:read"]}`},
	{route: "POST /v1/keys/{id}/rotate", scope: audit.ScopeAdmin, reach: "aa--", ok: 201, kind: ofKey},
	{route: "DELETE /v1/keys/{id}", scope: audit.ScopeAdmin, reach: "aa--", ok: 204, kind: ofKey},
	{route: "GET /scim/v2/ServiceProviderConfig", scope: audit.ScopeMembers, reach: "aa--", ok: 200},
	{route: "GET /scim/v2/Schemas", scope: audit.ScopeMembers, reach: "aa--", ok: 200},
	{route: "GET /scim/v2/Schemas/{urn}", scope: audit.ScopeMembers, reach: "aa--", ok: 200},
	{route: "GET /scim/v2/ResourceTypes", scope: audit.ScopeMembers, reach: "aa--", ok: 200},
	{route: "GET /scim/v2/ResourceTypes/{type}", scope: audit.ScopeMembers, reach: "aa--", ok: 200},
	{route: "GET /scim/v2/Users", scope: audit.ScopeMembers, reach: "aa--", ok: 200},
	{route: "POST /scim/v2/Users", scope: audit.ScopeMembers, reach: "aa--", ok: 201, body: matrixUser},
	{route: "GET /scim/v2/Users/{id}", scope: audit.ScopeMembers, reach: "aa--", ok: 200, kind: ofMember},
	{route: "PUT /scim/v2/Users/{id}", scope: audit.ScopeMembers, reach: "aa--", ok: 200, kind: ofMember, body: matrixUser},
	{route: "PATCH /scim/v2/Users/{id}", scope: audit.ScopeMembers, reach: "aa--", ok: 200, kind: ofMember, body: matrixPatch},
	{route: "DELETE /scim/v2/Users/{id}", scope: audit.ScopeMembers, reach: "aa--", ok: 204, kind: ofUser},
	{route: "GET /scim/v2/Groups", scope: audit.ScopeMembers, reach: "aa--", ok: 200},
	{route: "POST /scim/v2/Groups", scope: audit.ScopeMembers, reach: "aa--", ok: 201, body: matrixGroup},
	{route: "GET /scim/v2/Groups/{id}", scope: audit.ScopeMembers, reach: "aa--", ok: 200, kind: ofGroup},
	{route: "PUT /scim/v2/Groups/{id}", scope: audit.ScopeMembers, reach: "aa--", ok: 200, kind: ofGroup, body: matrixGroup},
	{route: "PATCH /scim/v2/Groups/{id}", scope: audit.ScopeMembers, reach: "aa--", ok: 204, kind: ofGroup, body: matrixRename},
	{route: "DELETE /scim/v2/Groups/{id}", scope: audit.ScopeMembers, reach: "aa--", ok: 204, kind: ofGroup},
	{route: "GET /v1/unsubscribe/{token}", open: true, ok: 200, kind: ofToken},
	{route: "POST /v1/unsubscribe/{token}", open: true, ok: 200, kind: ofToken},
	{route: "POST /v1/callbacks/twilio/{organization}/{delivery}", open: true, ok: 204, kind: ofDelivery, body: matrixTwilio},
	{route: "GET /healthz", open: true, ok: 200},
	{route: "GET /readyz", open: true, ok: 200},
	{route: "GET /metrics", open: true, ok: 200},
	{route: "GET /openapi.yaml", open: true, ok: 200},
	{route: "GET /docs", open: true, ok: 200},
}

// Whose the thing is that an address names. What is foreign is another organization's, what is missing nobody's.
const (
	targetOwn       = "own"
	targetColleague = "a colleague's"
	targetForeign   = "another organization's"
	targetMissing   = "missing"
)

// want is the status that the matrix promises.
func (c matrixCase) want() int {
	if c.line.open {
		if c.target == targetForeign || c.target == targetMissing {
			return http.StatusNotFound
		}
		return c.line.ok
	}
	if c.who.role == "" {
		return http.StatusUnauthorized
	}
	reach := c.who.reach(c.line.reach)
	if reach == '-' || !c.who.has(c.line.scope) {
		return http.StatusForbidden
	}
	if c.line.kind == "" {
		if c.log != "" && c.who.reach(sightOfLogs[c.log]) == '-' {
			return http.StatusForbidden
		}
		return c.line.ok
	}
	return c.wantOfThing(reach)
}

// wantOfThing is the status where the role and the scope may ask for such things.
func (c matrixCase) wantOfThing(reach byte) int {
	notOwn := http.StatusNotFound
	switch c.line.kind {
	case ofEvent:
		if reach = c.who.reach(sightOfLogs[c.log]); reach == '-' {
			return http.StatusNotFound
		}
	case ofCard: // a card is there of everybody, if only with the notice that they do not belong to the organization
		if reach == 'a' || c.target == targetOwn {
			return c.line.ok
		}
		return http.StatusForbidden
	}
	switch {
	case c.target == targetForeign || c.target == targetMissing:
		return http.StatusNotFound
	case c.target == targetColleague && reach == 'o':
		return notOwn
	}
	return c.line.ok
}

// inSight says how many of the actors' events of the log, or of all logs where it is "", are in the caller's sight, and calls each.
func (c matrixCase) inSight(each func(log audit.Log, actor string)) (n int64) {
	for log, sight := range sightOfLogs {
		if c.log != "" && c.log != log {
			continue
		}
		for _, actor := range matrixActors {
			if reach := c.who.reach(sight); reach == 'a' || reach == 'o' && actor == c.who.member {
				n++
				each(log, actor)
			}
		}
	}
	return n
}
