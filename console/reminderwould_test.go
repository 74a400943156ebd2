package console

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

func TestAReminderIsTriedOnThePastBeforeItIsSaved(t *testing.T) {
	g := newRig(t, 0)
	me := g.who(audit.RoleCreator)
	var events []*audit.Event
	for i, day := range []int{1, 1, 1, 5, 29} {
		events = append(events, &audit.Event{ID: fmt.Sprint("k", i), Time: today.AddDate(0, 0, -day).Add(time.Duration(i) * time.Hour / 2), Log: audit.LogOperation, Action: "open_platform.key.enabled",
			Outcome: audit.OutcomeSuccess, Actor: audit.Actor{ID: me, Name: "Ann", Type: "member"}, Targets: []audit.Target{{Type: "key", ID: "k_1", Name: hostile}}})
	}
	g.append(events)
	form := g.get(me, newPath+"?action=open_platform.key.enabled").fill("#reminder-form")
	form.Set("do", "try")
	got := g.post(me, newPath, form)
	if text := got.words("#would .figure"); got.StatusCode != http.StatusOK || text != "5 messages in 30 days" {
		t.Errorf("got %d: %s", got.StatusCode, got.words("#would"))
	}
	if bars := got.doc.Find("#would rect").Length(); bars != 3 {
		t.Errorf("%d days have a bar, want 3", bars)
	}
	if label, _ := got.doc.Find("#would svg").Attr("aria-label"); !strings.Contains(label, "5 in 30 days, most on 2026-11-19 with 3") {
		t.Errorf("the picture says %q", label)
	}
	if rows := got.doc.Find("#would tbody tr").Length(); rows != 30 {
		t.Errorf("the table has %d days", rows)
	}
	first := got.doc.Find("#would .examples a").First()
	if href, _ := first.Attr("href"); href != "/events/k2" || first.Text() != "Ann: Enable key "+hostile || got.doc.Find("main script, main img").Length() != 0 {
		t.Errorf("the first example is %q at %q", first.Text(), href)
	}
	form.Set("window", "daily")
	if text := g.post(me, newPath, form).words("#would .figure"); text != "3 messages in 30 days" {
		t.Errorf("daily: %s", text)
	}
	form["action"] = []string{"open_platform.plugin.imported"}
	if text := g.post(me, newPath, form).words("#would"); !strings.Contains(text, "Nothing would have been sent") {
		t.Errorf("of what never happened: %s", text)
	}
	form.Del("action")
	if got := g.post(me, newPath, form); got.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(got.words("#would"), "at least one action") {
		t.Errorf("of nothing: got %d, %s", got.StatusCode, got.words("#would"))
	}
	form.Set("do", "save")
	if got := g.post(me, newPath, form); got.doc.Find("#would .problem").Length() != 0 || got.words("#mistakes strong") != "It is not saved: something is not right yet." {
		t.Errorf("saving nothing: %s; %s", got.words("#mistakes"), got.words("#would"))
	}
	if len(g.reminders()) != 0 {
		t.Error("trying saved it")
	}
}
