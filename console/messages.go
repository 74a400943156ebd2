package console

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/audittrail/audittrail/audit"
)

func init() {
	add(
		get("/messages", (*Console).listMessages),
		post("/messages/read", (*Console).readMessages),
		get("/messages/unread", (*Console).countUnread),
		get("/messages/settings", (*Console).listReminders),
		get("/messages/settings/new", (*Console).newReminder),
		post("/messages/settings/new", (*Console).createReminder),
		get("/messages/settings/:id", (*Console).editReminder),
		post("/messages/settings/:id", (*Console).updateReminder),
		post("/messages/settings/:id/pause", (*Console).pauseReminder),
		get("/messages/settings/:id/delete", (*Console).askDeleteReminder),
		post("/messages/settings/:id/delete", (*Console).deleteReminder),
		post("/messages/settings/:id/test", (*Console).testReminder),
		get("/messages/settings/:id/test/:digest", (*Console).showTest),
		get("/messages/settings/:id/deliveries", (*Console).listDeliveries),
		get("/messages/:id", (*Console).showMessage),
	)
}

// messagesPage is how many messages one page lists.
const messagesPage = 25

// messageRow is a message in the list.
type messageRow struct {
	audit.Message
	// Kind says in a word what it is about.
	Kind string
}

func (m messageRow) Unread() bool { return m.ReadAt.IsZero() }

// Path is the page of the message.
func (m messageRow) Path() string { return "/messages/" + url.PathEscape(m.ID) }

// ExportPath is the page of the export that it is about.
func (m messageRow) ExportPath() string { return "/exports/" + url.PathEscape(m.Export) }

func rowOf(m audit.Message) messageRow {
	row := messageRow{Message: m, Kind: "Notice"}
	switch {
	case m.Test:
		row.Kind = "Test"
	case m.Reminder != "":
		row.Kind = "Reminder"
	case m.Export != "":
		row.Kind = "Export"
	}
	return row
}

type messagesView struct {
	frame
	Messages []messageRow
	// Waiting is how many are unread, on all pages.
	Waiting int
	// OnlyUnread says that read ones are left out; Self is the address of what is shown, First that it is the first page.
	OnlyUnread, First bool
	Self, Next        string
}

// listMessages is GET /messages.
func (con *Console) listMessages(r *request) error {
	query := url.Values{"limit": {strconv.Itoa(messagesPage)}}
	onlyUnread, after := r.query.Get("unread") == "true", r.query.Get("cursor")
	if onlyUnread {
		query.Set("unread", "true")
	}
	if after != "" {
		query.Set("cursor", after)
	}
	var answer struct {
		Messages []audit.Message `json:"messages"`
		Unread   int             `json:"unread"`
		Next     string          `json:"next_cursor"`
	}
	if err := r.get("/v1/messages", query, &answer); err != nil {
		return err
	}
	view := messagesView{frame: r.frame("Message Center", "messages"), Waiting: answer.Unread, OnlyUnread: onlyUnread, First: after == "",
		Self: messagesAddress(onlyUnread, after)}
	for _, m := range answer.Messages {
		view.Messages = append(view.Messages, rowOf(m))
	}
	if answer.Next != "" {
		view.Next = messagesAddress(onlyUnread, answer.Next)
	}
	return r.render(http.StatusOK, "messages", view)
}

func messagesAddress(onlyUnread bool, cursor string) string {
	query := url.Values{}
	if onlyUnread {
		query.Set("unread", "true")
	}
	if cursor != "" {
		query.Set("cursor", cursor)
	}
	if len(query) == 0 {
		return "/messages"
	}
	return "/messages?" + query.Encode()
}

// readMessages is POST /messages/read: those of the ids, or all.
func (con *Console) readMessages(r *request) error {
	in := map[string]any{"ids": append([]string{}, r.form["id"]...)}
	if r.form.Get("all") != "" {
		in = map[string]any{"all": true}
	}
	if err := r.send(http.MethodPost, "/v1/messages/read", in, nil); err != nil {
		return err
	}
	back := localPath(r.form.Get("back"))
	if back == "/" {
		back = "/messages"
	}
	return r.seeOther(back)
}

// countUnread is GET /messages/unread: the number in the bell, alone.
func (con *Console) countUnread(r *request) error {
	var inbox struct {
		Unread int `json:"unread"`
	}
	if err := r.get("/v1/messages", url.Values{"limit": {"1"}}, &inbox); err != nil {
		return err
	}
	return r.part(http.StatusOK, "messages", "unread", map[string]int{"Unread": inbox.Unread})
}

// trailLink leads to the events of a digest that it does not name, in one log.
type trailLink struct{ Name, Address string }

// messageEvent is one of the events of a digest.
type messageEvent struct{ audit.DigestEvent }

// Path is the page of the event.
func (e messageEvent) Path() string { return eventPath(e.ID) }

func eventPath(id string) string { return "/events/" + url.PathEscape(id) }

type messageView struct {
	frame
	Message messageRow
	Events  []messageEvent
	// More is how many events the digest counts and does not name; Trail leads to all of them.
	More  int
	Trail []trailLink
	// Reminder names the setting that sent it, where the member may open it.
	Reminder *audit.Reminder
}

// ReminderPath is the page of the setting.
func (v messageView) ReminderPath() string { return reminderPath(v.Reminder.ID) }

// showMessage is GET /messages/{id}. Opening a message is reading it.
func (con *Console) showMessage(r *request) error {
	id, err := r.param("id")
	if err != nil {
		return err
	}
	var m audit.Message
	if err := r.get("/v1/messages/"+url.PathEscape(id), nil, &m); err != nil {
		return err
	}
	if m.ReadAt.IsZero() {
		if err := r.send(http.MethodPost, "/v1/messages/read", map[string]any{"ids": []string{m.ID}}, nil); err != nil {
			return err
		}
	}
	view := messageView{frame: r.frame(m.Title, "messages"), Message: rowOf(m), Events: newestFirst(m.Events), More: m.Count - len(m.Events)}
	if m.Reminder != "" && r.by.Allow(audit.ScopeReminders) == nil {
		var reminder audit.Reminder
		if err := r.get("/v1/reminders/"+url.PathEscape(m.Reminder), nil, &reminder); err == nil { // deleted, or another's: the message stands without it
			view.Reminder = &reminder
		}
	}
	if !m.Test {
		view.Trail = r.trailOf(m, view.Reminder)
	}
	return r.render(http.StatusOK, "message", view)
}

func newestFirst(events []audit.DigestEvent) []messageEvent {
	sorted := make([]messageEvent, len(events))
	for i, e := range events {
		sorted[i] = messageEvent{e}
	}
	slices.SortStableFunc(sorted, func(a, b messageEvent) int { return b.Time.Compare(a.Time) })
	return sorted
}

// trailOf returns where the events of a digest are: the reminder's actions, or those of the events that are named, over the digest's time. There is one
// link a log that the member sees.
func (r *request) trailOf(m audit.Message, reminder *audit.Reminder) []trailLink {
	if len(m.Events) == 0 && reminder == nil {
		return nil
	}
	var links []trailLink
	for _, log := range audit.Logs() {
		var actions []string
		for _, e := range m.Events {
			if e.Log == log && !slices.Contains(actions, e.Action) {
				actions = append(actions, e.Action)
			}
		}
		if len(actions) == 0 || !r.by.SeesLog(log) {
			continue
		}
		if reminder != nil {
			actions = reminder.Actions
		}
		query := url.Values{"action": actions}
		if !m.From.IsZero() && !m.To.IsZero() {
			query.Set("from", m.From.UTC().Format(audit.TimeLayout))
			query.Set("to", m.To.Add(time.Millisecond).UTC().Format(audit.TimeLayout)) // which is exclusive
		}
		links = append(links, trailLink{listNames[log], listPaths[log] + "?" + query.Encode()})
	}
	return links
}
