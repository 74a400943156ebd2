package sqlite

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

var testNow = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func testClock() time.Time { return testNow }

func openTest(t *testing.T, dir string, options Options) *Index {
	t.Helper()
	if options.Clock == nil {
		options.Clock = testClock
	}
	x, err := Open(t.Context(), dir, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	})
	return x
}

func testEvent(id string, at time.Time) *audit.Event {
	return &audit.Event{
		ID: id, Time: at.UTC().Truncate(time.Millisecond), Log: audit.LogOperation, Action: "contacts.member.added", Outcome: audit.OutcomeSuccess,
		Actor:   audit.Actor{ID: "u_17", Name: "Alice Smith", Type: "member"},
		Targets: []audit.Target{{Type: "member", ID: "u_42", Name: "Bob Lee"}},
		Source:  audit.Source{IP: netip.MustParseAddr("203.0.113.7"), Platform: "web"},
		Message: "Alice Smith added Bob Lee to Sales",
	}
}

func testEvents(n int, prefix string, at time.Time, step time.Duration) []*audit.Event {
	events := make([]*audit.Event, n)
	for i := range events {
		events[i] = testEvent(fmt.Sprintf("%s-%d", prefix, i), at.Add(time.Duration(i)*step))
	}
	return events
}

func mustAppend(t *testing.T, x *Index, events ...*audit.Event) []audit.AppendStatus {
	t.Helper()
	statuses, err := x.Append(t.Context(), "acme", events)
	if err != nil {
		t.Fatal(err)
	}
	return statuses
}

func mustVerify(t *testing.T, x *Index, events int64) {
	t.Helper()
	report, err := x.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range report.Problems {
		t.Error(p)
	}
	if report.Events != events {
		t.Errorf("%d events are stored, not %d", report.Events, events)
	}
}

// eventually waits until what the background does is done.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	late := time.After(20 * time.Second)
	poll := time.NewTicker(time.Millisecond)
	defer poll.Stop()
	for !done() {
		select {
		case <-poll.C:
		case <-late:
			t.Fatalf("not within 20 seconds: %s", what)
		}
	}
}
