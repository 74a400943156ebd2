package elastic

import (
	"context"
	"time"

	"github.com/audittrail/audittrail/internal/cluster"
)

// Lifecycle says who rolls the data stream over and deletes what is past.
type Lifecycle string

// The lifecycles, as in configuration. The empty one means LifecycleILM.
const (
	// LifecycleILM leaves it to the cluster's index lifecycle management.
	LifecycleILM Lifecycle = "ilm"
	// LifecycleTemporal leaves it to Retain, which RetentionWorkflow runs daily: for clusters without index lifecycle management.
	LifecycleTemporal Lifecycle = "temporal"
)

// SetupOptions say what the cluster should have.
type SetupOptions struct {
	// Prefix begins the names of data stream, template and policy; "" means "audittrail".
	Prefix string
	// Shards is how many primary shards each backing index has, 1 to 1,024; 0 means 1. A change applies from the next rollover on.
	Shards int
	// Replicas is how many copies each shard has beside the primary, 0 or more. A change applies to all backing indices at once.
	Replicas  int
	Lifecycle Lifecycle
	// DryRun computes the plan and changes nothing.
	DryRun bool
	// AllowShorterRetention lets Setup replace a policy that keeps events longer than this program's, or deletes them in another way.
	AllowShorterRetention bool
}

// DefaultPrefix begins the names where no other is given.
const DefaultPrefix = "audittrail"

// retryLater is the advice where a person has to do something first.
const retryLater = time.Minute

func eventsName(prefix string) string { return prefix + "-events" }

// settleWithin is how long Setup waits for the cluster to be as it was told: other processes may set up at the same time.
const settleWithin = 30 * time.Second

// Setup brings policy, template, data stream and write index to what this program needs, and returns what differed before. Repeating it
// changes nothing, and any number of processes may run it at once. With DryRun it changes nothing at all; what it would refuse to do is an error then too.
//
// It refuses, before it changes anything: to shorten retention without AllowShorterRetention, to touch what a newer version of this
// program set up, and what is not this program's at all. Where a privilege is missing the error names it.
func Setup(ctx context.Context, client *cluster.Client, opts SetupOptions) (Plan, error) {
	s, err := newInstaller(client, opts)
	if err != nil {
		return Plan{}, err
	}
	return s.run(ctx)
}

// run is Setup for any definition.
func (s *installer) run(ctx context.Context) (Plan, error) {
	plan, err := s.plan(ctx)
	if err != nil || s.opts.DryRun || len(plan.Changes) == 0 {
		return plan, err
	}
	ctx, cancel := context.WithTimeout(ctx, settleWithin)
	defer cancel()
	return plan, s.settle(ctx, plan)
}

// installer is one run of Setup or of Check.
type installer struct {
	client *cluster.Client
	opts   SetupOptions
	name   string // of data stream, template and policy
	want   definition
	// patience is claimWithin, but in tests.
	patience time.Duration
}

func newInstaller(client *cluster.Client, opts SetupOptions) (*installer, error) {
	want, err := embedded()
	if err != nil {
		return nil, err
	}
	return install(client, opts, want)
}

// install makes an installer of a definition; tests give older and newer ones.
func install(client *cluster.Client, opts SetupOptions, want definition) (*installer, error) {
	if opts.Prefix == "" {
		opts.Prefix = DefaultPrefix
	}
	if opts.Lifecycle == "" {
		opts.Lifecycle = LifecycleILM
	}
	opts.Shards = max(opts.Shards, 1)
	s := &installer{client: client, opts: opts, name: eventsName(opts.Prefix), patience: claimWithin}
	rendered, err := want.render(s.name, opts)
	s.want = rendered
	return s, err
}

// plan reads the cluster and says what has to change.
func (s *installer) plan(ctx context.Context) (Plan, error) {
	found, err := s.read(ctx)
	if err == nil {
		err = s.refuse(found)
	}
	if err != nil {
		return Plan{}, s.named(ctx, err, setupRights)
	}
	return s.compare(found), nil
}

// settle applies the plan, and what is then still left to do: another process may have changed things meanwhile.
func (s *installer) settle(ctx context.Context, plan Plan) error {
	poll := time.NewTicker(100 * time.Millisecond)
	defer poll.Stop()
	for {
		if err := s.apply(ctx, plan); err != nil {
			return s.named(ctx, err, setupRights)
		}
		left, err := s.plan(ctx)
		if err != nil || len(left.Changes) == 0 {
			return err
		}
		select {
		case <-poll.C:
			plan = left
		case <-ctx.Done():
			return cluster.Unavailable(left.error(), "something else changes what setup made; is an older or a newer version running?")
		}
	}
}
