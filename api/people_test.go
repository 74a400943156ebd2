package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/audittrail/audittrail/audit"
)

type peopleAnswer struct {
	People []personView
	More   bool
}

func (a peopleAnswer) ids() (ids []string) {
	for _, p := range a.People {
		ids = append(ids, p.ID)
	}
	return ids
}

// populatePeople adds members whose names, ids and addresses tell the ranks apart.
func populatePeople(g *rig) {
	for _, m := range []audit.Member{
		{ID: "p_1", Name: "Li Wei", Role: audit.RoleMember, Status: audit.MemberActive, Avatar: "https://example.com/li.png", Phone: "+491701234567"},
		{ID: "p_2", Name: "Anna Lindt", Role: audit.RoleContactAdmin, Status: audit.MemberActive},
		{ID: "lima", Name: "Zed", Role: audit.RoleMember, Status: audit.MemberActive},
		{ID: "p_3", Name: "Lisa Alt", Role: audit.RoleMember, Status: audit.MemberDeleted},
		{ID: "p_4", Name: "Émile Li", Role: audit.RoleSystemAdmin, Status: audit.MemberActive},
		{ID: "p_5", Name: "Boris", Email: "boris.li@example.com", Role: audit.RoleMember, Status: audit.MemberActive},
	} {
		m.Organization = "acme"
		g.putMember(m)
	}
}

func TestPeopleAreFoundWhileOneTypes(t *testing.T) {
	g := newRig(t)
	populatePeople(g)
	for _, tc := range []struct {
		name, key, query string
		want             []string
	}{
		{"names that begin with it come first, then words and ids, then the rest", "admin", "?q=li&limit=50", []string{"p_1", "p_3", "p_2", "lima", "p_4", "p_5"}},
		{"a contact_admin, who may not list the directory, finds them too", "contact", "?q=LI%20w", []string{"p_1"}},
		{"only those whose role may manage contacts", "contact", "?operators=true&q=li", []string{"p_2", "p_4"}},
		{"every operator where nothing is typed, by name", "admin", "?operators=true", []string{"p_2", "a_1", "c_1", "s_1", "p_4"}},
		{"former members, as their events are still there", "contact", "?q=gone", []string{"gone"}},
		{"case and the encoding of accents do not matter", "admin", "?q=e%CC%81MILE", []string{"p_4"}},
		{"nobody of another organization", "admin", "?q=o_1", nil},
		{"nobody of the first in the other", "other", "?q=li", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g.t = t
			got := into[peopleAnswer](g.do(call{method: "GET", path: "/v1/people" + tc.query, key: tc.key}).want(200))
			if !slices.Equal(got.ids(), tc.want) || got.More {
				t.Errorf("people = %v (more %v), want %v", got.ids(), got.More, tc.want)
			}
		})
	}
}

func TestPeopleAreShownWithoutAddresses(t *testing.T) {
	g := newRig(t)
	populatePeople(g)
	a := g.do(call{method: "GET", path: "/v1/people?q=li%20wei", key: "contact"}).want(200)
	want := `{"more":false,"people":[{"id":"p_1","name":"Li Wei","avatar":"https://example.com/li.png","role":"member","status":"active"}]}`
	if string(a.body) != want {
		t.Errorf("body = %s\nwant  %s", a.body, want)
	}
}

func TestPeopleAreBounded(t *testing.T) {
	g := newRig(t)
	for i := range 60 {
		g.putMember(audit.Member{ID: fmt.Sprintf("z%02d", i), Organization: "acme", Name: fmt.Sprintf("Same %02d", i), Role: audit.RoleMember, Status: audit.MemberActive})
	}
	for query, want := range map[string]int{"?q=same": 10, "?q=same&limit=50": 50, "?q=same&limit=1": 1} {
		got := into[peopleAnswer](g.do(call{method: "GET", path: "/v1/people" + query, key: "reader"}).want(200))
		if len(got.People) != want || !got.More || got.People[0].ID != "z00" {
			t.Errorf("%s: %d people, more %v, want %d of more: %v", query, len(got.People), got.More, want, got.ids())
		}
	}
}

func TestPeopleAreNotForEveryone(t *testing.T) {
	g := newRig(t)
	g.do(call{method: "GET", path: "/v1/people", key: "member"}).want(403)
	g.do(call{method: "GET", path: "/v1/people", key: "producer"}).want(403)
	g.do(call{method: "GET", path: "/v1/people"}).want(401)
	a := g.do(call{method: "GET", path: "/v1/people?operators=yes&limit=51&q=" + strings.Repeat("x", 2049), key: "reader"}).want(422)
	if got := a.fields(); !slices.Equal(got, []string{"q", "operators", "limit"}) {
		t.Errorf("fields = %v", got)
	}
}

func TestTypingLeavesNoRecord(t *testing.T) {
	g := newRig(t)
	g.do(call{method: "GET", path: "/v1/people?q=a", key: "contact"}).want(200)
	if got := g.trail("acme"); len(got) > 0 {
		t.Errorf("recorded: %v", got)
	}
}

func TestPeopleAreNamedAllAtOnce(t *testing.T) {
	g := newRig(t)
	populatePeople(g)
	got := into[peopleAnswer](g.do(call{method: "GET", path: "/v1/people?id=p_3&id=p_1&id=nobody&id=o_1&id=p_1", key: "contact"}).want(200))
	if want := []string{"p_1", "p_3"}; !slices.Equal(got.ids(), want) || got.More {
		t.Errorf("people = %v (more %v), want %v", got.ids(), got.More, want)
	}
	for name, query := range map[string]string{"an empty id": "id=", "a long id": "id=" + strings.Repeat("x", 129), "with a text": "id=a&q=b",
		"with a kind of role": "id=a&operators=true", "too many": strings.Repeat("id=a&", 200) + "id=b"} {
		t.Run(name, func(t *testing.T) {
			g.t = t
			if got := g.do(call{method: "GET", path: "/v1/people?" + query, key: "contact"}).want(422).fields(); !slices.Equal(got, []string{"id"}) {
				t.Errorf("the fields %q are wrong", got)
			}
		})
	}
}
