// Package jobs asks Temporal to do things: it starts and signals workflows, and makes sure that what the store says should be running is. It is
// the only importer of the Temporal client, and the rest of the program knows it by small interfaces.
//
// It does no work itself, and it keeps nothing: Temporal may be down when the program starts, and may come back without its state.
package jobs

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	tlog "go.temporal.io/sdk/log"

	"github.com/audittrail/audittrail/activities"
	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/workflows"
)

const (
	// callTimeout bounds one call to Temporal.
	callTimeout = 5 * time.Second
	// retryAfter is the advice when Temporal cannot be reached.
	retryAfter = 5 * time.Second
	// retryLater is the advice where a person has to do something first.
	retryLater = time.Minute
)

// Records are the records that say what should be running.
type Records interface {
	Organizations(ctx context.Context) ([]audit.Organization, error)
	OpenExports(ctx context.Context, organization string) ([]audit.Export, error)
	Reminders(ctx context.Context, organization string) ([]audit.Reminder, error)
	Checkpoint(ctx context.Context, organization, name string) (string, error)
	SaveCheckpoint(ctx context.Context, organization, name, value string) error
}

// Tail says where an organization's events end.
type Tail interface {
	TailEnd(ctx context.Context, organization string) (string, error)
}

// Options say where Temporal is and what should run there.
type Options struct {
	// Address is host:port; Namespace is "default" where empty. TLS nil means plain text. APIKey signs in where it is not empty; it needs TLS.
	Address   string
	Namespace string
	TLS       *tls.Config
	APIKey    string
	Records   Records
	Tail      Tail
	Clock     func() time.Time
	Logger    *slog.Logger
}

// Client asks Temporal to do things. It is safe for concurrent use.
type Client struct {
	temporal client.Client
	records  Records
	tail     Tail
	clock    func() time.Time
	logger   *slog.Logger
	hints    *hints
	schedule schedule
}

// New makes a client. It does not connect yet: the program starts and takes events also when Temporal is down.
func New(opts Options) (*Client, error) {
	options := client.Options{
		HostPort:          opts.Address,
		Namespace:         opts.Namespace,
		Logger:            tlog.NewStructuredLogger(opts.Logger),
		ConnectionOptions: client.ConnectionOptions{TLS: opts.TLS, TLSDisabled: opts.TLS == nil},
	}
	if opts.APIKey != "" {
		options.Credentials = client.NewAPIKeyStaticCredentials(opts.APIKey)
	}
	temporal, err := client.NewLazyClient(options)
	if err != nil {
		return nil, fmt.Errorf("make the Temporal client: %w", err)
	}
	return newClient(temporal, opts), nil
}

func newClient(temporal client.Client, opts Options) *Client {
	c := &Client{temporal: temporal, records: opts.Records, tail: opts.Tail, clock: opts.Clock, logger: opts.Logger}
	c.hints = newHints(c.hint, hintEvery, opts.Clock)
	return c
}

// Temporal is the connection, for the worker.
func (c *Client) Temporal() client.Client { return c.temporal }

// Close ends what runs in the background and the connection.
func (c *Client) Close() {
	c.hints.close()
	c.temporal.Close()
}

// Ready returns nil when Temporal answers and has the namespace.
func (c *Client) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if _, err := c.temporal.CheckHealth(ctx, &client.CheckHealthRequest{}); err != nil {
		return unavailable(err)
	}
	// Whether there is such a workflow does not matter: only a namespace that is there can be asked.
	_, err := c.temporal.DescribeWorkflowExecution(ctx, workflows.RetentionID, "")
	var notFound *serviceerror.NotFound
	if errors.As(err, &notFound) {
		return nil
	}
	return unavailable(err)
}

// StartExport starts an export's workflow unless it runs. The export is in the store already.
func (c *Client) StartExport(ctx context.Context, organization, export string) error {
	return c.start(ctx, workflows.ExportID(organization, export), workflows.NameExport, exportInput(organization, export))
}

// StopExport cancels a running export or revokes a ready one. Where its workflow does not run it is started, to delete the files.
func (c *Client) StopExport(ctx context.Context, organization, export string) error {
	return c.signal(ctx, workflows.ExportID(organization, export), workflows.SignalStop, nil, workflows.NameExport, exportInput(organization, export))
}

func exportInput(organization, export string) workflows.ExportInput {
	return workflows.ExportInput{ExportRef: activities.ExportRef{Organization: organization, Export: export}}
}

// Hint says that an organization received events. It never blocks, is sent at most once a second an organization, and may be lost.
func (c *Client) Hint(organization string) { c.hints.add(organization) }

// hint signals a dispatcher that runs. An organization without reminders has none, which is no error.
func (c *Client) hint(organization string) {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	err := c.temporal.SignalWorkflow(ctx, workflows.DispatchID(organization), "", workflows.SignalHint, nil)
	var notFound *serviceerror.NotFound
	if err != nil && !errors.As(err, &notFound) {
		c.logger.Debug("a hint was lost; the dispatcher looks by itself", "organization", organization, "error", err)
	}
}

// ReminderChanged makes a reminder's settings take effect now. It is called after they were created, changed or deleted in the store.
func (c *Client) ReminderChanged(ctx context.Context, organization, reminder string) error {
	err := c.signal(ctx, workflows.DispatchID(organization), workflows.SignalHint, nil,
		workflows.NameDispatch, workflows.DispatchInput{Organization: organization})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	err = c.temporal.SignalWorkflow(ctx, workflows.ReminderID(organization, reminder), "", workflows.SignalChanged, nil)
	var notFound *serviceerror.NotFound
	if errors.As(err, &notFound) {
		return nil // nothing is gathered: the next match reads the settings
	}
	return unavailable(err)
}

// TestReminder sends a test by all channels of a reminder to the member who asked for it, and returns the id of the digest.
func (c *Client) TestReminder(ctx context.Context, organization, reminder, member string) (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", audit.WithCause(audit.CodeInternal, err, "no id could be made")
	}
	now := c.clock().UTC().Truncate(audit.TimePrecision)
	digest := audit.Digest{ID: id.String(), Reminder: reminder, Count: 1, From: now, To: now, Test: true, Events: []audit.DigestEvent{{
		ID: id.String(), Time: now, Log: audit.LogOperation, Action: audit.ActionReminderTested, Outcome: audit.OutcomeSuccess,
		Actor: member, Summary: "Somebody tests this reminder",
	}}}
	return digest.ID, c.deliver(ctx, workflows.DeliveryInput{Organization: organization, Digest: digest, Only: member})
}

// SendAddressCode sends the code of that id to an other address, unless that is under way. The address is in the store already.
func (c *Client) SendAddressCode(ctx context.Context, organization, address, code string) error {
	return c.start(ctx, workflows.AddressCodeID(organization, code), workflows.NameAddressCode,
		workflows.AddressCodeInput{Organization: organization, Address: address, Code: code})
}

// Deliver starts the delivery of a digest unless it runs.
func (c *Client) Deliver(ctx context.Context, organization string, digest audit.Digest) error {
	return c.deliver(ctx, workflows.DeliveryInput{Organization: organization, Digest: digest})
}

func (c *Client) deliver(ctx context.Context, in workflows.DeliveryInput) error {
	return c.start(ctx, workflows.DeliveryID(in.Organization, in.Digest.ID), workflows.NameDelivery, in)
}

// Remind hands a batch of matches to a reminder's workflow, which is started where it does not run.
func (c *Client) Remind(ctx context.Context, organization, reminder string, batch activities.Batch) error {
	in := workflows.ReminderInput{ReminderRef: activities.ReminderRef{Organization: organization, Reminder: reminder}}
	return c.signal(ctx, workflows.ReminderID(organization, reminder), workflows.SignalBatch, batch, workflows.NameReminder, in)
}

// Reminding says whether a reminder's workflow runs.
func (c *Client) Reminding(ctx context.Context, organization, reminder string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	answer, err := c.temporal.DescribeWorkflowExecution(ctx, workflows.ReminderID(organization, reminder), "")
	var notFound *serviceerror.NotFound
	if errors.As(err, &notFound) {
		return false, nil
	}
	if err != nil {
		return false, unavailable(err)
	}
	return answer.GetWorkflowExecutionInfo().GetStatus() == enums.WORKFLOW_EXECUTION_STATUS_RUNNING, nil
}

// options start a workflow that runs once at a time. One that has ended may run again: the store, and not Temporal, knows
// whether there is something left to do.
func options(id string) client.StartWorkflowOptions {
	return client.StartWorkflowOptions{
		ID:                       id,
		TaskQueue:                workflows.TaskQueue,
		WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
		WorkflowIDReusePolicy:    enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
	}
}

func (c *Client) start(ctx context.Context, id, workflow string, in any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := c.temporal.ExecuteWorkflow(ctx, options(id), workflow, in)
	return unavailable(err)
}

func (c *Client) signal(ctx context.Context, id, signal string, arg any, workflow string, in any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := c.temporal.SignalWithStartWorkflow(ctx, id, signal, arg, options(id), workflow, in)
	return unavailable(err)
}

// unavailable is the error of a call to Temporal, in words that may be shown.
func unavailable(err error) error {
	if err == nil {
		return nil
	}
	var noNamespace *serviceerror.NamespaceNotFound
	if errors.As(err, &noNamespace) {
		return audit.Unavailable(err, retryLater, "Temporal does not have the namespace that temporal.namespace says: make it, or set another one")
	}
	// gRPC keeps what went wrong with a connection as text only.
	if strings.Contains(err.Error(), "authentication handshake failed") {
		return audit.Unavailable(err, retryLater, "Temporal and this program do not agree on TLS: look at temporal.tls, ca_file, cert_file and server_name")
	}
	return audit.Unavailable(err, retryAfter, "background work cannot be reached now")
}
