package elastic

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/audittrail/audittrail/internal/cluster"
)

// SetupOptions say what Setup makes.
type SetupOptions struct {
	// Prefix begins the names; "" means DefaultPrefix.
	Prefix string
	// Shards is how many primary shards a new index has; 0 means 1, which holds millions of records. An index that exists keeps its own.
	Shards int
	// Replicas is how many copies of each shard there are beside the primary; on a single node 0 is all that can be placed.
	Replicas int
	// DryRun changes nothing.
	DryRun bool
}

// Plan is what Setup did, or would do.
type Plan struct {
	Changes []Change
}

// Change is one step.
type Change struct {
	// Action is "create" or "update".
	Action string
	// What is "index template", "index", "alias", "mapping" or "settings"; Name is its name.
	What string
	Name string
	// Detail says what changes, "" where it is all new.
	Detail string

	request esapi.Request
}

// String is the change as a line: "create index audittrail-records-v1".
func (c Change) String() string {
	line := c.Action + " " + c.What + " " + c.Name
	if c.Detail != "" {
		line += ": " + c.Detail
	}
	return line
}

// rounds is how often Setup looks again where another process changed the same at the same time.
const rounds = 5

// templatePriority is above that of the templates that people and Elasticsearch itself have for many indices, so that none of those
// gets into ours.
const templatePriority = 500

// Setup makes the index of the records, its alias and its template, or brings them up to date: fields are added, never changed or taken
// away. Repeating it changes nothing, and any number of processes may do it at once. What stands in the way, was not made by Setup, or is of a newer
// version is an error and is left as it is.
func Setup(ctx context.Context, client *cluster.Client, opts SetupOptions) (Plan, error) {
	if opts.Prefix == "" {
		opts.Prefix = DefaultPrefix
	}
	opts.Shards = max(opts.Shards, 1)
	var done Plan
	for range rounds {
		changes, err := missing(ctx, client, opts)
		if err != nil {
			return done, fault(err, "look at the records in Elasticsearch")
		}
		if opts.DryRun {
			return Plan{Changes: changes}, nil
		}
		if len(changes) == 0 {
			return done, nil
		}
		for _, c := range changes {
			err := client.Call(ctx, c.request, nil)
			if f := cluster.FailureOf(err); f != nil && f.Type == "resource_already_exists_exception" {
				continue // another process made it just now; look again
			}
			if err != nil {
				return done, fault(fmt.Errorf("%s: %w", c, err), "set up the records")
			}
			done.Changes = append(done.Changes, c)
		}
	}
	return done, inTheWay("what `audittrail setup` made for %s does not stay: another program changes it", aliasOf(opts.Prefix))
}

// missing compares the cluster with what is wanted.
func missing(ctx context.Context, client *cluster.Client, opts SetupOptions) ([]Change, error) {
	changes, err := missingTemplate(ctx, client, opts)
	if err != nil {
		return nil, err
	}
	alias, index := aliasOf(opts.Prefix), indexOf(opts.Prefix)
	there, err := inspect(ctx, client, alias)
	if err != nil {
		return nil, err
	}
	if len(there) == 0 {
		// The alias is not there; its index may be.
		if there, err = inspect(ctx, client, index); err != nil {
			return nil, err
		}
		if len(there) == 0 {
			return append(changes, createIndex(opts)), nil
		}
		if index, err = there.ours(alias); err != nil {
			return nil, err
		}
		changes = append(changes, Change{Action: "create", What: "alias", Name: alias, Detail: "for the index " + index,
			request: esapi.IndicesPutAliasRequest{Index: []string{index}, Name: alias}})
	}
	if index, err = there.ours(alias); err != nil {
		return nil, err
	}
	more, err := missingInIndex(index, there[index].shape, opts)
	return append(changes, more...), err
}

// createIndex makes index and alias in one step, so that nobody ever sees one without the other.
func createIndex(opts SetupOptions) Change {
	var file map[string]any
	mustDecode(wantedFile, &file)
	file["settings"] = settings(opts)
	file["aliases"] = map[string]any{aliasOf(opts.Prefix): map[string]any{}}
	return Change{Action: "create", What: "index", Name: indexOf(opts.Prefix),
		Detail:  fmt.Sprintf("%d shards, %d replicas, alias %s", opts.Shards, opts.Replicas, aliasOf(opts.Prefix)),
		request: esapi.IndicesCreateRequest{Index: indexOf(opts.Prefix), Body: reader(file)}}
}

const replicas = "index.number_of_replicas"

func settings(opts SetupOptions) map[string]any {
	s := wanted().Settings
	s["index"].(map[string]any)["number_of_shards"] = opts.Shards
	s["index"].(map[string]any)["number_of_replicas"] = opts.Replicas
	return s
}

// missingInIndex is what an index of ours lacks.
func missingInIndex(name string, have shape, opts SetupOptions) (changes []Change, err error) {
	want := wanted()
	fields, err := have.lacks(name, want)
	if err != nil {
		return nil, err
	}
	if len(fields) > 0 || have.Mappings.Meta.Version < want.Mappings.Meta.Version {
		var file map[string]json.RawMessage
		mustDecode(wantedFile, &file)
		changes = append(changes, Change{Action: "update", What: "mapping", Name: name,
			Detail:  fmt.Sprintf("from version %d to %d, new: %s", have.Mappings.Meta.Version, want.Mappings.Meta.Version, strings.Join(fields, ", ")),
			request: esapi.IndicesPutMappingRequest{Index: []string{name}, Body: bytes.NewReader(file["mappings"])}})
	}
	if before := fmt.Sprint(have.Settings[replicas]); before != fmt.Sprint(opts.Replicas) && have.Settings["index.auto_expand_replicas"] == nil {
		changes = append(changes, Change{Action: "update", What: "settings", Name: name, Detail: fmt.Sprintf("replicas from %s to %d", before, opts.Replicas),
			request: esapi.IndicesPutSettingsRequest{Index: []string{name}, Body: reader(map[string]any{replicas: opts.Replicas})}})
	}
	return changes, nil
}

// missingTemplate compares the index template. It keeps templates that people have for many indices out of ours, and gives an index that is
// restored or reindexed under a name of ours the right mapping.
func missingTemplate(ctx context.Context, client *cluster.Client, opts SetupOptions) ([]Change, error) {
	name := templateOf(opts.Prefix)
	var answer struct {
		Templates []struct {
			Template struct {
				Patterns []string `json:"index_patterns"`
				Priority int      `json:"priority"`
				Template shape    `json:"template"`
			} `json:"index_template"`
		} `json:"index_templates"`
	}
	flat := true
	err := client.Call(ctx, esapi.IndicesGetIndexTemplateRequest{Name: name, FlatSettings: &flat}, &answer)
	if err != nil && !cluster.FailureOf(err).Missing() {
		return nil, err
	}
	patterns := []string{aliasOf(opts.Prefix) + "-v*"}
	change := Change{Action: "create", What: "index template", Name: name}
	if len(answer.Templates) > 0 {
		have := answer.Templates[0].Template
		if err := have.Template.known("the index template " + name); err != nil {
			return nil, err
		}
		fields, err := have.Template.lacks("the index template "+name, wanted())
		if err == nil && len(fields) == 0 && have.Priority == templatePriority && slices.Equal(have.Patterns, patterns) &&
			have.Template.counts(opts) &&
			have.Template.Mappings.Meta == wanted().Mappings.Meta {
			return nil, nil
		}
		change.Action, change.Detail = "update", "it differs from this program's"
	}
	var file map[string]any
	mustDecode(wantedFile, &file)
	file["settings"] = settings(opts)
	change.request = esapi.IndicesPutIndexTemplateRequest{Name: name, Body: reader(map[string]any{
		"index_patterns": patterns, "priority": templatePriority, "template": file, "_meta": map[string]any{"managed_by": managedBy}})}
	return []Change{change}, nil
}

// counts says whether shards and replicas are those of the options.
func (s shape) counts(opts SetupOptions) bool {
	return fmt.Sprint(s.Settings["index.number_of_shards"]) == fmt.Sprint(opts.Shards) &&
		fmt.Sprint(s.Settings[replicas]) == fmt.Sprint(opts.Replicas)
}

func reader(value any) *bytes.Reader {
	data, err := json.Marshal(value)
	if err != nil {
		panic(err) // only for values that no JSON can hold
	}
	return bytes.NewReader(data)
}

func mustDecode(data []byte, target any) {
	if err := json.Unmarshal(data, target); err != nil {
		panic(err) // a file of ours, which tests read
	}
}
