package console

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/audittrail/audittrail/audit"
)

// What a page answers is written as five letters, to creator, system_admin, contact_admin, member and somebody who is not signed in: y where it is for them (be it
// that what they sent is not right yet), f forbidden, x not found, s sent to the sign-in. What an address names is the creator's. The letters follow
// from the design's matrix and not from the program.
var pageMatrix = map[string]string{
	"GET /":                                   "yyyys",
	"GET /sign-in":                            "yyyyy",
	"POST /sign-in":                           "sssss", // without a link that works
	"GET /sign-in/oidc/:provider":             "xxxxx", // there is none
	"GET /sign-in/oidc/:provider/callback":    "xxxxx",
	"POST /sign-out":                          "yyyyy",
	"GET /login-history":                      "yyyys",
	"GET /operation-logs":                     "yyyfs",
	"GET /product-logs":                       "yyffs",
	"GET /login-history/overview":             "yyyys",
	"GET /operation-logs/overview":            "yyyfs",
	"GET /product-logs/overview":              "yyffs",
	"GET /events/:id":                         "yyyxs", // in the Operation Logs
	"GET /suggest":                            "yyyys",
	"GET /people/options":                     "yyyfs",
	"GET /exports":                            "yyyys",
	"GET /exports/new":                        "yyyys",
	"POST /exports":                           "yyyys",
	"GET /exports/:id":                        "yyxxs",
	"POST /exports/:id/again":                 "yyxxs",
	"POST /exports/:id/cancel":                "yyxxs",
	"GET /exports/:id/take-back":              "yyxxs",
	"POST /exports/:id/take-back":             "yyxxs",
	"GET /keys":                               "yyffs",
	"POST /keys":                              "yyffs",
	"GET /keys/new":                           "yyffs",
	"GET /keys/holders":                       "yyffs",
	"GET /keys/:id/rotate":                    "yyffs",
	"POST /keys/:id/rotate":                   "yyffs",
	"GET /keys/:id/revoke":                    "yyffs",
	"POST /keys/:id/revoke":                   "yyffs",
	"GET /members":                            "yyffs",
	"POST /members":                           "yyffs",
	"GET /members/new":                        "yyffs",
	"GET /members/import":                     "yyffs",
	"POST /members/import":                    "yyffs",
	"GET /members/card/:id":                   "yyyfs",
	"GET /members/:id":                        "yyffs",
	"POST /members/:id/sign-out":              "yyffs",
	"GET /members/:id/erase":                  "yyffs",
	"POST /members/:id/erase":                 "yyffs",
	"POST /members/:id":                       "yyffs",
	"GET /messages":                           "yyyys",
	"GET /messages/unread":                    "yyyys",
	"POST /messages/read":                     "yyyys",
	"GET /messages/:id":                       "yxxxs", // one's own only
	"POST /messages/addresses":                "yyyfs",
	"GET /messages/addresses/:id":             "yyxfs",
	"POST /messages/addresses/:id":            "yyxfs",
	"POST /messages/addresses/:id/send":       "yyxfs",
	"GET /messages/addresses/:id/delete":      "yyxfs",
	"POST /messages/addresses/:id/delete":     "yyxfs",
	"GET /messages/settings":                  "yyyfs",
	"GET /messages/settings/new":              "yyyfs",
	"POST /messages/settings/new":             "yyyfs",
	"GET /messages/settings/:id":              "yyxfs",
	"POST /messages/settings/:id":             "yyxfs",
	"GET /messages/settings/:id/delete":       "yyxfs",
	"POST /messages/settings/:id/delete":      "yyxfs",
	"POST /messages/settings/:id/pause":       "yyxfs",
	"POST /messages/settings/:id/test":        "yyxfs",
	"GET /messages/settings/:id/deliveries":   "yyxfs",
	"GET /messages/settings/:id/test/:digest": "yyxfs",
}

// thing makes what the address names, new for each request, and returns its id.
func (g *rig) thing(path, owner string, n int) string {
	g.t.Helper()
	ctx, org, id := g.t.Context(), g.enterprise.Organization.ID, fmt.Sprint("x-", n)
	switch {
	case strings.HasPrefix(path, "/exports/"):
		_, err := g.store.PutExport(ctx, audit.Export{ID: id, Organization: org, RequestedBy: owner, Format: audit.FormatCSV, Mode: audit.ModeLatest, Status: audit.ExportReady,
			Query: audit.Query{Logs: []audit.Log{audit.LogLogin}}, RequestedAt: today, ReadyAt: today, ExpiresAt: today.Add(audit.ExportLife)})
		must(g.t, err)
	case strings.HasPrefix(path, "/messages/settings/"):
		return g.setReminder(owner, audit.Reminder{Name: id, Actions: []string{"login.*"}})
	case strings.HasPrefix(path, "/messages/addresses/"):
		_, err := g.store.PutAddress(ctx, audit.OtherAddress{ID: id, Organization: org, Kind: audit.AddressEmail, Address: id + "@example.com", AddedBy: owner, CreatedAt: today,
			Code: &audit.AddressCode{ID: "c", SentAt: today, ExpiresAt: today.Add(audit.AddressCodeLife), Status: audit.DeliverySent}})
		must(g.t, err)
	case strings.HasPrefix(path, "/messages/"):
		g.tell(audit.Message{ID: id, Member: owner, Title: id})
	case strings.HasPrefix(path, "/keys/"):
		_, prefix, hash := audit.NewKeySecret()
		must(g.t, g.store.CreateKey(ctx, audit.Key{ID: id, Organization: org, Member: owner, Name: id, Prefix: prefix, Hash: hash, CreatedAt: today}))
	case strings.HasSuffix(path, "/sign-out"), strings.HasSuffix(path, "/erase"):
		return g.who(audit.RoleMember)
	case strings.HasPrefix(path, "/members/"):
		return owner
	case strings.HasPrefix(path, "/events/"):
		g.append([]*audit.Event{{ID: id, Time: today, Log: audit.LogOperation, Action: "contacts.member.added", Outcome: audit.OutcomeSuccess, Actor: audit.Actor{ID: owner}}})
	}
	return id
}

// TestEveryPageIsForWhomTheMatrixSays: a page that is not in the matrix fails.
func TestEveryPageIsForWhomTheMatrixSays(t *testing.T) {
	g := newRig(t, 0)
	creator := g.who(audit.RoleCreator)
	callers := []string{creator, g.who(audit.RoleSystemAdmin), g.who(audit.RoleContactAdmin), g.who(audit.RoleMember), ""}
	known := map[string]bool{}
	n := 0
	for _, p := range pages {
		route := p.method + " " + p.path
		letters, listed := pageMatrix[route]
		if known[route] = true; !listed {
			t.Errorf("%s is not in the matrix: say in pageMatrix whom it is for", route)
			continue
		}
		for i, who := range callers {
			n++
			path := p.path
			if strings.Contains(path, ":id") {
				path = strings.NewReplacer(":id", g.thing(path, creator, n), ":digest", "d").Replace(path)
			}
			ask := func() answer { return g.get(who, path) }
			if p.method == http.MethodPost {
				ask = func() answer { return g.post(who, path, nil) }
			}
			got := ask()
			if letter := letterOf(got); letter != letters[i] {
				t.Errorf("%s to %s: %d, %c and not %c: %s", route, append(audit.Roles(), "nobody")[i], got.StatusCode, letter, letters[i], got.Header.Get("Location"))
			}
		}
	}
	for route := range pageMatrix {
		if !known[route] {
			t.Errorf("%s is in the matrix and is no page", route)
		}
	}
	t.Logf("%d requests", n)
}

func letterOf(a answer) byte {
	switch {
	case a.StatusCode == http.StatusForbidden:
		return 'f'
	case a.StatusCode == http.StatusNotFound:
		return 'x'
	case a.StatusCode == http.StatusUnauthorized, strings.HasPrefix(a.Header.Get("Location"), "/sign-in") && !strings.HasPrefix(a.Request.URL.Path, "/sign-"):
		return 's'
	}
	return 'y'
}
