package elastic

import (
	"context"
	"fmt"
	"strings"

	"github.com/audittrail/audittrail/internal/cluster"
)

// Check makes sure that the cluster has what Setup makes, as it makes it; DryRun and AllowShorterRetention mean nothing here. It changes nothing.
//
// The error says what is missing or different and what to do: CodeConflict where a person has to do something, which nearly always is to run
// `audittrail setup`; CodeUnavailable where the cluster does not answer or does not permit to look.
func Check(ctx context.Context, client *cluster.Client, opts SetupOptions) error {
	s, err := newInstaller(client, opts)
	if err != nil {
		return err
	}
	findings, err := s.check(ctx)
	if err != nil {
		return err
	}
	if len(findings) > 0 {
		return findings[0]
	}
	return nil
}

// check returns everything that is not as it should be, the most important first; an error where that cannot be told.
func (s *installer) check(ctx context.Context) ([]error, error) {
	found, err := s.read(ctx)
	if err != nil {
		return nil, s.named(ctx, err, checkRights)
	}
	return s.findings(found), nil
}

// findings returns what of the state is not as it should be, the most important first.
func (s *installer) findings(found *state) []error {
	if err := s.inTheWay(found); err != nil {
		return []error{err}
	}
	if found.noILM {
		return []error{errNoILM}
	}
	if err := s.newer(found); err != nil {
		return []error{err}
	}
	if missing := missing(s.compare(found)); missing != nil {
		return []error{missing}
	}
	var findings []error
	for _, c := range s.compare(found).Changes {
		findings = append(findings, s.finding(c, found))
	}
	return findings
}

// missing is the error for what setup has not made yet; nil where everything is there.
func missing(plan Plan) error {
	var what []string
	for _, c := range plan.Changes {
		if c.Action == ActionCreate {
			what = append(what, fmt.Sprintf("%s %s", c.Object, c.Name))
		}
	}
	if what == nil {
		return nil
	}
	return conflict(fmt.Errorf("missing: %s", strings.Join(what, ", ")), "Elasticsearch is not set up: run `audittrail setup`")
}

// finding says in the words of an operator what a change to make means.
func (s *installer) finding(c Change, found *state) error {
	details := fmt.Errorf("%s %s: %s", c.Object, c.Name, describe(c.Differences))
	older := func(have, want map[string]any) bool {
		_, h := meta(have)
		_, w := meta(want)
		return h < w
	}
	switch {
	case c.Action == ActionRelease:
		return conflict(details, "an ILM policy manages the data stream, and elastic.lifecycle is temporal: run `audittrail setup`, which takes it out, or set elastic.lifecycle: ilm")
	case c.Action == ActionManage:
		return conflict(details, "the data stream is not under our ILM policy: run `audittrail setup`")
	case c.Action == ActionReplicas:
		return conflict(details, "the data stream does not have as many replicas as elastic.replicas says: run `audittrail setup`")
	case c.Object == ObjectPolicy && !older(found.policy, s.want.policy):
		return conflict(details, "the ILM policy was changed by hand: run `audittrail setup` to put it right")
	case c.Object == ObjectTemplate && !older(found.template, s.want.template):
		return conflict(details, "the index template is not what the settings say, or was changed by hand: run `audittrail setup` to put it right")
	case c.Object == ObjectStream && !older(found.mapping, s.want.template):
		return conflict(details, "the mapping of the write index is not ours any more: run `audittrail setup` to put it right")
	}
	return conflict(details, "an older version of audittrail set this cluster up: run `audittrail setup`")
}

// maxDescribed is how many differences a message names.
const maxDescribed = 5

func describe(list []Difference) string {
	var texts []string
	for i, d := range list {
		if i == maxDescribed {
			texts = append(texts, fmt.Sprintf("and %d more (`audittrail setup --dry-run` shows them)", len(list)-i))
			break
		}
		texts = append(texts, d.String())
	}
	return strings.Join(texts, "; ")
}

// unquoted reads a text back out of a Difference.
func unquoted(text string) string { return strings.Trim(text, `"`) }
