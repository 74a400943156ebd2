package workflows_test

import (
	"context"
	"fmt"
	"time"

	"github.com/audittrail/audittrail/activities"
	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/workflows"
)

// batch makes a batch of events with the numbers from to to, received now.
func (r *rig) batch(from, to int) activities.Batch {
	now := r.Now()
	b := activities.Batch{From: fmt.Sprint("c", from), Window: fmt.Sprint("from:c", from), First: now, Oldest: now, Newest: now}
	for i := from; i < to; i++ {
		id := fmt.Sprint("e", i)
		key := activities.EventKey(id)
		b.Keys = append(b.Keys, key[:]...)
		b.Count++
		b.Events = append([]audit.DigestEvent{{ID: id, Time: now.Add(time.Duration(i)), Action: "contacts.member.added"}}, b.Events...)
	}
	b.Events = b.Events[:min(len(b.Events), audit.DigestExamples)]
	return b
}

func (r *rig) match(from, to int) { r.SignalWorkflow(workflows.SignalBatch, r.batch(from, to)) }

// remind runs a reminder's workflow until it has been idle for a day.
func (r *rig) remind(id string) {
	r.t.Helper()
	in := workflows.ReminderInput{ReminderRef: activities.ReminderRef{Organization: org, Reminder: id}}
	if err := r.run(workflows.NameReminder, in); err != nil {
		r.t.Fatal(err)
	}
}

// counts returns the counts of the digests that a channel sent.
func (c *channel) counts() []int {
	c.mu.Lock()
	defer c.mu.Unlock()
	counts := []int{}
	for _, n := range c.sent {
		counts = append(counts, n.Digest.Count)
	}
	return counts
}

func (r *rig) deliveries(reminder string) []audit.Delivery {
	r.t.Helper()
	list, err := r.store.Deliveries(context.Background(), org, reminder, "", 1000)
	if err != nil {
		r.t.Fatal(err)
	}
	return list
}

// reminder puts a reminder on contacts.* into the store and returns it.
func (r *rig) reminder(id string, change func(*audit.Reminder)) audit.Reminder {
	r.t.Helper()
	reminder := audit.Reminder{
		ID: id, Organization: org, Name: "Contacts", Actions: []string{"contacts.*"}, Channels: []audit.Channel{audit.ChannelEmail},
		Recipients: []audit.Recipient{{Member: "admin"}}, Window: audit.WindowImmediate, CreatedBy: "admin", CreatedAt: r.Now(), UpdatedAt: r.Now(),
	}
	if change != nil {
		change(&reminder)
	}
	reminder, err := r.store.PutReminder(context.Background(), reminder)
	if err != nil {
		r.t.Fatal(err)
	}
	return reminder
}

// edit changes a reminder that is in the store.
func (r *rig) edit(id string, change func(*audit.Reminder)) {
	r.t.Helper()
	reminder, err := r.store.Reminder(context.Background(), org, id)
	if err != nil {
		r.t.Fatal(err)
	}
	change(&reminder)
	if _, err := r.store.PutReminder(context.Background(), reminder); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) remove(id string) {
	r.t.Helper()
	if err := r.store.DeleteReminder(context.Background(), org, id); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) checkpoint(name string) string {
	r.t.Helper()
	value, err := r.store.Checkpoint(context.Background(), org, name)
	if err != nil {
		r.t.Fatal(err)
	}
	return value
}
