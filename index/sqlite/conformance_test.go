package sqlite

import (
	"testing"

	"github.com/audittrail/audittrail/index"
	"github.com/audittrail/audittrail/index/indextest"
)

type factory struct{}

func (factory) Name() string { return "sqlite" }

func (f factory) Open(t testing.TB, clock *indextest.Clock) index.Index {
	return openFor(t, t.TempDir(), clock)
}

func (f factory) Reopen(t testing.TB, previous index.Index) index.Index {
	t.Helper()
	x := previous.(*clocked)
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	return openFor(t, x.dir, x.clock)
}

func (factory) Visible(testing.TB, index.Index) {}

// clocked remembers the clock for Reopen.
type clocked struct {
	*Index
	clock *indextest.Clock
}

func openFor(t testing.TB, dir string, clock *indextest.Clock) index.Index {
	t.Helper()
	x, err := Open(t.Context(), dir, Options{Clock: clock.Now, MaxOpenMonths: 3})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	})
	return &clocked{Index: x, clock: clock}
}

func TestSQLiteKeepsThePromisesOfAnIndex(t *testing.T) { indextest.Run(t, factory{}) }

func TestSQLiteImportsWhatAnotherIndexReceived(t *testing.T) { indextest.RunImport(t, factory{}) }
