package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/catcher"
	"github.com/audittrail/audittrail/internal/client"
)

// search runs a few searches and a summary.
func (d *demo) search() error {
	for _, s := range []struct{ what, query string }{
		{"the newest Operation Logs", "log=operation&limit=50"},
		{`failed logins with "berlin"`, "log=login&limit=50&q=" + url.QueryEscape("outcome:failure berlin")},
		{`words with accents left out: "etienne cote"`, "limit=50&q=" + url.QueryEscape("etienne cote")},
		{"everything about contacts.* from one network", "limit=50&action=" + url.QueryEscape("contacts.*") + "&ip=203.0.113.0/24"},
	} {
		query, err := url.ParseQuery(s.query)
		if err != nil {
			return err
		}
		began := now()
		page, err := d.server.Search(d.ctx, query)
		if err != nil {
			return err
		}
		more := ""
		if page.Total.Relation == audit.RelationAtLeast {
			more = " or more"
		}
		d.ok("search, %s: %s%s found in %s", s.what, count(page.Total.Value), more, span(now().Sub(began)))
	}
	var summary struct {
		Total int64 `json:"total"`
	}
	began := now()
	if err := d.server.Call(d.ctx, http.MethodGet, "/v1/events/summary", nil, nil, &summary); err != nil {
		return err
	}
	d.ok("summary: %s events counted exactly, by time, action, range, actor, outcome and platform, in %s", count(summary.Total), span(now().Sub(began)))
	return nil
}

// export makes both kinds of export and downloads them.
func (d *demo) export() error {
	for _, mode := range []audit.ExportMode{audit.ModeLatest, audit.ModeAll} {
		began := now()
		x, err := d.server.CreateExport(d.ctx, map[string]any{"format": "csv", "mode": mode})
		if err != nil {
			return err
		}
		if x, err = d.awaitExport(d.server, x); err != nil {
			return err
		}
		dir := filepath.Join(d.config.DataDir, "demo-exports", string(mode))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		paths, err := downloadExport(d.ctx, d.server, x, dir)
		if err != nil {
			return err
		}
		d.ok("export %q: %s rows match, %s exported, %s cut; downloaded and SHA-256 verified in %s; the links end %s", mode,
			count(x.Matched), count(x.Rows), count(x.Truncated), span(now().Sub(began)), stamp(x.ExpiresAt))
		for i, f := range x.Files {
			d.detail("%s  %s rows, %s", paths[i], count(f.Rows), size(f.Bytes))
		}
	}
	return nil
}

const demoReminder = "Failed logins"

// remindPatience is how long the demo waits for its messages; they should take less than five seconds.
const remindPatience = 60 * time.Second

// remind makes a reminder, lets a login fail, and waits for the message on each channel.
func (d *demo) remind(catchers *catchers) error {
	if err := d.ensureReminder(); err != nil {
		return err
	}
	before, err := d.messages()
	if err != nil {
		return err
	}
	id := uuid.NewString()
	event := audit.Event{ID: id, Time: now().Truncate(audit.TimePrecision), Log: audit.LogLogin, Action: "login.failed", Outcome: audit.OutcomeFailure,
		Actor: audit.Actor{ID: "u_0002", Name: "Róisín Nolan", Type: "member"}, Message: "Róisín Nolan could not sign in: wrong password"}
	began := now()
	if _, err := d.sendBatch(d.ctx, append(event.AppendJSON(nil), '\n')); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(d.ctx, remindPatience)
	defer cancel()
	if err := d.awaitMessage(ctx, before); err != nil {
		return fmt.Errorf("the message in the Message Center did not come: %w", err)
	}
	d.ok("reminder %q: system message after %s", demoReminder, span(now().Sub(began)))
	mail, err := catchers.mail.Wait(ctx, func(m catcher.Mail) bool { return m.ReceivedAt.After(began) })
	if err != nil {
		return fmt.Errorf("the mail did not come: %w", err)
	}
	d.ok("reminder %q: mail after %s", demoReminder, span(mail.ReceivedAt.Sub(began)))
	showMail(d, mail)
	sms, err := catchers.twilio.Wait(ctx, func(s catcher.SMS) bool { return s.ReceivedAt.After(began) })
	if err != nil {
		return fmt.Errorf("the SMS did not come: %w", err)
	}
	d.ok("reminder %q: SMS after %s", demoReminder, span(sms.ReceivedAt.Sub(began)))
	showSMS(d, sms)
	return nil
}

// ensureReminder makes the reminder where an earlier start has not.
func (d *demo) ensureReminder() error {
	var list reminderList
	if err := d.server.Call(d.ctx, http.MethodGet, "/v1/reminders", nil, nil, &list); err != nil {
		return err
	}
	for _, r := range list.Reminders {
		if r.Name == demoReminder {
			return nil
		}
	}
	in := map[string]any{"name": demoReminder, "actions": []string{"login.failed"}, "channels": audit.Channels(),
		"recipients": []map[string]string{{"member": "u_0001"}}, "window": audit.WindowImmediate}
	return client.Retry(d.ctx, time.Minute, nil, func() error {
		return d.server.Call(d.ctx, http.MethodPost, "/v1/reminders", nil, in, nil)
	})
}

// messages lists the newest system messages.
func (d *demo) messages() ([]audit.Message, error) {
	var answer struct {
		Messages []audit.Message `json:"messages"`
	}
	err := d.server.Call(d.ctx, http.MethodGet, "/v1/messages", url.Values{"limit": {"20"}}, nil, &answer)
	return answer.Messages, err
}

// awaitMessage waits for a message of the reminder that is newer than those of before.
func (d *demo) awaitMessage(ctx context.Context, before []audit.Message) error {
	known := make(map[string]bool)
	for _, m := range before {
		known[m.ID] = true
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		messages, err := d.messages()
		if err != nil {
			return err
		}
		for _, m := range messages {
			if !known[m.ID] && m.Reminder != "" {
				d.detail("%s: %s", m.Title, strings.TrimSpace(m.Body))
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
