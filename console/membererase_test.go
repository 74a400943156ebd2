package console

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/browser"
)

func TestAPersonIsErasedByAFormThatAsksForTheirID(t *testing.T) {
	g := newRig(t, 0)
	admin, org := g.who(audit.RoleSystemAdmin), g.enterprise.Organization.ID
	_, err := g.store.PutMember(t.Context(), audit.Member{ID: "u/7", Organization: org, Name: "Alice Longstocking", Email: "alice@longstocking.example", Role: audit.RoleMember, Status: audit.MemberActive})
	must(t, err)
	g.append([]*audit.Event{{ID: "e", Time: today.Add(-time.Hour), Log: audit.LogOperation, Action: "contacts.member.added", Actor: audit.Actor{ID: admin, Name: "Admin"},
		Targets: []audit.Target{{Type: "member", ID: "u/7", Name: "Alice Longstocking"}}, Message: "Admin added Alice Longstocking"}})
	const path = "/members/u%2F7"
	link, _ := g.get(admin, path).doc.Find(".member-out a").Attr("href")
	if link != path+"/erase" {
		t.Fatalf("the member's page leads to %q", link)
	}
	form := g.get(admin, link).fill("form.member-erase")
	form.Set("confirm", "Alice")
	if wrong := g.post(admin, link, form); wrong.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(wrong.words(".field-error"), "must be the id") {
		t.Errorf("the name in place of the id: %d, %s", wrong.StatusCode, wrong.words("main"))
	}
	form.Set("confirm", "u/7")
	done := g.get(admin, g.postTo(admin, link, form))
	if !strings.HasPrefix(done.words("h1"), "Erased member ") || done.words("[role=status]") != "Erased." || !strings.Contains(done.words(".note"), "was erased") {
		t.Errorf("the page says %s", done.words("main"))
	}
	if done.doc.Find("button[data-busy], .member-out").Length() != 0 {
		t.Error("the entry of an erased member can be changed")
	}
	for _, page := range []string{path, "/members", "/operation-logs?q=target%3Au%2F7", "/events/e", "/operation-logs/overview", "/suggest?q=longs", "/people/options?q=longs"} {
		if got := g.get(admin, page); got.StatusCode != http.StatusOK || strings.Contains(strings.ToLower(got.text), "longstocking") {
			t.Errorf("%s = %d and still names the person", page, got.StatusCode)
		}
	}
	if mighty := g.get(admin, "/members/"+g.who(audit.RoleCreator)+"/erase"); mighty.StatusCode != http.StatusForbidden {
		t.Errorf("the question about a member of a mightier role = %d", mighty.StatusCode)
	}
	if nobody := g.get(admin, "/members/nobody/erase"); nobody.StatusCode != http.StatusNotFound {
		t.Errorf("the question about nobody = %d", nobody.StatusCode)
	}
}

func TestTheQuestionBeforeAnErasureIsForEverybody(t *testing.T) {
	browser.Start(t)
	g := newRig(t, 0)
	admin, member := g.who(audit.RoleSystemAdmin), g.who(audit.RoleMember)
	for _, look := range []browser.Look{{}, {Width: 360, Dark: true}} {
		p := g.tab(look, admin)
		p.Open(g.base + "/members/" + member + "/erase")
		p.CheckAccess()
		shot(p, "member-erase-"+look.String())
	}
}
