package erasure_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/index/indextest"
	"github.com/audittrail/audittrail/internal/erasure"
	"github.com/audittrail/audittrail/store/sqlite"
)

var today = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// counting counts what is asked of the store, and can fail.
type counting struct {
	erasure.Records
	mu             sync.Mutex
	marks, members int
	err            error
	during         func() // while members are asked for
}

func (c *counting) Checkpoint(ctx context.Context, organization, name string) (string, error) {
	c.mu.Lock()
	c.marks++
	err := c.err
	c.mu.Unlock()
	if err != nil {
		return "", err
	}
	return c.Records.Checkpoint(ctx, organization, name)
}

func (c *counting) Members(ctx context.Context, organization string, filter audit.MemberFilter) ([]audit.Member, error) {
	c.mu.Lock()
	c.members++
	during := c.during
	c.during = nil
	c.mu.Unlock()
	members, err := c.Records.Members(ctx, organization, filter)
	if during != nil {
		during()
	}
	return members, err
}

type rig struct {
	t      *testing.T
	store  *sqlite.Store
	index  *indextest.Model
	asked  *counting
	reader *erasure.Reader
	now    time.Time
}

func newRig(t *testing.T) *rig {
	t.Helper()
	g := &rig{t: t, now: today}
	var err error
	if g.store, err = sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{Logger: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.store.Close(); err != nil {
			t.Error(err)
		}
	})
	clock := func() time.Time { return g.now }
	g.index, g.asked = indextest.NewModel(clock), &counting{Records: g.store}
	g.reader = erasure.NewReader(g.index, g.asked, clock)
	return g
}

func (g *rig) append(organization string, n int) {
	g.t.Helper()
	events := make([]*audit.Event, n)
	for i := range events {
		name := fmt.Sprint("Alice", i)
		events[i] = &audit.Event{ID: fmt.Sprint("e", i), Time: today.Add(-time.Duration(i) * time.Second), Log: audit.LogOperation, Action: "a.b", Actor: audit.Actor{ID: fmt.Sprint("u", i), Name: name},
			Targets: []audit.Target{{Type: "member", ID: fmt.Sprint("t", i), Name: "Target"}}, Message: name + " did it"}
	}
	if _, err := g.index.Append(g.t.Context(), organization, events); err != nil {
		g.t.Fatal(err)
	}
}

// erase is what another process does.
func (g *rig) erase(organization, id, pseudonym string) {
	g.t.Helper()
	m, err := g.store.PutMember(g.t.Context(), audit.Member{ID: id, Organization: organization, Name: "Alice", Role: audit.RoleMember, Status: audit.MemberActive})
	if err == nil {
		err = g.store.SaveCheckpoint(g.t.Context(), organization, audit.ErasuresCheckpoint, audit.ErasuresMade)
	}
	if err == nil {
		_, err = g.store.PutMember(g.t.Context(), m.Erase(pseudonym, today))
	}
	if err != nil {
		g.t.Fatal(err)
	}
}

func (g *rig) page(organization string, limit int) []audit.Event {
	g.t.Helper()
	page, err := g.reader.Search(g.t.Context(), organization, audit.Search{Limit: limit})
	if err != nil {
		g.t.Fatal(err)
	}
	return page.Events
}

func TestEveryWayOfReadingGivesThePseudonym(t *testing.T) {
	g := newRig(t)
	ctx := t.Context()
	for _, org := range []string{"acme", "other"} {
		g.append(org, 3)
	}
	g.erase("acme", "u1", "P1")
	g.erase("acme", "t2", "P2")
	says := func(what string, e audit.Event, want string) {
		t.Helper()
		if got := e.Actor.Name + ", " + e.Targets[0].Name + ", " + e.Message; got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	got, err := g.reader.Get(ctx, "acme", "e1")
	if err != nil {
		t.Fatal(err)
	}
	says("Get", got, "P1, Target, P1 did it")
	found := g.page("acme", 10)
	says("Search", found[0], "Alice0, Target, Alice0 did it")
	says("Search", found[1], "P1, Target, P1 did it")
	says("Search", found[2], "Alice2, P2, Alice2 did it")
	tail, err := g.reader.Tail(ctx, "acme", "", 10)
	if err != nil || len(tail.Events) != 3 {
		t.Fatalf("%d events, %v", len(tail.Events), err)
	}
	says("Tail", tail.Events[1], "P1, Target, P1 did it")
	if end, err := g.reader.TailEnd(ctx, "acme"); err != nil || end != tail.Checkpoint {
		t.Errorf("the end is %q, %v, and the tail's %q", end, err, tail.Checkpoint)
	}
	counts, err := g.reader.Summary(ctx, "acme", audit.SummaryRequest{Top: 10})
	if err != nil || counts.Total != 3 {
		t.Fatalf("counted %d, %v", counts.Total, err)
	}
	for _, v := range counts.Actors.Values {
		if want := map[string]string{"u0": "Alice0", "u1": "P1", "u2": "Alice2"}[v.Value]; v.Label != want {
			t.Errorf("the label of %s is %q, want %q", v.Value, v.Label, want)
		}
	}
	says("another organization", g.page("other", 10)[1], "Alice1, Target, Alice1 did it")
	raw, err := g.index.Get(ctx, "acme", "e1")
	if err != nil {
		t.Fatal(err)
	}
	says("the index", raw, "Alice1, Target, Alice1 did it")
}

func TestWhoNeverErasedAnybodyPaysForOneLookInAWhile(t *testing.T) {
	g := newRig(t)
	g.append("acme", 200)
	for range 20 {
		g.page("acme", 200)
	}
	if g.asked.marks != 1 || g.asked.members != 0 {
		t.Errorf("the store was asked for %d marks and %d lists of members", g.asked.marks, g.asked.members)
	}
}

func TestAPageAsksOnceForTheMembersThatItNames(t *testing.T) {
	g := newRig(t)
	g.append("acme", 2000)
	g.erase("acme", "u7", "P")
	for range 20 {
		g.page("acme", 400)
	}
	if g.asked.members != 1 {
		t.Errorf("20 looks at a page of 800 people asked %d times", g.asked.members)
	}
	g.page("acme", 2000) // 3,200 more
	if g.asked.members != 5 {
		t.Errorf("asked %d times", g.asked.members)
	}
}

func TestAnErasureIsSeenHereAtOnceAndElsewhereWithinSeconds(t *testing.T) {
	g := newRig(t)
	g.append("acme", 1)
	name := func() string { return g.page("acme", 1)[0].Actor.Name }
	if got := name(); got != "Alice0" {
		t.Fatalf("it is %q", got)
	}
	g.erase("acme", "u0", "P") // elsewhere
	if got := name(); got != "Alice0" {
		t.Errorf("it is %q: the store is asked at every look", got)
	}
	g.now = g.now.Add(3 * time.Second)
	if got := name(); got != "P" {
		t.Errorf("three seconds later it is %q", got)
	}
	g.append("other", 1)
	g.page("other", 1)
	if err := g.reader.Mark(t.Context(), "other"); err != nil {
		t.Fatal(err)
	}
	g.page("other", 1)
	g.erase("other", "u0", "Q")
	g.reader.Forget("other")
	if got := g.page("other", 1)[0].Actor.Name; got != "Q" {
		t.Errorf("here it is %q", got)
	}
}

// TestAnAnswerFromBeforeAnErasureIsNotRemembered: it comes while the member is erased.
func TestAnAnswerFromBeforeAnErasureIsNotRemembered(t *testing.T) {
	g := newRig(t)
	g.append("acme", 1)
	if err := g.reader.Mark(t.Context(), "acme"); err != nil {
		t.Fatal(err)
	}
	g.asked.during = func() {
		g.erase("acme", "u0", "P")
		g.reader.Forget("acme")
	}
	g.page("acme", 1)
	if got := g.page("acme", 1)[0].Actor.Name; got != "P" {
		t.Errorf("it is %q", got)
	}
}

func TestWhatCannotBeAskedIsNotShown(t *testing.T) {
	g := newRig(t)
	g.append("acme", 1)
	g.asked.err = audit.Unavailable(nil, time.Second, "the store is away")
	ctx := t.Context()
	e, getErr := g.reader.Get(ctx, "acme", "e0")
	page, searchErr := g.reader.Search(ctx, "acme", audit.Search{Limit: 1})
	tail, tailErr := g.reader.Tail(ctx, "acme", "", 1)
	counts, countErr := g.reader.Summary(ctx, "acme", audit.SummaryRequest{Top: 1})
	for what, err := range map[string]error{"Get": getErr, "Search": searchErr, "Tail": tailErr, "Summary": countErr} {
		if audit.CodeOf(err) != audit.CodeUnavailable {
			t.Errorf("%s: %v", what, err)
		}
	}
	if shown := fmt.Sprint(e, page, tail, counts); strings.Contains(shown, "Alice") {
		t.Errorf("it gives %s", shown)
	}
	g.asked.err = nil
	if got := g.page("acme", 1)[0].Actor.Name; got != "Alice0" {
		t.Errorf("afterwards it is %q", got)
	}
}
