package workflows_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/interceptor"
	tlog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.uber.org/goleak"

	"github.com/audittrail/audittrail/activities"
	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/index/indextest"
	"github.com/audittrail/audittrail/internal/blob"
	"github.com/audittrail/audittrail/store/sqlite"
	"github.com/audittrail/audittrail/workflows"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// The database pool of the standard library closes its connections in the background.
		goleak.IgnoreAnyFunction("database/sql.(*DB).connectionOpener"))
}

// start is when every test begins.
var start = time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)

const org = "acme"

// rig is a virtual-time environment with the real activities on an index in memory, a store on disk and files on disk.
type rig struct {
	*testsuite.TestWorkflowEnvironment
	t      *testing.T
	index  *indextest.Model
	events *events
	store  *sqlite.Store
	dir    string
	files  *blob.Bucket
	hand   *handover
	mail   *channel
	inbox  *channel
	// waiting counts the functions given to after that have not been called.
	waiting int
	deps    struct {
		exports   *activities.Exports
		reminders *activities.Reminders
	}
}

func newRig(t *testing.T) *rig {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	suite := testsuite.WorkflowTestSuite{}
	suite.SetLogger(tlog.NewStructuredLogger(quiet))
	r := &rig{TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment(), t: t, dir: t.TempDir()}
	r.SetStartTime(start)
	r.SetTestTimeout(time.Minute)
	r.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{&activities.Interceptor{}}})
	ctx := context.Background()
	var err error
	if r.store, err = sqlite.Open(ctx, t.TempDir(), sqlite.Options{Logger: quiet}); err != nil {
		t.Fatal(err)
	}
	if r.files, err = blob.Open(ctx, "file://"+filepath.ToSlash(r.dir)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.store.Close(); err != nil {
			t.Error(err)
		}
		if err := r.files.Close(); err != nil {
			t.Error(err)
		}
	})
	r.index = indextest.NewModel(r.Now)
	r.events = &events{Model: r.index}
	r.hand = &handover{batches: map[string][]activities.Batch{}, running: map[string]bool{}}
	r.mail, r.inbox = &channel{clock: r.Now}, &channel{clock: r.Now}
	r.register(quiet)
	r.directory(ctx)
	return r
}

func (r *rig) register(logger *slog.Logger) {
	workflows.Register(r)
	r.deps.exports = &activities.Exports{Events: r.events, Records: r.store, Own: r.index, Files: r.files, Clock: r.Now}
	r.deps.reminders = &activities.Reminders{
		Records: r.store, Links: links{}, Clock: r.Now,
		Senders: map[audit.Channel]activities.Sender{audit.ChannelEmail: r.mail, audit.ChannelInbox: r.inbox},
	}
	r.RegisterActivity(r.deps.exports)
	r.RegisterActivity(r.deps.reminders)
	r.RegisterActivity(&activities.Dispatch{Events: r.events, Records: r.store, Handover: r.hand, Clock: r.Now, Logger: logger})
	r.RegisterActivity(&activities.Retention{Index: r.index, Records: r.store, Own: r.index, Files: r.files, Clock: r.Now, Logger: logger})
}

func (r *rig) directory(ctx context.Context) {
	for _, id := range []string{org, "other"} {
		if _, err := r.store.PutOrganization(ctx, audit.Organization{ID: id, Name: id, CreatedAt: start}); err != nil {
			r.t.Fatal(err)
		}
		for name, role := range map[string]audit.Role{"admin": audit.RoleSystemAdmin, "contact": audit.RoleContactAdmin, "bob": audit.RoleMember} {
			r.member(id, name, func(m *audit.Member) { m.Role = role })
		}
	}
}

// member makes or changes a member.
func (r *rig) member(organization, id string, change func(*audit.Member)) {
	r.t.Helper()
	m, err := r.store.Member(context.Background(), organization, id)
	if err != nil {
		m = audit.Member{ID: id, Organization: organization, Name: id, Email: id + "@example.com", Phone: "+4915112345678", Status: audit.MemberActive}
	}
	change(&m)
	if _, err := r.store.PutMember(context.Background(), m); err != nil {
		r.t.Fatal(err)
	}
}

// add appends n events, one a millisecond and ending at the present, and returns the id of the last.
func (r *rig) add(organization string, n int, change func(i int, e *audit.Event)) {
	r.t.Helper()
	now := r.Now()
	list := make([]*audit.Event, 0, n)
	for i := range n {
		at := now.Add(time.Duration(i-n) * time.Millisecond)
		e := &audit.Event{
			ID: fmt.Sprintf("%s-%d-%d", organization, now.UnixMilli(), i), Time: at, Log: audit.LogOperation, Action: "contacts.member.added",
			Outcome: audit.OutcomeSuccess, Actor: audit.Actor{ID: "admin", Name: "Ada", Type: "member"}, Message: fmt.Sprint("event ", i),
		}
		if change != nil {
			change(i, e)
		}
		list = append(list, e)
	}
	for chunk := range slices.Chunk(list, audit.MaxScan) {
		if _, err := r.index.Append(context.Background(), organization, chunk); err != nil {
			r.t.Fatal(err)
		}
	}
}

// after calls f when so much virtual time has passed since the start of the workflow.
func (r *rig) after(d time.Duration, f func()) {
	r.waiting++
	r.RegisterDelayedCallback(func() { r.waiting--; f() }, d)
}

// run runs a workflow to its end and returns its error.
func (r *rig) run(workflow string, args ...any) error {
	r.t.Helper()
	r.ExecuteWorkflow(workflow, args...)
	if !r.IsWorkflowCompleted() {
		r.t.Fatal("the workflow did not end")
	}
	if r.waiting > 0 {
		r.t.Errorf("the workflow ended after %v, before all that was to happen meanwhile: %v", r.Now().Sub(start), r.GetWorkflowError())
	}
	return r.GetWorkflowError()
}

func (r *rig) kept(export string) []string {
	r.t.Helper()
	entries, err := os.ReadDir(filepath.Join(r.dir, "exports", org, export))
	if err != nil && !os.IsNotExist(err) {
		r.t.Fatal(err)
	}
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func (r *rig) read(export, name string) []byte {
	r.t.Helper()
	f, _, err := r.files.Open(context.Background(), "exports/"+org+"/"+export+"/"+name)
	if err != nil {
		r.t.Fatal(err)
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		r.t.Fatal(err)
	}
	return data
}

// own returns the events that Audittrail recorded about itself, by action.
func (r *rig) own(organization string) map[string][]audit.Event {
	r.t.Helper()
	page, err := r.index.Search(context.Background(), organization, audit.Search{Query: audit.Query{Ranges: []string{"audit_trail"}}, Limit: 100})
	if err != nil {
		r.t.Fatal(err)
	}
	found := map[string][]audit.Event{}
	for _, e := range page.Events {
		if err := e.Validate(r.Now()); err != nil {
			r.t.Errorf("the event %s is not valid: %v", e.Action, err)
		}
		found[e.Action] = append(found[e.Action], e)
	}
	return found
}

func (r *rig) messages(member string) []audit.Message {
	r.t.Helper()
	list, err := r.store.Messages(context.Background(), org, member, "", 100)
	if err != nil {
		r.t.Fatal(err)
	}
	return list
}

// events is the index, with what tests do to it.
type events struct {
	*indextest.Model
	mu     sync.Mutex
	search func(s *audit.Search) error // called before each search
	hide   int                         // how many rows each full page loses
}

func (e *events) Search(ctx context.Context, organization string, s audit.Search) (audit.Page, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.search != nil {
		if err := e.search(&s); err != nil {
			return audit.Page{}, err
		}
	}
	page, err := e.Model.Search(ctx, organization, s)
	if e.hide > 0 && s.CountLimit == 0 && len(page.Events) > e.hide {
		page.Events = page.Events[:len(page.Events)-e.hide]
	}
	return page, err
}

// handover records what a dispatcher hands over.
type handover struct {
	mu        sync.Mutex
	fail      func(reminder string) error
	batches   map[string][]activities.Batch
	running   map[string]bool
	delivered []audit.Digest
}

func (h *handover) Remind(_ context.Context, _, reminder string, batch activities.Batch) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fail != nil {
		if err := h.fail(reminder); err != nil {
			return err
		}
	}
	h.batches[reminder] = append(h.batches[reminder], batch)
	return nil
}

func (h *handover) Reminding(_ context.Context, _, reminder string) (bool, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.running[reminder], nil
}

func (h *handover) Deliver(_ context.Context, _ string, digest audit.Digest) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.delivered = append(h.delivered, digest)
	return nil
}

// matches counts what a reminder was handed, repeats included.
func (h *handover) matches(reminder string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, b := range h.batches[reminder] {
		n += b.Count
	}
	return n
}

// channel records what it is asked to send, and when.
type channel struct {
	clock func() time.Time
	mu    sync.Mutex
	fail  func(now time.Time, n audit.Notice) error
	sent  []audit.Notice
	at    []time.Time
	tried []string // delivery ids
}

func (c *channel) Send(_ context.Context, n audit.Notice) (audit.Receipt, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.clock()
	c.tried = append(c.tried, n.Delivery)
	if c.fail != nil {
		if err := c.fail(now, n); err != nil {
			return audit.Receipt{Address: "a***"}, err
		}
	}
	c.sent, c.at = append(c.sent, n), append(c.at, now)
	return audit.Receipt{Provider: "p-" + n.Delivery, Address: "a***"}, nil
}

type links struct{}

func (links) Unsubscribe(organization, reminder, member string, channel audit.Channel) string {
	return "https://audit.example/u/" + organization + "/" + reminder + "/" + member + "/" + string(channel)
}

func (links) UnsubscribeAddress(organization, reminder, address string, channel audit.Channel) string {
	return "https://audit.example/ua/" + organization + "/" + reminder + "/" + address + "/" + string(channel)
}

func (links) Address(address string) string { return "https://audit.example/a/" + address }

func (links) Open(organization string, digest audit.Digest) string { return "https://audit.example/" }

func (links) Callback(organization, delivery string) string {
	return "https://audit.example/c/" + delivery
}
