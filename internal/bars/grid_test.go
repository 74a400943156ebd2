package bars_test

import (
	"testing"
	"time"
	_ "time/tzdata" // zones that a machine may not know

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/internal/bars"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func TestAGridIsAsWideAsTheZoneAllows(t *testing.T) {
	from := time.Date(2026, 1, 10, 0, 0, 0, 0, time.UTC)
	for _, row := range []struct {
		name string
		zone *time.Location
		want bars.Grid
	}{
		{"UTC", time.UTC, bars.Grid{Step: time.Hour}},
		{"hours that move by whole hours", zone(t, "Europe/Berlin"), bars.Grid{Step: time.Hour}},
		{"hours that begin at a quarter past", zone(t, "Asia/Kathmandu"), bars.Grid{Step: time.Hour, Offset: 15 * time.Minute}},
		{"hours that begin at half past, and move by whole ones", zone(t, "America/St_Johns"), bars.Grid{Step: time.Hour, Offset: 30 * time.Minute}},
		{"clocks that move by half an hour", zone(t, "Australia/Lord_Howe"), bars.Grid{Step: 30 * time.Minute}},
		{"a zone of nobody's", time.FixedZone("odd", 7*60+11), bars.Grid{Step: time.Hour, Offset: time.Hour - 7*time.Minute - 11*time.Second}},
	} {
		if got := bars.GridOf(row.zone, from, from.AddDate(0, 6, 0)); got != row.want {
			t.Errorf("%s: the grid is %+v, want %+v", row.name, got, row.want)
		}
	}
}

func TestNoStepOfAGridSpansTwoBars(t *testing.T) {
	from := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	for _, name := range []string{"UTC", "Europe/Berlin", "Africa/Cairo", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Chatham", "America/Havana", "Asia/Beirut"} {
		z := zone(t, name)
		grid := bars.GridOf(z, from, from.AddDate(1, 0, 0))
		for at := from.Truncate(24 * time.Hour).Add(grid.Offset); at.Before(from.AddDate(1, 0, 0)); at = at.Add(grid.Step) {
			for _, interval := range []audit.Interval{audit.IntervalHour, audit.IntervalDay, audit.IntervalWeek} {
				first, last := at.In(z), at.Add(grid.Step-time.Millisecond).In(z)
				if a, b := bars.Floor(first, interval), bars.Floor(last, interval); !a.Equal(b) {
					t.Fatalf("%s: the step from %v to %v is in the %ss of %v and %v", name, first, last, interval, a, b)
				}
			}
		}
	}
}
