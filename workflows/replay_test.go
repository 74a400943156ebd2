package workflows_test

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	tlog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"

	"github.com/audittrail/audittrail/workflows"
)

// TestReplay replays histories that a real server recorded with earlier versions of the workflows. It fails where a workflow would now do
// something else than it did then: such a change needs a version, as Register says.
func TestReplay(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "histories", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]bool{}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		kind, _, _ := strings.Cut(name, "-")
		kinds[kind] = true
		t.Run(name, func(t *testing.T) {
			replayer := worker.NewWorkflowReplayer()
			workflows.Register(replayer)
			if err := replayer.ReplayWorkflowHistoryFromJSONFile(tlog.NewStructuredLogger(slog.New(slog.DiscardHandler)), file); err != nil {
				t.Error(err)
			}
		})
	}
	for _, kind := range []string{"export", "dispatch", "reminder", "delivery", "retention", "address"} {
		if !kinds[kind] {
			t.Errorf("no history of %s is recorded", kind)
		}
	}
}
