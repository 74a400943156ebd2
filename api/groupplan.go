package api

import (
	"slices"
	"strconv"

	"github.com/audittrail/audittrail/audit"
)

// groupPlan is what has to be done to the members of a group.
type groupPlan struct {
	draft *groupDraft
	steps []memberStep
	// joining and leaving count who comes and goes, size is how many there are then.
	joining, leaving, size int
}

// memberStep is a change of one member.
type memberStep struct{ before, after audit.Member }

// step says what a group makes of a member, and whether that is a change.
func (d *groupDraft) step(m audit.Member) (memberStep, bool) {
	in := d.group.Has(m) && !d.all
	if wanted, named := d.wanted[m.ID]; named {
		in = wanted
	}
	after := d.group.Placed(m, in)
	return memberStep{m, after}, !slices.Equal(m.Departments, after.Departments) || m.Provisioned != after.Provisioned
}

// planGroup finds out what has to be done so that the members are as the draft says, and refuses what cannot or may not be. It looks at all members
// only where that is about all of them, and else at those who are named.
func (s *Server) planGroup(r *request, d *groupDraft) (*groupPlan, error) {
	p := &groupPlan{draft: d}
	touched := map[string]audit.Member{}
	if d.all || d.group.Former != "" {
		err := s.eachOfDepartments(r, d.group.Departments(), func(m audit.Member) error {
			if touched[m.ID] = m; len(touched) > audit.MaxGroupMembers {
				return tooManyMembers("has more than")
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		p.size = len(touched)
	} else {
		var err error
		if p.size, err = s.cfg.Directory.CountMembers(r.ctx, r.by.Organization, audit.MemberFilter{Departments: d.group.Departments(), Present: true}); err != nil {
			return nil, err
		}
	}
	if err := s.addNamed(r, d, touched); err != nil {
		return nil, err
	}
	for _, id := range sorted(touched) {
		if err := p.add(r.by, touched[id]); err != nil {
			return nil, err
		}
	}
	if p.size += p.joining - p.leaving; p.size > audit.MaxGroupMembers && p.joining > 0 {
		return nil, tooManyMembers("would have more than")
	}
	return p, nil
}

func tooManyMembers(verb string) error {
	return audit.InvalidField("members", "the group %s %d, which is the most that is changed as a group", verb, audit.MaxGroupMembers)
}

// eachOfDepartments visits the members of departments who are not deleted, by id.
func (s *Server) eachOfDepartments(r *request, names []string, visit func(audit.Member) error) error {
	filter := audit.MemberFilter{Departments: names, Present: true, Limit: audit.MaxPage}
	for {
		members, err := s.cfg.Directory.Members(r.ctx, r.by.Organization, filter)
		if err != nil {
			return err
		}
		for _, m := range members {
			if err := visit(m); err != nil {
				return err
			}
		}
		if len(members) < filter.Limit {
			return nil
		}
		filter.After = members[len(members)-1].ID
	}
}

// addNamed adds those whom the draft names. Who is not there cannot be added, and need not be removed.
func (s *Server) addNamed(r *request, d *groupDraft, touched map[string]audit.Member) error {
	var ids []string
	for id := range d.wanted {
		if _, there := touched[id]; !there {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	for chunk := range slices.Chunk(ids, audit.MaxPage) {
		members, err := s.cfg.Directory.Members(r.ctx, r.by.Organization, audit.MemberFilter{IDs: chunk, Present: true, Limit: audit.MaxPage})
		if err != nil {
			return err
		}
		for _, m := range members {
			touched[m.ID] = m
		}
	}
	for _, id := range ids {
		if _, there := touched[id]; !there && d.wanted[id] {
			return audit.InvalidField("members", "no user has the id %q", clip(id))
		}
	}
	return nil
}

// add adds the change of a member, where there is one.
func (p *groupPlan) add(by audit.Principal, m audit.Member) error {
	step, changes := p.draft.step(m)
	if !changes {
		return nil
	}
	if len(step.after.Departments) > audit.MaxDepartments && len(step.after.Departments) > len(m.Departments) {
		return audit.InvalidField("members", "%s would be in %d departments; at most %d are allowed", m.ID, len(step.after.Departments), audit.MaxDepartments)
	}
	if err := mayChangeRole(by, m, step.after); err != nil {
		return audit.Errorf(audit.CodeForbidden, "members: a %s cannot change the departments of %s, who has a mightier role", by.Role, m.ID)
	}
	switch was, is := p.draft.group.Has(m), p.draft.group.Has(step.after); {
	case is && !was:
		p.joining++
	case was && !is:
		p.leaving++
	}
	p.steps = append(p.steps, step)
	return nil
}

// counts say of a plan who comes and goes, for the record.
func (p *groupPlan) counts() map[string]string {
	counts := map[string]string{"by": "scim"}
	for name, n := range map[string]int{"members_added": p.joining, "members_removed": p.leaving} {
		if n > 0 {
			counts[name] = strconv.Itoa(n)
		}
	}
	return counts
}
