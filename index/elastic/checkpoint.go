package elastic

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// place is where an event stands in the order of the tail.
type place struct {
	ms  int64 // of its stamp
	key int64
}

func (p place) compare(q place) int {
	return cmp.Or(cmp.Compare(p.ms, q.ms), cmp.Compare(p.key, q.key))
}

// endBefore is the last place that an event stamped before ms can have.
func endBefore(ms int64) place { return place{ms - 1, math.MaxInt64} }

const (
	// maxSeen is how many events a checkpoint can name. Younger ones wait until those before them are old enough not to need it.
	maxSeen = 4096
	// spareSeen and spareFor are how many events it names longer than it must, and how long. A bulk request that nobody waits for any more
	// may still be carried out, by a node that was paused: within these bounds even its events are not missed.
	spareSeen = 1024
	spareFor  = 10 * time.Minute
)

// checkpoint is how far a reader of the tail has come: it has had every event up to the floor, and those behind it that it has seen.
type checkpoint struct {
	floor place
	seen  []place // in order
}

// keys are those of the events that were seen.
func (c *checkpoint) keys() []int64 {
	keys := make([]int64, len(c.seen))
	for i, p := range c.seen {
		keys[i] = p.key
	}
	return keys
}

// young counts the seen events that are stamped at stable or later.
func (c *checkpoint) young(stable int64) int {
	n := 0
	for _, p := range c.seen {
		if p.ms >= stable {
			n++
		}
	}
	return n
}

// note takes more events in.
func (c *checkpoint) note(more []place) {
	c.seen = append(slices.Clone(c.seen), more...)
	slices.SortFunc(c.seen, place.compare)
}

// raise moves the floor to p, where that is higher, and forgets what is below.
func (c *checkpoint) raise(p place) {
	if p.compare(c.floor) > 0 {
		c.floor = p
	}
	c.seen = slices.DeleteFunc(slices.Clone(c.seen), func(s place) bool { return s.compare(c.floor) <= 0 })
}

// rest raises the floor as far as nothing more can come below, when everything that is visible at now was seen: to stable, but no further than the
// youngest event. What is imported meanwhile carries stamps of long ago, though none before those that were imported already.
func (c *checkpoint) rest(stable int64, now time.Time) {
	if len(c.seen) == 0 {
		return
	}
	spare := now.Add(-spareFor).UnixMilli()
	if n := len(c.seen) - spareSeen; n >= 0 {
		spare = max(spare, c.seen[n].ms)
	}
	c.raise(endBefore(min(stable, spare, c.seen[len(c.seen)-1].ms)))
	c.fit(stable)
}

// fit forgets the oldest of what was seen, where that is too much, as far as nothing more can come beside it.
func (c *checkpoint) fit(stable int64) {
	if n := len(c.seen) - maxSeen; n > 0 && c.seen[n-1].ms < stable {
		c.raise(c.seen[n-1])
	}
}

// checkpointVersion comes first in every checkpoint. Another engine's are refused by it.
const checkpointVersion = "elastic1."

// ownerBytes and sumBytes are the lengths of what says whose a checkpoint is, and that it is whole.
const (
	ownerBytes = 8
	sumBytes   = 4
)

// text writes the checkpoint for its organization: nine or ten bytes an event that was seen, in base64.
func (c *checkpoint) text(organization string) string {
	owner := sha256.Sum256([]byte(organization))
	b := slices.Clone(owner[:ownerBytes])
	b = binary.AppendVarint(b, c.floor.ms)
	b = binary.AppendVarint(b, c.floor.key)
	ms := c.floor.ms
	for _, p := range c.seen {
		b = binary.AppendUvarint(b, uint64(p.ms-ms))
		b = binary.AppendUvarint(b, uint64(p.key))
		ms = p.ms
	}
	sum := sha256.Sum256(b)
	return checkpointVersion + base64.RawURLEncoding.EncodeToString(append(b, sum[:sumBytes]...))
}

// parseCheckpoint reads what text wrote; the empty one stands before everything.
func parseCheckpoint(organization, text string) (checkpoint, error) {
	c := checkpoint{floor: endBefore(0)}
	if text == "" {
		return c, nil
	}
	refused := audit.InvalidField("checkpoint", "is not one that this index made for the organization")
	encoded, ok := strings.CutPrefix(text, checkpointVersion)
	b, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if !ok || err != nil || len(b) < ownerBytes+sumBytes {
		return c, refused
	}
	body := b[:len(b)-sumBytes]
	owner, sum := sha256.Sum256([]byte(organization)), sha256.Sum256(body)
	if string(sum[:sumBytes]) != string(b[len(body):]) || string(owner[:ownerBytes]) != string(body[:ownerBytes]) {
		return c, refused
	}
	r := varints{rest: body[ownerBytes:]}
	c.floor = place{r.signed(), r.signed()}
	for ms := c.floor.ms; len(r.rest) > 0 && !r.bad; {
		ms += int64(r.unsigned())
		c.seen = append(c.seen, place{ms, int64(r.unsigned())})
	}
	if r.bad || c.text(organization) != text {
		return c, refused
	}
	return c, nil
}

// varints reads numbers of varying length.
type varints struct {
	rest []byte
	bad  bool
}

func (r *varints) signed() int64 {
	v, n := binary.Varint(r.rest)
	r.take(n)
	return v
}

func (r *varints) unsigned() uint64 {
	v, n := binary.Uvarint(r.rest)
	r.take(n)
	return v
}

func (r *varints) take(n int) {
	if n <= 0 {
		r.bad, r.rest = true, nil
		return
	}
	r.rest = r.rest[n:]
}
