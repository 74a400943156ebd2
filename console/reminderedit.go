package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/audittrail/audittrail/audit"
)

// What the buttons of the form do, beside saving.
const (
	doFind   = "find"
	doTry    = "try"
	doAdd    = "add:"
	doRemove = "remove:"
)

// maxMistakes is how many mistakes are named at the top of the form.
const maxMistakes = 20

type reminderFormView struct {
	frame
	Form reminderForm
	// Action is where the form is sent to.
	Action     string
	Ranges     []rangeChoice
	Patterns   string
	Channels   []channelChoice
	Recipients []recipientChoice
	Addresses  []addressChoice
	Found      *foundPeople
	Windows    []windowChoice
	Problem    *problem
	Mistakes   []mistake
	// Conflict is what differs between what was given and what somebody else saved meanwhile; nil where nobody did.
	Conflict []string
	Raced    bool
	// Would is the rehearsal, nil until it was asked for.
	Would *wouldView
	// Focus is the id of the element that has the focus.
	Focus string
}

type windowChoice struct {
	Value, Name, Means string
	Chosen             bool
}

// Wrong returns what is wrong with the field of the id.
func (v reminderFormView) Wrong(id string) string {
	var all []string
	for _, m := range v.Mistakes {
		if m.ID == id {
			all = append(all, m.Message)
		}
	}
	return strings.Join(all, "; ")
}

// newReminder is GET /messages/settings/new. The address may hold what is chosen already: action, name.
func (con *Console) newReminder(r *request) error {
	if err := r.by.Allow(audit.ScopeReminders); err != nil {
		return err
	}
	f := reminderForm{Name: r.query.Get("name"), Actions: uncovered(unique(r.query["action"])), Recipients: []string{r.by.Member},
		Channels: []string{string(audit.ChannelInbox)}, Window: string(audit.WindowImmediate), TimeZone: r.zone.String()}
	return r.renderReminder(http.StatusOK, f, audit.Reminder{}, &reminderFormView{})
}

// editReminder is GET /messages/settings/{id}.
func (con *Console) editReminder(r *request) error {
	m, err := r.readReminder()
	if err != nil {
		return err
	}
	return r.renderReminder(http.StatusOK, formOf(m.Reminder), m.Reminder, &reminderFormView{})
}

// createReminder is POST /messages/settings/new: the form with what its button does.
func (con *Console) createReminder(r *request) error {
	f := formFrom(r.form)
	if done, err := r.assist(f, audit.Reminder{}); done || err != nil {
		return err
	}
	return r.saveReminder(f, audit.Reminder{}, http.MethodPost, "/v1/reminders", "created")
}

// updateReminder is POST /messages/settings/{id}.
func (con *Console) updateReminder(r *request) error {
	m, err := r.readReminder()
	if err != nil {
		return err
	}
	f := formFrom(r.form)
	f.ID = m.ID
	if done, err := r.assist(f, m.Reminder); done || err != nil {
		return err
	}
	return r.saveReminder(f, m.Reminder, http.MethodPut, "/v1/reminders/"+url.PathEscape(m.ID), "changed")
}

// assist does what the pressed button does where that is not saving: it shows the form again, with the list of recipients changed, people found, or what
// would have happened.
func (r *request) assist(f reminderForm, stored audit.Reminder) (done bool, err error) {
	do, find := r.form.Get("do"), r.form.Get("find")
	view := &reminderFormView{}
	switch {
	case strings.HasPrefix(do, doAdd):
		f.Recipients = unique(append(f.Recipients, strings.TrimPrefix(do, doAdd)))
		view.Focus = "find"
	case strings.HasPrefix(do, doRemove):
		f.Recipients = slices.DeleteFunc(f.Recipients, func(id string) bool { return id == strings.TrimPrefix(do, doRemove) })
		view.Focus = "find"
	case do == doTry:
		if view.Would, view.Problem, err = r.wouldHave(f); err != nil {
			return false, err
		}
		if !r.isFragment() { // a part comes by itself too, and must not take the focus from where somebody types
			view.Focus = "try"
		}
	case do == doFind || strings.TrimSpace(find) != "":
		// Saving with a name that was typed and not chosen would lose it without a word: the search comes first.
		if view.Found, err = r.findPeople(find, f); err != nil {
			return false, err
		}
		view.Focus = "find"
	default:
		return false, nil
	}
	status := http.StatusOK
	if view.Problem != nil && !r.isFragment() {
		status = view.Problem.Status
	}
	return true, r.renderReminder(status, f, stored, view)
}

// saveReminder stores what was given, or shows the form again with what is wrong with it.
func (r *request) saveReminder(f reminderForm, stored audit.Reminder, method, path, done string) error {
	var saved reminderAnswer
	err := r.send(method, path, f.body(), &saved)
	if err == nil {
		return r.seeOther(doneAddress(done, saved.Warning))
	}
	if isConflict(err) && f.ID != "" {
		return r.showConflict(f)
	}
	p, ok := asInvalid(err)
	if !ok && !isConflict(err) {
		return err
	}
	if !ok {
		p = r.asProblem(err) // there are too many reminders
	}
	return r.renderReminder(p.Status, f, stored, &reminderFormView{Problem: p})
}

// showConflict keeps what was given and says what somebody else changed meanwhile. Saving once more then replaces it.
func (r *request) showConflict(f reminderForm) error {
	now, err := r.readReminder()
	if err != nil {
		return err
	}
	f.Version = now.Version
	return r.renderReminder(http.StatusConflict, f, now.Reminder, &reminderFormView{Raced: true, Conflict: f.differences(formOf(now.Reminder)), Focus: "raced"})
}

// renderReminder completes the view with everything that there is to choose from.
func (r *request) renderReminder(status int, f reminderForm, stored audit.Reminder, view *reminderFormView) (err error) {
	title := "New reminder"
	view.Action = "/messages/settings/new"
	if f.ID != "" {
		title, view.Action = "Edit a reminder", reminderPath(f.ID)
	}
	view.frame, view.Form = r.frame(title, "messages"), f
	if view.Ranges, view.Patterns, err = r.ranges(f, view.Problem); err != nil {
		return err
	}
	if view.Channels, err = r.channels(f); err != nil {
		return err
	}
	view.Recipients = r.recipients(f, stored.Recipients, view.Problem)
	if view.Addresses, err = r.addressChoices(f, stored.Unsubscribed, view.Problem); err != nil {
		return err
	}
	for _, w := range windows {
		view.Windows = append(view.Windows, windowChoice{Value: string(w.Window), Name: w.Name, Means: w.Means, Chosen: string(w.Window) == f.Window})
	}
	view.Mistakes = f.mistakes(view.Problem)
	if len(view.Mistakes) > 0 && view.Focus == "" {
		view.Focus = view.Mistakes[0].ID
	}
	view.Mistakes = view.Mistakes[:min(len(view.Mistakes), maxMistakes)]
	return r.render(status, "reminder", view)
}
