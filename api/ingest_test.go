package api

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// eventJSON is a valid event with the fields replaced or added.
func eventJSON(id string, more ...string) string {
	fields := map[string]string{"id": id, "time": "2026-11-24T11:00:00Z", "log": "operation", "action": "contacts.member.added", "actor": "u_1"}
	text := fmt.Sprintf(`{"id":%q,"time":%q,"log":%q,"action":%q,"actor":{"id":%q}`, fields["id"], fields["time"], fields["log"], fields["action"], fields["actor"])
	for _, m := range more {
		text += "," + m
	}
	return text + "}"
}

func zipped(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(text))
	must(t, errors.Join(err, w.Close()))
	return b.String()
}

type ingestAnswer struct {
	Created, Duplicates, Rejected int
	Results                       []struct {
		Index  int
		ID     string
		Status audit.AppendStatus
		Errors []audit.FieldError
	}
}

func TestOneEventIsCreatedThenADuplicate(t *testing.T) {
	g := newRig(t)
	a := g.do(call{method: "POST", path: "/v1/events", key: "producer", body: eventJSON("a/b ü")}).want(201)
	if got := string(a.body); got != `{"id":"a/b ü","status":"created"}` {
		t.Errorf("body = %s", got)
	}
	g.do(call{method: "POST", path: "/v1/events?wait=searchable", key: "producer", body: eventJSON("a/b ü")}).want(200)
	found := g.do(call{method: "GET", path: a.header.Get("Location"), key: "reader"}).want(200)
	if e := into[audit.Event](found); e.ID != "a/b ü" || e.Organization != "acme" || !e.ReceivedAt.Equal(today) {
		t.Errorf("event = %+v", e)
	}
}

func TestAnEventWithoutAnIDGetsAUUIDOfVersion7(t *testing.T) {
	g := newRig(t)
	body := strings.Replace(eventJSON("x"), `"id":"x",`, "", 1)
	a := into[struct{ ID string }](g.do(call{method: "POST", path: "/v1/events", key: "producer", body: body}).want(201))
	if len(a.ID) != 36 || a.ID[14] != '7' {
		t.Errorf("id = %q", a.ID)
	}
}

func TestOfABatchEveryValidEventIsStoredAndEveryOtherNamed(t *testing.T) {
	items := []string{
		eventJSON("first"),
		eventJSON("bad", `"colour":"red"`, `"targets":[{"type":"member","id":7}]`, `"outcome":"maybe"`),
		eventJSON("second", `"source":{"ip":"203.0.113.7"}`),
		`{"id":"cut`,
		eventJSON("first"),
		strings.Replace(eventJSON("old"), "2026-11-24T11", "2026-05-24T11", 1),
		eventJSON("big", `"message":"`+strings.Repeat("x", 65<<10)+`"`),
		eventJSON("last"),
	}
	asArray := slices.Clone(items)
	asArray[3] = `17`
	for _, form := range []struct{ name, contentType, body, encoding string }{
		{"as NDJSON", contentNDJSON, "\r\n" + strings.Join(items, "\n\r\n") + "\n\n", ""},
		{"as an array", "application/json; charset=UTF-8", " [" + strings.Join(asArray, " ,\n") + "] ", ""},
		{"as NDJSON in gzip", contentNDJSON, zipped(t, strings.Join(items, "\n")), "gzip"},
		{"as an array in gzip of two members", contentJSON, zipped(t, "["+strings.Join(asArray, ",")) + zipped(t, "]"), "gzip"},
	} {
		t.Run(form.name, func(t *testing.T) {
			g := newRig(t)
			header := map[string]string{"Content-Type": form.contentType}
			if form.encoding != "" {
				header["Content-Encoding"] = form.encoding
			}
			got := into[ingestAnswer](g.do(call{method: "POST", path: "/v1/events", key: "producer", body: form.body, header: header}).want(200))
			if got.Created != 3 || got.Duplicates != 1 || got.Rejected != 4 || len(got.Results) != len(items) {
				t.Fatalf("answer = %+v", got)
			}
			wantFields := [][]string{1: {"colour", "targets[0].id", "outcome"}, 3: {""}, 5: {"time"}, 6: {""}, 7: nil}
			wantIDs := []string{"first", "", "second", "", "first", "", "", "last"}
			for i, r := range got.Results {
				var fields []string
				for _, f := range r.Errors {
					fields = append(fields, f.Field)
				}
				slices.Sort(fields)
				slices.Sort(wantFields[i])
				if r.Index != i || r.ID != wantIDs[i] || !slices.Equal(fields, wantFields[i]) || (r.Status == audit.StatusRejected) != (len(fields) > 0) {
					t.Errorf("result %d = %+v", i, r)
				}
			}
			for _, id := range []string{"first", "second", "last"} {
				if _, err := g.index.Get(t.Context(), "acme", id); err != nil {
					t.Errorf("%s: %v", id, err)
				}
			}
		})
	}
}

func TestEmptyBatchesAreAnsweredWithNothing(t *testing.T) {
	g := newRig(t)
	for contentType, body := range map[string]string{contentJSON: "[]", contentNDJSON: "\n \n"} {
		a := g.do(call{method: "POST", path: "/v1/events", key: "producer", body: body, header: map[string]string{"Content-Type": contentType}}).want(200)
		if got := string(a.body); got != `{"created":0,"duplicates":0,"rejected":0,"results":[]}` {
			t.Errorf("%s: %s", contentType, got)
		}
	}
}

func TestAThousandEventsAreTakenAndOneMoreIsNot(t *testing.T) {
	g := newRig(t)
	var items []string
	for i := range audit.MaxRequestEvents {
		items = append(items, eventJSON(fmt.Sprint("e", i)))
	}
	ndjson := map[string]string{"Content-Type": contentNDJSON}
	if got := into[ingestAnswer](g.do(call{method: "POST", path: "/v1/events", key: "producer", body: strings.Join(items, "\n"), header: ndjson}).want(200)); got.Created != 1000 {
		t.Errorf("created = %d", got.Created)
	}
	items = append(items, eventJSON("one more"))
	for contentType, body := range map[string]string{contentNDJSON: strings.Join(items, "\n"), contentJSON: "[" + strings.Join(items, ",") + "]"} {
		a := g.do(call{method: "POST", path: "/v1/events", key: "producer", body: body, header: map[string]string{"Content-Type": contentType}}).want(413)
		if got := into[Problem](a).Detail; !strings.Contains(got, "1000 events") {
			t.Errorf("detail = %q", got)
		}
	}
	if _, err := g.index.Get(t.Context(), "acme", "one more"); audit.CodeOf(err) != audit.CodeNotFound {
		t.Errorf("the event over the limit was stored: %v", err)
	}
}

func TestBodiesOverEightMiBAreRefusedWithTheLimitNamed(t *testing.T) {
	g := newRig(t)
	line := eventJSON("x", `"message":"`+strings.Repeat("m", 30<<10)+`"`) + "\n"
	big := strings.Repeat(line, audit.MaxRequestBytes/len(line)+1)
	zeros := strings.Repeat(" ", 200<<20)
	for name, c := range map[string]call{
		"plain":            {body: big},
		"gzip":             {body: zipped(t, big), header: map[string]string{"Content-Encoding": "gzip"}},
		"a bomb of 200 MB": {body: zipped(t, zeros), header: map[string]string{"Content-Encoding": "gzip"}},
	} {
		t.Run(name, func(t *testing.T) {
			g.t = t
			c.method, c.path, c.key = "POST", "/v1/events", "producer"
			if c.header == nil {
				c.header = map[string]string{}
			}
			c.header["Content-Type"] = contentNDJSON
			if got := into[Problem](g.do(c).want(413)).Detail; !strings.Contains(got, "8 MiB") {
				t.Errorf("detail = %q", got)
			}
		})
	}
}

func TestBodiesOfOtherRoutesAreSmall(t *testing.T) {
	g := newRig(t)
	body := `{"name":"` + strings.Repeat("x", maxJSONBytes-20) + `"}`
	g.do(call{method: "POST", path: "/v1/keys", key: "admin", body: body}).want(422)
	g.do(call{method: "POST", path: "/v1/keys", key: "admin", body: zipped(t, body+strings.Repeat(" ", 100)), header: map[string]string{"Content-Encoding": "gzip"}}).want(413)
}

func TestWhenTheIndexCannotCommitNothingIsAcknowledged(t *testing.T) {
	g := newRig(t)
	g.ingest.fail(audit.Unavailable(errors.New("disk: secret path"), 7*time.Second, "the disk is full"))
	a := g.do(call{method: "POST", path: "/v1/events", key: "producer", body: "[" + eventJSON("a") + "]"}).want(503)
	if a.header.Get("Retry-After") != "7" || strings.Contains(string(a.body), "secret path") {
		t.Errorf("answer = %v %s", a.header, a.body)
	}
	if log := g.log.String(); strings.Count(log, "secret path") != 1 || !strings.Contains(log, a.header.Get("X-Request-Id")) {
		t.Errorf("the cause is not logged exactly once: %s", log)
	}
	g.ingest.fail(&audit.Error{Code: audit.CodeRateLimited, Message: "too much waits", RetryAfter: 1500 * time.Millisecond})
	if a := g.do(call{method: "POST", path: "/v1/events", key: "producer", body: eventJSON("a")}).want(429); a.header.Get("Retry-After") != "2" {
		t.Errorf("Retry-After = %q", a.header.Get("Retry-After"))
	}
}

func TestThePlaceOfAnAddressIsFilledInWhereTheProducerGaveNone(t *testing.T) {
	g := newRig(t, func(cfg *Config) {
		cfg.GeoIP = func(ip netip.Addr) (audit.Location, bool) {
			return audit.Location{Country: "DE", City: "Berlin"}, ip == netip.MustParseAddr("203.0.113.7")
		}
	})
	body := "[" + strings.Join([]string{eventJSON("filled", `"source":{"ip":"203.0.113.7"}`), eventJSON("kept", `"source":{"ip":"203.0.113.7","location":{"country":"FR"}}`),
		eventJSON("unknown", `"source":{"ip":"10.0.0.1"}`)}, ",") + "]"
	g.do(call{method: "POST", path: "/v1/events", key: "producer", body: body}).want(200)
	for id, want := range map[string]audit.Location{"filled": {Country: "DE", City: "Berlin"}, "kept": {Country: "FR"}, "unknown": {}} {
		if e, err := g.index.Get(t.Context(), "acme", id); err != nil || e.Source.Location != want {
			t.Errorf("%s: %+v %v", id, e.Source.Location, err)
		}
	}
}

func TestEventsGoIntoTheOrganizationOfTheKeyOnly(t *testing.T) {
	g := newRig(t)
	g.do(call{method: "POST", path: "/v1/events", key: "producer", body: eventJSON("mine")}).want(201)
	g.do(call{method: "GET", path: "/v1/events/mine", key: "other"}).want(404)
	a := g.do(call{method: "POST", path: "/v1/events", key: "producer", body: eventJSON("x", `"organization":"other"`, `"received_at":"2026-11-24T11:00:00Z"`)}).want(422)
	if got := a.fields(); !slices.Equal(got, []string{"organization", "received_at"}) {
		t.Errorf("fields = %v", got)
	}
}

func TestAnIDWithABadEscapeCannotBeRead(t *testing.T) {
	s := New(Config{Clock: func() time.Time { return today }, Logger: slog.New(slog.DiscardHandler)})
	ctx := newFastRequest(t, s, nil, 0)
	ctx.Request.Header.SetMethod("GET")
	ctx.Request.SetRequestURI("/v1/events/a%2")
	s.Handler()(ctx)
	if got := ctx.Response.StatusCode(); got != 400 || !strings.Contains(string(ctx.Response.Body()), "hexadecimal") {
		t.Errorf("status = %d\n%s", got, ctx.Response.Body())
	}
}

func FuzzIngest(f *testing.F) {
	f.Add([]byte(eventJSON("a")), uint8(0))
	f.Add([]byte("["+eventJSON("a")+","+eventJSON("b")+"]"), uint8(0))
	f.Add([]byte(eventJSON("a")+"\n{\n"+eventJSON("b")), uint8(1))
	f.Add([]byte(zipped(f, eventJSON("a"))), uint8(2))
	f.Add([]byte(zipped(f, "[{]")[:15]), uint8(3))
	f.Add([]byte(`[{"id":"`+"\xff"+`"},[],"",null,1]`), uint8(0))
	s := New(Config{Ingester: countingIngester{f}, Clock: func() time.Time { return today }, Logger: slog.New(slog.DiscardHandler), Limits: Limits{RatePerSecond: -1}})
	handler := s.app.Handler()
	f.Fuzz(func(t *testing.T, body []byte, form uint8) {
		ctx := newFastRequest(t, s, body, form)
		handler(ctx)
		status := ctx.Response.StatusCode()
		switch status {
		case http.StatusOK, http.StatusCreated, http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		default:
			t.Fatalf("status = %d\n%s", status, ctx.Response.Body())
		}
		if !json.Valid(ctx.Response.Body()) {
			t.Fatalf("the answer is not JSON: %q", ctx.Response.Body())
		}
	})
}

func FuzzStrictJSON(f *testing.F) {
	f.Add([]byte(`{"name":"x","actions":["a.b"],"channels":["sms"],"recipients":[{"member":"m","unsubscribed":null}],"quiet_hours":{"start":"1"},"version":1}`))
	f.Add([]byte(`{"name":1,"name":"x","recipients":{},"version":1.5,"paused":"no"}`))
	f.Add([]byte(`{`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var in reminderInput
		err := strictJSON(body, &in)
		if code := audit.CodeOf(err); err != nil && code != audit.CodeMalformed && code != audit.CodeInvalid {
			t.Fatalf("error = %v", err)
		}
		if err == nil && !json.Valid(body) {
			t.Fatalf("%q was taken", body)
		}
	})
}

func TestWhoWantsToIsAnsweredWhenTheEventsAreFound(t *testing.T) {
	waits, fails := 0, error(nil)
	g := newRig(t, func(cfg *Config) {
		cfg.Searchable = func(context.Context) error { waits++; return fails }
	})
	send := func(query, body string) *answer {
		return g.do(call{method: "POST", path: "/v1/events" + query, key: "producer", body: body})
	}
	send("", eventJSON("a")).want(201)
	if waits != 0 {
		t.Errorf("%d waits that nobody asked for", waits)
	}
	send("?wait=searchable", eventJSON("c")).want(201)
	send("?wait=searchable", "["+eventJSON("d")+"]").want(200)
	if waits != 2 {
		t.Errorf("%d waits for two requests", waits)
	}
	fails = audit.Unavailable(nil, time.Second, "the node is down")
	if got := send("?wait=searchable", eventJSON("e")).want(503).header.Get("Retry-After"); got != "1" {
		t.Errorf("Retry-After is %q", got)
	}
	fails = nil
	send("?wait=searchable", eventJSON("e")).want(200) // a duplicate: it was stored
}
