package migrate

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/store"
)

var errKilled = errors.New("killed")

// fuse lets so many calls through, of both sides together, and fails every later one, as the end of a process does. The last one that is let
// through is done, or done by half, and fails all the same.
type fuse struct {
	mu   sync.Mutex
	left int
	half bool
}

// burn says whether a call is made, and whether it is answered.
func (f *fuse) burn() (made, answered bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left--
	return f.left >= 0, f.left > 0
}

func (f *fuse) place(p Place) Place {
	return Place{Name: p.Name, Events: fusedEvents{f, p.Events, p.Events.(Importer)}, Records: fusedRecords{f, p.Records}}
}

func fused[T any](f *fuse, call func() (T, error)) (T, error) {
	var none T
	made, answered := f.burn()
	if !made {
		return none, errKilled
	}
	value, err := call()
	if !answered {
		return none, errKilled
	}
	return value, err
}

type fusedEvents struct {
	f        *fuse
	events   Events
	importer Importer
}

func (e fusedEvents) Search(ctx context.Context, organization string, search audit.Search) (audit.Page, error) {
	return fused(e.f, func() (audit.Page, error) { return e.events.Search(ctx, organization, search) })
}

func (e fusedEvents) Tail(ctx context.Context, organization, checkpoint string, limit int) (audit.TailPage, error) {
	return fused(e.f, func() (audit.TailPage, error) { return e.events.Tail(ctx, organization, checkpoint, limit) })
}

func (e fusedEvents) TailEnd(ctx context.Context, organization string) (string, error) {
	return fused(e.f, func() (string, error) { return e.events.TailEnd(ctx, organization) })
}

// Import of a process that is killed may have stored the beginning of what it was passed.
func (e fusedEvents) Import(ctx context.Context, organization string, events []*audit.Event) ([]audit.AppendStatus, error) {
	made, answered := e.f.burn()
	switch {
	case !made:
		return nil, errKilled
	case !answered && e.f.half:
		events = events[:len(events)/2]
	}
	statuses, err := e.importer.Import(ctx, organization, events)
	if !answered {
		return nil, errKilled
	}
	return statuses, err
}

// every is Records under a name that is not one of its methods, so that it can be embedded.
type every = Records

type fusedRecords struct {
	f *fuse
	every
}

func (r fusedRecords) Records(ctx context.Context, kind store.Kind, organization, after string, limit int) ([]store.Record, error) {
	return fused(r.f, func() ([]store.Record, error) { return r.every.Records(ctx, kind, organization, after, limit) })
}

func (r fusedRecords) Organization(ctx context.Context, id string) (audit.Organization, error) {
	return fused(r.f, func() (audit.Organization, error) { return r.every.Organization(ctx, id) })
}

func (r fusedRecords) Checkpoint(ctx context.Context, organization, name string) (string, error) {
	return fused(r.f, func() (string, error) { return r.every.Checkpoint(ctx, organization, name) })
}

func (r fusedRecords) PutRecords(ctx context.Context, records []store.Record) error {
	if r.f.half {
		r.f.mu.Lock()
		if r.f.left == 1 {
			records = records[:len(records)/2]
		}
		r.f.mu.Unlock()
	}
	_, err := fused(r.f, func() (int, error) { return 0, r.every.PutRecords(ctx, records) })
	return err
}

func (r fusedRecords) SaveCheckpoint(ctx context.Context, organization, name, value string) error {
	_, err := fused(r.f, func() (int, error) { return 0, r.every.SaveCheckpoint(ctx, organization, name, value) })
	return err
}

func (r fusedRecords) DeleteReminder(ctx context.Context, organization, id string) error {
	_, err := fused(r.f, func() (int, error) { return 0, r.every.DeleteReminder(ctx, organization, id) })
	return err
}

func (r fusedRecords) DeleteAddress(ctx context.Context, organization, id string, version int64) error {
	_, err := fused(r.f, func() (int, error) { return 0, r.every.DeleteAddress(ctx, organization, id, version) })
	return err
}

// altering is a target that does not keep what it is given.
type altering struct {
	Events
	importer Importer
	alter    func([]*audit.Event) []*audit.Event
}

func (a altering) Import(ctx context.Context, organization string, events []*audit.Event) ([]audit.AppendStatus, error) {
	return a.importer.Import(ctx, organization, a.alter(events))
}

func TestADifferenceIsFoundWithItsMonth(t *testing.T) {
	c := &clock{now: start}
	for name, alter := range map[string]func([]*audit.Event) []*audit.Event{
		"an event that is missing": func(events []*audit.Event) []*audit.Event { return events[1:] },
		"a word that is another":   func(events []*audit.Event) []*audit.Event { events[0].Message += "."; return events },
		"another time of receipt": func(events []*audit.Event) []*audit.Event {
			last := events[len(events)-1]
			last.ReceivedAt = last.ReceivedAt.Add(time.Millisecond)
			return events
		},
		"an event that should not be there": func(events []*audit.Event) []*audit.Event {
			e := *events[0]
			e.ID = "another"
			return append(events, &e)
		},
		"an event that is there in another's place": func(events []*audit.Event) []*audit.Event { events[0].ID = "another"; return events },
	} {
		t.Run(name, func(t *testing.T) {
			from, to := newSide(t, c), newSide(t, c)
			from.fill("acme", 60, 60, 60)
			altered := ""
			target := to.place("b")
			target.Events = altering{to.index, to.index.(Importer), func(events []*audit.Event) []*audit.Event {
				if altered != "" {
					return events
				}
				altered = events[0].Time.Format("2006-01")
				return alter(events)
			}}
			report, err := run(t.Context(), from.place("a"), target)
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range report.Rows {
				if want := row.What == WhatEvents && row.Part == altered; row.Same == want {
					t.Errorf("%+v is the same: %t; what differs is the month %s", row, row.Same, altered)
				}
			}
			if report.Same || report.Differences() != 1 {
				t.Errorf("the sides are the same: %t, %d differences", report.Same, report.Differences())
			}
		})
	}
}

func TestARecordThatDiffersIsFoundWithItsKind(t *testing.T) {
	c := &clock{now: start}
	from, to := newSide(t, c), newSide(t, c)
	from.fill("acme", 10, 10, 5)
	target := to.place("b")
	target.Records = changing{to.store, func(r store.Record) {
		if r.Message != nil {
			m := *r.Message
			m.ReadAt = start
			*r.Message = m
		}
	}}
	report, err := run(t.Context(), from.place("a"), target)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range report.Rows {
		if want := row.Part == string(store.KindMessage); row.Same == want {
			t.Errorf("%+v", row)
		}
	}
}

type changing struct {
	every
	change func(store.Record)
}

func (c changing) PutRecords(ctx context.Context, records []store.Record) error {
	for _, r := range records {
		c.change(r)
	}
	return c.every.PutRecords(ctx, records)
}

// busy is a target that cannot now, so many times in a row.
type busy struct {
	altering
	times *int
}

func (b busy) Import(ctx context.Context, organization string, events []*audit.Event) ([]audit.AppendStatus, error) {
	if *b.times > 0 {
		*b.times--
		return nil, audit.Unavailable(nil, 90*time.Second, "the cluster has too much to do")
	}
	return b.importer.Import(ctx, organization, events)
}

func TestAnEngineThatCannotNowIsWaitedFor(t *testing.T) {
	c := &clock{now: start}
	for times, want := range map[int]string{3: "", attempts - 1: "", attempts: "too much to do"} {
		from, to := newSide(t, c), newSide(t, c)
		from.fill("acme", 10, 5, 3)
		target := to.place("b")
		left := times
		target.Events = busy{altering{Events: to.index, importer: to.index.(Importer)}, &left}
		var pauses []time.Duration
		report, err := run(t.Context(), from.place("a"), target, func(m *mover) {
			m.pause = func(_ context.Context, d time.Duration) error { pauses = append(pauses, d); return nil }
		})
		if want != "" {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%d times: the error is %v", times, err)
			}
			continue
		}
		wantSame(t, report, err)
		if len(pauses) != times || pauses[0] != longestPause {
			t.Errorf("%d times: the pauses are %v", times, pauses)
		}
	}
}

func TestASumKnowsWhatIsThereTwiceAndNotInWhichOrder(t *testing.T) {
	of := func(texts ...string) Sum {
		var s sum
		for _, text := range texts {
			s.add([]byte(text))
		}
		return s.sum()
	}
	if of("a", "b", "c") != of("c", "a", "b") {
		t.Error("the order matters")
	}
	if of("a", "a").Checksum == of("b", "b").Checksum || of("a", "a").Checksum == of().Checksum || of("a") == of("b") {
		t.Error("different things have one sum")
	}
	if none := (*sum)(nil).sum(); none != of() || none.Count != 0 {
		t.Errorf("the sum of nothing is %+v", none)
	}
}
