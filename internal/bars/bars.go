// Package bars cuts histograms: at the hours, days and Mondays of a time zone, the same on every engine.
//
// It counts nothing: engines do, as finely as Hours needs it.
package bars

import (
	"time"

	"github.com/audittrail/audittrail/audit"
)

// Floor returns the start of the bar that t falls into, in t's zone: its hour, its midnight, or the midnight of its Monday. Where a
// day has no midnight, as clocks go forward then, it starts at its first instant.
func Floor(t time.Time, interval audit.Interval) time.Time {
	switch interval {
	case audit.IntervalHour:
		// Not time.Date: of two hours of the same name, when clocks go back, that would always give the first.
		_, offset := t.Zone()
		local := t.UnixMilli() + int64(offset)*1000
		start := time.UnixMilli(t.UnixMilli() - mod(local, time.Hour.Milliseconds())).In(t.Location())
		if began, _ := t.ZoneBounds(); start.Before(began) {
			return began
		}
		return start
	case audit.IntervalWeek:
		back := (int(t.Weekday()) + 6) % 7
		return startOfDay(t.Year(), t.Month(), t.Day()-back, t.Location())
	}
	return startOfDay(t.Year(), t.Month(), t.Day(), t.Location())
}

func mod(a, b int64) int64 { return ((a % b) + b) % b }

// startOfDay returns the first instant of a day.
func startOfDay(year int, month time.Month, day int, zone *time.Location) time.Time {
	t := time.Date(year, month, day, 0, 0, 0, 0, zone)
	noon := time.Date(year, month, day, 12, 0, 0, 0, zone)
	if t.Day() == noon.Day() {
		return t
	}
	// Midnight was skipped and Date answered with an hour of the day before: the day begins where the zone changes.
	_, end := t.ZoneBounds()
	return end
}

// Next returns the start of the bar behind the one that starts at t.
func Next(t time.Time, interval audit.Interval) time.Time {
	switch interval {
	case audit.IntervalHour:
		// Where the zone changes inside the hour, a bar ends and another one starts with the change.
		next := t.Add(time.Hour)
		if _, ends := t.ZoneBounds(); !ends.IsZero() && !next.Before(ends) {
			return ends
		}
		return Floor(next, interval)
	case audit.IntervalWeek:
		return startOfDay(t.Year(), t.Month(), t.Day()+7, t.Location())
	}
	return startOfDay(t.Year(), t.Month(), t.Day()+1, t.Location())
}

// Count is what a bar counts.
type Count struct{ Count, Failures int64 }

// Hours counts by the hours of a zone, from which days and weeks are added up. Keys are the starts that Floor gives, in ms since 1970.
type Hours map[int64]*Count

// At returns the count of the hour that starts at ms.
func (h Hours) At(ms int64) *Count {
	c, ok := h[ms]
	if !ok {
		c = &Count{}
		h[ms] = c
	}
	return c
}

// Histogram adds the hours up to the interval that is asked for, or to the finest that needs at most audit.MaxBuckets bars.
func (h Hours) Histogram(zone *time.Location, asked audit.Interval) (audit.Interval, []audit.Bucket, error) {
	first, last := int64(0), int64(0)
	for ms := range h {
		if first == 0 || ms < first {
			first = ms
		}
		last = max(last, ms)
	}
	from, to := time.UnixMilli(first).In(zone), time.UnixMilli(last).In(zone)
	limit := audit.MaxBucketsAsked
	intervals := []audit.Interval{asked}
	switch asked {
	case audit.IntervalAuto:
		intervals = []audit.Interval{audit.IntervalHour, audit.IntervalDay, audit.IntervalWeek}
		limit = audit.MaxBuckets
	case audit.IntervalHour, audit.IntervalDay, audit.IntervalWeek:
	default:
		return "", nil, audit.InvalidField("interval", "must be hour, day or week")
	}
	for _, interval := range intervals {
		if len(h) == 0 {
			return interval, []audit.Bucket{}, nil
		}
		if buckets, ok := h.buckets(from, to, interval, limit); ok {
			return interval, buckets, nil
		}
	}
	return "", nil, audit.InvalidField("interval", "needs more than %d bars for this range of times", limit)
}

// buckets lists the bars from the one of first to the one of last, or returns false where they are more than limit.
func (h Hours) buckets(first, last time.Time, interval audit.Interval, limit int) ([]audit.Bucket, bool) {
	var out []audit.Bucket
	place := map[int64]int{}
	for at := Floor(first, interval); !at.After(last); at = Next(at, interval) {
		if len(out) == limit {
			return nil, false
		}
		place[at.UnixMilli()] = len(out)
		out = append(out, audit.Bucket{Start: at})
	}
	for ms, c := range h {
		i, ok := place[Floor(time.UnixMilli(ms).In(first.Location()), interval).UnixMilli()]
		if !ok {
			continue
		}
		out[i].Count += c.Count
		out[i].Failures += c.Failures
	}
	return out, true
}
