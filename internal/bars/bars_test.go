package bars_test

import (
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/bars"
)

func TestBarsFollowTheClocksOfTheZone(t *testing.T) {
	for name, zone := range map[string]*time.Location{"Berlin": zone(t, "Europe/Berlin"), "Lord Howe": zone(t, "Australia/Lord_Howe"), "Beirut": zone(t, "Asia/Beirut"), "Kolkata": zone(t, "Asia/Kolkata"), "UTC": time.UTC} {
		for _, interval := range []audit.Interval{audit.IntervalHour, audit.IntervalDay, audit.IntervalWeek} {
			at := bars.Floor(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).In(zone), interval)
			end := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
			for at.Before(end) {
				next := bars.Next(at, interval)
				if !next.After(at) {
					t.Fatalf("%s %s: the bar behind %v starts at %v", name, interval, at, next)
				}
				for _, inside := range []time.Time{at, at.Add(next.Sub(at) / 2), next.Add(-time.Millisecond)} {
					if got := bars.Floor(inside, interval); !got.Equal(at) {
						t.Fatalf("%s %s: %v belongs to the bar %v, not %v", name, interval, inside, got, at)
					}
				}
				if h, m, _ := at.Clock(); interval != audit.IntervalHour && (h > 1 || m > 0) {
					t.Fatalf("%s %s: a bar starts at %v", name, interval, at)
				}
				at = next
			}
		}
	}
}
