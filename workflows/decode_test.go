package workflows_test

import (
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/audittrail/audittrail/activities"
)

// decode reads what a workflow hands to its next run.
func decode(e *workflow.ContinueAsNewError, to any) error {
	return converter.GetDefaultDataConverter().FromPayloads(e.Input, to)
}

// rigActivities runs single activities of a rig.
type rigActivities struct {
	*testsuite.TestActivityEnvironment
	rig *rig
}

func newRigActivities(r *rig) *rigActivities {
	suite := testsuite.WorkflowTestSuite{}
	env := suite.NewTestActivityEnvironment()
	env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{&activities.Interceptor{}}})
	env.RegisterActivity(r.deps.exports)
	return &rigActivities{TestActivityEnvironment: env, rig: r}
}

func (a *rigActivities) writePart(in activities.WritePartInput) activities.WrittenPart {
	a.rig.t.Helper()
	value, err := a.ExecuteActivity("WritePart", in)
	if err != nil {
		a.rig.t.Fatal(err)
	}
	var part activities.WrittenPart
	if err := value.Get(&part); err != nil {
		a.rig.t.Fatal(err)
	}
	return part
}
