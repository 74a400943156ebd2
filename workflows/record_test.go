//go:build record

package workflows_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/audittrail/audittrail/activities"
	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/index/indextest"
	"github.com/audittrail/audittrail/internal/jobs"
	"github.com/audittrail/audittrail/worker"
	"github.com/audittrail/audittrail/workflows"
)

// TestRecordHistories runs every workflow on a real Temporal server and writes what happened to testdata/histories, for
// TestReplay. It is run before a workflow is changed, from this folder, with the present version in the names of the files:
//
//	go run ../standalone temporal /tmp/temporal      # in another terminal, on an empty folder; it prints its address
//	AUDITTRAIL_TEMPORAL=127.0.0.1:7233 AUDITTRAIL_RECORD=v1 go test -count=1 -tags record -run TestRecordHistories .
func TestRecordHistories(t *testing.T) {
	address, version := os.Getenv("AUDITTRAIL_TEMPORAL"), os.Getenv("AUDITTRAIL_RECORD")
	if address == "" || version == "" {
		t.Fatal("AUDITTRAIL_TEMPORAL is the address of a server, AUDITTRAIL_RECORD the version in the names of the files")
	}
	r := newRecorder(t, address)
	r.dispatchAndRemind()
	r.exports()
	r.retention()
	r.addressCode()
	for name, id := range map[string]string{
		"dispatch": workflows.DispatchID(org), "reminder": workflows.ReminderID(org, "r1"), "delivery": r.delivery,
		"export-latest-waiting": workflows.ExportID(org, "latest"), "export-all-revoked": workflows.ExportID(org, "all"),
		"export-failed": workflows.ExportID(org, "failed"), "retention": r.ran, "address-code": workflows.AddressCodeID(org, "code-1"),
	} {
		r.save(name+"-"+version, id)
	}
}

// recorder has the parts of a rig on a real server and in real time.
type recorder struct {
	*rig
	jobs          *jobs.Client
	codes         *codes
	delivery, ran string
}

func newRecorder(t *testing.T, address string) *recorder {
	r := &recorder{rig: newRig(t), codes: &codes{}}
	r.index = indextest.NewModel(time.Now)
	quiet := slog.New(slog.DiscardHandler)
	client, err := jobs.New(jobs.Options{Address: address, Records: r.store, Tail: r.index, Clock: time.Now, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	own := &activities.Exports{Events: r.index, Records: r.store, Own: r.index, Files: r.files, Clock: time.Now, Settle: time.Second}
	running := worker.New(client.Temporal(), worker.Deps{
		Exports:  own,
		Dispatch: &activities.Dispatch{Events: r.index, Records: r.store, Handover: client, Clock: time.Now, Logger: quiet},
		Reminders: &activities.Reminders{
			Records: r.store, Links: links{}, Clock: time.Now, Senders: map[audit.Channel]activities.Sender{audit.ChannelEmail: r.mail},
			Codes: map[audit.AddressKind]activities.CodeSender{audit.AddressEmail: r.codes}, AddressSecret: []byte("secret"),
		},
		Retention:  &activities.Retention{Index: r.index, Records: r.store, Own: r.index, Files: r.files, Clock: time.Now, Logger: quiet},
		Reconciler: client, Logger: quiet,
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { running.Run(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done; client.Close() })
	r.jobs = client
	r.mail.clock = time.Now
	return r
}

// eventually polls until the condition holds.
func (r *recorder) eventually(what string, condition func() bool) {
	r.t.Helper()
	for until := time.Now().Add(time.Minute); !condition(); {
		if time.Now().After(until) {
			r.t.Fatalf("in a minute it did not happen that %s", what)
		}
		<-time.After(50 * time.Millisecond)
	}
}

func (r *recorder) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// append stores n new events.
func (r *recorder) append(prefix string, n int) {
	r.t.Helper()
	now := time.Now().UTC().Truncate(time.Millisecond)
	for from := 0; from < n; from += 1000 {
		var list []*audit.Event
		for i := from; i < min(n, from+1000); i++ {
			list = append(list, &audit.Event{
				ID: prefix + time.Duration(i).String(), Time: now, Log: audit.LogOperation, Action: "contacts.member.added",
				Outcome: audit.OutcomeSuccess, Actor: audit.Actor{ID: "admin"},
			})
		}
		_, err := r.index.Append(context.Background(), org, list)
		r.must(err)
	}
}

func (r *recorder) dispatchAndRemind() {
	ctx := context.Background()
	r.t.Helper()
	r.reminder("r1", func(x *audit.Reminder) { x.CreatedAt = time.Now().Add(-time.Second) })
	r.must(r.jobs.ReminderChanged(ctx, org, "r1"))
	r.append("first", 1)
	began := time.Now()
	r.jobs.Hint(org)
	r.eventually("one message is sent", func() bool { return len(r.mail.counts()) == 1 })
	r.t.Logf("the message left %v after the event", time.Since(began).Round(time.Millisecond))
	for i := range 6 {
		r.append(time.Duration(i).String(), 1000)
		r.jobs.Hint(org)
	}
	r.eventually("the burst is sent", func() bool { return len(r.mail.counts()) >= 2 })
	if counts := r.mail.counts(); counts[1] != 6000 {
		r.t.Errorf("digests of %v", counts)
	}
	digest, err := r.jobs.TestReminder(ctx, org, "r1", "contact")
	r.must(err)
	r.delivery = workflows.DeliveryID(org, digest)
	r.eventually("the test is sent", func() bool { return len(r.mail.counts()) == 3 })
	r.edit("r1", func(x *audit.Reminder) { x.Window = audit.WindowDaily })
	r.must(r.jobs.ReminderChanged(ctx, org, "r1"))
	r.append("last", 1)
	r.jobs.Hint(org)
	r.eventually("the window is open", func() bool { return r.checkpoint("window/r1") != "" })
	r.remove("r1")
	r.must(r.jobs.ReminderChanged(ctx, org, "r1"))
	r.ends(workflows.DispatchID(org))
	r.ends(workflows.ReminderID(org, "r1"))
}

func (r *recorder) exports() {
	ctx := context.Background()
	r.append("rows", 15_000)
	for id, change := range map[string]func(*audit.Export){
		"latest": func(*audit.Export) {},
		"all":    func(e *audit.Export) { e.Mode = audit.ModeAll },
		"failed": func(e *audit.Export) { e.RequestedBy = "ghost" },
	} {
		r.request(func(e *audit.Export) {
			e.ID, e.RequestedAt = id, time.Now().UTC().Truncate(time.Millisecond)
			change(e)
		})
	}
	r.must(r.jobs.EnsureRunning(ctx))
	r.must(r.jobs.EnsureRunning(ctx)) // repeating it changes nothing
	status := func(id string) audit.ExportStatus {
		export, err := r.store.Export(ctx, org, id)
		r.must(err)
		return export.Status
	}
	r.eventually("the exports are ready", func() bool {
		return status("latest") == audit.ExportReady && status("all") == audit.ExportReady && status("failed") == audit.ExportFailed
	})
	r.must(r.jobs.StopExport(ctx, org, "all"))
	r.eventually("it is revoked", func() bool { return status("all") == audit.ExportRevoked })
	r.ends(workflows.ExportID(org, "all"))
	r.ends(workflows.ExportID(org, "failed"))
}

func (r *recorder) retention() {
	ctx := context.Background()
	handle := r.jobs.Temporal().ScheduleClient().GetHandle(ctx, workflows.RetentionID)
	r.must(handle.Trigger(ctx, client.ScheduleTriggerOptions{}))
	r.eventually("retention has run", func() bool { return len(r.own("other")[audit.ActionRetentionRan]) == 1 })
	description, err := handle.Describe(ctx)
	r.must(err)
	r.ran = description.Info.RecentActions[len(description.Info.RecentActions)-1].StartWorkflowResult.WorkflowID
	r.ends(r.ran)
}

// addressCode sends a code that the mail server takes at the second try.
func (r *recorder) addressCode() {
	r.codes.fail = func() error {
		if len(r.codes.ids) < 2 {
			return audit.Unavailable(nil, 0, "greylisted")
		}
		return nil
	}
	r.address(func(a *audit.OtherAddress) {
		a.Code.SentAt, a.Code.ExpiresAt = time.Now(), time.Now().Add(audit.AddressCodeLife)
	})
	r.must(r.jobs.SendAddressCode(context.Background(), org, "a1", "code-1"))
	r.ends(workflows.AddressCodeID(org, "code-1"))
}

func (r *recorder) ends(id string) {
	r.t.Helper()
	r.eventually(id+" has ended", func() bool {
		answer, err := r.jobs.Temporal().DescribeWorkflowExecution(context.Background(), id, "")
		return err == nil && answer.GetWorkflowExecutionInfo().GetStatus() != enums.WORKFLOW_EXECUTION_STATUS_RUNNING
	})
}

func (r *recorder) save(name, id string) {
	r.t.Helper()
	recorded := &history.History{}
	events := r.jobs.Temporal().GetWorkflowHistory(context.Background(), id, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		r.must(err)
		recorded.Events = append(recorded.Events, event)
	}
	data, err := protojson.MarshalOptions{Multiline: true, Indent: " "}.Marshal(recorded)
	r.must(err)
	data = regexp.MustCompile(`("identity": *)"[^"]*"`).ReplaceAll(data, []byte(`$1"recorder"`)) // it names the machine
	r.must(os.WriteFile(filepath.Join("testdata", "histories", name+".json"), append(data, '\n'), 0o644))
	r.t.Logf("%s: %d events, %d bytes", name, len(recorded.Events), len(data))
}
