package api

import (
	"net/http"
	"strconv"
	"time"

	"github.com/audittrail/audittrail/audit"
)

const (
	defaultTop = 10
	maxTop     = 100
)

// summaryView is the answer to GET /v1/events/summary.
type summaryView struct {
	Total     int64          `json:"total"`
	Interval  audit.Interval `json:"interval"`
	Zone      string         `json:"zone"`
	Histogram []bucketView   `json:"histogram"`
	Actions   facetView      `json:"actions"`
	Ranges    facetView      `json:"ranges"`
	Actors    facetView      `json:"actors"`
	Outcomes  facetView      `json:"outcomes"`
	Platforms facetView      `json:"platforms"`
}

type bucketView struct {
	Start    string `json:"start"` // with the zone's offset
	Count    int64  `json:"count"`
	Failures int64  `json:"failures"`
}

type facetView struct {
	Values []valueView `json:"values"`
	Other  int64       `json:"other"`
}

type valueView struct {
	Value string `json:"value"`
	Label string `json:"label,omitempty"`
	Count int64  `json:"count"`
}

// summary is GET /v1/events/summary.
func (s *Server) summary(r *request) error {
	q, parseErr := audit.ParseQuery(r.query)
	zone, zoneErr := r.zone()
	interval, intervalErr := r.oneOf("interval", "auto", string(audit.IntervalHour), string(audit.IntervalDay), string(audit.IntervalWeek))
	top, topErr := r.top()
	if err := joinFields(parseErr, zoneErr, intervalErr, topErr); err != nil {
		return err
	}
	q, err := r.by.Narrow(q)
	if err != nil {
		return err
	}
	request := audit.SummaryRequest{Query: q, Zone: zone, Top: top}
	if interval != "auto" {
		request.Interval = audit.Interval(interval)
	}
	counts, err := s.cfg.Events.Summary(r.ctx, r.by.Organization, request)
	if err != nil {
		return err
	}
	if err := s.record(r.ctx, r, r.by, entry{action: audit.ActionSummaryViewed, message: r.by.MemberName + " viewed counts of events",
		metadata: map[string]string{"query": q.Values().Encode()}}); err != nil {
		return err
	}
	return r.json(http.StatusOK, viewSummary(counts, zone))
}

func viewSummary(counts audit.Summary, zone *time.Location) summaryView {
	view := summaryView{
		Total: counts.Total, Interval: counts.Interval, Zone: zone.String(), Histogram: make([]bucketView, len(counts.Histogram)),
		Actions: viewFacet(counts.Actions), Ranges: viewFacet(counts.Ranges), Actors: viewFacet(counts.Actors),
		Outcomes: viewFacet(counts.Outcomes), Platforms: viewFacet(counts.Platforms),
	}
	for i, b := range counts.Histogram {
		view.Histogram[i] = bucketView{Start: b.Start.In(zone).Format(time.RFC3339), Count: b.Count, Failures: b.Failures}
	}
	return view
}

func viewFacet(f audit.Facet) facetView {
	view := facetView{Values: make([]valueView, len(f.Values)), Other: f.Other}
	for i, v := range f.Values {
		view.Values[i] = valueView(v)
	}
	return view
}

// zone reads the parameter zone: an IANA name, UTC where it is not given.
func (r *request) zone() (*time.Location, error) {
	name, err := r.single("zone")
	if err != nil || name == "" {
		return time.UTC, err
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, audit.InvalidField("zone", "must be the IANA name of a time zone, like Europe/Berlin")
	}
	return zone, nil
}

func (r *request) top() (int, error) {
	text, err := r.single("top")
	if err != nil || text == "" {
		return defaultTop, err
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxTop {
		return 0, audit.InvalidField("top", "must be a whole number from 1 to %d", maxTop)
	}
	return n, nil
}
