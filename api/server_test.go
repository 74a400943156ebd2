package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"github.com/audittrail/audittrail/audit"
)

func TestReadinessNamesThePartThatIsDown(t *testing.T) {
	var broken error
	g := newRig(t, func(cfg *Config) {
		cfg.Ready = []ReadyCheck{{Name: "index", Check: func(context.Context) error { return nil }},
			{Name: "temporal", Check: func(context.Context) error { return broken }},
			{Name: "store", Check: func(context.Context) error {
				if broken != nil {
					panic("at once")
				}
				return nil
			}}}
	})
	g.do(call{method: "GET", path: "/healthz"}).want(200)
	g.do(call{method: "HEAD", path: "/healthz"}).want(200)
	up := into[readyView](g.do(call{method: "GET", path: "/readyz"}).want(200))
	if up.Status != "up" || len(up.Parts) != 3 {
		t.Errorf("ready = %+v", up)
	}
	broken = audit.Unavailable(errors.New("dial 10.1.2.3"), time.Second, "Temporal does not answer")
	g.server.ready.at = time.Time{} // no request is under way: the next one asks again
	a := g.do(call{method: "GET", path: "/readyz"}).want(503)
	down := into[readyView](a)
	if down.Status != "down" || down.Parts[0].State != "up" || down.Parts[1] != (partView{"temporal", "down", "Temporal does not answer"}) || down.Parts[2].State != "down" {
		t.Errorf("ready = %+v", down)
	}
	if strings.Contains(string(a.body), "10.1.2.3") || !strings.Contains(g.log.String(), "10.1.2.3") {
		t.Error("the cause belongs into the log, and there only")
	}
}

func TestReadinessSaysWhatAPersonHasToDo(t *testing.T) {
	cause := errors.New("index template audittrail-events: priority is 1")
	g := newRig(t, func(cfg *Config) {
		cfg.Ready = []ReadyCheck{
			{Name: "index", Check: func(context.Context) error { return audit.WithCause(audit.CodeConflict, cause, "run setup") }},
			{Name: "store", Check: func(context.Context) error { return audit.WithCause(audit.CodeInvalid, cause, "use the newer program") }},
			{Name: "temporal", Check: func(context.Context) error { return cause }},
		}
	})
	a := g.do(call{method: "GET", path: "/readyz"}).want(503)
	want := []partView{{"index", "down", "run setup"}, {"store", "down", "use the newer program"}, {"temporal", "down", ""}}
	if got := into[readyView](a); !slices.Equal(got.Parts, want) {
		t.Errorf("ready = %+v, want %+v", got.Parts, want)
	}
	if strings.Contains(string(a.body), "priority") {
		t.Errorf("the cause is shown: %s", a.body)
	}
}

func TestAServerForHealthAnswersNothingElse(t *testing.T) {
	registry := prometheus.NewRegistry()
	g := newRig(t, func(cfg *Config) {
		*cfg = Config{HealthOnly: true, Metrics: NewMetrics(registry), Gatherer: registry, Clock: cfg.Clock, Logger: cfg.Logger,
			Ready: []ReadyCheck{{Name: "index", Check: func(context.Context) error { return nil }}}}
	})
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		g.do(call{method: "GET", path: path}).want(200)
	}
	for _, route := range Routes() {
		if route.Path == "/healthz" || route.Path == "/readyz" || route.Path == "/metrics" {
			continue
		}
		request, err := http.NewRequestWithContext(t.Context(), route.Method, g.base+route.Path, nil)
		must(t, err)
		answer, err := g.client.Do(request) // the contract is that of the API
		must(t, err)
		body, err := io.ReadAll(answer.Body)
		must(t, errors.Join(err, answer.Body.Close()))
		if answer.StatusCode != http.StatusNotFound || !strings.Contains(string(body), "background work") {
			t.Errorf("%s %s is answered %d %s", route.Method, route.Path, answer.StatusCode, body)
		}
	}
}

func TestMetricsCountByRouteTemplateAndNameNobody(t *testing.T) {
	g := newRig(t)
	g.do(call{method: "POST", path: "/v1/events", key: "producer", body: "[" + eventJSON("e-1") + "," + eventJSON("e-1") + ",1]"}).want(200)
	g.do(call{method: "GET", path: "/v1/events/e-1", key: "reader"}).want(200)
	g.do(call{method: "GET", path: "/nothing/here"}).want(404)
	g.server.metrics.ObserveCommit(3, 250, 2*time.Millisecond, 20*time.Millisecond, nil)
	g.server.metrics.ObserveCommit(1, 1, 0, 5*time.Second, errors.New("full"))
	text := string(g.do(call{method: "GET", path: "/metrics"}).want(200).body)
	for _, line := range []string{
		`audittrail_http_requests_total{method="GET",route="/v1/events/{id}",status="200"} 1`,
		`audittrail_http_requests_total{method="GET",route="unmatched",status="404"} 1`,
		`audittrail_http_request_seconds_count{method="POST",route="/v1/events"} 1`,
		`audittrail_events_total{status="created"} 1`, `audittrail_events_total{status="duplicate"} 1`, `audittrail_events_total{status="rejected"} 1`,
		`audittrail_commits_total{result="ok"} 1`, `audittrail_commits_total{result="failed"} 1`, `audittrail_commit_events_sum 251`, `audittrail_commit_requests_sum 4`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("missing %s", line)
		}
	}
	for _, secret := range []string{"acme", "e-1", g.keyIDs["reader"], "/nothing"} {
		if strings.Contains(text, secret) {
			t.Errorf("the metrics name %s", secret)
		}
	}
}

func TestTheAccessLogHasIDsAndNoPersonalData(t *testing.T) {
	g := newRig(t)
	g.addEvents("acme", event(1, audit.LogLogin, "login.failed", "alice@example.com"))
	a := g.do(call{method: "GET", path: "/v1/events?actor=alice%40example.com&q=secretword", key: "reader", header: map[string]string{"X-Request-ID": "my.request-1"}}).want(200)
	if got := a.header.Get("X-Request-Id"); got != "my.request-1" {
		t.Errorf("request id = %q", got)
	}
	g.do(call{method: "GET", path: "/v1/members/bob@example.com", key: "reader"}).want(200)
	var line map[string]any
	must(t, json.Unmarshal([]byte(strings.SplitN(g.log.String(), "\n", 2)[0]), &line))
	for key, want := range map[string]any{"method": "GET", "route": "/v1/events", "status": 200.0, "request_id": "my.request-1", "organization": "acme", "key": g.keyIDs["reader"], "bytes": float64(len(a.body))} {
		if line[key] != want {
			t.Errorf("%s = %v, want %v", key, line[key], want)
		}
	}
	for _, private := range []string{"alice", "bob@", "secretword", "127.0.0.1", g.keys["reader"]} {
		if strings.Contains(g.log.String(), private) {
			t.Errorf("the log has %q", private)
		}
	}
}

func TestARequestIDThatIsNotSaneIsReplaced(t *testing.T) {
	g := newRig(t)
	for _, id := range []string{"a b", strings.Repeat("x", 65), `"},"level":"ERROR`} {
		a := g.do(call{method: "GET", path: "/healthz", header: map[string]string{"X-Request-ID": id}}).want(200)
		if got := a.header.Get("X-Request-Id"); got == id || len(got) != 36 {
			t.Errorf("request id = %q", got)
		}
	}
}

// panicking panics at each search.
type panicking struct{ Events }

func (panicking) Search(context.Context, string, audit.Search) (audit.Page, error) {
	panic("secret of the index")
}

func TestAPanicIsAnsweredAndTheServerGoesOn(t *testing.T) {
	g := newRig(t, func(cfg *Config) { cfg.Events = panicking{cfg.Events} })
	a := g.do(call{method: "GET", path: "/v1/events", key: "reader"}).want(500)
	if strings.Contains(string(a.body), "secret of the index") || strings.Count(g.log.String(), "panic: secret of the index") != 1 {
		t.Errorf("answer = %s\nlog = %s", a.body, g.log.String())
	}
	g.do(call{method: "GET", path: "/v1/organization", key: "reader"}).want(200)
}

// stuck answers no search before its deadline.
type stuck struct{ Events }

func (stuck) Search(ctx context.Context, _ string, _ audit.Search) (audit.Page, error) {
	<-ctx.Done()
	return audit.Page{}, ctx.Err()
}

func TestASearchThatTakesTooLongIsEnded(t *testing.T) {
	g := newRig(t, func(cfg *Config) { cfg.Events, cfg.Limits.ReadTimeout = stuck{cfg.Events}, 20*time.Millisecond })
	if a := g.do(call{method: "GET", path: "/v1/events", key: "reader"}).want(503); a.header.Get("Retry-After") == "" {
		t.Error("there is no Retry-After")
	}
}

func TestShutdownAnswersWhatWasTakenIn(t *testing.T) {
	g := newRig(t)
	g.ingest.hold, g.ingest.entered = make(chan struct{}), make(chan struct{}, 1)
	answered := make(chan *answer, 1)
	go func() {
		answered <- g.do(call{method: "POST", path: "/v1/events", key: "producer", body: eventJSON("late")})
	}()
	<-g.ingest.entered
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	stopped := make(chan error, 1)
	go func() { stopped <- g.server.Shutdown(ctx) }()
	eventually(t, "the listener's end", func() bool {
		res, err := g.client.Get(g.base + "/healthz")
		if err == nil {
			res.Body.Close()
		}
		return err != nil
	})
	select {
	case err := <-stopped:
		t.Fatalf("Shutdown returned %v before the request was answered", err)
	default:
	}
	close(g.ingest.hold)
	(<-answered).want(201)
	must(t, <-stopped)
	if _, err := g.index.Get(t.Context(), "acme", "late"); err != nil {
		t.Error(err)
	}
}

func TestShutdownDoesNotWaitForever(t *testing.T) {
	g := newRig(t)
	g.ingest.hold, g.ingest.entered = make(chan struct{}), make(chan struct{}, 1)
	answered := make(chan *answer, 1)
	go func() {
		answered <- g.do(call{method: "POST", path: "/v1/events", key: "producer", body: eventJSON("late")})
	}()
	<-g.ingest.entered
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := g.server.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown = %v", err)
	}
	(<-answered).want(503) // cancelled, and told so
}

func TestAServerThatWasShutDownDoesNotServe(t *testing.T) {
	s := New(Config{})
	must(t, s.Shutdown(t.Context()))
	must(t, s.Listen("127.0.0.1:0"))
}

func TestEveryAnswerForbidsSniffingFramingAndCaching(t *testing.T) {
	g := newRig(t)
	for _, c := range []call{{method: "GET", path: "/healthz"}, {method: "GET", path: "/nothing"}, {method: "GET", path: "/docs"}, {method: "GET", path: "/v1/events"}} {
		header := g.do(c).header
		if header.Get("X-Content-Type-Options") != "nosniff" || header.Get("Cache-Control") != "no-store" || !strings.Contains(header.Get("Content-Security-Policy"), "frame-ancestors 'none'") || header.Get("Server") != "" {
			t.Errorf("%s: %v", c.path, header)
		}
	}
	for _, method := range []string{"DELETE", "TRACE", "QUERY", "BREW"} {
		if got := g.do(call{method: method, path: "/v1/events", key: "admin"}).want(http.StatusMethodNotAllowed).header.Get("Allow"); !strings.Contains(got, "POST") || !strings.Contains(got, "GET") {
			t.Errorf("Allow of %s = %q", method, got)
		}
	}
	g.do(call{method: "BREW", path: "/v1/nothing", key: "admin"}).want(http.StatusNotFound)
}

func TestOnlyWhoMayBeSignedInSendsAFileOfMembers(t *testing.T) {
	g := newRig(t)
	limit := func(path, cookie string) int {
		var header fasthttp.RequestHeader
		header.SetRequestURI(path)
		if cookie != "" {
			header.SetCookie(cookie, "secret")
		}
		return g.server.app.Server().HeaderReceived(&header).MaxRequestBodySize
	}
	if got := limit(pathMemberImport, g.server.CookieName()); got != maxJSONBytes {
		t.Errorf("a server without pages takes %d bytes", got)
	}
	g.server.Mount(noPages{})
	for name, tt := range map[string]struct {
		path, cookie string
		want         int
	}{
		"with a session":      {pathMemberImport + "?x=1", g.server.CookieName(), overrun * audit.MaxMemberFileBytes},
		"without":             {pathMemberImport, "", maxJSONBytes},
		"with another cookie": {pathMemberImport, "other", maxJSONBytes},
		"another page":        {"/members", g.server.CookieName(), maxJSONBytes},
	} {
		if got := limit(tt.path, tt.cookie); got != tt.want {
			t.Errorf("%s: %d bytes, want %d", name, got, tt.want)
		}
	}
}

// noPages stands where pages would.
type noPages struct{}

func (noPages) ServePage(*fasthttp.RequestCtx) string { return "" }
