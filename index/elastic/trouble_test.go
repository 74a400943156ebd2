package elastic

import (
	"net/http"
	"testing"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/estest"
)

// block sets or, with nil, takes away a setting of the stream.
func (b *bench) block(name string, value any) {
	b.t.Helper()
	b.call(esapi.IndicesPutSettingsRequest{Index: []string{eventsName(b.opts.Prefix)}, Body: bodyOf(map[string]any{name: value})}, nil)
}

func TestAReadOnlyIndexTakesNothingInUntilItIsLifted(t *testing.T) {
	tr := newTrail(t)
	tr.wantAppended(testEvents("a", 2), 2)
	for setting, words := range map[string]string{
		"index.blocks.read_only_allow_delete": "its disk is over the flood stage",
		"index.blocks.write":                  "the index was made read-only",
	} {
		tr.block(setting, true)
		began := time.Now()
		tr.wantRefused(testEvents("b", 2), words)
		if took := time.Since(began); took > appendDeadline/2 {
			t.Errorf("it took %s to say so", took)
		}
		wantRetry(t, tr.Ready(tr.bench.ctx), words)
		if _, err := tr.Get(tr.bench.ctx, acme, "a1"); err != nil {
			t.Errorf("Get: %v", err)
		}
		tr.block(setting, nil)
		if err := tr.Ready(tr.bench.ctx); err != nil {
			t.Errorf("Ready without the block: %v", err)
		}
	}
	tr.wantAppended(append(testEvents("a", 2), testEvents("b", 2)...), 2)
	tr.wantStored(4)
}

// TestADataStreamThatIsGone begins without one, and without its template: what is left where both were deleted under a running process.
func TestADataStreamThatIsGoneIsNotMadeAPlainIndex(t *testing.T) {
	b := newBench(t)
	x, err := newIndex(b.client, Options{Clock: func() time.Time { return testNow }, Setup: b.opts})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	tr := &trail{bench: b, Index: x}
	tr.wantRefused(testEvents("a", 2), "run `audittrail setup`")
	if found := b.state(small(t, 1)); found.isIndex || found.isStream {
		t.Fatal("a write made an index")
	}
	if _, err := tr.Get(b.ctx, acme, "a0"); audit.CodeOf(err) != audit.CodeNotFound {
		t.Errorf("Get: %v, want that it is not found", err)
	}
	if err := tr.Ready(b.ctx); audit.CodeOf(err) != audit.CodeConflict {
		t.Errorf("Ready: %v, want that setup has to be run", err)
	}
	if _, err := Setup(b.ctx, b.client, b.opts); err != nil {
		t.Fatal(err)
	}
	tr.wantAppended(testEvents("a", 2), 2)
	tr.wantStored(2)
	if err := tr.Ready(b.ctx); err != nil {
		t.Errorf("Ready after setup: %v", err)
	}
}

func TestADataStreamThatIsGoneIsMadeAgainByItsTemplate(t *testing.T) {
	b := newBench(t)
	s, err := newInstaller(b.client, b.opts)
	if err != nil {
		t.Fatal(err)
	}
	b.call(esapi.IndicesPutIndexTemplateRequest{Name: s.name, Body: bodyOf(s.want.template)}, nil)
	x, err := newIndex(b.client, Options{Clock: func() time.Time { return testNow }, Setup: b.opts})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	tr := &trail{bench: b, Index: x}
	if err := tr.Ready(b.ctx); audit.CodeOf(err) != audit.CodeConflict {
		t.Errorf("Ready: %v, want that setup has to be run", err)
	}
	tr.wantAppended(testEvents("a", 2), 2)
	if err := tr.Ready(b.ctx); err != nil {
		t.Errorf("Ready with the stream: %v", err)
	}
	if _, err := tr.Get(b.ctx, acme, "a1"); err != nil {
		t.Errorf("Get: %v", err)
	}
}

func TestAPasswordThatStopsToWorkIsSaid(t *testing.T) {
	tr := newTrail(t)
	tr.proxy.Always(estest.Fault{Status: http.StatusUnauthorized, Body: `{"error":{"type":"security_exception","reason":"unable to authenticate"},"status":401}`})
	const words = "Elasticsearch does not accept our credentials"
	tr.wantRefused(testEvents("a", 2), words)
	wantRetry(t, tr.Ready(tr.bench.ctx), words)
	tr.proxy.Do(nil)
	tr.wantAppended(testEvents("a", 2), 2)
}

func TestAShardThatIsNotThereIsSaidAndIngestResumes(t *testing.T) {
	tr := newTrail(t)
	tr.wantAppended(testEvents("a", 2), 2)
	s, err := newInstaller(tr.bench.client, tr.opts)
	if err != nil {
		t.Fatal(err)
	}
	nowhere := definition{}
	if err := copyTree(s.want.template, &nowhere.template); err != nil {
		t.Fatal(err)
	}
	const allocation = "index.routing.allocation.require._name"
	nowhere.settings()[allocation] = "nobody"
	tr.call(esapi.IndicesPutIndexTemplateRequest{Name: s.name, Body: bodyOf(nowhere.template)}, nil)
	tr.call(esapi.IndicesRolloverRequest{Alias: s.name, WaitForActiveShards: "0"}, nil)
	tr.call(esapi.IndicesPutIndexTemplateRequest{Name: s.name, Body: bodyOf(s.want.template)}, nil)

	tr.wantRefused(testEvents("b", 2), "Elasticsearch cannot do this now")
	wantRetry(t, tr.Ready(tr.bench.ctx), "a shard of the events is not available")
	tr.block(allocation, nil)
	tr.call(esapi.ClusterHealthRequest{Index: []string{s.name}, WaitForStatus: "yellow"}, nil)
	tr.wantAppended(append(testEvents("a", 2), testEvents("b", 2)...), 2)
	tr.wantStored(4)
	if err := tr.Ready(tr.bench.ctx); err != nil {
		t.Errorf("Ready with its shard: %v", err)
	}
}
