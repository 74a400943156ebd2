package api

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/audittrail/audittrail/audit"
)

// reminderInput is the body of POST and PUT.
type reminderInput struct {
	Name       string           `json:"name"`
	Actions    []string         `json:"actions"`
	Channels   []audit.Channel  `json:"channels"`
	Recipients []recipientInput `json:"recipients"`
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

// reminderView is a reminder as clients see it.
type reminderView struct {
	audit.Reminder
	// ChannelStates says of each chosen channel whether it is configured.
	ChannelStates []ChannelState `json:"channel_states"`
	// Warning says what went wrong beside the request, which is done all the same.
	Warning string `json:"warning,omitempty"`
}

func (s *Server) viewReminder(m audit.Reminder) reminderView {
	return reminderView{Reminder: m, ChannelStates: s.channelStates(m.Channels)}
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
// what others do.
func (s *Server) checkReminder(r *request, m audit.Reminder) error {
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

// reminder returns the reminder of the path, where the caller may see it: a contact_admin sees those of their own, as others may see more events.
func (s *Server) reminder(r *request) (audit.Reminder, error) {
	id, err := r.param("id")
	if err != nil {
		return audit.Reminder{}, err
	}
	m, err := s.cfg.Reminders.Reminder(r.ctx, r.by.Organization, id)
	if err == nil && !r.by.Reaches(audit.ScopeReminders, m.CreatedBy) {
		err = audit.NotFound("reminder")
	}
	return m, err
}

// listReminders is GET /v1/reminders.
func (s *Server) listReminders(r *request) error {
	reminders, err := s.cfg.Reminders.Reminders(r.ctx, r.by.Organization)
	if err != nil {
		return err
	}
	if err := s.recordView(r.ctx, r, remindersListed(r.by), ""); err != nil {
		return err
	}
	views := []reminderView{}
	for _, m := range reminders {
		if r.by.Reaches(audit.ScopeReminders, m.CreatedBy) {
			views = append(views, s.viewReminder(m))
		}
	}
	return r.json(http.StatusOK, map[string]any{"reminders": views})
}

// getReminder is GET /v1/reminders/{id}.
func (s *Server) getReminder(r *request) error {
	m, err := s.reminder(r)
	if err != nil {
		return err
	}
	if err := s.recordView(r.ctx, r, reminderEntry(r.by, m, audit.ActionReminderViewed, "looked at"), m.ID); err != nil {
		return err
	}
	setVersion(r, m.Version)
	return r.json(http.StatusOK, s.viewReminder(m))
}

// createReminder is POST /v1/reminders.
func (s *Server) createReminder(r *request) error {
	var in reminderInput
	if err := r.readJSON(&in); err != nil {
		return err
	}
	if in.Version != nil && *in.Version != 0 {
		return audit.InvalidField("version", "must be left out, or 0, for a new reminder")
	}
	now := s.now().UTC().Truncate(audit.TimePrecision)
	m := in.apply(audit.Reminder{ID: newID(), Organization: r.by.Organization, CreatedBy: r.by.Member, CreatedAt: now, UpdatedAt: now})
	if err := s.checkReminder(r, m); err != nil {
		return err
	}
	existing, err := s.cfg.Reminders.Reminders(r.ctx, r.by.Organization)
	if err != nil {
		return err
	}
	if len(existing) >= audit.MaxReminders {
		return audit.Errorf(audit.CodeConflict, "the organization has %d reminders, and more are not allowed; delete one first", len(existing))
	}
	r.c.Response().Header.Set(fiber.HeaderLocation, "/v1/reminders/"+m.ID)
	return s.storeReminder(r, m, audit.ActionReminderCreated, "created", http.StatusCreated)
}

// putReminder is PUT /v1/reminders/{id}.
func (s *Server) putReminder(r *request) error {
	before, err := s.reminder(r)
	if err != nil {
		return err
	}
	var in reminderInput
	if err := r.readJSON(&in); err != nil {
		return err
	}
	version, err := r.version(in.Version)
	if err != nil {
		return err
	}
	if err := checkVersion("reminder", version, before.Version); err != nil {
		return err
	}
	m := in.apply(before)
	m.UpdatedAt = s.now().UTC().Truncate(audit.TimePrecision)
	if err := s.checkReminder(r, m); err != nil {
		return err
	}
	return s.storeReminder(r, m, audit.ActionReminderUpdated, "changed", http.StatusOK)
}

// storeReminder records and stores the reminder, tells the dispatcher, and answers with it.
func (s *Server) storeReminder(r *request, m audit.Reminder, action, verb string, status int) error {
	err := s.recorded(r, r.by, reminderEntry(r.by, m, action, verb), func() (err error) {
		m, err = s.cfg.Reminders.PutReminder(r.ctx, m)
		return err
	})
	if err != nil {
		return err
	}
	view := s.viewReminder(m)
	view.Warning = s.reminderChanged(r, m)
	setVersion(r, m.Version)
	return r.json(status, view)
}

func remindersListed(by audit.Principal) entry {
	return entry{action: audit.ActionRemindersListed, message: by.MemberName + " listed reminders"}
}

func reminderEntry(by audit.Principal, m audit.Reminder, action, verb string) entry {
	return entry{action: action, message: by.MemberName + " " + verb + " the reminder " + m.Name,
		targets: []audit.Target{{Type: "reminder", ID: m.ID, Name: m.Name}}}
}

// reminderChanged tells the dispatcher. It reads the settings again by itself, only later: not being told is no error.
func (s *Server) reminderChanged(r *request, m audit.Reminder) (warning string) {
	err := s.cfg.Jobs.ReminderChanged(r.ctx, m.Organization, m.ID)
	if err == nil {
		return ""
	}
	s.log.Warn("api: dispatcher not told of a reminder", slog.String("request_id", r.id), slog.String("organization", m.Organization),
		slog.String("reminder", m.ID), slog.Any("error", err))
	return "the change is stored; it takes effect when the dispatcher can be reached"
}

// deleteReminder is DELETE /v1/reminders/{id}.
func (s *Server) deleteReminder(r *request) error {
	m, err := s.reminder(r)
	if err != nil {
		return err
	}
	if err := s.recorded(r, r.by, reminderEntry(r.by, m, audit.ActionReminderDeleted, "deleted"), func() error {
		return s.cfg.Reminders.DeleteReminder(r.ctx, m.Organization, m.ID)
	}); err != nil {
		return err
	}
	s.reminderChanged(r, m)
	return r.noContent()
}

// testReminder is POST /v1/reminders/{id}/test: a message to the caller by every channel of the reminder.
func (s *Server) testReminder(r *request) error {
	m, err := s.reminder(r)
	if err != nil {
		return err
	}
	var digest string
	if err := s.recorded(r, r.by, reminderEntry(r.by, m, audit.ActionReminderTested, "tested"), func() (err error) {
		digest, err = s.cfg.Jobs.TestReminder(r.ctx, m.Organization, m.ID, r.by.Member)
		return err
	}); err != nil {
		return err
	}
	return r.json(http.StatusAccepted, map[string]any{"digest": digest, "member": r.by.Member,
		"channel_states": s.channelStates(m.Channels), "deliveries_url": s.cfg.PublicURL + "/v1/reminders/" + url.PathEscape(m.ID) + "/deliveries"})
}

// listDeliveries is GET /v1/reminders/{id}/deliveries.
func (s *Server) listDeliveries(r *request) error {
	limit, limitErr := r.limit(audit.DefaultPage, audit.MaxPage)
	after, afterErr := r.single("cursor")
	if err := joinFields(limitErr, afterErr); err != nil {
		return err
	}
	m, err := s.reminder(r)
	if err != nil {
		return err
	}
	deliveries, err := s.cfg.Deliveries.Deliveries(r.ctx, r.by.Organization, m.ID, after, limit)
	if err != nil {
		return cursorError(err)
	}
	if err := s.recordDeliveries(r, m, limit == 1 && after == ""); err != nil {
		return err
	}
	return r.json(http.StatusOK, list("deliveries", deliveries, len(deliveries) == limit, func() string { return deliveries[len(deliveries)-1].ID }))
}

// recordDeliveries records a look at what a reminder sent. The newest delivery alone is what pages show beside a reminder: it is part of looking at that
// reminder, or at the list of them.
func (s *Server) recordDeliveries(r *request, m audit.Reminder, newestAlone bool) error {
	switch {
	case !newestAlone:
		return s.recordView(r.ctx, r, reminderEntry(r.by, m, audit.ActionDeliveriesListed, "looked at the deliveries of"), m.ID)
	case s.views.goesOn(viewOf(r.by, audit.ActionReminderViewed, m.ID), s.now()):
		return nil
	default:
		return s.recordView(r.ctx, r, remindersListed(r.by), "")
	}
}
