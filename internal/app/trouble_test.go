package app_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/app"
	"github.com/audittrail/audittrail/internal/config"
	"github.com/audittrail/audittrail/internal/estest"
)

func encoded(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// running is an API on a cluster that can be troubled.
type running struct {
	t     *testing.T
	cfg   *config.Config
	proxy *estest.Proxy
	url   string
	key   string
	sent  map[string]bool // the ids that were acknowledged
}

func run(t *testing.T, cfg *config.Config, proxy *estest.Proxy) *running {
	t.Helper()
	r := &running{t: t, cfg: cfg, proxy: proxy, key: key(t, cfg), sent: map[string]bool{}}
	opts := options()
	opts.Role = app.RoleAPI
	r.url = serving(t, cfg, opts)
	t.Cleanup(func() { proxy.Do(nil) }) // before the end, which needs the cluster
	return r
}

// send sends one event and returns the status, what it says, and when to come back.
func (r *running) send(id string) (status int, detail, retryAfter string) {
	r.t.Helper()
	event := fmt.Sprintf(`{"id":%q,"time":%q,"log":"login","action":"login.failed","actor":{"id":"x"}}`, id, time.Now().UTC().Format(audit.TimeLayout))
	request, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, r.url+"/v1/events?wait=searchable", strings.NewReader(event))
	if err != nil {
		r.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+r.key)
	request.Header.Set("Content-Type", "application/json")
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	if response.StatusCode < 300 {
		r.sent[id] = true
	}
	return response.StatusCode, string(body), response.Header.Get("Retry-After")
}

// part is what /readyz says of one.
func (r *running) part(name string) (state, detail string) {
	r.t.Helper()
	_, body := request(r.t, http.MethodGet, r.url+"/readyz", "", "")
	var view struct {
		Parts []struct{ Name, State, Detail string }
	}
	if err := json.Unmarshal(body, &view); err != nil {
		r.t.Fatalf("%v in %s", err, body)
	}
	for _, p := range view.Parts {
		if p.Name == name {
			return p.State, p.Detail
		}
	}
	r.t.Fatalf("%s is not in %s", name, body)
	return "", ""
}

// until asks again until the answer is right.
func (r *running) until(limit time.Duration, what func() error) {
	r.t.Helper()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := what()
		if err == nil {
			return
		}
		select {
		case <-timer.C:
			r.t.Fatalf("within %s: %v", limit, err)
		case <-tick.C:
		}
	}
}

const noLonger = `{"error":{"type":"security_exception","reason":"unable to authenticate user [audittrail]"},"status":401}`

// troubles are things that happen to a cluster while an API runs on it.
var troubles = []struct {
	name  string
	begin func(r *running)
	end   func(r *running)
	// part is the part of /readyz that says what is wrong; says are its words.
	part string
	says []string
	// takesIn says that events are taken in all the same. Otherwise the answer is 503 and says the words of answers, those of /readyz where there are none.
	takesIn bool
	answers []string
}{
	{name: "the cluster goes away", begin: func(r *running) { r.proxy.Always(estest.Fault{Refuse: true}) },
		part: "index", says: []string{"Elasticsearch does not answer"}, answers: []string{"in time"}},
	{name: "the cluster answers after half a minute", begin: func(r *running) { r.proxy.Always(estest.Fault{DelayRequest: 30 * time.Second}) },
		part: "index", says: []string{"in time"}, answers: []string{"in time"}},
	{name: "the password is taken away", begin: func(r *running) { r.proxy.Always(estest.Fault{Status: 401, Body: noLonger}) },
		part: "index", says: []string{"does not accept our credentials", "elastic.password"}},
	{name: "the events are made read-only", begin: func(r *running) { r.block("events", "write", true) }, end: func(r *running) { r.block("events", "write", false) },
		part: "index", says: []string{"takes no more in", "read-only"}},
	{name: "the disk is over the flood stage", begin: func(r *running) { r.block("events", "read_only_allow_delete", true) },
		end:  func(r *running) { r.block("events", "read_only_allow_delete", false) },
		part: "index", says: []string{"flood stage"}},
	{name: "the records are made read-only", begin: func(r *running) { r.block("records", "write", true) }, end: func(r *running) { r.block("records", "write", false) },
		part: "store", says: []string{"takes no more in", "read-only"}, takesIn: true},
	{name: "a shard of the events is lost", begin: func(r *running) { r.proxy.Do(redHealth) },
		part: "index", says: []string{"a shard of the events is not available"}, takesIn: true},
	{name: "the template is changed by hand", begin: func(r *running) { changeTemplate(r.t, r.cfg) }, end: func(r *running) { setUp(r.t, r.cfg) },
		part: "index", says: []string{"index template", "changed by hand", "audittrail setup"}, takesIn: true},
}

// redHealth answers that the data stream's health is red, and lets everything else pass.
func redHealth(r *http.Request, _ []byte) estest.Fault {
	if !strings.HasPrefix(r.URL.Path, "/_cluster/health") {
		return estest.Fault{}
	}
	return estest.Fault{Alter: func(_ *http.Response, body []byte) []byte {
		return bytes.ReplaceAll(bytes.ReplaceAll(body, []byte(`"green"`), []byte(`"red"`)), []byte(`"yellow"`), []byte(`"red"`))
	}}
}

// block puts a block on events or records, or takes it away.
func (r *running) block(what, block string, on bool) {
	ask(r.t, http.MethodPut, "/"+r.cfg.Elastic.Prefix+"-"+what+"/_settings", fmt.Sprintf(`{"index.blocks.%s":%t}`, block, on))
}

func TestTroubleWithElasticsearchIsSaidAndIsOverWhenItsCauseIs(t *testing.T) {
	cfg, proxy := onCluster(t)
	setUp(t, cfg)
	r := run(t, cfg, proxy)
	for i, trouble := range troubles {
		t.Run(trouble.name, func(t *testing.T) {
			outer := r.t
			r.t = t
			defer func() { r.t = outer }()
			if status, detail, _ := r.send(fmt.Sprintf("before-%d", i)); status != http.StatusCreated {
				t.Fatalf("before it, an event is answered %d %s", status, detail)
			}
			trouble.begin(r)
			r.until(20*time.Second, func() error {
				state, detail := r.part(trouble.part)
				for _, word := range trouble.says {
					if state != "down" || !strings.Contains(detail, word) {
						return fmt.Errorf("/readyz says that %s is %s: %q, want %q", trouble.part, state, detail, trouble.says)
					}
				}
				return nil
			})
			r.during(fmt.Sprintf("during-%d", i), trouble.takesIn, trouble.says, trouble.answers)
			r.proxy.Do(nil)
			if trouble.end != nil {
				trouble.end(r)
			}
			r.until(20*time.Second, func() error {
				if state, detail := r.part(trouble.part); state != "up" {
					return fmt.Errorf("after it, %s is %s: %s", trouble.part, state, detail)
				}
				if status, detail, _ := r.send(fmt.Sprintf("after-%d", i)); status >= 300 {
					return fmt.Errorf("after it, an event is answered %d %s", status, detail)
				}
				return nil
			})
		})
	}
	for id := range r.sent {
		if status, body := request(t, http.MethodGet, r.url+"/v1/events/"+id, r.key, ""); status != http.StatusOK {
			t.Errorf("%s was acknowledged, and is answered %d %s", id, status, body)
		}
	}
}

// during sends an event while there is trouble.
func (r *running) during(id string, takesIn bool, says, answers []string) {
	r.t.Helper()
	began := time.Now()
	status, detail, retryAfter := r.send(id)
	if took := time.Since(began); took > 16*time.Second {
		r.t.Errorf("the answer took %s", took)
	}
	if takesIn {
		if status >= 300 {
			r.t.Errorf("an event is answered %d %s", status, detail)
		}
		return
	}
	if status != http.StatusServiceUnavailable || retryAfter == "" {
		r.t.Errorf("an event is answered %d %s, to come back after %q", status, detail, retryAfter)
	}
	if answers == nil {
		answers = says
	}
	for _, word := range answers {
		if !strings.Contains(detail, word) {
			r.t.Errorf("the answer lacks %q: %s", word, detail)
		}
	}
	for _, internal := range []string{"127.0.0.1", r.cfg.Elastic.Prefix} {
		if strings.Contains(detail, internal) {
			r.t.Errorf("the answer shows %q: %s", internal, detail)
		}
	}
}

func TestAClusterWithElasticsearchSecuritySaysWhoMayNot(t *testing.T) {
	node := estest.Start(t, estest.Options{HeapMB: 512, Password: "first"})
	user := func(method, path, body string) {
		t.Helper()
		if status := estest.Ask(t, node.URL, method, "/_security/user/audit"+path, body, nil); status != http.StatusOK {
			t.Fatalf("the user cannot be changed: %d", status)
		}
	}
	user(http.MethodPut, "", `{"password":"hunter2","roles":["superuser"]}`)
	proxy := estest.NewProxy(t, node.URL)
	cfg := settings(t)
	cfg.Index, cfg.Elastic.URLs, cfg.Elastic.Replicas, cfg.Elastic.Lifecycle = config.IndexElastic, []string{proxy.URL}, 0, "temporal"
	cfg.Elastic.Username, cfg.Elastic.Password, cfg.Files.URL = "audit", "wrong", "file://"+t.TempDir()
	opts := options()
	opts.Role = app.RoleAPI
	const words = "does not accept our credentials"
	if _, err := app.New(t.Context(), cfg, opts); err == nil || !strings.Contains(err.Error(), words) || !strings.Contains(err.Error(), "elastic.password") {
		t.Fatalf("with a wrong password: %v", err)
	}
	cfg.Elastic.Password = "hunter2"
	setUp(t, cfg)
	r := run(t, cfg, proxy)
	if status, detail, _ := r.send("before"); status != http.StatusCreated {
		t.Fatalf("an event is answered %d %s", status, detail)
	}
	user(http.MethodPut, "/_disable", "")
	r.until(20*time.Second, func() error {
		if state, detail := r.part("index"); state != "down" || !strings.Contains(detail, words) {
			return fmt.Errorf("/readyz says that the index is %s: %s", state, detail)
		}
		return nil
	})
	r.during("during", false, []string{words}, nil)
	user(http.MethodPut, "/_enable", "")
	r.until(20*time.Second, func() error {
		if status, detail, _ := r.send("after"); status >= 300 {
			return fmt.Errorf("with the user back, an event is answered %d %s", status, detail)
		}
		return nil
	})
}
