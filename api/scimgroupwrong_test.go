package api

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/elimity-com/scim"
	filter "github.com/scim2/filter-parser/v2"

	"github.com/audittrail/audittrail/audit"
)

func TestSCIMSaysWhatIsWrongWithAGroup(t *testing.T) {
	g := newRig(t)
	g.newGroup("acme", "g_1", "Sales")
	g.newGroup("acme", "g_2", "Legal")
	var full []string
	for i := range audit.MaxDepartments {
		full = append(full, fmt.Sprint("d", i))
	}
	g.people(full, "full")
	for operation, says := range map[string]string{`{"op":"dance","path":"displayName","value":"x"}`: "invalidValue", `{"op":"replace","path":"displayName","value":""}`: "displayName: is required",
		`{"op":"remove","path":"displayName"}`: "displayName: is required", `{"op":"replace","path":"displayName","value":"` + strings.Repeat("x", 300) + `"}`: "displayName: has 300 bytes",
		`{"op":"replace","path":"externalId","value":"a\u0000"}`: "externalId", `{"op":"add","path":"members","value":[{"value":"nobody"}]}`: `members: no user has the id \"nobody\"`,
		`{"op":"add","path":"members","value":[{"display":"x"}]}`: "members: every entry needs a value", `{"op":"add","path":"members","value":[{"value":"g_2","type":"Group"}]}`: "members: g_2 is a group",
		`{"op":"add","path":"members","value":[{"value":"full"}]}`: "members: full would be in 51 departments", `{"op":"remove","path":"members[display eq \"x\"]"}`: "invalidPath",
		`{"op":"remove","path":"members.display"}`: "invalidPath", `{"op":"replace","path":"members[value eq \"m_1\"]","value":{"value":"s_1"}}`: "invalidPath", `{"op":"remove"}`: "noTarget", `7`: "invalidSyntax",
		`{"op":"add","path":"` + strings.Repeat("(", 500) + `","value":"x"}`: "invalidPath"} {
		if a := g.scimPatch("/Groups/g_1", "admin", operation).want(400); !strings.Contains(string(a.body), says) {
			t.Errorf("%s: %s, want %s", clip(operation), a.body, says)
		}
	}
	for body, says := range map[string]string{`{"schemas":["` + scimCoreGroup + `"]}`: "displayName: is required", `{"schemas":["` + scimCoreGroup + `"],"displayName":7}`: "displayName: is required", `{`: "invalidSyntax",
		`{"schemas":["` + scimCoreGroup + `"],"displayName":"x","members":{}}`: "members: must be a list", `{"schemas":["` + scimCoreGroup + `"],"displayName":"x","members":[{"display":"x"}]}`: "members: every entry needs a value"} {
		for _, a := range []*answer{g.scimDo("POST", "/Groups", "admin", body), g.scimDo("PUT", "/Groups/g_1", "admin", body)} {
			if a.want(400); !strings.Contains(string(a.body), says) {
				t.Errorf("%s: %s, want %s", body, a.body, says)
			}
		}
	}
	if a := g.scimPatch("/Groups/g_1", "admin", `{"op":"replace","path":"displayName","value":"LEGAL"}`).want(409); !strings.Contains(string(a.body), `"uniqueness"`) {
		t.Errorf("a name that is taken: %s", a.body)
	}
	for _, f := range []string{"nonsense", `members.display eq "x"`, `displayName eq 7`, `members.value eq "a" or id pr`, `not (members.value eq "a")`, `members.value eq "a" and members.value eq "b"`, `members.value sw "a"`} {
		if a := g.scimDo("GET", "/Groups?filter="+url.QueryEscape(f), "admin", "").want(400); !strings.Contains(string(a.body), `"invalidFilter"`) {
			t.Errorf("%s: %s", f, a.body)
		}
	}
	if group, err := g.store.Group(t.Context(), "acme", "g_1"); err != nil || group.Version != 1 {
		t.Errorf("the group is %+v, %v", group, err)
	}
}

func FuzzSCIMGroupPatch(f *testing.F) {
	for _, seed := range [][3]string{{"add", "members", `[{"value":"u"}]`}, {"remove", `members[value eq "u" or value eq "v"]`, `null`}, {"replace", "", `{"displayName":"X","members":[{"value":"v"}]}`},
		{"remove", "members", `null`}, {"remove", "members", `[]`}, {"replace", "externalId", `"7"`}, {"add", "members.value", `"u"`}, {"replace", "displayName", `""`}, {"add", "members", `[{"value":7},null]`}} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, op, path, value string) {
		operation := scim.PatchOperation{Op: op}
		if json.Unmarshal([]byte(value), &operation.Value) != nil || !modest(path) {
			return
		}
		if path != "" {
			parsed, err := filter.ParsePath([]byte(path))
			if err != nil {
				return
			}
			operation.Path = &parsed
		}
		d := groupDraft{group: audit.Group{ID: "g", Name: "Sales"}, wanted: map[string]bool{}}
		if err := d.patch(operation); err != nil {
			if shown := scimError(err); shown.Status != 400 {
				t.Fatalf("%s %q %s: %v", op, path, value, err)
			}
			return
		}
		if d.group.Name != "Sales" {
			d.group.Former = "Sales"
		}
		for _, departments := range [][]string{{"Sales", "Own"}, {"Own"}} {
			m := audit.Member{ID: "u", Departments: departments}
			wanted, named := d.wanted[m.ID]
			want := named && wanted || !named && !d.all && d.group.Has(m)
			once, _ := d.step(m)
			if d.group.Has(once.after) != want || !slices.Contains(once.after.Departments, "Own") {
				t.Fatalf("%s %q %s leaves who was in %q in %q", op, path, value, departments, once.after.Departments)
			}
			if d.all && !named {
				continue
			}
			if again, changes := d.step(once.after); changes {
				t.Fatalf("%s %q %s done twice goes from %q to %q", op, path, value, once.after.Departments, again.after.Departments)
			}
		}
	})
}
