package api

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

// foreignMark stands in every name of the other organization, and must not come to anybody.
const foreignMark = "Foreign Secret"

const matrixMate = "u_mate"

// matrixMembers are those of both organizations, with the same ids in both.
var matrixMembers = map[string]audit.Role{"u_creator": audit.RoleCreator, "u_system": audit.RoleSystemAdmin, "u_contact": audit.RoleContactAdmin,
	"u_member": audit.RoleMember, matrixMate: audit.RoleMember}

var matrixActors = sorted(matrixMembers)

var matrixActions = map[audit.Log]string{audit.LogLogin: "login.succeeded", audit.LogOperation: "contacts.member.added", audit.LogProduct: "crm.deal.won", "": "contacts.member.added"}

func matrixEventID(organization string, log audit.Log, actor string) string {
	return organization + "-" + string(log) + "-" + actor
}

// matrix is a server with two organizations that have the same things in them.
type matrix struct {
	*rig
	callers []caller
	secret  []byte
	// addressKey is what codes of other addresses are made of; phones counts those that were added.
	addressKey []byte
	phones     atomic.Int64
}

// forgetful acknowledges events and keeps none, so that what the trail records of each request is not in the answer to the next.
type forgetful struct{}

func (forgetful) Append(_ context.Context, _ string, events []*audit.Event) ([]audit.AppendStatus, error) {
	return slices.Repeat([]audit.AppendStatus{audit.StatusCreated}, len(events)), nil
}

func newMatrix(t *testing.T, change ...func(*Config)) *matrix {
	m := &matrix{rig: newRig(t, append([]func(*Config){func(cfg *Config) { cfg.Ingester = forgetful{} }}, change...)...)}
	var err error
	m.secret, err = m.store.Secret(t.Context(), UnsubscribeSecret)
	must(t, err)
	m.addressKey, err = m.store.Secret(t.Context(), AddressSecret)
	must(t, err)
	for _, organization := range []string{"acme", "other"} {
		for _, id := range matrixActors {
			m.populateFor(organization, id)
		}
	}
	m.putMember(audit.Member{ID: "u_foreign", Organization: "other", Name: foreignMark, Role: audit.RoleMember, Status: audit.MemberActive})
	must(t, m.store.SaveDelivery(t.Context(), audit.Delivery{ID: "delivery-1", Organization: "acme", Reminder: "reminder-u_mate", Digest: "g", Channel: audit.ChannelSMS,
		Member: matrixMate, Status: audit.DeliverySent, Provider: "SM1", CreatedAt: today, UpdatedAt: today}))
	m.callers = []caller{{name: "nobody"}}
	for _, role := range []string{"u_creator", "u_system", "u_contact", "u_member"} {
		m.addCallers(role)
	}
	return m
}

// populateFor makes a member, and one of everything that is theirs.
func (m *matrix) populateFor(organization, id string) {
	m.t.Helper()
	name, prefix := "Name of "+id, ""
	if organization == "other" {
		name, prefix = foreignMark+" "+id, "foreign-"
	}
	m.putMember(audit.Member{ID: id, Organization: organization, Name: name, Role: matrixMembers[id], Status: audit.MemberActive})
	for _, log := range audit.Logs() {
		m.addEvents(organization, &audit.Event{ID: matrixEventID(organization, log, id), Time: today, Log: log, Action: matrixActions[log], Outcome: audit.OutcomeSuccess,
			Actor: audit.Actor{ID: id, Name: name, Type: "member"}})
	}
	m.export(organization, prefix+"export-"+id, id)
	m.reminder(organization, prefix+"reminder-"+id, id)
	m.address(organization, prefix+"address-"+id, id)
	m.key(organization, prefix+"key-"+id, id)
	m.group(organization, prefix+"group-"+id, id)
	must(m.t, m.store.AddMessage(m.t.Context(), audit.Message{ID: prefix + "message-" + id, Organization: organization, Member: id, Title: "To " + id, Body: name, CreatedAt: today}))
}

// export makes one that was asked for behind every erasure, which takes back those from before it.
func (m *matrix) export(organization, id, owner string) {
	m.t.Helper()
	content := []byte("a row of " + organization)
	_, err := m.store.PutExport(m.t.Context(), audit.Export{ID: id, Organization: organization, RequestedBy: owner, Format: audit.FormatCSV, Mode: audit.ModeLatest,
		Query: audit.Query{Logs: []audit.Log{audit.LogLogin}, Actors: []string{owner}}, Status: audit.ExportReady, RequestedAt: today.Add(time.Minute), ReadyAt: today,
		ExpiresAt: today.Add(audit.ExportLife), Files: []audit.ExportFile{{Name: "events.csv", Rows: 1, Bytes: int64(len(content)), SHA256: strings.Repeat("a", 64)}}})
	must(m.t, err)
	m.files.content["exports/"+organization+"/"+id+"/events.csv"] = content
}

func (m *matrix) reminder(organization, id, owner string) {
	m.t.Helper()
	_, err := m.store.PutReminder(m.t.Context(), audit.Reminder{ID: id, Organization: organization, Name: "r", Actions: []string{"contacts.*"},
		Channels: []audit.Channel{audit.ChannelInbox}, Recipients: []audit.Recipient{{Member: "u_creator"}}, Window: audit.WindowImmediate,
		CreatedBy: owner, CreatedAt: today, UpdatedAt: today})
	must(m.t, err)
}

// address makes an other address to which a code was sent.
func (m *matrix) address(organization, id, owner string) {
	m.t.Helper()
	_, err := m.store.PutAddress(m.t.Context(), audit.OtherAddress{ID: id, Organization: organization, Kind: audit.AddressPhone, Address: "+491701234567", Label: id,
		AddedBy: owner, CreatedAt: today, UpdatedAt: today,
		Code: &audit.AddressCode{ID: "code-1", SentAt: today, ExpiresAt: today.Add(audit.AddressCodeLife), Status: audit.DeliverySent}})
	must(m.t, err)
}

// user makes a member who is there to be deleted.
func (m *matrix) user(organization, id, _ string) {
	m.t.Helper()
	m.putMember(audit.Member{ID: id, Organization: organization, Name: id, Role: audit.RoleMember, Status: audit.MemberActive})
}

// group makes a group of nobody.
func (m *matrix) group(organization, id, _ string) {
	m.t.Helper()
	name := id
	if organization == "other" {
		name = foreignMark + " " + id
	}
	m.newGroup(organization, id, name)
}

// key makes a key that nobody uses.
func (m *matrix) key(organization, id, owner string) {
	m.t.Helper()
	_, prefix, hash := audit.NewKeySecret()
	must(m.t, m.store.CreateKey(m.t.Context(), audit.Key{ID: id, Organization: organization, Member: owner, Name: id, Prefix: prefix, Hash: hash, CreatedAt: today,
		Scopes: []audit.Scope{audit.ScopeEventsRead}}))
}

// addCallers lets the member ask by a session, by a key without a scope, and by a key of each scope.
func (m *matrix) addCallers(member string) {
	m.t.Helper()
	role := matrixMembers[member]
	secret, hash := audit.NewSessionSecret()
	must(m.t, m.store.CreateSession(m.t.Context(), audit.Session{ID: newID(), Organization: "acme", Member: member, Hash: hash, CreatedAt: today, ExpiresAt: today.Add(audit.SessionLife)}))
	m.callers = append(m.callers, caller{name: "a " + string(role) + " who is signed in", role: role, member: member, session: true,
		header: map[string]string{"Cookie": m.server.CookieName() + "=" + secret, headerCSRF: audit.CSRFToken(secret)}})
	for _, scope := range append(audit.Scopes(), "") {
		key := audit.Key{Organization: "acme", Member: member, Scopes: []audit.Scope{scope}}
		if scope == "" {
			key.Scopes = nil
		}
		name := fmt.Sprintf("a %s with the scope %q", role, scope)
		m.addKey(name, key)
		m.callers = append(m.callers, caller{name: name, role: role, member: member, scope: scope, header: map[string]string{"Authorization": "Bearer " + m.keys[name]}})
	}
}

// request is the request of a case. What it would destroy is made for it alone.
func (m *matrix) request(c matrixCase, allowed bool) call {
	m.t.Helper()
	method, path, _ := strings.Cut(c.line.route, " ")
	owner := map[string]string{targetOwn: c.who.member, targetColleague: matrixMate, targetForeign: c.who.member, targetMissing: "nobody"}[c.target]
	if owner == "" {
		owner = "u_creator"
	}
	uses := method == http.MethodDelete || strings.HasSuffix(path, "/rotate") || strings.HasSuffix(path, "/erase") || c.line.kind == ofAddress
	id := m.thing(c, owner, uses && allowed)
	more := strings.NewReplacer("{&log}", logParam("&log=%s", c.log), "{logs}", logParam(`,"log":[%q]`, c.log), "{unique}", newID(), "{phone}", fmt.Sprintf("+4917%08d", m.phones.Add(1)),
		"{code}", audit.CodeOfAddress(m.addressKey, "acme", id, "code-1"), "{log}", string(c.log), "{action}", matrixActions[c.log],
		"{id}", id, "{role}", string(cmp.Or(matrixMembers[owner], audit.RoleMember)), "{version}", fmt.Sprint(m.version(c, id)))
	path = strings.NewReplacer("{id}", id, "{token}", id, "{name}", "events.csv", "{urn}", "urn:ietf:params:scim:schemas:core:2.0:User", "{type}", "User", "{organization}/{delivery}", id).Replace(path)
	if c.line.query != "" {
		path += "?" + more.Replace(c.line.query)
	}
	header := map[string]string{}
	for name, value := range c.who.header {
		header[name] = value
	}
	if c.line.kind == ofDelivery {
		header["Content-Type"] = "application/x-www-form-urlencoded"
		header["X-Twilio-Signature"] = "https://audit.example.com" + path + "|SM1"
	}
	return call{method: method, path: path, body: more.Replace(c.line.body), header: header}
}

func logParam(format string, log audit.Log) string {
	if log == "" {
		return ""
	}
	return fmt.Sprintf(format, log)
}

// thing returns the id of what the case is about. In the other organization it is what the owner of the same id has there.
func (m *matrix) thing(c matrixCase, owner string, fresh bool) string {
	m.t.Helper()
	organization := "acme"
	if c.target == targetForeign {
		organization = "other"
	}
	switch c.line.kind {
	case ofEvent:
		return matrixEventID(organization, c.log, owner)
	case ofMember, ofCard:
		if organization == "other" {
			return "u_foreign"
		}
		return owner
	case ofToken:
		token := audit.SignUnsubscribe(m.secret, "acme", "reminder-"+owner, "u_creator", audit.ChannelInbox)
		if c.target == targetForeign || c.target == targetMissing { // made by hand
			return "x" + token
		}
		return token
	case ofDelivery:
		return map[string]string{targetOwn: "acme/delivery-1", targetColleague: "acme/delivery-1", targetForeign: "other/delivery-1", targetMissing: "acme/nothing"}[c.target]
	}
	id := string(c.line.kind) + "-" + owner
	if organization == "other" {
		return "foreign-" + id
	}
	if fresh {
		id = newID()
		map[kind]func(organization, id, owner string){ofExport: m.export, ofReminder: m.reminder, ofAddress: m.address, ofKey: m.key, ofUser: m.user, ofGroup: m.group}[c.line.kind](organization, id, owner)
	}
	return id
}

// version is that of what is there to be changed.
func (m *matrix) version(c matrixCase, id string) int64 {
	switch c.line.kind {
	case ofMember:
		if member, err := m.store.Member(m.t.Context(), "acme", id); err == nil {
			return member.Version
		}
		return 1
	case ofReminder:
		if reminder, err := m.store.Reminder(m.t.Context(), "acme", id); err == nil {
			return reminder.Version
		}
		return 1
	}
	return 0
}

// checkUntouched says whether what nobody was allowed to change is as it was.
func (m *matrix) checkUntouched() {
	m.t.Helper()
	ctx := m.t.Context()
	for organization, prefix := range map[string]string{"acme": "", "other": "foreign-"} {
		for _, id := range matrixActors {
			e, err := m.store.Export(ctx, organization, prefix+"export-"+id)
			must(m.t, err)
			_, err = m.store.Reminder(ctx, organization, prefix+"reminder-"+id)
			must(m.t, err)
			if e.Status != audit.ExportReady {
				m.t.Errorf("the export of %s in %s is %s", id, organization, e.Status)
			}
		}
		keys, err := m.store.Keys(ctx, organization)
		must(m.t, err)
		for _, k := range keys {
			if strings.HasPrefix(k.ID, prefix+"key-") && !k.RevokedAt.IsZero() {
				m.t.Errorf("the key %s is revoked", k.ID)
			}
		}
	}
	for _, id := range matrixActors { // nobody of the other organization asked for anything
		reminder, err := m.store.Reminder(ctx, "other", "foreign-reminder-"+id)
		must(m.t, err)
		member, err := m.store.Member(ctx, "other", id)
		must(m.t, err)
		unread, err := m.store.Unread(ctx, "other", id)
		must(m.t, err)
		if reminder.Version != 1 || member.Version != 1 || unread != 1 {
			m.t.Errorf("%s of the other organization: reminder version %d, member version %d, %d unread", id, reminder.Version, member.Version, unread)
		}
	}
}
