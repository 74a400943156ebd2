package api

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/bars"
)

const (
	// previewDays is how many days a preview looks at, today included.
	previewDays = 30
	// previewScan is of how many matches, the newest, a preview looks at the times: what bounds its cost.
	previewScan = 4 * audit.MaxScan
	// previewExamples is how many matches it shows.
	previewExamples = 10
)

// previewView is the answer to POST /v1/reminders/preview.
type previewView struct {
	From     string `json:"from"`
	To       string `json:"to"`
	Matched  int64  `json:"matched"`
	Messages int    `json:"messages"`
	// Exact: every match was looked at. Else messages, also those of each day, are at least so many.
	Exact bool         `json:"exact"`
	ByDay []previewDay `json:"by_day"`
	// NextAt is when a window that is still open would be sent.
	NextAt string `json:"next_at,omitempty"`
	// Examples are the newest matches, as GET /v1/events gives them.
	Examples []json.RawMessage `json:"examples"`
}

type previewDay struct {
	Date     string `json:"date"`
	Matched  int64  `json:"matched"`
	Messages int    `json:"messages"`
}

// preview is a reminder on its way through what happened.
type preview struct {
	reminder audit.Reminder
	query    audit.Query // narrowed to what the caller sees
	zone     *time.Location
	// days has the first instant of each day, and its date.
	days  []time.Time
	times []time.Time // of the matches that were looked at, oldest first
	view  previewView
}

// previewReminder is POST /v1/reminders/preview: what a reminder with these settings would have sent in the last 30 days. What makes it a
// reminder, but not when it fires, may be missing.
func (s *Server) previewReminder(r *request) error {
	var in reminderInput
	if err := r.readJSON(&in); err != nil {
		return err
	}
	p := &preview{reminder: in.apply(audit.Reminder{Organization: r.by.Organization})}
	if err := p.reminder.ValidateSchedule(); err != nil {
		return err
	}
	org, err := s.cfg.Directory.Organization(r.ctx, r.by.Organization)
	if err != nil {
		return err
	}
	if fields := unknownActions(org, p.reminder.Actions); len(fields) > 0 {
		return audit.Invalid(fields...)
	}
	if err := p.setUp(r.by, s.now()); err != nil {
		return err
	}
	if err := s.rehearse(r, p); err != nil {
		return err
	}
	if err := s.recordView(r.ctx, r, entry{action: audit.ActionEventsSearched, message: r.by.MemberName + " tried out a reminder on past events",
		metadata: map[string]string{"query": p.query.Values().Encode(), "shown": strconv.Itoa(len(p.view.Examples))}},
		"preview "+strings.Join(p.reminder.Actions, " ")); err != nil { // without the times, which move on
		return err
	}
	return r.json(http.StatusOK, p.view)
}

// setUp says which events and days are meant: from the beginning of the first day, in the reminder's zone, to now.
func (p *preview) setUp(by audit.Principal, now time.Time) (err error) {
	if p.zone, err = time.LoadLocation(p.reminder.TimeZone); err != nil { // it was validated
		return err
	}
	to := now.Truncate(audit.TimePrecision).Add(audit.TimePrecision) // which is exclusive
	local := now.In(p.zone)
	noon := time.Date(local.Year(), local.Month(), local.Day()-previewDays+1, 12, 0, 0, 0, p.zone) // there is one every day
	for day := bars.Floor(noon, audit.IntervalDay); day.Before(to); day = bars.Next(day, audit.IntervalDay) {
		p.days = append(p.days, day)
		p.view.ByDay = append(p.view.ByDay, previewDay{Date: day.Format(time.DateOnly)})
	}
	p.view.From, p.view.To = p.days[0].Format(time.RFC3339), to.In(p.zone).Format(time.RFC3339)
	p.query, err = by.Narrow(audit.Query{Actions: p.reminder.Actions, From: p.days[0].UTC(), To: to.UTC()})
	return err
}

// rehearse reads the matches and works out what would have been sent.
func (s *Server) rehearse(r *request, p *preview) error {
	more, err := s.readMatches(r, p)
	if err != nil {
		return err
	}
	p.view.Exact, p.view.Matched = !more, int64(len(p.times))
	if more {
		err = s.countMatches(r, p)
	} else {
		for _, at := range p.times {
			p.on(at).Matched++
		}
	}
	p.send()
	return err
}

// readMatches reads the newest matches, page by page, and says whether there are more.
func (s *Server) readMatches(r *request, p *preview) (more bool, err error) {
	search := audit.Search{Query: p.query, Limit: audit.MaxScan}
	p.view.Examples = []json.RawMessage{}
	for len(p.times) < previewScan {
		page, err := s.cfg.Events.Search(r.ctx, r.by.Organization, search)
		if err != nil {
			return false, err
		}
		for i := range page.Events {
			p.times = append(p.times, page.Events[i].Time)
			if len(p.view.Examples) < previewExamples {
				p.view.Examples = append(p.view.Examples, page.Events[i].AppendJSON(nil))
			}
		}
		if search.After = page.Next; page.Next == nil {
			break
		}
	}
	slices.Reverse(p.times)
	return search.After != nil, nil
}

// countMatches counts the matches of each day where they are too many to be looked at.
func (s *Server) countMatches(r *request, p *preview) error {
	counts, err := s.cfg.Events.Summary(r.ctx, r.by.Organization, audit.SummaryRequest{Query: p.query, Zone: p.zone, Interval: audit.IntervalDay, Top: 1})
	if err != nil {
		return err
	}
	p.view.Matched = counts.Total
	for _, bucket := range counts.Histogram {
		p.on(bucket.Start).Matched += bucket.Count
	}
	return nil
}

// send counts the digests of each day, up to now.
func (p *preview) send() {
	now := p.query.To
	for _, at := range p.reminder.Rehearse(p.times) {
		if !at.Before(now) {
			p.view.NextAt = at.In(p.zone).Format(time.RFC3339)
			break
		}
		p.view.Messages++
		p.on(at).Messages++
	}
}

// on returns the day of a time.
func (p *preview) on(at time.Time) *previewDay {
	i, found := slices.BinarySearchFunc(p.days, at, time.Time.Compare)
	if !found {
		i--
	}
	return &p.view.ByDay[max(i, 0)]
}
