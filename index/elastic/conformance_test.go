package elastic

import (
	"log/slog"
	"testing"

	"github.com/audittrail/audittrail/index"
	"github.com/audittrail/audittrail/index/indextest"
)

type factory struct{}

func (factory) Name() string { return "elastic" }

// Concurrent says yes: every engine has a data stream of its own, and most of a case is waiting for the cluster.
func (factory) Concurrent() bool { return true }

func (factory) Open(t testing.TB, clock *indextest.Clock) index.Index {
	t.Helper()
	b := newBench(t)
	if _, err := Setup(b.ctx, b.client, b.opts); err != nil {
		t.Fatal(err)
	}
	return &clocked{Index: b.open(clock.Now), bench: b, clock: clock}
}

func (factory) Reopen(t testing.TB, previous index.Index) index.Index {
	t.Helper()
	x := previous.(*clocked)
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	return &clocked{Index: x.bench.open(x.clock.Now), bench: x.bench, clock: x.clock}
}

func (factory) Visible(t testing.TB, ix index.Index) {
	t.Helper()
	if err := ix.(*clocked).Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// clocked remembers what Reopen needs.
type clocked struct {
	*Index
	bench *bench
	clock *indextest.Clock
}

// open opens an engine on what setup made.
func (b *bench) open(clock index.Clock) *Index {
	b.t.Helper()
	x, err := Open(b.ctx, b.client, Options{Clock: clock, Logger: slog.New(slog.DiscardHandler), Setup: b.opts})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		if err := x.Close(); err != nil {
			b.t.Error(err)
		}
	})
	return x
}

func TestElasticsearchKeepsThePromisesOfAnIndex(t *testing.T) {
	t.Parallel()
	indextest.Run(t, factory{})
}

func TestElasticsearchImportsWhatAnotherIndexReceived(t *testing.T) {
	t.Parallel()
	indextest.RunImport(t, factory{})
}
