package api

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/audittrail/audittrail/audit"
)

//go:embed unsubscribe.html
var unsubscribeHTML string

// unsubscribePage is all that a browser sees, in the console's look, as far as one file goes. Nothing is changed by looking at it: mail scanners follow links.
var (
	unsubscribePage   = template.Must(template.New("unsubscribe").Parse(unsubscribeHTML))
	unsubscribePolicy = strings.Replace(stylePolicy([]byte(unsubscribeHTML)), "form-action 'none'", "form-action 'self'", 1)
)

type pageView struct{ Title, Text, Button string }

var channelNames = map[audit.Channel]string{audit.ChannelInbox: "system messages", audit.ChannelEmail: "emails", audit.ChannelSMS: "text messages"}

// optOut is what an unsubscribe link stands for.
type optOut struct {
	organization, reminder string
	// member is who opts out, or address is the id of the other address that does.
	member, address string
	channel         audit.Channel
}

func (s *Server) optOut(r *request) (optOut, error) {
	key, err := s.linkKey.get(r.ctx, s.cfg.Secrets, UnsubscribeSecret)
	if err != nil {
		return optOut{}, err
	}
	var o optOut
	token := r.c.Params("token")
	if o.organization, o.reminder, o.member, o.channel, err = audit.ParseUnsubscribe(key, token); err == nil {
		return o, nil
	}
	if o.organization, o.reminder, o.address, o.channel, err = audit.ParseAddressUnsubscribe(key, token); err == nil {
		return o, nil
	}
	return optOut{}, audit.NotFound("link")
}

// showUnsubscribe is GET /v1/unsubscribe/{token}.
func (s *Server) showUnsubscribe(r *request) error {
	o, err := s.optOut(r)
	if audit.CodeOf(err) == audit.CodeNotFound {
		return r.page(http.StatusNotFound, pageView{Title: "This link is not valid", Text: "Use the whole link of the message."})
	}
	if err != nil {
		return err
	}
	return r.page(http.StatusOK, pageView{Title: "Unsubscribe", Text: "Stop " + channelNames[o.channel] + " of this reminder to you?", Button: "Unsubscribe"})
}

// unsubscribe is POST /v1/unsubscribe/{token}: RFC 8058's one click, and the button of the page. It asks for no key, as mail programs have none.
func (s *Server) unsubscribe(r *request) error {
	o, err := s.optOut(r)
	if err != nil {
		return err
	}
	if err := s.storeOptOut(r, o); err != nil && audit.CodeOf(err) != audit.CodeNotFound {
		return err // a reminder or recipient that is gone sends nothing any more: that is what was asked for
	}
	return r.page(http.StatusOK, pageView{Title: "Unsubscribed", Text: "You will get no more " + channelNames[o.channel] + " of this reminder."})
}

func (s *Server) storeOptOut(r *request, o optOut) error {
	m, done, err := s.withOptOut(r, o)
	if err != nil || done {
		return err
	}
	by := audit.Principal{Organization: o.organization, Member: o.member}
	if member, err := s.cfg.Directory.Member(r.ctx, o.organization, o.member); err == nil {
		by.MemberName = member.Name
	}
	trail := reminderEntry(by, m, audit.ActionReminderUnsubscribed, "unsubscribed from")
	trail.metadata = map[string]string{"channel": string(o.channel)}
	if o.address != "" {
		trail.actor = audit.Actor{ID: o.address, Name: "an other address", Type: "address"}
		trail.message = "An other address unsubscribed from the reminder " + m.Name
	}
	err = s.recorded(r, by, trail, func() error {
		for try := 1; ; try++ {
			_, err := s.cfg.Reminders.PutReminder(r.ctx, m)
			if audit.CodeOf(err) != audit.CodeConflict || try == conflictTries {
				return err
			}
			if m, done, err = s.withOptOut(r, o); err != nil || done {
				return err
			}
		}
	})
	if err == nil {
		s.reminderChanged(r, m)
	}
	return err
}

// withOptOut returns the reminder with the opt-out in it; done where it is stored already.
func (s *Server) withOptOut(r *request, o optOut) (m audit.Reminder, done bool, err error) {
	m, err = s.cfg.Reminders.Reminder(r.ctx, o.organization, o.reminder)
	if err != nil {
		return m, false, err
	}
	if o.address != "" {
		return s.withAddressOptOut(m, o.address)
	}
	i := slices.IndexFunc(m.Recipients, func(recipient audit.Recipient) bool { return recipient.Member == o.member })
	if i < 0 {
		return m, false, audit.NotFound("recipient")
	}
	if slices.Contains(m.Recipients[i].Unsubscribed, o.channel) {
		return m, true, nil
	}
	m.Recipients = slices.Clone(m.Recipients)
	m.Recipients[i].Unsubscribed = append(slices.Clone(m.Recipients[i].Unsubscribed), o.channel)
	m.UpdatedAt = s.now().UTC().Truncate(audit.TimePrecision)
	return m, false, nil
}

func (s *Server) withAddressOptOut(m audit.Reminder, address string) (_ audit.Reminder, done bool, err error) {
	switch {
	case !slices.Contains(m.Addresses, address):
		return m, false, audit.NotFound("recipient")
	case slices.Contains(m.Unsubscribed, address):
		return m, true, nil
	}
	m.Unsubscribed = append(slices.Clone(m.Unsubscribed), address)
	m.UpdatedAt = s.now().UTC().Truncate(audit.TimePrecision)
	return m, false, nil
}

// page answers with a page for people.
func (r *request) page(status int, view pageView) error {
	var b bytes.Buffer
	if err := unsubscribePage.Execute(&b, view); err != nil {
		return err
	}
	r.c.Response().Header.Set(fiber.HeaderContentSecurityPolicy, unsubscribePolicy)
	return r.body(status, "text/html; charset=utf-8", b.Bytes())
}

// smsStatuses says what Twilio's final statuses mean; the others say nothing that the delivery does not.
var smsStatuses = map[string]audit.DeliveryStatus{
	"delivered": audit.DeliveryDelivered, "read": audit.DeliveryDelivered,
	"undelivered": audit.DeliveryFailed, "failed": audit.DeliveryFailed, "canceled": audit.DeliveryFailed,
}

// twilioCallback is POST /v1/callbacks/twilio/{organization}/{delivery}. Twilio's signature is what it is trusted by.
func (s *Server) twilioCallback(r *request) error {
	organization, orgErr := r.param("organization")
	id, idErr := r.param("delivery")
	if s.cfg.Twilio == nil || orgErr != nil || idErr != nil || audit.ValidateOrganizationID(organization) != nil {
		return audit.NotFound("delivery")
	}
	form, err := r.form()
	if err != nil {
		return err
	}
	address := s.cfg.PublicURL + string(r.c.Request().Header.RequestURI()) // as it came: the signature is over that
	if err := s.cfg.Twilio.VerifyCallback(address, form, string(r.c.Request().Header.Peek("X-Twilio-Signature"))); err != nil {
		return err
	}
	delivery, err := s.cfg.Deliveries.Delivery(r.ctx, organization, id)
	if err != nil {
		return err
	}
	if delivery.Channel != audit.ChannelSMS || delivery.Provider != "" && delivery.Provider != form.Get("MessageSid") {
		return audit.NotFound("delivery")
	}
	status, final := smsStatuses[strings.ToLower(form.Get("MessageStatus"))]
	if !final || delivery.Status == audit.DeliveryDelivered || delivery.Status == audit.DeliveryFailed {
		return r.noContent()
	}
	delivery.Status, delivery.Provider, delivery.UpdatedAt = status, form.Get("MessageSid"), s.now().UTC().Truncate(audit.TimePrecision)
	if status == audit.DeliveryFailed {
		delivery.Error = "Twilio reported " + clip(form.Get("MessageStatus"))
		if code := form.Get("ErrorCode"); code != "" {
			delivery.Error += ", error " + clip(code)
		}
	}
	if err := s.cfg.Deliveries.SaveDelivery(r.ctx, delivery); err != nil {
		return err
	}
	return r.noContent()
}
