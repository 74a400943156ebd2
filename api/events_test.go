package api

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

type pageAnswer struct {
	Events []struct{ ID string }
	Next   string `json:"next_cursor"`
	Total  *audit.Total
}

func (p pageAnswer) ids() []string {
	var out []string
	for _, e := range p.Events {
		out = append(out, e.ID)
	}
	return out
}

func TestPagesFollowEachOtherNewestFirst(t *testing.T) {
	g := newRig(t)
	var want []string
	for i := range 7 {
		e := event(i, audit.LogLogin, "login.failed", "u_1")
		g.addEvents("acme", e)
		want = append(want, e.ID)
	}
	var got []string
	for cursor, pages := "", 0; pages < 10; pages++ {
		page := into[pageAnswer](g.do(call{method: "GET", path: "/v1/events?action=login.*&limit=3&cursor=" + cursor, key: "reader"}).want(200))
		if page.Total == nil || *page.Total != (audit.Total{Value: 7, Relation: "eq"}) {
			t.Errorf("total = %v", page.Total)
		}
		got = append(got, page.ids()...)
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("pages = %v, want %v", got, want)
	}
}

func TestTheTotalIsBoundedExactOrLeftOut(t *testing.T) {
	g := newRig(t)
	var events []*audit.Event
	for i := range audit.DefaultCountLimit + 5 {
		e := event(1, audit.LogLogin, "login.failed", "u_1")
		e.ID = fmt.Sprint("e", i)
		if events = append(events, e); len(events) == audit.MaxScan {
			g.addEvents("acme", events...)
			events = nil
		}
	}
	g.addEvents("acme", events...)
	for total, want := range map[string]string{"": `"total":{"value":10000,"relation":"gte"}`, "&total=bounded": `"relation":"gte"`, "&total=exact": `"total":{"value":10005,"relation":"eq"}`} {
		if body := string(g.do(call{method: "GET", path: "/v1/events?log=login&limit=1" + total, key: "reader"}).want(200).body); !strings.Contains(body, want) {
			t.Errorf("%s: %s", total, body)
		}
	}
	if body := string(g.do(call{method: "GET", path: "/v1/events?log=login&limit=1&total=none", key: "reader"}).want(200).body); strings.Contains(body, "total") {
		t.Errorf("none: %s", body)
	}
}

func TestRolesSeeWhatTheTableSays(t *testing.T) {
	g := newRig(t)
	g.addEvents("acme", event(1, audit.LogLogin, "login.succeeded", "m_1"), event(2, audit.LogLogin, "login.succeeded", "u_2"),
		event(3, audit.LogOperation, "contacts.member.added", "m_1"), event(4, audit.LogProduct, "crm.deal.won", "m_1"))
	g.addEvents("other", event(5, audit.LogLogin, "login.succeeded", "o_1"))
	all := []string{"m_1-1", "u_2-2", "m_1-3", "m_1-4"}
	for _, tc := range []struct {
		key       string
		sees      []string
		forbidden []string
	}{
		{"creator", all, nil},
		{"admin", all, nil},
		{"contact", all[:3], []string{"log=product", "log=login&log=product"}},
		{"member", all[:1], []string{"log=operation", "actor=u_2"}},
		{"other", []string{"o_1-5"}, nil},
	} {
		t.Run(tc.key, func(t *testing.T) {
			g.t = t
			page := into[pageAnswer](g.do(call{method: "GET", path: "/v1/events?q=-action:audit_trail*", key: tc.key}).want(200))
			if got := page.ids(); !slices.Equal(got, tc.sees) || page.Total.Value != int64(len(tc.sees)) {
				t.Errorf("sees %v of %d, want %v", got, page.Total.Value, tc.sees)
			}
			for _, filter := range tc.forbidden {
				g.do(call{method: "GET", path: "/v1/events?" + filter, key: tc.key}).want(403)
				g.do(call{method: "GET", path: "/v1/events/summary?" + filter, key: tc.key}).want(403)
			}
			for _, id := range append(slices.Clone(all), "o_1-5", "nothing") {
				want := 404
				if slices.Contains(tc.sees, id) {
					want = 200
				}
				g.do(call{method: "GET", path: "/v1/events/" + id, key: tc.key}).want(want)
			}
			summary := into[summaryView](g.do(call{method: "GET", path: "/v1/events/summary?q=-action:audit_trail*", key: tc.key}).want(200))
			if summary.Total != int64(len(tc.sees)) {
				t.Errorf("summary counts %d, want %d", summary.Total, len(tc.sees))
			}
		})
	}
}

func TestAnEventOutOfSightAnswersLikeOneThatIsNot(t *testing.T) {
	g := newRig(t)
	g.addEvents("acme", event(1, audit.LogProduct, "crm.deal.won", "u_1"))
	hidden := into[Problem](g.do(call{method: "GET", path: "/v1/events/u_1-1", key: "contact"}).want(404))
	missing := into[Problem](g.do(call{method: "GET", path: "/v1/events/u_1-2", key: "contact"}).want(404))
	if hidden.Detail != missing.Detail || hidden.Type != missing.Type {
		t.Errorf("%+v and %+v differ", hidden, missing)
	}
}

func TestHighlightsSayWhereTheWordsStand(t *testing.T) {
	g := newRig(t)
	e := event(1, audit.LogOperation, "contacts.member.added", "u_1")
	e.Message = "Zoë added Bob — twice"
	g.addEvents("acme", e)
	found := into[struct {
		Events []struct {
			Highlights map[string][][2]int
		}
	}](g.do(call{method: "GET", path: "/v1/events?q=" + url.QueryEscape(`bob twi*`), key: "reader"}).want(200))
	if len(found.Events) != 1 || fmt.Sprint(found.Events[0].Highlights["message"]) != "[[10 13] [16 21]]" {
		t.Errorf("found = %+v", found)
	}
	if body := string(g.do(call{method: "GET", path: "/v1/events?log=operation", key: "reader"}).want(200).body); strings.Contains(body, "highlights") {
		t.Error("there are highlights without q")
	}
}

func TestIDsWithSlashesAndTheIDSummaryAreRead(t *testing.T) {
	g := newRig(t)
	for _, id := range []string{"a/b", "summary", "../x", "ü %2F", "a?b#c", ":id", "*"} {
		e := event(1, audit.LogLogin, "login.failed", "u_1")
		e.ID = id
		g.addEvents("acme", e)
		if got := into[audit.Event](g.do(call{method: "GET", path: eventPath(id), key: "reader"}).want(200)).ID; got != id {
			t.Errorf("%q was read as %q", id, got)
		}
	}
}

func TestTheSummaryCountsInTheZoneAskedFor(t *testing.T) {
	g := newRig(t)
	late := event(0, audit.LogLogin, "login.failed", "u_1")
	late.Time, late.Outcome = time.Date(2026, 11, 23, 23, 30, 0, 0, time.UTC), audit.OutcomeFailure
	g.addEvents("acme", late, event(1, audit.LogLogin, "login.succeeded", "u_1"))
	got := into[summaryView](g.do(call{method: "GET", path: "/v1/events/summary?log=login&zone=Europe/Berlin&interval=day&top=1", key: "reader"}).want(200))
	want := []bucketView{{Start: "2026-11-24T00:00:00+01:00", Count: 2, Failures: 1}}
	if !slices.Equal(got.Histogram, want) || got.Zone != "Europe/Berlin" || got.Interval != audit.IntervalDay || got.Total != 2 {
		t.Errorf("summary = %+v", got)
	}
	if len(got.Actions.Values) != 1 || got.Actions.Other != 1 || got.Actors.Values[0].Label != "Name of u_1" {
		t.Errorf("facets = %+v", got)
	}
	if utc := into[summaryView](g.do(call{method: "GET", path: "/v1/events/summary?log=login", key: "reader"}).want(200)); utc.Zone != "UTC" || utc.Interval == "" {
		t.Errorf("summary = %+v", utc)
	}
}

func TestReadingIsItselfRecorded(t *testing.T) {
	g := newRig(t)
	g.addEvents("acme", event(1, audit.LogLogin, "login.failed", "u_1"))
	g.do(call{method: "GET", path: "/v1/events?q=failed", key: "contact"}).want(200)
	g.do(call{method: "GET", path: "/v1/events/u_1-1", key: "contact"}).want(200)
	g.do(call{method: "GET", path: "/v1/events/summary", key: "contact"}).want(200)
	g.do(call{method: "GET", path: "/v1/events?log=product", key: "contact"}).want(403)
	want := []string{"audit_trail.event.viewed success", "audit_trail.events.searched success", "audit_trail.summary.viewed success"}
	if got := g.trail("acme"); !slices.Equal(got, want) {
		t.Errorf("trail = %v", got)
	}
	page, err := g.index.Search(t.Context(), "acme", audit.Search{Query: audit.Query{Actions: []string{audit.ActionEventsSearched}}, Limit: 1})
	must(t, err)
	e := page.Events[0]
	if e.Actor.ID != "a_1" || e.Metadata["query"] != "log=login&log=operation&q=failed" || e.Metadata["key"] != g.keyIDs["contact"] || e.Source.IP.String() != "127.0.0.1" || e.Metadata["request_id"] == "" {
		t.Errorf("record = %+v", e)
	}
}

func TestWhatCannotBeRecordedIsNotShown(t *testing.T) {
	g := newRig(t)
	g.addEvents("acme", event(1, audit.LogLogin, "login.failed", "u_1"))
	g.ingest.fail(audit.Unavailable(nil, time.Second, "the disk is full"))
	for _, path := range []string{"/v1/events", "/v1/events/u_1-1", "/v1/events/summary", "/v1/members", "/v1/members/m_1"} {
		a := g.do(call{method: "GET", path: path, key: "admin"}).want(503)
		if strings.Contains(string(a.body), "u_1") {
			t.Errorf("%s shows data: %s", path, a.body)
		}
	}
}

func TestUnicodeAndControlCharactersOfAClientDoNotBreakTheRecord(t *testing.T) {
	g := newRig(t)
	g.do(call{method: "GET", path: "/v1/events?q=" + url.QueryEscape("ünïcode \u0085 日本"), key: "reader", header: map[string]string{"User-Agent": "x\u0085y\xffz" + strings.Repeat("u", 9000)}}).want(200)
	if got := g.trail("acme"); len(got) != 1 {
		t.Errorf("trail = %v", got)
	}
}

func TestEventsWhoseIDsAreNamesOfRoutesAreReadAllTheSame(t *testing.T) {
	g := newRig(t)
	for _, id := range []string{"summary", "stream"} {
		e := event(1, audit.LogLogin, "login.failed", "u_1")
		e.ID = id
		g.addEvents("acme", e)
		if got := into[struct{ ID string }](g.do(call{method: "GET", path: eventPath(id), key: "reader"}).want(200)); got.ID != id {
			t.Errorf("%s: got %q", eventPath(id), got.ID)
		}
	}
}
