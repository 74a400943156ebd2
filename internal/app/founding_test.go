package app

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

var founded = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// foundation is an organization and its events, each stored once.
type foundation struct {
	org             audit.Organization
	ids             []string
	events          []*audit.Event
	reads           int
	lost, cut, gone error // of appending, of writing and of reading the organization
}

func (f *foundation) Append(_ context.Context, _ string, events []*audit.Event) ([]audit.AppendStatus, error) {
	if f.lost != nil {
		return nil, f.lost
	}
	statuses := make([]audit.AppendStatus, len(events))
	for i, e := range events {
		if statuses[i] = audit.StatusDuplicate; !slices.Contains(f.ids, e.ID) {
			statuses[i] = audit.StatusCreated
			f.ids, f.events = append(f.ids, e.ID), append(f.events, e)
		}
	}
	return statuses, nil
}

func (f *foundation) Organization(context.Context, string) (audit.Organization, error) {
	f.reads++
	return f.org, f.gone
}

func (f *foundation) PutOrganization(_ context.Context, org audit.Organization) (audit.Organization, error) {
	if f.cut != nil {
		return org, f.cut
	}
	f.org = org
	return org, nil
}

// process is what another start of the server, or another server, has.
func (f *foundation) process(now time.Time) *founder {
	return newFounder(f, f, func() time.Time { return now }, slog.New(slog.DiscardHandler))
}

func newFoundation() *foundation {
	return &foundation{org: audit.Organization{ID: "acme", Name: "Acme", CreatedAt: founded, CreationEvent: "made", Version: 1}}
}

func send(t *testing.T, to *founder, id string) error {
	t.Helper()
	statuses, err := to.Append(t.Context(), "acme", []*audit.Event{{ID: id}})
	if err == nil && len(statuses) != 1 {
		t.Errorf("of one event the statuses are %v", statuses)
	}
	return err
}

func TestTheFirstEventOfAnOrganizationSaysThatItWasCreated(t *testing.T) {
	f := newFoundation()
	for _, p := range []*founder{f.process(founded), f.process(founded)} {
		for _, id := range []string{"a", "b"} {
			if err := send(t, p, id); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !slices.Equal(f.ids, []string{"made", "a", "b"}) || f.reads != 2 {
		t.Errorf("the events are %v, after %d reads of the organization; want one read of each process", f.ids, f.reads)
	}
	e := f.events[0]
	if err := e.Validate(founded); err != nil {
		t.Error(err)
	}
	if e.Action != audit.ActionOrganizationCreated || e.Log != audit.LogOperation || e.Outcome != audit.OutcomeSuccess || !e.Time.Equal(founded) || e.Actor.ID != "audit_trail" ||
		len(e.Targets) != 1 || e.Targets[0] != (audit.Target{Type: "organization", ID: "acme", Name: "Acme"}) {
		t.Errorf("the event is %+v", e)
	}
	if f.org.CreationEvent != "" {
		t.Error("that the event is on record is not noted")
	}
}

func TestNoEventComesBeforeTheOneOfTheCreation(t *testing.T) {
	for name, fail := range map[string]func(*foundation, error){
		"the index is gone": func(f *foundation, err error) { f.lost = err },
		"the store is gone": func(f *foundation, err error) { f.gone = err },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFoundation()
			p := f.process(founded)
			gone := audit.Unavailable(nil, time.Second, "gone")
			fail(f, gone)
			if err := send(t, p, "a"); !errors.Is(err, gone) || len(f.ids) > 0 {
				t.Errorf("the answer is %v, and stored is %v", err, f.ids)
			}
			fail(f, nil)
			if err := send(t, p, "a"); err != nil || !slices.Equal(f.ids, []string{"made", "a"}) {
				t.Errorf("later it is %v, and stored is %v", err, f.ids)
			}
		})
	}
}

func TestACreationThatIsOnRecordAndNotNotedIsNotRecordedTwice(t *testing.T) {
	for _, cut := range []error{audit.Unavailable(nil, time.Second, "gone"), audit.Errorf(audit.CodeConflict, "another was first")} {
		f := newFoundation()
		f.cut = cut
		if err := send(t, f.process(founded), "a"); err != nil {
			t.Errorf("events have to wait for the note: %v", err)
		}
		f.cut = nil
		if err := send(t, f.process(founded), "b"); err != nil || f.org.CreationEvent != "" || !slices.Equal(f.ids, []string{"made", "a", "b"}) {
			t.Errorf("after %v stored is %v, the answer %v and the note %q", cut, f.ids, err, f.org.CreationEvent)
		}
	}
}

func TestACreationOfWhichThereIsNothingToSayIsNotRecorded(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*foundation)
		now    time.Time
	}{
		"before there was a record of it":          {func(f *foundation) { f.org.CreationEvent = "" }, founded},
		"longer ago than events are kept":          {func(*foundation) {}, founded.AddDate(0, 7, 0)},
		"of an organization that is not there yet": {func(f *foundation) { f.gone = audit.NotFound("organization") }, founded},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFoundation()
			c.change(f)
			if err := send(t, f.process(c.now), "a"); err != nil || !slices.Equal(f.ids, []string{"a"}) {
				t.Errorf("stored is %v, %v", f.ids, err)
			}
		})
	}
}
