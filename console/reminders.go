package console

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/audittrail/audittrail/audit"
)

const (
	// remindersPage is how many reminders one page lists: each asks for its last delivery.
	remindersPage = 25
	// namedActions and namedRecipients are how many a row of the list names; the rest is counted.
	namedActions, namedRecipients = 6, 3
)

// channelState says whether a channel is configured, as the API answers it.
type channelState struct {
	Channel audit.Channel `json:"channel"`
	On      bool          `json:"on"`
	Reason  string        `json:"reason"`
}

// Name names the channel.
func (c channelState) Name() string { return channelName(c.Channel) }

func channelName(c audit.Channel) string {
	return map[audit.Channel]string{audit.ChannelInbox: "System message", audit.ChannelEmail: "Email", audit.ChannelSMS: "SMS"}[c]
}

// reminderAnswer is a reminder as the API answers it.
type reminderAnswer struct {
	audit.Reminder
	States  []channelState `json:"channel_states"`
	Warning string         `json:"warning"`
}

// reminderPath is the page of a reminder.
func reminderPath(id string) string { return "/messages/settings/" + url.PathEscape(id) }

func (r *request) readReminder() (reminderAnswer, error) {
	var m reminderAnswer
	id, err := r.param("id")
	if err != nil {
		return m, err
	}
	return m, r.get("/v1/reminders/"+url.PathEscape(id), nil, &m)
}

// reminderRow is a reminder in the list, in words.
type reminderRow struct {
	reminderAnswer
	// Actions and Recipients are the first of them; MoreActions and MoreRecipients count the rest.
	ActionWords, RecipientNames []string
	MoreActions, MoreRecipients int
	When, Quiet                 string
	// Last is the newest delivery, nil where nothing was sent yet.
	Last *deliveryRow
}

// Path is the page of the reminder.
func (m reminderRow) Path() string { return reminderPath(m.ID) }

func (r *request) viewReminder(m reminderAnswer, words *vocabulary) reminderRow {
	return r.viewReminders([]reminderAnswer{m}, words)[0]
}

// viewReminders looks up the names of all their rows at once.
func (r *request) viewReminders(reminders []reminderAnswer, words *vocabulary) []reminderRow {
	last := make([][]audit.Delivery, len(reminders))
	var ids []string
	for i, m := range reminders {
		if page, err := r.deliveries(m.ID, "", 1); err == nil { // a list without the last result is better than none
			last[i] = page.Deliveries
		}
		ids = append(append(ids, membersOf(last[i])...), namedRecipientsOf(m)...)
	}
	words.meet(ids...)
	rows := make([]reminderRow, len(reminders))
	for i, m := range reminders {
		rows[i] = r.rowOf(m, last[i], words)
	}
	return rows
}

func (r *request) rowOf(m reminderAnswer, last []audit.Delivery, words *vocabulary) reminderRow {
	row := reminderRow{reminderAnswer: m, When: windowWords(m.Window), Quiet: quietWords(m.Reminder)}
	for _, pattern := range m.Actions[:min(namedActions, len(m.Actions))] {
		row.ActionWords = append(row.ActionWords, actionWords(words, pattern))
	}
	for _, id := range namedRecipientsOf(m) {
		row.RecipientNames = append(row.RecipientNames, words.person(id))
	}
	row.MoreActions, row.MoreRecipients = len(m.Actions)-len(row.ActionWords), len(m.Recipients)-len(row.RecipientNames)
	if len(last) > 0 {
		newest := r.viewDelivery(last[0], words)
		row.Last = &newest
	}
	return row
}

// namedRecipientsOf are the members whom a row names.
func namedRecipientsOf(m reminderAnswer) (ids []string) {
	for _, recipient := range m.Recipients[:min(namedRecipients, len(m.Recipients))] {
		ids = append(ids, recipient.Member)
	}
	return ids
}

// membersOf are the members to whom the deliveries went.
func membersOf(deliveries []audit.Delivery) []string {
	var ids []string
	for _, d := range deliveries {
		if d.Member != "" {
			ids = append(ids, d.Member)
		}
	}
	return ids
}

// actionWords says what a pattern means. Of a range it is all; of an action its title and, as titles alone can be told apart only within one, its range.
func actionWords(words *vocabulary, pattern string) string {
	if above, ok := strings.CutSuffix(pattern, ".*"); ok && !strings.Contains(above, ".") {
		return "All of " + humanName(above)
	}
	return words.action(pattern)
}

var windows = []struct {
	Window      audit.Window
	Name, Means string
}{
	{audit.WindowImmediate, "Immediately", "Within five seconds. What happens at once comes as one message."},
	{audit.WindowTenMinutes, "Every 10 minutes", "One message ten minutes after the first event, with all that happened meanwhile."},
	{audit.WindowHourly, "Hourly", "One message at the full hour, where something happened."},
	{audit.WindowDaily, "Daily", "One message at midnight of the time zone below, where something happened."},
}

func windowWords(w audit.Window) string {
	for _, known := range windows {
		if known.Window == w {
			return known.Name
		}
	}
	return string(w)
}

func quietWords(m audit.Reminder) string {
	if m.QuietHours == nil {
		return ""
	}
	zone := m.TimeZone
	if zone == "" {
		zone = "UTC"
	}
	return "quiet from " + m.QuietHours.Start + " to " + m.QuietHours.End + " in " + zone
}

type remindersView struct {
	frame
	Reminders []reminderRow
	Total     int
	// Said is what was done last, Warning what went wrong beside it.
	Said, Warning  string
	Previous, Next string
	SeesAll        bool
	// Addresses are those beside members', New the form that adds one.
	Addresses []otherAddress
	New       addressForm
}

// listReminders is GET /messages/settings.
func (con *Console) listReminders(r *request) error {
	return r.renderReminders(http.StatusOK, addressForm{})
}

// renderReminders shows reminders and other addresses, with what was given for a new address.
func (r *request) renderReminders(status int, f addressForm) error {
	var answer struct {
		Reminders []reminderAnswer `json:"reminders"`
	}
	if err := r.get("/v1/reminders", nil, &answer); err != nil {
		return err
	}
	slices.Reverse(answer.Reminders) // the API lists the oldest first
	view := remindersView{frame: r.frame("Reminders", "messages"), New: f, Total: len(answer.Reminders), SeesAll: r.by.ReachesAll(audit.ScopeReminders),
		Said: doneWords[r.query.Get("done")], Warning: doneWords[r.query.Get("warning")]}
	page, err := strconv.Atoi(r.query.Get("page"))
	if err != nil || page < 1 || page > (len(answer.Reminders)+remindersPage-1)/remindersPage {
		page = 1
	}
	at := "/messages/settings?page="
	if page > 1 {
		view.Previous = at + strconv.Itoa(page-1)
	}
	shown := answer.Reminders[(page-1)*remindersPage:]
	if len(shown) > remindersPage {
		shown, view.Next = shown[:remindersPage], at+strconv.Itoa(page+1)
	}
	words := r.vocabulary()
	view.Reminders = r.viewReminders(shown, words)
	if view.Addresses, err = r.otherAddresses(); err != nil {
		return err
	}
	nameAdders(view.Addresses, words)
	return r.render(status, "reminders", view)
}

// doneWords says what the address says was done.
var doneWords = map[string]string{
	"created": "The reminder is set. It watches from now on.", "changed": "The change is saved.", "deleted": "The reminder is deleted.",
	"paused": "The reminder is paused. Nothing is sent until it is resumed.", "resumed": "The reminder is on again.",
	"verified": "The address is verified. Choose it in the settings of a reminder.", "forgotten": "The address is deleted.",
	"later": "It takes effect a little later than usual: what sends reminders cannot be reached just now.",
}

// doneAddress is the list that says what was done.
func doneAddress(done, warning string) string {
	query := url.Values{"done": {done}}
	if warning != "" {
		query.Set("warning", "later")
	}
	return "/messages/settings?" + query.Encode()
}

// pauseReminder is POST /messages/settings/{id}/pause: it pauses or resumes, whatever else was changed meanwhile.
func (con *Console) pauseReminder(r *request) error {
	for try := 1; ; try++ {
		m, err := r.readReminder()
		if err != nil {
			return err
		}
		in := formOf(m.Reminder)
		in.Paused = r.form.Get("paused") == "true"
		var stored reminderAnswer
		err = r.send(http.MethodPut, "/v1/reminders/"+url.PathEscape(m.ID), in.body(), &stored)
		if isConflict(err) && try < 3 {
			continue
		}
		if err != nil {
			return err
		}
		done := "resumed"
		if in.Paused {
			done = "paused"
		}
		return r.seeOther(doneAddress(done, stored.Warning))
	}
}

func isConflict(err error) bool {
	var p *problem
	return errors.As(err, &p) && p.Status == http.StatusConflict
}

type reminderView struct {
	frame
	Reminder reminderRow
}

// askDeleteReminder is GET /messages/settings/{id}/delete: the question before.
func (con *Console) askDeleteReminder(r *request) error {
	m, err := r.readReminder()
	if err != nil {
		return err
	}
	return r.render(http.StatusOK, "reminderdelete", reminderView{frame: r.frame("Delete a reminder", "messages"), Reminder: r.viewReminder(m, r.vocabulary())})
}

// deleteReminder is POST /messages/settings/{id}/delete.
func (con *Console) deleteReminder(r *request) error {
	id, err := r.param("id")
	if err != nil {
		return err
	}
	if err := r.send(http.MethodDelete, "/v1/reminders/"+url.PathEscape(id), nil, nil); err != nil {
		return err
	}
	return r.seeOther(doneAddress("deleted", ""))
}
