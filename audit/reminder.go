package audit

import "time"

// Channel is a way on which a reminder reaches people.
type Channel string

// The channels.
const (
	ChannelInbox Channel = "inbox" // a system message in the Message Center
	ChannelEmail Channel = "email"
	ChannelSMS   Channel = "sms"
)

// Channels returns every channel.
func Channels() []Channel { return []Channel{ChannelInbox, ChannelEmail, ChannelSMS} }

// Window says for how long matches are gathered before one digest is sent.
type Window string

// The windows. Hourly and daily ones end at the full hour and at midnight of the reminder's time zone.
const (
	WindowImmediate  Window = "immediate"
	WindowTenMinutes Window = "10m"
	WindowHourly     Window = "hourly"
	WindowDaily      Window = "daily"
)

// Limits of reminders.
const (
	MaxReminderActions    = MaxFilterActions
	MaxReminderRecipients = 50
	MaxReminders          = 200 // an organization
	// DigestExamples is how many events a digest names; the rest is counted.
	DigestExamples = 10
)

// Reminder is a setting: these actions reach these recipients by these channels.
type Reminder struct {
	ID           string `json:"id"`
	Organization string `json:"-"`
	Name         string `json:"name"`
	// Actions are exact, or end in ".*": "contacts.*".
	Actions    []string    `json:"actions"`
	Channels   []Channel   `json:"channels"`
	Recipients []Recipient `json:"recipients"`
	// Addresses are the ids of other addresses that are reminded, beside the members; Unsubscribed are those of them that opted out.
	Addresses    []string `json:"addresses,omitempty"`
	Unsubscribed []string `json:"unsubscribed_addresses,omitempty"`
	Window       Window   `json:"window"`
	// QuietHours holds messages back until they end; nil means none.
	QuietHours *QuietHours `json:"quiet_hours,omitempty"`
	// TimeZone is an IANA name; "" means UTC.
	TimeZone  string    `json:"time_zone,omitempty"`
	Paused    bool      `json:"paused"`
	CreatedBy string    `json:"created_by"` // member id; the reminder sees what this member may see
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	// Version counts the changes; a writer names the one it read, 0 for a new reminder.
	Version int64 `json:"version"`
}

// Recipient is a member who is reminded, at the address that the directory holds when the message leaves.
type Recipient struct {
	Member string `json:"member"`
	// Unsubscribed lists the channels that the member has opted out of.
	Unsubscribed []Channel `json:"unsubscribed,omitempty"`
}

// QuietHours is a daily time without messages, in the reminder's time zone. End before Start spans midnight.
type QuietHours struct {
	Start string `json:"start"` // "22:00"
	End   string `json:"end"`   // "07:30"
}

// Digest is what one reminder sends at one time: the matches that its window gathered.
type Digest struct {
	// ID is the same however often sending is retried.
	ID       string `json:"id"`
	Reminder string `json:"reminder"`
	// Count is how many events matched; Events holds the newest of them, at most DigestExamples.
	Count  int           `json:"count"`
	Events []DigestEvent `json:"events"`
	// Counts is Count by log, "" for events of which that is not known; nil where it is known of none.
	Counts map[Log]int `json:"counts,omitempty"`
	// From and To are the times of the oldest and the newest.
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	Test bool      `json:"test,omitempty"`
}

// DigestEvent is what a digest keeps of an event.
type DigestEvent struct {
	ID      string    `json:"id"`
	Time    time.Time `json:"time"`
	Log     Log       `json:"log"`
	Action  string    `json:"action"`
	Outcome Outcome   `json:"outcome"`
	Actor   string    `json:"actor"`   // name, or id where there is none
	Summary string    `json:"summary"` // one line
	Place   string    `json:"place,omitempty"`
	IP      string    `json:"ip,omitempty"`
	// People are the ids of its actor, who is the first, and its targets; none where an earlier version kept the event.
	People []string `json:"people,omitempty"`
}

// DeliveryStatus says what became of one message on one channel to one recipient.
type DeliveryStatus string

// The statuses of a delivery.
const (
	DeliveryPending   DeliveryStatus = "pending"   // about to be tried, or being retried
	DeliverySent      DeliveryStatus = "sent"      // taken by the inbox, the mail server or Twilio
	DeliveryDelivered DeliveryStatus = "delivered" // confirmed by Twilio's status callback
	DeliveryFailed    DeliveryStatus = "failed"    // refused for good; Error says why
	DeliverySkipped   DeliveryStatus = "skipped"   // not tried; Error says why (channel off, no address, unsubscribed, not included)
)

// Delivery records one message: what was sent, to whom, by which channel, with which result.
type Delivery struct {
	ID           string  `json:"id"` // derived from digest, channel and recipient
	Organization string  `json:"-"`
	Reminder     string  `json:"reminder"`
	Digest       string  `json:"digest"`
	Channel      Channel `json:"channel"`
	Member       string  `json:"member"`
	// OtherAddress is the id of one, where it went there; Member is "" then.
	OtherAddress string         `json:"other_address,omitempty"`
	Address      string         `json:"address,omitempty"` // masked: "a***@example.com", "+49*****123"
	Status       DeliveryStatus `json:"status"`
	Attempts     int            `json:"attempts"`
	Events       int            `json:"events"`
	Test         bool           `json:"test,omitempty"`
	// Provider is the Message-ID of a mail or the SID of an SMS.
	Provider string `json:"provider_id,omitempty"`
	// Error says why it failed or was skipped, with the provider's code where there is one.
	Error     string    `json:"error,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Message is a system message in a member's Message Center.
type Message struct {
	ID           string        `json:"id"`
	Organization string        `json:"-"`
	Member       string        `json:"-"`
	Title        string        `json:"title"`
	Body         string        `json:"body"`
	Reminder     string        `json:"reminder,omitempty"`
	Export       string        `json:"export,omitempty"`
	Count        int           `json:"count,omitempty"`
	Events       []DigestEvent `json:"events,omitempty"`
	// Test says that it is of a digest whose events are made up.
	Test bool `json:"test,omitempty"`
	// From and To are the times of the oldest and the newest event that a digest counts; zero where it knows of none.
	From      time.Time `json:"from,omitzero"`
	To        time.Time `json:"to,omitzero"`
	CreatedAt time.Time `json:"created_at"`
	ReadAt    time.Time `json:"read_at,omitzero"`
}
