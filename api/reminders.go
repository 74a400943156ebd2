package api

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"

	"github.com/gofiber/fiber/v2"

	"github.com/audittrail/audittrail/audit"
)

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
	if err := s.checkReminder(r, m, audit.Reminder{}); err != nil {
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
	if err := s.checkReminder(r, m, before); err != nil {
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
	if err := s.hideAddresses(r.ctx, r.by.Organization, deliveries); err != nil {
		return err
	}
	if err := s.recordDeliveries(r, m, limit == 1 && after == ""); err != nil {
		return err
	}
	return r.json(http.StatusOK, list("deliveries", deliveries, len(deliveries) == limit, func() string { return deliveries[len(deliveries)-1].ID }))
}

// hideAddresses takes out the addresses, masked as they are, of who was erased, and what a provider said of one.
func (s *Server) hideAddresses(ctx context.Context, organization string, deliveries []audit.Delivery) error {
	if s.cfg.Erasures == nil || len(deliveries) == 0 {
		return nil
	}
	members := make([]string, len(deliveries))
	for i, d := range deliveries {
		members[i] = d.Member
	}
	pseudonyms, err := s.cfg.Erasures.Pseudonyms(ctx, organization, members)
	if err != nil {
		return err
	}
	for i := range deliveries {
		if d := &deliveries[i]; pseudonyms.Of(d.Member) != "" {
			if d.Address = ""; d.Error != "" {
				d.Error = audit.ErasedText
			}
		}
	}
	return nil
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
