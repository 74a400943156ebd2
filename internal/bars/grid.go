package bars

import "time"

// Grid is a division of all time into equal steps, none of which spans two bars of a zone.
type Grid struct {
	// Step is an hour, or the part of one that the zone needs: half an hour where clocks move by that.
	Step time.Duration
	// Offset is where a step begins, counted from 1970 in UTC: not negative, and less than Step.
	Offset time.Duration
}

// GridOf returns the widest grid for the zone between two times. An engine that counts by its steps has counted by hours, days and weeks too.
func GridOf(zone *time.Location, from, to time.Time) Grid {
	_, offset := from.In(zone).Zone()
	begin := mod(-int64(offset), int64(time.Hour/time.Second)) // of an hour, in s since 1970
	step := int64(time.Hour / time.Second)
	for at := from.In(zone); ; {
		_, end := at.ZoneBounds()
		if end.IsZero() || end.After(to) {
			break
		}
		_, next := end.In(zone).Zone()
		// Bars end where the zone changes, and hours may begin elsewhere from then on.
		step = gcd(step, mod(end.Unix()-begin, step))
		step = gcd(step, mod(int64(offset-next), step))
		offset, at = next, end.In(zone)
	}
	return Grid{Step: time.Duration(step) * time.Second, Offset: time.Duration(mod(begin, step)) * time.Second}
}

// gcd is the greatest common divisor; that of a and 0 is a.
func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
