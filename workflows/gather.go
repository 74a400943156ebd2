package workflows

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/audittrail/audittrail/activities"
	"github.com/audittrail/audittrail/audit"
)

// Gathered is what an open window holds. The zero value is an empty window.
type Gathered struct {
	Count  int
	Events []audit.DigestEvent // the newest, at most audit.DigestExamples
	// Counts is Count by log.
	Counts map[audit.Log]int
	// First is when the first match was received; Oldest and Newest are the matches' own times.
	First, Oldest, Newest time.Time
	// Began and Latest are when the first and the latest batch arrived here.
	Began, Latest time.Time
	// From is the checkpoint in front of the first batch; Window is how the dispatcher has noted it.
	From, Window string
}

// add takes the matches of a batch that were not seen before.
func (g *Gathered) add(b activities.Batch, seen *seen, now time.Time) {
	fresh := 0
	known := map[[activities.KeyBytes]byte]bool{}
	counts := map[audit.Log]int{}
	i := 0
	for key := range slices.Chunk(b.Keys, activities.KeyBytes) {
		if k := [activities.KeyBytes]byte(key); seen.add(k) {
			fresh++
			counts[b.LogOf(i)]++
		} else {
			known[k] = true
		}
		i++
	}
	if fresh == 0 {
		return
	}
	if g.Count == 0 {
		g.First, g.Oldest, g.Newest, g.Began, g.From, g.Window = b.First, b.Oldest, b.Newest, now, b.From, b.Window
	}
	g.count(fresh, counts)
	g.Latest = now
	g.First, g.Oldest, g.Newest = earlier(g.First, b.First), earlier(g.Oldest, b.Oldest), later(g.Newest, b.Newest)
	for _, e := range b.Events {
		if !known[activities.EventKey(e.ID)] {
			g.Events = append(g.Events, e)
		}
	}
	slices.SortStableFunc(g.Events, func(a, b audit.DigestEvent) int { return b.Time.Compare(a.Time) })
	g.Events = g.Events[:min(len(g.Events), audit.DigestExamples)]
}

// count adds so many events, by log. What a window of an earlier version gathered is of logs that are not known.
func (g *Gathered) count(fresh int, counts map[audit.Log]int) {
	if g.Counts == nil {
		g.Counts = map[audit.Log]int{}
		if g.Count > 0 {
			g.Counts[""] = g.Count
		}
	}
	g.Count += fresh
	for _, log := range append(audit.Logs(), "") {
		if n := counts[log]; n > 0 {
			g.Counts[log] += n
		}
	}
}

// quiet is when an immediate window may be sent.
func (g *Gathered) quiet() time.Time { return audit.BurstEnd(g.Began, g.Latest) }

func (g *Gathered) digest(reminder, id string) audit.Digest {
	return audit.Digest{ID: id, Reminder: reminder, Count: g.Count, Counts: g.Counts, Events: g.Events, From: g.Oldest, To: g.Newest}
}

// digestID is an id that follows from the parts, in the form of a UUID (RFC 9562, version 8).
func digestID(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	sum[6] = sum[6]&0x0f | 0x80
	sum[8] = sum[8]&0x3f | 0x80
	s := hex.EncodeToString(sum[:16])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// seen remembers the newest activities.SeenEvents keys.
type seen struct {
	keys  map[[activities.KeyBytes]byte]struct{}
	order [][activities.KeyBytes]byte // oldest first
}

func newSeen(packed []byte) *seen {
	s := &seen{keys: map[[activities.KeyBytes]byte]struct{}{}}
	for key := range slices.Chunk(packed, activities.KeyBytes) {
		s.add([activities.KeyBytes]byte(key))
	}
	return s
}

// add remembers a key and says whether it is new.
func (s *seen) add(key [activities.KeyBytes]byte) bool {
	if _, known := s.keys[key]; known {
		return false
	}
	s.keys[key] = struct{}{}
	s.order = append(s.order, key)
	if len(s.order) > activities.SeenEvents {
		delete(s.keys, s.order[0])
		s.order = s.order[1:]
	}
	return true
}

func (s *seen) pack() []byte {
	packed := make([]byte, 0, len(s.order)*activities.KeyBytes)
	for _, key := range s.order {
		packed = append(packed, key[:]...)
	}
	return packed
}
