package elastic

import (
	"fmt"

	"github.com/audittrail/audittrail/audit"
)

// refuse is the error for what Setup must not touch.
func (s *installer) refuse(found *state) error {
	if err := s.inTheWay(found); err != nil {
		return err
	}
	if found.noILM {
		return errNoILM
	}
	if err := s.newer(found); err != nil {
		return err
	}
	return s.shorter(found)
}

// errNoILM says that the cluster cannot do what the lifecycle needs.
var errNoILM = audit.Errorf(audit.CodeConflict, "this Elasticsearch has no index lifecycle management: set `elastic.lifecycle: temporal`, "+
	"and workers roll over and delete by the same rules")

// inTheWay is the error for things of our names that are not ours.
func (s *installer) inTheWay(found *state) error {
	const advice = "delete it if nothing needs it, or choose another elastic.prefix"
	ours, _ := meta(found.mapping)
	switch {
	case found.isIndex:
		return conflict(fmt.Errorf("index %s", s.name), "an index has the name of the data stream: %s", advice)
	case found.isAlias:
		return conflict(fmt.Errorf("alias %s", s.name), "an alias has the name of the data stream: %s", advice)
	case found.isStream && !ours:
		return conflict(fmt.Errorf("data stream %s: its mapping has no _meta.managed_by of %q", s.name, managedBy),
			"a data stream of this name was not made by audittrail: %s", advice)
	}
	if ours, _ := meta(found.template); found.template != nil && !ours && !found.isStream {
		return conflict(fmt.Errorf("index template %s: it has no _meta.managed_by of %q", s.name, managedBy),
			"an index template of this name was not made by audittrail: %s", advice)
	}
	return nil
}

func conflict(cause error, format string, args ...any) error {
	return audit.WithCause(audit.CodeConflict, cause, format, args...)
}

// newer is the error for what a later version of this program set up.
func (s *installer) newer(found *state) error {
	_, policy := meta(s.want.policy)
	for _, part := range []struct {
		what  string
		tree  map[string]any
		knows int
	}{
		{"ILM policy " + s.name, found.policy, policy},
		{"index template " + s.name, found.template, s.want.version()},
		{"mapping of the write index of " + s.name, found.mapping, s.want.version()},
	} {
		if _, version := meta(part.tree); version > part.knows {
			return conflict(fmt.Errorf("%s is of version %d, this program knows %d", part.what, version, part.knows),
				"a newer version of audittrail set this cluster up: use that version")
		}
	}
	return nil
}

// shorter is the error for a policy that keeps events longer than ours, or deletes them in a way that is not ours.
func (s *installer) shorter(found *state) error {
	if found.policy == nil || s.want.policy == nil || s.opts.AllowShorterRetention {
		return nil
	}
	differences := diffPolicy(deletion(found.policy), deletion(s.want.policy))
	if len(differences) == 0 || len(differences) == 1 && lengthens(differences[0]) {
		return nil
	}
	return conflict(fmt.Errorf("ILM policy %s: %s", s.name, describe(differences)),
		"the ILM policy in the cluster keeps events longer than this program does, or deletes them in another way; setup does not shorten retention "+
			"unless told to with --allow-shorter-retention")
}

// deletion is the part of a policy that says when and how indices are deleted.
func deletion(policy map[string]any) map[string]any {
	phases, _ := policy["phases"].(map[string]any)
	phase, ok := phases["delete"]
	if !ok {
		return map[string]any{"phases": map[string]any{}}
	}
	return map[string]any{"phases": map[string]any{"delete": phase}}
}

// lengthens says that the one difference of two delete phases is that ours keeps longer.
func lengthens(d Difference) bool {
	if d.Path != "phases.delete.min_age" {
		return false
	}
	if d.Have == "" {
		return true // at once
	}
	have, ok := parseSpan(unquoted(d.Have))
	want, known := parseSpan(unquoted(d.Want))
	return ok && known && have <= want
}
