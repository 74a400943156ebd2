package console

import (
	"fmt"
	"html/template"
	"strconv"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// shownTime is how times are shown: sortable, and the same in every language.
const shownTime = "2006-01-02 15:04:05"

// when shows a time in the reader's zone, with UTC on hover.
func when(t time.Time, zone *time.Location) template.HTML {
	if t.IsZero() {
		return "–"
	}
	utc := t.UTC().Format(audit.TimeLayout)
	return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%s UTC">%s</time>`, //nolint:gosec // made of times alone
		utc, t.UTC().Format(shownTime+".000"), t.In(zone).Format(shownTime)))
}

// grouped writes a whole number with thin spaces between thousands: 26 205.
func grouped[T int | int64](n T) string {
	digits := strconv.FormatInt(int64(n), 10)
	negative := n < 0
	if negative {
		digits = digits[1:]
	}
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "\u202f" + digits[at:]
	}
	if negative {
		return "−" + digits
	}
	return digits
}

// counted writes a number with the word for one or for several.
func counted(n int64, one, several string) string {
	if n == 1 {
		return "1 " + one
	}
	return grouped(n) + " " + several
}

// lasting writes how long something takes in its two greatest units: "23 h 59 min", "59 min 10 s", "8 s". The page's script counts down in the same words.
func lasting(d time.Duration) string {
	seconds := int64(max(0, d) / time.Second)
	switch hours, minutes := seconds/3600, seconds/60%60; {
	case hours >= 48:
		return fmt.Sprintf("%d days", hours/24)
	case hours > 0:
		return fmt.Sprintf("%d h %d min", hours, minutes)
	case minutes > 0:
		return fmt.Sprintf("%d min %d s", minutes, seconds%60)
	}
	return fmt.Sprintf("%d s", seconds)
}

// byteSize writes a number of bytes for people: "1.4 MiB".
func byteSize(n int64) string {
	const unit = 1024
	if n < unit {
		return strconv.FormatInt(n, 10) + " B"
	}
	value, i := float64(n)/unit, 0
	for value >= unit && i < 3 {
		value /= unit
		i++
	}
	return fmt.Sprintf("%.1f %s", value, [...]string{"KiB", "MiB", "GiB", "TiB"}[i])
}

// countOf writes the whole numbers that templates hold.
func countOf(n any) (string, error) {
	switch n := n.(type) {
	case int:
		return grouped(n), nil
	case int64:
		return grouped(n), nil
	}
	return "", fmt.Errorf("count: %T is not a whole number", n)
}
