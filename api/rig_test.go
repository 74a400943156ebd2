package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/index/indextest"
	"github.com/audittrail/audittrail/internal/erasure"
	storesqlite "github.com/audittrail/audittrail/store/sqlite"
)

// The day on which all tests play.
var today = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// rig is a whole server on a real listener, with a real store and the model of an index behind it.
type rig struct {
	t      testing.TB
	clock  *indextest.Clock
	store  *storesqlite.Store
	index  *indextest.Model
	jobs   *fakeJobs
	files  *fakeFiles
	ingest *gate
	server *Server
	log    *lockedBuffer
	base   string
	client *http.Client
	keys   map[string]string
	keyIDs map[string]string
}

// Members and keys of the organization acme, by the name that tests call them.
var cast = []struct {
	name, member string
	role         audit.Role
	scopes       []audit.Scope
}{
	{"creator", "c_1", audit.RoleCreator, []audit.Scope{audit.ScopeAdmin}},
	{"admin", "s_1", audit.RoleSystemAdmin, []audit.Scope{audit.ScopeAdmin}},
	{"contact", "a_1", audit.RoleContactAdmin, []audit.Scope{audit.ScopeEventsRead, audit.ScopeExports, audit.ScopeReminders}},
	{"member", "m_1", audit.RoleMember, []audit.Scope{audit.ScopeEventsRead, audit.ScopeExports}},
	{"greedy", "m_1", audit.RoleMember, []audit.Scope{audit.ScopeAdmin}},
	{"producer", "s_1", audit.RoleSystemAdmin, []audit.Scope{audit.ScopeEventsWrite}},
	{"reader", "s_1", audit.RoleSystemAdmin, []audit.Scope{audit.ScopeEventsRead}},
}

// newRig starts a server. change, where given, alters the configuration first.
func newRig(t testing.TB, change ...func(*Config)) *rig {
	t.Helper()
	g := &rig{t: t, clock: indextest.NewClock(today), jobs: newFakeJobs(), files: &fakeFiles{content: map[string][]byte{}}, log: &lockedBuffer{},
		keys: map[string]string{}, keyIDs: map[string]string{}}
	var err error
	g.store, err = storesqlite.Open(t.Context(), t.TempDir(), storesqlite.Options{Logger: slog.New(slog.DiscardHandler)})
	must(t, err)
	g.index = indextest.NewModel(g.clock.Now)
	g.ingest = &gate{next: g.index}
	g.populate()
	registry := prometheus.NewRegistry()
	reads := erasure.NewReader(g.index, g.store, g.clock.Now)
	cfg := Config{Events: reads, Erasures: reads, Ingester: g.ingest, Directory: g.store, Keys: g.store, Reminders: g.store, Deliveries: g.store, Messages: g.store,
		Exports: g.store, Secrets: g.store, Sessions: g.store, LoginLinks: g.store, Addresses: g.store, Jobs: g.jobs, Files: g.files, Twilio: fakeTwilio{},
		Channels:  []ChannelState{{Channel: audit.ChannelInbox, On: true}, {Channel: audit.ChannelEmail, Reason: "no SMTP host configured"}, {Channel: audit.ChannelSMS, On: true}},
		PublicURL: "https://audit.example.com", Metrics: NewMetrics(registry), Gatherer: registry,
		Clock: g.clock.Now, Logger: slog.New(slog.NewJSONHandler(g.log, nil)), Version: "1.2.3",
		Limits: Limits{FailedKeys: 100_000, StreamInterval: 5 * time.Millisecond, Heartbeat: 20 * time.Millisecond}}
	for _, f := range change {
		f(&cfg)
	}
	g.server = New(cfg)
	g.listen()
	return g
}

func (g *rig) listen() {
	g.t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(g.t, err)
	g.base = "http://" + ln.Addr().String()
	transport := &http.Transport{DisableCompression: true}
	g.client = &http.Client{Transport: transport, Timeout: 20 * time.Second}
	served := make(chan error, 1)
	go func() { served <- g.server.Serve(ln) }()
	g.t.Cleanup(func() {
		transport.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := g.server.Shutdown(ctx); err != nil {
			g.t.Errorf("Shutdown: %v", err)
		}
		if err := <-served; err != nil {
			g.t.Errorf("Serve: %v", err)
		}
		must(g.t, g.store.Close())
	})
}

// populate makes two organizations with members and keys.
func (g *rig) populate() {
	g.t.Helper()
	ctx := g.t.Context()
	own := []audit.ActionInfo{{Action: "crm.deal.won", Log: audit.LogProduct, Title: "Win deal", Description: "A deal was won."}}
	for _, org := range []audit.Organization{{ID: "acme", Name: "Acme", CreatedAt: today, Actions: own}, {ID: "other", Name: "Other", CreatedAt: today}} {
		_, err := g.store.PutOrganization(ctx, org)
		must(g.t, err)
	}
	seen := map[string]bool{}
	for _, c := range cast {
		if !seen[c.member] {
			g.putMember(audit.Member{ID: c.member, Organization: "acme", Name: "Name of " + c.member, Role: c.role, Status: audit.MemberActive, Email: c.member + "@example.com"})
		}
		seen[c.member] = true
		g.addKey(c.name, audit.Key{Organization: "acme", Member: c.member, Scopes: c.scopes})
	}
	g.putMember(audit.Member{ID: "gone", Organization: "acme", Name: "Gone Person", Role: audit.RoleMember, Status: audit.MemberDeactivated})
	g.putMember(audit.Member{ID: "o_1", Organization: "other", Name: "Other Boss", Role: audit.RoleCreator, Status: audit.MemberActive})
	g.addKey("other", audit.Key{Organization: "other", Member: "o_1", Scopes: []audit.Scope{audit.ScopeAdmin}})
}

func (g *rig) putMember(m audit.Member) audit.Member {
	g.t.Helper()
	m.UpdatedAt = g.clock.Now()
	m, err := g.store.PutMember(g.t.Context(), m)
	must(g.t, err)
	return m
}

func (g *rig) addKey(name string, key audit.Key) {
	g.t.Helper()
	var secret string
	secret, key.Prefix, key.Hash = audit.NewKeySecret()
	key.ID, key.Name, key.CreatedAt = newID(), name, g.clock.Now()
	must(g.t, g.store.CreateKey(g.t.Context(), key))
	g.keys[name], g.keyIDs[name] = secret, key.ID
}

// store puts events into the index, as producers' requests did before.
func (g *rig) addEvents(organization string, events ...*audit.Event) {
	g.t.Helper()
	_, err := g.index.Append(g.t.Context(), organization, events)
	must(g.t, err)
}

// event makes an event that is n minutes old.
func event(n int, log audit.Log, action, actor string) *audit.Event {
	return &audit.Event{ID: fmt.Sprintf("%s-%d", actor, n), Time: today.Add(-time.Duration(n) * time.Minute), Log: log, Action: action,
		Outcome: audit.OutcomeSuccess, Actor: audit.Actor{ID: actor, Name: "Name of " + actor, Type: "member"}}
}

// trail returns what the trail recorded of its own use, oldest first, as "action outcome".
func (g *rig) trail(organization string) []string {
	g.t.Helper()
	page, err := g.index.Search(g.t.Context(), organization, audit.Search{Query: audit.Query{Ranges: []string{audit.RangeAuditTrail}}, Limit: audit.MaxScan})
	must(g.t, err)
	var actions []string
	for _, e := range page.Events {
		actions = append(actions, e.Action+" "+string(e.Outcome))
	}
	slices.Sort(actions)
	return actions
}

// call is one request.
type call struct {
	method, path string
	key          string // a name of the cast; "" for none
	body         string
	header       map[string]string
}

// answer is its response, read whole.
type answer struct {
	t      testing.TB
	status int
	header http.Header
	body   []byte
}

// do makes the request and holds both sides to the contract: the request where it was taken, the response always.
func (g *rig) do(c call) *answer {
	g.t.Helper()
	req, err := http.NewRequestWithContext(g.t.Context(), c.method, g.base+c.path, strings.NewReader(c.body))
	must(g.t, err)
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+g.keys[c.key])
	}
	if c.body != "" && c.header["Content-Type"] == "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for k, v := range c.header {
		req.Header.Set(k, v)
	}
	res, err := g.client.Do(req)
	must(g.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	must(g.t, err)
	a := &answer{t: g.t, status: res.StatusCode, header: res.Header, body: body}
	req.Body = io.NopCloser(strings.NewReader(c.body))
	if err := contractOf(g.t).check(req, a); err != nil {
		g.t.Errorf("%s %s -> %d breaks the contract: %v\n%s", c.method, c.path, a.status, err, clip(string(body)))
	}
	return a
}

// want checks the status.
func (a *answer) want(status int) *answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("status = %d, want %d\n%s", a.status, status, a.body)
	}
	return a
}

// into decodes the body.
func into[T any](a *answer) T {
	a.t.Helper()
	var v T
	if err := json.Unmarshal(a.body, &v); err != nil {
		a.t.Fatalf("body is not what it should be: %v\n%s", err, a.body)
	}
	return v
}

// fields returns the names of the fields that a problem names.
func (a *answer) fields() []string {
	a.t.Helper()
	var names []string
	for _, f := range into[Problem](a).Errors {
		names = append(names, f.Field)
	}
	return names
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually polls until the condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not happen", what)
		}
		<-tick.C
	}
}
