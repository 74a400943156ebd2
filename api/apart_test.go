package api

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// The interfaces under other names, as some have a method of their own name.
type (
	spiedEvents     = Events
	spiedIngester   = Ingester
	spiedDirectory  = Directory
	spiedKeys       = Keys
	spiedReminders  = Reminders
	spiedDeliveries = Deliveries
	spiedMessages   = Messages
	spiedExports    = Exports
	spiedJobs       = Jobs
	spiedAddresses  = OtherAddresses
)

// spy notes which calls of store and index a request makes.
type spy struct {
	spiedEvents
	spiedIngester
	spiedDirectory
	spiedKeys
	spiedReminders
	spiedDeliveries
	spiedMessages
	spiedExports
	spiedJobs
	spiedAddresses
	mu    sync.Mutex
	calls []string
}

func (s *spy) note(call string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, call)
}

// taken returns what was noted since it was last asked.
func (s *spy) taken() (calls []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls, s.calls = s.calls, nil
	return calls
}

func (s *spy) Get(ctx context.Context, organization, id string) (audit.Event, error) {
	s.note("Get")
	return s.spiedEvents.Get(ctx, organization, id)
}
func (s *spy) Append(ctx context.Context, organization string, events []*audit.Event) ([]audit.AppendStatus, error) {
	s.note("Append " + events[0].Action)
	return s.spiedIngester.Append(ctx, organization, events)
}
func (s *spy) Member(ctx context.Context, organization, id string) (audit.Member, error) {
	s.note("Member")
	return s.spiedDirectory.Member(ctx, organization, id)
}
func (s *spy) PutMember(ctx context.Context, m audit.Member) (audit.Member, error) {
	s.note("PutMember")
	return s.spiedDirectory.PutMember(ctx, m)
}
func (s *spy) PutMembers(ctx context.Context, organization string, members []audit.Member) ([]error, error) {
	s.note("PutMembers")
	return s.spiedDirectory.PutMembers(ctx, organization, members)
}
func (s *spy) Group(ctx context.Context, organization, id string) (audit.Group, error) {
	s.note("Group")
	return s.spiedDirectory.Group(ctx, organization, id)
}
func (s *spy) PutGroup(ctx context.Context, g audit.Group) (audit.Group, error) {
	s.note("PutGroup")
	return s.spiedDirectory.PutGroup(ctx, g)
}
func (s *spy) DeleteGroup(ctx context.Context, organization, id string) error {
	s.note("DeleteGroup")
	return s.spiedDirectory.DeleteGroup(ctx, organization, id)
}
func (s *spy) RevokeKey(ctx context.Context, organization, id string, at time.Time) error {
	s.note("RevokeKey")
	return s.spiedKeys.RevokeKey(ctx, organization, id, at)
}
func (s *spy) Reminder(ctx context.Context, organization, id string) (audit.Reminder, error) {
	s.note("Reminder")
	return s.spiedReminders.Reminder(ctx, organization, id)
}
func (s *spy) PutReminder(ctx context.Context, r audit.Reminder) (audit.Reminder, error) {
	s.note("PutReminder")
	return s.spiedReminders.PutReminder(ctx, r)
}
func (s *spy) DeleteReminder(ctx context.Context, organization, id string) error {
	s.note("DeleteReminder")
	return s.spiedReminders.DeleteReminder(ctx, organization, id)
}
func (s *spy) Delivery(ctx context.Context, organization, id string) (audit.Delivery, error) {
	s.note("Delivery")
	return s.spiedDeliveries.Delivery(ctx, organization, id)
}
func (s *spy) SaveDelivery(ctx context.Context, d audit.Delivery) error {
	s.note("SaveDelivery")
	return s.spiedDeliveries.SaveDelivery(ctx, d)
}
func (s *spy) Message(ctx context.Context, organization, member, id string) (audit.Message, error) {
	s.note("Message")
	return s.spiedMessages.Message(ctx, organization, member, id)
}
func (s *spy) Export(ctx context.Context, organization, id string) (audit.Export, error) {
	s.note("Export")
	return s.spiedExports.Export(ctx, organization, id)
}
func (s *spy) PutExport(ctx context.Context, e audit.Export) (audit.Export, error) {
	s.note("PutExport")
	return s.spiedExports.PutExport(ctx, e)
}
func (s *spy) Address(ctx context.Context, organization, id string) (audit.OtherAddress, error) {
	s.note("Address")
	return s.spiedAddresses.Address(ctx, organization, id)
}
func (s *spy) PutAddress(ctx context.Context, a audit.OtherAddress) (audit.OtherAddress, error) {
	s.note("PutAddress")
	return s.spiedAddresses.PutAddress(ctx, a)
}
func (s *spy) SendAddressCode(ctx context.Context, organization, address, code string) error {
	s.note("SendAddressCode")
	return s.spiedJobs.SendAddressCode(ctx, organization, address, code)
}
func (s *spy) TestReminder(ctx context.Context, organization, reminder, member string) (string, error) {
	s.note("TestReminder")
	return s.spiedJobs.TestReminder(ctx, organization, reminder, member)
}

// watch puts the spy in front of what the server works with.
func (s *spy) watch(cfg *Config) {
	s.spiedEvents, s.spiedIngester, s.spiedDirectory, s.spiedKeys, s.spiedReminders = cfg.Events, cfg.Ingester, cfg.Directory, cfg.Keys, cfg.Reminders
	s.spiedDeliveries, s.spiedMessages, s.spiedExports, s.spiedJobs = cfg.Deliveries, cfg.Messages, cfg.Exports, cfg.Jobs
	s.spiedAddresses = cfg.Addresses
	cfg.Events, cfg.Ingester, cfg.Directory, cfg.Keys, cfg.Reminders = s, s, s, s, s
	cfg.Deliveries, cfg.Messages, cfg.Exports, cfg.Jobs, cfg.Addresses = s, s, s, s, s
}

// TestWhatIsAnotherOrganizationsIsAsWhatIsNot: every route with an id answers the same, byte for byte but for the id, and asks the same of store and index, so
// that neither words nor time tell whether the id exists elsewhere.
func TestWhatIsAnotherOrganizationsIsAsWhatIsNot(t *testing.T) {
	watching := &spy{}
	m := newMatrix(t, watching.watch)
	compared := 0
	for _, c := range m.cases() {
		if c.target != targetForeign || c.line.kind == ofToken { // a token is signed, and says nothing when it is not
			continue
		}
		foreign := m.request(c, false)
		id := strings.TrimPrefix(m.thing(c, cmp.Or(c.who.member, "u_creator"), false), "other/")
		missing := foreign
		missing.path = strings.Replace(foreign.path, id, strings.Repeat("z", len(id)), 1)
		missing.body = strings.Replace(foreign.body, `"`+id+`"`, `"`+strings.Repeat("z", len(id))+`"`, 1)
		if signed := foreign.header["X-Twilio-Signature"]; signed != "" {
			missing.header = map[string]string{"X-Twilio-Signature": strings.Replace(signed, id, strings.Repeat("z", len(id)), 1), "Content-Type": foreign.header["Content-Type"]}
		}
		if missing.path == foreign.path {
			t.Fatalf("%s: %s does not name %s", c, foreign.path, id)
		}
		m.do(foreign) // so that what is remembered of the key is remembered for both
		var said [2]string
		for i, one := range []call{foreign, missing} {
			one.header["X-Request-ID"] = "the-same"
			watching.taken()
			a := m.do(one)
			a.header.Del("Date")
			a.header.Del(headerRemaining) // counts the requests before
			a.header.Del(headerReset)
			body := strings.ReplaceAll(strings.ReplaceAll(string(a.body), id, "ID"), strings.Repeat("z", len(id)), "ID")
			said[i] = fmt.Sprintf("%d %v %s, after %v", a.status, a.header, body, watching.taken())
		}
		if said[0] != said[1] {
			t.Errorf("%s:\n  of another organization: %s\n  of nobody:               %s", c, said[0], said[1])
		}
		compared++
	}
	if compared < 300 {
		t.Errorf("only %d were compared", compared)
	}
}

// TestACursorLeadsThroughOnesOwn: one of another organization, another member or another list, and one that was made by hand, is refused by its name or finds
// what the caller sees anyway.
func TestACursorLeadsThroughOnesOwn(t *testing.T) {
	m := newMatrix(t)
	contact := m.callers[slices.IndexFunc(m.callers, func(w caller) bool { return w.role == audit.RoleContactAdmin && w.session })]
	q := audit.Query{Logs: []audit.Log{audit.LogLogin, audit.LogOperation}}
	byHand := audit.Position{Time: today.Add(time.Second), Tie: 0}
	for _, tt := range []struct {
		name, path string
		refused    string // the field that is named
		rows       int    // else how many are there
	}{
		{"events, of another organization", "/v1/events?cursor=" + audit.EncodeCursor("other", q, byHand), "cursor", 0},
		{"events, of who sees more", "/v1/events?cursor=" + audit.EncodeCursor("acme", audit.Query{}, byHand), "cursor", 0},
		{"events, made by hand", "/v1/events?cursor=" + audit.EncodeCursor("acme", q, byHand), "", 10},
		{"exports, of another organization", "/v1/exports?cursor=foreign-export-u_contact", "cursor", 0},
		{"exports, a colleague's", "/v1/exports?cursor=export-u_mate", "cursor", 0},
		{"messages, of another organization", "/v1/messages?cursor=foreign-message-u_contact", "cursor", 0},
		{"messages, a colleague's", "/v1/messages?cursor=message-u_mate", "cursor", 0},
		{"unread messages, a colleague's", "/v1/messages?unread=true&cursor=message-u_mate", "cursor", 0},
		{"deliveries, of another reminder", "/v1/reminders/reminder-u_contact/deliveries?cursor=delivery-1", "cursor", 0},
		{"deliveries, of another organization", "/v1/reminders/reminder-u_contact/deliveries?cursor=foreign-delivery-1", "cursor", 0},
	} {
		a := m.do(call{method: http.MethodGet, path: tt.path, header: contact.header})
		if tt.refused != "" {
			if a.status != http.StatusUnprocessableEntity || !slices.Equal(a.fields(), []string{tt.refused}) {
				t.Errorf("%s: %d %s", tt.name, a.status, a.body)
			}
			continue
		}
		got := into[struct{ Events []audit.Event }](a.want(200)).Events
		if len(got) != tt.rows || strings.Contains(string(a.body), foreignMark) {
			t.Errorf("%s: %d rows, %s", tt.name, len(got), a.body)
		}
	}
	creator := m.callers[slices.IndexFunc(m.callers, func(w caller) bool { return w.role == audit.RoleCreator && w.session })]
	list := m.do(call{method: http.MethodGet, path: "/v1/members?limit=1000&cursor=" + url.QueryEscape("u_foreig"), header: creator.header}).want(200)
	if strings.Contains(string(list.body), foreignMark) || !strings.Contains(string(list.body), `"u_mate"`) {
		t.Errorf("members behind an id that another organization has: %s", list.body)
	}
}

// TestIDsOfOthersMessagesChangeNothing: they are not told apart from those that do not exist.
func TestIDsOfOthersMessagesChangeNothing(t *testing.T) {
	m := newMatrix(t)
	contact := m.callers[slices.IndexFunc(m.callers, func(w caller) bool { return w.role == audit.RoleContactAdmin && w.session })]
	a := m.do(call{method: http.MethodPost, path: "/v1/messages/read", header: contact.header, body: `{"ids":["message-u_mate","foreign-message-u_contact","foreign-message-u_mate","nothing"]}`}).want(200)
	if got := into[map[string]int](a)["unread"]; got != 1 {
		t.Errorf("%d unread", got)
	}
	for _, organization := range []string{"acme", "other"} {
		for _, id := range []string{matrixMate, "u_contact"} {
			if unread, err := m.store.Unread(t.Context(), organization, id); err != nil || unread != 1 {
				t.Errorf("%s of %s has %d unread, %v", id, organization, unread, err)
			}
		}
	}
}

// TestThePlaceInAStreamIsOnesOwn: the id of an event of a stream belongs to organization and filters, and that of a message to its member.
func TestThePlaceInAStreamIsOnesOwn(t *testing.T) {
	g := newRig(t)
	had := audit.FollowedUntil(g.clock.Now())
	for name, id := range map[string]string{"another organization's": had.Encode("other", audit.Query{}), "of who sees less": had.Encode("acme", audit.Query{Logs: []audit.Log{audit.LogLogin}}),
		"made by hand": "AgAAAZ"} {
		a := g.do(call{method: http.MethodGet, path: "/v1/events/stream", key: "admin", header: map[string]string{headerLastEvent: id}}).want(422)
		if !slices.Equal(a.fields(), []string{headerLastEvent}) {
			t.Errorf("%s: %s", name, a.body)
		}
	}
	must(t, g.store.AddMessage(t.Context(), audit.Message{ID: "theirs", Organization: "other", Member: "s_1", Title: "theirs", CreatedAt: today}))
	g.addMessage("m_1", 1)
	g.addMessage("s_1", 2)
	for _, id := range []string{"theirs", "msg-1"} {
		s := g.openStream("reader", id)
		s.wait(": connected")
		g.addMessage("s_1", 10+len(id))
		if got, want := s.wait("id: "), fmt.Sprint("id: msg-", 10+len(id)); got != want {
			t.Errorf("behind %s comes %q, want %q", id, got, want)
		}
	}
}
