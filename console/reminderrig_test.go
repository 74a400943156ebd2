package console

import (
	"fmt"
	"time"

	"github.com/audittrail/audittrail/audit"
)

const newPath = "/messages/settings/new"

// setReminder stores a reminder of the member's and returns its id. What is left out is told at once by system message to the member.
func (g *rig) setReminder(member string, m audit.Reminder) string {
	g.t.Helper()
	if m.ID == "" {
		m.ID = fmt.Sprint("r", len(m.Name), "-", g.clock.Now().UnixMilli())
	}
	m.Organization, m.CreatedBy, m.CreatedAt, m.UpdatedAt = g.enterprise.Organization.ID, member, g.clock.Now(), g.clock.Now()
	if m.Channels == nil {
		m.Channels = []audit.Channel{audit.ChannelInbox}
	}
	if m.Recipients == nil {
		m.Recipients = []audit.Recipient{{Member: member}}
	}
	if m.Window == "" {
		m.Window = audit.WindowImmediate
	}
	_, err := g.store.PutReminder(g.t.Context(), m)
	must(g.t, err)
	g.clock.advance(time.Second)
	return m.ID
}

func (g *rig) reminders() []audit.Reminder {
	g.t.Helper()
	list, err := g.store.Reminders(g.t.Context(), g.enterprise.Organization.ID)
	must(g.t, err)
	return list
}

// deliver records a delivery of the reminder.
func (g *rig) deliver(d audit.Delivery) {
	g.t.Helper()
	d.Organization, d.CreatedAt, d.UpdatedAt = g.enterprise.Organization.ID, g.clock.Now(), g.clock.Now()
	must(g.t, g.store.SaveDelivery(g.t.Context(), d))
}
