package api

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/audittrail/audittrail/audit"
)

// newGroup puts a group into the store.
func (g *rig) newGroup(organization, id, name string) audit.Group {
	g.t.Helper()
	group, err := g.store.PutGroup(g.t.Context(), audit.Group{ID: id, Organization: organization, Name: name, CreatedAt: today, UpdatedAt: today})
	must(g.t, err)
	return group
}

// people makes members of departments.
func (g *rig) people(departments []string, ids ...string) {
	g.t.Helper()
	for _, id := range ids {
		g.putMember(audit.Member{ID: id, Organization: "acme", Name: "Name of " + id, Role: audit.RoleMember, Status: audit.MemberActive, Departments: departments})
	}
}

// wantDepartments wants members to be in just these departments.
func (g *rig) wantDepartments(what string, want map[string][]string) {
	g.t.Helper()
	for id, departments := range want {
		m, err := g.store.Member(g.t.Context(), "acme", id)
		must(g.t, err)
		if !slices.Equal(m.Departments, departments) {
			g.t.Errorf("%s: %s is in %q, want %q", what, id, m.Departments, departments)
		}
	}
}

// membersIn are the ids of the members that an answer shows.
func membersIn(resource map[string]any) []string {
	list, _ := resource["members"].([]any)
	ids := []string{}
	for _, m := range list {
		ids = append(ids, m.(map[string]any)["value"].(string))
	}
	return ids
}

func TestOktasRequestsKeepAGroupCurrent(t *testing.T) {
	g := newRig(t)
	g.people(nil, "u_1", "u_2", "u_3")
	g.people([]string{"Sales", "Legal"}, "u_4")
	if found := g.scimFind("/Groups", "admin", `displayName eq "Sales"`); found.Total != 0 || found.Resources == nil {
		t.Fatalf("before: %+v", found)
	}
	made := g.scimDo("POST", "/Groups", "admin", `{"schemas":["`+scimCoreGroup+`"],"displayName":"Sales","externalId":"00g1","members":[{"value":"u_1","display":"one@example.com"}]}`).want(201)
	id := idOf(made)
	if made.header.Get("ETag") != `W/"1"` || !strings.HasSuffix(made.header.Get("Location"), "/scim/v2/Groups/"+id) {
		t.Errorf("headers %v", made.header)
	}
	if got := membersIn(into[map[string]any](made)); !slices.Equal(got, []string{"u_1", "u_4"}) {
		t.Errorf("with whom was in the department already the members are %q", got)
	}
	if again := g.scimDo("POST", "/Groups", "admin", `{"schemas":["`+scimCoreGroup+`"],"displayName":"SALES"}`).want(409); !strings.Contains(string(again.body), `"uniqueness"`) || !strings.Contains(string(again.body), "displayName") {
		t.Errorf("again: %s", again.body)
	}
	path := "/Groups/" + id
	for _, step := range []struct {
		name, operations string
		want             map[string][]string
	}{
		{"members are added", `{"op":"add","path":"members","value":[{"value":"u_2","display":"two"},{"value":"u_3"}]}`, map[string][]string{"u_1": {"Sales"}, "u_2": {"Sales"}, "u_3": {"Sales"}, "u_4": {"Sales", "Legal"}}},
		{"again", `{"op":"add","path":"members","value":[{"value":"u_2"}]}`, map[string][]string{"u_2": {"Sales"}}},
		{"one is removed by a filter", `{"op":"remove","path":"members[value eq \"u_2\"]"}`, map[string][]string{"u_2": {}, "u_3": {"Sales"}}},
		{"who is not in it is removed", `{"op":"remove","path":"members[value eq \"nobody\" or value eq \"u_2\"]"}`, map[string][]string{"u_2": {}}},
		{"it is renamed by an object", `{"op":"replace","value":{"id":"` + id + `","displayName":"Sales EMEA"}}`, map[string][]string{"u_1": {"Sales EMEA"}, "u_2": {}, "u_4": {"Sales EMEA", "Legal"}}},
		{"its members are replaced", `{"op":"replace","path":"members","value":[{"value":"u_2"},{"value":"u_3"}]}`, map[string][]string{"u_1": {}, "u_2": {"Sales EMEA"}, "u_3": {"Sales EMEA"}, "u_4": {"Legal"}}},
		{"name and members at once", `{"op":"replace","path":"displayName","value":"Vertrieb"},{"op":"remove","path":"members[value eq \"u_3\"]"},{"op":"add","value":{"members":[{"value":"u_1"}]}}`,
			map[string][]string{"u_1": {"Vertrieb"}, "u_2": {"Vertrieb"}, "u_3": {}, "u_4": {"Legal"}}},
		{"all are removed", `{"op":"remove","path":"members"}`, map[string][]string{"u_1": {}, "u_2": {}, "u_3": {}, "u_4": {"Legal"}}},
	} {
		g.scimPatch(path, "admin", step.operations).want(204)
		g.wantDepartments(step.name, step.want)
	}
	put := g.scimDo("PUT", path, "admin", `{"schemas":["`+scimCoreGroup+`"],"id":"`+id+`","displayName":"Legal affairs","members":[{"value":"u_4"}]}`).want(200)
	if group := into[map[string]any](put); group["displayName"] != "Legal affairs" || group["externalId"] != nil || !slices.Equal(membersIn(group), []string{"u_4"}) {
		t.Errorf("after PUT: %s", put.body)
	}
	g.scimDo("PUT", path, "admin", `{"schemas":["`+scimCoreGroup+`"],"displayName":"Legal affairs"}`).want(200)
	g.wantDepartments("a PUT without members", map[string][]string{"u_4": {"Legal", "Legal affairs"}})
	g.scimDo("DELETE", path, "admin", "").want(204)
	g.scimDo("GET", path, "admin", "").want(404)
	g.scimDo("DELETE", path, "admin", "").want(404)
	g.wantDepartments("who is kept", map[string][]string{"u_1": {}, "u_4": {"Legal"}})
}

func TestEntrasRequestsKeepAGroupCurrent(t *testing.T) {
	g := newRig(t)
	g.people([]string{"Own"}, "u_1", "u_2", "u_3")
	g.scimDo("GET", "/Groups?excludedAttributes=members&filter="+url.QueryEscape(`displayName eq "Sales"`), "admin", "").want(200)
	id := idOf(g.scimDo("POST", "/Groups", "admin", `{"schemas":["`+scimCoreGroup+`","http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
"externalId":"8aa1a0c0","displayName":"Sales","meta":{"resourceType":"Group"}}`).want(201))
	path := "/Groups/" + id
	for _, step := range []struct {
		name, operations string
		want             map[string][]string
	}{
		{"a member is added", `{"op":"Add","path":"members","value":[{"$ref":null,"value":"u_1"}]}`, map[string][]string{"u_1": {"Own", "Sales"}}},
		{"two more", `{"op":"Add","path":"members","value":[{"value":"u_2"},{"value":"u_3"}]}`, map[string][]string{"u_2": {"Own", "Sales"}, "u_3": {"Own", "Sales"}}},
		{"one is removed by value", `{"op":"Remove","path":"members","value":[{"$ref":null,"value":"u_1"}]}`, map[string][]string{"u_1": {"Own"}, "u_2": {"Own", "Sales"}, "u_3": {"Own", "Sales"}}},
		{"nobody is removed by an empty list", `{"op":"Remove","path":"members","value":[]}`, map[string][]string{"u_2": {"Own", "Sales"}}},
		{"one is removed by a filter", `{"op":"Remove","path":"members[value eq \"u_2\"]"}`, map[string][]string{"u_2": {"Own"}, "u_3": {"Own", "Sales"}}},
		{"it is renamed", `{"op":"Replace","path":"displayName","value":"Marketing"}`, map[string][]string{"u_1": {"Own"}, "u_3": {"Own", "Marketing"}}},
		{"and known by another id", `{"op":"Replace","path":"externalId","value":"8aa1a0c1"}`, map[string][]string{"u_3": {"Own", "Marketing"}}},
	} {
		g.scimPatch(path, "admin", step.operations).want(204)
		g.wantDepartments(step.name, step.want)
	}
	for filter, found := range map[string]bool{`externalId eq "8aa1a0c1"`: true, `externalId eq "8AA1A0C1"`: false, `displayName eq "marketing"`: true, `displayName eq "Sales"`: false, `id eq "` + id + `"`: true,
		`members.value eq "u_3"`: true, `members[value eq "u_3"] and displayName sw "M"`: true, `members eq "u_3"`: true, `members.value eq "u_1"`: false, `members.value eq "nobody"`: false,
		`id eq "` + id + `" and members.value eq "u_3"`: true, `displayName co "ark" and not (externalId pr)`: false} {
		list := g.scimFind("/Groups", "admin", filter)
		if (list.Total == 1) != found || len(list.Resources) != list.Total {
			t.Errorf("%s finds %+v", filter, list)
		}
	}
}

func TestOnlyTheAttributesThatAreWantedAreAnswered(t *testing.T) {
	g := newRig(t)
	g.people([]string{"Sales", "Elsewhere"}, "u_1")
	g.newGroup("acme", "g_1", "Sales")
	for path, want := range map[string]string{
		"/Groups/g_1?":                                              "displayName id members meta schemas",
		"/Groups/g_1?excludedAttributes=members":                    "displayName id meta schemas",
		"/Groups/g_1?attributes=members.value":                      "id members meta schemas",
		"/Groups/g_1?attributes=DISPLAYNAME,foo":                    "displayName id meta schemas",
		"/Groups/g_1?attributes=" + scimCoreGroup + ":displayName":  "displayName id meta schemas",
		"/Users/u_1?attributes=userName":                            "id meta schemas userName",
		"/Users/u_1?attributes=groups,name.formatted":               "groups id meta name schemas",
		"/Users/u_1?excludedAttributes=groups,roles,name.givenName": "active displayName id meta name schemas userName",
	} {
		got := into[map[string]any](g.scimDo("GET", path, "admin", "").want(200))
		if names := strings.Join(sorted(got), " "); names != want {
			t.Errorf("%s has %s, want %s", path, names, want)
		}
	}
	list := g.scimDo("GET", "/Groups?excludedAttributes=members", "admin", "").want(200)
	if got := into[scimList](list); got.Total != 1 || got.Resources[0]["members"] != nil || got.Resources[0]["displayName"] != "Sales" {
		t.Errorf("the list is %s", list.body)
	}
	user := into[map[string]any](g.scimDo("GET", "/Users/u_1", "admin", "").want(200))
	groups, _ := user["groups"].([]any)
	if len(groups) != 1 || groups[0].(map[string]any)["value"] != "g_1" || groups[0].(map[string]any)["$ref"] != "https://audit.example.com/scim/v2/Groups/g_1" {
		t.Errorf("the groups of the user are %v", groups)
	}
	if users := g.scimFind("/Users", "admin", `id eq "u_1"`); len(users.Resources) != 1 || users.Resources[0]["groups"] == nil {
		t.Errorf("in a list the user is %v", users)
	}
	g.scimPatch("/Groups/g_1?attributes=none", "admin", `{"op":"add","path":"members","value":[{"value":"u_1"}]}`).want(200)
	brief := g.scimPatch("/Groups/g_1", "admin", `{"op":"add","path":"members","value":[{"value":"u_1"}]}`).want(204)
	whole := g.scimPatch("/Groups/g_1?attributes=members", "admin", `{"op":"add","path":"members","value":[{"value":"u_1"}]}`).want(200)
	if len(brief.body) > 0 || brief.header.Get("ETag") != `W/"1"` || !slices.Equal(membersIn(into[map[string]any](whole)), []string{"u_1"}) {
		t.Errorf("a change answers %q of %s, and asked for members %s", brief.body, brief.header.Get("ETag"), whole.body)
	}
}

func TestGroupsAreListedInPages(t *testing.T) {
	g := newRig(t)
	for i := range 7 {
		g.newGroup("acme", fmt.Sprint("g", i), fmt.Sprint("Group ", i))
	}
	g.newGroup("other", "x", "Theirs")
	for query, want := range map[string]string{"": "g0 g1 g2 g3 g4 g5 g6", "startIndex=1&count=2": "g0 g1", "startIndex=6&count=5": "g5 g6", "startIndex=8": "", "count=0": "",
		"startIndex=2&count=2&filter=" + url.QueryEscape(`displayName co "group"`): "g1 g2"} {
		list := into[scimList](g.scimDo("GET", "/Groups?"+query, "admin", "").want(200))
		var ids []string
		for _, r := range list.Resources {
			ids = append(ids, r["id"].(string))
		}
		if strings.Join(ids, " ") != want || list.Total != 7 || list.Resources == nil {
			t.Errorf("%q: %q of %d, want %q of 7", query, ids, list.Total, want)
		}
	}
}

func TestAGroupIsChangedOnlyAsItWasRead(t *testing.T) {
	g := newRig(t)
	g.people(nil, "u_1")
	g.newGroup("acme", "g_1", "Sales")
	send := func(method, match, body string) *answer {
		return g.do(call{method: method, path: pathSCIM + "/Groups/g_1", key: "admin", body: body, header: map[string]string{"Content-Type": contentSCIM, "If-Match": match}})
	}
	add := `{"schemas":["` + patchOp + `"],"Operations":[{"op":"add","path":"members","value":[{"value":"u_1"}]}]}`
	if a := send("PATCH", `W/"1"`, add).want(204); a.header.Get("ETag") != `W/"2"` {
		t.Errorf("the version is %s", a.header.Get("ETag"))
	}
	if a := send("PATCH", `W/"2"`, add).want(204); a.header.Get("ETag") != `W/"2"` {
		t.Errorf("a change that is none makes the version %s", a.header.Get("ETag"))
	}
	send("PATCH", `W/"1"`, add).want(412)
	send("PUT", `W/"1"`, `{"schemas":["`+scimCoreGroup+`"],"displayName":"X"}`).want(412)
	send("DELETE", `W/"1"`, "").want(412)
	send("DELETE", `W/"2"`, "").want(204)
}

func TestSCIMTellsOfGroups(t *testing.T) {
	g := newRig(t)
	for path, want := range map[string]string{"/ResourceTypes": `"endpoint":"/Groups"`, "/ResourceTypes/Group": scimCoreGroup, "/Schemas": `"id":"` + scimCoreGroup + `"`, "/Schemas/" + scimCoreGroup: `"displayName"`} {
		if a := g.scimDo("GET", path, "admin", "").want(200); !strings.Contains(string(a.body), want) {
			t.Errorf("%s does not tell of %s: %s", path, want, a.body)
		}
	}
}
