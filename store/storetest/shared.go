package storetest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/store"
)

func sortedByID(exports []audit.Export) []audit.Export {
	slices.SortFunc(exports, func(a, b audit.Export) int { return strings.Compare(a.ID, b.ID) })
	return exports
}

func testCheckpoints(t *testing.T, e env) {
	ctx := t.Context()
	wantCheckpoint(t, e, e.org, "dispatch", "")
	ok(t, e.SaveCheckpoint(ctx, e.org, "dispatch", "v1:17"))
	ok(t, e.SaveCheckpoint(ctx, e.org, "proofs", "v1:9"))
	ok(t, e.SaveCheckpoint(ctx, e.other, "dispatch", "v1:3"))
	ok(t, e.SaveCheckpoint(ctx, e.org, "dispatch", "v1:\"18\"\n☕"))
	wantCheckpoint(t, e, e.org, "dispatch", "v1:\"18\"\n☕")
	wantCheckpoint(t, e, e.org, "proofs", "v1:9")
	wantCheckpoint(t, e, e.other, "dispatch", "v1:3")
	wantCheckpoint(t, e, e.other, "proofs", "")
	ok(t, e.SaveCheckpoint(ctx, e.org, "dispatch", ""))
	wantCheckpoint(t, e, e.org, "dispatch", "")
}

func wantCheckpoint(t *testing.T, e env, organization, name, want string) {
	t.Helper()
	if got, err := e.Checkpoint(t.Context(), organization, name); err != nil || got != want {
		t.Errorf("the checkpoint %s of %s is %q, %v; want %q", name, organization, got, err, want)
	}
}

func testSecrets(t *testing.T, e env) {
	ctx := t.Context()
	a := must[[]byte](t)(e.Secret(ctx, e.org+"-a"))
	b := must[[]byte](t)(e.Secret(ctx, e.org+"-b"))
	if len(a) != 32 || len(b) != 32 || bytes.Equal(a, b) || bytes.Equal(a, make([]byte, 32)) {
		t.Errorf("the secrets are %x and %x, want 32 random bytes each", a, b)
	}
	if again := must[[]byte](t)(e.Secret(ctx, e.org+"-a")); !bytes.Equal(a, again) {
		t.Errorf("the secret was %x and is %x", a, again)
	}
}

// putter writes version v of one record of a kind and returns the version that the store gave it.
type putter struct {
	kind string
	put  func(version int64) (int64, error)
}

// putters returns one for every kind that is written optimistically, all of the same organization and id.
func putters(t *testing.T, s store.Store, organization, id string) []putter {
	ctx := t.Context()
	return []putter{
		{"organization", func(v int64) (int64, error) {
			r, err := s.PutOrganization(ctx, audit.Organization{ID: organization + "-" + id, Version: v})
			return r.Version, err
		}},
		{"member", func(v int64) (int64, error) {
			r, err := s.PutMember(ctx, audit.Member{Organization: organization, ID: id, Version: v})
			return r.Version, err
		}},
		{"group", func(v int64) (int64, error) {
			r, err := s.PutGroup(ctx, audit.Group{Organization: organization, ID: id, Name: "Group " + id, Version: v})
			return r.Version, err
		}},
		{"address", func(v int64) (int64, error) {
			r, err := s.PutAddress(ctx, audit.OtherAddress{Organization: organization, ID: id, Version: v})
			return r.Version, err
		}},
		{"reminder", func(v int64) (int64, error) {
			r, err := s.PutReminder(ctx, audit.Reminder{Organization: organization, ID: id, Version: v})
			return r.Version, err
		}},
		{"export", func(v int64) (int64, error) {
			r, err := s.PutExport(ctx, audit.Export{Organization: organization, ID: id, Version: v})
			return r.Version, err
		}},
	}
}

// manyPutter writes a member by PutMembers.
func manyPutter(t *testing.T, s store.Store, organization, id string) putter {
	return putter{"member of many", func(v int64) (int64, error) {
		outcomes, err := s.PutMembers(t.Context(), organization, []audit.Member{{ID: id, Version: v}})
		if err == nil {
			err = outcomes[0]
		}
		return v + 1, err
	}}
}

func testOptimistic(t *testing.T, e env) {
	for _, p := range append(putters(t, e, e.org, "x"), manyPutter(t, e, e.org, "y")) {
		for _, step := range []struct {
			version int64
			code    audit.Code
		}{
			{1, audit.CodeConflict}, // it does not exist yet
			{0, ""},
			{0, audit.CodeConflict}, // it exists now
			{2, audit.CodeConflict}, // from the future
			{-1, audit.CodeConflict},
			{1, ""},
			{1, audit.CodeConflict}, // the second writer
			{2, ""},
		} {
			got, err := p.put(step.version)
			wantCode(t, fmt.Sprintf("%s of version %d", p.kind, step.version), err, step.code)
			if err == nil && got != step.version+1 {
				t.Errorf("%s: the version after %d is %d, want the next one", p.kind, step.version, got)
			}
		}
	}
}

func testRacingWriters(t *testing.T, e env) {
	race(t, putters(t, e, e.org, "x"), putters(t, e, e.org, "x"))
	race(t, []putter{manyPutter(t, e, e.org, "y")}, []putter{manyPutter(t, e, e.org, "y")})
}

// race lets writers put the same version at the same time, half of them through each of two stores, for several versions.
func race(t *testing.T, a, b []putter) {
	t.Helper()
	const writers, versions = 8, 4
	for kind := range a {
		for version := range int64(versions) {
			var mu sync.Mutex
			codes := map[audit.Code]int{}
			var wg sync.WaitGroup
			for i := range writers {
				p := a[kind]
				if i%2 == 1 {
					p = b[kind]
				}
				wg.Go(func() {
					_, err := p.put(version)
					mu.Lock()
					defer mu.Unlock()
					codes[audit.CodeOf(err)]++
				})
			}
			wg.Wait()
			if codes[""] != 1 || codes[audit.CodeConflict] != writers-1 {
				t.Fatalf("%s of version %d: %v, want one winner and %d conflicts", a[kind].kind, version, codes, writers-1)
			}
		}
	}
}

// fill writes one record of every kind with the same ids.
func fill(t *testing.T, s store.Store, organization, id string) {
	t.Helper()
	ctx := t.Context()
	must[audit.Member](t)(s.PutMember(ctx, member(organization, id)))
	must[audit.Group](t)(s.PutGroup(ctx, group(organization, id)))
	ok(t, s.CreateKey(ctx, key(organization, id, at(1))))
	ok(t, s.CreateSession(ctx, session(organization, id, id, at(1))))
	ok(t, s.CreateLoginLink(ctx, link(organization, id, at(1))))
	must[audit.OtherAddress](t)(s.PutAddress(ctx, address(organization, id, at(1))))
	must[audit.Reminder](t)(s.PutReminder(ctx, reminder(organization, id, at(1))))
	ok(t, s.SaveDelivery(ctx, delivery(organization, id, id, audit.DeliverySent, at(1))))
	ok(t, s.AddMessage(ctx, message(organization, id, id, at(1))))
	must[audit.Export](t)(s.PutExport(ctx, export(organization, id, id, at(1))))
	ok(t, s.SaveCheckpoint(ctx, organization, id, "value of "+organization))
}

// wantFilled wants what fill wrote, as it wrote it.
func wantFilled(t *testing.T, s store.Store, organization, id string) {
	t.Helper()
	ctx := t.Context()
	m := member(organization, id)
	m.Version = 1
	wantSame(t, "the member", must[audit.Member](t)(s.Member(ctx, organization, id)), m)
	gr := group(organization, id)
	gr.Version = 1
	wantSame(t, "the group", must[audit.Group](t)(s.Group(ctx, organization, id)), gr)
	wantSame(t, "the groups", must[[]audit.Group](t)(s.Groups(ctx, organization, audit.GroupFilter{Limit: 10})), []audit.Group{gr})
	k := key(organization, id, at(1))
	wantSame(t, "the key", must[audit.Key](t)(s.KeyByHash(ctx, k.Hash)), k)
	keys := must[[]audit.Key](t)(s.Keys(ctx, organization))
	wantSame(t, "the keys", keys, []audit.Key{k})
	ses := session(organization, id, id, at(1))
	wantSame(t, "the session", must[audit.Session](t)(s.SessionByHash(ctx, ses.Hash)), ses)
	wantSame(t, "the sessions", must[[]audit.Session](t)(s.Sessions(ctx, organization, id)), []audit.Session{ses})
	l := link(organization, id, at(1))
	wantSame(t, "the link", must[audit.LoginLink](t)(s.LoginLinkByHash(ctx, l.Hash)), l)
	a := address(organization, id, at(1))
	a.Version = 1
	wantSame(t, "the address", must[audit.OtherAddress](t)(s.Address(ctx, organization, id)), a)
	wantSame(t, "the addresses", must[[]audit.OtherAddress](t)(s.Addresses(ctx, organization)), []audit.OtherAddress{a})
	r := reminder(organization, id, at(1))
	r.Version = 1
	wantSame(t, "the reminder", must[audit.Reminder](t)(s.Reminder(ctx, organization, id)), r)
	d := delivery(organization, id, id, audit.DeliverySent, at(1))
	wantSame(t, "the delivery", must[audit.Delivery](t)(s.Delivery(ctx, organization, id)), d)
	wantSame(t, "the deliveries", must[[]audit.Delivery](t)(s.Deliveries(ctx, organization, id, "", 10)), []audit.Delivery{d})
	wantSame(t, "the messages", must[[]audit.Message](t)(s.Messages(ctx, organization, id, "", 10)), []audit.Message{message(organization, id, id, at(1))})
	x := export(organization, id, id, at(1))
	x.Version = 1
	wantSame(t, "the export", must[audit.Export](t)(s.Export(ctx, organization, id)), x)
	wantSame(t, "the exports", must[[]audit.Export](t)(s.Exports(ctx, organization, id, "", 10)), []audit.Export{x})
	if got := must[string](t)(s.Checkpoint(ctx, organization, id)); got != "value of "+organization {
		t.Errorf("the checkpoint is %q", got)
	}
}

// wantNothing wants no record of the id, by any method.
func wantNothing(t *testing.T, s store.Store, organization, id string) {
	t.Helper()
	ctx := t.Context()
	_, err := s.Member(ctx, organization, id)
	wantCode(t, "Member", err, audit.CodeNotFound)
	_, err = s.Group(ctx, organization, id)
	wantCode(t, "Group", err, audit.CodeNotFound)
	wantCode(t, "DeleteGroup", s.DeleteGroup(ctx, organization, id), audit.CodeNotFound)
	_, err = s.Address(ctx, organization, id)
	wantCode(t, "Address", err, audit.CodeNotFound)
	wantCode(t, "DeleteAddress", s.DeleteAddress(ctx, organization, id, 1), audit.CodeNotFound)
	_, err = s.Reminder(ctx, organization, id)
	wantCode(t, "Reminder", err, audit.CodeNotFound)
	_, err = s.Delivery(ctx, organization, id)
	wantCode(t, "Delivery", err, audit.CodeNotFound)
	_, err = s.Export(ctx, organization, id)
	wantCode(t, "Export", err, audit.CodeNotFound)
	wantCode(t, "RevokeKey", s.RevokeKey(ctx, organization, id, at(9)), audit.CodeNotFound)
	wantCode(t, "RevokeSession", s.RevokeSession(ctx, organization, id, at(9)), audit.CodeNotFound)
	wantCode(t, "TouchSession", s.TouchSession(ctx, organization, id, at(9)), audit.CodeNotFound)
	sessions, err := s.Sessions(ctx, organization, id)
	wantIDs(t, "Sessions", sessions, err, sessionID)
	if n := must[int](t)(s.RevokeSessions(ctx, organization, id, at(9))); n != 0 {
		t.Errorf("RevokeSessions revoked %d", n)
	}
	wantCode(t, "DeleteReminder", s.DeleteReminder(ctx, organization, id), audit.CodeNotFound)
	if got := must[string](t)(s.Checkpoint(ctx, organization, id)); got != "" {
		t.Errorf("Checkpoint is %q", got)
	}
	if n := must[int](t)(s.Unread(ctx, organization, id)); n != 0 {
		t.Errorf("Unread is %d", n)
	}
	ok(t, s.MarkRead(ctx, organization, id, []string{id}, at(9)))
	deliveries, err := s.Deliveries(ctx, organization, id, "", 10)
	wantIDs(t, "Deliveries", deliveries, err, deliveryID)
	messages, err := s.Messages(ctx, organization, id, "", 10)
	wantIDs(t, "Messages", messages, err, messageID)
	exports, err := s.Exports(ctx, organization, id, "", 10)
	wantIDs(t, "Exports of the member", exports, err, exportID)
}

func testOrganizationsApart(t *testing.T, e env) {
	ctx := t.Context()
	fill(t, e, e.org, "x")
	wantNothing(t, e, e.other, "x")
	members, err := e.Members(ctx, e.other, audit.MemberFilter{Limit: 10})
	wantIDs(t, "Members", members, err, memberID)
	members, err = e.Members(ctx, e.other, audit.MemberFilter{Departments: []string{"Sales"}, Limit: 10})
	wantIDs(t, "Members of a department", members, err, memberID)
	groups, err := e.Groups(ctx, e.other, audit.GroupFilter{Limit: 10})
	wantIDs(t, "Groups", groups, err, groupID)
	outcomes, err := e.PutMembers(ctx, e.other, []audit.Member{{Organization: e.org, ID: "x", Version: 1}})
	if err != nil || len(outcomes) != 1 || audit.CodeOf(outcomes[0]) != audit.CodeConflict {
		t.Errorf("PutMembers of a member of another organization: %v, %v", outcomes, err)
	}
	keys, err := e.Keys(ctx, e.other)
	wantIDs(t, "Keys", keys, err, keyID)
	addresses, err := e.Addresses(ctx, e.other)
	wantIDs(t, "Addresses", addresses, err, addressID)
	reminders, err := e.Reminders(ctx, e.other)
	wantIDs(t, "Reminders", reminders, err, reminderID)
	exports, err := e.Exports(ctx, e.other, "", "", 10)
	wantIDs(t, "Exports", exports, err, exportID)
	exports, err = e.OpenExports(ctx, e.other)
	wantIDs(t, "OpenExports", exports, err, exportID)
	_, err = e.Exports(ctx, e.other, "", "x", 10)
	wantCode(t, "Exports behind another organization's", err, audit.CodeInvalid)
	_, err = e.Messages(ctx, e.other, "x", "x", 10)
	wantCode(t, "Messages behind another organization's", err, audit.CodeInvalid)
	_, err = e.Deliveries(ctx, e.other, "x", "x", 10)
	wantCode(t, "Deliveries behind another organization's", err, audit.CodeInvalid)
	wantCode(t, "TouchKey", e.TouchKey(ctx, e.other, "x", at(5)), audit.CodeNotFound)

	// The same ids in the other organization are other records, and writing those leaves these as they were.
	fill(t, e, e.other, "x")
	wantFilled(t, e, e.org, "x")
	wantFilled(t, e, e.other, "x")
	ok(t, e.DeleteAddress(ctx, e.other, "x", 1))
	ok(t, e.DeleteReminder(ctx, e.other, "x"))
	ok(t, e.DeleteGroup(ctx, e.other, "x"))
	ok(t, e.RevokeKey(ctx, e.other, "x", at(9)))
	must[int](t)(e.RevokeSessions(ctx, e.other, "x", at(9)))
	must[int](t)(e.DeleteSessions(ctx, e.other, at(9).AddDate(0, 0, 9)))
	must[int](t)(e.DeleteLoginLinks(ctx, e.other, at(9).AddDate(0, 0, 9)))
	ok(t, e.MarkRead(ctx, e.other, "x", nil, at(9)))
	wantFilled(t, e, e.org, "x")
}

func testHostileIDs(t *testing.T, e env) {
	ids := []string{"a/b", "../../etc/passwd", "..", ".", "_all", "*", "a*", "%", "_", "'; DROP TABLE members; --", `"`, "\\", "a\x00b", "\n", " ", " a ",
		"\u202Eevil", "ä", "a\u0308", "😀", "{\"a\":1}", "org-0001", "A", "a", "#?&=%2F", strings.Repeat("x", audit.MaxIDBytes)}
	for i, id := range ids {
		organization := fmt.Sprintf("%s-%d", e.org, i)
		wantNothing(t, e, organization, id)
		fill(t, e, organization, id)
		wantFilled(t, e, organization, id)
		for _, other := range ids {
			if other != id {
				_, err := e.Member(t.Context(), organization, other)
				wantCode(t, fmt.Sprintf("%q where there is %q", other, id), err, audit.CodeNotFound)
			}
		}
	}
}

func testRefusedIDs(t *testing.T, e env) {
	ctx := t.Context()
	for _, id := range []string{"", "\xff", "a\xc3"} {
		wantNothing(t, e, e.org, id)
		for _, p := range putters(t, e, e.org, id)[1:] {
			_, err := p.put(0)
			wantCode(t, fmt.Sprintf("%s %q", p.kind, id), err, audit.CodeInvalid)
		}
		wantCode(t, "CreateKey", e.CreateKey(ctx, key(e.org, id, at(1))), audit.CodeInvalid)
		wantCode(t, "CreateSession", e.CreateSession(ctx, session(e.org, "u1", id, at(1))), audit.CodeInvalid)
		wantCode(t, "CreateLoginLink", e.CreateLoginLink(ctx, link(e.org, id, at(1))), audit.CodeInvalid)
		wantCode(t, "SaveDelivery", e.SaveDelivery(ctx, delivery(e.org, "r", id, audit.DeliverySent, at(1))), audit.CodeInvalid)
		wantCode(t, "AddMessage", e.AddMessage(ctx, message(e.org, "u1", id, at(1))), audit.CodeInvalid)
		wantCode(t, "SaveCheckpoint", e.SaveCheckpoint(ctx, e.org, id, "v"), audit.CodeInvalid)
		_, err := e.Secret(ctx, id)
		wantCode(t, "Secret", err, audit.CodeInvalid)
		_, err = e.PutOrganization(ctx, audit.Organization{ID: id})
		wantCode(t, "PutOrganization", err, audit.CodeInvalid)
		_, err = e.PutMember(ctx, member(id, "m"))
		wantCode(t, "PutMember", err, audit.CodeInvalid)
	}
	noHash := key(e.org, "k", at(1))
	noHash.Hash = nil
	wantCode(t, "a key without a hash", e.CreateKey(ctx, noHash), audit.CodeInvalid)
	for _, id := range []string{"", "\xff"} {
		_, err := e.Organization(ctx, id)
		wantCode(t, "Organization", err, audit.CodeNotFound)
	}
}

func testReopen(t *testing.T, open func(t *testing.T) store.Store) {
	ctx := t.Context()
	s := open(t)
	org := must[audit.Organization](t)(s.PutOrganization(ctx, audit.Organization{ID: "acme", Name: "Acme", CreatedAt: at(1)}))
	fill(t, s, "acme", "x")
	secret := must[[]byte](t)(s.Secret(ctx, "links"))
	ok(t, s.CreateKey(ctx, key("acme2", "used", at(1))))
	ok(t, s.TouchKey(ctx, "acme2", "used", at(100)))
	ok(t, s.TouchKey(ctx, "acme2", "used", at(101)))
	ok(t, s.Close())

	s = opened(t, open)
	wantSame(t, "the organization", must[audit.Organization](t)(s.Organization(ctx, "acme")), org)
	wantFilled(t, s, "acme", "x")
	if again := must[[]byte](t)(s.Secret(ctx, "links")); !bytes.Equal(secret, again) {
		t.Errorf("the secret was %x and is %x", secret, again)
	}
	wantLastUse(t, env{Store: s, org: "acme2"}, "used", at(101)) // a clean end loses nothing
	for _, p := range putters(t, s, "acme", "x")[1:] {
		_, err := p.put(0)
		wantCode(t, p.kind+" anew", err, audit.CodeConflict)
		if v, err := p.put(1); err != nil || v != 2 {
			t.Errorf("%s: version %d, %v; want 2", p.kind, v, err)
		}
	}
}

func testTwoProcesses(t *testing.T, open func(t *testing.T) store.Store) {
	ctx := t.Context()
	a, b := opened(t, open), opened(t, open)
	fill(t, a, "acme", "x")
	wantFilled(t, b, "acme", "x")
	race(t, putters(t, a, "acme", "race"), putters(t, b, "acme", "race"))
	raceForLink(t, "acme", a, b)
	testSessionsElsewhere(t, a, b)
	var wg sync.WaitGroup
	secrets := make([][]byte, 8)
	for i := range secrets {
		s := []store.Store{a, b}[i%2]
		wg.Go(func() { secrets[i], _ = s.Secret(ctx, "links") })
	}
	wg.Wait()
	for _, secret := range secrets {
		if len(secret) != 32 || !bytes.Equal(secret, secrets[0]) {
			t.Errorf("the secrets are %x, want one", secrets)
			break
		}
	}
}
