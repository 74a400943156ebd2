package migrate

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

func TestEverythingIsMovedFromSQLiteToElasticsearchAndBack(t *testing.T) {
	c := &clock{now: start}
	from, elastic, back := newSide(t, c), newElastic(t, c), newSide(t, c)
	from.fill("acme", 1500, 734, 1, 300, 30, 7)
	from.fill("globex", 20, 20, 20)
	large := func(m *mover) { m.page = 400 }
	report, err := run(t.Context(), from.place("a"), elastic.place("b"), large)
	wantSame(t, report, err)
	if report.Copied != 1520 {
		t.Errorf("%d events were copied", report.Copied)
	}
	wantMoved(t, from, elastic, "acme")
	wantMoved(t, from, elastic, "globex")
	k := must[audit.Key](t)(elastic.store.KeyByHash(t.Context(), audit.HashKey("acmex0")))
	if k.Organization != "acme" || k.Member != "x0" {
		t.Errorf("the key of the source leads to %+v", k)
	}
	want := must[audit.Page](t)(from.index.Search(t.Context(), "acme", audit.Search{Query: audit.Query{Text: "login berlin"}, Limit: 100, CountLimit: audit.CountAll}))
	got := must[audit.Page](t)(elastic.index.Search(t.Context(), "acme", audit.Search{Query: audit.Query{Text: "login berlin"}, Limit: 100, CountLimit: audit.CountAll}))
	if len(want.Events) == 0 || want.Total != got.Total {
		t.Errorf("a search finds %+v, and %+v before", got.Total, want.Total)
	}

	report, err = run(t.Context(), elastic.place("b"), back.place("c"), large)
	wantSame(t, report, err)
	wantMoved(t, elastic, back, "acme")
	wantMoved(t, elastic, back, "globex")
}

func TestARunToElasticsearchThatIsCutShortIsContinued(t *testing.T) {
	c := &clock{now: start}
	from := newSide(t, c)
	from.span = []time.Duration{40 * 24 * time.Hour}
	from.fill("acme", 60, 31, 1, 9, 14)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for _, part := range []int{10, 40, 70, 100} {
		n := part + random.IntN(30)
		to := newElastic(t, c)
		limit := &fuse{left: n, half: n%2 == 0}
		_, err := run(t.Context(), limit.place(from.place("a")), limit.place(to.place("b")))
		if !errors.Is(err, errKilled) {
			t.Fatalf("cut short at call %d: %v", n, err)
		}
		report, err := run(t.Context(), from.place("a"), to.place("b"))
		wantSame(t, report, err)
		wantMoved(t, from, to, "acme")
		if t.Failed() {
			t.Fatalf("cut short at call %d", n)
		}
	}
}

func TestAnElasticsearchThatAServerWorksOnIsRefused(t *testing.T) {
	c := &clock{now: start}
	from, to := newSide(t, c), newElastic(t, c)
	from.fill("acme", 30, 31, 7)
	report, err := run(t.Context(), from.place("a"), to.place("b"))
	wantSame(t, report, err)
	to.receive("acme", []*audit.Event{{ID: "own", Time: start, Log: audit.LogLogin, Action: "login.failed", Actor: audit.Actor{ID: "x"}}}, 1)
	if _, err = run(t.Context(), from.place("a"), to.place("b")); audit.CodeOf(err) != audit.CodeConflict {
		t.Errorf("the error is %v", err)
	}
}

func TestWhatWasReceivedSecondsAgoIsMovedToElasticsearchWithItsCheckpoints(t *testing.T) {
	c := &clock{now: start}
	from, to := newSide(t, c), newElastic(t, c)
	from.fill("acme", 10, 5, 10)
	events := sampled("acme", 4910)[10:]
	for _, part := range [][]*audit.Event{events[:4800], events[4800:]} {
		c.now = c.now.Add(10 * time.Millisecond)
		must[[]audit.AppendStatus](t)(from.index.Append(t.Context(), "acme", part))
	}
	from.ok(from.store.SaveCheckpoint(t.Context(), "acme", "dispatch", from.checkpoint("acme", 4810)))
	waited := time.Duration(0)
	report, err := run(t.Context(), from.place("a"), to.place("b"), func(m *mover) {
		m.page, m.settling, m.Clock = pageSize, settling, c.Now
		m.pause = func(_ context.Context, d time.Duration) error {
			waited += d
			c.now = c.now.Add(d)
			return nil
		}
	})
	wantSame(t, report, err)
	wantMoved(t, from, to, "acme")
	if waited <= 0 || waited > settling {
		t.Errorf("waited for %s, want no longer than %s", waited, settling)
	}
}
