package app

import (
	"context"
	"fmt"

	indexelastic "github.com/audittrail/audittrail/index/elastic"
	"github.com/audittrail/audittrail/internal/config"
	storeelastic "github.com/audittrail/audittrail/store/elastic"
)

// SetupOptions say how Setup goes about it.
type SetupOptions struct {
	// DryRun changes nothing and only reports; with SQLite there is nothing to report.
	DryRun bool
	// AllowShorterRetention lets it replace an ILM policy that keeps events longer than ours.
	AllowShorterRetention bool
}

// SetupReport is what was not as it should be, in the order in which it is changed.
type SetupReport struct {
	Index   string        `json:"index"`
	DryRun  bool          `json:"dry_run"`
	Changes []SetupChange `json:"changes"`
}

// SetupChange is one step.
type SetupChange struct {
	// Of is "events" or "records".
	Of     string `json:"of"`
	Object string `json:"object"`
	Name   string `json:"name"`
	Action string `json:"action"`
	// Differences are sorted by path; there are none where something is made that was not there.
	Differences []SetupDifference `json:"differences,omitempty"`
}

// SetupDifference is one path where the cluster has something else than it should. Values are JSON; "" means that nothing is there.
type SetupDifference struct {
	Path string `json:"path"`
	Have string `json:"have"`
	Want string `json:"want"`
}

// String returns the path and both values, for people.
func (d SetupDifference) String() string { return indexelastic.Difference(d).String() }

// Setup makes or updates what the engines need. Repeating it changes nothing; with Elasticsearch, any number of processes may run it at once. What is
// refused is refused before anything is changed.
func Setup(ctx context.Context, cfg *config.Config, opts Options, how SetupOptions) (SetupReport, error) {
	report := SetupReport{Index: cfg.Index, DryRun: how.DryRun, Changes: []SetupChange{}}
	e, err := newEngines(ctx, cfg, opts)
	if err != nil {
		return report, err
	}
	defer e.close()
	switch {
	case e.cluster != nil: // who may set up need not be who may read and write
		report.Changes, err = e.setUpCluster(ctx, how)
	case !how.DryRun:
		err = e.tryOut(ctx)
	}
	return report, err
}

// setUpCluster looks at everything first, so that nothing is changed for events where records are refused.
func (e *engines) setUpCluster(ctx context.Context, how SetupOptions) ([]SetupChange, error) {
	planned, err := e.setUpOnce(ctx, how, true)
	if err != nil || how.DryRun || len(planned) == 0 {
		return planned, err
	}
	return e.setUpOnce(ctx, how, false)
}

func (e *engines) setUpOnce(ctx context.Context, how SetupOptions, dryRun bool) ([]SetupChange, error) {
	forEvents := eventsSetup(e.cfg)
	forEvents.DryRun, forEvents.AllowShorterRetention = dryRun, how.AllowShorterRetention
	events, err := indexelastic.Setup(ctx, e.cluster, forEvents)
	if err != nil {
		return nil, fmt.Errorf("set up the events in Elasticsearch: %w", err)
	}
	records, err := storeelastic.Setup(ctx, e.cluster, storeelastic.SetupOptions{
		Prefix: e.cfg.Elastic.Prefix, Replicas: e.cfg.Elastic.Replicas, DryRun: dryRun,
	})
	if err != nil {
		return nil, fmt.Errorf("set up the records in Elasticsearch: %w", err)
	}
	changes := []SetupChange{}
	for _, c := range events.Changes {
		change := SetupChange{Of: "events", Object: string(c.Object), Name: c.Name, Action: string(c.Action)}
		for _, d := range c.Differences {
			change.Differences = append(change.Differences, SetupDifference(d))
		}
		changes = append(changes, change)
	}
	for _, c := range records.Changes {
		change := SetupChange{Of: "records", Object: c.Object, Name: c.Name, Action: c.Action}
		for _, d := range c.Differences {
			change.Differences = append(change.Differences, SetupDifference(d))
		}
		changes = append(changes, change)
	}
	return changes, nil
}

// tryOut opens index and store once, which makes them.
func (e *engines) tryOut(ctx context.Context) error {
	events, err := e.index(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = events.Close() }() // it was only tried out
	records, err := e.store(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = records.Close() }()
	if err := events.Ready(ctx); err != nil {
		return fmt.Errorf("the events: %w", err)
	}
	if err := records.Ready(ctx); err != nil {
		return fmt.Errorf("the records: %w", err)
	}
	return nil
}
