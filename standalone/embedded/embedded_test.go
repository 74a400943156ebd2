package embedded_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/audittrail/audittrail/standalone/embedded"
)

func TestWorkflowsThatWereStartedAreThereAfterARestart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data #1 100%?")
	server := start(t, dir)
	c := dial(t, server)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: "w", TaskQueue: "nobody"}, "Nothing")
	if err != nil {
		t.Fatal(err)
	}
	namespace, err := c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: embedded.Namespace})
	if err != nil {
		t.Fatal(err)
	}
	if got := namespace.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration(); got != embedded.Retention {
		t.Errorf("the namespace keeps closed workflows for %s, want %s", got, embedded.Retention)
	}

	if _, err := embedded.Start(ctx, embedded.Options{DataDir: dir}); err == nil || !strings.Contains(err.Error(), "in use by process") {
		t.Errorf("a second server on the data directory: %v, want an error that it is in use", err)
	}
	c.Close()
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}

	server = start(t, dir)
	c = dial(t, server)
	found, err := c.DescribeWorkflowExecution(ctx, "w", run.GetRunID())
	if err != nil {
		t.Fatal(err)
	}
	if got := found.GetWorkflowExecutionInfo().GetStatus().String(); got != "Running" {
		t.Errorf("the workflow is %s after a restart, want Running", got)
	}
	c.Close()
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
}

func TestTablesOfAnotherVersionAreRefused(t *testing.T) {
	dir := t.TempDir()
	files := map[string]string{"temporal.db": "something", "schema": "0.1\n"}
	if err := os.Mkdir(filepath.Join(dir, "temporal"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, "temporal", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, err := embedded.Start(t.Context(), embedded.Options{DataDir: dir})
	if err == nil || !strings.Contains(err.Error(), "version 0.1") {
		t.Errorf("got %v, want an error that names version 0.1", err)
	}
}

func start(t *testing.T, dir string) *embedded.Server {
	t.Helper()
	server, err := embedded.Start(t.Context(), embedded.Options{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return server
}

func dial(t *testing.T, server *embedded.Server) client.Client {
	t.Helper()
	c, err := client.Dial(client.Options{HostPort: server.Address()})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
