package audit

import "time"

// An immediate window is not sent at its first match but when matches stop streaming in, so that a burst is one digest: at least
// burstLeast after the first, burstQuiet after the last, and at most burstMost after the first. Hints come once a second,
// so a stream goes on where the next batch comes within burstQuiet; and the message still leaves within five seconds.
const (
	burstLeast = 2 * time.Second
	burstQuiet = 1500 * time.Millisecond
	burstMost  = 4 * time.Second
)

// BurstEnd returns when an immediate window is sent whose first matches came at first and whose latest ones at latest, unless more come before then.
func BurstEnd(first, latest time.Time) time.Time {
	end := first.Add(burstLeast)
	if quiet := latest.Add(burstQuiet); quiet.After(end) {
		end = quiet
	}
	if most := first.Add(burstMost); end.After(most) {
		end = most
	}
	return end
}

// Rehearse returns when the reminder's digests would leave, in order, had each match been received at its time; the times are given
// oldest first. The last digest may leave after the last match: by a clock at which it has not left yet, its window is still open.
// Leaving out the oldest matches never makes more digests.
func (r Reminder) Rehearse(matches []time.Time) []time.Time {
	zone := r.location()
	var digests []time.Time
	for len(matches) > 0 {
		due := r.sendAt(zone, matches[0], matches[0])
		gathered := 1
		if r.Window == WindowImmediate {
			gathered, due = burst(matches, due)
		} else {
			for gathered < len(matches) && matches[gathered].Before(due) {
				gathered++
			}
		}
		digests = append(digests, due)
		matches = matches[gathered:]
	}
	return digests
}

// burst returns how many of the matches an immediate window gathers that is sent at due at the earliest, and when it is sent.
func burst(matches []time.Time, earliest time.Time) (int, time.Time) {
	for n := 1; ; n++ {
		due := BurstEnd(matches[0], matches[n-1])
		if due.Before(earliest) {
			due = earliest
		}
		if n == len(matches) || !matches[n].Before(due) {
			return n, due
		}
	}
}
