package elastic

import (
	"errors"
	"fmt"
	"strings"
)

// Plan is what Setup changes, in the order in which it does.
type Plan struct {
	// Stream is the data stream's name, which template and policy share.
	Stream  string   `json:"stream"`
	Changes []Change `json:"changes"`
}

// Change is one step of a plan.
type Change struct {
	Object Object `json:"object"`
	Name   string `json:"name"`
	Action Action `json:"action"`
	// Differences say what is not as it should be, sorted by path; none where something is made that was not there.
	Differences []Difference `json:"differences,omitempty"`
}

// Object is what a change is about.
type Object string

// Action is what a change does to its object.
type Action string

// What changes are about, and what they do.
const (
	ObjectPolicy   Object = "ILM policy"
	ObjectTemplate Object = "index template"
	ObjectStream   Object = "data stream"

	ActionCreate    Action = "create"
	ActionUpdate    Action = "update"
	ActionAddFields Action = "add fields to the write index"
	ActionRollOver  Action = "roll over to a new write index"
	ActionManage    Action = "put under the ILM policy"
	ActionRelease   Action = "remove from its ILM policy"
	ActionReplicas  Action = "change the number of replicas"
)

// String returns the change in one line, for people.
func (c Change) String() string { return fmt.Sprintf("%s %s: %s", c.Object, c.Name, c.Action) }

// error returns the whole plan as one error.
func (p Plan) error() error {
	var lines []string
	for _, c := range p.Changes {
		if len(c.Differences) == 0 {
			lines = append(lines, c.String())
		}
		for _, d := range c.Differences {
			lines = append(lines, fmt.Sprintf("%s %s: %s", c.Object, c.Name, d))
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return errors.New(strings.Join(lines, "; "))
}

// compare says what has to be done so that the cluster has what is wanted.
func (s *installer) compare(found *state) Plan {
	plan := Plan{Stream: s.name, Changes: []Change{}}
	add := func(object Object, action Action, differences []Difference) {
		plan.Changes = append(plan.Changes, Change{Object: object, Name: s.name, Action: action, Differences: differences})
	}
	if s.want.policy != nil {
		if found.policy == nil {
			add(ObjectPolicy, ActionCreate, nil)
		} else if differences := diffPolicy(found.policy, s.want.policy); len(differences) > 0 {
			add(ObjectPolicy, ActionUpdate, differences)
		}
	}
	if found.template == nil {
		add(ObjectTemplate, ActionCreate, nil)
	} else if differences := diffTemplate(found.template, s.want.template); len(differences) > 0 {
		add(ObjectTemplate, ActionUpdate, differences)
	}
	if !found.isStream {
		add(ObjectStream, ActionCreate, nil)
		return plan
	}
	if differences, action := s.diffManagement(found); len(differences) > 0 {
		add(ObjectStream, action, differences)
	}
	if differences := s.diffReplicas(found); len(differences) > 0 {
		add(ObjectStream, ActionReplicas, differences)
	}
	differences, additions := diffIndex(found.mapping, found.writeIndex().settings, s.want)
	switch {
	case len(differences) == 0:
	case additions:
		add(ObjectStream, ActionAddFields, differences)
	default:
		add(ObjectStream, ActionRollOver, differences)
	}
	return plan
}

// diffManagement compares which policy the backing indices are under with which they should be.
func (s *installer) diffManagement(found *state) ([]Difference, Action) {
	want, action := "", ActionRelease
	if s.opts.Lifecycle == LifecycleILM {
		want, action = s.name, ActionManage
	}
	var list []Difference
	for _, b := range found.backing {
		if b.policy() != want {
			list = append(list, Difference{Path: b.name + ".settings.index.lifecycle.name", Have: quoted(b.policy()), Want: quoted(want)})
		}
	}
	return list, action
}

const replicasSetting = "index.number_of_replicas"

// diffReplicas compares the copies of all backing indices: they can change at any time, and what they protect is old events too. An index that
// Elasticsearch itself gives replicas to, as there are nodes, is left alone.
func (s *installer) diffReplicas(found *state) []Difference {
	want := leafOf(s.want.settings()[replicasSetting])
	var list []Difference
	for _, b := range found.backing {
		have, ok := b.settings[replicasSetting]
		expand, expands := b.settings["index.auto_expand_replicas"]
		if !ok || expands && expand != "false" || leafOf(have).key == want.key {
			continue
		}
		list = append(list, Difference{Path: b.name + ".settings." + replicasSetting, Have: leafOf(have).text, Want: want.text})
	}
	return list
}

func quoted(text string) string {
	if text == "" {
		return ""
	}
	return leafOf(text).text
}
