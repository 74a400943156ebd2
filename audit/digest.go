package audit

import "slices"

// For returns the part of the digest that the principal sees: how many of its events are in logs that they see whole, and those of the events that it
// names. A digest is of what all members did, so a log of which a role sees the own events only does not count. Of which log an event is may
// not be known, in a digest that was found again without its events: such are for whoever sees any log whole.
func (d Digest) For(p Principal) Digest {
	if d.Test { // made up, and for whoever asked
		return d
	}
	sees := func(log Log) bool { return p.SeesWhole(log) || log == "" && p.SeesOthers() }
	counts := d.Counts
	if counts == nil {
		counts = map[Log]int{"": d.Count}
	}
	part := d
	part.Count, part.Counts = 0, map[Log]int{}
	for log, n := range counts {
		if sees(log) {
			part.Counts[log] = n
			part.Count += n
		}
	}
	part.Events = slices.DeleteFunc(slices.Clone(d.Events), func(e DigestEvent) bool { return !sees(e.Log) })
	return part
}

// For returns the message as the principal may read it now: without the events that it names of logs that they no longer see whole.
func (m Message) For(p Principal) Message {
	m.Events = Digest{Test: m.Test, Events: m.Events}.For(p).Events
	return m
}
