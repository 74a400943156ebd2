package console

import (
	"slices"
	"testing"

	"github.com/audittrail/audittrail/api"
	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/browser"
)

// TestThePageOfAMailsLinkLooksLikeTheOthers is here, although the page is the API's, as this is where there is a browser.
func TestThePageOfAMailsLinkLooksLikeTheOthers(t *testing.T) {
	g := newRig(t, 0)
	me := g.who(audit.RoleCreator)
	id := g.setReminder(me, audit.Reminder{Name: "Keys", Actions: []string{"open_platform.*"}})
	secret, err := g.store.Secret(t.Context(), api.UnsubscribeSecret)
	must(t, err)
	p := browser.Start(t).Page(t, browser.Look{})
	at := g.base + "/v1/unsubscribe/" + audit.SignUnsubscribe(secret, g.enterprise.Organization.ID, id, me, audit.ChannelEmail)
	for _, look := range browser.Looks() {
		p.Look(look)
		p.Open(at)
		p.WaitText("main", "Stop emails of this reminder to you?")
		var styled bool
		if p.Value(`getComputedStyle(document.querySelector("button")).color === "rgb(255, 255, 255)" && getComputedStyle(document.body).marginTop === "0px"`, &styled); !styled {
			t.Errorf("%s: the page has no style", look)
		}
		p.CheckAccess()
		shot(p, "unsubscribe-"+look.String())
	}
	p.Click("button")
	p.WaitText("h1", "Unsubscribed")
	p.CheckAccess()
	shot(p, "unsubscribed")
	if m := g.reminders()[0]; !slices.Contains(m.Recipients[0].Unsubscribed, audit.ChannelEmail) {
		t.Errorf("stored %+v", m.Recipients)
	}
	p.Expect(404)
	p.Open(g.base + "/v1/unsubscribe/nothing")
	p.WaitText("h1", "This link is not valid")
}
