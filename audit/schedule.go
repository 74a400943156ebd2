package audit

import (
	"time"
	_ "time/tzdata" // the machine may have no time zones of its own
)

// Matches says whether one of the reminder's actions matches.
func (r Reminder) Matches(action string) bool {
	for _, pattern := range r.Actions {
		if MatchAction(pattern, action) {
			return true
		}
	}
	return false
}

// SendAt returns when the window that began with its first match, at first, is sent: when it closes, but not before now, and
// not in quiet hours, whose end is then the time. An immediate window closes at once, one of ten minutes ten minutes after first, an
// hourly and a daily one at the next full hour and midnight of the reminder's zone. All of it goes by the zone's wall clock, across changes of
// its offset: quiet hours that end at a time which the clock leaps over end with the leap. A zone that is not known counts as UTC.
func (r Reminder) SendAt(first, now time.Time) time.Time { return r.sendAt(r.location(), first, now) }

func (r Reminder) sendAt(zone *time.Location, first, now time.Time) time.Time {
	at := now
	switch r.Window {
	case WindowTenMinutes:
		at = first.Add(10 * time.Minute)
	case WindowHourly:
		at = nextBoundary(first.In(zone), hourSeconds)
	case WindowDaily:
		at = nextBoundary(first.In(zone), daySeconds)
	}
	if at.Before(now) {
		at = now
	}
	if r.QuietHours != nil {
		at = r.QuietHours.after(at.In(zone))
	}
	return at.UTC()
}

// location returns the reminder's time zone.
func (r Reminder) location() *time.Location {
	zone, err := time.LoadLocation(r.TimeZone)
	if err != nil {
		return time.UTC
	}
	return zone
}

const (
	hourSeconds = 60 * 60
	daySeconds  = 24 * hourSeconds
)

// wallSeconds returns what the wall clock shows at t, as seconds since 1970 on that clock.
func wallSeconds(t time.Time) int64 {
	_, offset := t.Zone()
	return t.Unix() + int64(offset)
}

// nextBoundary returns the first time after t at which the wall clock of t's zone begins a new hour or day. It goes from one change of
// the zone's offset to the next, as in between the clock runs evenly.
func nextBoundary(t time.Time, unit int64) time.Time {
	period := floorDiv(wallSeconds(t), unit)
	for at := t; ; {
		wall := wallSeconds(at)
		next := time.Unix(at.Unix()+(floorDiv(wall, unit)+1)*unit-wall, 0).In(t.Location())
		_, change := at.ZoneBounds()
		if change.IsZero() || next.Before(change) {
			return next
		}
		// The clock is set at change, to where the boundary may be passed (set forward) or not yet reached (set back).
		at = change.In(t.Location())
		wall = wallSeconds(at)
		if floorDiv(wall, unit) > period || unit == hourSeconds && wall%unit == 0 {
			return at
		}
	}
}

// after returns t, or the first time after it that is not in quiet hours, by the wall clock of t's zone.
func (q QuietHours) after(t time.Time) time.Time {
	start, okStart := clockSeconds(q.Start)
	end, okEnd := clockSeconds(q.End)
	if !okStart || !okEnd {
		return t
	}
	for at := t; ; {
		wall := wallSeconds(at)
		clock := wall - floorDiv(wall, daySeconds)*daySeconds
		if !within(clock, start, end) {
			return at
		}
		wait := end - clock
		if wait <= 0 {
			wait += daySeconds
		}
		next := time.Unix(at.Unix()+wait, 0).In(t.Location())
		_, change := at.ZoneBounds()
		if change.IsZero() || next.Before(change) {
			return next
		}
		at = change.In(t.Location())
	}
}

// within says whether clock is in [start, end), which may span midnight.
func within(clock, start, end int64) bool {
	if start <= end {
		return clock >= start && clock < end
	}
	return clock >= start || clock < end
}

// clockSeconds reads "07:30" as seconds since midnight.
func clockSeconds(text string) (int64, bool) {
	t, err := time.Parse("15:04", text)
	if err != nil || len(text) != len("15:04") {
		return 0, false
	}
	return int64(t.Hour())*hourSeconds + int64(t.Minute())*60, true
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
