package api

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	filter "github.com/scim2/filter-parser/v2"

	"github.com/audittrail/audittrail/audit"
)

const (
	patchOp  = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	coreUser = "urn:ietf:params:scim:schemas:core:2.0:User"
)

type scimList struct {
	Total     int              `json:"totalResults"`
	Resources []map[string]any `json:"Resources"`
}

// scimDo makes a request below /scim/v2 as identity providers do.
func (g *rig) scimDo(method, path, key, body string) *answer {
	g.t.Helper()
	return g.do(call{method: method, path: pathSCIM + path, key: key, body: body, header: map[string]string{"Content-Type": contentSCIM}})
}

func (g *rig) scimPatch(path, key, operations string) *answer {
	g.t.Helper()
	return g.scimDo("PATCH", path, key, `{"schemas":["`+patchOp+`"],"Operations":[`+operations+`]}`)
}

func (g *rig) scimFind(resource, key, filter string) scimList {
	g.t.Helper()
	return into[scimList](g.scimDo("GET", resource+"?filter="+url.QueryEscape(filter), key, "").want(200))
}

func idOf(a *answer) string { return into[map[string]any](a)["id"].(string) }

const oktaUser = `{"schemas":["` + coreUser + `"],"userName":"test.user@okta.local","name":{"givenName":"Test","familyName":"User"},
"emails":[{"primary":true,"value":"test.user@okta.local","type":"work"}],"displayName":"Test User","locale":"en-US","externalId":"00ujl29u0le5T6Aj10h7",
"groups":[],"password":"1mz050nq","active":true}`

func TestOktasRequestsKeepAUserCurrent(t *testing.T) {
	g := newRig(t)
	g.scimDo("GET", "/ServiceProviderConfig", "admin", "").want(200)
	g.scimDo("GET", "/Users?startIndex=1&count=2", "admin", "").want(200)
	if found := g.scimFind("/Users", "admin", `userName eq "test.user@okta.local"`); found.Total != 0 || found.Resources == nil {
		t.Fatalf("before: %+v", found)
	}
	made := g.scimDo("POST", "/Users", "admin", oktaUser).want(201)
	id := idOf(made)
	if made.header.Get("ETag") != `W/"1"` || !strings.HasSuffix(made.header.Get("Location"), "/scim/v2/Users/"+id) || strings.Contains(string(made.body), "1mz050nq") {
		t.Errorf("headers %v, body %s", made.header, made.body)
	}
	if again := g.scimDo("POST", "/Users", "admin", oktaUser).want(409); !strings.Contains(string(again.body), `"uniqueness"`) {
		t.Errorf("again: %s", again.body)
	}
	user := into[map[string]any](g.scimDo("GET", "/Users/"+id, "admin", "").want(200))
	if name := user["name"].(map[string]any); name["givenName"] != "Test" || name["familyName"] != "User" || user["externalId"] != "00ujl29u0le5T6Aj10h7" || user["active"] != true {
		t.Errorf("the user is %v", user)
	}
	put := strings.Replace(strings.Replace(oktaUser, `"displayName":"Test User"`, `"displayName":"Another Name"`, 1), "{", `{"id":"`+id+`","roles":[{"value":"contact_admin","primary":true}],`, 1)
	g.scimDo("PUT", "/Users/"+id, "admin", put).want(200)
	m, err := g.store.Member(t.Context(), "acme", id)
	must(t, err)
	if m.Name != "Another Name" || m.Role != audit.RoleContactAdmin || m.Email != "test.user@okta.local" || m.UserName != "test.user@okta.local" {
		t.Errorf("the member is %+v", m)
	}
	g.scimPatch("/Users/"+id, "admin", `{"op":"replace","value":{"active":false}}`).want(200)
	if m, err = g.store.Member(t.Context(), "acme", id); err != nil || m.Status != audit.MemberDeactivated {
		t.Errorf("the member is %+v, %v", m, err)
	}
	g.scimPatch("/Users/"+id, "admin", `{"op":"replace","value":{"active":true}}`).want(200)
	g.scimDo("DELETE", "/Users/"+id, "admin", "").want(204)
	g.scimDo("GET", "/Users/"+id, "admin", "").want(404)
	g.scimDo("DELETE", "/Users/"+id, "admin", "").want(404)
	if back := idOf(g.scimDo("POST", "/Users", "admin", oktaUser).want(201)); back != id {
		t.Errorf("the same externalId came back as %s, was %s", back, id)
	}
	if m, err = g.store.Member(t.Context(), "acme", id); err != nil || m.Role != audit.RoleMember || m.Status != audit.MemberActive {
		t.Errorf("who came back is %+v, %v", m, err)
	}
	if !slices.Contains(g.trail("acme"), audit.ActionMemberUpdated+" success") {
		t.Error("nothing is recorded")
	}
}

func TestEntrasRequestsKeepAUserCurrent(t *testing.T) {
	g := newRig(t)
	g.scimFind("/Users", "admin", `externalId eq "58342554-38d6-4ec8-948c-50044d0a33fd"`)
	made := g.scimDo("POST", "/Users", "admin", `{"schemas":["`+coreUser+`","`+enterpriseSchema+`"],"externalId":"0a21f0f2","userName":"Ann@contoso.com","active":true,
"meta":{"resourceType":"User"},"displayName":"Ann Lee","name":{"formatted":"givenName familyName","familyName":"Lee","givenName":"Ann"},"title":"Boss",
"emails":[{"primary":true,"type":"work","value":"ann@contoso.com"}],"phoneNumbers":[{"type":"work","value":"0171 1"},{"type":"mobile","value":"+49 171 123-4567"}],
"`+enterpriseSchema+`":{"department":"Sales","employeeNumber":"7"}}`).want(201)
	id := idOf(made)
	for _, by := range []string{`userName eq "ann@CONTOSO.com"`, `externalId eq "0a21f0f2"`, `emails[type eq "work"].value eq "x"`, `emails.value eq "ann@contoso.com"`, `id eq "` + id + `"`} {
		if strings.Contains(by, "].") {
			g.scimDo("GET", "/Users?filter="+url.QueryEscape(by), "admin", "").want(400)
			continue
		}
		if found := g.scimFind("/Users", "admin", by); found.Total != 1 || found.Resources[0]["id"] != id {
			t.Errorf("%s finds %v", by, found)
		}
	}
	g.scimPatch("/Users/"+id, "admin", `{"op":"Replace","path":"emails[type eq \"work\"].value","value":"new@contoso.com"},{"op":"Add","path":"name.familyName","value":"Lea"},
{"op":"Replace","path":"displayName","value":"Ann Lea"},{"op":"Add","path":"roles[primary eq \"True\"].value","value":"system_admin"},{"op":"Replace","path":"title","value":"Chief"},
{"op":"Replace","path":"phoneNumbers[type eq \"work\"].value","value":"0171 2"},{"op":"Replace","path":"`+enterpriseSchema+`:department","value":"Legal"}`).want(200)
	m, err := g.store.Member(t.Context(), "acme", id)
	must(t, err)
	if m.Email != "new@contoso.com" || m.Name != "Ann Lea" || m.Role != audit.RoleSystemAdmin || m.Phone != "+491711234567" || !slices.Equal(m.Departments, []string{"Legal"}) || m.Provisioned.FamilyName != "Lea" {
		t.Errorf("the member is %+v", m)
	}
	g.scimPatch("/Users/"+id, "admin", `{"op":"Replace","value":{"active":"False","name.givenName":"Anna"}}`).want(200)
	if m, err = g.store.Member(t.Context(), "acme", id); err != nil || m.Status != audit.MemberDeactivated || m.Provisioned.GivenName != "Anna" {
		t.Errorf("the member is %+v, %v", m, err)
	}
	g.scimDo("DELETE", "/Users/"+id, "admin", "").want(204)
}

func TestSCIMKeepsOrganizationsAndRolesApart(t *testing.T) {
	g := newRig(t)
	id := idOf(g.scimDo("POST", "/Users", "admin", oktaUser).want(201))
	missing := strings.ReplaceAll(string(g.scimDo("GET", "/Users/nobody", "other", "").want(404).body), "nobody", id)
	for _, a := range []*answer{g.scimDo("GET", "/Users/"+id, "other", ""), g.scimDo("PUT", "/Users/"+id, "other", oktaUser), g.scimDo("DELETE", "/Users/"+id, "other", ""),
		g.scimPatch("/Users/"+id, "other", `{"op":"replace","path":"active","value":false}`)} {
		if a.status != 404 || string(a.body) != missing {
			t.Errorf("another organization's is %d %s, what is not there %s", a.status, a.body, missing)
		}
	}
	if found := g.scimFind("/Users", "other", `userName pr or displayName co "e"`); found.Total != 1 {
		t.Errorf("the other organization sees %v", found)
	}
	g.scimDo("POST", "/Users", "other", oktaUser).want(201)
	for _, key := range []string{"reader", "greedy", "contact"} {
		if a := g.scimDo("GET", "/Users", key, "").want(403); a.header.Get("Content-Type") != contentSCIM || !strings.Contains(string(a.body), "urn:ietf:params:scim:api:messages:2.0:Error") {
			t.Errorf("%s: %s", key, a.body)
		}
	}
	g.scimDo("GET", "/Users", "", "").want(401)
	g.scimPatch("/Users/"+id, "admin", `{"op":"add","path":"roles","value":[{"value":"creator"}]}`).want(403)
	g.scimDo("DELETE", "/Users/c_1", "admin", "").want(403)
	g.scimDo("DELETE", "/Users/c_1", "creator", "").want(409)
	g.scimPatch("/Users/c_1", "creator", `{"op":"replace","path":"active","value":false}`).want(409)
}

func TestSCIMSaysWhatIsWrong(t *testing.T) {
	g := newRig(t)
	id := idOf(g.scimDo("POST", "/Users", "admin", oktaUser).want(201))
	for body, kind := range map[string]string{`{"op":"dance","path":"active","value":true}`: "invalidValue", `{"op":"replace","path":"emails[","value":"x"}`: "invalidPath",
		`{"op":"replace","path":"active","value":"maybe"}`: "invalidValue", `{"op":"replace","path":"roles","value":[{"value":"king"}]}`: "invalidValue", `{"op":"remove"}`: "noTarget",
		`{"op":"replace","path":"userName","value":""}`: "invalidValue", `{"op":"replace","path":"emails","value":[{"value":"nobody"}]}`: "invalidValue", `7`: "invalidSyntax",
		`{"op":"add","path":"` + strings.Repeat("(", 500) + `","value":"x"}`: "invalidPath"} {
		if a := g.scimPatch("/Users/"+id, "admin", body).want(400); !strings.Contains(string(a.body), `"`+kind+`"`) {
			t.Errorf("%s: %s, want %s", clip(body), a.body, kind)
		}
	}
	for _, f := range []string{"nonsense", `title eq "x"`, `userName eq 7`, `userName eq "x`, strings.Repeat("(", 600), strings.Repeat("not (", 9) + `id pr`, `meta.lastModified gt "soon"`} {
		if a := g.scimDo("GET", "/Users?filter="+url.QueryEscape(f), "admin", "").want(400); !strings.Contains(string(a.body), `"invalidFilter"`) {
			t.Errorf("%s: %s", clip(f), a.body)
		}
	}
	g.scimDo("POST", "/Users", "admin", `{`).want(400)
	g.scimDo("GET", "/Users?count=many", "admin", "").want(400)
	g.do(call{method: "PATCH", path: pathSCIM + "/Users/" + id, key: "admin", body: `{"schemas":["` + patchOp + `"],"Operations":[{"op":"replace","path":"active","value":true}]}`,
		header: map[string]string{"Content-Type": contentSCIM, "If-Match": `W/"9"`}}).want(412)
}

func TestWhatSCIMDoesNotHaveIsRefusedInSCIMsWords(t *testing.T) {
	g := newRig(t)
	g.server.Mount(somePages{})
	for request, status := range map[string]int{"GET /Me": 404, "POST /Bulk": 404, "GET /Users/a/b": 404, "DELETE /Users": 405} {
		method, path, _ := strings.Cut(request, " ")
		got := g.scimDo(method, path, "admin", "").want(status)
		if kind := got.header.Get("Content-Type"); kind != contentSCIM || !strings.Contains(string(got.body), fmt.Sprintf(`"status":"%d"`, status)) {
			t.Errorf("%s: %s %s", request, kind, got.body)
		}
	}
}

func TestTenThousandUsersAreListedInPages(t *testing.T) {
	g := newRig(t)
	const many = 10_000
	for i := range many { // beside those of the cast
		g.putMember(audit.Member{ID: fmt.Sprintf("n%05d", i), Organization: "acme", Name: fmt.Sprintf("Number %d", i), UserName: fmt.Sprintf("n%d@example.com", i),
			Role: audit.RoleMember, Status: audit.MemberActive})
	}
	seen := map[string]bool{}
	total := 1
	for start := 1; start <= total; start += maxSCIMPage {
		page := into[scimList](g.scimDo("GET", fmt.Sprintf("/Users?startIndex=%d&count=1000", start), "admin", "").want(200))
		total = page.Total
		for _, user := range page.Resources {
			seen[user["id"].(string)] = true
		}
		if len(page.Resources) > maxSCIMPage {
			t.Fatalf("a page of %d", len(page.Resources))
		}
	}
	if want := many + 5; len(seen) != want || total != want {
		t.Errorf("%d users in pages, total %d, want %d", len(seen), total, want)
	}
	if found := g.scimFind("/Users", "admin", `userName sw "n99" and not (active eq false)`); found.Total != 111 {
		t.Errorf("the filter finds %d, want 111", found.Total)
	}
}

func FuzzSCIMFilter(f *testing.F) {
	for _, seed := range []string{`userName eq "a"`, `not (active eq true) and (emails.value co "@" or id pr)`, `emails[type eq "work" and value sw "a"]`, `meta.lastModified ge "2026-01-01T00:00:00Z"`,
		`externalId eq "\u00e9\""`, `userName eq null`, `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department ne "x"`, `a[b[c eq 1]]`, `members[value eq "u"] and displayName eq "Sales"`, `members.value eq "v" and not (id pr)`, `members eq "u" or id pr`, `((((id pr))))`, "\x00", `id eq "`} {
		f.Add(seed)
	}
	m := audit.Member{ID: "u", Name: "Zoë", UserName: "a", Departments: []string{"Sales"}, Email: "a@example.com", Role: audit.RoleMember, Status: audit.MemberActive, UpdatedAt: today}
	f.Fuzz(func(t *testing.T, text string) {
		if !modest(text) {
			return
		}
		e, err := filter.ParseFilter([]byte(text))
		if err != nil {
			return
		}
		id, needed := memberNeeded(e, "")
		if needed && len(membersAsked(e, "")) == 0 {
			t.Fatalf("%q needs the member %q and asks for none", text, id)
		}
		if matches, err := compileSCIM(e, groupValues(m)); err == nil && needed && len(membersAsked(e, "")) == 1 && id != m.ID && matches(audit.Group{Name: "Sales"}) {
			t.Fatalf("%q needs the member %q and finds a group without them", text, id)
		}
		matches, err := compileSCIM(e, userValues)
		if err != nil {
			if shown := scimError(err); shown.Status != 400 {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		found := matches(m)
		opposite, err := compileSCIM[audit.Member](&filter.NotExpression{Expression: e}, userValues)
		if err != nil || opposite(m) == found {
			t.Fatalf("%q and its opposite both say %v (%v)", text, found, err)
		}
		narrowMembers(e, &audit.MemberFilter{})
		narrowGroups(e, &audit.GroupFilter{})
		_, _ = json.Marshal(text)
	})
}
