package test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/sample"
)

const (
	jobEvents = 25_000
	jobRows   = 20_000 // of one file
)

// job is the main job on one organization.
type job struct {
	*tenant
	admin  *client
	events []*audit.Event // newest first
	naive  *naive
	until  string // in front of all that the trail records about this test
}

func TestEventsGoInAreFoundAndBecomeFiles(t *testing.T) { mainJob(t, sharedService(t)) }

func mainJob(t *testing.T, s *service) {
	tn := s.newTenant(t, "main-job")
	enterprise := sample.New(sample.Options{Seed: 3, Organization: tn.id, Count: jobEvents, End: time.Now()})
	events := slices.Collect(enterprise.Events())
	j := &job{tenant: tn, admin: tn.admin(t), events: newestFirst(events), naive: newNaive(events),
		until: enterprise.End().Format(audit.TimeLayout)}

	t.Run("every event sent is created", func(t *testing.T) { j.send(t, func(got ingested) int { return got.Created }) })
	t.Run("sent again, every event is a duplicate", func(t *testing.T) { j.send(t, func(got ingested) int { return got.Duplicates }) })
	t.Run("all events are listed once, newest first", func(t *testing.T) {
		found, total := j.admin.search(t, url.Values{"to": {j.until}})
		sameIDs(t, "the list", idsOf(found), eventIDs(j.events))
		if total.Value < 10_000 {
			t.Errorf("the total is %+v", total)
		}
	})
	t.Run("a search finds what reading every event finds", j.searches)
	t.Run("a summary counts what there is", j.summary)
	t.Run("an export of the latest holds exactly the newest 20,000 rows and says how many were cut", j.latest)
	t.Run("an export of all holds every row once, in parts that its manifest adds up", j.all)
	t.Run("an xlsx export opens as a spreadsheet", j.xlsx)
	t.Run("an export taken back is gone, and run again it is there anew", j.again)
	t.Run("a member sees their own logins and nothing else", j.member)
	t.Run("another organization finds nothing of this one", j.other)
}

// send sends all events in requests of 1,000 and wants all of them counted by count.
func (j *job) send(t *testing.T, count func(ingested) int) {
	writer := j.as(t, creator, audit.ScopeEventsWrite)
	counted := 0
	for batch := range slices.Chunk(j.events, audit.MaxRequestEvents) {
		got, err := writer.ingest(t.Context(), batch)
		if err != nil {
			t.Fatal(err)
		}
		counted += count(got)
		for i, result := range got.Results {
			if result.ID != batch[i].ID {
				t.Fatalf("result %d is about %q, not %q", i, result.ID, batch[i].ID)
			}
		}
	}
	if counted != len(j.events) {
		t.Errorf("%d of %d events counted", counted, len(j.events))
	}
}

func (j *job) searches(t *testing.T) {
	words := j.naive.pick(6, 20, 2500)
	if len(words) < 6 {
		t.Fatalf("the sample has only the words %q", words)
	}
	a, b := words[0], words[3]
	often := j.naive.pick(1, 2500, 20_000)[0]
	type search struct {
		q      string
		wanted func(map[string]bool) bool
	}
	searches := []search{
		{often + " " + a, func(w map[string]bool) bool { return w[often] && w[a] }},
		{a + " OR " + b, func(w map[string]bool) bool { return w[a] || w[b] }},
		{a + " -" + often, func(w map[string]bool) bool { return w[a] && !w[often] }},
		{strings.ToUpper(b), func(w map[string]bool) bool { return w[b] }},
		{"nosuchwordanywhere", func(map[string]bool) bool { return false }},
	}
	for _, word := range words {
		searches = append(searches, search{word, func(w map[string]bool) bool { return w[word] }})
	}
	for _, s := range searches {
		expected := j.naive.find(s.wanted)
		found, total := j.admin.search(t, url.Values{"q": {s.q}, "to": {j.until}})
		sameIDs(t, "q="+s.q, idsOf(found), expected)
		if total.Value != int64(len(expected)) || total.Relation != audit.RelationEqual {
			t.Errorf("q=%s: the total is %+v, want %d", s.q, total, len(expected))
		}
		for _, e := range found {
			if len(e.Highlights) == 0 && !strings.Contains(s.q, "-") {
				t.Errorf("q=%s: event %s has no highlights", s.q, e.ID)
				break
			}
		}
	}
}

func (j *job) summary(t *testing.T) {
	type facet struct {
		Values []struct {
			Value string `json:"value"`
			Count int64  `json:"count"`
		} `json:"values"`
		Other int64 `json:"other"`
	}
	type counts struct {
		Total     int64 `json:"total"`
		Histogram []struct {
			Count int64 `json:"count"`
		} `json:"histogram"`
		Actions  facet `json:"actions"`
		Outcomes facet `json:"outcomes"`
	}
	word := j.naive.pick(1, 500, 5000)[0]
	for _, q := range []string{"", word} {
		expected := map[string]int64{}
		total := int64(0)
		for i, e := range j.naive.events {
			if q == "" || j.naive.words[i][q] {
				total++
				expected[e.Action]++
				expected[string(e.Outcome)]++
			}
		}
		query := url.Values{"q": {q}, "to": {j.until}, "top": {"100"}}
		got := want[counts](t, j.admin, http.StatusOK, http.MethodGet, "/v1/events/summary?"+query.Encode(), nil)
		bars := int64(0)
		for _, b := range got.Histogram {
			bars += b.Count
		}
		if got.Total != total || bars != total || got.Actions.Other != 0 {
			t.Errorf("q=%s: the total is %d, the bars are %d, of %d; other actions %d", q, got.Total, bars, total, got.Actions.Other)
		}
		for _, v := range append(got.Actions.Values, got.Outcomes.Values...) {
			if v.Count != expected[v.Value] {
				t.Errorf("q=%s: %s is counted %d, want %d", q, v.Value, v.Count, expected[v.Value])
			}
		}
	}
}

func (j *job) member(t *testing.T) {
	now := time.Now().UTC().Truncate(audit.TimePrecision)
	act := func(id string, log audit.Log, action, actor string) *audit.Event {
		return &audit.Event{ID: id, Time: now, Log: log, Action: action, Actor: audit.Actor{ID: actor}}
	}
	j.admin.mustIngest(t, act("own-1", audit.LogLogin, "login.succeeded", ordinary), act("own-2", audit.LogOperation, "contacts.member.added", ordinary),
		act("others-1", audit.LogLogin, "login.succeeded", creator))
	member := j.as(t, ordinary, audit.ScopeEventsRead, audit.ScopeExports)
	found, _ := member.search(t, url.Values{})
	sameIDs(t, "what the member sees", idsOf(found), []string{"own-1"})
	refused(t, member, http.StatusForbidden, http.MethodGet, "/v1/events?log=operation", nil)
	refused(t, member, http.StatusForbidden, http.MethodGet, "/v1/events?actor="+creator, nil)
	refused(t, member, http.StatusNotFound, http.MethodGet, "/v1/events/others-1", nil)
	refused(t, member, http.StatusNotFound, http.MethodGet, "/v1/events/own-2", nil)
	refused(t, member, http.StatusForbidden, http.MethodGet, "/v1/reminders", nil)
	refused(t, member, http.StatusForbidden, http.MethodGet, "/v1/keys", nil)
	e := want[export](t, member, http.StatusAccepted, http.MethodPost, "/v1/exports", map[string]any{"format": "ndjson", "mode": "latest"})
	e = member.awaitExport(t, e.ID, time.Minute, nil)
	sameIDs(t, "what the member exports", ndjsonIDs(t, member.download(t, e.ID, e.Files[0].Name)), []string{"own-1"})
}

func (j *job) other(t *testing.T) {
	mine := want[export](t, j.admin, http.StatusAccepted, http.MethodPost, "/v1/exports", map[string]any{"format": "csv", "action": []string{"login.failed"}, "to": j.until})
	mine = j.admin.awaitExport(t, mine.ID, time.Minute, nil)
	reminder := j.remind(t, []audit.Channel{audit.ChannelInbox}, "other.*")

	stranger := j.service.newTenant(t, "main-job-other").admin(t)
	for _, path := range []string{
		"/v1/events/" + j.events[0].ID, "/v1/exports/" + mine.ID, "/v1/exports/" + mine.ID + "/files/" + mine.Files[0].Name,
		"/v1/reminders/" + reminder.ID, "/v1/reminders/" + reminder.ID + "/deliveries",
	} {
		refused(t, stranger, http.StatusNotFound, http.MethodGet, path, nil)
	}
	refused(t, stranger, http.StatusNotFound, http.MethodDelete, "/v1/exports/"+mine.ID, nil)
	refused(t, stranger, http.StatusNotFound, http.MethodPost, "/v1/exports/"+mine.ID+"/again", nil)
	refused(t, stranger, http.StatusNotFound, http.MethodDelete, "/v1/reminders/"+reminder.ID, nil)
	refused(t, stranger, http.StatusNotFound, http.MethodPost, "/v1/reminders/"+reminder.ID+"/test", nil)
	if found, total := stranger.search(t, url.Values{"to": {j.until}}); len(found) > 0 || total.Value > 0 {
		t.Errorf("another organization sees %d events, of %+v", len(found), total)
	}
	first := want[page](t, j.admin, http.StatusOK, http.MethodGet, "/v1/events?limit=5", nil)
	refused(t, stranger, http.StatusUnprocessableEntity, http.MethodGet, "/v1/events?limit=5&cursor="+url.QueryEscape(first.NextCursor), nil)
	if got := j.admin.do(t, http.MethodGet, "/v1/exports/"+mine.ID+"/files/"+mine.Files[0].Name, nil); got.status != http.StatusOK {
		t.Errorf("after that, its own organization gets %d", got.status)
	}
}
