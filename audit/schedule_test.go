package audit

import (
	"fmt"
	"testing"
	"time"
)

func TestSendAtClosesTheWindow(t *testing.T) {
	tests := []struct {
		name              string
		window            Window
		zone              string
		quiet             string // "22:00-07:30"
		first, now, wants string
	}{
		{"immediate is now", WindowImmediate, "", "", "2026-11-24T10:00:00Z", "2026-11-24T10:00:03Z", "2026-11-24T10:00:03Z"},
		{"ten minutes after the first", WindowTenMinutes, "", "", "2026-11-24T10:00:00.5Z", "2026-11-24T10:00:03Z", "2026-11-24T10:10:00.5Z"},
		{"ten minutes that are past are now", WindowTenMinutes, "", "", "2026-11-24T10:00:00Z", "2026-11-24T12:00:00Z", "2026-11-24T12:00:00Z"},
		{"hourly at the next full hour", WindowHourly, "", "", "2026-11-24T10:00:01Z", "2026-11-24T10:00:01Z", "2026-11-24T11:00:00Z"},
		{"hourly just before it", WindowHourly, "", "", "2026-11-24T10:59:59.999Z", "2026-11-24T10:59:59.999Z", "2026-11-24T11:00:00Z"},
		{"hourly on the full hour waits for the next", WindowHourly, "", "", "2026-11-24T10:00:00Z", "2026-11-24T10:00:00Z", "2026-11-24T11:00:00Z"},
		{"hourly in a zone of +05:45 goes by its own hours", WindowHourly, "Asia/Kathmandu", "", "2026-11-24T10:00:00Z", "2026-11-24T10:00:00Z", "2026-11-24T16:00:00+05:45"},
		{"daily at midnight of the zone", WindowDaily, "Europe/Berlin", "", "2026-11-24T10:00:00Z", "2026-11-24T10:00:00Z", "2026-11-25T00:00:00+01:00"},
		{"daily late in the evening there", WindowDaily, "Europe/Berlin", "", "2026-11-24T23:30:00Z", "2026-11-24T23:30:00Z", "2026-11-26T00:00:00+01:00"},
		{"daily in a zone of +05:45", WindowDaily, "Asia/Kathmandu", "", "2026-11-24T18:14:59Z", "2026-11-24T18:14:59Z", "2026-11-25T00:00:00+05:45"},
		{"daily before 1970", WindowDaily, "America/New_York", "", "1969-11-24T10:00:00.25Z", "1969-11-24T10:00:00.25Z", "1969-11-25T00:00:00-05:00"},
		{"an unknown zone counts as UTC", WindowDaily, "Europe/Atlantis", "", "2026-11-24T10:00:00Z", "2026-11-24T10:00:00Z", "2026-11-25T00:00:00Z"},

		{"daily across the change to summer time is 23 hours", WindowDaily, "Europe/Berlin", "", "2026-03-29T00:00:00+01:00", "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"},
		{"daily across the change to winter time is 25 hours", WindowDaily, "Europe/Berlin", "", "2026-10-25T00:00:00+02:00", "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00"},
		{"hourly into the leap ends with it", WindowHourly, "Europe/Berlin", "", "2026-03-29T01:30:00+01:00", "2026-03-29T01:30:00+01:00", "2026-03-29T03:00:00+02:00"},
		{"hourly into the hour that comes twice", WindowHourly, "Europe/Berlin", "", "2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+02:00", "2026-10-25T02:00:00+01:00"},
		{"hourly in the hour that came twice", WindowHourly, "Europe/Berlin", "", "2026-10-25T02:30:00+01:00", "2026-10-25T02:30:00+01:00", "2026-10-25T03:00:00+01:00"},
		{"daily to a midnight that is leapt over ends with the leap", WindowDaily, "America/Santiago", "", "2026-09-05T12:00:00-04:00", "2026-09-05T12:00:00-04:00", "2026-09-06T01:00:00-03:00"},
		{"daily to a midnight that is put off waits for it", WindowDaily, "America/Santiago", "", "2026-04-04T12:00:00-03:00", "2026-04-04T12:00:00-03:00", "2026-04-05T00:00:00-04:00"},
		{"hourly where half an hour is leapt over ends with the leap", WindowHourly, "Australia/Lord_Howe", "", "2026-10-04T01:45:00+10:30", "2026-10-04T01:45:00+10:30", "2026-10-04T02:30:00+11:00"},

		{"quiet hours put it off to their end", WindowImmediate, "Europe/Berlin", "22:00-07:30", "2026-11-24T23:00:00+01:00", "2026-11-24T23:00:00+01:00", "2026-11-25T07:30:00+01:00"},
		{"after midnight too", WindowImmediate, "Europe/Berlin", "22:00-07:30", "2026-11-24T06:59:59+01:00", "2026-11-24T06:59:59+01:00", "2026-11-24T07:30:00+01:00"},
		{"their start is quiet", WindowImmediate, "Europe/Berlin", "22:00-07:30", "2026-11-24T22:00:00+01:00", "2026-11-24T22:00:00+01:00", "2026-11-25T07:30:00+01:00"},
		{"their end is not", WindowImmediate, "Europe/Berlin", "22:00-07:30", "2026-11-24T07:30:00+01:00", "2026-11-24T07:30:00+01:00", "2026-11-24T07:30:00+01:00"},
		{"quiet hours within a day", WindowImmediate, "", "12:00-14:00", "2026-11-24T13:00:00Z", "2026-11-24T13:00:00.5Z", "2026-11-24T14:00:00Z"},
		{"outside of them nothing waits", WindowImmediate, "", "12:00-14:00", "2026-11-24T11:59:59Z", "2026-11-24T11:59:59Z", "2026-11-24T11:59:59Z"},
		{"daily digests wait for the morning", WindowDaily, "Europe/Berlin", "22:00-07:30", "2026-11-24T10:00:00Z", "2026-11-24T10:00:00Z", "2026-11-25T07:30:00+01:00"},
		{"quiet hours in a zone of +05:45", WindowImmediate, "Asia/Kathmandu", "22:00-07:30", "2026-11-24T17:00:00Z", "2026-11-24T17:00:00Z", "2026-11-25T07:30:00+05:45"},
		{"quiet hours over the change to summer time", WindowImmediate, "Europe/Berlin", "22:00-07:30", "2026-03-28T23:00:00+01:00", "2026-03-28T23:00:00+01:00", "2026-03-29T07:30:00+02:00"},
		{"quiet hours over the change to winter time", WindowImmediate, "Europe/Berlin", "22:00-07:30", "2026-10-24T23:00:00+02:00", "2026-10-24T23:00:00+02:00", "2026-10-25T07:30:00+01:00"},
		{"quiet hours whose end is leapt over end with the leap", WindowImmediate, "Europe/Berlin", "22:00-02:30", "2026-03-28T23:00:00+01:00", "2026-03-28T23:00:00+01:00", "2026-03-29T03:00:00+02:00"},
		{"quiet hours whose end comes twice end the first time", WindowImmediate, "Europe/Berlin", "22:00-02:30", "2026-10-24T23:00:00+02:00", "2026-10-24T23:00:00+02:00", "2026-10-25T02:30:00+02:00"},
		{"and are quiet again when the clock was set back", WindowImmediate, "Europe/Berlin", "22:00-02:30", "2026-10-25T02:10:00+01:00", "2026-10-25T02:10:00+01:00", "2026-10-25T02:30:00+01:00"},
		{"quiet hours that are not times are none", WindowImmediate, "", "x-y", "2026-11-24T13:00:00Z", "2026-11-24T13:00:00Z", "2026-11-24T13:00:00Z"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := Reminder{Window: tt.window, TimeZone: tt.zone}
			if tt.quiet != "" {
				r.QuietHours = &QuietHours{}
				if n, _ := fmt.Sscanf(tt.quiet, "%5s-%5s", &r.QuietHours.Start, &r.QuietHours.End); n != 2 {
					*r.QuietHours = QuietHours{Start: "x", End: "y"}
				}
			}
			got := r.SendAt(instant(t, tt.first), instant(t, tt.now))
			if want := instant(t, tt.wants); !got.Equal(want) || got.Location() != time.UTC {
				t.Fatalf("got %s, want %s", got.In(r.location()).Format(time.RFC3339Nano), tt.wants)
			}
		})
	}
}

func instant(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// TestSendAtHoldsAroundEveryChangeOfTheClock: whatever the zone, a message never leaves before now, never in quiet hours, and never later
// than the window and the quiet hours together can explain.
func TestSendAtHoldsAroundEveryChangeOfTheClock(t *testing.T) {
	for _, name := range []string{"UTC", "Europe/Berlin", "Asia/Kathmandu", "America/Santiago", "Australia/Lord_Howe", "America/Havana", "Africa/Cairo"} {
		t.Run(name, func(t *testing.T) {
			zone, err := time.LoadLocation(name)
			if err != nil {
				t.Fatal(err)
			}
			changes := []time.Time{now}
			for range 4 {
				if _, next := changes[len(changes)-1].In(zone).ZoneBounds(); !next.IsZero() {
					changes = append(changes, next)
				}
			}
			for _, change := range changes {
				for first := change.Add(-36 * time.Hour); first.Before(change.Add(36 * time.Hour)); first = first.Add(15 * time.Minute) {
					checkSendAt(t, zone, first)
				}
			}
		})
	}
}

func checkSendAt(t *testing.T, zone *time.Location, first time.Time) {
	t.Helper()
	const slack = time.Hour // a change of the clock
	quiet := QuietHours{Start: "21:30", End: "06:15"}
	for window, most := range map[Window]time.Duration{WindowImmediate: 0, WindowTenMinutes: 10 * time.Minute, WindowHourly: time.Hour, WindowDaily: 24 * time.Hour} {
		r := Reminder{Window: window, TimeZone: zone.String()}
		closes := r.SendAt(first, first).In(zone)
		before := closes.Add(-time.Nanosecond)
		if closes.Before(first) || closes.After(first.Add(most+slack)) ||
			window == WindowHourly && closes.Hour() == before.Hour() && closes.Minute() != 0 ||
			window == WindowDaily && closes.Day() == before.Day() {
			t.Fatalf("%s: a window from %s closes at %s", window, first.In(zone), closes)
		}
		r.QuietHours = &quiet
		at := r.SendAt(first, first)
		clock := at.In(zone).Format("15:04")
		if clock >= quiet.Start || clock < quiet.End || at.Before(closes) || at.After(closes.Add(8*time.Hour+45*time.Minute+slack)) {
			t.Fatalf("%s: a window from %s is sent at %s", window, first.In(zone), at.In(zone))
		}
	}
}
