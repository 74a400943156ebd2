package api

import (
	"slices"
	"strings"
	"testing"

	"github.com/audittrail/audittrail/audit"
)

// Every bad input in one place: what it is, what it gets and which field is named.
func TestBadInputNamesWhatIsWrong(t *testing.T) {
	g := newRig(t)
	post := func(body string, header ...string) call {
		c := call{method: "POST", path: "/v1/events", key: "producer", body: body, header: map[string]string{}}
		for i := 0; i+1 < len(header); i += 2 {
			c.header[header[i]] = header[i+1]
		}
		return c
	}
	get := func(path string) call { return call{method: "GET", path: path, key: "reader"} }
	full := zipped(t, eventJSON("x"))
	deep := strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100)
	g.addEvents("acme", event(1, audit.LogLogin, "login.failed", "u_1"), event(2, audit.LogLogin, "login.failed", "u_1"))
	cursor := into[struct {
		Next string `json:"next_cursor"`
	}](g.do(get("/v1/events?log=login&limit=1"))).Next
	for _, tc := range []struct {
		name   string
		call   call
		status int
		fields []string
		detail string
	}{
		{"truncated gzip", post(full[:len(full)-9], "Content-Encoding", "gzip"), 400, nil, "cut off"},
		{"an empty body called gzip", post("", "Content-Encoding", "gzip", "Content-Type", contentJSON), 400, nil, "cut off"},
		{"what is not gzip", post(eventJSON("x"), "Content-Encoding", "gzip"), 400, nil, "not gzip"},
		{"rubbish behind gzip", post(full+"rubbish...", "Content-Encoding", "gzip"), 400, nil, "not gzip"},
		{"an unknown encoding", post(eventJSON("x"), "Content-Encoding", "br"), 415, nil, "gzip"},
		{"a form, as curl -d sends", post(eventJSON("x"), "Content-Type", "application/x-www-form-urlencoded"), 415, nil, "application/json"},
		{"another charset", post(eventJSON("x"), "Content-Type", "application/json; charset=latin1"), 415, nil, "utf-8"},
		{"an empty body", post(" ", "Content-Type", contentJSON), 400, nil, "empty"},
		{"invalid UTF-8", post(eventJSON("x", `"message":"`+"\xff\xfe"+`"`)), 422, []string{"message"}, ""},
		{"duplicate keys", post(eventJSON("x", `"log":"login"`)), 422, []string{"log"}, ""},
		{"duplicate keys of metadata", post(eventJSON("x", `"metadata":{"a":"1","a":"2"}`)), 422, []string{"metadata.a"}, ""},
		{"numbers for strings", post(eventJSON("x", `"message":1`, `"metadata":{"n":1}`, `"targets":[{"type":"member","id":1}]`)), 422, []string{"message", "metadata.n", "targets[0].id"}, ""},
		{"nesting 100 deep", post(deep), 400, nil, "deeper"},
		{"an event of 65 KiB", post(eventJSON("x", `"message":"`+strings.Repeat("x", 65<<10)+`"`)), 413, nil, "65536"},
		{"a time without an offset", post(strings.Replace(eventJSON("x"), "11:00:00Z", "11:00:00", 1)), 422, []string{"time"}, ""},
		{"a time as a number", post(strings.Replace(eventJSON("x"), `"2026-11-24T11:00:00Z"`, "1764000000", 1)), 422, []string{"time"}, ""},
		{"a time of another form", post(strings.Replace(eventJSON("x"), "2026-11-24T11:00:00Z", "24.11.2026 11:00", 1)), 422, []string{"time"}, ""},
		{"a time 11 minutes ahead", post(strings.Replace(eventJSON("x"), "T11:00", "T12:11", 1)), 422, []string{"time"}, ""},
		{"a control character in an id", post(strings.Replace(eventJSON("x"), `"id":"x"`, `"id":"a\u0000b"`, 1)), 422, []string{"id"}, ""},
		{"the trail's own range", post(strings.Replace(eventJSON("x"), "contacts.member.added", "audit_trail.events.searched", 1)), 422, []string{"action"}, ""},
		{"an array that does not end", post("[" + eventJSON("x")), 400, nil, "does not end"},
		{"a string", post(`"event"`), 400, nil, "object"},
		{"an unknown wait", call{method: "POST", path: "/v1/events?wait=long", key: "producer", body: eventJSON("x")}, 422, []string{"wait"}, ""},
		{"an unknown parameter", get("/v1/events?acton=login.failed&frm=x"), 422, []string{"acton", "frm"}, ""},
		{"a parameter where none is taken", get("/v1/organization?x=1"), 422, []string{"x"}, ""},
		{"every wrong parameter at once", get("/v1/events?log=x&from=yesterday&ip=1.2.3&limit=0&total=all&outcome=ok"), 422, []string{"from", "ip", "limit", "log", "outcome", "total"}, ""},
		{"a limit over 1,000", get("/v1/events?limit=1001"), 422, []string{"limit"}, ""},
		{"a limit given twice", get("/v1/events?limit=1&limit=2"), 422, []string{"limit"}, ""},
		{"a query string with a bad escape", get("/v1/events?q=%zz"), 400, nil, "query string"},
		{"unbalanced quotes in q", get(`/v1/events?q=%22open`), 422, []string{"q"}, ""},
		{"an altered cursor", get("/v1/events?log=login&cursor=" + cursor[:len(cursor)-2] + "xx"), 422, []string{"cursor"}, ""},
		{"a cursor of another query", get("/v1/events?log=operation&cursor=" + cursor), 422, []string{"cursor"}, ""},
		{"a cursor of another organization", call{method: "GET", path: "/v1/events?log=login&cursor=" + cursor, key: "other"}, 422, []string{"cursor"}, ""},
		{"a cursor that is none", get("/v1/events?cursor=%00"), 422, []string{"cursor"}, ""},
		{"a wrong zone, interval and top", get("/v1/events/summary?zone=Mars&interval=year&top=0"), 422, []string{"interval", "top", "zone"}, ""},
		{"the zone Local", get("/v1/events/summary?zone=Local"), 422, []string{"zone"}, ""},
		{"an id with control characters", get("/v1/events/a%00%0a"), 404, nil, ""},
		{"an id with slashes that are not escaped", get("/v1/events/a/b"), 404, nil, "route"},
		{"an id with slashes", get("/v1/events/a%2Fb"), 404, nil, "event"},
		{"a final slash", get("/v1/events/"), 404, nil, "route"},
		{"another method", call{method: "PATCH", path: "/v1/events", key: "reader"}, 405, nil, "Allow"},
		{"a method that HTTP does not know", call{method: "BREW", path: "/v1/events", key: "reader"}, 405, nil, ""},
		{"headers over 16 KiB", call{method: "GET", path: "/v1/events", key: "reader", header: map[string]string{"X-Long": strings.Repeat("x", 17<<10)}}, 431, nil, "16 KiB"},
		{"unknown fields of JSON, all named", call{method: "POST", path: "/v1/exports", key: "admin", body: `{"frm":"x","Format":"csv","log":"login","mode":1,"q":null,"ip":[1]}`}, 422,
			[]string{"Format", "frm", "ip[0]", "log", "mode", "q"}, ""},
		{"duplicate fields of JSON", call{method: "POST", path: "/v1/exports", key: "admin", body: `{"mode":"all","mode":"all"}`}, 422, []string{"mode"}, ""},
		{"JSON that is cut off", call{method: "POST", path: "/v1/exports", key: "admin", body: `{"mode":`}, 400, nil, "byte"},
		{"JSON with more behind it", call{method: "POST", path: "/v1/exports", key: "admin", body: `{} {}`}, 400, nil, "behind"},
		{"JSON in invalid UTF-8", call{method: "POST", path: "/v1/exports", key: "admin", body: "{\"q\":\"\xff\"}"}, 400, nil, "UTF-8"},
		{"JSON nested 100 deep", call{method: "POST", path: "/v1/exports", key: "admin", body: deep}, 400, nil, "deeper"},
		{"an array for an object", call{method: "POST", path: "/v1/exports", key: "admin", body: `[]`}, 422, []string{""}, ""},
		{"filters of an export that are wrong", call{method: "POST", path: "/v1/exports", key: "admin", body: `{"log":["x"],"from":"x","format":"pdf","mode":"some"}`}, 422,
			[]string{"format", "from", "log", "mode"}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g.t = t
			a := g.do(tc.call).want(tc.status)
			problem := into[Problem](a)
			if a.header.Get("Content-Type") != contentProblem || problem.Status != tc.status || problem.Title == "" || problem.Type == "" {
				t.Errorf("problem = %+v as %s", problem, a.header.Get("Content-Type"))
			}
			fields := a.fields()
			slices.Sort(fields)
			if !slices.Equal(fields, tc.fields) {
				t.Errorf("fields = %q, want %q\n%s", fields, tc.fields, a.body)
			}
			if !strings.Contains(problem.Detail, tc.detail) {
				t.Errorf("detail = %q, want it to say %q", problem.Detail, tc.detail)
			}
		})
	}
}
