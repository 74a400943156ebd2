package api

import (
	"slices"
	"strings"
	"testing"

	"github.com/audittrail/audittrail/audit"
)

func TestTheOrganizationSaysWhichChannelsAreOn(t *testing.T) {
	g := newRig(t)
	got := into[organizationView](g.do(call{method: "GET", path: "/v1/organization", key: "member"}).want(200))
	want := []ChannelState{{Channel: "inbox", On: true}, {Channel: "email", Reason: "no SMTP host configured"}, {Channel: "sms", On: true}}
	if got.ID != "acme" || got.Name != "Acme" || !slices.Equal(got.Channels, want) {
		t.Errorf("organization = %+v", got)
	}
}

func TestTheCatalogueHasTheOrganizationsOwnActions(t *testing.T) {
	g := newRig(t)
	ranges := func(key string) (names []string) {
		for _, r := range into[struct{ Ranges []rangeView }](g.do(call{method: "GET", path: "/v1/actions", key: key}).want(200)).Ranges {
			names = append(names, r.Range)
			if len(r.Actions) == 0 {
				t.Errorf("the range %s is empty", r.Range)
			}
		}
		return names
	}
	builtIn := []string{"contacts", "open_platform", "enterprise", "login", "audit_trail"}
	if got := ranges("other"); !slices.Equal(got, builtIn) {
		t.Errorf("ranges = %v", got)
	}
	if got := ranges("member"); !slices.Equal(got, append(builtIn, "crm")) {
		t.Errorf("ranges of acme = %v", got)
	}
}

func TestTheCardSaysWhoIsNotIncluded(t *testing.T) {
	g := newRig(t)
	card := into[cardView](g.do(call{method: "GET", path: "/v1/members/m_1", key: "contact"}).want(200))
	if !card.Included || card.Notice != "" || card.Email != "m_1@example.com" || card.Role != audit.RoleMember {
		t.Errorf("card = %+v", card)
	}
	for _, id := range []string{"gone", "never-heard-of", "o_1", "a%2Fb%00"} {
		card := into[cardView](g.do(call{method: "GET", path: "/v1/members/" + id, key: "contact"}).want(200))
		if card.Included || card.Notice != "This Member is not included in the organization structure" {
			t.Errorf("%s: card = %+v", id, card)
		}
		if id == "o_1" && card.Name != "" {
			t.Errorf("a member of another organization is shown: %+v", card)
		}
	}
	if got := len(g.trail("acme")); got != 5 {
		t.Errorf("%d records of 5 views", got)
	}
}

func TestAMemberSeesNoCardButTheOwn(t *testing.T) {
	g := newRig(t)
	g.do(call{method: "GET", path: "/v1/members/m_1", key: "member"}).want(200)
	g.do(call{method: "GET", path: "/v1/members/c_1", key: "member"}).want(403)
	g.do(call{method: "GET", path: "/v1/members/never-heard-of", key: "member"}).want(403)
}

func TestMembersAreListedAndSearched(t *testing.T) {
	g := newRig(t)
	find := func(query string) (ids []string) {
		cursor := ""
		for {
			page := into[struct {
				Members []cardView
				Next    string `json:"next_cursor"`
			}](g.do(call{method: "GET", path: "/v1/members?limit=2" + query + "&cursor=" + cursor, key: "admin"}).want(200))
			for _, m := range page.Members {
				ids = append(ids, m.ID)
			}
			if cursor = page.Next; cursor == "" {
				return ids
			}
		}
	}
	for query, want := range map[string][]string{"": {"a_1", "c_1", "gone", "m_1", "s_1"}, "&q=GONE": {"gone"}, "&status=deactivated": {"gone"}, "&role=member": {"gone", "m_1"}, "&q=o_1": nil} {
		if got := find(query); !slices.Equal(got, want) {
			t.Errorf("%q finds %v, want %v", query, got, want)
		}
	}
	a := g.do(call{method: "GET", path: "/v1/members?status=here&role=king", key: "admin"}).want(422)
	if got := a.fields(); !slices.Equal(got, []string{"status", "role"}) {
		t.Errorf("fields = %v", got)
	}
}

func TestAMemberIsMadeAndChangedByVersion(t *testing.T) {
	g := newRig(t)
	made := g.do(call{method: "PUT", path: "/v1/members/new%2F1", key: "admin", body: `{"name":"New One","role":"member","email":"new@example.com","departments":["Sales"],"version":0}`}).want(201)
	if card := into[cardView](made); card.ID != "new/1" || card.Version != 1 || card.Status != audit.MemberActive || made.header.Get("ETag") != `"1"` {
		t.Errorf("card = %+v, ETag = %s", card, made.header.Get("ETag"))
	}
	g.do(call{method: "PUT", path: "/v1/members/new%2F1", key: "admin", body: `{"name":"Newer","role":"member"}`, header: map[string]string{"If-Match": `"1"`}}).want(200)
	for name, tc := range map[string]struct {
		body, match string
		status      int
		fields      []string
	}{
		"an old version":         {`{"name":"x","role":"member","version":1}`, "", 409, nil},
		"an old If-Match":        {`{"name":"x","role":"member"}`, `"1"`, 409, nil},
		"a new one that exists":  {`{"name":"x","role":"member","version":0}`, "", 409, nil},
		"no version":             {`{"name":"x","role":"member"}`, "", 422, []string{"version"}},
		"two versions":           {`{"name":"x","role":"member","version":2}`, `"1"`, 422, []string{"version"}},
		"a version that is none": {`{"name":"x","role":"member"}`, `"x"`, 422, []string{"If-Match"}},
		"everything wrong":       {`{"name":"","role":"king","email":"x","phone":"1","avatar":"http://x","status":"here","version":-1}`, "", 422, []string{"avatar", "email", "name", "phone", "role", "status", "version"}},
		"unknown fields":         {`{"name":"x","rôle":"member","id":"other"}`, "", 422, []string{"id", "rôle"}},
	} {
		header := map[string]string{}
		if tc.match != "" {
			header["If-Match"] = tc.match
		}
		a := g.do(call{method: "PUT", path: "/v1/members/new%2F1", key: "admin", body: tc.body, header: header}).want(tc.status)
		got := a.fields()
		slices.Sort(got)
		if !slices.Equal(got, tc.fields) {
			t.Errorf("%s: fields = %v", name, got)
		}
	}
	g.do(call{method: "PUT", path: "/v1/members/nobody", key: "admin", body: `{"name":"x","role":"member","version":3}`}).want(404)
	page, err := g.index.Search(t.Context(), "acme", audit.Search{Query: audit.Query{Actions: []string{audit.ActionMemberUpdated}}, Limit: 10})
	must(t, err)
	if len(page.Events) != 2 {
		t.Errorf("%d changes are recorded, want 2", len(page.Events))
	}
	for _, e := range page.Events {
		if e.Outcome != audit.OutcomeSuccess || len(e.Changes) == 0 || e.Changes[0].Field != "name" {
			t.Errorf("record = %+v", e)
		}
	}
}

func TestNobodyRaisesAnybodyAboveThemselves(t *testing.T) {
	g := newRig(t)
	g.do(call{method: "PUT", path: "/v1/members/s_1", key: "admin", body: `{"name":"x","role":"creator","version":1}`}).want(403)
	g.do(call{method: "PUT", path: "/v1/members/c_1", key: "admin", body: `{"name":"x","role":"member","version":1}`}).want(403)
	g.do(call{method: "PUT", path: "/v1/members/s_1", key: "creator", body: `{"name":"x","role":"creator","version":1}`}).want(200)
}

func TestAKeyIsShownOnceAndWorksAtOnce(t *testing.T) {
	g := newRig(t)
	a := g.do(call{method: "POST", path: "/v1/keys", key: "admin", body: `{"name":"ci","scopes":["events:read","exports"],"expires_at":"2026-12-24T00:00:00+01:00"}`}).want(201)
	made := into[keyView](a)
	if !strings.HasPrefix(made.Secret, made.Prefix) || made.Member != "s_1" || made.ExpiresAt.Format(audit.TimeLayout) != "2026-12-23T23:00:00.000Z" {
		t.Errorf("key = %+v", made)
	}
	g.keys["new"] = made.Secret
	g.do(call{method: "GET", path: "/v1/events", key: "new"}).want(200)
	g.do(call{method: "GET", path: "/v1/keys", key: "new"}).want(403)
	listed := g.do(call{method: "GET", path: "/v1/keys", key: "admin"}).want(200)
	if body := string(listed.body); strings.Contains(body, made.Secret) || !strings.Contains(body, made.ID) || strings.Contains(body, g.keyIDs["other"]) {
		t.Errorf("list = %s", body)
	}
	g.do(call{method: "DELETE", path: "/v1/keys/" + made.ID, key: "other"}).want(404)
	g.do(call{method: "DELETE", path: "/v1/keys/" + made.ID, key: "admin"}).want(204)
	g.do(call{method: "DELETE", path: "/v1/keys/" + made.ID, key: "admin"}).want(204) // again: nothing more
	g.do(call{method: "DELETE", path: "/v1/keys/nothing", key: "admin"}).want(404)
	g.do(call{method: "GET", path: "/v1/events", key: "new"}).want(401)
	want := []string{"audit_trail.events.searched success", "audit_trail.key.created success", "audit_trail.key.refused failure", "audit_trail.key.revoked success", "audit_trail.keys.listed success"}
	eventually(t, "the trail of all that", func() bool { return slices.Equal(g.trail("acme"), want) })
	if strings.Contains(g.log.String(), made.Secret) {
		t.Error("the log holds the secret")
	}
}

func TestKeysThatCannotBeMadeSayWhy(t *testing.T) {
	g := newRig(t)
	for name, tc := range map[string]struct {
		key, body string
		fields    []string
	}{
		"everything missing":       {"admin", `{}`, []string{"name", "scopes"}},
		"unknown scopes":           {"admin", `{"name":"x","scopes":["events:read","all"]}`, []string{"scopes[1]"}},
		"an expiry in the past":    {"admin", `{"name":"x","scopes":["exports"],"expires_at":"2026-11-24T12:00:00Z"}`, []string{"expires_at"}},
		"an expiry that is none":   {"admin", `{"name":"x","scopes":["exports"],"expires_at":"tomorrow"}`, []string{"expires_at"}},
		"a member who left":        {"admin", `{"name":"x","scopes":["exports"],"member":"gone"}`, []string{"member"}},
		"a member of others":       {"admin", `{"name":"x","scopes":["exports"],"member":"o_1"}`, []string{"member"}},
		"a member above the maker": {"admin", `{"name":"x","scopes":["exports"],"member":"c_1"}`, []string{"member"}},
		"a name with a newline":    {"admin", `{"name":"a\nb\u0000","scopes":["exports"]}`, []string{"name"}},
	} {
		if got := g.do(call{method: "POST", path: "/v1/keys", key: tc.key, body: tc.body}).want(422).fields(); !slices.Equal(got, tc.fields) {
			t.Errorf("%s: fields = %v, want %v", name, got, tc.fields)
		}
	}
	g.do(call{method: "POST", path: "/v1/keys", key: "creator", body: `{"name":"x","scopes":["exports"],"member":"s_1"}`}).want(201)
}

func TestACardIsAskedForByAnIDThatNobodyCanHave(t *testing.T) {
	g := newRig(t)
	for _, id := range []string{"%093", "%00", "%0A", "%FF", "%E2%80%AE", "%C2%85", strings.Repeat("x", 500)} {
		card := g.do(call{method: "GET", path: "/v1/members/" + id, key: "admin"}).want(200)
		if !strings.Contains(string(card.body), audit.NotIncluded) {
			t.Errorf("%s: %s", id, card.body)
		}
	}
}
