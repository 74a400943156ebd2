package console

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/audittrail/audittrail/audit"
)

func init() {
	for _, p := range trailPages {
		add(get(p.path+"/overview", func(con *Console, r *request) error { return con.showOverview(r, p) }))
	}
}

// facetTop is how many values of each facet are named.
const facetTop = 4

// overviewView is the times and counts of a list.
type overviewView struct {
	frame
	Tabs  []trailTab
	Total int64
	// Bars stand from left to right, Width is how many units they take; a unit is a tenth of a bar.
	Bars  []bar
	Width int
	// First and Last name the ends of the axis, Unit what a bar is: "day".
	First, Last, Unit string
	// Max is the count of the tallest bar.
	Max    int64
	Facets []facet
	// Zoom is the list without its times, to put others in.
	Zoom string
	// List is the list that this is the overview of.
	List string
}

// bar is one bar of the histogram. Lengths are of 100.
type bar struct {
	X, OK, Failed, OKTop, FailedTop int
	From, To                        string
	Said, Address                   string
}

// facet is the most frequent values of one field.
type facet struct {
	Label  string
	Values []facetValue
	Other  int64
}

// facetValue is a value, and the list with it as a filter, or without it where it is one.
type facetValue struct {
	Text    string
	Count   int64
	Address string
	Active  bool
}

// summaryAnswer is what GET /v1/events/summary answers.
type summaryAnswer struct {
	Total     int64  `json:"total"`
	Interval  string `json:"interval"`
	Histogram []struct {
		Start    time.Time `json:"start"`
		Count    int64     `json:"count"`
		Failures int64     `json:"failures"`
	} `json:"histogram"`
	Actions   facetAnswer `json:"actions"`
	Ranges    facetAnswer `json:"ranges"`
	Actors    facetAnswer `json:"actors"`
	Outcomes  facetAnswer `json:"outcomes"`
	Platforms facetAnswer `json:"platforms"`
}

type facetAnswer struct {
	Values []struct {
		Value string `json:"value"`
		Label string `json:"label"`
		Count int64  `json:"count"`
	} `json:"values"`
	Other int64 `json:"other"`
}

// showOverview is the overview of a list: to htmx the part that goes above the list, else a page of its own.
func (con *Console) showOverview(r *request, page trailPage) error {
	t := r.trailQuery(page)
	filters, err := t.filters()
	if err != nil {
		return err
	}
	filters.Set("zone", r.zone.String())
	filters.Set("top", strconv.Itoa(facetTop))
	var answer summaryAnswer
	if err := r.get("/v1/events/summary", filters, &answer); err != nil {
		return err
	}
	view := overviewView{Total: answer.Total, Zoom: t.address("from", "", "to", "", "when", ""), List: t.address()}
	view.draw(t, answer)
	view.Facets = t.facets(answer, r.vocabulary())
	if r.isFragment() {
		return r.part(http.StatusOK, "overview", "overview", view)
	}
	view.frame, view.Tabs = r.frame("Overview of the "+page.Name, "trail"), page.tabs(r.by)
	return r.render(http.StatusOK, "overview", view)
}

// draw makes the bars.
func (v *overviewView) draw(t trailQuery, answer summaryAnswer) {
	const tall, step = 100, 10
	for _, b := range answer.Histogram {
		v.Max = max(v.Max, b.Count)
	}
	for i, b := range answer.Histogram {
		start := b.Start.In(t.zone)
		end := after(start, answer.Interval)
		drawn := bar{X: i * step, Failed: length(b.Failures, v.Max), OK: length(b.Count-b.Failures, v.Max), Said: barWords(start, end, answer.Interval, b.Count, b.Failures),
			From: start.UTC().Format(time.RFC3339), To: end.UTC().Format(time.RFC3339)}
		drawn.FailedTop = tall - drawn.Failed
		drawn.OKTop = drawn.FailedTop - drawn.OK
		drawn.Address = t.address("when", "", "from", drawn.From, "to", drawn.To)
		v.Bars = append(v.Bars, drawn)
		if i == 0 {
			v.First = start.Format(axis(answer.Interval))
		}
		v.Last = start.Format(axis(answer.Interval))
	}
	v.Width, v.Unit = max(1, len(v.Bars)*step), answer.Interval
}

// length is how tall a count is drawn; what is there at all can be seen.
func length(count, most int64) int {
	if count == 0 || most == 0 {
		return 0
	}
	return max(2, int(96*count/most))
}

// after is where the bar ends that begins at the time.
func after(start time.Time, interval string) time.Time {
	switch audit.Interval(interval) {
	case audit.IntervalHour:
		return start.Add(time.Hour)
	case audit.IntervalWeek:
		return start.AddDate(0, 0, 7)
	}
	return start.AddDate(0, 0, 1)
}

// axis is how the ends of the axis are written.
func axis(interval string) string {
	if audit.Interval(interval) == audit.IntervalHour {
		return "2 Jan, 15:04"
	}
	return "2 January 2006"
}

// barWords is a bar in words: "Tue 17 Nov, 14:00–15:00: 123 events, 4 failed".
func barWords(start, end time.Time, interval string, count, failures int64) string {
	var when string
	switch audit.Interval(interval) {
	case audit.IntervalHour:
		when = start.Format("Mon 2 Jan, 15:04") + "–" + end.Format("15:04")
	case audit.IntervalWeek:
		when = start.Format("2 Jan") + "–" + end.AddDate(0, 0, -1).Format("2 Jan 2006")
	default:
		when = start.Format("Mon 2 Jan 2006")
	}
	text := fmt.Sprintf("%s: %s", when, total{Value: count, Relation: audit.RelationEqual}.Words())
	if failures > 0 {
		text += ", " + grouped(failures) + " failed"
	}
	return text
}

// facets are the counts beside the histogram. One with a single value that cannot be narrowed by is left out.
func (t trailQuery) facets(answer summaryAnswer, words *vocabulary) []facet {
	var all []facet
	add := func(name, label string, from facetAnswer, word func(value, label string) string) {
		f := facet{Label: label, Other: from.Other}
		for _, v := range from.Values {
			value := facetValue{Text: word(v.Value, v.Label), Count: v.Count}
			switch {
			case v.Value == "":
				value.Text = "none"
			case slices.Contains(t.values[name], v.Value):
				value.Active, value.Address = true, t.without(name, v.Value)
			default:
				value.Address = t.address(name, v.Value)
			}
			f.Values = append(f.Values, value)
		}
		if len(f.Values) > 0 {
			all = append(all, f)
		}
	}
	add("action", "Type", answer.Actions, func(v, _ string) string { return words.action(v) })
	add("actor", t.page.Who, answer.Actors, func(v, label string) string {
		if label != "" {
			return label
		}
		return v
	})
	if len(answer.Ranges.Values) > 1 {
		add("range", "Range", answer.Ranges, func(v, _ string) string { return rangeName(v) })
	}
	add("outcome", "Result", answer.Outcomes, func(v, _ string) string { return outcomeTitles[v] })
	add("platform", "Platform", answer.Platforms, func(v, _ string) string { return v })
	return all
}

// outcomeTitles are the outcomes as a facet names them.
var outcomeTitles = map[string]string{"success": "Succeeded", "failure": "Failed", "unknown": "Not known"}
