package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"
)

const (
	// followedOverlap is for how long after its stamp an event may still come to be seen: a commit's deadline, the refresh of an index
	// and what the clocks of processes differ by.
	followedOverlap = 10 * time.Second
	// maxFollowed is how many events a Followed tells apart.
	maxFollowed = 128
	followedKey = 6
)

// Followed is how far a reader has followed what a query matches: it has had everything received up to a time and, of what was received later, the
// events that it names. It names those of the last seconds only, and not very many: of more, the oldest count as the limit. It becomes the opaque id of
// a stream's events, which a client that was cut off comes back with, to any process.
type Followed struct {
	since int64 // ms since 1970
	seen  []followedEvent
}

type followedEvent struct {
	ms  int64
	key [followedKey]byte
}

// FollowedUntil returns the place of a reader who has had everything that was received long enough before now to be seen by now. What it has had of
// the last seconds is noted with Note.
func FollowedUntil(now time.Time) Followed {
	return Followed{since: now.Add(-followedOverlap).UnixMilli()}
}

func keyOfFollowed(id string) (key [followedKey]byte) {
	sum := sha256.Sum256([]byte(id))
	copy(key[:], sum[:])
	return key
}

// Had says whether the reader has had the event.
func (f *Followed) Had(e *Event) bool {
	ms := e.ReceivedAt.UnixMilli()
	return ms <= f.since || slices.Contains(f.seen, followedEvent{ms, keyOfFollowed(e.ID)})
}

// Note says that the reader has had the event.
func (f *Followed) Note(e *Event) {
	if ms := e.ReceivedAt.UnixMilli(); ms > f.since {
		f.seen = append(f.seen, followedEvent{ms, keyOfFollowed(e.ID)})
	}
}

// Reach says that everything matching was noted that was visible when an event of the time had been received. What can no longer be preceded by
// anything is forgotten.
func (f *Followed) Reach(received time.Time) {
	slices.SortStableFunc(f.seen, func(a, b followedEvent) int { return int(a.ms - b.ms) })
	f.since = max(f.since, received.Add(-followedOverlap).UnixMilli())
	if n := len(f.seen) - maxFollowed; n > 0 {
		f.since = max(f.since, f.seen[n-1].ms)
	}
	f.seen = slices.DeleteFunc(f.seen, func(e followedEvent) bool { return e.ms <= f.since })
}

// Since is the time up to which the reader has had everything.
func (f *Followed) Since() time.Time { return time.UnixMilli(f.since).UTC() }

const followedVersion = 2 // apart from a cursor's

// Encode returns the place as text that DecodeFollowed takes with the same organization and query only.
func (f *Followed) Encode(organization string, q Query) string {
	raw := binary.BigEndian.AppendUint64([]byte{followedVersion}, uint64(f.since))
	for _, e := range f.seen {
		raw = append(binary.AppendUvarint(raw, uint64(e.ms-f.since)), e.key[:]...)
	}
	return cursorEncoding.EncodeToString(append(raw, cursorSumOf(organization, q, raw)...))
}

// DecodeFollowed returns the place. One that was altered or belongs to another organization or query is CodeInvalid on the field "Last-Event-ID".
func DecodeFollowed(organization string, q Query, text string) (Followed, error) {
	const head = 1 + 8
	refused := InvalidField("Last-Event-ID", "is not the id of an event of a stream with these filters; begin again without one")
	raw, err := cursorEncoding.DecodeString(text)
	if err != nil || len(text) != cursorEncoding.EncodedLen(len(raw)) || len(raw) < head+cursorSum || raw[0] != followedVersion {
		return Followed{}, refused
	}
	body := raw[:len(raw)-cursorSum]
	if string(raw[len(body):]) != string(cursorSumOf(organization, q, body)) {
		return Followed{}, refused
	}
	f := Followed{since: int64(binary.BigEndian.Uint64(body[1:]))}
	for rest := body[head:]; len(rest) > 0; {
		later, n := binary.Uvarint(rest)
		if n <= 0 || len(rest) < n+followedKey || len(f.seen) == maxFollowed {
			return Followed{}, refused
		}
		f.seen = append(f.seen, followedEvent{f.since + int64(later), [followedKey]byte(rest[n : n+followedKey])})
		rest = rest[n+followedKey:]
	}
	if f.Encode(organization, q) != text {
		return Followed{}, refused
	}
	return f, nil
}
