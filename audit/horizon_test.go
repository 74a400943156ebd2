package audit

import (
	"testing"
	"time"
)

func TestHorizonIsSixCalendarMonthsEarlier(t *testing.T) {
	tests := []struct{ now, want string }{
		{"2026-11-24T02:00:00.123Z", "2026-05-24T02:00:00.123Z"},
		{"2026-08-31T23:59:59Z", "2026-03-01T00:00:00Z"}, // February is shorter
		{"2024-08-31T00:00:00Z", "2024-03-01T00:00:00Z"}, // and longer in a leap year
		{"2026-08-29T12:00:00Z", "2026-03-01T00:00:00Z"},
		{"2026-08-28T12:00:00Z", "2026-02-28T12:00:00Z"},
		{"2024-08-29T12:00:00Z", "2024-02-29T12:00:00Z"},
		{"2100-08-31T12:00:00Z", "2100-03-01T00:00:00Z"}, // no leap year
		{"2000-08-30T12:00:00Z", "2000-03-01T00:00:00Z"}, // a leap year
		{"2024-02-29T12:00:00Z", "2023-08-29T12:00:00Z"},
		{"2026-01-31T12:00:00Z", "2025-07-31T12:00:00Z"},
		{"2026-02-28T12:00:00Z", "2025-08-28T12:00:00Z"},
		{"2026-03-31T12:00:00Z", "2025-10-01T00:00:00Z"},
		{"2026-04-30T12:00:00Z", "2025-10-30T12:00:00Z"},
		{"2026-05-31T12:00:00Z", "2025-12-01T00:00:00Z"},
		{"2026-06-30T12:00:00Z", "2025-12-30T12:00:00Z"},
		{"2026-07-31T12:00:00Z", "2026-01-31T12:00:00Z"},
		{"2026-09-30T12:00:00Z", "2026-03-30T12:00:00Z"},
		{"2026-10-31T12:00:00Z", "2026-05-01T00:00:00Z"},
		{"2026-12-31T12:00:00Z", "2026-07-01T00:00:00Z"},
		{"2026-03-01T00:30:00+02:00", "2025-08-28T22:30:00Z"}, // the day in UTC counts
	}
	for _, tt := range tests {
		got := Horizon(instant(t, tt.now))
		if !got.Equal(instant(t, tt.want)) || got.Location() != time.UTC {
			t.Errorf("at %s: %s, want %s", tt.now, got.Format(time.RFC3339Nano), tt.want)
		}
	}
}

func TestTheHorizonNeverGoesBack(t *testing.T) {
	const day = 24 * time.Hour
	last := Horizon(now)
	for at := now; at.Before(now.AddDate(5, 0, 0)); at = at.Add(time.Hour) {
		horizon := Horizon(at)
		if horizon.Before(last) || at.Sub(horizon) < 181*day || at.Sub(horizon) > 184*day {
			t.Fatalf("at %s it is %s, after %s", at, horizon, last)
		}
		last = horizon
	}
}

func TestTieIsTheSameInEveryEngineForEver(t *testing.T) {
	// The first 31 bits of SHA-256. They are stored: they must never change.
	for id, want := range map[string]uint32{"": 1910006305, "a": 1699463305, "0192": 1526548905, `WORKSTATION5\wardog`: 2090019040, "日本": 1737842566} {
		if got := Tie(id); got != want || got>>TieBits != 0 {
			t.Errorf("%q: %d, want %d", id, got, want)
		}
	}
}

func TestRangeIsTheFirstPartOfAnAction(t *testing.T) {
	for action, want := range map[string]string{"contacts.member.added": "contacts", "contacts": "contacts", "": "", ".x": ""} {
		if got := (&Event{Action: action}).Range(); got != want {
			t.Errorf("%q: %q, want %q", action, got, want)
		}
	}
}

func TestProgressOfAnExport(t *testing.T) {
	for _, tt := range []struct {
		e    Export
		want float64
	}{
		{Export{Status: ExportRunning}, 0}, {Export{Status: ExportRunning, Rows: 4, Done: 1}, 0.25}, {Export{Status: ExportReady}, 1}, {Export{Status: ExportFailed, Rows: 4}, 1},
	} {
		if got := tt.e.Progress(); got != tt.want {
			t.Errorf("%+v: %g", tt.e, got)
		}
	}
}
