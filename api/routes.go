package api

import (
	"net/http"
	"strings"

	"github.com/audittrail/audittrail/audit"
)

// Route is one route of the API, for documents and tests that go through all of them.
type Route struct {
	Method string
	// Path is as in openapi.yaml: "/v1/events/{id}".
	Path string
	// Open routes need neither key nor session.
	Open bool
	// Scope is what a key needs, and a session has; "" where any valid key will do. What the role may do comes on top: audit.Principal.Allow says both.
	Scope audit.Scope
}

// endpoint is a route and what happens there.
type endpoint struct {
	Route
	// query names the parameters that it takes.
	query  []string
	ingest bool // it has the deadline of taking events in
	stream bool // it has no deadline
	health bool // it is there where nothing else is
	scim   bool // its errors are SCIM's
	handle func(*Server, *request) error
}

// Routes returns every route.
func Routes() []Route {
	routes := make([]Route, len(endpoints))
	for i, e := range endpoints {
		routes[i] = e.Route
	}
	return routes
}

func open(method, path string, handle func(*Server, *request) error) endpoint {
	return endpoint{Route: Route{Method: method, Path: path, Open: true}, handle: handle}
}

func keyed(method, path string, scope audit.Scope, handle func(*Server, *request) error, query ...string) endpoint {
	return endpoint{Route: Route{Method: method, Path: path, Scope: scope}, query: query, handle: handle}
}

func (e endpoint) ingesting() endpoint { e.ingest = true; return e }
func (e endpoint) streaming() endpoint { e.stream = true; return e }
func (e endpoint) ofSCIM() endpoint    { e.scim = true; return e }
func (e endpoint) ofHealth() endpoint  { e.health = true; return e }

// endpoints is the whole API. Where a fixed path and one with a parameter could both match, the fixed one stands first.
// It is filled by init, as the handlers refer to it.
var endpoints []endpoint

func init() {
	const get, post, put, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete
	endpoints = []endpoint{
		keyed(post, pathEvents, audit.ScopeEventsWrite, (*Server).ingest, "wait").ingesting(),
		keyed(get, pathEvents, audit.ScopeEventsRead, (*Server).searchEvents, withFilters("limit", "cursor", "total")...),
		keyed(get, "/v1/events/summary", audit.ScopeEventsRead, (*Server).summary, withFilters("zone", "interval", "top")...),
		keyed(get, "/v1/events/stream", audit.ScopeEventsRead, (*Server).streamEvents, filterParams...).streaming(),
		keyed(get, "/v1/events/{id}", audit.ScopeEventsRead, (*Server).getEvent),
		keyed(get, "/v1/organization", "", (*Server).organization),
		keyed(get, "/v1/actions", "", (*Server).actions),
		keyed(get, "/v1/members", audit.ScopeMembers, (*Server).listMembers, "q", "status", "role", "limit", "cursor"),
		keyed(get, "/v1/members/{id}", audit.ScopeEventsRead, (*Server).getMember),
		keyed(put, "/v1/members/{id}", audit.ScopeMembers, (*Server).putMember),
		keyed(del, "/v1/members/{id}/sessions", audit.ScopeMembers, (*Server).deleteSessions),
		keyed(post, "/v1/members/{id}/erase", audit.ScopeMembers, (*Server).eraseMember),
		keyed(get, "/v1/people", audit.ScopeEventsRead, (*Server).listPeople, "q", "operators", "limit", "id"),
		keyed(post, "/v1/exports", audit.ScopeExports, (*Server).createExport, "dry_run"),
		keyed(get, "/v1/exports", audit.ScopeExports, (*Server).listExports, "limit", "cursor"),
		keyed(get, "/v1/exports/{id}", audit.ScopeExports, (*Server).getExport),
		keyed(del, "/v1/exports/{id}", audit.ScopeExports, (*Server).deleteExport),
		keyed(post, "/v1/exports/{id}/again", audit.ScopeExports, (*Server).againExport),
		keyed(get, "/v1/exports/{id}/files/{name}", audit.ScopeExports, (*Server).downloadFile),
		keyed(get, "/v1/addresses", audit.ScopeReminders, (*Server).listAddresses),
		keyed(post, "/v1/addresses", audit.ScopeReminders, (*Server).addAddress),
		keyed(post, "/v1/addresses/{id}/verify", audit.ScopeReminders, (*Server).verifyAddress),
		keyed(post, "/v1/addresses/{id}/send", audit.ScopeReminders, (*Server).sendAddressCode),
		keyed(del, "/v1/addresses/{id}", audit.ScopeReminders, (*Server).deleteAddress),
		keyed(get, "/v1/reminders", audit.ScopeReminders, (*Server).listReminders),
		keyed(post, "/v1/reminders", audit.ScopeReminders, (*Server).createReminder),
		keyed(post, "/v1/reminders/preview", audit.ScopeReminders, (*Server).previewReminder),
		keyed(get, "/v1/reminders/{id}", audit.ScopeReminders, (*Server).getReminder),
		keyed(put, "/v1/reminders/{id}", audit.ScopeReminders, (*Server).putReminder),
		keyed(del, "/v1/reminders/{id}", audit.ScopeReminders, (*Server).deleteReminder),
		keyed(post, "/v1/reminders/{id}/test", audit.ScopeReminders, (*Server).testReminder),
		keyed(get, "/v1/reminders/{id}/deliveries", audit.ScopeReminders, (*Server).listDeliveries, "limit", "cursor"),
		keyed(get, "/v1/messages", audit.ScopeEventsRead, (*Server).listMessages, "unread", "limit", "cursor"),
		keyed(post, "/v1/messages/read", audit.ScopeEventsRead, (*Server).readMessages),
		keyed(get, "/v1/messages/stream", audit.ScopeEventsRead, (*Server).streamMessages).streaming(),
		keyed(get, "/v1/messages/{id}", audit.ScopeEventsRead, (*Server).getMessage),
		keyed(post, "/v1/login-links", audit.ScopeAdmin, (*Server).createLoginLink),
		keyed(get, "/v1/keys", audit.ScopeAdmin, (*Server).listKeys),
		keyed(post, "/v1/keys", audit.ScopeAdmin, (*Server).createKey),
		keyed(post, "/v1/keys/{id}/rotate", audit.ScopeAdmin, (*Server).rotateKey),
		keyed(del, "/v1/keys/{id}", audit.ScopeAdmin, (*Server).revokeKey),
		keyed(get, "/scim/v2/ServiceProviderConfig", audit.ScopeMembers, (*Server).scim).ofSCIM(),
		keyed(get, "/scim/v2/Schemas", audit.ScopeMembers, (*Server).scim).ofSCIM(),
		keyed(get, "/scim/v2/Schemas/{urn}", audit.ScopeMembers, (*Server).scim).ofSCIM(),
		keyed(get, "/scim/v2/ResourceTypes", audit.ScopeMembers, (*Server).scim).ofSCIM(),
		keyed(get, "/scim/v2/ResourceTypes/{type}", audit.ScopeMembers, (*Server).scim).ofSCIM(),
		keyed(get, "/scim/v2/Users", audit.ScopeMembers, (*Server).scim, scimListParams...).ofSCIM(),
		keyed(post, "/scim/v2/Users", audit.ScopeMembers, (*Server).scim, scimParams...).ofSCIM(),
		keyed(get, "/scim/v2/Users/{id}", audit.ScopeMembers, (*Server).scim, scimParams...).ofSCIM(),
		keyed(put, "/scim/v2/Users/{id}", audit.ScopeMembers, (*Server).scim, scimParams...).ofSCIM(),
		keyed(http.MethodPatch, "/scim/v2/Users/{id}", audit.ScopeMembers, (*Server).scim, scimParams...).ofSCIM(),
		keyed(del, "/scim/v2/Users/{id}", audit.ScopeMembers, (*Server).scim).ofSCIM(),
		keyed(get, "/scim/v2/Groups", audit.ScopeMembers, (*Server).scim, scimListParams...).ofSCIM(),
		keyed(post, "/scim/v2/Groups", audit.ScopeMembers, (*Server).scim, scimParams...).ofSCIM(),
		keyed(get, "/scim/v2/Groups/{id}", audit.ScopeMembers, (*Server).scim, scimParams...).ofSCIM(),
		keyed(put, "/scim/v2/Groups/{id}", audit.ScopeMembers, (*Server).scim, scimParams...).ofSCIM(),
		keyed(http.MethodPatch, "/scim/v2/Groups/{id}", audit.ScopeMembers, (*Server).scim, scimParams...).ofSCIM(),
		keyed(del, "/scim/v2/Groups/{id}", audit.ScopeMembers, (*Server).scim).ofSCIM(),
		open(get, "/v1/unsubscribe/{token}", (*Server).showUnsubscribe),
		open(post, "/v1/unsubscribe/{token}", (*Server).unsubscribe),
		open(post, "/v1/callbacks/twilio/{organization}/{delivery}", (*Server).twilioCallback),
		open(get, "/healthz", (*Server).healthz).ofHealth(),
		open(get, "/readyz", (*Server).readyz).ofHealth(),
		open(get, "/metrics", (*Server).showMetrics).ofHealth(),
		open(get, "/openapi.yaml", (*Server).showContract),
		open(get, "/docs", (*Server).showDocs),
	}
}

// fiberPath turns "/v1/events/{id}" into Fiber's "/v1/events/:id".
func fiberPath(path string) string { return strings.NewReplacer("{", ":", "}", "").Replace(path) }
