package audit

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestARehearsalSendsWhenTheWindowsClose(t *testing.T) {
	night := &QuietHours{Start: "22:00", End: "07:30"}
	for _, tt := range []struct {
		name    string
		r       Reminder
		matches []string
		want    []string
	}{
		{"nothing matches", Reminder{Window: WindowImmediate}, nil, nil},
		{"an immediate digest leaves two seconds after its only match", Reminder{Window: WindowImmediate}, []string{"24T10:00:00"}, []string{"24T10:00:02"}},
		{"a stream of matches is sent after four seconds, and again", Reminder{Window: WindowImmediate},
			[]string{"24T10:00:00", "24T10:00:01", "24T10:00:02", "24T10:00:03", "24T10:00:04", "24T10:00:05"}, []string{"24T10:00:04", "24T10:00:06.5"}},
		{"matches that stop streaming in are sent then", Reminder{Window: WindowImmediate}, []string{"24T10:00:00", "24T10:00:01", "24T10:00:04"}, []string{"24T10:00:02.5", "24T10:00:06"}},
		{"quiet hours gather the night", Reminder{Window: WindowImmediate, QuietHours: night}, []string{"24T21:59:50", "24T22:00:00", "24T23:00:00", "25T07:29:59", "25T07:30:00"},
			[]string{"24T21:59:52", "25T07:30:00", "25T07:30:02"}},
		{"ten minutes from the first match on", Reminder{Window: WindowTenMinutes}, []string{"24T10:00:00", "24T10:09:59", "24T10:10:00", "24T10:30:00"},
			[]string{"24T10:10:00", "24T10:20:00", "24T10:40:00"}},
		{"hourly", Reminder{Window: WindowHourly}, []string{"24T10:00:00", "24T10:59:59", "24T11:00:00", "24T15:30:00"}, []string{"24T11:00:00", "24T12:00:00", "24T16:00:00"}},
		{"daily, at the midnight of the zone", Reminder{Window: WindowDaily, TimeZone: "Europe/Berlin"}, []string{"24T10:00:00", "24T22:59:59", "24T23:00:00"}, []string{"24T23:00:00", "25T23:00:00"}},
		{"daily with quiet hours holds the night's matches until the next midnight", Reminder{Window: WindowDaily, QuietHours: night},
			[]string{"24T10:00:00", "25T03:00:00", "25T08:00:00"}, []string{"25T07:30:00", "26T07:30:00"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := tt.r.Rehearse(novembers(t, tt.matches))
			if !slices.EqualFunc(got, novembers(t, tt.want), time.Time.Equal) {
				t.Errorf("digests at %v\nwant %v", got, tt.want)
			}
		})
	}
}

func novembers(t *testing.T, texts []string) (times []time.Time) {
	t.Helper()
	for _, text := range texts {
		times = append(times, instant(t, "2026-11-"+text+"Z"))
	}
	return times
}

// TestOlderMatchesNeverMakeFewerDigests is what lets a rehearsal of the newest matches stand as a lower bound.
func TestOlderMatchesNeverMakeFewerDigests(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	steps := []time.Duration{0, 100 * time.Millisecond, 700 * time.Millisecond, 1499 * time.Millisecond, 1500 * time.Millisecond, 2 * time.Second, 5 * time.Minute, time.Hour, 9 * time.Hour}
	for range 3000 {
		r := Reminder{Window: []Window{WindowImmediate, WindowTenMinutes, WindowHourly, WindowDaily}[random.IntN(4)], TimeZone: "Europe/Berlin"}
		if random.IntN(2) == 0 {
			r.QuietHours = &QuietHours{Start: "22:00", End: "02:30"}
		}
		at := time.Date(2026, 10, 23+random.IntN(3), random.IntN(24), 0, 0, 0, time.UTC)
		reach := 1 + random.IntN(len(steps))
		var matches []time.Time
		for range 2 + random.IntN(40) {
			at = at.Add(steps[random.IntN(reach)])
			matches = append(matches, at)
		}
		all := r.Rehearse(matches)
		checkRehearsal(t, r, matches, all)
		if part := r.Rehearse(matches[1+random.IntN(len(matches)-1):]); len(part) > len(all) {
			t.Fatalf("%+v: %d digests of a part of %v, %d of all", r, len(part), matches, len(all))
		}
	}
}

// checkRehearsal: digests leave one after the other, and each after a match that the ones before it had not taken.
func checkRehearsal(t *testing.T, r Reminder, matches, digests []time.Time) {
	t.Helper()
	for i, at := range digests {
		if i > 0 && !at.After(digests[i-1]) {
			t.Fatalf("%+v: digests at %v", r, digests)
		}
	}
	if len(digests) == 0 || len(digests) > len(matches) || !digests[len(digests)-1].After(matches[len(matches)-1]) {
		t.Fatalf("%+v: %v become %v", r, matches, digests)
	}
}
