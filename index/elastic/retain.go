package elastic

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/index"
	"github.com/audittrail/audittrail/internal/cluster"
)

// The rules of the policy file, for clusters that cannot follow it by themselves. A test holds the two together.
const (
	rolloverAge = 30 * 24 * time.Hour
	// rolloverSize is of one primary shard.
	rolloverSize = 50 << 30
	// deleteAge counts from the rollover. The longest six months have 184 days, and an event may be ten minutes ahead.
	deleteAge = 185 * 24 * time.Hour
	// slack is how much later than due things may be done before a person is told: policies run when the cluster has time.
	slack = 3 * 24 * time.Hour
)

// retention is one run of Retain.
type retention struct {
	*installer
	now time.Time
	// age and size are rolloverAge and rolloverSize, but in tests.
	age    time.Duration
	size   int64
	report audit.RetentionReport
}

func newRetention(s *installer, clock index.Clock) *retention {
	now := clock()
	return &retention{
		installer: s, now: now, age: rolloverAge, size: rolloverSize,
		report: audit.RetentionReport{Horizon: audit.Horizon(now), Dropped: []string{}, Problems: []string{}},
	}
}

// run checks, and does what is due where the cluster does not.
func (r *retention) run(ctx context.Context) (audit.RetentionReport, error) {
	findings, err := r.check(ctx)
	if err != nil {
		return r.report, err
	}
	for _, finding := range findings {
		r.problem("%v", finding)
	}
	found, err := r.held(ctx)
	if err != nil || len(found) == 0 {
		return r.report, err
	}
	if r.opts.Lifecycle == LifecycleILM {
		return r.report, r.watch(ctx, found)
	}
	return r.report, r.keep(ctx, found, len(findings) == 0)
}

func (r *retention) problem(format string, args ...any) {
	r.report.Problems = append(r.report.Problems, fmt.Sprintf(format, args...))
}

// heldIndex is a backing index as retention sees it.
type heldIndex struct {
	backing
	created time.Time
	docs    int64
	bytes   int64 // of all copies
}

// held returns the backing indices, oldest first; none where there is no data stream.
func (r *retention) held(ctx context.Context) ([]heldIndex, error) {
	found := &state{}
	if err := r.readNames(ctx, found); err != nil || len(found.backing) == 0 {
		return nil, err
	}
	if err := r.readBacking(ctx, found); err != nil {
		return nil, err
	}
	var stats struct {
		Indices map[string]struct {
			Primaries struct {
				Docs struct{ Count int64 }
			}
			Total struct {
				Store struct {
					Bytes int64 `json:"size_in_bytes"`
				}
			}
		}
	}
	if err := r.client.Call(ctx, esapi.IndicesStatsRequest{Index: []string{r.name}, Metric: []string{"docs", "store"}}, &stats); err != nil {
		return nil, err
	}
	list := make([]heldIndex, 0, len(found.backing))
	for i, b := range found.backing {
		if b.settings == nil && i < len(found.backing)-1 {
			continue // deleted since, by another process
		}
		created, err := createdAt(b)
		if err != nil {
			return nil, err
		}
		s := stats.Indices[b.name]
		list = append(list, heldIndex{backing: b, created: created, docs: s.Primaries.Docs.Count, bytes: s.Total.Store.Bytes})
	}
	return list, nil
}

var errChanging = errors.New("the settings of a backing index have no creation date")

func createdAt(b backing) (time.Time, error) {
	text, _ := b.settings["index.creation_date"].(string)
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, cluster.Unavailable(fmt.Errorf("%s: %w", b.name, errChanging), "the indices of Elasticsearch changed while they were read")
	}
	return time.UnixMilli(ms), nil
}
