package console

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/browser"
)

// makeKey makes a key by the page and returns the answer.
func (g *rig) makeKey(member string, form url.Values) answer {
	g.t.Helper()
	if !form.Has("member") {
		form.Set("member", member)
	}
	if !form.Has("expiry") {
		form.Set("expiry", "90")
	}
	return g.post(member, "/keys", form)
}

func (g *rig) keyID(name string) string {
	g.t.Helper()
	keys, err := g.store.Keys(g.t.Context(), g.enterprise.Organization.ID)
	must(g.t, err)
	for _, k := range keys {
		if k.Name == name {
			return k.ID
		}
	}
	g.t.Fatalf("no key %q", name)
	return ""
}

func TestASecretIsShownOnceAndWorks(t *testing.T) {
	g := newRig(t, 10)
	me := g.who(audit.RoleCreator)
	form := g.get(me, "/keys/new").fill("form.key-form")
	form.Set("name", "SIEM "+hostile)
	form["scopes"] = []string{"events:read"}
	made := g.makeKey(me, form)
	secret := made.words(".secret code")
	if made.StatusCode != http.StatusCreated || !strings.HasPrefix(secret, "at_") || made.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("got %d, secret %q, %v\n%s", made.StatusCode, secret, made.Header, made.words("main"))
	}
	if curl := made.words("pre"); curl != "curl -H 'Authorization: Bearer "+secret+"' '"+g.base+"/v1/events?limit=5'" {
		t.Errorf("first line: %s", curl)
	}
	if got := g.get("", "/v1/events?limit=1", "Authorization", "Bearer "+secret); got.StatusCode != http.StatusOK {
		t.Errorf("the key answers %d", got.StatusCode)
	}
	list := g.get(me, "/keys")
	if strings.Contains(list.text, secret) || strings.Contains(g.log.String(), secret) {
		t.Error("the secret is in the list or the log")
	}
	if text := list.words(".key"); !strings.Contains(text, secret[:11]) || !strings.Contains(text, "events:read") || !strings.Contains(text, "2027-02-18") || list.doc.Find("main script, main img").Length() != 0 {
		t.Errorf("list: %s", text)
	}
}

func TestAFormOfAKeyThatIsWrongSaysWhereAndKeepsTheRest(t *testing.T) {
	g := newRig(t, 0)
	me := g.who(audit.RoleCreator)
	for name, tt := range map[string]struct {
		change url.Values
		field  string
	}{
		"without a name":               {url.Values{"name": {" "}}, "#key-name-error"},
		"without scopes":               {url.Values{"scopes": nil}, "#key-scopes-error"},
		"for nobody":                   {url.Values{"member": {"nobody"}}, "#key-member-error"},
		"without a day":                {url.Values{"expiry": {"date"}}, "#key-expiry-error"},
		"with a day that is past":      {url.Values{"expiry": {"date"}, "date": {"2026-11-19"}}, "#key-expiry-error"},
		"with a preset that is none":   {url.Values{"expiry": {"31"}}, "#key-expiry-error"},
		"with a scope that is unknown": {url.Values{"scopes": {"root"}}, "#key-scopes-error"},
	} {
		t.Run(name, func(t *testing.T) {
			form := url.Values{"name": {"nightly"}, "scopes": {"exports"}, "member": {me}, "expiry": {"30"}}
			for k, v := range tt.change {
				form[k] = v
			}
			got := g.makeKey(me, form)
			if got.StatusCode != http.StatusUnprocessableEntity || got.words(tt.field) == "" {
				t.Errorf("got %d: %s", got.StatusCode, got.words("main"))
			}
			if strings.Contains(got.words(tt.field), "null") {
				t.Errorf("words of machines: %s", got.words(tt.field))
			}
			if kept := got.fill("form.key-form"); kept.Get("member") != form.Get("member") || strings.TrimSpace(form.Get("name")) != "" && kept.Get("name") != "nightly" {
				t.Errorf("the form forgot: %v", kept)
			}
		})
	}
}

func TestADayIsMeantToItsEndWhereTheReaderIs(t *testing.T) {
	g := newRig(t, 0)
	me := g.who(audit.RoleCreator)
	form := url.Values{"name": {"k"}, "scopes": {"exports"}, "member": {me}, "expiry": {"date"}, "date": {"2026-12-31"}, "csrf": {tokenOf(me)}}
	if got := g.post(me, "/keys", form, "Cookie", zoneCookie+"=Asia/Tokyo"); got.StatusCode != http.StatusCreated || !strings.Contains(got.text, "2026-12-31T15:00:00") {
		t.Errorf("got %d: %s", got.StatusCode, got.words("main"))
	}
}

func TestRevokingAsksFirst(t *testing.T) {
	g := newRig(t, 0)
	me := g.who(audit.RoleCreator)
	secret := g.makeKey(me, url.Values{"name": {"old"}, "scopes": {"events:read"}}).words(".secret code")
	path := "/keys/" + g.keyID("old") + "/revoke"
	ask := g.get(me, path)
	if !strings.Contains(ask.words("main"), "never used") || !strings.Contains(ask.words("main"), "cannot be undone") {
		t.Errorf("question: %s", ask.words("main"))
	}
	done := g.get(me, g.postTo(me, path, ask.fill("main form")))
	if !strings.Contains(done.words("[role=status]"), "old is revoked") || done.doc.Find("details .key").Length() != 1 {
		t.Errorf("after: %s", done.words("main"))
	}
	if got := g.get("", "/v1/events", "Authorization", "Bearer "+secret); got.StatusCode != http.StatusUnauthorized {
		t.Errorf("the revoked key answers %d", got.StatusCode)
	}
	if got := g.get(me, "/keys/none/revoke"); got.StatusCode != http.StatusNotFound {
		t.Errorf("a key that is none: %d", got.StatusCode)
	}
}

func TestAKeySaysWhereItStands(t *testing.T) {
	g := newRig(t, 0)
	me := g.who(audit.RoleCreator)
	for name, expiry := range map[string]string{"month": "30", "quarter": "90", "ever": "never"} {
		if got := g.makeKey(me, url.Values{"name": {name}, "scopes": {"exports"}, "expiry": {expiry}}); got.StatusCode != http.StatusCreated {
			t.Fatalf("%s: %d", name, got.StatusCode)
		}
	}
	status := func() map[string]string {
		of := map[string]string{}
		for _, key := range g.get(me, "/keys").doc.Find(".key").EachIter() {
			of[key.Find("h2 bdi").Text()] = key.Find(".status").Text()
		}
		return of
	}
	g.clock.advance(20 * 24 * time.Hour)
	if got := status(); got["month"] != "Expires soonNever used" || got["quarter"] != "ActiveNever used" || got["ever"] != "ActiveNever used" {
		t.Errorf("after 20 days: %v", got)
	}
	g.clock.advance(10 * 24 * time.Hour)
	if got := status(); got["month"] != "Expired" {
		t.Errorf("after 30 days: %v", got)
	}
}

func TestKeysAreForCreatorsAndSystemAdmins(t *testing.T) {
	g := newRig(t, 0)
	for role, want := range map[audit.Role]int{audit.RoleCreator: 200, audit.RoleSystemAdmin: 200, audit.RoleContactAdmin: 403, audit.RoleMember: 403} {
		for _, path := range []string{"/keys", "/keys/new", "/keys/holders?member=a"} {
			if got := g.get(g.who(role), path); got.StatusCode != want {
				t.Errorf("%s opens %s: %d, want %d", role, path, got.StatusCode, want)
			}
		}
	}
	admin := g.who(audit.RoleSystemAdmin)
	if got := g.makeKey(admin, url.Values{"name": {"k"}, "scopes": {"exports"}, "member": {g.who(audit.RoleCreator)}}); got.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("a system admin makes a key of a creator: %d", got.StatusCode)
	}
}

func TestHoldersAreOfferedWhileOneTypes(t *testing.T) {
	g := newRig(t, 0)
	me := g.who(audit.RoleCreator)
	got := g.get(me, "/keys/holders?member="+me, "HX-Request", "true")
	if got.doc.Find("option[value='"+me+"']").Length() != 1 || !strings.Contains(got.words("[hx-swap-oob]"), "Creator") {
		t.Errorf("offered: %s", got.text)
	}
}

func TestKeyPagesAreFitForPeople(t *testing.T) {
	t.Parallel()
	browser.Start(t)
	g := newRig(t, 0)
	me := g.who(audit.RoleCreator)
	g.makeKey(me, url.Values{"name": {"Collector of the data center in Frankfurt " + strings.Repeat("wordwithoutend", 8)}, "scopes": {"events:write", "events:read", "exports", "reminders", "members"}, "expiry": {"never"}})
	g.makeKey(me, url.Values{"name": {"SIEM"}, "scopes": {"events:read"}, "expiry": {"30"}})
	g.makeKey(me, url.Values{"name": {"old"}, "scopes": {"admin"}})
	g.postTo(me, "/keys/"+g.keyID("old")+"/revoke", nil)
	g.see(me, map[string]string{"keys": "/keys", "keys-revoked": "/keys?revoked=" + g.keyID("old"), "key-new": "/keys/new", "key-revoke": "/keys/" + g.keyID("SIEM") + "/revoke",
		"key-rotate": "/keys/" + g.keyID("SIEM") + "/rotate"})
	p := g.tab(browser.Look{Width: 360}, me)
	p.Expect(http.StatusUnprocessableEntity)
	p.Open(g.base + "/keys/new")
	p.Type("#key-name", "from a phone")
	p.Click(".key-form [type=submit]")
	p.WaitText("#key-scopes-error", "required")
	p.CheckAccess()
	shot(p, "key-wrong")
	p.Click("[value='events:write']")
	p.Click(".key-form [type=submit]")
	p.WaitText("h1", "is made")
	p.CheckAccess()
	shot(p, "key-made")
}

func TestAFormOfAKeyThatIsPostedTwiceMakesOneKey(t *testing.T) {
	g := newRig(t, 0)
	me := g.who(audit.RoleCreator)
	form := g.get(me, "/keys/new").fill("form.key-form")
	form.Set("name", "nightly")
	form["scopes"] = []string{"exports"}
	first, second := g.makeKey(me, form), g.makeKey(me, form)
	if secret := first.words(".secret code"); secret == "" || second.words(".secret code") != secret {
		t.Errorf("the first answer shows %q, the second %q", secret, second.words(".secret code"))
	}
	if n := g.get(me, "/keys").doc.Find(".key").Length(); n != 1 {
		t.Errorf("%d keys are made", n)
	}
}

func TestAKeySaysFromWhereItMayBeUsed(t *testing.T) {
	g := newRig(t, 0)
	me := g.who(audit.RoleCreator)
	form := url.Values{"name": {"nightly"}, "scopes": {"events:read"}, "addresses": {"203.0.113.7,\n10.0.0.0/33"}}
	if wrong := g.makeKey(me, form); wrong.StatusCode != http.StatusUnprocessableEntity || wrong.words("#key-addresses-error") == "" || wrong.fill("form.key-form").Get("addresses") == "" {
		t.Fatalf("got %d: %s", wrong.StatusCode, wrong.words("main"))
	}
	form.Set("addresses", "203.0.113.7,\n10.0.0.0/8")
	secret := g.makeKey(me, form).words(".secret code")
	if text := g.get(me, "/keys").words(".key"); !strings.Contains(text, "from 203.0.113.7/32 10.0.0.0/8") && !strings.Contains(text, "from 203.0.113.7 10.0.0.0/8") {
		t.Errorf("list: %s", text)
	}
	if got := g.get("", "/v1/events", "Authorization", "Bearer "+secret); got.StatusCode != http.StatusForbidden {
		t.Errorf("from elsewhere the key answers %d", got.StatusCode)
	}
}

func TestAKeyIsRotatedAndTheOldOneWorksForAWhile(t *testing.T) {
	g := newRig(t, 0)
	me := g.who(audit.RoleCreator)
	old := g.makeKey(me, url.Values{"name": {"nightly"}, "scopes": {"events:read"}}).words(".secret code")
	path := "/keys/" + g.keyID("nightly") + "/rotate"
	form := g.get(me, path).fill("main form")
	if got := form.Get("overlap"); got != "86400" {
		t.Errorf("what is chosen before anybody chooses: %s", got)
	}
	form.Set("overlap", "3600")
	made := g.post(me, path, form)
	secret := made.words(".secret code")
	if made.StatusCode != http.StatusCreated || secret == "" || secret == old || !strings.Contains(made.words("main"), "works until") {
		t.Fatalf("got %d: %s", made.StatusCode, made.words("main"))
	}
	if again := g.post(me, path, form); again.words(".secret code") != secret {
		t.Errorf("posted twice: %d %s", again.StatusCode, again.words("main"))
	}
	works := func(secret string) bool {
		return g.get("", "/v1/events", "Authorization", "Bearer "+secret).StatusCode == http.StatusOK
	}
	if !works(old) || !works(secret) {
		t.Errorf("within the overlap the old one works: %t, the new one: %t", works(old), works(secret))
	}
	g.clock.advance(time.Hour + time.Minute)
	if works(old) || !works(secret) {
		t.Errorf("after the overlap the old one works: %t, the new one: %t", works(old), works(secret))
	}
	if got := g.get(me, path); got.StatusCode != http.StatusSeeOther || got.Header.Get("Location") != "/keys" {
		t.Errorf("a key that is over is not rotated: %d %v", got.StatusCode, got.Header)
	}
	form.Set("overlap", "99999999")
	form.Set("once", newOnce())
	id := ""
	keys, err := g.store.Keys(t.Context(), g.enterprise.Organization.ID)
	must(t, err)
	for _, k := range keys {
		if k.ReplacedBy == "" {
			id = k.ID
		}
	}
	if wrong := g.post(me, "/keys/"+id+"/rotate", form); wrong.StatusCode != http.StatusUnprocessableEntity || wrong.words(".field-error") == "" {
		t.Errorf("too long an overlap: %d %s", wrong.StatusCode, wrong.words("main"))
	}
}

func TestAFormThatIsGoneBackToMakesAnotherKeyAtTheSecondPress(t *testing.T) {
	g := newRig(t, 0)
	me := g.who(audit.RoleCreator)
	form := g.get(me, "/keys/new").fill("form.key-form")
	form.Set("name", "nightly")
	form["scopes"] = []string{"exports"}
	g.makeKey(me, form)
	form.Set("name", "weekly")
	told := g.makeKey(me, form)
	if told.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(told.words("main"), "another key") {
		t.Fatalf("got %d: %s", told.StatusCode, told.words("main"))
	}
	if made := g.makeKey(me, told.fill("form.key-form")); made.StatusCode != http.StatusCreated {
		t.Errorf("pressed again: %d %s", made.StatusCode, made.words("main"))
	}
}
