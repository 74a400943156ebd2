package audit

import "time"

// Horizon returns the oldest time that may be shown, counted or exported at now: RetentionMonths calendar months
// earlier, in UTC, at the same time of day. An event whose time is exactly the horizon is still shown. Where the earlier month has
// no such day (29 to 31 August minus six months) it is the beginning of the month after: all of the shorter month is past by
// then. So the horizon never goes back, and what was once past does not come back into sight.
func Horizon(now time.Time) time.Time {
	now = now.UTC()
	year, month, day := now.Date()
	first := time.Date(year, month-RetentionMonths, 1, 0, 0, 0, 0, time.UTC)
	next := first.AddDate(0, 1, 0)
	if day > next.AddDate(0, 0, -1).Day() {
		return next
	}
	return first.AddDate(0, 0, day-1).Add(now.Sub(now.Truncate(24 * time.Hour)))
}
