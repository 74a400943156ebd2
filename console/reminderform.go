package console

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/audittrail/audittrail/audit"
)

// reminderForm is what the form of a reminder holds, as it was given: right or wrong.
type reminderForm struct {
	ID                   string
	Version              int64
	Name                 string
	Actions              []string
	Channels             []string
	Recipients           []string
	Addresses            []string
	Window               string
	QuietStart, QuietEnd string
	TimeZone             string
	Paused               bool
}

// formOf returns the form that holds the reminder as it is stored.
func formOf(m audit.Reminder) reminderForm {
	f := reminderForm{ID: m.ID, Version: m.Version, Name: m.Name, Actions: m.Actions, Addresses: m.Addresses, Window: string(m.Window), TimeZone: m.TimeZone, Paused: m.Paused}
	for _, c := range m.Channels {
		f.Channels = append(f.Channels, string(c))
	}
	for _, recipient := range m.Recipients {
		f.Recipients = append(f.Recipients, recipient.Member)
	}
	if m.QuietHours != nil {
		f.QuietStart, f.QuietEnd = m.QuietHours.Start, m.QuietHours.End
	}
	return f
}

// formFrom reads what the browser sent.
func formFrom(form url.Values) reminderForm {
	version, _ := strconv.ParseInt(form.Get("version"), 10, 64) // what is no number is no version, and a conflict
	f := reminderForm{Version: version, Name: strings.TrimSpace(form.Get("name")), Channels: filled(form["channel"]), Recipients: unique(form["recipient"]), Addresses: unique(form["address"]),
		Window: form.Get("window"), QuietStart: form.Get("quiet_start"), QuietEnd: form.Get("quiet_end"), TimeZone: strings.TrimSpace(form.Get("time_zone")),
		Paused: form.Get("paused") == "true"}
	f.Actions = uncovered(unique(slices.Concat(form["action"], strings.Fields(form.Get("patterns")))))
	return f
}

// unique leaves out what is empty or there already.
func unique(values []string) []string {
	var once []string
	for _, v := range values {
		if v != "" && !slices.Contains(once, v) {
			once = append(once, v)
		}
	}
	return once
}

// uncovered leaves out actions that a pattern among them means anyway: whoever chose a whole range need not undo the single ones.
func uncovered(patterns []string) []string {
	return slices.DeleteFunc(patterns, func(one string) bool {
		return slices.ContainsFunc(patterns, func(other string) bool { return other != one && covers(other, one) })
	})
}

// covers says whether everything that the second pattern matches is matched by the first too.
func covers(pattern, other string) bool {
	above, whole := strings.CutSuffix(pattern, "*")
	return whole && strings.HasSuffix(above, ".") && strings.HasPrefix(other, above)
}

// body is the form as the API takes it.
func (f reminderForm) body() map[string]any {
	recipients := make([]map[string]string, len(f.Recipients))
	for i, id := range f.Recipients {
		recipients[i] = map[string]string{"member": id}
	}
	body := map[string]any{"name": f.Name, "actions": orEmpty(f.Actions), "channels": orEmpty(f.Channels), "recipients": recipients, "addresses": orEmpty(f.Addresses),
		"window": f.Window, "time_zone": f.TimeZone, "paused": f.Paused}
	if f.QuietStart != "" || f.QuietEnd != "" {
		body["quiet_hours"] = map[string]string{"start": f.QuietStart, "end": f.QuietEnd}
	}
	if f.ID != "" {
		body["version"] = f.Version
	}
	return body
}

func orEmpty(values []string) []string { return append([]string{}, values...) }

// differences names what stands differently in two forms.
func (f reminderForm) differences(other reminderForm) []string {
	var names []string
	for _, part := range []struct {
		name       string
		mine, that any
	}{
		{"name", f.Name, other.Name}, {"actions", sorted(f.Actions), sorted(other.Actions)}, {"channels", sorted(f.Channels), sorted(other.Channels)},
		{"recipients", sorted(f.Recipients), sorted(other.Recipients)}, {"other addresses", sorted(f.Addresses), sorted(other.Addresses)},
		{"when it is sent", f.Window, other.Window},
		{"quiet hours", f.QuietStart + f.QuietEnd, other.QuietStart + other.QuietEnd}, {"time zone", f.TimeZone, other.TimeZone}, {"pause", f.Paused, other.Paused},
	} {
		if fmt.Sprint(part.mine) != fmt.Sprint(part.that) {
			names = append(names, part.name)
		}
	}
	return names
}

func sorted(values []string) []string { return slices.Sorted(slices.Values(values)) }

// places are the fields of the form in the order in which they stand on the page, each with the beginning of the API's names of what is wrong with it.
var places = []struct{ id, label, field string }{
	{"name", "Name", "name"}, {"actions", "Actions", "actions"}, {"channels", "Channels", "channels"}, {"recipients", "Recipients", "recipients"}, {"addresses", "Other addresses", "addresses"},
	{"window", "When it is sent", "window"}, {"quiet_start", "Quiet from", "quiet_hours.start"}, {"quiet_end", "Quiet until", "quiet_hours.end"},
	{"time_zone", "Time zone", "time_zone"},
}

// mistake is something wrong in a form: where, and what.
type mistake struct{ ID, Label, Message string }

// mistakes are all that is wrong, in the order of the page. What a single action or recipient is about names it.
func (f reminderForm) mistakes(p *problem) []mistake {
	if p == nil {
		return nil
	}
	var all []mistake
	for _, place := range places {
		for _, wrong := range p.Fields {
			if wrong.Field == place.field || strings.HasPrefix(wrong.Field, place.field+"[") {
				all = append(all, mistake{ID: place.id, Label: place.label, Message: wrong.Message})
			}
		}
	}
	return all
}

// wrongAt returns what is wrong with the element of a list, "" where nothing is: of "actions", "contacts.nothing".
func (f reminderForm) wrongAt(p *problem, list string, values []string, value string) string {
	if i := slices.Index(values, value); i >= 0 && p != nil {
		for _, wrong := range p.Fields {
			if at := fmt.Sprintf("%s[%d]", list, i); wrong.Field == at || strings.HasPrefix(wrong.Field, at+".") {
				return wrong.Message
			}
		}
	}
	return ""
}
