package elastic

import (
	"context"
	"net/http"
	"strings"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/audittrail/audittrail/internal/cluster"
)

// state is what the cluster has; nil where it has nothing.
type state struct {
	// noILM says that the cluster has no index lifecycle management. It is only asked where the lifecycle needs it.
	noILM    bool
	policy   map[string]any
	template map[string]any
	// streams, indices and aliases of the data stream's name; at most one of them is there.
	isIndex, isAlias, isStream bool
	// backing are the backing indices, oldest first; the last one is the write index.
	backing []backing
	// mapping is that of the write index.
	mapping map[string]any
}

// backing is a backing index.
type backing struct {
	name string
	// settings are flat: "index.creation_date".
	settings map[string]any
}

// policy is the lifecycle policy that the index is under, "" for none.
func (b backing) policy() string {
	name, _ := b.settings["index.lifecycle.name"].(string)
	return name
}

func (f *state) writeIndex() backing { return f.backing[len(f.backing)-1] }

// read asks the cluster for everything that setup is about.
func (s *installer) read(ctx context.Context) (*state, error) {
	found := &state{}
	for _, step := range []func(context.Context, *state) error{s.readPolicy, s.readTemplate, s.readNames, s.readBacking} {
		if err := step(ctx, found); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func (s *installer) readPolicy(ctx context.Context, found *state) error {
	if s.opts.Lifecycle != LifecycleILM {
		return nil
	}
	var answer map[string]struct{ Policy map[string]any }
	err := s.client.Call(ctx, esapi.ILMGetLifecycleRequest{Policy: s.name}, &answer)
	if err != nil {
		failure := cluster.FailureOf(err)
		found.noILM = lacksRoute(failure)
		return unless(err, found.noILM || failure.Missing())
	}
	found.policy = answer[s.name].Policy
	return nil
}

// lacksRoute says that the cluster does not have what was asked for: by its build, or, serverless, by its kind.
func lacksRoute(failure *cluster.Failure) bool {
	return failure.MissingRoute() || failure != nil && failure.Status == http.StatusGone
}

func unless(err error, fine bool) error {
	if fine {
		return nil
	}
	return err
}

func (s *installer) readTemplate(ctx context.Context, found *state) error {
	var answer struct {
		Templates []struct {
			Name     string
			Template map[string]any `json:"index_template"`
		} `json:"index_templates"`
	}
	err := s.client.Call(ctx, esapi.IndicesGetIndexTemplateRequest{Name: s.name}, &answer)
	for _, t := range answer.Templates {
		if t.Name == s.name {
			found.template = t.Template
		}
	}
	return unless(err, cluster.FailureOf(err).Missing())
}

// readNames finds out what has the data stream's name.
func (s *installer) readNames(ctx context.Context, found *state) error {
	var answer struct {
		Indices []struct{ Name string }
		Aliases []struct{ Name string }
		Streams []struct {
			Name    string
			Backing []string `json:"backing_indices"`
		} `json:"data_streams"`
	}
	err := s.client.Call(ctx, esapi.IndicesResolveIndexRequest{Name: []string{s.name}, ExpandWildcards: "all"}, &answer)
	if err != nil {
		return unless(err, cluster.FailureOf(err).Missing())
	}
	found.isIndex = len(answer.Indices) > 0
	found.isAlias = len(answer.Aliases) > 0
	for _, stream := range answer.Streams {
		found.isStream = true
		for _, name := range stream.Backing {
			found.backing = append(found.backing, backing{name: name})
		}
	}
	return nil
}

// readBacking reads the settings of the backing indices and the mapping of the write index.
func (s *installer) readBacking(ctx context.Context, found *state) error {
	if len(found.backing) == 0 {
		return nil
	}
	var settings map[string]struct{ Settings map[string]any }
	flat := true
	if err := s.client.Call(ctx, esapi.IndicesGetSettingsRequest{Index: []string{s.name}, FlatSettings: &flat}, &settings); err != nil {
		return err
	}
	for i := range found.backing {
		found.backing[i].settings = settings[found.backing[i].name].Settings
	}
	write := found.writeIndex().name
	var mappings map[string]struct{ Mappings map[string]any }
	if err := s.client.Call(ctx, esapi.IndicesGetMappingRequest{Index: []string{write}}, &mappings); err != nil {
		return err
	}
	found.mapping = mappings[write].Mappings
	return nil
}

// generations writes the names of backing indices for people.
func generations(list []backing) string {
	names := make([]string, len(list))
	for i, b := range list {
		names[i] = b.name
	}
	return strings.Join(names, ", ")
}
