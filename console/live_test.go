package console

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/browser"
)

// live opens the newest operations as the creator, and waits until they are followed.
func (g *rig) live(look browser.Look) *browser.Page {
	g.t.Helper()
	p := g.tab(look, g.who(audit.RoleCreator))
	p.Open(g.base + "/operation-logs")
	p.Wait("the overview is there", `document.querySelector(".bar")`)
	p.Wait("the list is live", isLive)
	return p
}

const isLive = `document.querySelector('#live[data-state="live"]')`

// happen stores events of now that the list shows.
func (g *rig) happen(ids ...string) {
	g.t.Helper()
	g.clock.advance(time.Second)
	for _, id := range ids {
		g.append([]*audit.Event{{ID: id, Time: g.clock.Now(), Log: audit.LogOperation, Action: "contacts.member.added", Outcome: audit.OutcomeSuccess,
			Actor: audit.Actor{ID: "u_1", Name: "Ann"}, Message: "Ann added somebody, " + id}})
	}
}

// streams is how many streams the server holds.
func (g *rig) streams() int {
	g.t.Helper()
	_, text, ok := strings.Cut(g.get("", "/metrics").text, "\naudittrail_message_streams ")
	text, _, _ = strings.Cut(text, "\n")
	n, err := strconv.Atoi(text)
	if !ok || err != nil {
		g.t.Fatalf("the server does not say how many streams are open: %q", text)
	}
	return n
}

// awaitStreams waits until the server holds that many.
func (g *rig) awaitStreams(want int, why string) {
	g.t.Helper()
	for deadline := time.Now().Add(browser.Patience); g.streams() != want; {
		if time.Now().After(deadline) {
			g.t.Fatalf("%d streams are open, want %d: %s", g.streams(), want, why)
		}
	}
}

// hurry makes the page's scripts wait at most that many milliseconds where they would wait longer. What a test waits for is waited for in the page too, for
// up to a minute: that is left as it is.
func hurry(most int) string {
	return fmt.Sprintf(`(() => { const wait = window.setTimeout; window.setTimeout = (f, ms) => wait(f, ms > 40000 && ms < 60000 ? ms : Math.min(ms, %d)); return true })()`, most)
}

// look makes the page believe that it is hidden, or seen.
func look(p *browser.Page, state string) {
	p.Value(fmt.Sprintf(`(() => { Object.defineProperty(document, "visibilityState", { configurable: true, get: () => %q });
		Object.defineProperty(document, "hidden", { configurable: true, get: () => %t });
		document.dispatchEvent(new Event("visibilitychange")); return true })()`, state, state == "hidden"), new(bool))
}

func TestEverythingNewIsSaidAloudInTheEnd(t *testing.T) {
	t.Parallel()
	browser.Start(t)
	g := newRig(t, 400)
	p := g.live(browser.Look{})
	if p.Nodes("#live [role=status]") != 1 {
		t.Error("what is said aloud must be there before it says anything, or it is not read")
	}
	g.happen("new-1")
	p.WaitText("#live button", "1 new event")
	g.happen("new-2", "new-3")
	p.Wait("all three are said", `document.querySelector("#live [role=status]").textContent === "3 new events"`)
}

func TestWhatIsNewIsSeenFarDownTheList(t *testing.T) {
	g := newRig(t, 1000)
	for _, l := range []browser.Look{{}, {Width: 360}} {
		p := g.live(l)
		p.Value(`(scrollTo(0, 2000), true)`, new(bool))
		g.happen("far-" + l.String())
		p.WaitText("#live button", "new event")
		p.Wait("the button is in sight", `(() => { const at = document.querySelector("#live button").getBoundingClientRect(); return at.top >= 0 && at.bottom <= innerHeight })()`)
	}
}

func TestATabThatNobodyLooksAtHoldsNoStream(t *testing.T) {
	g := newRig(t, 400)
	p := g.live(browser.Look{})
	g.awaitStreams(2, "the bell's and the list's")
	p.Value(hurry(200), new(bool))
	look(p, "hidden")
	g.awaitStreams(0, "browsers have six connections to a server, so a few hidden tabs that hold one stop everything")
	g.happen("missed")
	look(p, "visible")
	p.Wait("the list is live again", isLive)
	p.WaitText("#live button", "Not followed while hidden")
	p.Press("n")
	p.WaitText("#rows", "Ann added somebody, missed")
}

func TestARefusedStreamIsTriedAgainByItself(t *testing.T) {
	g := newRig(t, 400)
	me := g.who(audit.RoleCreator)
	p := g.tab(browser.Look{}, me)
	p.SetCookie(g.base, g.server.CookieName(), "ended")
	p.Expect(401)
	p.Prepare(hurry(1000))
	p.Open(g.base + "/operation-logs")
	p.WaitText("#live", "not available")
	p.SetCookie(g.base, g.server.CookieName(), g.session(me))
	p.Wait("the list is live", isLive)
}

func TestAStreamThatIsRefusedAgainAndAgainIsGivenUpAndThePageSaysSo(t *testing.T) {
	t.Parallel()
	browser.Start(t)
	g := newRig(t, 400)
	me := g.who(audit.RoleCreator)
	for _, l := range []browser.Look{{}, {Width: 360, Dark: true}} {
		p := g.tab(l, me)
		p.SetCookie(g.base, g.server.CookieName(), "ended")
		p.Expect(401)
		p.Prepare(hurry(50) + `; window.tried = 0; window.EventSource = class extends EventSource { constructor(...at) { super(...at); if (at[0].includes("events")) window.tried++ } }`)
		p.Open(g.base + "/operation-logs")
		p.WaitText("#live p", "Live updates stopped")
		var tried int
		if p.Value(`new Promise((done) => setInterval(() => done(window.tried), 500))`, &tried); tried != 7 {
			t.Errorf("it was tried %d times", tried)
		}
		p.CheckAccess()
		shot(p, "live-stopped-"+l.String())
		p.SetCookie(g.base, g.server.CookieName(), g.session(me))
		p.Click("#live button")
		p.Wait("the list is live", isLive)
	}
}
