// Package elastic is the engine of an index on Elasticsearch: one data stream, <prefix>-events, for all organizations, whose backing indices are
// rolled over and deleted by index lifecycle management or by Retain. Setup makes it; nothing else does.
//
// An event is one document under the names of the Elastic Common Schema, with what those have no name for below "audit"; its JSON is the
// event, and nothing else is needed to read it back. Beside it the document has, left out of _source:
//
//   - audit.search.text: the tokens of every value of audit.SearchedText, those of actor and targets included, as package fulltext cuts and folds
//     them, joined by a space, one string a value. Two values are 100 positions apart, so that no phrase spans them. audit.search.actor and
//     audit.search.target hold those of the actor's and the targets' ids and names alone. Our queries name the analyzer "tokens", which splits at
//     spaces and does nothing else, so that both engines find the same; people in Kibana get the analyzer "words", which comes close.
//   - audit.search.platform: strings.ToLower of the platform. Actions and ranges are in lower case as they are.
//
// Pages are ordered by @timestamp and audit.tie, both descending. Within an organization no two events share both: the later one gets the next free
// tie. Append looks for that in what it has stored itself and in what is searchable. So two of them can only come about where two processes store,
// within a second of each other, two events of one millisecond whose ids collide in 31 bits: one chance in two billion a pair, and then a
// page that ends between the two does not show the second. Stored, found by id, tailed and counted are both.
//
// The tail is ordered by event.ingested, which is ReceivedAt, and audit.key, 63 bits of the hash that is the _id: it differs where the _id does.
//
// An event's _id is a hash of organization and id, so that within a backing index Elasticsearch itself refuses the second. Before it creates, Append
// looks into the older backing indices that took events in within the window, and for a while after a rollover once more when it has created: see
// generations.go.
//
// It is not the place of records that are not events (package store/elastic).
package elastic

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/index"
	"github.com/audittrail/audittrail/internal/cluster"
)

// Options tune an Index. The zero value is ready to use.
type Options struct {
	// Clock tells the time; nil means time.Now.
	Clock index.Clock
	// Logger is told of what goes wrong where no caller can be; nil means slog.Default.
	Logger *slog.Logger
	// Setup says what Setup made of the cluster: Prefix, Shards, Replicas and Lifecycle count.
	Setup SetupOptions
}

// Index is the engine. It is safe for concurrent use, and by any number of processes.
type Index struct {
	client *cluster.Client
	// stream is the name of the data stream.
	stream  string
	clock   index.Clock
	logger  *slog.Logger
	setup   *installer
	stamps  stamps
	settled settled
	limits  readLimits
	// requiresStream says that the cluster can be told to write into data streams only.
	requiresStream bool
	generations    backingIndices
	late           lateCopies
	spots          spots
	fresh          *cluster.Shared // refreshes
	// appendDeadline is the constant, but in tests.
	appendDeadline time.Duration

	closing sync.RWMutex // held for reading while a call is under way
	closed  bool
	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
}

var _ index.Index = (*Index)(nil)

// Open makes an Index of a connection, which stays the caller's and has to outlive it. It makes nothing in the cluster: where that is not as
// Setup leaves it, the error is Check's. Close must be called.
func Open(ctx context.Context, client *cluster.Client, opts Options) (*Index, error) {
	if err := Check(ctx, client, opts.Setup); err != nil {
		return nil, err
	}
	return newIndex(client, opts)
}

// newIndex is Open without a look at the cluster.
func newIndex(client *cluster.Client, opts Options) (*Index, error) {
	if opts.Clock == nil {
		opts.Clock = time.Now
	}
	if opts.Logger == nil {
		opts.Logger = slog.Default()
	}
	setup, err := newInstaller(client, opts.Setup)
	if err != nil {
		return nil, err
	}
	x := &Index{client: client, stream: setup.name, clock: opts.Clock, logger: opts.Logger, setup: setup,
		requiresStream: takesRequireDataStream(client.Version()), appendDeadline: appendDeadline, limits: defaultLimits()}
	x.generations.client, x.generations.setup = client, setup
	x.late.index, x.late.after = x, lateAfter
	x.fresh = cluster.NewShared(x.refreshNow, refreshTimeout, errClosed())
	x.ctx, x.cancel = context.WithCancel(context.Background())
	return x, nil
}

// Name returns "elastic".
func (x *Index) Name() string { return "elastic" }

// begin enters a call about an organization: it refuses what no method takes, and ends the call's context when the Index is closed. The caller calls
// leave when it is done.
func (x *Index) begin(ctx context.Context, organization string) (limited context.Context, leave func(), err error) {
	if err := audit.ValidateOrganizationID(organization); err != nil {
		return nil, nil, err
	}
	return x.enter(ctx)
}

// enter is begin for calls about no organization.
func (x *Index) enter(ctx context.Context) (limited context.Context, leave func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	x.closing.RLock()
	if x.closed {
		x.closing.RUnlock()
		return nil, nil, errClosed()
	}
	limited, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(x.ctx, func() { cancel(errClosed()) })
	return limited, func() {
		stop()
		cancel(nil)
		x.closing.RUnlock()
	}, nil
}

func errClosed() error { return audit.Unavailable(nil, time.Second, "the index is closed") }

// Retain implements index.Retainer. Where index lifecycle management does the work it looks whether it is done.
func (x *Index) Retain(ctx context.Context) (audit.RetentionReport, error) {
	ctx, leave, err := x.enter(ctx)
	if err != nil {
		return audit.RetentionReport{}, err
	}
	defer leave()
	return newRetention(x.setup, x.clock).run(ctx)
}

// Close ends the calls under way, which fail with CodeUnavailable. Closing twice is harmless.
func (x *Index) Close() error {
	x.cancel()
	x.closing.Lock()
	x.closed = true
	x.closing.Unlock()
	x.late.running.Wait()
	x.fresh.End()
	return nil
}
