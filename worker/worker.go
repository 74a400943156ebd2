// Package worker runs workflows and activities: it registers them, begins when Temporal can be reached, sees to it that what should be running is
// started, and ends in good order. Nothing else is here.
package worker

import (
	"context"
	"log/slog"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"

	"github.com/audittrail/audittrail/activities"
	"github.com/audittrail/audittrail/workflows"
)

const (
	// reconcileEvery is how often what should be running is compared with what the store says.
	reconcileEvery = time.Minute
	// retryEvery is how often Temporal is tried while it cannot be reached.
	retryEvery = 2 * time.Second
	// stopTimeout is how long activities may take to end before their contexts do.
	stopTimeout = 10 * time.Second
)

// Reconciler starts what should be running and is not. Repeating it changes nothing.
type Reconciler interface {
	EnsureRunning(ctx context.Context) error
}

// Deps are what the activities need, already put together.
type Deps struct {
	Exports    *activities.Exports
	Dispatch   *activities.Dispatch
	Reminders  *activities.Reminders
	Retention  *activities.Retention
	Reconciler Reconciler
	Logger     *slog.Logger
}

// Worker runs workflows and activities of one process.
type Worker struct {
	client client.Client
	deps   Deps
}

// New makes a worker; it does nothing before Run.
func New(c client.Client, deps Deps) *Worker { return &Worker{client: c, deps: deps} }

// Run works until ctx ends, and then waits for what is under way. Where Temporal is down, or goes away for good, it is
// tried again until ctx ends: a worker that waits is better than a process that has gone.
func (w *Worker) Run(ctx context.Context) {
	for ctx.Err() == nil {
		err := w.serve(ctx)
		if err == nil {
			return
		}
		w.deps.Logger.WarnContext(ctx, "the worker cannot work now and tries again", "error", err, "again_in", retryEvery.String())
		wait(ctx, retryEvery)
	}
}

// serve works until ctx ends (nil) or Temporal fails for good.
func (w *Worker) serve(ctx context.Context) error {
	fatal := make(chan error, 1)
	running := w.build(func(err error) {
		select {
		case fatal <- err:
		default:
		}
	})
	if err := running.Start(); err != nil {
		return err
	}
	defer running.Stop()
	w.deps.Logger.InfoContext(ctx, "the worker works", "task_queue", workflows.TaskQueue)
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-fatal:
			return err
		case <-next.C:
			next.Reset(w.reconcile(ctx))
		}
	}
}

// reconcile returns when to do it again.
func (w *Worker) reconcile(ctx context.Context) time.Duration {
	ctx, cancel := context.WithTimeout(ctx, reconcileEvery)
	defer cancel()
	if err := w.deps.Reconciler.EnsureRunning(ctx); err != nil && ctx.Err() == nil {
		w.deps.Logger.WarnContext(ctx, "not everything that should be running could be started; it is tried again", "error", err)
		return retryEvery
	}
	return reconcileEvery
}

func (w *Worker) build(onFatal func(error)) worker.Worker {
	running := worker.New(w.client, workflows.TaskQueue, worker.Options{
		MaxConcurrentActivityExecutionSize:     200,
		MaxConcurrentWorkflowTaskExecutionSize: 100,
		MaxConcurrentActivityTaskPollers:       4,
		MaxConcurrentWorkflowTaskPollers:       4,
		WorkerStopTimeout:                      stopTimeout,
		// A cancellation travels on the answer to a heartbeat.
		MaxHeartbeatThrottleInterval: 5 * time.Second,
		Interceptors:                 []interceptor.WorkerInterceptor{&activities.Interceptor{}},
		OnFatalError:                 onFatal,
	})
	workflows.Register(running)
	running.RegisterActivity(w.deps.Exports)
	running.RegisterActivity(w.deps.Dispatch)
	running.RegisterActivity(w.deps.Reminders)
	running.RegisterActivity(w.deps.Retention)
	return running
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
