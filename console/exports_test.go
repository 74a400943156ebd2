package console

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// hostile is what no page may run, nor break at.
const hostile = `"><script>alert(1)</script><img src=x onerror=alert(2)>{{.}}"`

// bulk stores so many logins of one member, the first at the beginning of the day before.
func (g *rig) bulk(n int, actor string) {
	g.t.Helper()
	var batch []*audit.Event
	for i := range n {
		batch = append(batch, &audit.Event{ID: fmt.Sprintf("bulk-%s-%d", actor, i), Time: today.Add(-24*time.Hour + time.Duration(i)*time.Millisecond), Log: audit.LogLogin,
			Action: "login.succeeded", Outcome: audit.OutcomeSuccess, Actor: audit.Actor{ID: actor, Name: actor, Type: "member"}})
		if len(batch) == 1000 {
			g.append(batch)
			batch = nil
		}
	}
	g.append(batch)
}

// words is the text of what the selector finds, with single spaces.
func (a answer) words(selector string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(a.doc.Find(selector).Text(), "\u202f", " ")), " ")
}

// fill returns the fields of a form as a browser would send them: radio buttons and boxes that are checked, everything else as it stands.
func (a answer) fill(form string) url.Values {
	values := url.Values{}
	for _, input := range a.doc.Find(form).Find("input[name], select[name], textarea[name]").EachIter() {
		name, kind := input.AttrOr("name", ""), input.AttrOr("type", "")
		_, checked := input.Attr("checked")
		switch {
		case (kind == "radio" || kind == "checkbox") && !checked || kind == "file":
		case input.Is("textarea"):
			values.Add(name, strings.TrimPrefix(input.Text(), "\n"))
		case input.Is("select"):
			chosen := input.Find("option[selected]")
			if chosen.Length() == 0 {
				chosen = input.Find("option").First()
			}
			values.Add(name, chosen.AttrOr("value", chosen.Text()))
		default:
			values.Add(name, input.AttrOr("value", ""))
		}
	}
	return values
}

// startExport presses Export and returns the address of the export.
func (g *rig) startExport(member, query string, change ...string) string {
	g.t.Helper()
	form := g.get(member, "/exports/new?"+query).fill(".export-form")
	for i := 0; i < len(change); i += 2 {
		form.Set(change[i], change[i+1])
	}
	return g.postTo(member, "/exports", form)
}

// postTo posts the form and returns where that leads.
func (g *rig) postTo(member, path string, form url.Values) string {
	g.t.Helper()
	got := g.post(member, path, form)
	if got.StatusCode != http.StatusSeeOther {
		g.t.Fatalf("POST %s: got %d, want 303\n%s", path, got.StatusCode, got.words("main"))
	}
	return got.Header.Get("Location")
}

// alter changes a stored export as its workflow would.
func (g *rig) alter(path string, change func(*audit.Export)) {
	g.t.Helper()
	id := strings.TrimPrefix(path, "/exports/")
	e, err := g.store.Export(g.t.Context(), g.enterprise.Organization.ID, id)
	must(g.t, err)
	change(&e)
	_, err = g.store.PutExport(g.t.Context(), e)
	must(g.t, err)
}

func (g *rig) makeReady(path string, files ...string) {
	g.alter(path, func(e *audit.Export) {
		e.Status, e.Done, e.ReadyAt, e.ExpiresAt = audit.ExportReady, e.Rows, g.clock.Now(), g.clock.Now().Add(audit.ExportLife)
		for _, name := range files {
			e.Files = append(e.Files, audit.ExportFile{Name: name, Rows: e.Rows, Bytes: 1 << 21, SHA256: strings.Repeat("0f", 32)})
		}
	})
}

func TestThePanelSaysWhatAnExportWillHold(t *testing.T) {
	g := newRig(t, 0)
	me := g.who(audit.RoleCreator)
	g.bulk(audit.ExportRows+5, "u_many")
	g.bulk(3, "u_few")
	few := g.get(me, "/exports/new?log=login&actor=u_few")
	if got := few.words("main"); !strings.Contains(got, "3 rows match now. A file holds at most 20 000.") || !strings.Contains(got, "All 3 rows go into one file. Nothing is left out.") {
		t.Errorf("few rows: %s", got)
	}
	if few.doc.Find("input[type=radio][name=mode]").Length() != 0 {
		t.Error("few rows: there is nothing to choose, and a choice is shown")
	}
	many := g.get(me, "/exports/new?log=login&actor=u_many&mode=all")
	for _, want := range []string{"20 005 rows match now", "The newest 20 000 rows, in one file", "5 older rows are cut off and not in the file",
		"All 20 005 rows, split into 2 files", "One file of 20 000 rows, the last of 5, and a manifest"} {
		if got := many.words("main"); !strings.Contains(got, want) {
			t.Errorf("many rows: no %q in\n%s", want, got)
		}
	}
	if mode := many.fill(".export-form").Get("mode"); mode != "all" {
		t.Errorf("the address says mode all, the form %q", mode)
	}
	none := g.get(me, "/exports/new?log=login&actor=nobody")
	if none.doc.Find("button[data-busy]").Length() != 0 || !strings.Contains(none.words(".note"), "nothing to export") {
		t.Errorf("no rows: %s", none.words("main"))
	}
}

func TestThePanelTellsTheFiltersInWordsAndLeadsBack(t *testing.T) {
	g := newRig(t, 0)
	boss := g.enterprise.Members[0]
	got := g.get(g.who(audit.RoleCreator), "/exports/new?log=operation&range=open_platform&action=contacts.member.*&actor="+url.QueryEscape(boss.ID)+
		"&outcome=failure&ip=10.0.0.0/8&from=2026-11-01&q="+url.QueryEscape(hostile), "Cookie", zoneCookie+"=Asia/Tokyo")
	for _, want := range []string{"Operation Logs", "Range Open platform", "Type everything below contacts.member", "Operator " + boss.Name, "Result failure", "Address 10.0.0.0/8",
		"From 2026-11-01 09:00:00", "Text " + hostile} {
		if text := got.words("main"); !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	back, _ := got.doc.Find("main .card a").Attr("href")
	at, err := url.Parse(back)
	must(t, err)
	if at.Path != "/operation-logs" || at.Query().Get("q") != hostile || at.Query().Get("range") != "open_platform" || at.Query().Has("log") {
		t.Errorf("back to %s", back)
	}
}

func TestAFilterThatCannotBeReadIsNamed(t *testing.T) {
	g := newRig(t, 0)
	got := g.get(g.who(audit.RoleCreator), "/exports/new?ip=nowhere&from=yesterday")
	if got.StatusCode != http.StatusUnprocessableEntity || got.words(".problem li:first-of-type code") == "" || got.doc.Find(".export-form").Length() != 0 {
		t.Errorf("got %d: %s", got.StatusCode, got.words("main"))
	}
}

func TestAFormThatIsPostedTwiceStartsOneExport(t *testing.T) {
	g := newRig(t, 50)
	me := g.who(audit.RoleCreator)
	form := g.get(me, "/exports/new?log=operation").fill(".export-form")
	first, second := g.postTo(me, "/exports", form), g.postTo(me, "/exports", form)
	if first != second || len(g.jobs.calls) != 1 {
		t.Errorf("started %s and %s: %v", first, second, g.jobs.calls)
	}
	again := g.get(me, first).fill("form[action$=again]")
	if len(again) != 0 {
		t.Error("a running export offers to run again")
	}
	g.makeReady(first, "events.csv")
	again = g.get(me, first).fill("form[action$=again]")
	third, fourth := g.postTo(me, first+"/again", again), g.postTo(me, first+"/again", again)
	if third != fourth || third == first {
		t.Errorf("again: %s and %s of %s", third, fourth, first)
	}
}

func TestSomeColumnsOrAllAreExported(t *testing.T) {
	g := newRig(t, 50)
	me := g.who(audit.RoleCreator)
	form := g.get(me, "/exports/new?log=operation").fill(".export-form")
	if len(form["columns"]) != len(audit.Columns()) {
		t.Fatalf("checked at first: %v", form["columns"])
	}
	form["columns"] = []string{"time", "message"}
	at := g.postTo(me, "/exports", form)
	if got := g.get(me, at).words("main"); !strings.Contains(got, "with 2 columns (time, message)") {
		t.Errorf("two columns: %s", got)
	}
	delete(form, "columns")
	if got := g.post(me, "/exports", form); got.StatusCode != http.StatusUnprocessableEntity || got.words("#export-columns-error") != "choose at least one" {
		t.Errorf("no column: %d %s", got.StatusCode, got.words("main"))
	}
	form.Set("format", "ndjson")
	form.Set("once", "another")
	g.postTo(me, "/exports", form)
}

func TestAnExportShowsHowFarItIs(t *testing.T) {
	g := newRig(t, 500)
	me := g.who(audit.RoleCreator)
	path := g.startExport(me, "log=operation", "format", "xlsx")
	g.clock.advance(75 * time.Second)
	g.alter(path, func(e *audit.Export) { e.Done = e.Rows / 2 })
	got := g.get(me, path)
	if poll, _ := got.doc.Find("#export").Attr("hx-trigger"); poll != "every 1s" {
		t.Errorf("a running export does not ask again: %q", poll)
	}
	if v, _ := got.doc.Find("progress").Attr("value"); v != "49" && v != "50" {
		t.Errorf("progress %s, want half", v)
	}
	if text := got.words("main"); !strings.Contains(text, "running for 1 min 15 s") || !strings.Contains(text, "Excel") {
		t.Errorf("page: %s", text)
	}
	list := g.get(me, "/exports")
	if list.doc.Find("#exports-list[hx-get='/exports']").Length() != 1 || !strings.Contains(list.words(".export-row"), "running for 1 min 15 s") {
		t.Errorf("list: %s", list.words("main"))
	}
	if to := g.postTo(me, path+"/cancel", nil); to != path {
		t.Errorf("cancel leads to %s", to)
	}
	got = g.get(me, path)
	if _, polls := got.doc.Find("#export").Attr("hx-trigger"); polls || got.words("h1 .status") != "Cancelled" {
		t.Errorf("after cancel: %s, asks again %v", got.words("h1"), polls)
	}
}

func TestAReadyExportIsDownloadedUntilItExpires(t *testing.T) {
	g := newRig(t, 500)
	me := g.who(audit.RoleCreator)
	path := g.startExport(me, "log=operation")
	g.makeReady(path, "events-0001.csv", "manifest.json")
	g.clock.advance(30 * time.Second)
	got := g.get(me, path)
	if href, _ := got.doc.Find("a[download]").First().Attr("href"); href != "/v1"+path+"/files/events-0001.csv" {
		t.Errorf("download at %q", href)
	}
	if text := got.words("main"); !strings.Contains(text, "expires in 23 h 59 min, at 2026-11-21 12:00:00") || !strings.Contains(text, "2.0 MiB") || !strings.Contains(text, strings.Repeat("0f", 32)) {
		t.Errorf("page: %s", text)
	}
	if list := g.get(me, "/exports"); !strings.Contains(list.words(".export-row"), "2 files to download") {
		t.Errorf("list: %s", list.words(".export-row"))
	}
	g.clock.advance(24 * time.Hour)
	got = g.get(me, path)
	if got.words("h1 .status") != "Expired" || got.doc.Find("a[download]").Length() != 0 || got.doc.Find("form[action$=again]").Length() != 1 {
		t.Errorf("expired: %s", got.words("main"))
	}
}

func TestTakingBackAsksFirst(t *testing.T) {
	g := newRig(t, 50)
	me := g.who(audit.RoleCreator)
	path := g.startExport(me, "log=operation")
	if to := g.get(me, path+"/take-back"); to.StatusCode != http.StatusSeeOther {
		t.Errorf("a running one: got %d, want to be led to it", to.StatusCode)
	}
	g.makeReady(path, "events.csv")
	if n := g.get(me, path).doc.Find("form[action$=take-back]").Length(); n != 0 {
		t.Error("one press takes it back")
	}
	ask := g.get(me, path+"/take-back")
	if !strings.Contains(ask.words("main"), "cannot be undone") {
		t.Errorf("question: %s", ask.words("main"))
	}
	g.postTo(me, path+"/take-back", ask.fill("main form"))
	if got := g.get(me, path); got.words("h1 .status") != "Taken back" {
		t.Errorf("after: %s", got.words("h1"))
	}
}

func TestAFailedExportSaysWhyAndCanBeRunAgain(t *testing.T) {
	g := newRig(t, 50)
	me := g.who(audit.RoleCreator)
	path := g.startExport(me, "log=operation&q="+url.QueryEscape(`"<b>"`))
	_ = path
	all := g.startExport(me, "log=operation")
	g.alter(all, func(e *audit.Export) { e.Status, e.Error = audit.ExportFailed, "the disk is full "+hostile })
	got := g.get(me, all)
	if !strings.Contains(got.words(".card"), "the disk is full "+hostile) || got.doc.Find("form[action$=again]").Length() != 1 || got.doc.Find("main script, main img").Length() != 0 {
		t.Errorf("page: %s", got.words("main"))
	}
}

func TestExportsOfOthersAreForAdminsOnly(t *testing.T) {
	g := newRig(t, 200)
	admin, contact, member := g.who(audit.RoleSystemAdmin), g.who(audit.RoleContactAdmin), g.who(audit.RoleMember)
	path := g.startExport(contact, "log=operation")
	if list := g.get(admin, "/exports"); list.doc.Find(".export-row").Length() != 1 || !strings.Contains(list.words(".export-row"), " by ") {
		t.Errorf("the admin's list: %s", list.words("main"))
	}
	if list := g.get(member, "/exports"); list.doc.Find(".export-row").Length() != 0 || !strings.Contains(list.words("main"), "No exports yet") {
		t.Errorf("the member's list: %s", list.words("main"))
	}
	if got := g.get(member, path); got.StatusCode != http.StatusNotFound {
		t.Errorf("the member opens another's: got %d, want 404", got.StatusCode)
	}
	if got := g.get(member, "/exports/new?log=operation"); got.StatusCode != http.StatusForbidden || got.doc.Find(".export-form").Length() != 0 {
		t.Errorf("the member's panel of Operation Logs: got %d", got.StatusCode)
	}
}

func TestTheListOfExportsIsPaged(t *testing.T) {
	g := newRig(t, 50)
	me := g.who(audit.RoleCreator)
	for range exportsPage + 3 {
		g.clock.advance(time.Second)
		g.startExport(me, "log=operation")
	}
	first := g.get(me, "/exports")
	next, _ := first.doc.Find("a[rel=next]").Attr("href")
	second := g.get(me, next)
	if first.doc.Find(".export-row").Length() != exportsPage || second.doc.Find(".export-row").Length() != 3 || second.doc.Find("a[rel=next]").Length() != 0 {
		t.Errorf("pages of %d and %d", first.doc.Find(".export-row").Length(), second.doc.Find(".export-row").Length())
	}
}

func TestTheListGoesOnWithoutAnExportThatRetentionDeleted(t *testing.T) {
	g := newRig(t, 50)
	me := g.who(audit.RoleCreator)
	path := g.startExport(me, "log=operation")
	g.alter(path, func(e *audit.Export) { e.Status, e.Error = audit.ExportFailed, "the disk was full" })
	g.clock.advance(time.Minute)
	again := g.postTo(me, path+"/again", g.get(me, path).fill("form[action$=again]"))
	if n, err := g.store.DeleteExports(t.Context(), g.enterprise.Organization.ID, g.clock.Now(), 10); err != nil || n != 1 {
		t.Fatalf("%d exports were deleted, %v; want 1", n, err)
	}
	if list := g.get(me, "/exports"); list.StatusCode != http.StatusOK || list.doc.Find(".export-row").Length() != 1 {
		t.Errorf("the list: %d, %s", list.StatusCode, list.words("main"))
	}
	if page := g.get(me, again); page.StatusCode != http.StatusOK {
		t.Errorf("the page of the one that ran it again: %d, %s", page.StatusCode, page.words("main"))
	}
	if gone := g.get(me, path); gone.StatusCode != http.StatusNotFound || !strings.Contains(gone.words("main"), "export not found") {
		t.Errorf("the page of the deleted one: %d, %s", gone.StatusCode, gone.words("main"))
	}
}

func TestDurationsAreShortAndNeverNegative(t *testing.T) {
	for d, want := range map[time.Duration]string{-time.Hour: "0 s", 999 * time.Millisecond: "0 s", 59 * time.Second: "59 s", time.Minute: "1 min 0 s",
		24*time.Hour - time.Second: "23 h 59 min", 47 * time.Hour: "47 h 0 min", 50 * time.Hour: "2 days"} {
		if got := lasting(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}
