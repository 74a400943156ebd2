package test

import (
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tlog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"

	"github.com/audittrail/audittrail/activities"
	"github.com/audittrail/audittrail/api"
	"github.com/audittrail/audittrail/audit"
	indexsqlite "github.com/audittrail/audittrail/index/sqlite"
	"github.com/audittrail/audittrail/internal/blob"
	"github.com/audittrail/audittrail/internal/sample"
	storesqlite "github.com/audittrail/audittrail/store/sqlite"
	"github.com/audittrail/audittrail/workflows"
)

// virtual is the API, the engines, the files and the export's workflow on one virtual clock.
type virtual struct {
	t       *testing.T
	env     *testsuite.TestWorkflowEnvironment
	started []string // ids of the exports that the API asked to start
	http    *http.Client
	url     string
	key     string
	folder  string
	exports *activities.Exports
}

func newVirtual(t *testing.T) *virtual {
	t.Helper()
	v := &virtual{t: t, folder: t.TempDir()}
	v.clockAt(time.Date(2026, time.November, 24, 10, 0, 0, 0, time.UTC))
	clock := func() time.Time { return v.env.Now() }
	logger := slog.New(slog.DiscardHandler)
	events, err := indexsqlite.Open(t.Context(), t.TempDir(), indexsqlite.Options{Clock: clock, Logger: logger})
	must(t, err)
	t.Cleanup(func() { must(t, events.Close()) })
	records, err := storesqlite.Open(t.Context(), t.TempDir(), storesqlite.Options{Logger: logger})
	must(t, err)
	t.Cleanup(func() { must(t, records.Close()) })
	files, err := blob.Open(t.Context(), "file://"+filepath.ToSlash(v.folder))
	must(t, err)
	t.Cleanup(func() { must(t, files.Close()) })
	v.exports = &activities.Exports{Events: events, Records: records, Own: events, Files: files, Clock: clock}

	people := sample.New(sample.Options{Count: 300, End: v.env.Now()})
	_, err = records.PutOrganization(t.Context(), people.Organization)
	must(t, err)
	_, err = records.PutMember(t.Context(), people.Members[0])
	must(t, err)
	secret, prefix, hash := audit.NewKeySecret()
	v.key = secret
	must(t, records.CreateKey(t.Context(), audit.Key{ID: "k", Organization: people.Organization.ID, Member: people.Members[0].ID, Name: "k",
		Prefix: prefix, Hash: hash, Scopes: []audit.Scope{audit.ScopeAdmin}, CreatedAt: clock()}))
	var batch []*audit.Event
	for e := range people.Events() {
		batch = append(batch, e)
	}
	_, err = events.Append(t.Context(), people.Organization.ID, batch)
	must(t, err)
	v.serve(api.New(api.Config{
		Events: events, Ingester: events, Directory: records, Keys: records, Addresses: records, Reminders: records, Deliveries: records, Messages: records,
		Exports: records, Secrets: records, Jobs: v, Files: files, Clock: clock, Logger: logger,
	}))
	return v
}

// clockAt begins a new stretch of virtual time.
func (v *virtual) clockAt(at time.Time) {
	suite := testsuite.WorkflowTestSuite{}
	suite.SetLogger(tlog.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	v.env = suite.NewTestWorkflowEnvironment()
	v.env.SetStartTime(at)
	v.env.SetTestTimeout(time.Minute)
}

func (v *virtual) serve(server *api.Server) {
	var loopback net.ListenConfig
	listener, err := loopback.Listen(v.t.Context(), "tcp", "127.0.0.1:0")
	must(v.t, err)
	v.url = "http://" + listener.Addr().String()
	v.http = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	v.t.Cleanup(func() {
		must(v.t, server.Shutdown(context.Background()))
		must(v.t, <-served)
	})
}

// run runs the workflow of the export that was asked for last, to its end in virtual time.
func (v *virtual) run(organization string) {
	v.t.Helper()
	workflows.Register(v.env)
	v.env.RegisterActivity(v.exports)
	v.env.ExecuteWorkflow(workflows.NameExport, workflows.ExportInput{
		ExportRef: activities.ExportRef{Organization: organization, Export: v.started[len(v.started)-1]}})
	must(v.t, v.env.GetWorkflowError())
}

// call makes a request and returns status and body.
func (v *virtual) call(method, path, body string) (int, []byte) {
	v.t.Helper()
	request, err := http.NewRequestWithContext(v.t.Context(), method, v.url+path, strings.NewReader(body))
	must(v.t, err)
	request.Header.Set("Authorization", "Bearer "+v.key)
	request.Header.Set("Content-Type", "application/json")
	response, err := v.http.Do(request)
	must(v.t, err)
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	must(v.t, err)
	return response.StatusCode, data
}

// onDisk counts the files in the folder of exports.
func (v *virtual) onDisk() (n int) {
	v.t.Helper()
	must(v.t, filepath.WalkDir(v.folder, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			n++
		}
		return err
	}))
	return n
}

// StartExport and the others make a virtual the API's Jobs: what is to run is noted, and run by the test.
func (v *virtual) StartExport(_ context.Context, _, export string) error {
	v.started = append(v.started, export)
	return nil
}

func (v *virtual) StopExport(context.Context, string, string) error              { return nil }
func (v *virtual) ReminderChanged(context.Context, string, string) error         { return nil }
func (v *virtual) SendAddressCode(context.Context, string, string, string) error { return nil }
func (v *virtual) TestReminder(context.Context, string, string, string) (string, error) {
	return "", nil
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAnExportIsGoneAfter24HoursAndCanBeRunAgain(t *testing.T) {
	v := newVirtual(t)
	status, body := v.call(http.MethodPost, "/v1/exports", `{"format":"csv","mode":"latest","log":["login"]}`)
	if status != http.StatusAccepted {
		t.Fatalf("status %d: %s", status, body)
	}
	var first struct{ ID string }
	must(t, json.Unmarshal(body, &first))
	path := "/v1/exports/" + first.ID
	seen := map[time.Duration]int{}
	for _, after := range []time.Duration{time.Hour, 23*time.Hour + 59*time.Minute} {
		v.env.RegisterDelayedCallback(func() { seen[after], _ = v.call(http.MethodGet, path+"/files/events.csv", "") }, after)
	}
	v.run("acme")
	for after, status := range seen {
		if status != http.StatusOK {
			t.Errorf("the file after %s: status %d", after, status)
		}
	}
	if len(seen) != 2 {
		t.Errorf("the export ended early: looked at %v", seen)
	}
	if status, body := v.call(http.MethodGet, path+"/files/events.csv", ""); status != http.StatusGone {
		t.Errorf("the file after 24 hours: status %d: %s", status, body)
	}
	if n := v.onDisk(); n != 0 {
		t.Errorf("%d files are left on the disk", n)
	}
	if _, body := v.call(http.MethodGet, path, ""); !strings.Contains(string(body), `"status":"expired"`) {
		t.Errorf("the export: %s", body)
	}

	v.clockAt(v.env.Now())
	status, body = v.call(http.MethodPost, path+"/again", "")
	if status != http.StatusAccepted {
		t.Fatalf("again: status %d: %s", status, body)
	}
	var second struct{ ID string }
	must(t, json.Unmarshal(body, &second))
	if second.ID == first.ID {
		t.Error("again is the same export")
	}
	status = 0
	v.env.RegisterDelayedCallback(func() { status, _ = v.call(http.MethodGet, "/v1/exports/"+second.ID+"/files/events.csv", "") }, time.Hour)
	v.run("acme")
	if status != http.StatusOK {
		t.Errorf("the new file: status %d", status)
	}
}
