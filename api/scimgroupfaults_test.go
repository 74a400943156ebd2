package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// breaking is a directory that fails at a chosen write of members, as one does whose process ends there.
type breaking struct {
	Directory
	mu sync.Mutex
	// after is how many calls of PutMembers succeed before one fails; negative: all do. meanwhile is done before the next.
	after     int
	meanwhile func()
}

func (b *breaking) PutMembers(ctx context.Context, organization string, members []audit.Member) ([]error, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.meanwhile != nil {
		b.meanwhile()
		b.meanwhile = nil
	}
	if b.after == 0 {
		b.after = -1
		return nil, audit.Unavailable(errors.New("gone"), time.Second, "the store is gone")
	}
	b.after--
	return b.Directory.PutMembers(ctx, organization, members)
}

func newBreakingRig(t *testing.T) (*rig, *breaking) {
	b := &breaking{after: -1}
	return newRig(t, func(cfg *Config) { b.Directory = cfg.Directory; cfg.Directory = b }), b
}

// many makes members with ids in order and returns them as SCIM lists members.
func (g *rig) many(n int, departments ...string) (ids []string, list string) {
	g.t.Helper()
	members := make([]audit.Member, n)
	for i := range members {
		id := fmt.Sprintf("n%05d", i)
		members[i] = audit.Member{ID: id, Name: "Number " + id, Role: audit.RoleMember, Status: audit.MemberActive, Departments: departments, UpdatedAt: today}
		ids = append(ids, id)
	}
	for chunk := range slices.Chunk(members, audit.MaxPage) {
		outcomes, err := g.store.PutMembers(g.t.Context(), "acme", chunk)
		must(g.t, errors.Join(append(outcomes, err)...))
	}
	return ids, asMembers(ids)
}

func asMembers(ids []string) string {
	list := make([]map[string]string, len(ids))
	for i, id := range ids {
		list[i] = map[string]string{"value": id, "display": "number." + id + "@example.com", "$ref": "https://audit.example.com/scim/v2/Users/" + id}
	}
	text, _ := json.Marshal(list)
	return string(text)
}

// inDepartment counts the members of a department.
func (g *rig) inDepartment(name string) int {
	g.t.Helper()
	n, err := g.store.CountMembers(g.t.Context(), "acme", audit.MemberFilter{Departments: []string{name}})
	must(g.t, err)
	return n
}

func TestAGroupOfTenThousandIsMadeRenamedAndDeleted(t *testing.T) {
	g := newRig(t)
	ids, list := g.many(audit.MaxGroupMembers)
	made := g.scimDo("POST", "/Groups?excludedAttributes=members", "admin", `{"schemas":["`+scimCoreGroup+`"],"displayName":"Everybody","members":`+list+`}`).want(201)
	path := "/Groups/" + idOf(made)
	if got := membersIn(into[map[string]any](g.scimDo("GET", path, "admin", "").want(200))); !slices.Equal(got, ids) {
		t.Errorf("the group has %d members", len(got))
	}
	g.scimPatch(path, "admin", `{"op":"replace","path":"displayName","value":"All"}`).want(204)
	if all, before := g.inDepartment("All"), g.inDepartment("Everybody"); all != len(ids) || before != 0 {
		t.Errorf("%d have the new name and %d the old one", all, before)
	}
	one := g.scimPatch(path, "admin", `{"op":"add","path":"members","value":[{"value":"m_1"}]}`).want(400)
	if !strings.Contains(string(one.body), "members: the group would have more than 10000") {
		t.Errorf("one more: %s", one.body)
	}
	g.scimPatch(path, "admin", `{"op":"remove","path":"members[value eq \"n00000\"]"},{"op":"add","path":"members","value":[{"value":"m_1"}]}`).want(204)
	more := g.scimPatch(path, "admin", `{"op":"replace","path":"members","value":`+asMembers(append(ids, "m_1"))+`}`).want(400)
	if !strings.Contains(string(more.body), "members: 10001 are named") {
		t.Errorf("10,001: %s", more.body)
	}
	g.scimDo("DELETE", path, "admin", "").want(204)
	if n := g.inDepartment("All"); n != 0 {
		t.Errorf("%d are still in the department", n)
	}
	huge := g.scimDo("POST", "/Groups", "admin", `{"displayName":"`+strings.Repeat("x", maxSCIMGroupBytes)+`"}`).want(413)
	if !strings.Contains(string(huge.body), "in several requests") {
		t.Errorf("too large: %s", clip(string(huge.body)))
	}
}

func TestADepartmentThatIsTooLargeIsRefusedAndLeftAsItIs(t *testing.T) {
	g := newRig(t)
	g.many(audit.MaxGroupMembers+1, "Huge")
	g.newGroup("acme", "g_1", "Huge")
	for name, a := range map[string]*answer{"renaming": g.scimPatch("/Groups/g_1", "admin", `{"op":"replace","path":"displayName","value":"X"}`), "deleting": g.scimDo("DELETE", "/Groups/g_1", "admin", "")} {
		if a.want(400); !strings.Contains(string(a.body), "members: the group has more than 10000") {
			t.Errorf("%s: %s", name, a.body)
		}
	}
	if n := g.inDepartment("Huge"); n != audit.MaxGroupMembers+1 {
		t.Errorf("%d are left in it", n)
	}
	g.scimPatch("/Groups/g_1", "admin", `{"op":"remove","path":"members[value eq \"n00000\"]"}`).want(204)
}

func TestAChangeThatWasCutShortIsEndedByTheSameRequest(t *testing.T) {
	steps := map[string]func(g *rig, list string) *answer{
		"members that are added": func(g *rig, list string) *answer {
			return g.scimPatch("/Groups/g_1", "admin", `{"op":"add","path":"members","value":`+list+`}`)
		},
		"members that are replaced": func(g *rig, list string) *answer {
			return g.scimDo("PUT", "/Groups/g_1", "admin", `{"schemas":["`+scimCoreGroup+`"],"displayName":"Sales","members":`+list+`}`)
		},
		"a new group": func(g *rig, list string) *answer {
			return g.scimDo("POST", "/Groups", "admin", `{"schemas":["`+scimCoreGroup+`"],"displayName":"New","members":`+list+`}`)
		},
		"a new name": func(g *rig, _ string) *answer {
			return g.scimPatch("/Groups/g_2", "admin", `{"op":"replace","value":{"displayName":"Lawyers"}}`)
		},
		"a group that is deleted": func(g *rig, _ string) *answer { return g.scimDo("DELETE", "/Groups/g_2", "admin", "") },
	}
	for name, request := range steps {
		t.Run(name, func(t *testing.T) {
			g, b := newBreakingRig(t)
			ids, list := g.many(3*memberBatch, "Legal")
			g.newGroup("acme", "g_1", "Sales")
			g.newGroup("acme", "g_2", "Legal")
			b.after = 1
			request(g, list).want(503)
			if half := g.inDepartment("Legal"); name == "a new name" {
				got := membersIn(into[map[string]any](g.scimDo("GET", "/Groups/g_2", "admin", "").want(200)))
				if half != 2*memberBatch || !slices.Equal(got, ids) {
					t.Errorf("half way %d have the old name and the group shows %d members", half, len(got))
				}
				if taken := g.scimDo("POST", "/Groups", "admin", `{"schemas":["`+scimCoreGroup+`"],"displayName":"legal"}`).want(409); !strings.Contains(string(taken.body), "displayName") {
					t.Errorf("the name that is being left is given away: %s", taken.body)
				}
			}
			if a := request(g, list); a.status >= 300 {
				t.Fatalf("the same request again: %d %s", a.status, a.body)
			}
			want := map[string][3]int{"members that are added": {len(ids), len(ids), 0}, "members that are replaced": {len(ids), len(ids), 0}, "a new group": {0, len(ids), len(ids)},
				"a new name": {0, 0, len(ids)}, "a group that is deleted": {0, 0, 0}}[name]
			another := map[bool]string{true: "Lawyers", false: "New"}[name == "a new name"]
			if got := [3]int{g.inDepartment("Sales"), g.inDepartment("Legal"), g.inDepartment(another)}; got != want {
				t.Errorf("in Sales, Legal and %s are %v, want %v", another, got, want)
			}
			success, failure := 0, 0
			for _, record := range g.trail("acme") {
				switch record {
				case audit.ActionMemberUpdated + " success":
					success++
				case audit.ActionMemberUpdated + " failure":
					failure++
				}
			}
			if success != len(ids)+memberBatch || failure != memberBatch {
				t.Errorf("%d changes of members are on record and %d that failed", success, failure)
			}
		})
	}
}

func TestAnotherChangeOfAGroupEndsANameThatWasCutShort(t *testing.T) {
	g, b := newBreakingRig(t)
	ids, _ := g.many(2*memberBatch, "Legal")
	g.newGroup("acme", "g_2", "Legal")
	b.after = 1
	g.scimPatch("/Groups/g_2", "admin", `{"op":"replace","value":{"displayName":"Lawyers"}}`).want(503)
	g.scimPatch("/Groups/g_2", "admin", `{"op":"replace","value":{"displayName":"Legal"}}`).want(204)
	if back, left := g.inDepartment("Legal"), g.inDepartment("Lawyers"); back != len(ids) || left != 0 {
		t.Errorf("%d are back under the old name and %d are not", back, left)
	}
	if group, err := g.store.Group(t.Context(), "acme", "g_2"); err != nil || group.Former != "" || group.Name != "Legal" {
		t.Errorf("the group is %+v, %v", group, err)
	}
}

func TestWhoChangesAMemberMeanwhileLosesNothing(t *testing.T) {
	g, b := newBreakingRig(t)
	g.people([]string{"Own"}, "u_1", "u_2", "u_3")
	g.newGroup("acme", "g_1", "Sales")
	b.meanwhile = func() {
		for id, change := range map[string]func(*audit.Member){"u_1": func(m *audit.Member) { m.Departments, m.Name = []string{"Other"}, "Renamed" }, "u_2": func(m *audit.Member) { m.Status = audit.MemberDeleted }} {
			m, err := g.store.Member(t.Context(), "acme", id)
			must(t, err)
			change(&m)
			g.putMember(m)
		}
	}
	g.scimPatch("/Groups/g_1", "admin", `{"op":"add","path":"members","value":[{"value":"u_1"},{"value":"u_2"},{"value":"u_3"}]}`).want(204)
	g.wantDepartments("afterwards", map[string][]string{"u_1": {"Other", "Sales"}, "u_2": {"Own"}, "u_3": {"Own", "Sales"}})
	if m, err := g.store.Member(t.Context(), "acme", "u_1"); err != nil || m.Name != "Renamed" {
		t.Errorf("the member is %+v, %v", m, err)
	}
}

func TestGroupsThatAreChangedAtOnceTakeAllChanges(t *testing.T) {
	g := newRig(t)
	ids := []string{"u_1", "u_2", "u_3", "u_4", "u_5", "u_6"}
	g.people(nil, ids...)
	g.newGroup("acme", "g_1", "Sales")
	var wg sync.WaitGroup
	for _, id := range ids {
		wg.Go(func() {
			for range 5 { // as identity providers repeat what met another request too often
				if a := g.scimPatch("/Groups/g_1", "admin", `{"op":"Add","path":"members","value":[{"value":"`+id+`"}]}`); a.status == 204 {
					return
				}
			}
			t.Errorf("%s was never added", id)
		})
	}
	wg.Wait()
	if n := g.inDepartment("Sales"); n != len(ids) {
		t.Errorf("%d of %d are in the group", n, len(ids))
	}
}

func TestSCIMKeepsGroupsOfOrganizationsAndRolesApart(t *testing.T) {
	g := newRig(t)
	g.people([]string{"Sales"}, "u_1")
	id := idOf(g.scimDo("POST", "/Groups", "admin", `{"schemas":["`+scimCoreGroup+`"],"displayName":"Sales"}`).want(201))
	whole := `{"schemas":["` + scimCoreGroup + `"],"displayName":"Mine"}`
	missing := strings.ReplaceAll(string(g.scimDo("GET", "/Groups/nobody", "other", "").want(404).body), "nobody", id)
	for _, a := range []*answer{g.scimDo("GET", "/Groups/"+id, "other", ""), g.scimDo("PUT", "/Groups/"+id, "other", whole), g.scimDo("DELETE", "/Groups/"+id, "other", ""),
		g.scimPatch("/Groups/"+id, "other", `{"op":"replace","path":"displayName","value":"x"}`)} {
		if a.status != 404 || string(a.body) != missing {
			t.Errorf("another organization's is %d %s, what is not there %s", a.status, a.body, missing)
		}
	}
	for _, by := range []string{`displayName pr`, `displayName eq "Sales"`, `id eq "` + id + `"`, `members.value eq "u_1"`} {
		if found := g.scimFind("/Groups", "other", by); found.Total != 0 {
			t.Errorf("the other organization finds %v by %s", found, by)
		}
	}
	theirs := idOf(g.scimDo("POST", "/Groups", "other", `{"schemas":["`+scimCoreGroup+`"],"displayName":"Sales"}`).want(201))
	var said [2]string
	for i, user := range []string{"u_1", "u_9"} {
		a := g.scimPatch("/Groups/"+theirs, "other", `{"op":"add","path":"members","value":[{"value":"`+user+`"}]}`).want(400)
		said[i] = strings.ReplaceAll(string(a.body), user, "ID")
	}
	if said[0] != said[1] {
		t.Errorf("another organization's user is %s, who is not there %s", said[0], said[1])
	}
	for _, key := range []string{"reader", "greedy", "contact"} {
		g.scimDo("GET", "/Groups", key, "").want(403)
		g.scimDo("DELETE", "/Groups/"+id, key, "").want(403)
	}
	g.scimDo("GET", "/Groups", "", "").want(401)
	if a := g.scimPatch("/Groups/"+id, "admin", `{"op":"add","path":"members","value":[{"value":"u_1"},{"value":"c_1"}]}`).want(403); !strings.Contains(string(a.body), "members") {
		t.Errorf("a mightier member: %s", a.body)
	}
	g.scimPatch("/Groups/"+id, "creator", `{"op":"add","path":"members","value":[{"value":"c_1"}]}`).want(204)
	g.scimDo("DELETE", "/Groups/"+id, "admin", "").want(403)
	g.wantDepartments("what was refused", map[string][]string{"u_1": {"Sales"}, "c_1": {"Sales"}})
}

func TestWhoComesBackIsInNoDepartment(t *testing.T) {
	g := newRig(t)
	id := idOf(g.scimDo("POST", "/Users", "admin", oktaUser).want(201))
	g.newGroup("acme", "g_1", "Sales")
	g.scimPatch("/Groups/g_1", "admin", `{"op":"add","path":"members","value":[{"value":"`+id+`"}]}`).want(204)
	g.scimDo("DELETE", "/Users/"+id, "admin", "").want(204)
	if got := membersIn(into[map[string]any](g.scimDo("GET", "/Groups/g_1", "admin", "").want(200))); len(got) > 0 {
		t.Errorf("who is deleted is in the group: %q", got)
	}
	g.scimDo("POST", "/Users", "admin", oktaUser).want(201)
	g.wantDepartments("who came back", map[string][]string{id: {}})
}

func TestAUsersOwnDepartmentFollowsTheGroupOfItsName(t *testing.T) {
	g := newRig(t)
	id := idOf(g.scimDo("POST", "/Users", "admin", strings.Replace(oktaUser, "{", `{"`+enterpriseSchema+`":{"department":"Sales"},`, 1)).want(201))
	g.newGroup("acme", "g_1", "Sales")
	department := func() any {
		user := into[map[string]any](g.scimDo("GET", "/Users/"+id, "admin", "").want(200))
		own, _ := user[enterpriseSchema].(map[string]any)
		return own["department"]
	}
	g.scimPatch("/Groups/g_1", "admin", `{"op":"replace","path":"displayName","value":"Vertrieb"}`).want(204)
	if got := department(); got != "Vertrieb" {
		t.Errorf("after the new name it is %v", got)
	}
	g.scimDo("DELETE", "/Groups/g_1", "admin", "").want(204)
	if got := department(); got != nil {
		t.Errorf("after the group is gone it is %v", got)
	}
}
