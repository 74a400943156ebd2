package elastic

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/audittrail/audittrail/internal/cluster"
	"github.com/audittrail/audittrail/internal/estest"
)

// ilmStandIn is a stand-in, not an Elasticsearch: it stands in front of a real one that may be a build without index lifecycle management and without
// the routes of data streams, answers these as Elasticsearch's documentation says, and passes everything else on. It rolls nothing over and
// deletes nothing. It shows that our side of the conversation is right as documented; TestRealILM shows it for real where there is one.
type ilmStandIn struct {
	t      *testing.T
	target string

	mu        sync.Mutex
	policies  map[string]any
	templates map[string]string         // index template → the policy in its settings
	managed   map[string]string         // backing index → policy
	explained map[string]map[string]any // backing index → what _ilm/explain says beside that
	mode      string                    // of the service
	// deny answers 403 with a reason; "" lets the request pass.
	deny func(r *http.Request) string
}

// newStandIn starts a stand-in and connects to it.
func newStandIn(t *testing.T) (*ilmStandIn, *bench) {
	t.Helper()
	target, _, _ := strings.Cut(estest.URL(t), ",")
	f := &ilmStandIn{
		t: t, target: strings.TrimSuffix(target, "/"), policies: map[string]any{}, templates: map[string]string{}, managed: map[string]string{},
		explained: map[string]map[string]any{}, mode: "RUNNING", deny: func(*http.Request) string { return "" },
	}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	client, err := cluster.Open(t.Context(), cluster.Options{URLs: []string{server.URL}, Uncompressed: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return f, &bench{t: t, ctx: t.Context(), client: client, opts: SetupOptions{Prefix: estest.Prefix(t), Lifecycle: LifecycleILM}}
}

// ServeHTTP answers what the real one may not have.
func (f *ilmStandIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	name, last := parts[0], parts[len(parts)-1]
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	w.Header().Set("Content-Type", "application/json")
	reason := f.deny(r)
	switch {
	case reason != "":
		f.fail(w, http.StatusForbidden, "security_exception", reason)
	case strings.HasPrefix(r.URL.Path, "/_ilm/policy/") && r.Method == http.MethodPut:
		var tree map[string]any
		f.decode(body, &tree)
		f.policies[last] = tree["policy"]
		f.answer(w, map[string]any{"acknowledged": true})
	case strings.HasPrefix(r.URL.Path, "/_ilm/policy/"):
		f.getPolicy(w, last)
	case r.URL.Path == "/_ilm/status":
		f.answer(w, map[string]any{"operation_mode": f.mode})
	case strings.HasSuffix(r.URL.Path, "/_ilm/explain"):
		f.explain(w, name)
	case strings.HasSuffix(r.URL.Path, "/_ilm/remove"):
		for _, index := range f.backing(name) {
			f.managed[index] = ""
		}
		f.answer(w, map[string]any{"has_failures": false, "failed_indexes": []any{}})
	case name == "_data_stream" && r.Method == http.MethodPut:
		f.createStream(w, last)
	case name == "_index_template":
		f.template(w, r, last, body)
	case last == "_settings" && r.Method == http.MethodPut && bytes.Contains(body, []byte("index.lifecycle.name")):
		var settings map[string]string
		f.decode(body, &settings)
		for _, index := range f.backing(name) {
			f.managed[index] = settings["index.lifecycle.name"]
		}
		f.answer(w, map[string]any{"acknowledged": true})
	case last == "_settings" && r.Method == http.MethodGet:
		f.getSettings(w, r)
	default:
		status, answer := f.forward(r.Method, r.URL.RequestURI(), body)
		if last == "_rollover" {
			f.adopt(name)
		}
		w.WriteHeader(status)
		w.Write(answer)
	}
}

// getPolicy answers a policy with what Elasticsearch fills in.
func (f *ilmStandIn) getPolicy(w http.ResponseWriter, name string) {
	policy, ok := f.policies[name].(map[string]any)
	if !ok {
		f.fail(w, http.StatusNotFound, "resource_not_found_exception", "Lifecycle policy not found: "+name)
		return
	}
	var shown map[string]any
	if err := copyTree(policy, &shown); err != nil {
		f.t.Error(err)
	}
	phases, _ := shown["phases"].(map[string]any)
	for _, phase := range phases {
		phase := phase.(map[string]any)
		if _, ok := phase["min_age"]; !ok {
			phase["min_age"] = "0ms"
		}
		if actions, ok := phase["actions"].(map[string]any); ok && actions["delete"] != nil {
			remove := subtree(actions, "delete")
			if _, ok := remove["delete_searchable_snapshot"]; !ok {
				remove["delete_searchable_snapshot"] = true
			}
		}
	}
	f.answer(w, map[string]any{name: map[string]any{
		"version": 3, "modified_date": "2026-11-24T10:00:00.000Z", "policy": shown,
		"in_use_by": map[string]any{"indices": []any{}, "data_streams": []any{}, "composable_templates": []any{}},
	}})
}

func (f *ilmStandIn) explain(w http.ResponseWriter, stream string) {
	indices := map[string]any{}
	for _, index := range f.backing(stream) {
		entry := map[string]any{"index": index, "managed": f.managed[index] != "", "policy": f.managed[index], "phase": "hot", "action": "rollover", "step": "check-rollover-ready"}
		for key, value := range f.explained[index] {
			entry[key] = value
		}
		indices[index] = entry
	}
	f.answer(w, map[string]any{"indices": indices})
}

// createStream makes a data stream in a cluster that cannot make one by name.
func (f *ilmStandIn) createStream(w http.ResponseWriter, name string) {
	if len(f.backing(name)) > 0 {
		f.fail(w, http.StatusBadRequest, "resource_already_exists_exception", "data_stream ["+name+"] already exists")
		return
	}
	f.forward(http.MethodPost, "/"+name+"/_create/1", []byte("{}"))
	f.adopt(name)
	f.answer(w, map[string]any{"acknowledged": true})
}

// template keeps the setting that the real one may not know.
func (f *ilmStandIn) template(w http.ResponseWriter, r *http.Request, name string, body []byte) {
	const setting = "index.lifecycle.name"
	if r.Method == http.MethodPut {
		var tree map[string]any
		f.decode(body, &tree)
		settings := subtree(subtree(tree, "template"), "settings")
		f.templates[name], _ = settings[setting].(string)
		delete(settings, setting)
		body, _ = json.Marshal(tree)
	}
	status, answer := f.forward(r.Method, r.URL.RequestURI(), body)
	if r.Method == http.MethodGet && status == http.StatusOK && f.templates[name] != "" {
		var tree map[string]any
		f.decode(answer, &tree)
		template := tree["index_templates"].([]any)[0].(map[string]any)["index_template"].(map[string]any)
		index := subtree(subtree(subtree(template, "template"), "settings"), "index")
		index["lifecycle"] = map[string]any{"name": f.templates[name]}
		answer, _ = json.Marshal(tree)
	}
	w.WriteHeader(status)
	w.Write(answer)
}

func (f *ilmStandIn) getSettings(w http.ResponseWriter, r *http.Request) {
	status, answer := f.forward(r.Method, r.URL.RequestURI(), nil)
	var indices map[string]map[string]map[string]any
	if status == http.StatusOK && json.Unmarshal(answer, &indices) == nil {
		for index, entry := range indices {
			if policy := f.managed[index]; policy != "" {
				entry["settings"]["index.lifecycle.name"] = policy
			}
		}
		answer, _ = json.Marshal(indices)
	}
	w.WriteHeader(status)
	w.Write(answer)
}

// adopt puts new backing indices under the policy of the template.
func (f *ilmStandIn) adopt(stream string) {
	for _, index := range f.backing(stream) {
		if _, known := f.managed[index]; !known {
			f.managed[index] = f.templates[stream]
		}
	}
}

func (f *ilmStandIn) backing(stream string) []string {
	var found struct {
		Streams []struct {
			Backing []string `json:"backing_indices"`
		} `json:"data_streams"`
	}
	status, answer := f.forward(http.MethodGet, "/_resolve/index/"+stream, nil)
	if status != http.StatusOK {
		return nil
	}
	f.decode(answer, &found)
	if len(found.Streams) == 0 {
		return nil
	}
	return found.Streams[0].Backing
}

func (f *ilmStandIn) forward(method, path string, body []byte) (int, []byte) {
	req, err := http.NewRequest(method, f.target+path, bytes.NewReader(body))
	if err != nil {
		f.t.Error(err)
		return http.StatusBadGateway, nil
	}
	req.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(req)
	if err != nil {
		return http.StatusBadGateway, nil
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return http.StatusBadGateway, nil
	}
	return response.StatusCode, answer
}

func (f *ilmStandIn) decode(text []byte, into any) {
	if err := json.Unmarshal(text, into); err != nil {
		f.t.Errorf("the stand-in cannot read %s: %v", text, err)
	}
}

func (f *ilmStandIn) answer(w http.ResponseWriter, value any) {
	if err := json.NewEncoder(w).Encode(value); err != nil {
		f.t.Error(err)
	}
}

func (f *ilmStandIn) fail(w http.ResponseWriter, status int, kind, reason string) {
	w.WriteHeader(status)
	f.answer(w, map[string]any{"error": map[string]any{"type": kind, "reason": reason}, "status": status})
}
