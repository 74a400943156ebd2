// Package migrate moves organizations with everything they have from one pair of engines to another: events in the order in which they
// arrived and with the times at which they were received, records with their versions and times, and checkpoints turned into those of the
// target. A run can be cut short at any point and continued by another; at its end both sides are read again and compared.
//
// How far it has come is noted in the target, so that it is lost together with what it speaks of. Nothing is written to the source but the secret by
// which it is known again. It is not the place of export files, which are in neither engine, and starts no server.
package migrate

import (
	"context"
	"log/slog"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/store"
)

// Events are an index that is read.
type Events interface {
	Search(ctx context.Context, organization string, search audit.Search) (audit.Page, error)
	Tail(ctx context.Context, organization, checkpoint string, limit int) (audit.TailPage, error)
	TailEnd(ctx context.Context, organization string) (string, error)
}

// Importer is an index that takes events in; index.Importer says how.
type Importer interface {
	Import(ctx context.Context, organization string, events []*audit.Event) ([]audit.AppendStatus, error)
}

// Records are a store, and store.Mover what is special in it.
type Records interface {
	store.Mover
	Organizations(ctx context.Context) ([]audit.Organization, error)
	Organization(ctx context.Context, id string) (audit.Organization, error)
	DeleteReminder(ctx context.Context, organization, id string) error
	DeleteGroup(ctx context.Context, organization, id string) error
	DeleteAddress(ctx context.Context, organization, id string, version int64) error
	Checkpoint(ctx context.Context, organization, name string) (string, error)
	SaveCheckpoint(ctx context.Context, organization, name, value string) error
	Secret(ctx context.Context, name string) ([]byte, error)
}

// Place is one side: an index and the store beside it. No other process may write to either meanwhile. Both sides have to read one clock that
// stands still, as what passes the horizon during a run would else be on one side only.
type Place struct {
	// Name is what the place is called in messages: "sqlite:/var/lib/audittrail".
	Name    string
	Events  Events
	Records Records
}

// Options say what is moved where.
type Options struct {
	From Place
	// To has to be an Importer by its Events, and set up.
	To Place
	// KeepSecrets leaves the target's secrets as they are where it has organizations of its own. Links in messages that the source has sent, to
	// unsubscribe, then no longer work.
	KeepSecrets bool
	// Clock says when a run ended; nil means time.Now.
	Clock func() time.Time
	// Advance lets the time by which both places read come up to now, where it stands still else; nil: it passes by itself.
	Advance func()
	// Progress is told how far the run is, from one goroutine at a time; may be nil.
	Progress func(Progress)
	Logger   *slog.Logger
}

// Step is what a run is doing.
type Step string

// The steps of a run.
const (
	StepCopy    Step = "copy"
	StepCompare Step = "compare"
)

// Progress is how far a step is: so many events of so many, in all organizations.
type Progress struct {
	Step         Step
	Organization string
	Done, Total  int64
	// Now is how many of Done this run did: the others were there already.
	Now int64
}

// Report is what came of a run.
type Report struct {
	From string `json:"from"`
	To   string `json:"to"`
	// Copied is how many events this run copied.
	Copied int64 `json:"copied"`
	Rows   []Row `json:"rows"`
	Same   bool  `json:"same"`
}

// Differences are the rows in which the sides differ.
func (r Report) Differences() int {
	n := 0
	for _, row := range r.Rows {
		if !row.Same {
			n++
		}
	}
	return n
}

// settling is for how long after an event was received an engine may hold it back at most: Elasticsearch 7 s, of more than 4,096 events that young.
const settling = 10 * time.Second

// pageSize is how many events are copied at a time, and how many are read.
const pageSize = 2000 // an event may have 64 KiB, and three pages may be in memory at once

// mover is one run.
type mover struct {
	Options
	importer Importer
	// identity is what the source is known by.
	identity string
	orgs     []*moved
	report   Report
	total    int64 // events of the source
	done     int64 // of them, those that are copied, or of both sides, those that are compared
	now      int64
	horizon  time.Time     // what is older is past, on both sides
	page     int           // pageSize but in tests
	settling time.Duration // the constant but in tests
	// pause waits before a call is made again.
	pause func(ctx context.Context, d time.Duration) error
}

// moved is an organization on its way.
type moved struct {
	id   string
	note note
}

// Run moves all organizations of the source and compares both sides. An error means that it did not come to its end, and can be run again; that the
// sides differ is not an error but said in the report.
func Run(ctx context.Context, opts Options) (Report, error) {
	m, err := newMover(opts)
	if err != nil {
		return Report{}, err
	}
	return m.run(ctx)
}

func newMover(opts Options) (*mover, error) {
	if opts.Clock == nil {
		opts.Clock = time.Now
	}
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	importer, ok := opts.To.Events.(Importer)
	if !ok {
		return nil, audit.Errorf(audit.CodeInvalid, "%s cannot take in what another index received", opts.To.Name)
	}
	return &mover{Options: opts, importer: importer, report: Report{From: opts.From.Name, To: opts.To.Name, Rows: []Row{}}, page: pageSize, settling: settling, pause: wait}, nil
}

func (m *mover) run(ctx context.Context) (Report, error) {
	m.horizon = audit.Horizon(m.Clock())
	if err := m.admit(ctx); err != nil {
		return m.report, err
	}
	if err := m.secrets(ctx); err != nil {
		return m.report, err
	}
	for _, o := range m.orgs {
		if err := m.move(ctx, o); err != nil {
			return m.report, err
		}
	}
	if err := m.compare(ctx); err != nil {
		return m.report, err
	}
	m.report.Same = m.report.Differences() == 0
	return m.report, nil
}

// move copies one organization. The keys that open it, and the organization itself, come last: until then nobody can work with a half of it.
func (m *mover) move(ctx context.Context, o *moved) error {
	if err := m.events(ctx, o); err != nil {
		return err
	}
	// Before the groups that are there come, so that a name that was one of these is free.
	if err := m.forget(ctx, o.id, store.KindGroup, func(r store.Record) error { return m.To.Records.DeleteGroup(ctx, o.id, r.ID()) }); err != nil {
		return err
	}
	for _, kind := range []store.Kind{store.KindMember, store.KindGroup, store.KindAddress, store.KindReminder, store.KindDelivery, store.KindMessage, store.KindExport} {
		if err := m.records(ctx, o.id, kind); err != nil {
			return err
		}
	}
	if err := m.forget(ctx, o.id, store.KindReminder, func(r store.Record) error { return m.To.Records.DeleteReminder(ctx, o.id, r.ID()) }); err != nil {
		return err
	}
	if err := m.forget(ctx, o.id, store.KindAddress, func(r store.Record) error { return m.To.Records.DeleteAddress(ctx, o.id, r.ID(), r.Address.Version) }); err != nil {
		return err
	}
	if err := m.checkpoints(ctx, o); err != nil {
		return err
	}
	if err := m.records(ctx, o.id, store.KindKey); err != nil {
		return err
	}
	if err := m.organization(ctx, o.id); err != nil {
		return err
	}
	o.note.Done = m.Clock().UTC().Truncate(time.Second)
	return m.saveNote(ctx, o)
}

func (m *mover) tell(step Step, organization string) {
	if m.Progress != nil {
		total := m.total
		if step == StepCompare {
			total *= 2
		}
		m.Progress(Progress{Step: step, Organization: organization, Done: min(m.done, total), Total: total, Now: m.now})
	}
}
