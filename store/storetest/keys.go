package storetest

import (
	"crypto/sha256"
	"net/netip"
	"testing"
	"time"

	"github.com/audittrail/audittrail/audit"
)

func keyID(k audit.Key) string { return k.ID }

func hashOf(s string) []byte {
	sum := sha256.Sum256([]byte(s))
	return sum[:]
}

// key returns a new key whose hash is of its organization and id.
func key(organization, id string, created time.Time) audit.Key {
	return audit.Key{ID: id, Organization: organization, Member: "u1", Name: "Key " + id, Prefix: "at_abc", Hash: hashOf(organization + id),
		Scopes: []audit.Scope{audit.ScopeEventsRead, audit.ScopeExports}, CreatedAt: created, ExpiresAt: at(1000),
		AllowedAddresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::1/128")}, Replaces: "the key before"}
}

func testKeys(t *testing.T, e env) {
	ctx := t.Context()
	none, err := e.Keys(ctx, e.org)
	wantIDs(t, "no keys", none, err, keyID)
	for id, created := range map[string]time.Time{"k1": at(1), "k2": at(3), "k3": at(2), "k4": at(2)} {
		ok(t, e.CreateKey(ctx, key(e.org, id, created)))
	}
	forever := key(e.org, "k5", at(9))
	forever.ExpiresAt = time.Time{}
	ok(t, e.CreateKey(ctx, forever))
	list, err := e.Keys(ctx, e.org)
	wantIDs(t, "the keys", list, err, keyID, "k5", "k2", "k4", "k3", "k1")
	wantSame(t, "the key in the list", list[1], key(e.org, "k2", at(3)))
	found := must[audit.Key](t)(e.KeyByHash(ctx, hashOf(e.org+"k2")))
	wantSame(t, "the key by its hash", found, key(e.org, "k2", at(3)))
	wantUTC(t, found.CreatedAt, found.ExpiresAt, list[1].CreatedAt)
	if found = must[audit.Key](t)(e.KeyByHash(ctx, forever.Hash)); !found.ExpiresAt.IsZero() || !found.RevokedAt.IsZero() || !found.LastUsedAt.IsZero() {
		t.Errorf("times that were not set came back: %+v", found)
	}
	for _, hash := range [][]byte{nil, {}, {0}, hashOf("unknown"), hashOf(e.org + "k2")[:31], append(hashOf(e.org+"k2"), 0)} {
		_, err := e.KeyByHash(ctx, hash)
		wantCode(t, "an unknown hash", err, audit.CodeNotFound)
	}
}

func testKeyConflicts(t *testing.T, e env) {
	ctx := t.Context()
	first := key(e.org, "k1", at(1))
	ok(t, e.CreateKey(ctx, first))
	sameID := key(e.org, "k1", at(2))
	sameID.Hash = hashOf("another" + e.org)
	wantCode(t, "the same id", e.CreateKey(ctx, sameID), audit.CodeConflict)
	sameHash := key(e.org, "k2", at(2))
	sameHash.Hash = first.Hash
	wantCode(t, "the same hash", e.CreateKey(ctx, sameHash), audit.CodeConflict)
	elsewhere := key(e.other, "k3", at(2))
	elsewhere.Hash = first.Hash
	wantCode(t, "the same hash in another organization", e.CreateKey(ctx, elsewhere), audit.CodeConflict)
	ok(t, e.CreateKey(ctx, key(e.other, "k1", at(2)))) // the same id elsewhere is another key
	list, err := e.Keys(ctx, e.org)
	wantIDs(t, "the keys", list, err, keyID, "k1")
	wantSame(t, "the first key", list[0], first)
}

func testRevokeKey(t *testing.T, e env) {
	ctx := t.Context()
	ok(t, e.CreateKey(ctx, key(e.org, "k1", at(1))))
	ok(t, e.CreateKey(ctx, key(e.org, "k2", at(2))))
	wantCode(t, "an unknown key", e.RevokeKey(ctx, e.org, "k3", at(5)), audit.CodeNotFound)
	wantCode(t, "a key of another organization", e.RevokeKey(ctx, e.other, "k1", at(5)), audit.CodeNotFound)
	ok(t, e.RevokeKey(ctx, e.org, "k1", at(5)))
	ok(t, e.RevokeKey(ctx, e.org, "k1", at(9)))
	want := key(e.org, "k1", at(1))
	want.RevokedAt = at(5)
	found := must[audit.Key](t)(e.KeyByHash(ctx, want.Hash))
	wantSame(t, "the revoked key", found, want)
	wantUTC(t, found.RevokedAt)
	list, err := e.Keys(ctx, e.org)
	wantIDs(t, "the keys", list, err, keyID, "k2", "k1")
	wantSame(t, "the key that was not revoked", list[0], key(e.org, "k2", at(2)))
}

func testTouchKey(t *testing.T, e env) {
	ctx := t.Context()
	ok(t, e.CreateKey(ctx, key(e.org, "k1", at(1))))
	ok(t, e.CreateKey(ctx, key(e.org, "k2", at(1))))
	last := at(0)
	for _, n := range []int{100, 5, 101, 4000, 50, 4001, 4000} {
		ok(t, e.TouchKey(ctx, e.org, "k1", at(n)))
		if at(n).After(last) {
			last = at(n)
		}
		wantLastUse(t, e, "k1", last)
	}
	other := must[audit.Key](t)(e.KeyByHash(ctx, hashOf(e.org+"k2")))
	if !other.LastUsedAt.IsZero() {
		t.Errorf("the other key was used at %v, want never", other.LastUsedAt)
	}
}

// wantLastUse waits for the last use of a key, which may be written late, and fails on one that is later than it.
func wantLastUse(t *testing.T, e env, id string, want time.Time) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		k := must[audit.Key](t)(e.KeyByHash(t.Context(), hashOf(e.org+id)))
		got := k.LastUsedAt.Truncate(time.Millisecond)
		if got.Equal(want.Truncate(time.Millisecond)) {
			wantUTC(t, k.LastUsedAt)
			return
		}
		if got.After(want) || time.Now().After(deadline) {
			t.Fatalf("the key was last used at %v, want %v", got, want)
		}
		<-time.After(10 * time.Millisecond)
	}
}

func testReplaceKey(t *testing.T, e env) {
	ctx := t.Context()
	for _, id := range []string{"k1", "k2", "k3", "k4"} {
		ok(t, e.CreateKey(ctx, key(e.org, id, at(1))))
	}
	forever := key(e.org, "k5", at(1))
	forever.ExpiresAt = time.Time{}
	ok(t, e.CreateKey(ctx, forever))
	ok(t, e.TouchKey(ctx, e.org, "k1", at(9)))
	for id, until := range map[string]time.Time{"k1": at(500), "k2": at(2000), "k5": at(3000)} {
		ok(t, e.ReplaceKey(ctx, e.org, id, "new "+id, until))
		ok(t, e.ReplaceKey(ctx, e.org, id, "new "+id, at(100))) // again: nothing
		wantCode(t, "another in its place", e.ReplaceKey(ctx, e.org, id, "other", at(100)), audit.CodeConflict)
	}
	for id, until := range map[string]time.Time{"k1": at(500), "k2": at(1000), "k5": at(3000)} {
		want := key(e.org, id, at(1))
		want.ReplacedBy, want.ExpiresAt = "new "+id, until
		got := must[audit.Key](t)(e.KeyByHash(ctx, want.Hash))
		want.LastUsedAt = got.LastUsedAt
		wantSame(t, "the key that was replaced", got, want)
		wantUTC(t, got.ExpiresAt)
	}
	wantLastUse(t, e, "k1", at(9))
	ok(t, e.RevokeKey(ctx, e.org, "k3", at(5)))
	wantCode(t, "a revoked key", e.ReplaceKey(ctx, e.org, "k3", "new", at(100)), audit.CodeConflict)
	wantCode(t, "an unknown key", e.ReplaceKey(ctx, e.org, "none", "new", at(100)), audit.CodeNotFound)
	wantCode(t, "a key of another organization", e.ReplaceKey(ctx, e.other, "k4", "new", at(100)), audit.CodeNotFound)
	wantSame(t, "the key that was left alone", must[audit.Key](t)(e.KeyByHash(ctx, hashOf(e.org+"k4"))), key(e.org, "k4", at(1)))
	ok(t, e.RevokeKey(ctx, e.org, "k1", at(600)))
	if got := must[audit.Key](t)(e.KeyByHash(ctx, hashOf(e.org+"k1"))); got.RevokedAt.IsZero() || got.ReplacedBy != "new k1" {
		t.Errorf("a key that was replaced and then revoked is %+v", got)
	}
}

func testKeyByPrefix(t *testing.T, e env) {
	ctx := t.Context()
	first, second := key(e.org, "k1", at(1)), key(e.other, "k2", at(2))
	first.Prefix, second.Prefix = "at_1"+e.org, "at_2"+e.org
	ok(t, e.CreateKey(ctx, first))
	ok(t, e.CreateKey(ctx, second))
	ok(t, e.RevokeKey(ctx, e.other, "k2", at(5)))
	second.RevokedAt = at(5)
	for _, want := range []audit.Key{first, second} {
		var got audit.Key
		deadline := time.Now().Add(10 * time.Second) // it may be found late
		for {
			var err error
			if got, err = e.KeyByPrefix(ctx, want.Prefix); err == nil && got.RevokedAt.Equal(want.RevokedAt) || time.Now().After(deadline) {
				ok(t, err)
				break
			}
			<-time.After(10 * time.Millisecond)
		}
		wantSame(t, "the key of the prefix", got, want)
	}
	for _, none := range []string{"", "at_", "at_3" + e.org, first.Prefix + "x", first.Prefix[:len(first.Prefix)-1], "\xff"} {
		_, err := e.KeyByPrefix(ctx, none)
		wantCode(t, "an unknown prefix", err, audit.CodeNotFound)
	}
}
