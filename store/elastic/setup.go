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

// Plan is what Setup did, or would do, in this order.
type Plan struct {
	Changes []Change `json:"changes"`
}

// Change is one step.
type Change struct {
	// Object is what it is about: "index template", "index" or "alias". Name is its name.
	Object string `json:"object"`
	Name   string `json:"name"`
	// Action is what is done to it: "create", "update", "add fields" or "change settings".
	Action string `json:"action"`
	// Differences say what is not as it should be, sorted by path; none where something is made that was not there.
	Differences []Difference `json:"differences,omitempty"`

	request esapi.Request
}

// Difference is one path where the cluster has something else than it should. Values are JSON; "" means that nothing is there.
type Difference struct {
	Path string `json:"path"`
	Have string `json:"have"`
	Want string `json:"want"`
}

// String returns the change in one line, for people: "index audittrail-records-v1: create".
func (c Change) String() string { return c.Object + " " + c.Name + ": " + c.Action }

// String returns the path and both values, for people.
func (d Difference) String() string {
	if d.Have == "" {
		return fmt.Sprintf("%s: should be %s, is not set", d.Path, d.Want)
	}
	return fmt.Sprintf("%s: is %s, should be %s", d.Path, d.Have, d.Want)
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
		changes = append(changes, Change{Action: "create", Object: "alias", Name: alias,
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
	return Change{Action: "create", Object: "index", Name: indexOf(opts.Prefix),
		request: esapi.IndicesCreateRequest{Index: indexOf(opts.Prefix), Body: reader(file)}}
}

const (
	shards   = "index.number_of_shards"
	replicas = "index.number_of_replicas"
)

func settings(opts SetupOptions) map[string]any {
	s := wanted().Settings
	s["index"].(map[string]any)["number_of_shards"] = opts.Shards
	s["index"].(map[string]any)["number_of_replicas"] = opts.Replicas
	return s
}

// missingInIndex is what an index of ours lacks.
func missingInIndex(name string, have shape, opts SetupOptions) (changes []Change, err error) {
	differences, err := have.lacks(name, wanted())
	if err != nil {
		return nil, err
	}
	if len(differences) > 0 {
		var file map[string]json.RawMessage
		mustDecode(wantedFile, &file)
		changes = append(changes, Change{Action: "add fields", Object: "index", Name: name, Differences: differences,
			request: esapi.IndicesPutMappingRequest{Index: []string{name}, Body: bytes.NewReader(file["mappings"])}})
	}
	// An index that Elasticsearch itself gives replicas to, as there are nodes, is left alone.
	if d := have.differs(replicas, opts.Replicas); d != nil && have.Settings["index.auto_expand_replicas"] == nil {
		changes = append(changes, Change{Action: "change settings", Object: "index", Name: name, Differences: []Difference{*d},
			request: esapi.IndicesPutSettingsRequest{Index: []string{name}, Body: reader(map[string]any{replicas: opts.Replicas})}})
	}
	return changes, nil
}

// template is an index template as Elasticsearch answers it.
type template struct {
	Patterns []string `json:"index_patterns"`
	Priority int      `json:"priority"`
	Template shape    `json:"template"`
}

// missingTemplate compares the index template. It keeps templates that people have for many indices out of ours, and gives an index that is
// restored or reindexed under a name of ours the right mapping.
func missingTemplate(ctx context.Context, client *cluster.Client, opts SetupOptions) ([]Change, error) {
	name := templateOf(opts.Prefix)
	var answer struct {
		Templates []struct {
			Template template `json:"index_template"`
		} `json:"index_templates"`
	}
	flat := true
	err := client.Call(ctx, esapi.IndicesGetIndexTemplateRequest{Name: name, FlatSettings: &flat}, &answer)
	if err != nil && !cluster.FailureOf(err).Missing() {
		return nil, err
	}
	change := Change{Action: "create", Object: "index template", Name: name}
	if len(answer.Templates) > 0 {
		change.Action = "update"
		change.Differences, err = answer.Templates[0].Template.differences(name, opts)
		if err != nil || len(change.Differences) == 0 {
			return nil, err
		}
	}
	var file map[string]any
	mustDecode(wantedFile, &file)
	file["settings"] = settings(opts)
	change.request = esapi.IndicesPutIndexTemplateRequest{Name: name, Body: reader(map[string]any{
		"index_patterns": patterns(opts), "priority": templatePriority, "template": file,
		"_meta": map[string]any{"managed_by": managedBy, "version": wanted().Mappings.Meta.Version}})}
	return []Change{change}, nil
}

func patterns(opts SetupOptions) []string { return []string{aliasOf(opts.Prefix) + "-v*"} }

func (t template) differences(name string, opts SetupOptions) ([]Difference, error) {
	name = "the index template " + name
	if err := t.Template.known(name); err != nil {
		return nil, err
	}
	list, err := t.Template.lacks(name, wanted())
	if have, want := text(t.Patterns), text(patterns(opts)); have != want {
		list = append(list, Difference{Path: "index_patterns", Have: have, Want: want})
	}
	if t.Priority != templatePriority {
		list = append(list, Difference{Path: "priority", Have: text(t.Priority), Want: text(templatePriority)})
	}
	for key, want := range map[string]int{shards: opts.Shards, replicas: opts.Replicas} {
		if d := t.Template.differs(key, want); d != nil {
			list = append(list, *d)
		}
	}
	slices.SortFunc(list, func(a, b Difference) int { return strings.Compare(a.Path, b.Path) })
	return list, err
}

// differs compares a setting that is a number; nil where it is as it should be.
func (s shape) differs(setting string, want int) *Difference {
	have, ok := s.Settings[setting]
	if ok && fmt.Sprint(have) == fmt.Sprint(want) {
		return nil
	}
	d := &Difference{Path: "settings." + setting, Want: text(want)}
	if ok {
		d.Have = text(have)
	}
	return d
}

// text is a value as JSON.
func text(value any) string {
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(data)
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
