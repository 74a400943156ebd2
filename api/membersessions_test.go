package api

import (
	"strings"
	"testing"

	"github.com/audittrail/audittrail/audit"
)

func TestAMemberIsSignedOutEverywhereAndNobodyElse(t *testing.T) {
	g := newRig(t)
	first, second, mine := g.signIn("acme", "m_1"), g.signIn("acme", "m_1"), g.signIn("acme", "s_1")
	for _, cookie := range []string{first, second, mine} {
		g.do(call{method: "GET", path: "/v1/organization", header: g.with(cookie)}).want(200)
	}
	a := g.do(call{method: "DELETE", path: "/v1/members/m_1/sessions", key: "admin"}).want(200)
	if !strings.Contains(string(a.body), `"ended":2`) {
		t.Errorf("answered %s", a.body)
	}
	g.do(call{method: "GET", path: "/v1/organization", header: g.with(first)}).want(401)
	g.do(call{method: "GET", path: "/v1/organization", header: g.with(second)}).want(401)
	g.do(call{method: "GET", path: "/v1/organization", header: g.with(mine)}).want(200)
	records := g.records("acme", audit.ActionSessionEnded)
	if e := records[0]; len(records) != 1 || e.Actor.ID != "s_1" || e.Targets[0].ID != "m_1" || e.Outcome != audit.OutcomeSuccess {
		t.Errorf("recorded as %+v", records)
	}
	again := g.do(call{method: "DELETE", path: "/v1/members/m_1/sessions", key: "admin"}).want(200)
	if !strings.Contains(string(again.body), `"ended":0`) {
		t.Errorf("answered %s", again.body)
	}
}

func TestNobodySignsOutWhomTheyMayNotChange(t *testing.T) {
	g := newRig(t)
	cookie := g.signIn("acme", "c_1")
	g.do(call{method: "DELETE", path: "/v1/members/c_1/sessions", key: "admin"}).want(403)
	for _, key := range []string{"contact", "member", "reader"} {
		g.do(call{method: "DELETE", path: "/v1/members/c_1/sessions", key: key}).want(403)
	}
	g.do(call{method: "DELETE", path: "/v1/members/c_1/sessions", key: "other"}).want(404)
	g.do(call{method: "DELETE", path: "/v1/members/unknown/sessions", key: "admin"}).want(404)
	g.do(call{method: "GET", path: "/v1/organization", header: g.with(cookie)}).want(200)
	g.do(call{method: "DELETE", path: "/v1/members/c_1/sessions", key: "creator"}).want(200)
	g.do(call{method: "GET", path: "/v1/organization", header: g.with(cookie)}).want(401)
}

func TestWhoIsDeactivatedLosesTheirSessionsAtOnceAndForGood(t *testing.T) {
	g := newRig(t)
	cookie := g.signIn("acme", "m_1")
	g.do(call{method: "GET", path: "/v1/organization", header: g.with(cookie)}).want(200)
	body := func(status string) string {
		return `{"name":"Name of m_1","role":"member","status":"` + status + `","version":`
	}
	g.do(call{method: "PUT", path: "/v1/members/m_1", key: "admin", body: body("deactivated") + "1}"}).want(200)
	g.do(call{method: "GET", path: "/v1/organization", header: g.with(cookie)}).want(401)
	g.do(call{method: "PUT", path: "/v1/members/m_1", key: "admin", body: body("active") + "2}"}).want(200)
	g.do(call{method: "GET", path: "/v1/organization", header: g.with(cookie)}).want(401)
}
