package indextest

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/audittrail/audittrail/index"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// modelFactory makes Models.
type modelFactory struct{}

func (modelFactory) Name() string { return "model" }

func (modelFactory) Open(_ testing.TB, clock *Clock) index.Index { return NewModel(clock.Now) }

func (modelFactory) Reopen(_ testing.TB, previous index.Index) index.Index {
	return previous.(*Model).Reopen()
}

func (modelFactory) Visible(testing.TB, index.Index) {}

func TestModelKeepsThePromisesOfAnIndex(t *testing.T) { Run(t, modelFactory{}) }
