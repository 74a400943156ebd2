package elastic

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// seenAt makes a checkpoint of n events, a millisecond apart, the last at the time.
func seenAt(n int, last time.Time) checkpoint {
	c := checkpoint{floor: endBefore(0)}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		c.seen = append(c.seen, place{last.UnixMilli() - int64(n-1-i), r.Int64()})
	}
	return c
}

func TestACheckpointIsReadAsItWasWritten(t *testing.T) {
	largest := checkpoint{floor: place{math.MaxInt64 - 1, math.MaxInt64}, seen: []place{{math.MaxInt64, 0}, {math.MaxInt64, math.MaxInt64}}}
	for name, c := range map[string]checkpoint{"the beginning": {floor: endBefore(0)}, "full": seenAt(maxSeen, readNow), "the largest numbers": largest} {
		text := c.text("acme")
		got, err := parseCheckpoint("acme", text)
		if err != nil || got.floor != c.floor || !slices.Equal(got.seen, c.seen) {
			t.Errorf("%s: read back %+v (%v), want %+v", name, got.floor, err, c.floor)
		}
		if len(text) > 56<<10 {
			t.Errorf("%s: it has %d bytes", name, len(text))
		}
	}
}

func TestACheckpointThatIsNotOneIsRefused(t *testing.T) {
	c := seenAt(3, readNow)
	text := c.text("acme")
	changed := []byte(text)
	changed[len(changed)/2] ^= 1
	for name, bad := range map[string]string{
		"another organization's": c.text("globex"), "changed": string(changed), "cut": text[:len(text)-1], "longer": text + "A",
		"without its version": strings.TrimPrefix(text, checkpointVersion), "only the version": checkpointVersion, "of the other engine": "sqlite1.4.202611.7",
		"of another version": "elastic2." + strings.TrimPrefix(text, checkpointVersion), "with padding": text + "=",
	} {
		if _, err := parseCheckpoint("acme", bad); audit.CodeOf(err) != audit.CodeInvalid {
			t.Errorf("%s: got %v, want CodeInvalid", name, err)
		}
	}
}

func FuzzParseCheckpoint(f *testing.F) {
	c := seenAt(3, readNow)
	f.Add(c.text("acme"))
	f.Add("")
	f.Add(checkpointVersion + "AAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseCheckpoint("acme", text)
		if err == nil && text != "" && c.text("acme") != text {
			t.Errorf("%q was taken for %q", text, c.text("acme"))
		}
	})
}

func TestACheckpointForgetsOnlyWhatCannotComeBesideAnything(t *testing.T) {
	stable := readNow.Add(-settleAfter).UnixMilli()
	for _, row := range []struct {
		name  string
		c     checkpoint
		floor int64 // in ms
		seen  int
	}{
		{"nothing was seen", checkpoint{floor: endBefore(0)}, -1, 0},
		{"a few, young: all are kept", seenAt(10, readNow), readNow.Add(-spareFor).UnixMilli() - 1, 10},
		{"many, young: all are kept", seenAt(maxSeen, readNow), stable - 1, maxSeen},
		{"old: the last stamp is kept, as more of it may be imported", seenAt(10, readNow.Add(-time.Hour)), readNow.Add(-time.Hour).UnixMilli() - 1, 1},
		{"not young: some are kept for a paused node", seenAt(2000, readNow.Add(-time.Minute)), readNow.Add(-time.Minute).UnixMilli() - spareSeen, spareSeen},
	} {
		c := row.c
		c.rest(stable, readNow)
		if c.floor.ms != row.floor || len(c.seen) != row.seen {
			t.Errorf("%s: the floor is %d and %d are kept, want %d and %d", row.name, c.floor.ms, len(c.seen), row.floor, row.seen)
		}
		if len(row.c.seen) > 0 && !slices.Equal(row.c.seen[len(row.c.seen)-row.seen:], c.seen) {
			t.Errorf("%s: other events are kept than the last", row.name)
		}
	}
}
