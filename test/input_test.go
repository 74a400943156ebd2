package test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

func TestBadInputIsNamedAndTheGoodPartIsStored(t *testing.T) { badInputIsNamed(t, sharedService(t)) }

func badInputIsNamed(t *testing.T, s *service) {
	tn := s.newTenant(t, "input")
	admin := tn.admin(t)
	c := admin.hostile()
	now := time.Now().UTC().Format(time.RFC3339)
	event := func(rest string) string {
		return fmt.Sprintf(`{"time":%q,"log":"login","action":"login.failed","actor":{"id":"u"}%s}`, now, rest)
	}
	lines := func(line string, count int) []byte { return []byte(strings.Repeat(line+"\n", count)) }
	const json, ndjson = "application/json", "application/x-ndjson"
	whole := zipped(t, lines(event(""), 50))
	for _, bad := range []struct {
		name, kind, encoding string
		body                 []byte
		status               int
		field                string // "" where the whole is wrong
	}{
		{"gzip that is cut off", ndjson, "gzip", whole[:len(whole)/2], 400, ""},
		{"gzip that is none", ndjson, "gzip", []byte(event("")), 400, ""},
		{"another encoding", ndjson, "br", []byte(event("")), 415, ""},
		{"another type", "text/plain", "", []byte(event("")), 415, ""},
		{"JSON that is cut off", json, "", []byte(event("")[:40]), 400, ""},
		{"an array that is cut off", json, "", []byte("[" + event("") + ","), 400, ""},
		{"invalid UTF-8", json, "", []byte(event(`,"message":"` + "\xff" + `"`)), 422, "message"},
		{"a key that is there twice", json, "", []byte(event(`,"log":"login"`)), 422, "log"},
		{"a number for a string", json, "", []byte(event(`,"message":7`)), 422, "message"},
		{"a field that is not known", json, "", []byte(event(`,"colour":"red"`)), 422, "colour"},
		{"nested a hundred deep", json, "", []byte(event(`,"metadata":` + strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100))), 400, ""},
		{"an event of 65 KiB", json, "", []byte(event(`,"message":"` + strings.Repeat("x", 65<<10) + `"`)), 413, ""},
		{"1,001 events", ndjson, "", lines(event(""), 1001), 413, ""},
		{"1,001 events in an array", json, "", []byte("[" + strings.TrimSuffix(strings.Repeat(event("")+",", 1001), ",") + "]"), 413, ""},
		{"9 MiB", ndjson, "", lines(event(`,"message":"`+strings.Repeat("x", 30<<10)+`"`), 300), 413, ""},
		{"100 MiB in a small gzip", ndjson, "gzip", zipped(t, bytes.Repeat([]byte{' '}, 100<<20)), 413, ""},
		{"a time without a zone", json, "", []byte(strings.Replace(event(""), now, "2026-11-20T08:00:00", 1)), 422, "time"},
		{"a time in another format", json, "", []byte(strings.Replace(event(""), now, "20 Nov 2026", 1)), 422, "time"},
		{"a time of long ago", json, "", []byte(strings.Replace(event(""), now, "2001-01-01T00:00:00Z", 1)), 422, "time"},
		{"a time to come", json, "", []byte(strings.Replace(event(""), now, time.Now().Add(time.Hour).UTC().Format(time.RFC3339), 1)), 422, "time"},
		{"a log that is none", json, "", []byte(strings.Replace(event(""), `"login"`, `"logins"`, 1)), 422, "log"},
		{"an address that is none", json, "", []byte(event(`,"source":{"ip":"10.0.0.256"}`)), 422, "source.ip"},
		{"an id that is too long", json, "", []byte(event(`,"id":"` + strings.Repeat("x", 129) + `"`)), 422, "id"},
		{"nothing", json, "", []byte{}, 400, ""},
	} {
		t.Run(bad.name, func(t *testing.T) {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.url+"/v1/events", bytes.NewReader(bad.body))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Authorization", "Bearer "+c.key)
			request.Header.Set("Content-Type", bad.kind)
			if bad.encoding != "" {
				request.Header.Set("Content-Encoding", bad.encoding)
			}
			response, err := c.http.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			var body bytes.Buffer
			_, _ = body.ReadFrom(response.Body)
			a := answer{status: response.StatusCode, header: response.Header, body: body.Bytes()}
			p := a.problem(t)
			if a.status != bad.status || p.Status != bad.status || p.Detail == "" {
				t.Errorf("want %d, got %s", bad.status, clipped(a.body))
			}
			if bad.field != "" && !slices.ContainsFunc(p.Errors, func(f audit.FieldError) bool { return f.Field == bad.field && f.Message != "" }) {
				t.Errorf("want the field %s named, got %s", bad.field, clipped(a.body))
			}
		})
	}
	t.Run("of a batch, every good event is stored", func(t *testing.T) {
		batch := strings.Join([]string{event(`,"id":"good-1"`), event(`,"message":7`), "{", event(`,"id":"good-2"`), event(`,"id":"good-1"`)}, "\n")
		a, err := c.send(t.Context(), http.MethodPost, "/v1/events?wait=searchable", ndjson, []byte(batch))
		if err != nil || a.status != http.StatusOK {
			t.Fatalf("%d %s, %v", a.status, a.body, err)
		}
		got := decoded[ingested](t, string(a.body))
		if got.Created != 2 || got.Duplicates != 1 || got.Rejected != 2 || got.Results[1].Errors[0].Field != "message" {
			t.Errorf("%s", a.body)
		}
	})
	found, _ := admin.search(t, url.Values{"log": {"login"}})
	ids := idsOf(found)
	slices.Sort(ids)
	sameIDs(t, "what is stored in the end", ids, []string{"good-1", "good-2"})
}

func TestOddIDsAreIDs(t *testing.T) { oddIDsAreIDs(t, sharedService(t)) }

func oddIDsAreIDs(t *testing.T, s *service) {
	tn := s.newTenant(t, "odd-ids")
	admin := tn.admin(t)
	ids := []string{"a/b", "..", "../../etc/passwd", "a b+c%2F", "%", "summary", "ид-账号", "tab\there", "?q=1#x", ":id"}
	for _, id := range ids {
		e := happened("login.failed")
		e.ID = id
		got, err := admin.ingest(t.Context(), []*audit.Event{e})
		if err != nil {
			t.Fatal(err)
		}
		if got.Rejected == 1 && strings.ContainsAny(id, "\t") && got.Results[0].Errors[0].Field == "id" {
			continue // refused with its name
		}
		path := "/v1/events/" + url.PathEscape(id)
		if id == "summary" {
			path = "/v1/events/%73ummary"
		}
		if strings.Trim(id, ".") == "" { // clients take these paths for steps, and so do proxies: such an event is found by a search
			continue
		}
		a, err := admin.hostile().send(t.Context(), http.MethodGet, path, "", nil)
		if err != nil || a.status != http.StatusOK {
			t.Errorf("%q: %d %s, %v", id, a.status, clipped(a.body), err)
			continue
		}
		if read := decoded[event](t, string(a.body)); read.ID != id {
			t.Errorf("%q is read as %q", id, read.ID)
		}
	}
}

func TestQuestionsThatCannotBeAnsweredAreNamed(t *testing.T) {
	badQuestionsAreNamed(t, sharedService(t))
}

func badQuestionsAreNamed(t *testing.T, s *service) {
	admin := s.newTenant(t, "questions").admin(t)
	admin.mustIngest(t, batchOf("question", 5)...)
	first := want[page](t, admin, http.StatusOK, http.MethodGet, "/v1/events?limit=2&q=question", nil)
	cursor := first.NextCursor
	altered := []byte(cursor)
	altered[len(altered)/2] ^= 1
	for query, field := range map[string]string{
		"limit=2&q=other&cursor=" + cursor:             "cursor",
		"limit=2&q=question&cursor=" + string(altered): "cursor",
		"cursor=x":                           "cursor",
		"q=" + url.QueryEscape(`"open`):      "q",
		"limit=0":                            "limit",
		"limit=1001":                         "limit",
		"log=logins":                         "log",
		"ip=10.0.0.0/33":                     "ip",
		"from=yesterday":                     "from",
		"colour=red":                         "colour",
		"q=" + strings.Repeat("x", 2049):     "q",
		"q=" + strings.Repeat("x%20", 65):    "q",
		"total=some":                         "total",
		"q=" + url.QueryEscape("after:noon"): "q",
	} {
		p := refused(t, admin.hostile(), http.StatusUnprocessableEntity, http.MethodGet, "/v1/events?"+query, nil)
		if !slices.ContainsFunc(p.Errors, func(f audit.FieldError) bool { return f.Field == field }) {
			t.Errorf("%.60s: want the field %s named, got %+v", query, field, p)
		}
	}
	for _, q := range []string{`*`, `-`, `OR`, `a OR`, `""`, `- -`, `foo:bar`, `(((`, `"a"*`, `AND NOT NEAR(a b)`, "\x00", `a:b:c`, `' OR 1=1 --`, "ÅÄÖ漢字", `%`} {
		a := admin.hostile().do(t, http.MethodGet, "/v1/events?q="+url.QueryEscape(q), nil)
		if a.status != http.StatusOK && a.status != http.StatusUnprocessableEntity {
			t.Errorf("q=%q is answered %d %s", q, a.status, clipped(a.body))
		}
	}
}

func TestTheAuditorsAreAudited(t *testing.T) { auditorsAreAudited(t, sharedService(t)) }

func auditorsAreAudited(t *testing.T, s *service) {
	tn := s.newTenant(t, "audited")
	admin, helper := tn.admin(t), tn.as(t, systemAdmin, audit.ScopeAdmin)
	event := happened("login.failed")
	admin.mustIngest(t, event)
	want[page](t, helper, http.StatusOK, http.MethodGet, "/v1/events?q=novak", nil)
	want[map[string]any](t, helper, http.StatusOK, http.MethodGet, "/v1/events/"+event.ID, nil)
	want[map[string]any](t, helper, http.StatusOK, http.MethodGet, "/v1/events/summary", nil)
	e := want[export](t, helper, http.StatusAccepted, http.MethodPost, "/v1/exports", map[string]any{"format": "csv", "log": []string{"login"}})
	e = helper.awaitExport(t, e.ID, 30*time.Second, nil)
	helper.download(t, e.ID, e.Files[0].Name)
	want[export](t, helper, http.StatusOK, http.MethodDelete, "/v1/exports/"+e.ID, nil)
	reminder := want[audit.Reminder](t, helper, http.StatusCreated, http.MethodPost, "/v1/reminders", map[string]any{
		"name": "r", "actions": []string{"login.failed"}, "channels": []string{"inbox"}, "recipients": []map[string]any{{"member": creator}}})
	if a := helper.do(t, http.MethodDelete, "/v1/reminders/"+reminder.ID, nil); a.status != http.StatusNoContent {
		t.Errorf("deleting a reminder is answered %d", a.status)
	}
	key := want[audit.Key](t, helper, http.StatusCreated, http.MethodPost, "/v1/keys", map[string]any{"name": "k", "scopes": []string{"events:read"}})
	if a := helper.do(t, http.MethodDelete, "/v1/keys/"+key.ID, nil); a.status >= 300 {
		t.Errorf("revoking a key is answered %d %s", a.status, a.body)
	}
	within(t, promptly, func() error {
		found, _ := admin.search(t, url.Values{"range": {audit.RangeAuditTrail}, "actor": {systemAdmin}})
		var actions []string
		for _, e := range found {
			actions = append(actions, e.Action)
		}
		for _, action := range []string{audit.ActionEventsSearched, audit.ActionEventViewed, audit.ActionSummaryViewed, audit.ActionExportRequested,
			audit.ActionExportDownloaded, audit.ActionExportRevoked, audit.ActionReminderCreated, audit.ActionReminderDeleted,
			audit.ActionKeyCreated, audit.ActionKeyRevoked} {
			if !slices.Contains(actions, action) {
				return fmt.Errorf("%s is not on record: %v", action, actions)
			}
		}
		return nil
	})
}
