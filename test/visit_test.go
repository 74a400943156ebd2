package test

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/browser"
	"github.com/audittrail/audittrail/internal/sample"
)

// company is an enterprise whose people use the console: half a year of events, and what somebody is going to look for among them.
type company struct {
	*tenant
	enterprise *sample.Enterprise
	visitors   int
}

// newCompany makes the enterprise of that id in the shared service, with more events than it has by itself.
func newCompany(t *testing.T, id string, more ...*audit.Event) *company {
	t.Helper()
	s := sharedService(t)
	e := sample.New(sample.Options{Organization: id, Count: 6000, Members: 60})
	if _, err := s.records.PutOrganization(t.Context(), e.Organization); err != nil {
		t.Fatal(err)
	}
	for i := range e.Members {
		if _, err := s.records.PutMember(t.Context(), e.Members[i]); err != nil {
			t.Fatal(err)
		}
		e.Members[i].Version = 1
	}
	c := &company{tenant: &tenant{id: id, service: s}, enterprise: e}
	c.adminKey = c.key(t, e.Members[0].ID, audit.ScopeAdmin)
	batch := more
	for event := range e.Events() {
		if batch = append(batch, event); len(batch) == audit.MaxRequestEvents {
			c.admin(t).mustIngest(t, batch...)
			batch = nil
		}
	}
	if len(batch) > 0 {
		c.admin(t).mustIngest(t, batch...)
	}
	return c
}

// use is how somebody uses the console: in front of what, and with the mouse or by the keyboard alone.
type use struct {
	browser.Look
	keys bool
}

func (u use) String() string {
	if u.keys {
		return u.Look.String() + " by keyboard"
	}
	return u.Look.String() + " by mouse"
}

// uses have every width in both colours and by both hands, and both colours by both hands.
func uses() []use {
	look := func(width int64, dark bool) browser.Look {
		return browser.Look{Width: width, Dark: dark, Zone: "Europe/Berlin"}
	}
	return []use{{look(1440, false), false}, {look(768, true), true}, {look(360, true), false}, {look(360, false), true}, {look(1440, true), true}, {look(768, false), false}}
}

// visit is an administrator in front of the console.
type visit struct {
	*browser.Page
	*company
	me   audit.Member
	keys bool
}

// visit hires an administrator and signs them in, as a person does: by a one-time link.
func (c *company) visit(t *testing.T, u use) *visit {
	t.Helper()
	c.visitors++
	id := fmt.Sprintf("u_visitor_%d", c.visitors)
	me := audit.Member{ID: id, Organization: c.id, Name: "Vera Visitor", Email: fmt.Sprintf("%s.%d@example.com", c.id, c.visitors),
		Role: audit.RoleSystemAdmin, Status: audit.MemberActive, UpdatedAt: time.Now().UTC()}
	if _, err := c.service.records.PutMember(t.Context(), me); err != nil {
		t.Fatal(err)
	}
	link, secret := audit.NewLoginLink("link of "+id, c.id, id, "", time.Now())
	if err := c.service.records.CreateLoginLink(t.Context(), link); err != nil {
		t.Fatal(err)
	}
	v := &visit{Page: browser.Start(t).Page(t, u.Look), company: c, me: me, keys: u.keys}
	v.Open(v.service.url + "/sign-in?link=" + url.QueryEscape(secret))
	v.press(`main button[type="submit"]`)
	v.Wait("the list", `document.querySelector("#rows")`)
	return v
}

// press presses a link or a button.
func (v *visit) press(selector string) {
	if !v.keys {
		v.Click(selector)
		return
	}
	v.Reach(selector)
	v.Press(kb.Enter)
}

// tick ticks a box.
func (v *visit) tick(selector string) {
	if !v.keys {
		v.Click(selector)
		return
	}
	v.Reach(selector)
	v.Press(" ")
}

// write types into a field.
func (v *visit) write(selector, text string) {
	if v.keys {
		v.Reach(selector)
	} else {
		v.Click(selector)
	}
	v.Press(text)
}

// choose chooses an option of a select by its words. The list that a mouse opens is the browser's own and no part of the page.
func (v *visit) choose(t *testing.T, selector, words string) {
	t.Helper()
	if v.keys {
		v.Reach(selector)
		v.Press(kb.Home)
		for range 300 {
			var chosen string
			if v.Value(`document.activeElement.selectedOptions[0].text`, &chosen); chosen == words {
				return
			}
			v.Press(kb.ArrowDown)
		}
		t.Fatalf("no arrow key leads to the option %q of %s", words, selector)
	}
	var found bool
	v.Value(fmt.Sprintf(`(() => { const s = document.querySelector(%q); const o = [...s.options].find((o) => o.text === %q); if (!o) return false;
	  s.value = o.value; s.dispatchEvent(new Event("change", {bubbles: true})); return true })()`, selector, words), &found)
	if !found {
		t.Fatalf("%s has no option %q", selector, words)
	}
}

// fill puts a time into a field. Typed, it is in the order of day and month of the browser, which is American; what a mouse opens is the browser's own.
func (v *visit) fill(t *testing.T, selector string, at time.Time) {
	t.Helper()
	want := at.Format("2006-01-02T15:04")
	if v.keys {
		v.Reach(selector)
		v.Press(at.Format("01022006"), at.Format("0304PM"))
		var got string
		if v.Value(`document.activeElement.value`, &got); got != want {
			t.Fatalf("typed, %s became %s", want, got)
		}
		return
	}
	v.Value(fmt.Sprintf(`(() => { const e = document.querySelector(%q); e.value = %q; e.dispatchEvent(new Event("change", {bubbles: true})); return true })()`, selector, want), new(bool))
}

// list goes to one of the lists, and to its filters, which wait behind a button where there is little room.
func (v *visit) list(path string) {
	v.Value(`window.leaving = true`, new(bool)) // whoever is on that list already would take it for the one that comes
	v.press(fmt.Sprintf("nav.tabs a[href=%q]", path))
	v.Wait("the list "+path, fmt.Sprintf(`!window.leaving && location.pathname === %q && document.readyState === "complete" && document.querySelector("html.js #filters")`, path))
	v.unfold()
}

func (v *visit) unfold() {
	var folded bool
	v.Value(`(() => { const b = document.getElementById("toggle"); return b.getBoundingClientRect().height > 0 && b.getAttribute("aria-expanded") !== "true" })()`, &folded)
	if folded {
		v.press("#toggle")
	}
}

// filter asks for the list, by its button or from the field that was written to last, and waits until it is there, with the address holding the parameter.
func (v *visit) filter(parameter string) {
	if v.keys {
		v.Press(kb.Enter)
	} else {
		v.Click("#filters .search button")
	}
	v.Wait("the list is filtered by "+parameter, fmt.Sprintf(`new URLSearchParams(location.search).has(%q) && document.querySelector(".chips")`, parameter))
}

// texts are what the elements say that the selector finds.
func (v *visit) texts(selector string) []string {
	var all []string
	v.Value(fmt.Sprintf(`[...document.querySelectorAll(%q)].map((e) => e.innerText.trim())`, selector), &all)
	return all
}
