package console

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/browser"
)

// actedBy stores an event of the member's that is the newest of the operations, and returns the selector of their name there.
func (g *rig) actedBy(m audit.Member) string {
	g.t.Helper()
	g.append([]*audit.Event{{ID: "by-" + m.ID, Time: g.clock.Now(), Log: audit.LogOperation, Action: "contacts.member.added", Outcome: audit.OutcomeSuccess,
		Actor: audit.Actor{ID: m.ID, Name: m.Name, Type: "member"}, Message: "Somebody was added"}})
	return fmt.Sprintf("#rows a[data-member=%q]", m.ID)
}

// change stores the member as the function leaves it.
func (g *rig) change(m audit.Member, alter func(*audit.Member)) audit.Member {
	g.t.Helper()
	m.Version = 1
	alter(&m)
	_, err := g.store.PutMember(g.t.Context(), m)
	must(g.t, err)
	return m
}

// operations opens the operations as the creator.
func (g *rig) operations(look browser.Look) *browser.Page {
	g.t.Helper()
	p := g.tab(look, g.who(audit.RoleCreator))
	p.Open(g.base + "/operation-logs")
	p.Wait("the overview is there", `document.querySelector(".bar")`)
	return p
}

const theCard = `document.querySelector("dialog.card[open] .member-card")`

func TestANameIsTextOnItsCardWhateverItHolds(t *testing.T) {
	t.Parallel()
	browser.Start(t)
	g := newRig(t, 400)
	for i, text := range hostileTexts {
		name := text[:min(len(text), 200)]
		m := g.change(g.enterprise.Members[10+i], func(m *audit.Member) { m.Name, m.Departments = name, []string{name[:min(len(name), 60)]} })
		link := g.actedBy(m)
		p := g.operations(browser.Look{Width: 360})
		p.Click(link)
		p.Wait("the card", theCard)
		var shown string
		if p.Value(theCard+`.querySelector("h2").textContent`, &shown); shown != name {
			t.Errorf("the card is of %q, and not of %q", shown, name)
		}
		if n := p.Nodes("dialog.card :is(script, svg, img, iframe, b)"); n != 0 {
			t.Errorf("the name %q became %d elements", name, n)
		}
		p.CheckWidth()
		shot(p, fmt.Sprintf("card-hostile-%d", i))
	}
}

func TestACardIsClosedByAClickElsewhereByEscapeAndByItsButton(t *testing.T) {
	g := newRig(t, 400)
	p := g.operations(browser.Look{})
	for _, tt := range []struct {
		name string
		shut func()
	}{
		{"a click elsewhere", func() {
			mouse(p, input.DispatchMouseEventTypeMousePressed, [2]float64{1400, 850})
			mouse(p, input.DispatchMouseEventTypeMouseReleased, [2]float64{1400, 850})
		}},
		{"Escape", func() { p.Press(kb.Escape) }},
		{"its button", func() { p.Click("dialog.card .close-card") }},
	} {
		p.Click("#rows a[data-member]")
		p.Wait("the card", theCard)
		p.Click("dialog.card h2") // within
		if p.Nodes("dialog.card[open]") != 1 {
			t.Fatal("a click on the card closed it")
		}
		tt.shut()
		p.Wait(tt.name+" closes it, and the name has the focus", `!document.querySelector("dialog.card[open]") && document.activeElement.matches("#rows a[data-member]")`)
		if address := p.Address(); address != g.base+"/operation-logs" {
			t.Errorf("%s led to %s", tt.name, address)
		}
	}
}

func TestAClickWithCtrlOpensTheCardInANewTab(t *testing.T) {
	g := newRig(t, 400)
	m := g.enterprise.Members[12]
	link := g.actedBy(m)
	p := g.operations(browser.Look{})
	var at [2]float64
	p.Value(fmt.Sprintf(`(() => { const r = document.querySelector(%q).getBoundingClientRect(); return [r.left + 5, r.top + r.height / 2] })()`, link), &at)
	g.calls.count("")
	for _, what := range []input.DispatchMouseEventType{input.DispatchMouseEventTypeMousePressed, input.DispatchMouseEventTypeMouseReleased} {
		p.Run(chromedp.MouseEvent(what, at[0], at[1], func(e *input.DispatchMouseEventParams) {
			e.Button, e.Buttons, e.ClickCount, e.Modifiers = input.MouseButtonLeft, 1, 1, 2 // Ctrl
		}))
	}
	asked := 0
	for deadline := time.Now().Add(browser.Patience); asked == 0 && time.Now().Before(deadline); {
		asked += g.calls.count("/v1/members/" + m.ID)
	}
	if asked != 1 || p.Nodes("dialog.card") != 0 || p.Address() != g.base+"/operation-logs" {
		t.Errorf("the card was asked for %d times, with %d dialogs here, at %s", asked, p.Nodes("dialog.card"), p.Address())
	}
	for _, key := range []string{"metaKey", "shiftKey", "altKey"} {
		var left bool
		p.Value(fmt.Sprintf(`new Promise((done) => { addEventListener("click", (e) => { const left = !e.defaultPrevented; e.preventDefault(); done(left) }, {once: true});
		  document.querySelector(%q).dispatchEvent(new MouseEvent("click", {bubbles: true, cancelable: true, %s: true})) })`, link, key), &left)
		if !left || p.Nodes("dialog.card") != 0 {
			t.Errorf("with %s the click is not left to the browser", key)
		}
	}
}

func TestACardThatIsRefusedSaysSo(t *testing.T) {
	t.Parallel()
	browser.Start(t)
	g := newRig(t, 1000)
	me := g.who(audit.RoleMember)
	g.append([]*audit.Event{{ID: "mine", Time: g.clock.Now(), Log: audit.LogLogin, Action: "login.succeeded", Outcome: audit.OutcomeSuccess, Actor: audit.Actor{ID: me, Name: "Me", Type: "member"}}})
	for _, look := range []browser.Look{{}, {Width: 360, Dark: true}} {
		p := g.tab(look, me)
		p.Open(g.base + "/login-history")
		p.Wait("the overview is there", `document.querySelector(".bar")`)
		// A member's list names nobody else: the link is made to.
		p.Value(fmt.Sprintf(`(document.querySelector("#rows a[data-member]").href = "/members/card/%s", true)`, g.who(audit.RoleCreator)), new(bool))
		p.Click("#rows a[data-member]")
		p.Wait("the card", theCard)
		if said := p.Text("dialog.card .note"); said != "You see your own card only." {
			t.Errorf("it says %q", said)
		}
		p.CheckAccess()
		shot(p, "card-refused-"+look.String())
	}
}

func TestAPictureThatDoesNotLoadMakesWayForTheInitials(t *testing.T) {
	g := newRig(t, 400)
	m := g.change(g.enterprise.Members[11], func(m *audit.Member) { m.Name, m.Avatar = "Paula Picture", g.base+"/assets/none.png" })
	link := g.actedBy(m)
	const initials = `document.querySelector(".member-card header .initials")?.textContent === "PP" && !document.querySelector(".member-card img")`
	for _, look := range []browser.Look{{}, {Width: 360, Dark: true}} {
		p := g.operations(look)
		p.Expect(404)
		p.Click(link)
		p.Wait("the initials in the dialog", initials)
		shot(p, "card-initials-"+look.String())
		p.Open(g.base + "/members/card/" + m.ID)
		p.Wait("the initials on the page", initials)
	}
}
