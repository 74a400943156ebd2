package app

import (
	"errors"
	"time"

	"github.com/audittrail/audittrail/activities"
	"github.com/audittrail/audittrail/api"
	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/config"
	"github.com/audittrail/audittrail/notify"
)

// channels are the ways on which reminders leave.
type channels struct {
	sms     *notify.SMS // nil: off
	senders map[audit.Channel]activities.Sender
	codes   map[audit.AddressKind]activities.CodeSender
	states  []notify.State
}

// newChannels makes mail and SMS of the settings: every mistake in them is in the error, and what is not configured is off.
func newChannels(cfg *config.Config, clock func() time.Time) (channels, error) {
	c := channels{senders: make(map[audit.Channel]activities.Sender), codes: make(map[audit.AddressKind]activities.CodeSender)}
	email, emailState, emailErr := notify.NewEmail(notify.EmailConfig{
		Host: cfg.Email.Host, Port: cfg.Email.Port, Mode: notify.EmailMode(cfg.Email.Mode), AllowClear: cfg.Email.AllowClear,
		Username: cfg.Email.Username, Password: cfg.Email.Password.Reveal(), From: cfg.Email.From,
		CAFile: cfg.Email.CAFile, ServerName: cfg.Email.ServerName, HELO: cfg.Email.HELO,
	}, clock)
	sms, smsState, smsErr := notify.NewSMS(notify.SMSConfig{
		AccountSID: cfg.SMS.AccountSID, AuthToken: cfg.SMS.AuthToken.Reveal(), From: cfg.SMS.From,
		MessagingServiceSID: cfg.SMS.MessagingServiceSID, DefaultRegion: cfg.SMS.DefaultRegion, BaseURL: cfg.SMS.BaseURL,
	})
	if err := errors.Join(emailErr, smsErr); err != nil {
		return channels{}, err
	}
	if email != nil {
		c.senders[audit.ChannelEmail], c.codes[audit.AddressEmail] = email, email
	}
	if sms != nil {
		c.sms, c.senders[audit.ChannelSMS], c.codes[audit.AddressPhone] = sms, sms, sms
	}
	c.states = []notify.State{emailState, smsState}
	return c, nil
}

// add puts the Message Center first, which is always on.
func (c *channels) add(messages notify.Messages, clock func() time.Time) {
	inbox := notify.NewInbox(messages, clock)
	c.senders[audit.ChannelInbox] = inbox
	c.states = append([]notify.State{inbox.State()}, c.states...)
}

func (c *channels) forAPI() []api.ChannelState {
	states := make([]api.ChannelState, len(c.states))
	for i, s := range c.states {
		states[i] = api.ChannelState{Channel: s.Channel, On: s.On}
		if !s.On {
			states[i].Reason = s.Detail
		}
	}
	return states
}
