package api

import (
	"fmt"
	"slices"
	"strings"

	"github.com/audittrail/audittrail/audit"
)

// reminderInput is the body of POST and PUT.
type reminderInput struct {
	Name       string           `json:"name"`
	Actions    []string         `json:"actions"`
	Channels   []audit.Channel  `json:"channels"`
	Recipients []recipientInput `json:"recipients"`
	Addresses  []string         `json:"addresses"`
	Window     audit.Window     `json:"window"`
	QuietHours *quietHoursInput `json:"quiet_hours"`
	TimeZone   string           `json:"time_zone"`
	Paused     bool             `json:"paused"`
	Version    *int64           `json:"version"`
}

type recipientInput struct {
	Member string `json:"member"`
	// Unsubscribed, where left out, stays as the member chose.
	Unsubscribed *[]audit.Channel `json:"unsubscribed"`
}

type quietHoursInput struct {
	Start string `json:"start"`
	End   string `json:"end"`
}

// apply puts the input over the reminder. What recipients opted out of stays, where the input does not say otherwise.
func (in reminderInput) apply(m audit.Reminder) audit.Reminder {
	optedOut := map[string][]audit.Channel{}
	for _, recipient := range m.Recipients {
		optedOut[recipient.Member] = recipient.Unsubscribed
	}
	m.Name, m.Actions, m.Channels, m.Window, m.TimeZone, m.Paused = in.Name, in.Actions, in.Channels, in.Window, in.TimeZone, in.Paused
	if m.Window == "" {
		m.Window = audit.WindowImmediate
	}
	m.Addresses = in.Addresses
	m.Unsubscribed = slices.DeleteFunc(slices.Clone(m.Unsubscribed), func(id string) bool { return !slices.Contains(in.Addresses, id) })
	m.QuietHours = nil
	if in.QuietHours != nil {
		m.QuietHours = &audit.QuietHours{Start: in.QuietHours.Start, End: in.QuietHours.End}
	}
	m.Recipients = make([]audit.Recipient, len(in.Recipients))
	for i, recipient := range in.Recipients {
		m.Recipients[i] = audit.Recipient{Member: recipient.Member, Unsubscribed: optedOut[recipient.Member]}
		if recipient.Unsubscribed != nil {
			m.Recipients[i].Unsubscribed = *recipient.Unsubscribed
		}
	}
	return m
}

// checkReminder says whether the reminder may be stored: its form, that its actions are known and its recipients active members who see
// what others do, and its other addresses verified. before is the reminder as it was.
func (s *Server) checkReminder(r *request, m, before audit.Reminder) error {
	if err := m.Validate(); err != nil {
		return err
	}
	org, err := s.cfg.Directory.Organization(r.ctx, r.by.Organization)
	if err != nil {
		return err
	}
	fields := unknownActions(org, m.Actions)
	members, err := s.recipientsOf(r, m)
	if err != nil {
		return err
	}
	addresses, err := s.unusableAddresses(r, m.Addresses, before.Addresses)
	if err != nil {
		return err
	}
	fields = append(fields, addresses...)
	for i, recipient := range m.Recipients {
		member, found := members[recipient.Member]
		if !found || !member.Included() {
			fields = append(fields, audit.FieldError{Field: fmt.Sprintf("recipients[%d].member", i),
				Message: fmt.Sprintf("%q is not an active member of the organization", clip(recipient.Member))})
		} else if !member.Principal().SeesOthers() {
			fields = append(fields, audit.FieldError{Field: fmt.Sprintf("recipients[%d].member", i),
				Message: fmt.Sprintf("%q is a %s, who sees nothing of what others do, and so would be sent nothing", clip(recipient.Member), member.Role)})
		}
	}
	if len(fields) > 0 {
		return audit.Invalid(fields...)
	}
	return nil
}

// recipientsOf returns those recipients that the directory has, by id.
func (s *Server) recipientsOf(r *request, m audit.Reminder) (map[string]audit.Member, error) {
	ids := make([]string, len(m.Recipients))
	for i, recipient := range m.Recipients {
		ids[i] = recipient.Member
	}
	members, err := s.cfg.Directory.Members(r.ctx, r.by.Organization, audit.MemberFilter{IDs: ids, Limit: len(ids)}) // Validate wants one recipient at least
	known := make(map[string]audit.Member, len(members))
	for _, member := range members {
		known[member.ID] = member
	}
	return known, err
}

// unknownActions names the actions that are not in the organization's catalogue.
func unknownActions(org audit.Organization, actions []string) (fields []audit.FieldError) {
	known := org.Catalogue()
	for i, action := range actions {
		if strings.HasSuffix(action, ".*") || slices.ContainsFunc(known, func(a audit.ActionInfo) bool { return a.Action == action }) {
			continue
		}
		fields = append(fields, audit.FieldError{Field: fmt.Sprintf("actions[%d]", i),
			Message: fmt.Sprintf("%q is not in the catalogue; GET /v1/actions lists it, and a pattern like contacts.* takes what is not", clip(action))})
	}
	return fields
}
