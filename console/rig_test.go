package console

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/audittrail/audittrail/api"
	"github.com/audittrail/audittrail/audit"
	indexsqlite "github.com/audittrail/audittrail/index/sqlite"
	"github.com/audittrail/audittrail/internal/erasure"
	"github.com/audittrail/audittrail/internal/sample"
	"github.com/audittrail/audittrail/store"
	storesqlite "github.com/audittrail/audittrail/store/sqlite"
)

// TestMain also sees goroutines that are left. Those of fasthttp's clock and compressors live as long as the process, and those of its pools end some
// seconds after their server.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/valyala/fasthttp/stackless.funcWorker"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
		goleak.Cleanup(func(code int) { removeFolders(); os.Exit(code) }))
}

// today is when all tests happen: a Friday.
var today = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// clock is a time that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.now }

func (c *clock) advance(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.now = c.now.Add(d) }

// rig is the console on the real API, index and store, with the sample enterprise in them. Who asks is who the cookie names.
type rig struct {
	t          *testing.T
	clock      *clock
	enterprise *sample.Enterprise
	index      *indexsqlite.Index
	store      *storesqlite.Store
	jobs       *fakeJobs
	server     *api.Server
	base       string
	client     *http.Client
	log        *lockedBuffer
	calls      calls
}

// newRig starts everything with the number of sample events of the last six months.
func newRig(t *testing.T, events int) *rig {
	t.Helper()
	g := &rig{t: t, clock: &clock{now: today}, jobs: &fakeJobs{}, log: &lockedBuffer{}}
	g.enterprise = newEnterprise(events)
	dir := t.TempDir()
	must(t, os.CopyFS(dir, os.DirFS(populated(t, events))))
	must(t, g.open(dir))
	registry := prometheus.NewRegistry()
	reads := erasure.NewReader(g.index, g.store, g.clock.Now)
	g.server = api.New(api.Config{Metrics: api.NewMetrics(registry), Gatherer: registry, Events: reads, Erasures: reads, Ingester: g.index, Directory: g.store, Keys: g.store, Sessions: g.store, Addresses: g.store, Reminders: g.store, Deliveries: g.store,
		Messages: g.store, Exports: g.store, Secrets: g.store, Jobs: g.jobs,
		Channels: []api.ChannelState{{Channel: audit.ChannelInbox, On: true}, {Channel: audit.ChannelEmail, On: true}, {Channel: audit.ChannelSMS, Reason: "no Twilio account configured"}},
		Clock:    g.clock.Now, Logger: slog.New(slog.NewJSONHandler(g.log, nil)),
		Limits: api.Limits{StreamInterval: 20 * time.Millisecond, Heartbeat: 100 * time.Millisecond}})
	g.calls.API = g.server
	g.server.Mount(New(Config{API: &g.calls, Sessions: fakeSessions{g.store}, Clock: g.clock.Now, Logger: slog.New(slog.NewJSONHandler(g.log, nil)), Version: "1.2.3"}))
	g.listen()
	return g
}

// open opens index and store in the folder.
func (g *rig) open(dir string) (err error) {
	quiet := slog.New(slog.DiscardHandler)
	g.index, err = indexsqlite.Open(g.t.Context(), filepath.Join(dir, "index"), indexsqlite.Options{Clock: g.clock.Now, Logger: quiet})
	if err != nil {
		return err
	}
	g.store, err = storesqlite.Open(g.t.Context(), filepath.Join(dir, "store"), storesqlite.Options{Logger: quiet})
	return err
}

func newEnterprise(events int) *sample.Enterprise {
	e := sample.New(sample.Options{Count: max(1, events), Clock: func() time.Time { return today }})
	for i := range e.Members {
		e.Members[i].Version = 1
	}
	return e
}

// folders hold what rigs begin with, by the number of their events: it is made once and copied.
var folders = struct {
	sync.Mutex
	of map[int]string
}{of: map[int]string{}}

// populated returns a folder of index and store with the sample enterprise in them.
func populated(t *testing.T, events int) string {
	t.Helper()
	folders.Lock()
	defer folders.Unlock()
	if dir, ok := folders.of[events]; ok {
		return dir
	}
	dir, err := os.MkdirTemp("", "audittrail-console-")
	must(t, err)
	g := &rig{t: t, clock: &clock{now: today}, enterprise: newEnterprise(events)}
	must(t, g.open(dir))
	g.populate(events)
	must(t, g.store.Close())
	must(t, g.index.Close())
	folders.of[events] = dir
	return dir
}

func removeFolders() {
	for _, dir := range folders.of {
		_ = os.RemoveAll(dir)
	}
}

func (g *rig) populate(events int) {
	g.t.Helper()
	ctx := g.t.Context()
	_, err := g.store.PutOrganization(ctx, g.enterprise.Organization)
	must(g.t, err)
	records := make([]store.Record, len(g.enterprise.Members))
	for i, m := range g.enterprise.Members {
		m.Version = 1
		records[i].Member = &m
	}
	for some := range slices.Chunk(records, 1000) {
		must(g.t, g.store.PutRecords(ctx, some))
	}
	if events == 0 {
		return
	}
	var batch []*audit.Event
	for e := range g.enterprise.Events() {
		if batch = append(batch, e); len(batch) == 1000 {
			g.append(batch)
			batch = nil
		}
	}
	g.append(batch)
}

// append stores events as they are.
func (g *rig) append(events []*audit.Event) {
	g.t.Helper()
	if len(events) == 0 {
		return
	}
	_, err := g.index.Append(g.t.Context(), g.enterprise.Organization.ID, events)
	must(g.t, err)
}

func (g *rig) listen() {
	g.t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(g.t, err)
	g.base = "http://" + ln.Addr().String()
	transport := &http.Transport{}
	g.client = &http.Client{Transport: transport, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	served := make(chan error, 1)
	go func() { served <- g.server.Serve(ln) }()
	g.t.Cleanup(func() {
		transport.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		must(g.t, g.server.Shutdown(ctx))
		must(g.t, <-served)
		must(g.t, g.store.Close())
		must(g.t, g.index.Close())
	})
}

// who returns the id of the first active member of the role.
func (g *rig) who(role audit.Role) string {
	g.t.Helper()
	for _, m := range g.enterprise.Members {
		if m.Role == role && m.Included() {
			return m.ID
		}
	}
	g.t.Fatalf("no active %s", role)
	return ""
}

// answer is a page as it came.
type answer struct {
	*http.Response
	text string
	doc  *goquery.Document
}

// get opens a page as the member; "" is somebody who is not signed in.
func (g *rig) get(member, path string, header ...string) answer {
	g.t.Helper()
	return g.do(member, http.MethodGet, path, nil, header...)
}

// post sends a form as the member, with the token that a page would carry.
func (g *rig) post(member, path string, form url.Values, header ...string) answer {
	g.t.Helper()
	if form == nil {
		form = url.Values{}
	}
	if !form.Has("csrf") {
		form.Set("csrf", tokenOf(member))
	}
	return g.do(member, http.MethodPost, path, strings.NewReader(form.Encode()), append(header, "Content-Type", "application/x-www-form-urlencoded")...)
}

func (g *rig) do(member, method, path string, body io.Reader, header ...string) answer {
	g.t.Helper()
	req, err := http.NewRequestWithContext(g.t.Context(), method, g.base+path, body)
	must(g.t, err)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	if member != "" {
		req.AddCookie(&http.Cookie{Name: "session", Value: url.QueryEscape(member)})
	}
	res, err := g.client.Do(req)
	must(g.t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	must(g.t, err)
	doc, err := goquery.NewDocumentFromReader(bytes.NewReader(text))
	must(g.t, err)
	return answer{Response: res, text: string(text), doc: doc}
}

// fakeSessions takes the id of a member of the sample enterprise as the cookie.
type fakeSessions struct{ members *storesqlite.Store }

func tokenOf(member string) string { return "token-of-" + member }

func (fakeSessions) CookieName() string { return "session" }

func (s fakeSessions) Authenticate(ctx context.Context, cookie string) (audit.Principal, string, error) {
	id, err := url.QueryUnescape(cookie)
	if err != nil || id == "" {
		return audit.Principal{}, "", audit.Errorf(audit.CodeUnauthenticated, "no session")
	}
	m, err := s.members.Member(ctx, sample.New(sample.Options{Count: 1}).Organization.ID, id)
	if err != nil {
		return audit.Principal{}, "", audit.Errorf(audit.CodeUnauthenticated, "no session")
	}
	return audit.Principal{Organization: m.Organization, Member: m.ID, MemberName: m.Name, Role: m.Role, Scopes: []audit.Scope{audit.ScopeAdmin}}, tokenOf(id), nil
}

func (s fakeSessions) SignIn(ctx context.Context, link string, _ audit.Source) (string, time.Time, error) {
	if _, _, err := s.Authenticate(ctx, url.QueryEscape(link)); err != nil {
		return "", time.Time{}, audit.Errorf(audit.CodeUnauthenticated, "the link was used already, or its time is over")
	}
	return url.QueryEscape(link), time.Now().Add(time.Hour), nil
}

func (fakeSessions) SignOut(context.Context, string, audit.Source) error { return nil }

// fakeJobs says yes and remembers what it was asked to do.
type fakeJobs struct {
	mu    sync.Mutex
	calls []string
}

func (j *fakeJobs) note(call string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.calls = append(j.calls, call)
	return nil
}

func (j *fakeJobs) StartExport(_ context.Context, _, export string) error {
	return j.note("start " + export)
}
func (j *fakeJobs) StopExport(_ context.Context, _, export string) error {
	return j.note("stop " + export)
}
func (j *fakeJobs) ReminderChanged(_ context.Context, _, reminder string) error {
	return j.note("changed " + reminder)
}
func (j *fakeJobs) SendAddressCode(_ context.Context, _, address, _ string) error {
	return j.note("code to " + address)
}
func (j *fakeJobs) TestReminder(_ context.Context, _, reminder, member string) (string, error) {
	return "digest-1", j.note("test " + reminder + " to " + member)
}

// lockedBuffer takes the log.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string { b.mu.Lock(); defer b.mu.Unlock(); return b.text.String() }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
