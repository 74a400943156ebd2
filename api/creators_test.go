package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// side returns a second server over the same records, as another process is.
func (g *rig) side(cfg Config) *rig {
	g.t.Helper()
	other := *g
	other.server = New(cfg)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(g.t, err)
	other.base = "http://" + ln.Addr().String()
	transport := &http.Transport{}
	other.client = &http.Client{Transport: transport, Timeout: 20 * time.Second}
	served := make(chan error, 1)
	go func() { served <- other.server.Serve(ln) }()
	g.t.Cleanup(func() {
		transport.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		must(g.t, errors.Join(other.server.Shutdown(ctx), <-served))
	})
	return &other
}

// meeting is a directory in which the next readers of the creators, as many as are expected, wait for one another.
type meeting struct {
	Directory
	mu       sync.Mutex
	expected int
	met      chan struct{}
}

func (m *meeting) expect(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.expected, m.met = n, make(chan struct{})
}

func (m *meeting) Members(ctx context.Context, organization string, filter audit.MemberFilter) ([]audit.Member, error) {
	members, err := m.Directory.Members(ctx, organization, filter)
	if len(filter.Roles) != 1 || filter.Roles[0] != audit.RoleCreator {
		return members, err
	}
	m.mu.Lock()
	m.expected--
	met, waits := m.met, m.expected >= 0
	if m.expected == 0 {
		close(met)
	}
	m.mu.Unlock()
	if waits {
		<-met
	}
	return members, err
}

// leaving are the ways in which a creator of an id and version stops being one.
var leaving = []struct {
	name string
	do   func(g *rig, id string, version int64) *answer
}{
	{"a new role", func(g *rig, id string, version int64) *answer {
		return g.do(call{method: "PUT", path: "/v1/members/" + id, key: id, body: fmt.Sprintf(`{"name":"C","role":"member","version":%d}`, version)})
	}},
	{"deactivation by SCIM", func(g *rig, id string, _ int64) *answer {
		return g.scimPatch("/Users/"+id, id, `{"op":"replace","path":"active","value":false}`)
	}},
	{"deletion by SCIM", func(g *rig, id string, _ int64) *answer { return g.scimDo("DELETE", "/Users/"+id, id, "") }},
	{"erasure", func(g *rig, id string, _ int64) *answer { return g.erase(id, id) }},
}

// creators makes the two only creators of acme, with keys.
func (g *rig) creators(a, b string) {
	g.t.Helper()
	all, err := g.store.Members(g.t.Context(), "acme", audit.MemberFilter{Roles: []audit.Role{audit.RoleCreator}, Limit: 10})
	must(g.t, err)
	for _, m := range all {
		m.Role = audit.RoleMember
		g.putMember(m)
	}
	for _, id := range []string{a, b} {
		g.putMember(audit.Member{ID: id, Organization: "acme", Name: "C", Role: audit.RoleCreator, Status: audit.MemberActive})
		g.addKey(id, audit.Key{Organization: "acme", Member: id, Scopes: []audit.Scope{audit.ScopeAdmin}})
	}
}

func (g *rig) activeCreators() (ids []string) {
	g.t.Helper()
	all, err := g.store.Members(g.t.Context(), "acme", audit.MemberFilter{Roles: []audit.Role{audit.RoleCreator}, Status: audit.MemberActive, Limit: 10})
	must(g.t, err)
	for _, m := range all {
		ids = append(ids, m.ID)
	}
	return ids
}

func TestOfTheLastTwoCreatorsOneStaysWhicheverServersTheyLeaveBy(t *testing.T) {
	var cfg Config
	directory := &meeting{}
	g := newRig(t, func(c *Config) {
		directory.Directory, c.Directory = c.Directory, directory
		cfg = *c
	})
	other := g.side(cfg)
	for round := range 4 * len(leaving) * len(leaving) {
		first, second := leaving[round%len(leaving)], leaving[round/len(leaving)%len(leaving)]
		a, b := fmt.Sprintf("one_%d", round), fmt.Sprintf("two_%d", round)
		g.creators(a, b)
		if round < 2*len(leaving)*len(leaving) {
			directory.expect(2) // both look before either changes anything
		}
		answers := make([]*answer, 2)
		var wg sync.WaitGroup
		wg.Go(func() { answers[0] = first.do(g, a, 1) })
		wg.Go(func() { answers[1] = second.do(other, b, 1) })
		wg.Wait()
		refused := answers[0]
		if refused.status < 300 {
			refused = answers[1]
		}
		if done := answers[0].status + answers[1].status - refused.status; done >= 300 || refused.status != 409 || !strings.Contains(string(refused.body), "last active creator") {
			t.Errorf("round %d, %s and %s: %d %s, %d %s", round, first.name, second.name, answers[0].status, answers[0].body, answers[1].status, answers[1].body)
		}
		if left := g.activeCreators(); len(left) != 1 {
			t.Fatalf("round %d, %s and %s: the creators left are %v, want one", round, first.name, second.name, left)
		}
	}
}

func TestOfManyCreatorsWhoLeaveAtOnceOneStays(t *testing.T) {
	var cfg Config
	g := newRig(t, func(c *Config) { cfg = *c })
	servers := []*rig{g, g.side(cfg), g.side(cfg)}
	g.creators("c_a", "c_b")
	ids := []string{"c_a", "c_b", "c_c", "c_d", "c_e", "c_f"}
	for _, id := range ids[2:] {
		g.putMember(audit.Member{ID: id, Organization: "acme", Name: "C", Role: audit.RoleCreator, Status: audit.MemberActive})
		g.addKey(id, audit.Key{Organization: "acme", Member: id, Scopes: []audit.Scope{audit.ScopeAdmin}})
	}
	statuses := make([]int, len(ids))
	var wg sync.WaitGroup
	for i, id := range ids {
		wg.Go(func() { statuses[i] = leaving[0].do(servers[i%len(servers)], id, 1).status })
	}
	wg.Wait()
	left, refused := g.activeCreators(), 0
	for _, status := range statuses {
		if status == 409 {
			refused++
		}
	}
	if len(left) != 1 || refused != 1 {
		t.Errorf("the answers are %v and the creators left %v, want one of each", statuses, left)
	}
}

// cutting is a directory whose next writes fail: of an organization, or of a member, which is kept as what a process wanted to write when it died.
type cutting struct {
	Directory
	organization, member bool
	lost                 audit.Member
}

func (c *cutting) PutOrganization(ctx context.Context, org audit.Organization) (audit.Organization, error) {
	if c.organization {
		return org, audit.Unavailable(nil, time.Second, "the store is gone")
	}
	return c.Directory.PutOrganization(ctx, org)
}

func (c *cutting) PutMember(ctx context.Context, m audit.Member) (audit.Member, error) {
	if c.member {
		c.member, c.lost = false, m
		return m, audit.Unavailable(nil, time.Second, "the store is gone")
	}
	return c.Directory.PutMember(ctx, m)
}

func TestACreatorWhoseLeavingWasCutShortKeepsNobodyForLong(t *testing.T) {
	start := func(t *testing.T) (*rig, *cutting) {
		directory := &cutting{}
		g := newRig(t, func(c *Config) { directory.Directory, c.Directory = c.Directory, directory })
		g.creators("one", "two")
		directory.member = true
		leaving[0].do(g, "one", 1).want(503)
		leaving[0].do(g, "two", 1).want(409) // the other one may be leaving still
		return g, directory
	}
	t.Run("the request is sent again", func(t *testing.T) {
		g, _ := start(t)
		leaving[0].do(g, "one", 1).want(200)
		leaving[0].do(g, "two", 1).want(409)
	})
	t.Run("the creator is made one again", func(t *testing.T) {
		g, _ := start(t)
		g.do(call{method: "PUT", path: "/v1/members/one", key: "one", body: `{"name":"C","role":"creator","version":1}`}).want(200)
		leaving[0].do(g, "two", 1).want(200)
		leaving[0].do(g, "one", 2).want(409)
	})
	t.Run("somebody else is made one", func(t *testing.T) {
		g, _ := start(t)
		g.do(call{method: "PUT", path: "/v1/members/three", key: "two", body: `{"name":"C","role":"creator","version":0}`}).want(201)
		leaving[0].do(g, "two", 1).want(200)
	})
	t.Run("a minute passes, and the write that was late is lost", func(t *testing.T) {
		g, directory := start(t)
		g.clock.Advance(departureLife)
		leaving[0].do(g, "two", 1).want(200)
		if _, err := g.store.PutMember(t.Context(), directory.lost); audit.CodeOf(err) != audit.CodeConflict {
			t.Errorf("the late write: %v", err)
		}
		leaving[0].do(g, "one", 2).want(409)
		g.do(call{method: "PUT", path: "/v1/members/three", key: "one", body: `{"name":"C","role":"creator","version":0}`}).want(201)
		leaving[0].do(g, "one", 2).want(200)
		org, err := g.store.Organization(t.Context(), "acme")
		if must(t, err); len(org.Departures) != 1 || org.Departures[0].Version != 2 {
			t.Errorf("the departures noted are %v, want the last one alone", org.Departures)
		}
	})
}

func TestACreatorWhoseLeavingCannotBeNotedStays(t *testing.T) {
	directory := &cutting{organization: true}
	g := newRig(t, func(c *Config) { directory.Directory, c.Directory = c.Directory, directory })
	g.creators("one", "two")
	for _, way := range leaving {
		way.do(g, "one", 1).want(503)
	}
	if left := g.activeCreators(); len(left) != 2 {
		t.Errorf("the creators left are %v", left)
	}
	if trail := g.trail("acme"); len(trail) > 0 {
		t.Errorf("on record is %v", trail)
	}
	directory.organization = false
	leaving[0].do(g, "one", 1).want(200)
}
