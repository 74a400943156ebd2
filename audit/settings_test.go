package audit

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestOrganizationIDs(t *testing.T) {
	for _, id := range []string{"a", "0", "acme-2", strings.Repeat("a", 63), "a--"} {
		if err := ValidateOrganizationID(id); err != nil {
			t.Errorf("%q: %v", id, err)
		}
	}
	for _, id := range []string{"", "-a", "Acme", "a_b", "a.b", "..", "a/b", `a\b`, "a b", "é", "a\x00", strings.Repeat("a", 64)} {
		wantFields(t, ValidateOrganizationID(id), "organization")
	}
}

func TestOrganizationValidate(t *testing.T) {
	own := func(actions ...ActionInfo) Organization {
		return Organization{ID: "acme", Name: "Acme", Actions: actions}
	}
	good := ActionInfo{Action: "warehouse.pallet.moved", Log: LogProduct, Title: "Move pallet"}
	tests := []struct {
		name   string
		o      Organization
		fields []string
	}{
		{"with an action of its own", own(good), nil},
		{"with a new action in a built-in range", own(ActionInfo{Action: "contacts.member.praised", Log: LogOperation, Title: "Praise"}), nil},
		{"nothing", Organization{}, []string{"id", "name"}},
		{"the same action twice", own(good, good), []string{"actions[1].action"}},
		{"a built-in action", own(ActionInfo{Action: "login.failed", Log: LogLogin, Title: "x"}), []string{"actions[0].action"}},
		{"an action of the trail", own(ActionInfo{Action: "audit_trail.log.erased", Log: LogOperation, Title: "x"}), []string{"actions[0].action"}},
		{"an empty action", own(ActionInfo{}), []string{"actions[0].action", "actions[0].log", "actions[0].title"}},
		{"a bad description", own(ActionInfo{Action: "a.b", Log: LogLogin, Title: "x", Description: "\x00"}), []string{"actions[0].description"}},
		{"too many", own(make([]ActionInfo, MaxOwnActions+1)...), []string{"actions"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { wantFields(t, tt.o.Validate(), tt.fields...) })
	}
}

func TestMemberValidate(t *testing.T) {
	tests := []struct {
		name   string
		change func(m *Member)
		fields []string
	}{
		{"a whole one", func(*Member) {}, nil},
		{"a bare one", func(m *Member) { *m = Member{ID: "a", Name: "A", Role: RoleMember, Status: MemberDeleted} }, nil},
		{"an empty one", func(m *Member) { *m = Member{} }, []string{"id", "name", "role", "status"}},
		{"another role", func(m *Member) { m.Role = "root" }, []string{"role"}},
		{"another status", func(m *Member) { m.Status = "gone" }, []string{"status"}},
		{"an avatar over http", func(m *Member) { m.Avatar = "http://example.com/a.png" }, []string{"avatar"}},
		{"an avatar of script", func(m *Member) { m.Avatar = "javascript:alert(1)" }, []string{"avatar"}},
		{"an avatar without a host", func(m *Member) { m.Avatar = "https:///a.png" }, []string{"avatar"}},
		{"an avatar with a password", func(m *Member) { m.Avatar = "https://u:p@example.com/" }, []string{"avatar"}},
		{"a long avatar", func(m *Member) { m.Avatar = "https://example.com/" + strings.Repeat("a", MaxURLBytes) }, []string{"avatar"}},
		{"a mail address with a name", func(m *Member) { m.Email = "Alice <alice@example.com>" }, []string{"email"}},
		{"two mail addresses", func(m *Member) { m.Email = "a@example.com, b@example.com" }, []string{"email"}},
		{"a mail header in an address", func(m *Member) { m.Email = "a@example.com\r\nBcc: b@example.com" }, []string{"email"}},
		{"a mail address that is not UTF-8", func(m *Member) { m.Email = "a@example.com\xc2" }, []string{"email"}},
		{"no mail address", func(m *Member) { m.Email = "alice" }, []string{"email"}},
		{"a long mail address", func(m *Member) { m.Email = strings.Repeat("a", 250) + "@x.io" }, []string{"email"}},
		{"a phone without a plus", func(m *Member) { m.Phone = "0049170123456" }, []string{"phone"}},
		{"a phone that begins with 0", func(m *Member) { m.Phone = "+0170123456" }, []string{"phone"}},
		{"a phone with spaces", func(m *Member) { m.Phone = "+49 170 1234567" }, []string{"phone"}},
		{"a short phone", func(m *Member) { m.Phone = "+49170" }, []string{"phone"}},
		{"the longest phone", func(m *Member) { m.Phone = "+491701234567890" }, nil},
		{"a longer phone", func(m *Member) { m.Phone = "+4917012345678901" }, []string{"phone"}},
		{"an empty department", func(m *Member) { m.Departments = []string{"Sales", ""} }, []string{"departments[1]"}},
		{"51 departments", func(m *Member) { m.Departments = make([]string, MaxDepartments+1) }, []string{"departments"}},
		{"a control character in the name", func(m *Member) { m.Name = "a\x00" }, []string{"name"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := Member{ID: "u_17", Name: "Alice Smith", Avatar: "https://example.com/a.png", Email: "alice@example.com", Phone: "+491701234567",
				Departments: []string{"Sales"}, Role: RoleCreator, Status: MemberActive}
			tt.change(&m)
			wantFields(t, m.Validate(), tt.fields...)
		})
	}
	if !(Member{Status: MemberActive}).Included() || (Member{Status: MemberDeactivated}).Included() || (Member{}).Included() {
		t.Error("only an active member is included")
	}
}

func validReminder() Reminder {
	return Reminder{Name: "Failed logins", Actions: []string{"login.failed", "contacts.*"}, Channels: Channels(),
		Recipients: []Recipient{{Member: "u_17"}, {Member: "u_42", Unsubscribed: []Channel{ChannelSMS}}},
		Window:     WindowHourly, QuietHours: &QuietHours{Start: "22:00", End: "07:30"}, TimeZone: "Europe/Berlin"}
}

func TestReminderValidate(t *testing.T) {
	tests := []struct {
		name   string
		change func(r *Reminder)
		fields []string
	}{
		{"a whole one", func(*Reminder) {}, nil},
		{"without a zone and quiet hours", func(r *Reminder) { r.TimeZone, r.QuietHours = "", nil }, nil},
		{"an empty one", func(r *Reminder) { *r = Reminder{} }, []string{"name", "actions", "channels", "recipients", "window"}},
		{"bad and double actions", func(r *Reminder) { r.Actions = []string{"login", "*", "a.b", "a.b"} }, []string{"actions[0]", "actions[1]", "actions[3]"}},
		{"201 actions", func(r *Reminder) { r.Actions = slices.Repeat([]string{"a.b"}, MaxReminderActions+1) }, []string{"actions"}},
		{"bad and double channels", func(r *Reminder) { r.Channels = []Channel{"fax", ChannelSMS, ChannelSMS} }, []string{"channels[0]", "channels[2]"}},
		{"too many channels", func(r *Reminder) { r.Channels = slices.Repeat(Channels(), 2) }, []string{"channels"}},
		{"a member twice, and none", func(r *Reminder) { r.Recipients = []Recipient{{Member: "a"}, {Member: "a"}, {}} }, []string{"recipients[1].member", "recipients[2].member"}},
		{"a bad opt-out", func(r *Reminder) { r.Recipients[1].Unsubscribed = []Channel{"fax"} }, []string{"recipients[1].unsubscribed[0]"}},
		{"51 recipients", func(r *Reminder) {
			r.Recipients = nil
			for i := range MaxReminderRecipients + 1 {
				r.Recipients = append(r.Recipients, Recipient{Member: fmt.Sprint(i)})
			}
		}, []string{"recipients"}},
		{"another window", func(r *Reminder) { r.Window = "weekly" }, []string{"window"}},
		{"times of day that are none", func(r *Reminder) { r.QuietHours = &QuietHours{Start: "24:00", End: "7:30"} }, []string{"quiet_hours.start", "quiet_hours.end"}},
		{"quiet all day", func(r *Reminder) { r.QuietHours = &QuietHours{Start: "22:00", End: "22:00"} }, []string{"quiet_hours.end"}},
		{"a zone that is none", func(r *Reminder) { r.TimeZone = "Europe/Atlantis" }, []string{"time_zone"}},
		{"the zone of the server", func(r *Reminder) { r.TimeZone = "Local" }, []string{"time_zone"}},
		{"a zone that is a path", func(r *Reminder) { r.TimeZone = "../../etc/passwd" }, []string{"time_zone"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := validReminder()
			tt.change(&r)
			wantFields(t, r.Validate(), tt.fields...)
		})
	}
}

func TestReminderMatchesOneOfItsActions(t *testing.T) {
	r := validReminder()
	for action, want := range map[string]bool{"login.failed": true, "contacts.member.added": true, "login.succeeded": false, "contacts": false} {
		if got := r.Matches(action); got != want {
			t.Errorf("%s: %t", action, got)
		}
	}
}

func TestCatalogueIsWellFormed(t *testing.T) {
	all := Catalogue()
	seen := make(map[string]bool)
	count := make(map[string]int)
	for _, a := range all {
		var c checker
		c.action("action", a.Action)
		c.enum("log", string(a.Log), logWords)
		c.required("title", a.Title, MaxNameBytes)
		if err := c.err(); err != nil || seen[a.Action] || !strings.HasSuffix(a.Description, ".") {
			t.Errorf("%+v: %v", a, err)
		}
		if (a.Log == LogLogin) != (RangeOf(a.Action) == "login") {
			t.Errorf("%s is in the log %s", a.Action, a.Log)
		}
		seen[a.Action] = true
		count[RangeOf(a.Action)]++
	}
	for _, want := range []string{"contacts.member.disabled", "contacts.role_group.member_added", "contacts.department.deleted", "open_platform.plugin.imported",
		"open_platform.key.enabled", "enterprise.contact_group.created", "enterprise.product.enabled", "enterprise.order.paid",
		"login.succeeded", "login.failed", "login.ended", ActionEventsSearched, ActionRetentionRan} {
		if !seen[want] {
			t.Errorf("%s is missing", want)
		}
	}
	if len(count) != 5 {
		t.Errorf("ranges: %v", count)
	}
	all[0].Title = "changed"
	if Catalogue()[0].Title == "changed" {
		t.Error("a caller can change the catalogue")
	}
	own := ActionInfo{Action: "warehouse.pallet.moved", Log: LogProduct, Title: "Move pallet"}
	if got := (Organization{Actions: []ActionInfo{own}}).Catalogue(); len(got) != len(all)+1 || got[len(all)] != own {
		t.Errorf("an organization's own action is not last: %+v", got[len(got)-1])
	}
}
