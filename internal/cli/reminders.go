package cli

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/config"
)

type remindersCommand struct {
	List       remindersListCommand       `cmd:"" help:"List reminders."`
	Create     remindersCreateCommand     `cmd:"" help:"Make a reminder."`
	Delete     remindersDeleteCommand     `cmd:"" help:"Delete a reminder."`
	Test       remindersTestCommand       `cmd:"" help:"Send a test by all channels of a reminder."`
	Deliveries remindersDeliveriesCommand `cmd:"" help:"Show what a reminder sent, to whom, and what became of it."`
}

type remindersListCommand struct {
	config.Client `embed:""`
}

type reminderList struct {
	Reminders []audit.Reminder `json:"reminders"`
}

// Run lists reminders.
func (c *remindersListCommand) Run(e *env) error {
	return call(e, &c.Client, http.MethodGet, "/v1/reminders", nil, nil, func(w io.Writer, list reminderList) {
		row(w, "ID", "NAME", "ACTIONS", "CHANNELS", "RECIPIENTS", "WINDOW", "PAUSED")
		for _, r := range list.Reminders {
			recipients := make([]string, len(r.Recipients))
			for i, to := range r.Recipients {
				recipients[i] = to.Member
			}
			row(w, r.ID, r.Name, strings.Join(r.Actions, ","), joined(r.Channels), strings.Join(recipients, ","), r.Window, r.Paused)
		}
	})
}

type remindersCreateCommand struct {
	config.Client `embed:""`

	Name     string   `arg:"" help:"Name of the reminder."`
	Action   []string `required:"" placeholder:"ACTION" help:"Actions: login.failed, or all below one: contacts.*"`
	Channel  []string `default:"inbox" help:"inbox, email, sms."`
	To       []string `required:"" placeholder:"MEMBER" help:"Ids of the members who are reminded."`
	Window   string   `default:"immediate" help:"immediate, 10m, hourly or daily: what comes within is one message."`
	Quiet    string   `placeholder:"22:00-07:30" help:"Daily time without messages."`
	TimeZone string   `name:"time-zone" placeholder:"ZONE" help:"Time zone of window and quiet hours: Europe/Berlin."`
}

// Help is shown behind the summary.
func (remindersCreateCommand) Help() string {
	return `Reminds the members of every event of these actions, from now on. What comes within the window is one message.

  audittrail reminders create "Failed logins" --action login.failed --channel inbox,email,sms --to u_1 --window immediate
  audittrail reminders create "Contacts" --action 'contacts.*' --to u_1 --window daily --time-zone Europe/Berlin`
}

// Run makes a reminder.
func (c *remindersCreateCommand) Run(e *env) error {
	recipients := make([]map[string]string, len(c.To))
	for i, member := range c.To {
		recipients[i] = map[string]string{"member": member}
	}
	in := map[string]any{"name": c.Name, "actions": c.Action, "channels": c.Channel, "recipients": recipients, "window": c.Window}
	if c.TimeZone != "" {
		in["time_zone"] = c.TimeZone
	}
	if c.Quiet != "" {
		start, end, found := strings.Cut(c.Quiet, "-")
		if !found {
			return usagef("--quiet must be like 22:00-07:30")
		}
		in["quiet_hours"] = audit.QuietHours{Start: start, End: end}
	}
	type made struct {
		audit.Reminder
		Channels []struct {
			Channel audit.Channel `json:"channel"`
			On      bool          `json:"on"`
			Reason  string        `json:"reason"`
		} `json:"channel_states"`
	}
	return call(e, &c.Client, http.MethodPost, "/v1/reminders", nil, in, func(w io.Writer, r made) {
		fmt.Fprintf(w, "Reminder %s was made.\n", r.ID)
		for _, s := range r.Channels {
			if !s.On && slices.Contains(c.Channel, string(s.Channel)) {
				fmt.Fprintf(w, "  %s sends nothing: %s\n", s.Channel, plain(s.Reason))
			}
		}
	})
}

type remindersDeleteCommand struct {
	config.Client `embed:""`
	ID            string `arg:"" help:"Id of the reminder."`
}

// Run deletes a reminder.
func (c *remindersDeleteCommand) Run(e *env) error {
	return remove(e, &c.Client, "/v1/reminders/", c.ID, "deleted")
}

type remindersTestCommand struct {
	config.Client `embed:""`
	ID            string `arg:"" help:"Id of the reminder."`
}

// Run sends a test.
func (c *remindersTestCommand) Run(e *env) error {
	return call(e, &c.Client, http.MethodPost, "/v1/reminders/"+url.PathEscape(c.ID)+"/test", nil, nil, func(w io.Writer, _ map[string]any) {
		fmt.Fprintf(w, "A test is on its way; `audittrail reminders deliveries %s` shows what becomes of it.\n", plain(c.ID))
	})
}

type remindersDeliveriesCommand struct {
	config.Client `embed:""`
	ID            string `arg:"" help:"Id of the reminder."`
}

type deliveryList struct {
	Deliveries []audit.Delivery `json:"deliveries"`
}

// Run lists deliveries.
func (c *remindersDeliveriesCommand) Run(e *env) error {
	return call(e, &c.Client, http.MethodGet, "/v1/reminders/"+url.PathEscape(c.ID)+"/deliveries", nil, nil, func(w io.Writer, list deliveryList) {
		row(w, "CREATED", "CHANNEL", "MEMBER", "ADDRESS", "STATUS", "ATTEMPTS", "EVENTS", "ERROR")
		for _, d := range list.Deliveries {
			row(w, stamp(d.CreatedAt), d.Channel, d.Member, d.Address, d.Status, d.Attempts, d.Events, d.Error)
		}
	})
}
