package console

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/browser"
)

// stored returns a member as the store has it; the zero one where there is none.
func (g *rig) stored(id string) audit.Member {
	g.t.Helper()
	m, err := g.store.Member(g.t.Context(), g.enterprise.Organization.ID, id)
	if audit.CodeOf(err) != audit.CodeNotFound {
		must(g.t, err)
	}
	return m
}

// upload posts a form as a browser posts one with a file.
func (g *rig) upload(member string, fields url.Values, file string) answer {
	g.t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	must(g.t, w.WriteField("csrf", tokenOf(member)))
	for name, values := range fields {
		if name != "csrf" {
			for _, v := range values {
				must(g.t, w.WriteField(name, v))
			}
		}
	}
	part, err := w.CreateFormFile("file", "members.csv")
	must(g.t, err)
	_, err = part.Write([]byte(file))
	must(g.t, err)
	must(g.t, w.Close())
	return g.do(member, http.MethodPost, "/members/import", &body, "Content-Type", w.FormDataContentType(), "Cookie", g.server.CookieName()+"=any")
}

// apply presses Apply on a preview.
func (g *rig) apply(member string, preview answer) answer {
	g.t.Helper()
	return g.upload(member, preview.fill("form[data-once]"), "")
}

func TestTheDirectoryIsSearchedAndPaged(t *testing.T) {
	g := newRig(t, 0)
	me := g.who(audit.RoleSystemAdmin)
	first := g.get(me, "/members")
	next, _ := first.doc.Find("a[rel=next]").Attr("href")
	if first.doc.Find(".member").Length() != membersPage || next == "" {
		t.Fatalf("first page: %d members, next %q", first.doc.Find(".member").Length(), next)
	}
	if second := g.get(me, next); second.words(".member a") == first.words(".member a") || second.doc.Find(".member").Length() == 0 {
		t.Error("the second page is the first")
	}
	found := g.get(me, "/members?role=creator&status=active&q="+url.QueryEscape(g.stored(g.who(audit.RoleCreator)).Name))
	if found.doc.Find(".member").Length() != 1 || found.doc.Find("option[value=creator][selected]").Length() != 1 {
		t.Errorf("search: %s", found.words("main"))
	}
	if none := g.get(me, "/members?q=zzzzzz"); !strings.Contains(none.words("main"), "Nobody matches") {
		t.Errorf("none: %s", none.words("main"))
	}
}

func TestMembersAreForCreatorsAndSystemAdmins(t *testing.T) {
	g := newRig(t, 0)
	for role, want := range map[audit.Role]int{audit.RoleCreator: 200, audit.RoleSystemAdmin: 200, audit.RoleContactAdmin: 403, audit.RoleMember: 403} {
		for _, path := range []string{"/members", "/members/new", "/members/import", "/members/" + g.who(audit.RoleMember)} {
			if got := g.get(g.who(role), path); got.StatusCode != want {
				t.Errorf("%s opens %s: %d, want %d", role, path, got.StatusCode, want)
			}
		}
	}
	if got := g.upload(g.who(audit.RoleContactAdmin), nil, "id,name\nx,X\n"); got.StatusCode != http.StatusForbidden {
		t.Errorf("a contact admin imports: %d", got.StatusCode)
	}
}

func TestAMemberIsAddedAndChanged(t *testing.T) {
	g := newRig(t, 0)
	me := g.who(audit.RoleCreator)
	form := g.get(me, "/members/new").fill(".member-form")
	form.Set("id", "new/1")
	form.Set("name", hostile)
	form.Set("departments", " Sales;Field ; ")
	at := g.postTo(me, "/members", form)
	page := g.get(me, at)
	if !strings.HasPrefix(at, "/members/new%2F1?saved=") || !strings.Contains(page.words("[role=status]"), "Saved") || page.words("h1") != hostile || page.doc.Find("main script, main img").Length() != 0 {
		t.Fatalf("added at %s: %s", at, page.words("main"))
	}
	form = page.fill(".member-form")
	if form.Get("departments") != "Sales; Field" {
		t.Errorf("departments %q", form.Get("departments"))
	}
	form.Set("status", "deactivated")
	form.Set("email", "new@example.com")
	g.postTo(me, "/members/new%2F1", form)
	if m := g.stored("new/1"); m.Status != audit.MemberDeactivated || m.Email != "new@example.com" || len(m.Departments) != 2 || m.Role != audit.RoleMember {
		t.Errorf("stored %+v", m)
	}
}

func TestWrongInputIsNamedAtItsFieldAndNothingIsForgotten(t *testing.T) {
	g := newRig(t, 0)
	me := g.who(audit.RoleCreator)
	form := g.get(me, "/members/new").fill(".member-form")
	for k, v := range map[string]string{"id": "u_x", "name": "", "email": "nobody", "phone": "0170", "avatar": "http://example.com/a.png", "departments": strings.Repeat("x", 300)} {
		form.Set(k, v)
	}
	got := g.post(me, "/members", form)
	if got.StatusCode != http.StatusUnprocessableEntity {
		t.Fatalf("got %d", got.StatusCode)
	}
	for _, field := range []string{"name", "email", "phone", "avatar", "departments"} {
		if got.words("#member-"+field+"-error") == "" || got.doc.Find("#member-"+field+"[aria-invalid=true]").Length() != 1 {
			t.Errorf("%s: nothing is said", field)
		}
	}
	if kept := got.fill(".member-form"); kept.Get("phone") != "0170" || kept.Get("id") != "u_x" {
		t.Errorf("the form forgot: %v", kept)
	}
	form.Set("id", "")
	if got := g.post(me, "/members", form); got.words("#member-id-error") == "" {
		t.Errorf("no id: %d %s", got.StatusCode, got.words("main"))
	}
}

func TestTwoWhoChangeOneMemberHearOfEachOther(t *testing.T) {
	g := newRig(t, 0)
	me, id := g.who(audit.RoleCreator), g.who(audit.RoleMember)
	mine := g.get(me, "/members/"+id).fill(".member-form")
	theirs := g.get(me, "/members/"+id).fill(".member-form")
	theirs.Set("email", "theirs@example.com")
	g.postTo(me, "/members/"+id, theirs)
	mine.Set("phone", "+441632960002")
	got := g.post(me, "/members/"+id, mine)
	if got.StatusCode != http.StatusConflict || !strings.Contains(got.words("table"), "theirs@example.com") || !strings.Contains(got.words("table"), "+441632960002") {
		t.Fatalf("got %d: %s", got.StatusCode, got.words("main"))
	}
	if g.stored(id).Email != "theirs@example.com" {
		t.Error("the conflict overwrote")
	}
	g.postTo(me, "/members/"+id, got.fill(".member-form"))
	if m := g.stored(id); m.Phone != "+441632960002" {
		t.Errorf("saved after the conflict: %+v", m)
	}
	taken := g.get(me, "/members/new").fill(".member-form")
	taken.Set("id", id)
	taken.Set("name", "Another")
	if got := g.post(me, "/members", taken); got.StatusCode != http.StatusConflict || got.words("#member-id-error") == "" {
		t.Errorf("an id that is taken: %d %s", got.StatusCode, got.words("main"))
	}
}

func TestNobodyChangesWhoStandsAbove(t *testing.T) {
	g := newRig(t, 0)
	admin, creator := g.who(audit.RoleSystemAdmin), g.who(audit.RoleCreator)
	page := g.get(admin, "/members/"+creator)
	if page.doc.Find("fieldset[disabled]").Length() != 1 || page.doc.Find(".member-form button").Length() != 0 {
		t.Errorf("page: %s", page.words("main"))
	}
	if page := g.get(admin, "/members/"+admin); page.doc.Find("option[value=creator][disabled]").Length() != 1 {
		t.Error("a system admin may choose creator")
	}
	if got := g.get(admin, "/members/nobody-at-all"); got.StatusCode != http.StatusNotFound || got.fill(".member-form").Get("id") != "nobody-at-all" {
		t.Errorf("an unknown id: %d %s", got.StatusCode, got.words("main"))
	}
}

func TestAnImportIsLookedAtAndThenApplied(t *testing.T) {
	g := newRig(t, 0)
	me, id, creator := g.who(audit.RoleSystemAdmin), g.who(audit.RoleMember), g.who(audit.RoleCreator)
	old := g.stored(id)
	file := "\ufeffname,id,email,departments,role\r\n" +
		fmt.Sprintf("%s,%s,changed@example.com,%s,\r\n", old.Name, id, strings.Join(old.Departments, ";")) +
		"\"Lee, Bob\",b_1,bob@example.com,Sales; Field,contact_admin\r\n" +
		"Nobody,b_2,not an address,,\r\n" +
		"Twice,b_1,,,\r\n" +
		fmt.Sprintf("Boss,%s,,,\r\n", creator) +
		"short,b_3\r\n"
	look := g.upload(me, nil, file)
	if look.StatusCode != http.StatusOK || look.words(".counts") != "1 to create1 to change0 unchanged4 wrong" {
		t.Fatalf("got %d: %s", look.StatusCode, look.words("main"))
	}
	for _, want := range []string{"is not a mail address", "is on line 3 already", "stands above your own role", "has 2 cells"} {
		if text := look.words("[aria-labelledby=import-wrong]"); !strings.Contains(text, want) {
			t.Errorf("wrong lines: no %q in %s", want, text)
		}
	}
	if text := look.words("[aria-labelledby=import-changed]"); !strings.Contains(text, "→ changed@example.com") {
		t.Errorf("changed lines: %s", text)
	}
	if g.stored("b_1").ID != "" || g.stored(id).Version != old.Version {
		t.Fatal("looking changed something")
	}
	done := g.apply(me, look)
	if done.words(".counts") != "1 created1 changed0 unchanged4 failed" {
		t.Fatalf("applied: %d %s", done.StatusCode, done.words("main"))
	}
	if m := g.stored("b_1"); m.Name != "Lee, Bob" || m.Role != audit.RoleContactAdmin || len(m.Departments) != 2 || m.Status != audit.MemberActive {
		t.Errorf("created %+v", m)
	}
	if m := g.stored(id); m.Email != "changed@example.com" || m.Phone != old.Phone || m.Avatar != old.Avatar {
		t.Errorf("changed %+v", m)
	}
	if again := g.upload(me, nil, file); again.words(".counts") != "0 to create0 to change2 unchanged4 wrong" || again.doc.Find("form[data-once]").Length() != 0 {
		t.Errorf("the same file again: %s", again.words(".counts"))
	}
}

func TestWhatChangedBehindAPreviewIsNotOverwritten(t *testing.T) {
	g := newRig(t, 0)
	me, id := g.who(audit.RoleCreator), g.who(audit.RoleMember)
	look := g.upload(me, nil, "id,name\n"+id+",By file\nc_1,New\n")
	form := g.get(me, "/members/"+id).fill(".member-form")
	form.Set("name", "By hand")
	g.postTo(me, "/members/"+id, form)
	done := g.apply(me, look)
	if done.words(".counts") != "1 created0 changed0 unchanged1 failed" || !strings.Contains(done.words(".lines"), "somebody changed this member") || g.stored(id).Name != "By hand" {
		t.Errorf("got %s", done.words("main"))
	}
	other := look.fill("form[data-once]")
	other.Set("text", "id,name\nd_1,Other\n")
	if got := g.upload(me, other, ""); got.StatusCode != http.StatusUnprocessableEntity || g.stored("d_1").ID != "" {
		t.Errorf("another file behind the preview: %d %s", got.StatusCode, got.words("main"))
	}
}

func TestAFileThatIsNoneSaysWhy(t *testing.T) {
	g := newRig(t, 0)
	me := g.who(audit.RoleCreator)
	many := "id,name\n" + strings.Repeat("x,y\n", audit.MaxMemberLines+1)
	large := "id,name\n" + strings.Repeat("x", audit.MaxMemberFileBytes)
	for name, tt := range map[string]struct{ file, want string }{
		"nothing": {"", "is missing"}, "no names": {"hello\n", `"hello"`}, "names alone": {"id,name\n", "no member"}, "too many": {many, "more than 5"}, "too large": {large, "at most 2.0 MiB"},
		"binary": {"\x00\x01PK", "column"},
	} {
		got := g.upload(me, nil, tt.file)
		if got.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(got.words("#import-error"), tt.want) {
			t.Errorf("%s: %d %s", name, got.StatusCode, got.words("#import-error"))
		}
	}
}

func TestALargeFileIsStoredWhole(t *testing.T) {
	t.Parallel()
	g := newRig(t, 0)
	me := g.who(audit.RoleCreator)
	var file strings.Builder
	file.WriteString("id,name,email,departments\n")
	for i := range audit.MaxMemberLines {
		fmt.Fprintf(&file, "big_%d,Member %d of the file,big%d@example.com,%s\n", i, i, i, strings.Repeat("Department;", 20))
	}
	if file.Len() < 1<<20 {
		t.Fatalf("the file has only %d bytes", file.Len())
	}
	answer := g.upload(me, nil, file.String())
	rounds := 0
	for ; answer.doc.Find("form[data-once]").Length() == 1; rounds++ {
		answer = g.apply(me, answer)
	}
	if answer.words(".counts") != "5 000 created0 changed0 unchanged0 failed" || rounds > 10 {
		t.Errorf("after %d rounds: %d %s", rounds, answer.StatusCode, answer.words(".counts"))
	}
	t.Logf("%d bytes in %d rounds", file.Len(), rounds)
}

func TestMemberPagesAreFitForPeople(t *testing.T) {
	t.Parallel()
	browser.Start(t)
	g := newRig(t, 0)
	me, id := g.who(audit.RoleSystemAdmin), g.who(audit.RoleMember)
	g.see(me, map[string]string{"members": "/members", "members-none": "/members?q=zzzz", "member": "/members/" + id, "member-new": "/members/new",
		"member-locked": "/members/" + g.who(audit.RoleCreator), "import": "/members/import"})
	for _, look := range []browser.Look{{}, {Width: 360, Dark: true}} {
		p := g.tab(look, me)
		p.Open(g.base + "/members/import")
		p.Type("#import-text", "id,name,email\n"+id+",Changed by a file "+look.String()+",new@example.com\nimp_"+look.String()+",Somebody New "+strings.Repeat("wordwithoutend", 6)+",some@example.com\nbad,Bad,nowhere\n")
		p.Click(".import-form [type=submit]")
		p.WaitText(".counts", "to change")
		p.CheckAccess()
		shot(p, "import-preview-"+look.String())
		p.Click("form[data-once] [type=submit]")
		p.WaitText(".counts", "created")
		p.CheckAccess()
		shot(p, "import-done-"+look.String())
	}
}

func TestAMemberIsSignedOutEverywhereByAButton(t *testing.T) {
	g := newRig(t, 0)
	admin, member := g.who(audit.RoleSystemAdmin), g.who(audit.RoleMember)
	_, hash := audit.NewSessionSecret()
	must(t, g.store.CreateSession(t.Context(), audit.Session{ID: "laptop", Organization: g.enterprise.Organization.ID, Member: member, Hash: hash, CreatedAt: today, ExpiresAt: today.Add(audit.SessionLife)}))
	done := g.get(admin, g.postTo(admin, "/members/"+member+"/sign-out", g.get(admin, "/members/"+member).fill("form.member-out")))
	if got := done.words("[role=status]"); got != "Signed out everywhere." {
		t.Errorf("the page says %q", got)
	}
	sessions, err := g.store.Sessions(t.Context(), g.enterprise.Organization.ID, member)
	must(t, err)
	if len(sessions) != 1 || sessions[0].RevokedAt.IsZero() {
		t.Errorf("sessions = %+v", sessions)
	}
	if page := g.get(admin, "/members/"+g.who(audit.RoleCreator)); page.doc.Find("form.member-out").Length() != 0 {
		t.Error("a button is there for a member of a mightier role")
	}
}
