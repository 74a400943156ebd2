package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/valyala/fasthttp"

	"github.com/audittrail/audittrail/audit"
)

// lasting is a test whose folders and cleanups last from one input of a fuzz target to the next: until end.
type lasting struct {
	testing.TB
	cleanups []func()
}

func (l *lasting) Context() context.Context { return context.Background() }
func (l *lasting) Cleanup(f func())         { l.cleanups = append(l.cleanups, f) }

func (l *lasting) TempDir() string {
	dir, err := os.MkdirTemp("", "audittrail-fuzz-")
	must(l.TB, err)
	l.Cleanup(func() { must(l.TB, os.RemoveAll(dir)) })
	return dir
}

func (l *lasting) end(t testing.TB) {
	l.TB = t
	for len(l.cleanups) > 0 {
		last := l.cleanups[len(l.cleanups)-1]
		l.cleanups = l.cleanups[:len(l.cleanups)-1]
		last()
	}
}

// forgetfulIngester takes events that are valid, and forgets them: a search costs the same however long it is fuzzed.
type forgetfulIngester struct{ l *lasting }

func (i forgetfulIngester) Append(_ context.Context, _ string, events []*audit.Event) ([]audit.AppendStatus, error) {
	for _, e := range events {
		if err := e.Validate(today); e.ID == "" || err != nil {
			i.l.Errorf("an event that is not valid came through: %v: %+v", err, e)
		}
	}
	return noIngester{}.Append(context.Background(), "", events)
}

// target is a server that is made anew when it holds much.
type target struct {
	lasting
	*rig
	made int
}

const secretOfOther = "marked-as-of-the-other-organization"

func (g *target) ready(t *testing.T) {
	t.Helper()
	if g.made > 200 {
		g.end(t)
		g.rig, g.made = nil, 0
	}
	g.TB = t
	if g.rig != nil {
		return
	}
	g.rig = newRig(&g.lasting, func(cfg *Config) {
		cfg.Ingester, cfg.Limits.RatePerSecond = forgetfulIngester{&g.lasting}, -1
	})
	theirs := event(3, audit.LogOperation, "contacts.member.added", "o_1")
	theirs.Message = secretOfOther
	g.addEvents("acme", event(1, audit.LogLogin, "login.failed", "m_1"), event(2, audit.LogOperation, "contacts.member.added", "c_1"))
	g.addEvents("other", theirs)
	for _, org := range []struct{ id, member, text string }{{"acme", "c_1", "mine"}, {"other", "o_1", secretOfOther}} {
		must(t, g.store.AddMessage(context.Background(), audit.Message{ID: "m-" + org.text, Organization: org.id, Member: org.member, Title: org.text, Body: "b", CreatedAt: today}))
		_, err := g.store.PutExport(context.Background(), audit.Export{ID: "e-" + org.text, Organization: org.id, RequestedBy: org.member, RequestedAt: today,
			Format: audit.FormatCSV, Mode: audit.ModeLatest, Status: audit.ExportReady, ExpiresAt: today.AddDate(0, 0, 1)})
		must(t, err)
	}
}

// send has the server answer within the process: the HTTP client of the standard library would refuse to send most of it.
func (g *target) send(t *testing.T, method, uri string, header map[string]string, body []byte) (*http.Request, *answer) {
	t.Helper()
	var ctx fasthttp.RequestCtx
	ctx.Request.Header.SetMethod(method)
	ctx.Request.SetRequestURI(uri)
	for name, value := range header {
		ctx.Request.Header.Set(name, value)
	}
	ctx.Request.SetBody(body)
	g.server.app.Handler()(&ctx)
	a := &answer{t: t, status: ctx.Response.StatusCode(), header: http.Header{}}
	for name, value := range ctx.Response.Header.All() {
		a.header.Add(string(name), string(value))
	}
	a.body = bytes.Clone(ctx.Response.Body())
	req, err := http.NewRequest(method, "http://localhost"+uri, bytes.NewReader(body))
	if err != nil {
		return nil, a
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	return req, a
}

// FuzzAnyRequest: whatever is sent to any route, by whom ever, is answered as the contract says: never by an error of the server, errors as
// problems, and with nothing of another organization.
func FuzzAnyRequest(f *testing.F) {
	for route := range endpoints {
		f.Add(uint8(route), uint8(0), "x", "", "", []byte(nil), uint8(0))
		f.Add(uint8(route), uint8(1), "e-mine", "limit=1&cursor=m-mine", "0", []byte(`{"name":"n","role":"member","actions":["a.b"],"channels":["inbox"],"recipients":[{"member":"c_1"}],"scopes":["admin"]}`), uint8(0))
		f.Add(uint8(route), uint8(7), "e-"+secretOfOther, "q=%22a&from=x", "\x00\xff", []byte(`{"name":1,"name":{}}`), uint8(1))
		f.Add(uint8(route), uint8(2), "a%2Fb", "ip=::/0&zone=Europe%2FBerlin&interval=day", `"1"`, []byte("List-Unsubscribe=One-Click&MessageStatus=sent"), uint8(2))
	}
	g := &target{}
	f.Cleanup(func() { g.end(f) })
	names := []string{"", "creator", "admin", "contact", "member", "greedy", "producer", "reader", "other"}
	f.Fuzz(func(t *testing.T, route, who uint8, id, query, header string, body []byte, form uint8) {
		e := endpoints[int(route)%len(endpoints)]
		if e.stream || len(id)+len(query)+len(header) > maxHeaderBytes/8 {
			return // streams have no end, and the HTTP layer refuses long addresses before
		}
		g.ready(t)
		uri := strings.NewReplacer("{id}", url.PathEscape(id), "{name}", url.PathEscape(header), "{token}", url.PathEscape(id), "{organization}", url.PathEscape(id),
			"{delivery}", url.PathEscape(header)).Replace(e.Path)
		if query != "" {
			uri += "?" + query
		}
		name := names[int(who)%len(names)]
		headers := map[string]string{"If-Match": header, headerOnce: header, "X-CSRF-Token": header, "X-Request-ID": header, "X-Twilio-Signature": header,
			"Content-Type": []string{contentJSON, contentNDJSON, "application/x-www-form-urlencoded", header}[form%4]}
		if name != "" {
			headers["Authorization"] = "Bearer " + g.keys[name]
		} else if form&4 != 0 {
			headers["Authorization"] = header
		}
		if form&8 != 0 {
			headers["Content-Encoding"] = "gzip"
		}
		req, a := g.send(t, e.Method, uri, headers, body)
		if a.status == http.StatusCreated || a.status == http.StatusAccepted {
			g.made++
		}
		g.judge(t, e.Method+" "+uri, name, req, a)
	})
}

func (g *target) judge(t *testing.T, what, name string, req *http.Request, a *answer) {
	t.Helper()
	if a.status >= 500 {
		t.Fatalf("%s by %q: %d %s", what, name, a.status, a.body)
	}
	if name != "other" && !strings.Contains(what, secretOfOther) && bytes.Contains(a.body, []byte(secretOfOther)) {
		t.Fatalf("%s by %q shows what is of another organization: %s", what, name, a.body)
	}
	if strings.HasPrefix(a.header.Get("Content-Type"), "application/") && strings.Contains(a.header.Get("Content-Type"), "json") && (!json.Valid(a.body) || !utf8.Valid(a.body)) {
		t.Fatalf("%s by %q: not JSON: %q", what, name, a.body)
	}
	asSCIM := strings.Contains(what, " "+pathSCIM+"/") && a.header.Get("Content-Type") == contentSCIM
	if a.status >= 400 && a.header.Get("Content-Type") != contentProblem && !asSCIM && !strings.Contains(what, "/v1/unsubscribe/") {
		t.Fatalf("%s by %q: %d as %s", what, name, a.status, a.header.Get("Content-Type"))
	}
	if req == nil {
		return // no client could send it; a server may get it all the same
	}
	if err := contractOf(t).check(req, a); err != nil {
		t.Fatalf("%s by %q -> %d breaks the contract: %v\n%.2000s", what, name, a.status, err, a.body)
	}
}
