package elastic

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/cluster"
)

// wantedFile is the index as this program wants it. A change to it that adds fields raises its version; one that changes what is there needs
// another index (-v2) and a way to move the records.
//
//go:embed files/records.json
var wantedFile []byte

// shape is what is compared of an index or a template.
type shape struct {
	Settings map[string]any `json:"settings"`
	Mappings struct {
		Meta       meta                      `json:"_meta"`
		Dynamic    any                       `json:"dynamic"`
		Properties map[string]map[string]any `json:"properties"`
	} `json:"mappings"`
}

// meta is how we know what is ours.
type meta struct {
	ManagedBy string `json:"managed_by"`
	Version   int    `json:"version"`
}

const managedBy = "audittrail"

func wanted() shape {
	var s shape
	if err := json.Unmarshal(wantedFile, &s); err != nil {
		panic(err) // a file of ours, which tests read
	}
	return s
}

func aliasOf(prefix string) string    { return prefix + "-records" }
func indexOf(prefix string) string    { return prefix + "-records-v1" }
func templateOf(prefix string) string { return prefix + "-records" }

// installed is what the cluster has under a name: indices by their names, more than one where an alias leads to more.
type installed map[string]struct {
	shape
	Aliases map[string]json.RawMessage `json:"aliases"`
}

// inspect reads what is there under the name of an alias or index; nothing is no error.
func inspect(ctx context.Context, client *cluster.Client, name string) (installed, error) {
	flat := true
	var there installed
	err := client.Call(ctx, esapi.IndicesGetRequest{Index: []string{name}, FlatSettings: &flat}, &there)
	if cluster.FailureOf(err).Missing() {
		return installed{}, nil
	}
	return there, err
}

// Check makes sure that the index of the records is as Setup makes it. It changes nothing.
func Check(ctx context.Context, client *cluster.Client, prefix string) error {
	there, err := inspect(ctx, client, aliasOf(prefix))
	if err == nil {
		err = there.usable(aliasOf(prefix))
	}
	return fault(err, "look at the records in Elasticsearch")
}

// usable says what keeps a Store from working with what an alias leads to. Names are in the cause, which is for operators.
func (there installed) usable(alias string) error {
	if len(there) == 0 {
		return audit.Unavailable(fmt.Errorf("there is no alias %s", alias), retryLater, "Elasticsearch is not set up for the records: run `audittrail setup`")
	}
	name, err := there.ours(alias)
	if err != nil {
		return err
	}
	want, have := wanted(), there[name].shape
	if have.Mappings.Meta.Version < want.Mappings.Meta.Version {
		return audit.Unavailable(fmt.Errorf("index %s is of version %d and this program needs %d", name, have.Mappings.Meta.Version, want.Mappings.Meta.Version),
			retryLater, "the records in Elasticsearch are of an older version: run `audittrail setup`")
	}
	differences, err := have.lacks(name, want)
	if err == nil && len(differences) > 0 {
		err = audit.Unavailable(fmt.Errorf("index %s: %s", name, differences[0]), retryLater, "the records in Elasticsearch were changed: run `audittrail setup`")
	}
	return err
}

// ours returns the name of the one index behind the alias, or says why it is not one that we can work with.
func (there installed) ours(alias string) (string, error) {
	names := slices.Sorted(maps.Keys(there))
	switch {
	case slices.Contains(names, alias):
		return "", inTheWay("an index has the name %s, which the alias of the records has to have: rename or delete it, or choose another elastic.prefix", alias)
	case len(names) > 1:
		return "", inTheWay("the alias %s leads to more than one index: %s", alias, strings.Join(names, ", "))
	}
	name := names[0]
	return name, there[name].known(name)
}

// known says why an index or a template is not one that this program made and knows.
func (s shape) known(name string) error {
	m := s.Mappings.Meta
	switch {
	case m.ManagedBy != managedBy:
		return inTheWay("%s was not made by `audittrail setup`: delete it, or choose another elastic.prefix", name)
	case m.Version > wanted().Mappings.Meta.Version:
		return audit.WithCause(audit.CodeInvalid, fmt.Errorf("%s is of version %d and this program knows versions up to %d", name, m.Version, wanted().Mappings.Meta.Version),
			"the records in Elasticsearch are of a newer version than this program knows: use the newer program")
	}
	return nil
}

func inTheWay(format string, args ...any) error {
	return audit.Unavailable(fmt.Errorf(format, args...), retryLater, "something else stands in Elasticsearch where the records have to be")
}

// lacks returns what can be added; a field of another kind than the wanted one is an error.
func (s shape) lacks(name string, want shape) (list []Difference, err error) {
	if have := s.Mappings.Meta.Version; have != want.Mappings.Meta.Version {
		list = append(list, Difference{Path: "mappings._meta.version", Have: text(have), Want: text(want.Mappings.Meta.Version)})
	}
	if fmt.Sprint(s.Mappings.Dynamic) != fmt.Sprint(want.Mappings.Dynamic) {
		list = append(list, Difference{Path: "mappings.dynamic", Have: text(s.Mappings.Dynamic), Want: text(want.Mappings.Dynamic)})
	}
	for _, field := range slices.Sorted(maps.Keys(want.Mappings.Properties)) {
		have, ok := s.Mappings.Properties[field]
		if !ok {
			list = append(list, Difference{Path: "mappings.properties." + field, Want: text(want.Mappings.Properties[field])})
			continue
		}
		for _, key := range []string{"type", "enabled"} {
			if fmt.Sprint(have[key]) != fmt.Sprint(want.Mappings.Properties[field][key]) {
				return nil, inTheWay("the field %s of %s is of another kind than the one `audittrail setup` makes (%s is %v): its mapping was changed by hand; "+
					"reindex it, or choose another elastic.prefix", field, name, key, have[key])
			}
		}
	}
	return list, nil
}

// writeBlocks are the blocks that keep records from being written, and Elasticsearch's words for them.
var writeBlocks = map[string]string{"write": "index write", "read_only": "read-only", "read_only_allow_delete": "read-only-allow-delete"}

// writable says why the index takes no writes.
func (there installed) writable() error {
	for name, index := range there {
		for key, value := range index.Settings {
			block, ok := strings.CutPrefix(key, "index.blocks.")
			if !ok || fmt.Sprint(value) != "true" || block == "metadata" {
				continue
			}
			reason, known := writeBlocks[block]
			if !known {
				reason = "the index has the block " + block
			}
			return cluster.ErrorOf(&cluster.Failure{Status: 403, Type: "cluster_block_exception", Reason: reason, Index: name})
		}
	}
	return nil
}
