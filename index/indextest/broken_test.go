package indextest

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/index"
)

// brokenVariable names the fault of the engine that a child process runs the suite against.
const brokenVariable = "INDEXTEST_BROKEN"

// faults are ways in which an engine may break its promises, and a part of the name of a case that has to notice.
var faults = map[string]struct {
	notices string
	wrap    func(*Model, *Clock) index.Index
}{
	"oldest events first":            {"lists_events_newest_first", func(m *Model, _ *Clock) index.Index { return &oldestFirst{m} }},
	"ties in the order of arrival":   {"orders_events_of_the_same_millisecond", func(m *Model, _ *Clock) index.Index { return &unstableTies{m} }},
	"duplicates called created":      {"answers_created_for_new_events_and_duplicate", func(m *Model, _ *Clock) index.Index { return &forgetful{m} }},
	"an id found by another company": {"keeps_organizations_apart", func(m *Model, _ *Clock) index.Index { return &leaky{m} }},
	"no horizon":                     {"shows_nothing_older_than_six_calendar_months", func(m *Model, c *Clock) index.Index { return withClock(m, lateClock(c, 48*time.Hour)) }},
	"a horizon a millisecond early":  {"shows_nothing_older_than_six_calendar_months", func(m *Model, c *Clock) index.Index { return withClock(m, lateClock(c, -time.Millisecond)) }},
	"a page lost on the way":         {"walks_every_event_stored_before_the_first_page", func(m *Model, _ *Clock) index.Index { return &skipping{m} }},
	"text that ignores negation":     {"leaves_out_what_is_negated", func(m *Model, _ *Clock) index.Index { return &deafToMinus{m} }},
	"totals of the page only":        {"counts_as_far_as_it_is_asked_to", func(m *Model, _ *Clock) index.Index { return &shortCount{m} }},
	"a tail with a gap":              {"tails_events_in_the_order", func(m *Model, _ *Clock) index.Index { return &gappyTail{m} }},
	"a tail that repeats":            {"continues_behind_a_checkpoint", func(m *Model, _ *Clock) index.Index { return &stuckTail{m} }},
	"a summary always in UTC":        {"cuts_the_histogram_at_the_hours", func(m *Model, _ *Clock) index.Index { return &utcOnly{m} }},
	"a summary without failed bars":  {"counts_failures_in_each_bar", func(m *Model, _ *Clock) index.Index { return &noFailures{m} }},
	"a cancelled context not heeded": {"returns_soon_with_the_error_of_a_context", func(m *Model, _ *Clock) index.Index { return &deaf{m} }},
	"a stamp from the producer":      {"stamps_when_an_event_was_received", func(m *Model, _ *Clock) index.Index { return &producersStamp{m} }},
}

type oldestFirst struct{ *Model }

func (x *oldestFirst) Search(ctx context.Context, organization string, search audit.Search) (audit.Page, error) {
	page, err := x.Model.Search(ctx, organization, search)
	slices.Reverse(page.Events)
	return page, err
}

type unstableTies struct{ *Model }

func (x *unstableTies) Search(ctx context.Context, organization string, search audit.Search) (audit.Page, error) {
	page, err := x.Model.Search(ctx, organization, search)
	slices.SortFunc(page.Events, func(a, b audit.Event) int {
		if c := b.Time.Compare(a.Time); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return page, err
}

// forgetful says that it stored what it knew already.
type forgetful struct{ *Model }

func (x *forgetful) Append(ctx context.Context, organization string, events []*audit.Event) ([]audit.AppendStatus, error) {
	statuses, err := x.Model.Append(ctx, organization, events)
	for i := range statuses {
		statuses[i] = audit.StatusCreated
	}
	return statuses, err
}

// leaky shows one organization's events to another that knows the id.
type leaky struct{ *Model }

func (x *leaky) Get(ctx context.Context, organization, id string) (audit.Event, error) {
	e, err := x.Model.Get(ctx, organization, id)
	if audit.CodeOf(err) == audit.CodeNotFound && organization == globex {
		return x.Model.Get(ctx, acme, id)
	}
	return e, err
}

func lateClock(c *Clock, by time.Duration) index.Clock {
	return func() time.Time { return c.Now().Add(-by) }
}

func withClock(m *Model, clock index.Clock) *Model { return &Model{clock: clock, data: m.data} }

// skipping forgets an event where a page ends.
type skipping struct{ *Model }

func (x *skipping) Search(ctx context.Context, organization string, search audit.Search) (audit.Page, error) {
	page, err := x.Model.Search(ctx, organization, search)
	if page.Next != nil {
		page.Next.Time = page.Next.Time.Add(-24 * time.Hour)
	}
	return page, err
}

type deafToMinus struct{ *Model }

func (x *deafToMinus) Search(ctx context.Context, organization string, search audit.Search) (audit.Page, error) {
	search.Text = strings.ReplaceAll(search.Text, "-", "")
	return x.Model.Search(ctx, organization, search)
}

type shortCount struct{ *Model }

func (x *shortCount) Search(ctx context.Context, organization string, search audit.Search) (audit.Page, error) {
	page, err := x.Model.Search(ctx, organization, search)
	page.Total = audit.Total{Value: int64(len(page.Events)), Relation: audit.RelationEqual}
	return page, err
}

type gappyTail struct{ *Model }

func (x *gappyTail) Tail(ctx context.Context, organization, checkpoint string, limit int) (audit.TailPage, error) {
	page, err := x.Model.Tail(ctx, organization, checkpoint, limit)
	if len(page.Events) == 2 {
		page.Events = page.Events[:1]
	}
	return page, err
}

type stuckTail struct{ *Model }

func (x *stuckTail) Tail(ctx context.Context, organization, checkpoint string, limit int) (audit.TailPage, error) {
	page, err := x.Model.Tail(ctx, organization, "", limit)
	page.More = page.More && checkpoint == ""
	return page, err
}

type utcOnly struct{ *Model }

func (x *utcOnly) Summary(ctx context.Context, organization string, request audit.SummaryRequest) (audit.Summary, error) {
	request.Zone = nil
	return x.Model.Summary(ctx, organization, request)
}

type noFailures struct{ *Model }

func (x *noFailures) Summary(ctx context.Context, organization string, request audit.SummaryRequest) (audit.Summary, error) {
	s, err := x.Model.Summary(ctx, organization, request)
	for i := range s.Histogram {
		s.Histogram[i].Failures = 0
	}
	return s, err
}

type deaf struct{ *Model }

func (x *deaf) Search(ctx context.Context, organization string, search audit.Search) (audit.Page, error) {
	return x.Model.Search(context.WithoutCancel(ctx), organization, search)
}

type producersStamp struct{ *Model }

func (x *producersStamp) Get(ctx context.Context, organization, id string) (audit.Event, error) {
	e, err := x.Model.Get(ctx, organization, id)
	e.ReceivedAt = e.Time
	return e, err
}

// brokenFactory makes engines with a fault.
type brokenFactory struct {
	modelFactory
	wrap   func(*Model, *Clock) index.Index
	models map[index.Index]*Model
	clocks map[index.Index]*Clock
}

func (f *brokenFactory) Open(_ testing.TB, clock *Clock) index.Index {
	return f.broken(NewModel(clock.Now), clock)
}

func (f *brokenFactory) Reopen(_ testing.TB, previous index.Index) index.Index {
	return f.broken(f.models[previous].Reopen(), f.clocks[previous])
}

func (f *brokenFactory) broken(m *Model, clock *Clock) index.Index {
	x := f.wrap(m, clock)
	f.models[x], f.clocks[x] = m, clock
	return x
}

// TestABrokenEngineInAChildProcess is the child's side of the next test; without the variable there is nothing to run.
func TestABrokenEngineInAChildProcess(t *testing.T) {
	if name := os.Getenv(brokenVariable); name != "" {
		Run(t, &brokenFactory{wrap: faults[name].wrap, models: map[index.Index]*Model{}, clocks: map[index.Index]*Clock{}})
	}
}

// A suite that cannot fail proves nothing: each fault has to be noticed, by the case that is there for it.
func TestTheSuiteNoticesABrokenEngine(t *testing.T) {
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestABrokenEngineInAChildProcess$/"+fault.notices, "-test.v")
			command.Env = append(os.Environ(), brokenVariable+"="+name)
			output, err := command.CombinedOutput()
			if err == nil {
				t.Fatalf("the suite passes an engine with the fault %q:\n%s", name, output)
			}
			if !strings.Contains(string(output), "--- FAIL: TestABrokenEngineInAChildProcess/model_"+fault.notices) {
				t.Errorf("the suite does not fail in the case %q:\n%s", fault.notices, output)
			}
		})
	}
}
