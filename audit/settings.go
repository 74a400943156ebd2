package audit

import (
	"fmt"
	"net/mail"
	"net/url"
	"slices"
	"time"
	"unicode/utf8"
)

// Limits of records that people edit.
const (
	MaxOrganizationID = 63   // bytes of an organization's id
	MaxEmailBytes     = 254  // RFC 5321's limit of a path
	MaxURLBytes       = 2048 // of an avatar
	MaxDepartments    = 50   // of one member
	MaxOwnActions     = 1000 // that an organization adds to the catalogue
)

// ValidateOrganizationID says whether id may name an organization: 1 to 63 of a-z, 0-9 and "-", beginning with a letter or digit. It is
// what keeps ids from naming other folders and indices.
func ValidateOrganizationID(id string) error {
	if !isOrganizationID(id) {
		return InvalidField("organization", organizationIDRule, shorten(id), MaxOrganizationID)
	}
	return nil
}

const organizationIDRule = `%q is not an id: it must be 1 to %d of a-z, 0-9 and "-", beginning with a letter or digit`

func isOrganizationID(id string) bool {
	if id == "" || len(id) > MaxOrganizationID || id[0] == '-' {
		return false
	}
	for i := range len(id) {
		if c := id[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// Validate says whether the organization may be stored. Its own actions must be well formed, each once, and must not
// redefine those of the built-in catalogue or use the range of the trail itself.
func (o Organization) Validate() error {
	var c checker
	if !isOrganizationID(o.ID) {
		c.add("id", organizationIDRule, shorten(o.ID), MaxOrganizationID)
	}
	c.required("name", o.Name, MaxNameBytes)
	seen := make(map[string]bool)
	if c.atMost("actions", len(o.Actions), MaxOwnActions) {
		for i, a := range o.Actions {
			at := fmt.Sprintf("actions[%d].", i)
			c.action(at+"action", a.Action)
			switch {
			case seen[a.Action]:
				c.add(at+"action", "%q is given twice", shorten(a.Action))
			case isBuiltIn(a.Action):
				c.add(at+"action", "%q is in the built-in catalogue and cannot be changed", a.Action)
			case RangeOf(a.Action) == RangeAuditTrail:
				c.add(at+"action", "the range %s is reserved for what the server records itself", RangeAuditTrail)
			}
			seen[a.Action] = true
			c.enum(at+"log", string(a.Log), logWords)
			c.required(at+"title", a.Title, MaxNameBytes)
			c.text(at+"description", a.Description, MaxValueBytes)
		}
	}
	return c.err()
}

// Validate says whether the member may be stored.
func (m Member) Validate() error {
	var c checker
	c.required("id", m.ID, MaxIDBytes)
	c.required("name", m.Name, MaxNameBytes)
	if m.Avatar != "" && !isHTTPS(m.Avatar) {
		c.add("avatar", "must be an https URL of at most %d bytes", MaxURLBytes)
	}
	if m.Email != "" && !isEmail(m.Email) {
		c.add("email", "%q is not a mail address, like alice@example.com", shorten(m.Email))
	}
	if m.Phone != "" && !isE164(m.Phone) {
		c.add("phone", "%q is not a phone number of E.164: + and 7 to 15 digits, like +491701234567", shorten(m.Phone))
	}
	if c.atMost("departments", len(m.Departments), MaxDepartments) {
		for i, d := range m.Departments {
			c.required(fmt.Sprintf("departments[%d]", i), d, MaxNameBytes)
		}
	}
	c.name("user_name", m.UserName, MaxNameBytes)
	c.name("external_id", m.ExternalID, MaxNameBytes)
	c.name("given_name", m.Provisioned.GivenName, MaxNameBytes)
	c.name("family_name", m.Provisioned.FamilyName, MaxNameBytes)
	c.enum("role", string(m.Role), words(Roles()))
	c.enum("status", string(m.Status), words([]MemberStatus{MemberActive, MemberDeactivated, MemberDeleted}))
	return c.err()
}

func isHTTPS(v string) bool {
	u, err := url.Parse(v)
	return err == nil && len(v) <= MaxURLBytes && u.Scheme == "https" && u.Host != "" && u.User == nil
}

func isEmail(v string) bool {
	if len(v) > MaxEmailBytes || !utf8.ValidString(v) {
		return false
	}
	if _, found := control(v, ""); found {
		return false
	}
	a, err := mail.ParseAddress(v)
	return err == nil && a.Address == v // no name, no angle brackets, no comment
}

func isE164(v string) bool {
	if len(v) < 8 || len(v) > 16 || v[0] != '+' || v[1] == '0' {
		return false
	}
	for _, c := range []byte(v[1:]) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// Validate says whether the reminder may be stored.
func (r Reminder) Validate() error {
	var c checker
	c.required("name", r.Name, MaxNameBytes)
	c.actions(r.Actions)
	c.channels("channels", r.Channels)
	if len(r.Channels) == 0 {
		c.add("channels", "is required: at least one of %s", either(words(Channels())))
	}
	c.recipients(r.Recipients)
	c.addresses(r)
	c.schedule(r)
	return c.err()
}

// ValidateSchedule says whether the reminder can be rehearsed: its actions, window, quiet hours and time zone, and nothing else.
func (r Reminder) ValidateSchedule() error {
	var c checker
	c.actions(r.Actions)
	c.schedule(r)
	return c.err()
}

func (c *checker) schedule(r Reminder) {
	c.enum("window", string(r.Window), words([]Window{WindowImmediate, WindowTenMinutes, WindowHourly, WindowDaily}))
	if q := r.QuietHours; q != nil {
		c.clock("quiet_hours.start", q.Start)
		c.clock("quiet_hours.end", q.End)
		if q.Start != "" && q.Start == q.End {
			c.add("quiet_hours.end", "must differ from the start; pause the reminder to silence it all day")
		}
	}
	if _, err := time.LoadLocation(r.TimeZone); err != nil || r.TimeZone == "Local" {
		c.add("time_zone", "%q is not a time zone: it must be an IANA name, like Europe/Berlin, or empty for UTC", shorten(r.TimeZone))
	}
}

func (c *checker) actions(patterns []string) {
	if len(patterns) == 0 {
		c.add("actions", "is required: at least one action, like login.failed or contacts.*")
	}
	if !c.atMost("actions", len(patterns), MaxReminderActions) {
		return
	}
	for i, v := range patterns {
		at := fmt.Sprintf("actions[%d]", i)
		if !isActionPattern(v) {
			c.add(at, "%q is not an action, like login.failed, or all below one, like contacts.*", shorten(v))
		} else if slices.Contains(patterns[:i], v) {
			c.add(at, "%q is given twice", v)
		}
	}
}

func (c *checker) channels(field string, channels []Channel) {
	if !c.atMost(field, len(channels), len(Channels())) {
		return
	}
	for i, v := range channels {
		at := fmt.Sprintf("%s[%d]", field, i)
		c.enum(at, string(v), words(Channels()))
		if slices.Contains(channels[:i], v) {
			c.add(at, "%q is given twice", shorten(string(v)))
		}
	}
}

func (c *checker) recipients(recipients []Recipient) {
	if len(recipients) == 0 {
		c.add("recipients", "is required: at least one member")
	}
	if !c.atMost("recipients", len(recipients), MaxReminderRecipients) {
		return
	}
	seen := make(map[string]bool)
	for i, v := range recipients {
		at := fmt.Sprintf("recipients[%d]", i)
		c.required(at+".member", v.Member, MaxIDBytes)
		if v.Member != "" && seen[v.Member] {
			c.add(at+".member", "%q is given twice", shorten(v.Member))
		}
		seen[v.Member] = true
		c.channels(at+".unsubscribed", v.Unsubscribed)
	}
}

func (c *checker) addresses(r Reminder) {
	if !c.atMost("addresses", len(r.Addresses), MaxReminderAddresses) {
		return
	}
	for i, id := range r.Addresses {
		at := fmt.Sprintf("addresses[%d]", i)
		c.required(at, id, MaxIDBytes)
		if id != "" && slices.Contains(r.Addresses[:i], id) {
			c.add(at, "%q is given twice", shorten(id))
		}
	}
}

func (c *checker) clock(field, value string) {
	if _, ok := clockSeconds(value); !ok {
		c.add(field, "%q is not a time of day: it must be from 00:00 to 23:59, like 22:00", shorten(value))
	}
}
