//go:build unix

package estest_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/internal/estest"
)

const document = `{"index":{}}
{"name":"Alice"}
`

func TestTheSharedClusterTakesDocuments(t *testing.T) {
	url, prefix := estest.URL(t), estest.Prefix(t)
	if status := estest.Ask(t, url, http.MethodPost, "/"+prefix+"-things/_bulk?refresh=true", document, nil); status != http.StatusOK {
		t.Fatalf("bulk: %d", status)
	}
	var found struct{ Count int }
	estest.Ask(t, url, http.MethodGet, "/"+prefix+"-things/_count", "", &found)
	if found.Count != 1 {
		t.Errorf("%d documents, want 1", found.Count)
	}
	t.Logf("ILM: %t", estest.HasILM(t, url))
}

func TestWhatATestMadeIsGoneAfterIt(t *testing.T) {
	url, prefix := estest.URL(t), ""
	t.Run("make", func(t *testing.T) {
		prefix = estest.Prefix(t)
		estest.Ask(t, url, http.MethodPut, "/_index_template/"+prefix+"-things", `{"index_patterns":["`+prefix+`-things*"]}`, nil)
		estest.Ask(t, url, http.MethodPost, "/"+prefix+"-things/_bulk?refresh=true", document, nil)
	})
	for _, path := range []string{"/" + prefix + "-things", "/_index_template/" + prefix + "-things"} {
		if status := estest.Ask(t, url, http.MethodGet, path, "", nil); status != http.StatusNotFound {
			t.Errorf("GET %s: %d, want 404", path, status)
		}
	}
}

func TestANodeOfOnesOwnKeepsItsDataThroughKillAndRestart(t *testing.T) {
	node := estest.Start(t, estest.Options{HeapMB: 512, Password: "se/cret:1", Settings: map[string]string{"cluster.name": "mine"}})
	estest.Ask(t, node.URL, http.MethodPost, "/things/_bulk", document, nil)
	node.Kill()
	if _, err := http.Get(node.URL); err == nil {
		t.Fatal("it answers after it was killed")
	}
	node.Restart()
	var found struct{ Count int }
	estest.Ask(t, node.URL, http.MethodGet, "/things/_count", "", &found)
	if found.Count != 1 {
		t.Errorf("%d documents after kill -9 and restart, want 1", found.Count)
	}
	var info struct {
		ClusterName string `json:"cluster_name"`
	}
	estest.Ask(t, node.URL, http.MethodGet, "/", "", &info)
	if info.ClusterName != "mine" {
		t.Errorf("the cluster is called %q: its settings did not arrive", info.ClusterName)
	}

	anonymous := node.URL[:strings.Index(node.URL, "elastic:")] + node.URL[strings.Index(node.URL, "@")+1:]
	if status := estest.Ask(t, anonymous, http.MethodGet, "/", "", nil); status != http.StatusUnauthorized {
		t.Errorf("without the password: %d, want 401", status)
	}

	node.Pause()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, node.URL, http.NoBody)
	if _, err := http.DefaultClient.Do(req); err == nil {
		t.Error("it answers while it is paused")
	}
	node.Resume()
	estest.Ask(t, node.URL, http.MethodGet, "/", "", nil)

	node.Stop()
	if !strings.Contains(node.Logs(), "stopped") {
		t.Errorf("it did not end in good order: %s", node.Logs())
	}
}
