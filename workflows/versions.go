package workflows

import "go.temporal.io/sdk/workflow"

// TaskQueue is where all workflows and activities run.
const TaskQueue = "audittrail"

// The names under which workflows are registered. They are in the histories of workflows that run: they never change.
const (
	NameExport      = "ExportWorkflow"
	NameDispatch    = "DispatchWorkflow"
	NameReminder    = "ReminderWorkflow"
	NameDelivery    = "DeliveryWorkflow"
	NameRetention   = "RetentionWorkflow"
	NameAddressCode = "AddressCodeWorkflow"
)

// The signals.
const (
	SignalStop    = "stop"    // to an export: cancel it while it runs, revoke it when it is ready
	SignalHint    = "hint"    // to a dispatcher: something was received
	SignalBatch   = "batch"   // to a reminder: an activities.Batch of matches
	SignalChanged = "changed" // to a reminder: its settings were changed, or it was deleted
)

// ExportID is the id of an export's workflow.
func ExportID(organization, export string) string { return "export/" + organization + "/" + export }

// DispatchID is the id of an organization's dispatcher.
func DispatchID(organization string) string { return "dispatch/" + organization }

// ReminderID is the id of a reminder's workflow.
func ReminderID(organization, reminder string) string {
	return "reminder/" + organization + "/" + reminder
}

// DeliveryID is the id of the workflow that delivers a digest.
func DeliveryID(organization, digest string) string {
	return "delivery/" + organization + "/" + digest
}

// AddressCodeID is the id of the workflow that sends a code to an address.
func AddressCodeID(organization, code string) string {
	return "address-code/" + organization + "/" + code
}

// RetentionID is the id of the daily schedule.
const RetentionID = "retention"

// Registry is where workflows are registered: a worker, a replayer or a test environment.
type Registry interface {
	RegisterWorkflowWithOptions(w any, options workflow.RegisterOptions)
}

// Register registers every workflow under its name.
//
// How a workflow is changed while instances of it run: new code has to make the same commands from an old history. A change
// that adds, removes or reorders activities, timers, children or signals is put behind
//
//	if workflow.GetVersion(ctx, "export-notify-twice", workflow.DefaultVersion, 1) >= 1 { … }
//
// with a change id of its own (workflow, dash, what changes), asked for at the place of the change. The old branch stays as long as an
// instance may be older than the change: exports live a day, deliveries three, codes half an hour, retention minutes, dispatchers and reminders until they
// next continue as new, within two days. Then the old branch goes, and GetVersion stays with the new version as its minimum.
// Before such a change a history of the old code is recorded into testdata/histories, and both are replayed from then on.
func Register(r Registry) {
	r.RegisterWorkflowWithOptions(Export, workflow.RegisterOptions{Name: NameExport})
	r.RegisterWorkflowWithOptions(Dispatch, workflow.RegisterOptions{Name: NameDispatch})
	r.RegisterWorkflowWithOptions(Reminder, workflow.RegisterOptions{Name: NameReminder})
	r.RegisterWorkflowWithOptions(Delivery, workflow.RegisterOptions{Name: NameDelivery})
	r.RegisterWorkflowWithOptions(AddressCode, workflow.RegisterOptions{Name: NameAddressCode})
	r.RegisterWorkflowWithOptions(Retention, workflow.RegisterOptions{Name: NameRetention})
}
