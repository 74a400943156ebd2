package elastic

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/audittrail/audittrail/audit"
)

// dayLong is a day of the clocks below.
const dayLong = 24 * time.Hour

// created returns when the backing indices were made, oldest first. Tests set the clock by it: what Elasticsearch writes down is real time.
func (b *bench) created() []heldIndex {
	b.t.Helper()
	list, err := newRetention(b.installer(small(b.t, 1)), time.Now).held(b.ctx)
	if err != nil {
		b.t.Fatal(err)
	}
	return list
}

// retainAt runs retention by a clock that shows that time.
func (b *bench) retainAt(at time.Time, change func(*retention)) (audit.RetentionReport, error) {
	b.t.Helper()
	r := newRetention(b.installer(small(b.t, 1)), func() time.Time { return at })
	if change != nil {
		change(r)
	}
	return r.run(b.ctx)
}

func (b *bench) mustRetain(at time.Time, change func(*retention)) audit.RetentionReport {
	b.t.Helper()
	report, err := b.retainAt(at, change)
	if err != nil {
		b.t.Fatal(err)
	}
	return report
}

func (b *bench) wantIndices(n int, after string) []heldIndex {
	b.t.Helper()
	list := b.created()
	if len(list) != n {
		b.t.Fatalf("after %s the data stream has %d indices, want %d", after, len(list), n)
	}
	return list
}

// at writes the time as events have it.
func at(t time.Time) string { return t.UTC().Format(audit.TimeLayout) }

func TestRetainRollsOverByAge(t *testing.T) {
	b := newBench(t)
	b.mustSetup(small(t, 1))
	start := b.created()[0].created

	b.mustRetain(start.Add(31*dayLong), nil)
	b.wantIndices(1, "31 days without an event")
	b.store(at(start))
	b.mustRetain(start.Add(30*dayLong-time.Minute), nil)
	b.wantIndices(1, "almost 30 days")
	if report := b.mustRetain(start.Add(30*dayLong), nil); len(report.Problems) > 0 || len(report.Dropped) > 0 {
		t.Fatalf("got %+v, want neither problems nor deletions", report)
	}
	b.wantIndices(2, "30 days")
	b.mustRetain(start.Add(62*dayLong), nil)
	b.wantIndices(2, "31 more days without an event")
}

func TestRetainRollsOverByTheClustersClock(t *testing.T) {
	b := newBench(t)
	b.mustSetup(small(t, 1))
	b.store("2026-11-20T00:00:00Z")
	start := b.created()[0].created
	// The clocks agree here: the cluster judges for itself.
	deadline := time.Now().Add(30 * time.Second)
	for len(b.created()) == 1 {
		if time.Now().After(deadline) {
			t.Fatal("an index that is older than its second was not rolled over")
		}
		b.mustRetain(start, func(r *retention) { r.age = time.Second })
	}
	b.wantIndices(2, "a second")
}

func TestRetainRollsOverBySize(t *testing.T) {
	b := newBench(t)
	b.mustSetup(small(t, 1))
	start := b.created()[0].created
	one := func(r *retention) { r.size = 1 }

	b.mustRetain(start, one)
	b.wantIndices(1, "no event")
	b.store(at(start))
	b.mustRetain(start, nil)
	b.wantIndices(1, "one event, much less than 50 GB")
	b.mustRetain(start, one)
	b.wantIndices(2, "more than the size")
	b.mustRetain(start, one)
	b.wantIndices(2, "no more events")
}

func TestTenRetentionsAtOnceRollOverOnce(t *testing.T) {
	for _, by := range []string{"age", "size"} {
		t.Run(by, func(t *testing.T) {
			b := newBench(t)
			b.mustSetup(small(t, 1))
			start := b.created()[0].created
			b.store(at(start), at(start))
			b.atOnce(func() error {
				_, err := b.retainAt(start.Add(31*dayLong), func(r *retention) {
					if by == "size" {
						r.size, r.now = 1, start
					}
				})
				return err
			})
			b.wantIndices(2, "ten at once")
		})
	}
}

// atOnce does something ten times at once, each of which has to succeed.
func (b *bench) atOnce(do func() error) {
	b.t.Helper()
	var group sync.WaitGroup
	failures := make([]error, 10)
	for i := range failures {
		group.Go(func() { failures[i] = do() })
	}
	group.Wait()
	for i, err := range failures {
		if err != nil {
			b.t.Errorf("number %d: %v", i, err)
		}
	}
}

// filled sets up and fills one backing index for each list of times.
func (b *bench) filled(times ...[]string) []heldIndex {
	b.t.Helper()
	b.mustSetup(small(b.t, 1))
	for i, list := range times {
		if i > 0 {
			b.call(esapi.IndicesRolloverRequest{Alias: eventsName(b.opts.Prefix)}, nil)
		}
		b.store(list...)
	}
	return b.wantIndices(len(times), "filling it")
}

func TestRetainDeletesWhatIsPastAndNeverWhatIsNot(t *testing.T) {
	b := newBench(t)
	now := time.Now()
	list := b.filled([]string{at(now), at(now.Add(-dayLong))}, []string{at(now)}, []string{at(now)})

	if report := b.mustRetain(list[1].created.Add(185*dayLong-time.Millisecond), never); len(report.Dropped) > 0 {
		t.Fatalf("a moment too early %v were deleted", report.Dropped)
	}
	b.wantIndices(3, "almost 185 days")

	report := b.mustRetain(list[1].created.Add(185*dayLong), never)
	if want := []string{list[0].name}; len(report.Problems) > 0 || fmt.Sprint(report.Dropped) != fmt.Sprint(want) || report.FreedBytes <= 0 {
		t.Fatalf("got %+v, want %v deleted", report, want)
	}
	left := b.wantIndices(2, "185 days")
	if left[0].name != list[1].name {
		t.Fatalf("%s is left, want %s", left[0].name, list[1].name)
	}
	report = b.mustRetain(now.Add(10*365*dayLong), never)
	if want := []string{list[1].name}; fmt.Sprint(report.Dropped) != fmt.Sprint(want) {
		t.Fatalf("after ten years %v were deleted, want %v and never the write index", report.Dropped, want)
	}
	b.wantIndices(1, "ten years")
}

// never keeps retention from rolling over.
func never(r *retention) { r.age, r.size = 100*365*dayLong, 1<<50 }

func TestRetainKeepsAnIndexThatHoldsWhatMayStillBeShown(t *testing.T) {
	b := newBench(t)
	now := time.Now()
	due := now.Add(186 * dayLong)
	list := b.filled([]string{at(now), at(audit.Horizon(due).Add(time.Millisecond))}, []string{at(now)}, []string{at(now)})

	report := b.mustRetain(due, never)
	if want := []string{list[1].name}; fmt.Sprint(report.Dropped) != fmt.Sprint(want) {
		t.Fatalf("%v were deleted, want %v", report.Dropped, want)
	}
	if len(report.Problems) != 1 {
		t.Fatalf("got the problems %q, want one", report.Problems)
	}
	wantParts(t, report.Problems[0], list[0].name, "is due to be deleted and was kept")
	b.wantIndices(2, "keeping one")
}

func TestTenRetentionsAtOnceDeleteOnce(t *testing.T) {
	b := newBench(t)
	now := time.Now()
	b.filled([]string{at(now)}, []string{at(now)}, []string{at(now)}, []string{at(now)})
	var mu sync.Mutex
	dropped := map[string]int{}
	b.atOnce(func() error {
		report, err := b.retainAt(now.Add(200*dayLong), never)
		mu.Lock()
		defer mu.Unlock()
		for _, name := range report.Dropped {
			dropped[name]++
		}
		if err == nil && len(report.Problems) > 0 {
			err = fmt.Errorf("problems: %s", strings.Join(report.Problems, "; "))
		}
		return err
	})
	b.wantIndices(1, "ten at once")
	if len(dropped) != 3 {
		t.Errorf("%v were reported, want each of three once", dropped)
	}
	for name, n := range dropped {
		if n != 1 {
			t.Errorf("%s was reported %d times", name, n)
		}
	}
}

func TestRetainReportsATemplateThatWasChanged(t *testing.T) {
	b := newBench(t)
	b.mustSetup(small(t, 1))
	start := b.created()[0].created
	b.store(at(start))
	changed := b.installer(small(t, 1)).want.template
	subtree(subtree(changed, "template"), "settings")["index.refresh_interval"] = "30s"
	b.call(esapi.IndicesPutIndexTemplateRequest{Name: eventsName(b.opts.Prefix), Body: bodyOf(changed)}, nil)

	report := b.mustRetain(start.Add(31*dayLong), nil)
	if len(report.Problems) != 1 {
		t.Fatalf("got the problems %q, want one", report.Problems)
	}
	wantParts(t, report.Problems[0], "changed by hand", "refresh_interval")
	b.wantIndices(1, "a rollover that would have made a wrong index")
}

func TestTheRulesOfRetainAreThoseOfThePolicy(t *testing.T) {
	ours, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	policy := flatPolicy(ours.policy)
	for path, want := range map[string]string{
		"phases.hot.actions.rollover.max_age":                fmt.Sprintf("%d ms", rolloverAge.Milliseconds()),
		"phases.hot.actions.rollover.max_primary_shard_size": fmt.Sprintf("%d B", int64(rolloverSize)),
		"phases.delete.min_age":                              fmt.Sprintf("%d ms", deleteAge.Milliseconds()),
	} {
		if got := policy[path].key; got != want {
			t.Errorf("the policy has %s of %s, Retain %s", path, got, want)
		}
	}
}
