package worker

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/client"
	"go.uber.org/goleak"

	"github.com/audittrail/audittrail/activities"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// warnings counts what is logged.
type warnings struct {
	slog.Handler
	mu   sync.Mutex
	n    int
	came chan struct{}
}

func (w *warnings) Enabled(context.Context, slog.Level) bool { return true }

func (w *warnings) Handle(context.Context, slog.Record) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.n++; w.n == 1 {
		close(w.came)
	}
	return nil
}

type reconciler struct {
	calls int
	err   error
}

func (r *reconciler) EnsureRunning(context.Context) error {
	r.calls++
	return r.err
}

func deps(logger *slog.Logger, r Reconciler) Deps {
	return Deps{
		Exports: &activities.Exports{}, Dispatch: &activities.Dispatch{}, Reminders: &activities.Reminders{}, Retention: &activities.Retention{},
		Reconciler: r, Logger: logger,
	}
}

func TestAWorkerWaitsForATemporalThatIsDownAndEndsWhenItIsTold(t *testing.T) {
	c, err := client.NewLazyClient(client.Options{HostPort: "127.0.0.1:1", Logger: nil})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	log := &warnings{Handler: slog.DiscardHandler, came: make(chan struct{})}
	r := &reconciler{}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { New(c, deps(slog.New(log), r)).Run(ctx); close(done) }()
	for _, what := range []struct {
		name string
		came chan struct{}
	}{{"a warning", log.came}, {"the end", done}} {
		select {
		case <-what.came:
			cancel()
		case <-time.After(30 * time.Second):
			t.Fatalf("%s did not come", what.name)
		}
	}
	cancel()
	if r.calls > 0 {
		t.Error("it reconciled with a Temporal that is down")
	}
}

func TestWhatCouldNotBeStartedIsTriedAgainSoon(t *testing.T) {
	for _, c := range []struct {
		err  error
		want time.Duration
	}{{nil, reconcileEvery}, {errors.New("down"), retryEvery}} {
		r := &reconciler{err: c.err}
		w := New(nil, deps(slog.New(slog.DiscardHandler), r))
		if got := w.reconcile(context.Background()); got != c.want || r.calls != 1 {
			t.Errorf("after %v it is tried again in %v", c.err, got)
		}
	}
}

func TestEverythingIsRegistered(t *testing.T) {
	c, err := client.NewLazyClient(client.Options{HostPort: "127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	// Registering two activities of one name, or one with a signature that cannot be an activity, panics.
	New(c, deps(slog.New(slog.DiscardHandler), &reconciler{})).build(func(error) {})
}
