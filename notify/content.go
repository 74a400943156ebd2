package notify

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// How long the parts of a rendered digest may be, in characters.
const (
	maxName    = 80
	maxSubject = 150
	maxSummary = 300
)

// content is a digest in words, cleaned and ready for every channel.
type content struct {
	Test         bool
	Organization string
	Reminder     string
	// Title is one line: the subject of a mail, the title of a message.
	Title string
	// Intro is the first paragraph.
	Intro string
	Rows  []row
	// More is how many events are counted and not named.
	More string
	// Zone names the time zone of all times: "Europe/Berlin".
	Zone           string
	Reason         string
	OpenURL        string
	UnsubscribeURL string

	count  int
	newest string // its time, short: "09:14 CET"
}

// row is one event of the digest.
type row struct {
	Time, Action, Summary, Actor, From string
	Failed                             bool
}

const testNote = "This is a test that somebody asked for in the reminder's settings. The events in it are examples; nothing needs to be done."

// newContent puts the notice in words.
func newContent(n audit.Notice) content {
	zone, name := location(n.Reminder.TimeZone)
	c := content{
		Test:           n.Digest.Test,
		Organization:   line(cmp.Or(n.Organization.Name, n.Organization.ID), maxName),
		Reminder:       line(cmp.Or(n.Reminder.Name, "Reminder"), maxName),
		Zone:           name,
		OpenURL:        webURL(n.OpenURL),
		UnsubscribeURL: webURL(n.UnsubscribeURL),
		count:          max(n.Digest.Count, len(n.Digest.Events)),
	}
	events := slices.Clone(n.Digest.Events)
	slices.SortStableFunc(events, func(a, b audit.DigestEvent) int { return b.Time.Compare(a.Time) })
	events = events[:min(len(events), audit.DigestExamples)]
	for _, event := range events {
		c.Rows = append(c.Rows, newRow(event, zone))
	}
	if len(events) > 0 {
		c.newest = events[0].Time.In(zone).Format("15:04 MST")
	}
	if rest := c.count - len(events); rest > 0 && len(events) > 0 {
		c.More = "and " + plural(rest, "more event", "more events")
	}
	c.Title = c.title()
	c.Intro = c.intro(n.Digest, zone)
	whom := "you"
	if n.Member.ID == "" {
		whom = "this address"
	}
	c.Reason = fmt.Sprintf("You receive this because the reminder “%s” of %s names %s as a recipient.", c.Reminder, c.Organization, whom)
	return c
}

func newRow(event audit.DigestEvent, zone *time.Location) row {
	from := line(event.Place, maxName)
	if ip := line(event.IP, maxName); ip != "" && from != "" {
		from += " (" + ip + ")"
	} else {
		from += ip
	}
	return row{
		Time:    event.Time.In(zone).Format("Mon 2 Jan 2006 15:04:05 MST"),
		Action:  line(event.Action, audit.MaxActionBytes),
		Summary: unlink(line(cmp.Or(event.Summary, event.Action), maxSummary)),
		Actor:   unlink(line(event.Actor, maxName)),
		From:    unlink(from),
		Failed:  event.Outcome == audit.OutcomeFailure,
	}
}

func (c *content) title() string {
	title := c.Reminder + ": " + plural(c.count, "event", "events")
	if c.count == 1 && len(c.Rows) == 1 {
		title = c.Reminder + ": " + c.Rows[0].Summary
	}
	if c.Test {
		title = "[Test] " + title
	}
	return cut(title, maxSubject, "…")
}

// intro says how many events matched and when. One event reads differently from ten thousand.
func (c *content) intro(d audit.Digest, zone *time.Location) string {
	if c.count == 1 {
		return fmt.Sprintf("One event matched “%s” at %s.", c.Reminder, c.Organization)
	}
	s := fmt.Sprintf("%s matched “%s” at %s", plural(c.count, "event", "events"), c.Reminder, c.Organization)
	if !d.From.IsZero() && !d.To.IsZero() && d.From.Before(d.To) {
		const layout = "2 Jan 2006 15:04"
		s += fmt.Sprintf(" between %s and %s", d.From.In(zone).Format(layout), d.To.In(zone).Format(layout))
	}
	switch {
	case len(c.Rows) == 0:
		return s + "."
	case c.More != "":
		return fmt.Sprintf("%s. Here are the %d newest.", s, len(c.Rows))
	}
	return s + "."
}

// text is the plain text part of a mail.
func (c *content) text() string {
	var b strings.Builder
	if c.Test {
		b.WriteString("TEST. " + testNote + "\n\n")
	}
	b.WriteString(c.Intro + "\n")
	for _, r := range c.Rows {
		b.WriteString("\n" + r.Time + "\n")
		b.WriteString("  " + r.Summary + "\n")
		b.WriteString("  " + r.detail() + "\n")
	}
	if c.More != "" {
		b.WriteString("\n… " + c.More + ".\n")
	}
	b.WriteString("\nTimes are in " + c.Zone + ".\n")
	if c.OpenURL != "" {
		b.WriteString("\nSee the events: " + c.OpenURL + "\n")
	}
	b.WriteString("\n-- \n" + c.Reason + "\n")
	if c.UnsubscribeURL != "" {
		b.WriteString("Stop these mails: " + c.UnsubscribeURL + "\n")
	}
	return b.String()
}

// detail is the small print of a row: who, what, from where.
func (r row) detail() string {
	parts := []string{r.Action}
	if r.Failed {
		parts = append(parts, "failed")
	}
	if r.Actor != "" {
		parts = append(parts, "by "+r.Actor)
	}
	if r.From != "" {
		parts = append(parts, "from "+r.From)
	}
	return strings.Join(parts, " · ")
}

// location returns the reminder's time zone and its name; UTC where there is none or it is not known here.
func location(name string) (*time.Location, string) {
	if name == "" || name == "Local" {
		return time.UTC, "UTC"
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC, "UTC"
	}
	return zone, line(name, maxName)
}

// webURL returns an absolute http or https URL in its escaped form, or "" for anything else.
func webURL(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || (u.Scheme != "https" && u.Scheme != "http") {
		return ""
	}
	for _, r := range u.String() {
		if r <= ' ' || r > '~' || r == '<' || r == '>' || r == '"' {
			return ""
		}
	}
	return u.String()
}

// plural counts with thousands set apart: "10,000 events".
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits + " " + many
}
