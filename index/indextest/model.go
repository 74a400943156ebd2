package indextest

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/index"
)

var _ index.Index = (*Model)(nil)

// Model is an index.Index in memory that answers every call by looking at every event. It is right, not fast: the suite
// compares engines with it, and other packages may use it as a fake. Safe for concurrent use.
type Model struct {
	clock index.Clock
	data  *modelData
	mu    sync.Mutex
	ended bool
}

// modelData is what survives Reopen.
type modelData struct {
	mu            sync.Mutex
	organizations map[string]*modelOrganization
}

type modelOrganization struct {
	events   []modelEvent // in the order of arrival
	byID     map[string]int
	received time.Time // the latest ReceivedAt
	bound    time.Time // the latest ReceivedUntil, which no later commit may carry
	taken    map[audit.Position]bool
}

type modelEvent struct {
	audit.Event
	tie uint32
}

func (e *modelEvent) position() audit.Position { return audit.Position{Time: e.Time, Tie: e.tie} }

// NewModel returns an empty model that reads the clock.
func NewModel(clock index.Clock) *Model {
	return &Model{clock: clock, data: &modelData{organizations: map[string]*modelOrganization{}}}
}

// Reopen closes the model and returns a new one with the same events, like an engine that is started again.
func (m *Model) Reopen() *Model {
	m.close()
	return &Model{clock: m.clock, data: m.data}
}

// Name implements index.Index.
func (m *Model) Name() string { return "model" }

// Ready implements index.Index.
func (m *Model) Ready(ctx context.Context) error { return m.usable(ctx) }

// Close implements index.Index.
func (m *Model) Close() error {
	m.close()
	return nil
}

func (m *Model) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ended = true
}

func (m *Model) usable(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ended {
		return audit.Unavailable(nil, time.Second, "the index is closed")
	}
	return ctx.Err()
}

// begin locks the data and returns the organization; the caller calls the function when it is done.
func (m *Model) begin(ctx context.Context, organization string) (*modelOrganization, func(), error) {
	if err := m.usable(ctx); err != nil {
		return nil, nil, err
	}
	if err := audit.ValidateOrganizationID(organization); err != nil {
		return nil, nil, err
	}
	m.data.mu.Lock()
	o := m.data.organizations[organization]
	if o == nil {
		o = &modelOrganization{byID: map[string]int{}, taken: map[audit.Position]bool{}}
		m.data.organizations[organization] = o
	}
	return o, m.data.mu.Unlock, nil
}

// Append implements index.Appender. It recognises duplicates for ever.
func (m *Model) Append(ctx context.Context, organization string, events []*audit.Event) ([]audit.AppendStatus, error) {
	o, done, err := m.begin(ctx, organization)
	if err != nil {
		return nil, err
	}
	defer done()
	if len(events) > audit.MaxScan {
		return nil, audit.InvalidField("events", "must be at most %d", audit.MaxScan)
	}
	o.stamp(m.clock().UTC().Truncate(audit.TimePrecision))
	statuses := make([]audit.AppendStatus, len(events))
	for i, e := range events {
		if o.find(e.ID) != nil {
			statuses[i] = audit.StatusDuplicate
			continue
		}
		e.ReceivedAt = o.received
		o.add(organization, e)
		statuses[i] = audit.StatusCreated
	}
	return statuses, nil
}

// stamp moves received on to now, where that is later, and behind what was already read as a set that does not move.
func (o *modelOrganization) stamp(now time.Time) {
	if behind := o.bound.Add(audit.TimePrecision); now.Before(behind) {
		now = behind
	}
	if now.After(o.received) {
		o.received = now
	}
}

func (o *modelOrganization) find(id string) *modelEvent {
	if i, ok := o.byID[id]; ok {
		return &o.events[i]
	}
	return nil
}

func (o *modelOrganization) add(organization string, e *audit.Event) {
	stored := modelEvent{Event: clone(e), tie: audit.Tie(e.ID)}
	stored.Organization = organization
	for o.taken[stored.position()] {
		stored.tie = (stored.tie + 1) & (1<<audit.TieBits - 1)
	}
	o.taken[stored.position()] = true
	o.byID[e.ID] = len(o.events)
	o.events = append(o.events, stored)
}

// clone keeps callers and the model from sharing lists and maps.
func clone(e *audit.Event) audit.Event {
	c := *e
	c.Targets, c.Changes, c.Metadata = slices.Clone(e.Targets), slices.Clone(e.Changes), maps.Clone(e.Metadata)
	return c
}

// Get implements index.Reader.
func (m *Model) Get(ctx context.Context, organization, id string) (audit.Event, error) {
	o, done, err := m.begin(ctx, organization)
	if err != nil {
		return audit.Event{}, err
	}
	defer done()
	e := o.find(id)
	if e == nil || e.Time.Before(audit.Horizon(m.clock())) {
		return audit.Event{}, audit.NotFound("event")
	}
	return clone(&e.Event), nil
}

// Tail implements index.Tailer. A checkpoint is the organization and the number of events before it.
func (m *Model) Tail(ctx context.Context, organization, checkpoint string, limit int) (audit.TailPage, error) {
	o, done, err := m.begin(ctx, organization)
	if err != nil {
		return audit.TailPage{}, err
	}
	defer done()
	if limit < 1 || limit > audit.MaxScan {
		return audit.TailPage{}, audit.InvalidField("limit", "must be 1 to %d", audit.MaxScan)
	}
	at, err := o.parseCheckpoint(organization, checkpoint)
	if err != nil {
		return audit.TailPage{}, err
	}
	horizon := audit.Horizon(m.clock())
	var page audit.TailPage
	for ; at < len(o.events); at++ {
		e := &o.events[at]
		if e.Time.Before(horizon) {
			continue
		}
		if len(page.Events) == limit {
			page.More = true
			break
		}
		page.Events = append(page.Events, clone(&e.Event))
	}
	page.Checkpoint = makeCheckpoint(organization, at)
	return page, nil
}

// TailEnd implements index.Tailer.
func (m *Model) TailEnd(ctx context.Context, organization string) (string, error) {
	o, done, err := m.begin(ctx, organization)
	if err != nil {
		return "", err
	}
	defer done()
	return makeCheckpoint(organization, len(o.events)), nil
}

func makeCheckpoint(organization string, at int) string { return organization + "@" + strconv.Itoa(at) }

func (o *modelOrganization) parseCheckpoint(organization, checkpoint string) (int, error) {
	if checkpoint == "" {
		return 0, nil
	}
	number, ok := strings.CutPrefix(checkpoint, organization+"@")
	at, err := strconv.Atoi(number)
	if !ok || err != nil || at < 0 || at > len(o.events) {
		return 0, audit.InvalidField("checkpoint", "is not a checkpoint of this index")
	}
	return at, nil
}

// Retain implements index.Retainer. The model keeps what is past, and does not show it.
func (m *Model) Retain(ctx context.Context) (audit.RetentionReport, error) {
	return audit.RetentionReport{Horizon: audit.Horizon(m.clock())}, m.usable(ctx)
}
