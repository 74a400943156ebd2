package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// previewAnswer is the answer to a preview, with its examples read.
type previewAnswer struct {
	previewView
	Examples []struct{ ID, Action string } `json:"examples"`
}

func (g *rig) preview(key, body string) previewAnswer {
	g.t.Helper()
	return into[previewAnswer](g.do(call{method: "POST", path: "/v1/reminders/preview", key: key, body: body}).want(200))
}

// fired lists the days on which something matched or left, as "11-24: 2 matched, 1 sent".
func (a previewAnswer) fired() (days []string) {
	for _, d := range a.ByDay {
		if d.Matched > 0 || d.Messages > 0 {
			days = append(days, fmt.Sprintf("%s: %d matched, %d sent", d.Date[5:], d.Matched, d.Messages))
		}
	}
	return days
}

// history are events of contacts: three today (11:58, 11:57, 08:00), two yesterday evening (23:00, 23:30), one 29 days ago just after
// midnight, one 30 days ago; and a login and a product's event of today.
func history(g *rig) {
	at := func(day int, clock string) int {
		when, err := time.Parse("2006-01-02 15:04", fmt.Sprintf("2026-11-24 %s", clock))
		must(g.t, err)
		return int(today.Sub(when.AddDate(0, 0, -day)).Minutes())
	}
	for i, n := range []int{2, 3, at(0, "08:00"), at(1, "23:00"), at(1, "23:30"), at(29, "00:01"), at(30, "23:59")} {
		e := event(n, audit.LogOperation, "contacts.member.added", "a_1")
		e.ID = fmt.Sprint("c", i)
		g.addEvents("acme", e)
	}
	g.addEvents("acme", event(5, audit.LogLogin, "login.failed", "m_1"), event(6, audit.LogProduct, "crm.deal.won", "m_1"))
	g.addEvents("other", event(7, audit.LogOperation, "contacts.member.added", "o_1"))
}

func TestAPreviewSaysHowOftenAReminderWouldHaveFired(t *testing.T) {
	g := newRig(t)
	history(g)
	for _, tc := range []struct {
		name, key, body   string
		matched, messages int
		days              []string
		next              string
	}{
		{"immediately", "admin", `{"actions":["contacts.*"]}`, 6, 6, []string{"10-26: 1 matched, 1 sent", "11-23: 2 matched, 2 sent", "11-24: 3 matched, 3 sent"}, ""},
		{"every ten minutes: what is gathered now has not left", "admin", `{"actions":["contacts.*"],"window":"10m"}`, 6, 4,
			[]string{"10-26: 1 matched, 1 sent", "11-23: 2 matched, 2 sent", "11-24: 3 matched, 1 sent"}, "2026-11-24T12:07:00Z"},
		{"by the hour", "admin", `{"actions":["contacts.member.added"],"window":"hourly"}`, 6, 4, []string{"10-26: 1 matched, 1 sent", "11-23: 2 matched, 0 sent", "11-24: 3 matched, 3 sent"}, ""},
		{"by the day: a digest counts on the day on which it leaves", "admin", `{"actions":["contacts.*"],"window":"daily"}`, 6, 2,
			[]string{"10-26: 1 matched, 0 sent", "10-27: 0 matched, 1 sent", "11-23: 2 matched, 0 sent", "11-24: 3 matched, 1 sent"}, "2026-11-25T00:00:00Z"},
		{"with quiet hours", "admin", `{"actions":["contacts.*"],"window":"immediate","quiet_hours":{"start":"22:00","end":"09:00"}}`, 6, 4,
			[]string{"10-26: 1 matched, 1 sent", "11-23: 2 matched, 0 sent", "11-24: 3 matched, 3 sent"}, ""},
		{"by the days of another zone", "admin", `{"actions":["contacts.*"],"window":"daily","time_zone":"Pacific/Auckland"}`, 5, 1,
			[]string{"11-24: 3 matched, 0 sent", "11-25: 2 matched, 1 sent"}, "2026-11-26T00:00:00+13:00"},
		{"of several actions, as a form sends them that is not yet filled in", "admin", `{"name":"","actions":["login.*","crm.deal.won"],"channels":[],"recipients":[],"paused":true,"version":3}`, 2, 2,
			[]string{"11-24: 2 matched, 2 sent"}, ""},
		{"not of what the caller does not see", "contact", `{"actions":["login.*","crm.deal.won"]}`, 1, 1, []string{"11-24: 1 matched, 1 sent"}, ""},
		{"not of another organization", "other", `{"actions":["contacts.*"]}`, 1, 1, []string{"11-24: 1 matched, 1 sent"}, ""},
		{"of what never happened", "admin", `{"actions":["enterprise.*"]}`, 0, 0, nil, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g.t = t
			got := g.preview(tc.key, tc.body)
			if int(got.Matched) != tc.matched || got.Messages != tc.messages || !got.Exact || got.NextAt != tc.next || len(got.Examples) != tc.matched {
				t.Errorf("matched %d, messages %d, exact %v, next %q, %d examples", got.Matched, got.Messages, got.Exact, got.NextAt, len(got.Examples))
			}
			if !slices.Equal(got.fired(), tc.days) || len(got.ByDay) != 30 {
				t.Errorf("%d days: %q\nwant %q", len(got.ByDay), got.fired(), tc.days)
			}
		})
	}
}

func TestAPreviewIsOfThirtyDaysWithoutAGap(t *testing.T) {
	g := newRig(t)
	got := g.preview("admin", `{"actions":["contacts.*"],"time_zone":"Europe/Berlin"}`) // clocks were set back on 25 October
	if got.From != "2026-10-26T00:00:00+01:00" || got.To != "2026-11-24T13:00:00+01:00" || len(got.ByDay) != 30 || got.ByDay[0].Date != "2026-10-26" || got.ByDay[29].Date != "2026-11-24" {
		t.Errorf("from %s to %s: %+v", got.From, got.To, got.ByDay)
	}
}

func TestThePreviewOfVeryManyMatchesIsALowerBound(t *testing.T) {
	g := newRig(t)
	const more = 300
	for chunk := range slices.Chunk(minutes(previewScan+more), audit.MaxScan) {
		g.addEvents("acme", chunk...)
	}
	got := g.preview("admin", `{"actions":["contacts.*"],"window":"hourly"}`)
	// The newest 20,000 minutes are 334 hours begun; by the days all matches count.
	if got.Exact || got.Matched != previewScan+more || got.Messages != 334 || len(got.Examples) != previewExamples || got.Examples[0].ID != "a_1-0" {
		t.Errorf("exact %v, matched %d, messages %d, examples %v", got.Exact, got.Matched, got.Messages, got.Examples)
	}
	sum := 0
	for _, d := range got.ByDay {
		sum += int(d.Matched)
	}
	if sum != previewScan+more {
		t.Errorf("%d matches by day", sum)
	}
}

// minutes are n events, one a minute up to now.
func minutes(n int) []*audit.Event {
	events := make([]*audit.Event, n)
	for i := range events {
		events[i] = event(n-1-i, audit.LogOperation, "contacts.member.added", "a_1")
	}
	return events
}

func TestAPreviewTakesEveryActionThatAReminderMayHave(t *testing.T) {
	g := newRig(t)
	history(g)
	actions := []string{`"contacts.*"`, `"contacts.member.*"`}
	for i := len(actions); i < audit.MaxReminderActions; i++ {
		actions = append(actions, fmt.Sprintf(`"range_%d.*"`, i))
	}
	if got := g.preview("admin", `{"actions":[`+strings.Join(actions, ",")+`]}`); got.Matched != 6 {
		t.Errorf("matched %d", got.Matched)
	}
}

func TestAPreviewIsRecordedAsASearch(t *testing.T) {
	g := newRig(t)
	g.preview("contact", `{"actions":["contacts.*"]}`)
	page, err := g.index.Search(t.Context(), "acme", audit.Search{Query: audit.Query{Actions: []string{audit.ActionEventsSearched}}, Limit: 10})
	must(t, err)
	if len(page.Events) != 1 || page.Events[0].Actor.ID != "a_1" || !strings.Contains(page.Events[0].Metadata["query"], "action=contacts.%2A") {
		t.Errorf("recorded %+v", page.Events)
	}
}

func TestPreviewsNameWhatIsWrong(t *testing.T) {
	g := newRig(t)
	for name, tc := range map[string]struct {
		key, body string
		status    int
		fields    []string
	}{
		"nothing at all":            {"admin", `{}`, 422, []string{"actions"}},
		"everything":                {"admin", `{"actions":["x y"],"window":"weekly","quiet_hours":{"start":"25:00","end":"7"},"time_zone":"Mars"}`, 422, []string{"actions[0]", "window", "quiet_hours.start", "quiet_hours.end", "time_zone"}},
		"an action that is unknown": {"admin", `{"actions":["contacts.*","contacts.member.invented"]}`, 422, []string{"actions[1]"}},
		"an unknown field":          {"admin", `{"actions":["contacts.*"],"days":90}`, 422, []string{"days"}},
		"a role without reminders":  {"greedy", `{"actions":["login.*"]}`, 403, nil},
		"a key without the scope":   {"reader", `{"actions":["login.*"]}`, 403, nil},
	} {
		a := g.do(call{method: "POST", path: "/v1/reminders/preview", key: tc.key, body: tc.body}).want(tc.status)
		if got := a.fields(); !slices.Equal(got, tc.fields) {
			t.Errorf("%s: fields = %q, want %q", name, got, tc.fields)
		}
	}
}
