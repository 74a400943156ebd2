// Package sample makes up a believable enterprise: its members, offices and departments, and a stream of events as such an
// enterprise produces them, with working hours in eight time zones, quiet weekends, a few very busy people, travellers,
// password-guessing runs and bulk imports. Everything follows from the options: the same options give the same bytes.
//
// It is used by the sample command, the demo, tests and benchmarks. It is not a source of real data: every address, number
// and person in it comes from ranges that are reserved for documentation, or is invented.
package sample

import (
	"time"
	_ "time/tzdata" // offices keep their working hours on machines without a time zone database too

	"github.com/audittrail/audittrail/audit"
)

// Defaults of Options.
const (
	DefaultOrganization = "acme"
	DefaultMembers      = 500
	DefaultCount        = 20_000
)

// Options says what to make up. The zero value is 500 members of "acme" and 20,000 events that end now.
type Options struct {
	// Seed chooses one of many enterprises; 0 is as good as any other.
	Seed uint64
	// Organization is the id of the organization.
	Organization string
	// Members is how many people are in the directory, those who left included; at least 10.
	Members int
	// Count is how many events Events yields.
	Count int
	// Start and End bound the events' times: Start <= time < End. The default End is Clock's now; the default Start is
	// Span before End, or a day less than six calendar months where Span is zero too.
	Start, End time.Time
	Span       time.Duration
	// Clock is asked once, for the default End. Default: time.Now.
	Clock func() time.Time
}

// Enterprise is the made-up organization. It may be used by several goroutines at once.
type Enterprise struct {
	Organization audit.Organization
	// Members is the directory, by id. The first is the creator.
	Members []audit.Member

	opts    Options
	offices []office
	people  []person // same order as Members
	admins  []int    // indexes of active creator, system_admin and contact_admin members, busiest first
	byDesk  [][]int  // indexes of active members by office, busiest first
	desk    []*zipf  // how busy the members of an office are
	admin   *zipf
}

// New makes the directory. Events are made as they are read.
func New(opts Options) *Enterprise {
	opts = opts.withDefaults()
	e := &Enterprise{opts: opts, offices: offices()}
	e.Organization = audit.Organization{
		ID: opts.Organization, Name: "Acme Instruments", CreatedAt: opts.Start, Actions: productActions(),
	}
	e.hire(newRandom(opts.Seed, 1))
	return e
}

// Start returns the lower bound of the events' times, included, and End the upper one, excluded.
func (e *Enterprise) Start() time.Time { return e.opts.Start }

// End returns the upper bound of the events' times, which is excluded.
func (e *Enterprise) End() time.Time { return e.opts.End }

// Count returns how many events Events yields.
func (e *Enterprise) Count() int { return e.opts.Count }

func (o Options) withDefaults() Options {
	if o.Organization == "" {
		o.Organization = DefaultOrganization
	}
	if o.Members == 0 {
		o.Members = DefaultMembers
	}
	o.Members = max(o.Members, 10)
	if o.Count == 0 {
		o.Count = DefaultCount
	}
	if o.End.IsZero() {
		if o.Clock == nil {
			o.Clock = time.Now
		}
		o.End = o.Clock()
	}
	o.End = o.End.UTC().Truncate(audit.TimePrecision)
	switch {
	case !o.Start.IsZero():
		o.Start = o.Start.UTC().Truncate(audit.TimePrecision)
	case o.Span > 0:
		o.Start = o.End.Add(-o.Span).Truncate(audit.TimePrecision)
	default:
		o.Start = audit.Horizon(o.End).AddDate(0, 0, 1)
	}
	if !o.Start.Before(o.End) {
		o.Start = o.End.Add(-time.Second)
	}
	return o
}
