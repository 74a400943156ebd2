package api

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/estest"
)

// short are deadlines that a test can wait for.
func short(cfg *Config) {
	cfg.Limits.HeaderTimeout, cfg.Limits.BodyTimeout, cfg.Limits.IdleTimeout = 100*time.Millisecond, 200*time.Millisecond, 300*time.Millisecond
	cfg.Limits.WriteTimeout = 200 * time.Millisecond
}

// drip sends the text again and again, a little at a time, until the server ends the connection, and returns how long that took.
func (r *rawClient) drip(text string) time.Duration {
	r.t.Helper()
	began := time.Now()
	for pause := time.NewTicker(10 * time.Millisecond); time.Since(began) < 15*time.Second; <-pause.C {
		if _, err := fmt.Fprint(r.conn, text); err != nil {
			return time.Since(began)
		}
	}
	r.t.Fatal("the server still listens")
	return 0
}

func TestAClientThatSendsItsHeadersByTheByteIsCutOff(t *testing.T) {
	g := newRig(t, short, func(cfg *Config) { cfg.Limits.BodyTimeout = time.Minute })
	for name, begin := range map[string]string{"nothing": "", "the method": "G", "headers": "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-A: "} {
		if took := g.dial().send("%s", begin).drip("a"); took > 10*time.Second {
			t.Errorf("after %s: it took %s", name, took)
		}
	}
	silent := g.dial()
	silent.closed()
}

func TestAClientThatDoesNotFinishTheHandshakeIsCutOff(t *testing.T) {
	g := newRig(t, short)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	certificate := estest.NewAuthority(t).Server("127.0.0.1", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	go func() {
		_ = g.server.Serve(tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}))
	}()
	g.base = "http://" + ln.Addr().String()
	for name, begin := range map[string]string{"nothing": "", "half a greeting": "\x16\x03\x01\x02\x00\x01", "plain HTTP": "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"} {
		if rest := g.dial().send("%s", begin).closed(); strings.Contains(rest, "200") {
			t.Errorf("%s is answered %q", name, rest)
		}
	}
}

func TestAClientThatSendsItsBodyByTheByteIsCutOff(t *testing.T) {
	g := newRig(t, short)
	c := g.dial().send("POST /v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n", g.keys["producer"])
	c.drip(" ")
	c = g.dial().send("POST /v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n", g.keys["producer"])
	c.drip("1\r\n \r\n")
}

func TestABodyMayTakeLongerThanHeaders(t *testing.T) {
	g := newRig(t, short, func(cfg *Config) { cfg.Limits.BodyTimeout = 20 * time.Second })
	body := eventJSON("slow")
	c := g.dial().send("POST /v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n",
		g.keys["producer"], len(body))
	pause := time.NewTicker(3 * time.Millisecond) // longer than the deadline of headers, together
	defer pause.Stop()
	for _, b := range []byte(body) {
		<-pause.C
		c.send("%c", b)
	}
	c.want(201)
}

func TestAConnectionThatIsSilentBetweenRequestsIsClosed(t *testing.T) {
	g := newRig(t, short)
	c := g.dial().send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
	c.want(200)
	c.closed()
}

func TestAClientThatDoesNotTakeItsAnswerIsCutOff(t *testing.T) {
	g := newRig(t, short)
	for i := range 1000 {
		e := event(i, audit.LogOperation, "contacts.member.added", "u_1")
		e.Message = strings.Repeat("long words ", 1500)
		g.addEvents("acme", e)
	}
	c := g.dial()
	must(t, c.conn.(*net.TCPConn).SetReadBuffer(4096))
	for range 4 { // more than the buffers of both sides hold
		c.send("GET /v1/events?log=operation&limit=1000 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n", g.keys["reader"])
	}
	eventually(t, "the connection", func() bool { return g.server.app.Server().GetOpenConnectionsCount() == 1 })
	eventually(t, "the end of the connection", func() bool { return g.server.app.Server().GetOpenConnectionsCount() == 0 })
}

func TestHeadersThatDoNotEndAreRefused(t *testing.T) {
	g := newRig(t)
	long := strings.Repeat("x", 20<<10)
	for name, text := range map[string]string{
		"a long address":       "GET /" + long + " HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"a long header":        "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-A: " + long + "\r\n\r\n",
		"a long cookie":        "GET /healthz HTTP/1.1\r\nHost: localhost\r\nCookie: a=" + long + "\r\n\r\n",
		"many headers":         "GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + strings.Repeat("X-A: b\r\n", 4000) + "\r\n",
		"a line without end":   "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-" + long,
		"a method without end": long + long,
	} {
		t.Run(name, func(t *testing.T) {
			g.t = t
			g.dial().send("%s", text).want(431)
		})
	}
}

// TestWhatIsNotHTTPIsRefusedAndEndsTheConnection: above all, nothing is taken for one request here and for two by a proxy in front.
func TestWhatIsNotHTTPIsRefusedAndEndsTheConnection(t *testing.T) {
	g := newRig(t)
	const second = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
	post := func(headers, body string) string {
		return "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + g.keys["producer"] + "\r\nContent-Type: application/json\r\n" + headers + "\r\n" + body + second
	}
	for name, text := range map[string]string{
		"rubbish":                          "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n" + second,
		"two lengths":                      post("Content-Length: 2\r\nContent-Length: 0\r\n", "{}"),
		"a list of lengths":                post("Content-Length: 2, 2\r\n", "{}"),
		"a length below nothing":           post("Content-Length: -1\r\n", ""),
		"a length with a sign":             post("Content-Length: +2\r\n", "{}"),
		"a length that is no number":       post("Content-Length: two\r\n", "{}"),
		"a length beyond numbers":          post("Content-Length: 99999999999999999999\r\n", "{}"),
		"both a length and chunks":         post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
		"an encoding that is not known":    post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"),
		"an encoding twice":                post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n"),
		"a chunk with a wrong length":      post("Transfer-Encoding: chunked\r\n", "zz\r\n{}\r\n0\r\n\r\n"),
		"a chunk beyond numbers":           post("Transfer-Encoding: chunked\r\n", "ffffffffffffffffff\r\n{}\r\n0\r\n\r\n"),
		"a chunk longer than its length":   post("Transfer-Encoding: chunked\r\n", "1\r\n{}\r\n0\r\n\r\n"),
		"a space before the colon":         post("Content-Length : 2\r\n", "{}"),
		"a header without a colon":         post("X-A\r\nContent-Length: 2\r\n", "{}"),
		"a zero byte in a header":          post("X-A: a\x00b\r\nContent-Length: 2\r\n", "{}"),
		"two hosts":                        "GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n" + second,
		"no host":                          "GET /healthz HTTP/1.1\r\n\r\n" + second,
		"no version":                       "GET /healthz\r\n\r\n" + second,
		"a return in the middle of a line": "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-A: b\rContent-Length: 5\r\n\r\n" + second,
	} {
		t.Run(name, func(t *testing.T) {
			g.t = t
			c := g.dial().send("%s", text)
			response, body := c.answer()
			if response.StatusCode < 400 || response.StatusCode >= 500 {
				t.Errorf("answered %d: %s", response.StatusCode, body)
			}
			if rest := c.closed(); rest != "" {
				t.Errorf("the connection went on: %q", rest)
			}
		})
	}
	if page, err := g.index.Search(t.Context(), "acme", audit.Search{Limit: 10}); err != nil || len(page.Events) != 0 {
		t.Errorf("%d events were stored (%v)", len(page.Events), err)
	}
}

func TestABodyOverTheLimitIsRefusedBeforeItIsRead(t *testing.T) {
	g := newRig(t)
	head := "%s %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + g.keys["admin"] + "\r\nContent-Type: application/json\r\n%s\r\n"
	for _, path := range []string{"POST /v1/events", "POST /v1/exports", "PUT /v1/members/u_1", "POST /v1/unsubscribe/x", "POST /v1/callbacks/twilio/acme/x", "POST /nothing"} {
		method, path, _ := strings.Cut(path, " ")
		g.dial().send(head, method, path, "Content-Length: 1000000000\r\n").want(413)
		waits := g.dial().send(head, method, path, "Content-Length: 1000000000\r\nExpect: 100-continue\r\n")
		response, _ := waits.answer()
		if response.StatusCode == http.StatusContinue {
			response, _ = waits.answer()
		}
		if response.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: a body that waits to be asked for is answered %d", path, response.StatusCode)
		}
		chunks := g.dial().send(head, method, path, "Transfer-Encoding: chunked\r\n")
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			for range 40 { // 20 MiB
				chunks.send("%x\r\n%s\r\n", 512<<10, strings.Repeat(" ", 512<<10))
			}
		}()
		if status, err := responseBeforeReset(chunks); err == nil && status != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: a body in chunks is answered %d", path, status)
		}
		chunks.conn.Close()
		<-sent
	}
	g.dial().send("POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10000000\r\n\r\n").want(413) // without a key the limit is the small one
}

// bomb is gzip of that many zeros.
func bomb(t *testing.T, size int) string {
	t.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	must(t, err)
	zeros := make([]byte, 1<<20)
	for range size >> 20 {
		_, err := w.Write(zeros)
		must(t, err)
	}
	must(t, w.Close())
	return b.String()
}

func TestABodyThatGrowsWhenItIsUnpackedIsRefusedAtTheLimit(t *testing.T) {
	g := newRig(t)
	large := bomb(t, 256<<20)
	twice := bomb(t, 8<<20)
	for name, c := range map[string]call{
		"events":             {method: "POST", path: "/v1/events", key: "producer", body: large},
		"events as NDJSON":   {method: "POST", path: "/v1/events", key: "producer", body: large, header: map[string]string{"Content-Type": contentNDJSON}},
		"several in a row":   {method: "POST", path: "/v1/events", key: "producer", body: twice + twice + twice},
		"another route":      {method: "POST", path: "/v1/exports", key: "admin", body: twice},
		"a form of Twilio's": {method: "POST", path: "/v1/callbacks/twilio/acme/d", body: twice, header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}},
	} {
		t.Run(name, func(t *testing.T) {
			g.t = t
			if c.header == nil {
				c.header = map[string]string{}
			}
			c.header["Content-Encoding"] = "gzip"
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			g.do(c).want(413)
			runtime.ReadMemStats(&after)
			if grown := (after.TotalAlloc - before.TotalAlloc) >> 20; grown > 64 {
				t.Errorf("%d MiB were taken", grown)
			}
		})
	}
	g.t = t
	for _, encoding := range []string{"gzip, gzip", "deflate", "br", "zstd", "gzip,deflate"} {
		g.do(call{method: "POST", path: "/v1/events", key: "producer", body: twice, header: map[string]string{"Content-Encoding": encoding}}).want(415)
	}
}

func TestJSONThatIsDeepOrWideCostsLittleAndIsRefused(t *testing.T) {
	g := newRig(t)
	wide := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"f%d":1`, i)
		}
		return b.String()
	}
	inEvent := func(more string) string { return strings.TrimSuffix(eventJSON("x"), "}") + more + "}" }
	many := strings.Repeat(inEvent(wide(600))+",", 900)
	for name, tt := range map[string]struct {
		call   call
		status int
	}{
		"arrays in arrays, to the limit":   {call{method: "POST", path: "/v1/events", key: "producer", body: strings.Repeat("[", 4<<20)}, 400},
		"objects in objects of an event":   {call{method: "POST", path: "/v1/events", key: "producer", body: inEvent(`,"metadata":` + strings.Repeat(`{"a":`, 9000) + "1" + strings.Repeat("}", 9000))}, 400},
		"arrays in arrays of a setting":    {call{method: "POST", path: "/v1/reminders", key: "admin", body: strings.Repeat("[", 200<<10)}, 400},
		"objects in objects of a setting":  {call{method: "POST", path: "/v1/exports", key: "admin", body: strings.Repeat(`{"q":`, 40<<10)}, 400},
		"an event with 5,000 fields":       {call{method: "POST", path: "/v1/events", key: "producer", body: inEvent(wide(5000))}, 422},
		"a setting with 20,000 fields":     {call{method: "POST", path: "/v1/exports", key: "admin", body: "{" + wide(20000)[1:] + "}"}, 422},
		"900 events with 600 wrong fields": {call{method: "POST", path: "/v1/events", key: "producer", body: "[" + strings.TrimSuffix(many, ",") + "]"}, 200},
		"a million numbers for events":     {call{method: "POST", path: "/v1/events", key: "producer", body: "[" + strings.Repeat("1,", 1<<20) + "1]"}, 413},
		"a number of a megabyte":           {call{method: "POST", path: "/v1/events", key: "producer", body: strings.Repeat("9", 1<<20)}, 413},
		"a number of 200 KiB in a setting": {call{method: "POST", path: "/v1/exports", key: "admin", body: `{"mode":` + strings.Repeat("9", 200<<10) + "}"}, 422},
	} {
		t.Run(name, func(t *testing.T) {
			g.t = t
			began := time.Now()
			a := g.do(tt.call)
			if a.status != tt.status {
				t.Errorf("answered %d, want %d: %s", a.status, tt.status, clip(string(a.body)))
			}
			if took := time.Since(began); took > time.Minute || len(a.body) > 16<<20 { // what costs too much takes hours; a busy machine takes its time
				t.Errorf("it took %s and is answered with %d bytes", took, len(a.body))
			}
			if !json.Valid(a.body) {
				t.Error("the answer is not JSON")
			}
		})
	}
}

func TestConnectionsOverTheLimitAreTurnedAwayAtOnceAndLaterServed(t *testing.T) {
	g := newRig(t, func(cfg *Config) { cfg.Limits.Connections = 4 })
	const ask = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
	var held []*rawClient
	for range 4 {
		c := g.dial().send(ask)
		c.want(200)
		held = append(held, c)
	}
	began := time.Now()
	over := g.dial()
	over.want(503)
	over.closed()
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
	held[0].send(ask).want(200) // the others do not notice
	for _, c := range held {
		c.conn.Close()
	}
	eventually(t, "a place", func() bool {
		c := g.dial().send(ask)
		response, _ := c.answer()
		c.conn.Close()
		return response.StatusCode == http.StatusOK
	})
}
