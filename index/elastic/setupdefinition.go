package elastic

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"

	"github.com/audittrail/audittrail/audit"
)

//go:embed files/*.json
var definitionFiles embed.FS

// managedBy marks, in _meta, what this program made.
const managedBy = "audittrail"

// definition is what the cluster should have, as trees of JSON.
type definition struct {
	// policy is the lifecycle policy, nil where the lifecycle needs none.
	policy map[string]any
	// template is the index template of the data stream.
	template map[string]any
}

// embedded reads the files of this program.
func embedded() (definition, error) {
	var d definition
	for file, tree := range map[string]*map[string]any{"files/ilm-policy.json": &d.policy, "files/events-template.json": &d.template} {
		text, err := fs.ReadFile(definitionFiles, file)
		if err == nil {
			err = json.Unmarshal(text, tree)
		}
		if err != nil {
			return d, audit.WithCause(audit.CodeInternal, err, "the built-in %s cannot be read", file)
		}
	}
	return d, nil
}

// render fills in names and numbers. It changes nothing of d.
func (d definition) render(name string, opts SetupOptions) (definition, error) {
	out := definition{}
	if err := copyTree(d.template, &out.template); err != nil {
		return out, err
	}
	out.template["index_patterns"] = []any{name}
	inner := subtree(out.template, "template")
	settings := flatSettings(inner["settings"])
	settings["index.number_of_shards"] = fmt.Sprint(opts.Shards)
	settings["index.number_of_replicas"] = fmt.Sprint(opts.Replicas)
	if opts.Lifecycle == LifecycleILM {
		settings["index.lifecycle.name"] = name
		if err := copyTree(d.policy, &out.policy); err != nil {
			return out, err
		}
	}
	inner["settings"] = settings
	// The mapping carries the mark too: it is how a backing index tells which version made it.
	mappings := subtree(inner, "mappings")
	mappings["_meta"] = out.template["_meta"]
	return out, nil
}

// copyTree copies a tree of JSON.
func copyTree(from map[string]any, to *map[string]any) error {
	text, err := json.Marshal(from)
	if err == nil {
		err = json.Unmarshal(text, to)
	}
	if err != nil {
		return audit.WithCause(audit.CodeInternal, err, "a built-in definition cannot be read")
	}
	return nil
}

// subtree returns the object under key, which it makes where there is none.
func subtree(tree map[string]any, key string) map[string]any {
	sub, ok := tree[key].(map[string]any)
	if !ok {
		sub = map[string]any{}
		tree[key] = sub
	}
	return sub
}

// meta reads the mark of a policy, template or mapping: whether this program made it, and which version of it.
func meta(tree map[string]any) (ours bool, version int) {
	mark, ok := tree["_meta"].(map[string]any)
	if !ok {
		return false, 0
	}
	number, _ := mark["version"].(float64)
	return mark["managed_by"] == managedBy, int(number)
}

func (d definition) mappings() map[string]any {
	return subtree(subtree(d.template, "template"), "mappings")
}
func (d definition) settings() map[string]any {
	return subtree(subtree(d.template, "template"), "settings")
}

func (d definition) version() int {
	_, version := meta(d.template)
	return version
}
