package storetest

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
	"github.com/audittrail/audittrail/store"
)

// RunMove holds an engine that is a store.Mover to its contract.
func RunMove(t *testing.T, factory Factory) {
	t.Helper()
	s := opened(t, factory(t))
	for _, c := range []struct {
		name string
		test func(t *testing.T, e env)
	}{
		{"records of every kind are listed by id in pages", testRecords},
		{"a record takes the place of the one of its id, as it is", testReplaced},
		{"a key is not put where another has its id or hash", testMovedKeys},
		{"records that cannot be kept are refused", testRefusedRecords},
		{"organizations are apart", testRecordsApart},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, newEnv(t, s)) })
	}
	t.Run("what is moved to another place is all there, and works", func(t *testing.T) {
		testMoved(t, newEnv(t, s), opened(t, factory(t)))
	})
}

func mover(t *testing.T, s store.Store) store.Mover {
	t.Helper()
	if e, ok := s.(env); ok {
		s = e.Store
	}
	m, ok := s.(store.Mover)
	if !ok {
		t.Fatal("the engine is not a store.Mover")
	}
	return m
}

// listed is every record of a kind, read by pages.
func listed(t *testing.T, s store.Store, kind store.Kind, organization string, limit int) []store.Record {
	t.Helper()
	all, after := []store.Record{}, ""
	for {
		page := must[[]store.Record](t)(mover(t, s).Records(t.Context(), kind, organization, after, limit))
		if page == nil || len(page) > limit {
			t.Fatalf("a page of %d %ss has %d and is nil: %t", limit, kind, len(page), page == nil)
		}
		if len(page) == 0 {
			return all
		}
		all, after = append(all, page...), page[len(page)-1].ID()
	}
}

// owner is the organization whose records of a kind are listed.
func owner(kind store.Kind, organization string) string {
	if kind == store.KindOrganization || kind == store.KindSecret {
		return ""
	}
	return organization
}

// whole returns a record of every kind with every field set.
func whole(organization, id string) []store.Record {
	org := audit.Organization{ID: organization, Name: "Acme", CreatedAt: at(-9), Version: 7}
	m, r, x := member(organization, id), reminder(organization, id, at(3)), export(organization, "u1", id, at(4))
	a := address(organization, id, at(2))
	m.Version, r.Version, x.Version, a.Version = 3, 12, 1, 5
	k, read := key(organization, id, at(5)), message(organization, "u1", id, at(6))
	k.LastUsedAt, k.RevokedAt, read.ReadAt, k.ReplacedBy = at(7), at(8), at(9), "the key after"
	g := group(organization, id)
	g.Version, g.Former = 4, "Former "+id
	d := delivery(organization, "a deleted reminder", id, audit.DeliveryDelivered, at(10))
	return []store.Record{{Organization: &org}, {Member: &m}, {Key: &k}, {Reminder: &r}, {Delivery: &d}, {Message: &read}, {Export: &x},
		{Checkpoint: &store.Checkpoint{Organization: organization, Name: id, Value: "v1:\"17\"\n"}},
		{Secret: &store.Secret{Name: organization + "/" + id, Value: hashOf(id)}}, {Group: &g}, {Address: &a}}
}

func testRecords(t *testing.T, e env) {
	for _, kind := range store.Kinds() {
		if kind != store.KindOrganization && kind != store.KindSecret {
			if none := listed(t, e, kind, e.org, 10); len(none) > 0 {
				t.Errorf("an organization without any has %d %ss", len(none), kind)
			}
		}
	}
	ids := []string{"B", "a", "a/b", "b", "b10", "b9", "ä", "日"}
	for _, id := range ids[1:] {
		ok(t, mover(t, e).PutRecords(t.Context(), whole(e.org, id)[1:]))
	}
	fill(t, e, e.org, ids[0]) // by the ordinary ways
	for _, kind := range store.Kinds() {
		for _, limit := range []int{1, 3, 1000} {
			var got []string
			for _, r := range listed(t, e, kind, owner(kind, e.org), limit) {
				if r.Kind() != kind {
					t.Fatalf("a %s is listed among the %ss", r.Kind(), kind)
				}
				got = append(got, r.ID())
			}
			if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
				t.Errorf("%ss by pages of %d: %q are not in order", kind, limit, got)
			}
			if owner(kind, e.org) != "" && !slices.Equal(got, ids) {
				t.Errorf("%ss by pages of %d: %q, want %q", kind, limit, got, ids)
			}
		}
	}
	behind := must[[]store.Record](t)(mover(t, e).Records(t.Context(), store.KindMember, e.org, "b5", 10))
	if len(behind) == 0 || behind[0].ID() != "b9" {
		t.Errorf("behind an id that nobody has come %v", behind)
	}
}

func testReplaced(t *testing.T, e env) {
	ctx := t.Context()
	first := whole(e.org, "x")
	ok(t, mover(t, e).PutRecords(ctx, first))
	ok(t, mover(t, e).PutRecords(ctx, first))
	wantRecords(t, e, e.org, first)
	// Whatever the ordinary ways would not let happen: versions and statuses go back, what was read is unread, a revoked key is not.
	second := whole(e.org, "x")
	second[1].Member.Version, second[1].Member.Name = 1, "Another"
	second[2].Key.RevokedAt, second[2].Key.LastUsedAt = time.Time{}, at(1)
	second[4].Delivery.Status, second[4].Delivery.CreatedAt = audit.DeliveryPending, at(70)
	second[5].Message.ReadAt, second[5].Message.Title = time.Time{}, "Another"
	second[6].Export.Status = audit.ExportExpired
	second[7].Checkpoint.Value = ""
	second[10].Address.Address, second[10].Address.Version = "", 1
	second[8].Secret.Value = hashOf("another")
	second[9].Group.Version, second[9].Group.Name, second[9].Group.Former = 1, "Another", ""
	ok(t, mover(t, e).PutRecords(ctx, second))
	wantRecords(t, e, e.org, second)
}

// wantRecords wants just these records of an organization, and its secrets among all.
func wantRecords(t *testing.T, s store.Store, organization string, want []store.Record) {
	t.Helper()
	for _, w := range want {
		got := listed(t, s, w.Kind(), owner(w.Kind(), organization), 100)
		if owner(w.Kind(), organization) == "" {
			got = slices.DeleteFunc(got, func(r store.Record) bool { return r.ID() != w.ID() })
		}
		wantSame(t, string(w.Kind()), got, []store.Record{w})
	}
}

func testMovedKeys(t *testing.T, e env) {
	ctx := t.Context()
	first, second := key(e.org, "k1", at(1)), key(e.org, "k2", at(1))
	ok(t, mover(t, e).PutRecords(ctx, []store.Record{{Key: &first}, {Key: &second}}))
	otherHash, otherID, elsewhere := first, first, first
	otherHash.Hash = hashOf("another" + e.org)
	otherID.ID, elsewhere.Organization = "k3", e.other
	for what, k := range map[string]audit.Key{"the id with another hash": otherHash, "the hash with another id": otherID, "the hash elsewhere": elsewhere} {
		wantCode(t, what, mover(t, e).PutRecords(ctx, []store.Record{{Key: &k}}), audit.CodeConflict)
	}
	wantSame(t, "the key", must[audit.Key](t)(e.KeyByHash(ctx, first.Hash)), first)
	list, err := e.Keys(ctx, e.org)
	wantIDs(t, "the keys", list, err, keyID, "k2", "k1")
	a, b := key(e.org, "k5", at(1)), key(e.org, "k6", at(1))
	b.Hash = a.Hash
	wantCode(t, "two at odds", mover(t, e).PutRecords(ctx, []store.Record{{Key: &a}, {Key: &b}}), audit.CodeConflict)
}

func testRefusedRecords(t *testing.T, e env) {
	ctx := t.Context()
	m := mover(t, e)
	for _, limit := range []int{-1, 0, 1001} {
		_, err := m.Records(ctx, store.KindMember, e.org, "", limit)
		wantCode(t, "a limit out of bounds", err, audit.CodeInvalid)
	}
	_, err := m.Records(ctx, "session", e.org, "", 10)
	wantCode(t, "an unknown kind", err, audit.CodeInvalid)
	wantCode(t, "too many", m.PutRecords(ctx, make([]store.Record, 1001)), audit.CodeInvalid)
	wantCode(t, "no kind", m.PutRecords(ctx, []store.Record{{}}), audit.CodeInvalid)
	ok(t, m.PutRecords(ctx, nil))
	for i, r := range whole(e.org, "x") {
		bad := whole(e.org, "")[i]
		if r.Organization != nil {
			bad.Organization.ID = "\xff"
		}
		if r.Secret != nil {
			bad.Secret.Name = ""
		}
		wantCode(t, fmt.Sprintf("a %s without an id", r.Kind()), m.PutRecords(ctx, []store.Record{bad}), audit.CodeInvalid)
		if _, versioned := r.Version(); versioned {
			wantCode(t, fmt.Sprintf("a %s without a version", r.Kind()), m.PutRecords(ctx, []store.Record{withoutVersion(r)}), audit.CodeInvalid)
		}
	}
	noHash := key(e.org, "k", at(1))
	noHash.Hash = nil
	wantCode(t, "a key without a hash", m.PutRecords(ctx, []store.Record{{Key: &noHash}}), audit.CodeInvalid)
	if list := must[[]audit.Member](t)(e.Members(ctx, e.org, audit.MemberFilter{Limit: 10})); len(list) > 0 {
		t.Errorf("what was refused is there: %v", list)
	}
}

func withoutVersion(r store.Record) store.Record {
	switch {
	case r.Organization != nil:
		r.Organization.Version = 0
	case r.Member != nil:
		r.Member.Version = 0
	case r.Address != nil:
		r.Address.Version = 0
	case r.Reminder != nil:
		r.Reminder.Version = 0
	case r.Export != nil:
		r.Export.Version = 0
	case r.Group != nil:
		r.Group.Version = 0
	}
	return r
}

func testRecordsApart(t *testing.T, e env) {
	ok(t, mover(t, e).PutRecords(t.Context(), whole(e.org, "x")[1:]))
	ok(t, mover(t, e).PutRecords(t.Context(), whole(e.other, "x")[1:]))
	wantRecords(t, e, e.org, whole(e.org, "x")[1:])
	wantRecords(t, e, e.other, whole(e.other, "x")[1:])
	for _, kind := range store.Kinds() {
		if list := listed(t, e, kind, e.org+"-none", 10); len(list) > 0 {
			t.Errorf("an organization that has none has %d %ss", len(list), kind)
		}
		if owner(kind, "x") != "" {
			_, err := mover(t, e).Records(t.Context(), kind, "", "", 10)
			wantCode(t, string(kind)+"s of no organization", err, audit.CodeInvalid)
		}
	}
}

// testMoved fills a place by the ordinary ways, moves it, and works with what came.
func testMoved(t *testing.T, from env, to store.Store) {
	ctx := t.Context()
	must[audit.Organization](t)(from.PutOrganization(ctx, audit.Organization{ID: from.org, Name: "Acme", CreatedAt: at(1)}))
	fill(t, from, from.org, "x")
	m := member(from.org, "zoë")
	m.Name = "Zoë MÜLLER"
	must[audit.Member](t)(from.PutMember(ctx, m))
	ok(t, from.AddMessage(ctx, message(from.org, "u1", "read", at(3))))
	ok(t, from.AddMessage(ctx, message(from.org, "u1", "unread", at(4))))
	ok(t, from.MarkRead(ctx, from.org, "u1", []string{"read"}, at(5)))
	running := must[audit.Export](t)(from.PutExport(ctx, export(from.org, "u1", "running", at(6))))
	secret := must[[]byte](t)(from.Secret(ctx, "links of "+from.org))
	for _, kind := range store.Kinds() {
		for _, r := range listed(t, from, kind, owner(kind, from.org), 2) {
			if r.Organization == nil || r.ID() == from.org {
				ok(t, mover(t, to).PutRecords(ctx, []store.Record{r}))
			}
		}
	}
	for _, kind := range store.Kinds()[1:] {
		wantSame(t, string(kind), listed(t, to, kind, owner(kind, from.org), 100), listed(t, from, kind, owner(kind, from.org), 100))
	}
	moved := env{Store: to, org: from.org}
	wantSame(t, "the organization", must[audit.Organization](t)(to.Organization(ctx, from.org)), must[audit.Organization](t)(from.Organization(ctx, from.org)))
	k := must[audit.Key](t)(to.KeyByHash(ctx, key(from.org, "x", at(1)).Hash))
	ok(t, to.TouchKey(ctx, from.org, k.ID, at(500)))
	list, err := to.Members(ctx, from.org, audit.MemberFilter{Text: "müller", Limit: 10})
	wantIDs(t, "found by text", list, err, memberID, "zoë")
	list, err = to.Members(ctx, from.org, audit.MemberFilter{Departments: []string{"Sales"}, Limit: 10})
	wantIDs(t, "found by department", list, err, memberID, "x", "zoë")
	another := group(from.org, "another")
	another.Name = group(from.org, "x").Name
	_, err = to.PutGroup(ctx, another)
	wantTaken(t, "the name of a group that was moved", err, "name")
	wantUnread(t, moved, from.org, "u1", 1)
	open, err := to.OpenExports(ctx, from.org)
	if wantIDs(t, "open exports", slices.DeleteFunc(open, func(x audit.Export) bool { return x.ID != "running" }), err, exportID, "running"); err == nil {
		running.Status = audit.ExportFailed
		put := must[audit.Export](t)(to.PutExport(ctx, running))
		if put.Version != running.Version+1 {
			t.Errorf("the version goes on with %d, want %d", put.Version, running.Version+1)
		}
	}
	if again := must[[]byte](t)(to.Secret(ctx, "links of "+from.org)); !bytes.Equal(again, secret) {
		t.Errorf("the secret was %x and is %x", secret, again)
	}
}
