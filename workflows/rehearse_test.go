package workflows_test

import (
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// TestARehearsalIsWhatTheWorkflowDoes holds audit.Reminder.Rehearse, by which a reminder is tried out on the past, to the workflow itself.
func TestARehearsalIsWhatTheWorkflowDoes(t *testing.T) {
	night := &audit.QuietHours{Start: "22:00", End: "07:30"}
	for _, c := range []struct {
		name    string
		change  func(*audit.Reminder)
		matches []time.Duration // after 10:00 UTC
	}{
		{"immediate", func(x *audit.Reminder) {}, []time.Duration{time.Second, 2 * time.Second, 2500 * time.Millisecond, 9 * time.Second, time.Minute}},
		{"immediate, a long stream", func(x *audit.Reminder) {}, stream(30, time.Second)},
		{"immediate, with quiet hours", func(x *audit.Reminder) { x.QuietHours = night }, []time.Duration{11*time.Hour + 59*time.Minute, 12 * time.Hour, 15 * time.Hour, 22 * time.Hour}},
		{"ten minutes", func(x *audit.Reminder) { x.Window = audit.WindowTenMinutes }, stream(40, 70*time.Second)},
		{"hourly in a zone of +05:45", func(x *audit.Reminder) { x.Window, x.TimeZone = audit.WindowHourly, "Asia/Kathmandu" }, stream(20, 17*time.Minute)},
		{"daily with quiet hours", func(x *audit.Reminder) {
			x.Window, x.QuietHours, x.TimeZone = audit.WindowDaily, night, "Europe/Berlin"
		}, stream(30, 7*time.Hour+3*time.Minute)},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.reminder("r1", c.change)
			var times []time.Time
			for i, at := range c.matches {
				r.after(at, func() { r.match(i, i+1) })
				times = append(times, start.Add(at))
			}
			r.remind("r1")
			settings, err := r.store.Reminder(t.Context(), org, "r1")
			if err != nil {
				t.Fatal(err)
			}
			want := settings.Rehearse(times)
			if len(want) != len(r.mail.at) {
				t.Fatalf("the workflow sent at %v\nthe rehearsal says %v", r.mail.at, want)
			}
			for i, at := range r.mail.at {
				if off := at.Sub(want[i]); off < 0 || off > time.Second {
					t.Errorf("message %d left at %v, and the rehearsal says %v", i, at, want[i])
				}
			}
		})
	}
}

// stream is n times, a step apart.
func stream(n int, step time.Duration) (times []time.Duration) {
	for i := range n {
		times = append(times, time.Duration(i+1)*step)
	}
	return times
}
