package api

import (
	"context"
	"log/slog"

	"github.com/audittrail/audittrail/audit"
)

const (
	// memberBatch is how many members are recorded and then written at a time.
	memberBatch = 500
	// maxOvertaken is how often a change is tried anew where others were first.
	maxOvertaken = 5
)

// createGroup makes a group. Its members come first: where a crash cuts that short there is no group yet, and the request can be sent again.
func (s *Server) createGroup(r *request, d *groupDraft) (audit.Group, error) {
	g := &d.group
	g.ID, g.Organization = newID(), r.by.Organization
	g.CreatedAt = s.now().UTC().Truncate(audit.TimePrecision)
	g.UpdatedAt = g.CreatedAt
	if err := s.checkGroup(r, *g); err != nil {
		return audit.Group{}, err
	}
	plan, err := s.planGroup(r, d)
	if err != nil {
		return audit.Group{}, err
	}
	var made audit.Group
	err = s.recorded(r, r.by, groupEntry(r.by, audit.ActionDepartmentCreated, " created the department ", audit.Group{}, *g, plan.counts()), func() (err error) {
		if err = s.changeMembers(r, *g, plan); err == nil {
			made, err = s.cfg.Directory.PutGroup(r.ctx, *g)
		}
		return err
	})
	return made, err
}

// changeGroup puts what the draft makes of a group in its place, and then of its members. The group comes first, under both names where it gets a new one,
// so that who reads it sees the same members however far the change has come, and whoever changes it next ends what a crash has cut short.
func (s *Server) changeGroup(r *request, before audit.Group, d *groupDraft) (audit.Group, error) {
	if before.Former != "" {
		var err error
		if before, err = s.settleGroup(r, before); err != nil {
			return audit.Group{}, err
		}
		d.group.Former, d.group.Version = "", before.Version
	}
	if d.group.Name != before.Name {
		d.group.Former = before.Name
	}
	if err := s.checkGroup(r, d.group); err != nil {
		return audit.Group{}, err
	}
	plan, err := s.planGroup(r, d)
	if err != nil {
		return audit.Group{}, err
	}
	after := before
	err = s.recorded(r, r.by, groupEntry(r.by, audit.ActionDepartmentUpdated, " changed the department ", before, d.group, plan.counts()), func() (err error) {
		if len(plan.steps) == 0 && d.group == before {
			return nil
		}
		d.group.UpdatedAt = s.now().UTC().Truncate(audit.TimePrecision)
		if after, err = s.cfg.Directory.PutGroup(r.ctx, d.group); err == nil {
			err = s.changeMembers(r, d.group, plan)
		}
		if err == nil && after.Former != "" {
			after, err = s.dropFormer(r, after)
		}
		return err
	})
	return after, err
}

// settleGroup ends a change of name that was cut short.
func (s *Server) settleGroup(r *request, g audit.Group) (audit.Group, error) {
	plan, err := s.planGroup(r, &groupDraft{group: g})
	if err == nil {
		err = s.changeMembers(r, g, plan)
	}
	if err != nil {
		return audit.Group{}, err
	}
	return s.dropFormer(r, g)
}

// dropFormer forgets the former name of a group, which no member has any more.
func (s *Server) dropFormer(r *request, g audit.Group) (audit.Group, error) {
	g.Former = ""
	return s.cfg.Directory.PutGroup(r.ctx, g)
}

// deleteGroup deletes a group. Its members come first, so that the request can be sent again until they all are out of it.
func (s *Server) deleteGroup(r *request, g audit.Group) error {
	plan, err := s.planGroup(r, &groupDraft{group: g, all: true})
	if err != nil {
		return err
	}
	return s.recorded(r, r.by, groupEntry(r.by, audit.ActionDepartmentDeleted, " deleted the department ", g, audit.Group{ID: g.ID}, plan.counts()), func() error {
		if err := s.changeMembers(r, g, plan); err != nil {
			return err
		}
		return s.cfg.Directory.DeleteGroup(r.ctx, g.Organization, g.ID)
	})
}

// checkGroup refuses a group that cannot be kept, or whose name is another's.
func (s *Server) checkGroup(r *request, g audit.Group) error {
	if err := g.Validate(); err != nil {
		return err
	}
	holders, err := s.cfg.Directory.Groups(r.ctx, g.Organization, audit.GroupFilter{Names: []string{g.Name}, Limit: 2})
	for _, holder := range holders {
		if holder.ID != g.ID {
			return &audit.Error{Code: audit.CodeConflict, Message: "another group has it", Fields: []audit.FieldError{{Field: "name", Message: "is another group's"}}}
		}
	}
	return err
}

func groupEntry(by audit.Principal, action, verb string, before, after audit.Group, counts map[string]string) entry {
	e := entry{action: action, metadata: counts, targets: []audit.Target{{Type: "department", ID: after.ID, Name: after.Name}}}
	if after.Name == "" {
		e.targets[0].Name = before.Name
	}
	e.message = by.MemberName + verb + e.targets[0].Name
	for _, c := range []audit.Change{{Field: "name", Old: before.Name, New: after.Name}, {Field: "external_id", Old: before.ExternalID, New: after.ExternalID}} {
		if c.Old != c.New {
			e.changes = append(e.changes, c)
		}
	}
	return e
}

// changeMembers does the steps of a plan: each is on record before it is done, and what is done already is none, so that doing it all again ends what was
// cut short.
func (s *Server) changeMembers(r *request, g audit.Group, plan *groupPlan) error {
	for from := 0; from < len(plan.steps); from += memberBatch {
		steps := plan.steps[from:min(from+memberBatch, len(plan.steps))]
		for tries := 0; len(steps) > 0; tries++ {
			if tries == maxOvertaken {
				return audit.Errorf(audit.CodeConflict, "members: %s and %d more were changed by others at the same time; send the request again", steps[0].before.ID, len(steps)-1)
			}
			overtaken, err := s.putSteps(r, g, steps)
			if err != nil {
				return err
			}
			if steps, err = s.stepsAnew(r, plan.draft, overtaken); err != nil {
				return err
			}
		}
	}
	return nil
}

// putSteps records steps and does them. It returns the ids of the members who were changed by somebody else meanwhile.
func (s *Server) putSteps(r *request, g audit.Group, steps []memberStep) (overtaken []string, err error) {
	members := make([]audit.Member, len(steps))
	for i, step := range steps {
		members[i] = step.after
		members[i].UpdatedAt = s.now().UTC().Truncate(audit.TimePrecision)
	}
	if err := s.recordSteps(r.ctx, r, g, steps, audit.OutcomeSuccess); err != nil {
		return nil, err
	}
	outcomes, err := s.cfg.Directory.PutMembers(r.ctx, r.by.Organization, members)
	failed := steps
	if err == nil {
		failed = nil
		for i, outcome := range outcomes {
			switch {
			case outcome == nil:
				continue
			case audit.CodeOf(outcome) == audit.CodeConflict:
				overtaken = append(overtaken, members[i].ID)
			default:
				err = outcome
			}
			failed = append(failed, steps[i])
		}
	}
	if len(failed) > 0 {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), failureTimeout)
		defer cancel()
		if again := s.recordSteps(ctx, r, g, failed, audit.OutcomeFailure); again != nil {
			s.log.Error("api: failure of recorded changes not recorded", slog.String("request_id", r.id), slog.String("action", audit.ActionMemberUpdated), slog.Any("error", again))
		}
	}
	return overtaken, err
}

// recordSteps records the changes of many members as one commit.
func (s *Server) recordSteps(ctx context.Context, r *request, g audit.Group, steps []memberStep, outcome audit.Outcome) error {
	events := make([]*audit.Event, len(steps))
	for i, step := range steps {
		e := memberEntry(r.by, step.before, step.after)
		e.metadata = map[string]string{"by": "scim", "department": g.ID}
		if outcome == audit.OutcomeFailure {
			e.message += ", which failed"
		}
		events[i] = s.ownEvent(r.origin(), r.by, e, outcome)
		if err := events[i].Validate(s.now()); err != nil {
			return audit.WithCause(audit.CodeInternal, err, "the use of the trail could not be recorded, so nothing was done")
		}
	}
	_, err := s.cfg.Ingester.Append(ctx, r.by.Organization, events)
	return err
}

// stepsAnew are the steps of members as they are now.
func (s *Server) stepsAnew(r *request, d *groupDraft, ids []string) (steps []memberStep, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	members, err := s.cfg.Directory.Members(r.ctx, r.by.Organization, audit.MemberFilter{IDs: ids, Present: true, Limit: audit.MaxPage})
	plan := groupPlan{draft: d}
	for _, m := range members {
		if err == nil {
			err = plan.add(r.by, m)
		}
	}
	return plan.steps, err
}
