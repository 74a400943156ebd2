// Package index is the contract of an index: where events live and are searched. It holds interfaces whose comments
// are the specification, and nothing that runs. The conformance suite in indextest proves an engine against them.
//
// It is not a place for records that are not events (package store) nor for what a caller may see: callers narrow
// the query first.
//
// What holds for every method of every engine:
//
//   - Every call names one organization, by an id that audit.ValidateOrganizationID accepts; nothing of another one is ever read,
//     counted or changed. An organization without events is empty, not an error.
//   - Nothing older than audit.Horizon(now) is shown, counted, scanned or found by id, whatever the engine still holds.
//     The clock is the one the engine was opened with.
//   - Errors are audit.Error values: CodeInvalid for a query that cannot run, CodeNotFound, and CodeUnavailable with
//     RetryAfter when the engine cannot do it now (disk full, node down, deadline). An answer is whole or an error, never
//     silently short.
//   - A context that ends makes the call return soon with its error; what an Append had handed to the disk by then may be stored.
package index

import (
	"context"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// Appender takes events in.
type Appender interface {
	// Append stores events, durably, and returns one status for each, in order: created, or duplicate where an event with the
	// id was received within audit.DedupeWindow (in any month, before any restart) or stands earlier in the same call. A
	// duplicate changes nothing. Events are valid (audit.Event.Validate accepted them) and have an id; Append stamps
	// ReceivedAt on the created ones, at commit, never decreasing within an organization and process: on the stored event and
	// on the one that was passed, of which it changes nothing else and keeps no part. On an error nothing is
	// acknowledged: the caller may send all of them again, and what had been stored is then a duplicate.
	// At most audit.MaxScan events a call, else CodeInvalid naming "events". Safe for concurrent use.
	Append(ctx context.Context, organization string, events []*audit.Event) ([]audit.AppendStatus, error)
}

// Reader answers queries.
type Reader interface {
	// Get returns one event, or CodeNotFound.
	Get(ctx context.Context, organization, id string) (audit.Event, error)
	// Search returns a page, newest first; events of the same millisecond by descending audit.Tie of their id. Following Next
	// gives every event that was stored before the first page exactly once, whatever arrives meanwhile. The cost of a
	// page does not depend on how deep it is. A limit out of bounds is CodeInvalid naming "limit", text that does not parse names "q".
	//
	// Total is exact ("eq") where CountLimit is CountAll or no fewer match than it says; where more match it is {CountLimit, "gte"}, so
	// {0, "gte"} where nothing is counted. It counts the whole search, not what is behind After.
	//
	// With ReceivedUntil it waits for commits that carry an earlier stamp, and later commits carry later ones, also where the
	// bound is the present: the same search finds the same again. Where several processes append that takes, for a bound that is
	// younger, as long as a commit may take and their clocks may differ: seven seconds on Elasticsearch.
	Search(ctx context.Context, organization string, search audit.Search) (audit.Page, error)
	// Summary counts what matches, exactly. An actor's label is the name in the newest matching event (in the order of a page) that has
	// one, and empty where that is the id. A day whose midnight is skipped begins with its first instant. A Top out of bounds is
	// CodeInvalid naming "top", an unknown interval names "interval".
	Summary(ctx context.Context, organization string, request audit.SummaryRequest) (audit.Summary, error)
}

// Tailer reads events in the order in which they arrived.
type Tailer interface {
	// Tail returns the next events behind the checkpoint, at most limit (1 to audit.MaxScan), each exactly once and without a
	// gap: an event that Append acknowledged is returned by a Tail that begins within a bounded time after it (at
	// once on SQLite). ReceivedAt never decreases on the way; events of one stamp come in an order of the engine's own. Where several
	// processes append or read, events of commits that were under way at the same time, by their clocks, may come in another order than that of
	// their stamps: at most by as long as a commit may take and the clocks may differ. The empty
	// checkpoint stands before the oldest event that is still held; a checkpoint stays good over restarts and retention. One that
	// the engine did not make is CodeInvalid naming "checkpoint", a limit out of bounds names "limit".
	Tail(ctx context.Context, organization, checkpoint string, limit int) (audit.TailPage, error)
	// TailEnd returns the checkpoint behind everything that is visible now.
	TailEnd(ctx context.Context, organization string) (string, error)
}

// Importer takes in what another index has received, to move between engines. It is not part of Index: only moving needs it.
type Importer interface {
	// Import stores events as Append does, but that they keep ReceivedAt, which has to be set and must not decrease within the call, else
	// CodeInvalid. Events are passed in the order of arrival, and while nobody appends to the organization; Tail then returns them in that
	// order. Where a call is cut short, what it is given again may come later in the order than it did. An event that is stored
	// already, with the same id and ReceivedAt, is a duplicate however long ago it was received. When Import returns, all that it was passed is
	// visible to every later call, TailEnd too, and what is imported afterwards is behind that end, also where it was received no later.
	Import(ctx context.Context, organization string, events []*audit.Event) ([]audit.AppendStatus, error)
}

// Refresher makes events findable. Only an engine whose reads find them a little later than Append acknowledges them has it.
type Refresher interface {
	// Refresh returns once reads, in any process, find every event that an Append in any process acknowledged before the call.
	Refresh(ctx context.Context) error
}

// Retainer keeps the six months.
type Retainer interface {
	// Retain checks that retention is in force and, where the engine is the one to do so, deletes whole files or indices all of
	// whose times are past the horizon. Repeating it is harmless.
	Retain(ctx context.Context) (audit.RetentionReport, error)
}

// Index is an engine: all roles, health and an end.
type Index interface {
	Appender
	Reader
	Tailer
	Retainer
	// Name is the engine's name, as in configuration: "sqlite", "elastic".
	Name() string
	// Ready returns nil when the engine can take events in and answer.
	Ready(ctx context.Context) error
	// Close ends background work and releases everything. Calls under way are finished or fail with CodeUnavailable, as later ones
	// do. Closing twice is harmless.
	Close() error
}

// Clock tells the time; engines never read the wall clock in another way.
type Clock func() time.Time
