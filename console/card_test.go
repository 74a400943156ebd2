package console

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/browser"
)

func TestACardSaysWhoSomebodyIsAndWhoIsNoLongerThere(t *testing.T) {
	g := newRig(t, 1000)
	me := g.who(audit.RoleContactAdmin)
	var gone audit.Member
	for _, m := range g.enterprise.Members {
		if m.Status == audit.MemberDeactivated {
			gone = m
		}
	}
	for _, tt := range []struct {
		name, id, notice, standing string
	}{{"an active member", g.who(audit.RoleCreator), "", "Creator"}, {"a deactivated one", gone.ID, audit.NotIncluded, "Deactivated"},
		{"nobody known", "../<b>who</b>", audit.NotIncluded, "Not in the directory"}} {
		t.Run(tt.name, func(t *testing.T) {
			got := g.get(me, "/members/card/"+url.PathEscape(tt.id))
			if got.StatusCode != http.StatusOK || strings.TrimSpace(got.doc.Find(".note").Text()) != tt.notice {
				t.Errorf("got %d, notice %q", got.StatusCode, got.doc.Find(".note").Text())
			}
			if standing := strings.TrimSpace(got.doc.Find(".member-card header p").Text()); standing != tt.standing {
				t.Errorf("the standing is %q, want %q", standing, tt.standing)
			}
			if id := got.doc.Find(".member-card dd code").Text(); id != tt.id {
				t.Errorf("the card is of %q", id)
			}
			if got.doc.Find(".member-card b").Length() > 0 {
				t.Error("an id became markup")
			}
		})
	}
}

func TestAMemberSeesTheirOwnCardAndNoOther(t *testing.T) {
	g := newRig(t, 1000)
	me := g.who(audit.RoleMember)
	if got := g.get(me, "/members/card/"+me); got.StatusCode != http.StatusOK || got.doc.Find(`a[href^="/operation-logs"]`).Length() > 0 {
		t.Errorf("one's own: %d", got.StatusCode)
	}
	if got := g.get(me, "/members/card/"+g.who(audit.RoleCreator)); got.StatusCode != http.StatusForbidden || !strings.Contains(got.text, "You see your own card only") {
		t.Errorf("another's: %d", got.StatusCode)
	}
}

func TestACardOpensByTheKeyboardAndGivesTheFocusBack(t *testing.T) {
	g := newRig(t, 1000)
	for _, look := range []browser.Look{{}, {Width: 360, Dark: true}} {
		p := g.tab(look, g.who(audit.RoleCreator))
		p.Open(g.base + "/operation-logs")
		p.Wait("the overview is there", `document.querySelector(".bar")`)
		p.Value(`document.querySelector("#rows a[data-member]").focus() || true`, new(bool))
		p.Press(kb.Enter)
		p.Wait("the card has the focus", `document.querySelector("dialog.card[open] .member-card") && document.activeElement.matches(".close-card")`)
		p.CheckAccess()
		shot(p, "card-"+look.String())
		p.Press(kb.Escape)
		p.Wait("the name has the focus again", `!document.querySelector("dialog.card[open]") && document.activeElement.matches("#rows a[data-member]")`)
	}
}

func TestWhatIsNewAnnouncesItselfAndMovesNothing(t *testing.T) {
	g := newRig(t, 1000)
	p := g.tab(browser.Look{}, g.who(audit.RoleCreator))
	p.Open(g.base + "/operation-logs?range=contacts")
	p.Wait("the overview is there", `document.querySelector(".bar")`)
	p.Value(`(scrollTo(0, 300), true)`, new(bool))
	var before, after string
	const newest = `document.querySelector("#rows a.open").innerText + " at " + document.querySelector("#rows").getBoundingClientRect().top`
	p.Value(newest, &before)
	p.Wait("the list is live", `document.querySelector('#live[data-state="live"]')`)
	g.clock.advance(time.Minute)
	for _, id := range []string{"new-1", "new-2", "new-3"} {
		g.append([]*audit.Event{{ID: id, Time: g.clock.Now(), Log: audit.LogOperation, Action: "contacts.member.added", Outcome: audit.OutcomeSuccess,
			Actor: audit.Actor{ID: "u_1", Name: "Ann"}, Message: "Ann added somebody, " + id}})
	}
	p.WaitText("#live button", "new event")
	p.WaitText("#live", "3 new events")
	if p.Value(newest, &after); after != before {
		t.Errorf("the list moved from %q to %q", before, after)
	}
	p.Press("n")
	p.WaitText("#rows", "Ann added somebody, new-3")
}

func TestACardLeadsToTheSignInWhereTheSessionEnded(t *testing.T) {
	browser.Start(t)
	g := newRig(t, 400)
	p := g.tab(browser.Look{}, g.who(audit.RoleCreator))
	p.Open(g.base + "/operation-logs")
	p.Wait("the overview is there", `document.querySelector(".bar")`)
	p.SetCookie(g.base, "session", "ended")
	p.Click("#rows a[data-member]")
	p.Wait("the sign-in is there", `location.pathname === "/sign-in"`)
	if next := p.Query().Get("next"); next != "/operation-logs" {
		t.Errorf("it leads back to %q", next)
	}
}
