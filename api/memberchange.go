package api

import (
	"slices"
	"strings"

	"github.com/audittrail/audittrail/audit"
)

// changeMember puts after in the place of before, the zero Member where there is none. It is the one way in which requests change the directory, whichever route
// they come by: who may change whom, the record of it and what follows from it are the same for all.
func (s *Server) changeMember(r *request, before, after audit.Member) (audit.Member, error) {
	if before.Erased() {
		return audit.Member{}, audit.ErrErased()
	}
	after.UpdatedAt = s.now().UTC().Truncate(audit.TimePrecision)
	if err := after.Validate(); err != nil {
		return audit.Member{}, err
	}
	if err := mayChangeRole(r.by, before, after); err != nil {
		return audit.Member{}, err
	}
	if activeCreator(before) && !activeCreator(after) {
		if err := s.keepCreator(r.ctx, before); err != nil {
			return audit.Member{}, err
		}
	}
	if after.Status == audit.MemberDeleted && before.Status != audit.MemberDeleted {
		// First, so that what fails is tried again with the rest.
		if err := s.strip(r, before); err != nil {
			return audit.Member{}, err
		}
	}
	err := s.recorded(r, r.by, memberEntry(r.by, before, after),
		func() (err error) { after, err = s.cfg.Directory.PutMember(r.ctx, after); return err })
	if err != nil {
		return audit.Member{}, err
	}
	s.memberChanged(r, after)
	return after, nil
}

func memberEntry(by audit.Principal, before, after audit.Member) entry {
	return entry{action: audit.ActionMemberUpdated, message: by.MemberName + " changed the directory entry of " + after.Name,
		targets: []audit.Target{{Type: "member", ID: after.ID, Name: after.Name}}, changes: memberChanges(before, after)}
}

// settleProvisioned keeps what an identity provider said of a member in line with the member: a name or a department that was changed elsewhere is no longer its.
func settleProvisioned(before audit.Member, after *audit.Member) {
	if before.Name != after.Name && before.Provisioned.GivenName == after.Provisioned.GivenName && before.Provisioned.FamilyName == after.Provisioned.FamilyName {
		after.Provisioned.GivenName, after.Provisioned.FamilyName = "", ""
	}
	if !slices.Contains(after.Departments, after.Provisioned.Department) {
		after.Provisioned.Department = ""
	}
}

// strip takes from a member who is about to be deleted what acts or waits on their behalf: keys, and a place in reminders, other
// addresses. Sessions end once
// the member is gone.
func (s *Server) strip(r *request, member audit.Member) error {
	if s.cfg.Keys != nil {
		if err := s.revokeKeysOf(r, member); err != nil {
			return err
		}
	}
	if s.cfg.Reminders != nil {
		if err := s.leaveReminders(r, member); err != nil {
			return err
		}
	}
	if s.cfg.Addresses != nil {
		return s.deleteAddressesOf(r, member)
	}
	return nil
}

func (s *Server) revokeKeysOf(r *request, member audit.Member) error {
	keys, err := s.cfg.Keys.Keys(r.ctx, member.Organization)
	if err != nil {
		return err
	}
	now := s.now().UTC().Truncate(audit.TimePrecision)
	for _, key := range keys {
		if key.Member != member.ID || !key.Works(now) {
			continue
		}
		if err := s.recorded(r, r.by, keyEntry(r.by, key, audit.ActionKeyRevoked, "revoked"), func() error {
			return s.cfg.Keys.RevokeKey(r.ctx, key.Organization, key.ID, now)
		}); err != nil {
			return err
		}
	}
	return nil
}

// leaveReminders deletes the reminders that are the member's own, or would have no recipient left, and takes the member out of all others.
func (s *Server) leaveReminders(r *request, member audit.Member) error {
	reminders, err := s.cfg.Reminders.Reminders(r.ctx, member.Organization)
	if err != nil {
		return err
	}
	isMember := func(recipient audit.Recipient) bool { return recipient.Member == member.ID }
	for _, m := range reminders {
		if m.CreatedBy != member.ID && !slices.ContainsFunc(m.Recipients, isMember) {
			continue
		}
		rest := slices.DeleteFunc(slices.Clone(m.Recipients), isMember)
		if m.CreatedBy == member.ID || len(rest) == 0 {
			err = s.recorded(r, r.by, reminderEntry(r.by, m, audit.ActionReminderDeleted, "deleted"), func() error {
				return ignoreNotFound(s.cfg.Reminders.DeleteReminder(r.ctx, m.Organization, m.ID))
			})
		} else {
			m.Recipients, m.UpdatedAt = rest, s.now().UTC().Truncate(audit.TimePrecision)
			err = s.recorded(r, r.by, reminderEntry(r.by, m, audit.ActionReminderUpdated, "changed"), func() error {
				_, err := s.cfg.Reminders.PutReminder(r.ctx, m)
				return err
			})
		}
		if err != nil {
			return err
		}
		s.reminderChanged(r, m)
	}
	return nil
}

func ignoreNotFound(err error) error {
	if audit.CodeOf(err) == audit.CodeNotFound {
		return nil
	}
	return err
}

func memberChanges(before, after audit.Member) []audit.Change {
	var changes []audit.Change
	add := func(field, old, now string) {
		if old != now {
			changes = append(changes, audit.Change{Field: field, Old: cut(old, audit.MaxValueBytes), New: cut(now, audit.MaxValueBytes)})
		}
	}
	add("name", before.Name, after.Name)
	add("avatar", before.Avatar, after.Avatar)
	add("email", before.Email, after.Email)
	add("phone", before.Phone, after.Phone)
	add("departments", strings.Join(before.Departments, ", "), strings.Join(after.Departments, ", "))
	add("role", string(before.Role), string(after.Role))
	add("status", string(before.Status), string(after.Status))
	add("user_name", before.UserName, after.UserName)
	add("external_id", before.ExternalID, after.ExternalID)
	return changes
}
